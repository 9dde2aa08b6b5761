"""Plan, ask where a person can answer, carry out, print."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from .output import print_diagnosis, print_report

if TYPE_CHECKING:
    from arm.facts.graph import VmReference

    from ..accepted import Accepted
    from ..diagnosis import DiagnosisReport
    from ..remediation import Remediation
    from ..report import Report


def carry_out(
    runbook: str, arguments: dict[str, str], given: dict[str, Any], *, text: str = "", digest: str = ""
) -> int:
    """Carry out a runbook as far as the options allow, print its report, and return the exit status.

    Args:
        runbook: error code, ``action:NAME`` or ``undo:RUN``; empty for the one that a diagnosis names.
        arguments: the runbook's inputs and choice.
        given: the options of the command.
        text: without a runbook: the error that is meant; empty for the failure that still stands.
        digest: the digest that the plan must have.
    """
    from ..accepted import Accepted
    from .door import Options, open_door

    output, dry_run, plan_out = given.pop("output"), given.pop("dry_run"), given.pop("plan_out")
    named = {word: given.pop(word) for word in ("vm", "resource_group", "subscription")}
    accepted = Accepted(yes=given.pop("yes"), approve=given.pop("approve"), expect=digest)
    with open_door(Options.of(given), read_only=dry_run) as door:
        vm = door.vm(named["vm"], named["resource_group"], named["subscription"])
        machine = door.remediation
        from ..diagnosis import DiagnosisReport  # the door has imported it while the token was on its way

        found = _first(machine, runbook, vm, arguments, accepted, text=text, dry_run=dry_run)
        if isinstance(found, DiagnosisReport):
            with door.progress.paused():
                print_diagnosis(found, output)
            door.people.outcome(found)
            return found.exit_code
        report = found if dry_run else door.finish(found)
        if plan_out:
            _write_plan(plan_out, report)
        with door.progress.paused():
            answer = asked(report, output, accepted)
        if answer is not None:
            report = door.finish(machine.repair(report.runbook, vm, arguments, accepted=answer))
        with door.progress.paused():
            print_report(report, output)
        door.people.outcome(report)
    return report.exit_code


def _first(
    machine: Remediation,
    runbook: str,
    vm: VmReference,
    arguments: dict[str, str],
    accepted: Accepted,
    *,
    text: str,
    dry_run: bool,
) -> Report | DiagnosisReport:
    if not runbook:
        return machine.repair_found(vm, text, arguments, accepted=accepted, dry_run=dry_run)
    return (
        machine.plan(runbook, vm, arguments) if dry_run else machine.repair(runbook, vm, arguments, accepted=accepted)
    )


def asked(report: Report, output: str, accepted: Accepted) -> Accepted | None:
    """Ask the person at the terminal about a plan that needs an answer; ``None`` when there is nobody or no need."""
    from ..accepted import Accepted
    from ..engine.model import Verdict

    nobody = output != "text" or not (sys.stdin.isatty() and sys.stdout.isatty())
    if nobody or report.stand.verdict is not Verdict.NEEDS_APPROVAL or report.plan is None or report.run is not None:
        return None
    print_report(report, output)
    digest = report.plan.digest
    if all(impact.value == "none" for _, impact in report.plan.missing):
        return Accepted(yes=True, expect=digest) if click.confirm("\nCarry this plan out?", err=True) else None
    typed = click.prompt("\nType the plan's digest to approve it", default="", show_default=False, err=True)
    return Accepted(approve=typed.strip(), expect=accepted.expect) if typed.strip() else None


def _write_plan(path: str, report: Report) -> None:
    import json
    from pathlib import Path

    from arm.errors import UsageError

    data = report.to_json()["plan"]
    if data is None:
        raise UsageError(f"there is no plan to write to {path}: {report.stand.reason}", "Leave --plan-out out.")
    try:
        Path(path).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the plan cannot be written to {path}: {error.strerror}", "Check --plan-out.") from error
