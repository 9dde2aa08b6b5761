"""The least-privilege custom role for runbooks: the JSON that ``az role definition create`` takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from arm.errors import UsageError
from runbooks.model import Runbook
from runbooks.permissions import of_runbooks

NAME = "Azure VM Backup Remediation"
NO_SCOPE = "/subscriptions/00000000-0000-0000-0000-000000000000"
"""Stands where no scope was given; Azure refuses it, so nobody assigns a role somewhere by accident."""
_SCOPE = re.compile(
    r"/subscriptions/[^/\s]+(/resourceGroups/[^/\s]+)?|/providers/Microsoft\.Management/\S+", re.IGNORECASE
)


def role(runbooks: Sequence[Runbook], *, scopes: Sequence[str] = (), name: str = NAME) -> dict[str, Any]:
    """Return the custom role with exactly the RBAC actions that the runbooks declare.

    Args:
        runbooks: whose permissions.
        scopes: where it may be assigned: ids of subscriptions, resource groups or management groups.
        name: the role's name.

    Raises:
        UsageError: a scope that is none.
    """
    for scope in scopes:
        if not _SCOPE.fullmatch(scope.rstrip("/")):
            raise UsageError(
                f"{scope!r} is not a scope for a role",
                "Give /subscriptions/ID, or a resource group or management group by its id.",
            )
    codes = ", ".join(runbook.code for runbook in runbooks) if len(runbooks) <= 3 else f"{len(runbooks)} runbooks"
    return {
        "Name": name,
        "IsCustom": True,
        "Description": f"What 'remediate' needs to diagnose and repair Azure VM backups: {codes}.",
        "Actions": list(of_runbooks(runbooks)),
        "NotActions": [],
        "DataActions": [],
        "NotDataActions": [],
        "AssignableScopes": [scope.rstrip("/") for scope in scopes] or [NO_SCOPE],
    }
