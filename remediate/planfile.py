"""Plan files: what ``--plan-out`` wrote and ``apply`` carries out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arm.errors import UsageError
from arm.ids import parse_vm

SCHEMA = "remediate.plan/1"


@dataclass(frozen=True)
class PlanFile:
    """What a plan file says: which runbook on which VM, and the digest of the plan a person has read."""

    runbook: str
    vm_id: str
    arguments: Mapping[str, str]
    digest: str


def read_plan(path: str) -> PlanFile:
    """Read a plan file.

    Only the names in it count: the changes themselves are planned again, and must have the same digest.

    Raises:
        UsageError: no file, no plan, or another version of plan.
    """
    again = "Make one with --plan-out FILE."
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the plan {path} cannot be read: {error.strerror}", again) from error
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}", again) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UsageError(f"{path} is no plan of the form {SCHEMA}", again)
    texts = {name: data.get(name) for name in ("runbook", "vm_id", "digest")}
    arguments: Any = data.get("arguments")
    wrong = [name for name, value in texts.items() if not isinstance(value, str) or not value]
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        wrong.append("arguments")
    if wrong:
        raise UsageError(f"the plan {path} lacks a proper {', '.join(wrong)}", again)
    parse_vm(str(texts["vm_id"]))
    return PlanFile(str(texts["runbook"]), str(texts["vm_id"]), arguments, str(texts["digest"]))
