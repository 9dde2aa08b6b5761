"""The job ``remediate_backup``: one VM, by parameters; the command line's main command as a runbook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from arm.errors import UsageError
from arm.facts.graph import VmReference, find_vm

from ..accepted import Accepted
from ..cli.said import error_of
from ..diagnosis import DiagnosisReport
from ..report import Report
from .argv import Order, order_of
from .door import Job, run_job, say_report
from .settings import Settings


def main(argv: Sequence[str], settings: Settings | None = None, out: TextIO | None = None) -> int:
    """Repair the VM that the job's parameters name, or show what would be done; return the exit status.

    Args:
        argv: what the job was started with, the script's name first.
        settings: the account's settings; default what is found here.
        out: where to write; default stdout.
    """
    return run_job(lambda job: _backup(job, order_of(argv)), settings, out)


def _backup(job: Job, order: Order) -> int:
    session = job.remediation.session
    vm = find_vm(session, order.vm, resource_group=order.resource_group, subscription=order.subscription)
    outside = job.alerts.allowed.refusal(vm.id, "")
    if outside:
        raise UsageError(f"{vm.id}: {outside}", "Widen the scope in REMEDIATE_CONFIG, or repair it from elsewhere.")
    outcome = _carried_out(job, order, vm)
    status = say_report(outcome, job.streams)
    if not order.dry_run:
        job.people.outcome(outcome)
    return status


def _carried_out(job: Job, order: Order, vm: VmReference) -> Report | DiagnosisReport:
    machine, inputs = job.remediation, dict(order.inputs)
    dry_run = order.dry_run or job.settings.dry_run
    accepted = Accepted() if dry_run else Accepted(yes=job.accepted.yes, approve=order.approve)
    entry = error_of(order.code, ()) if order.code else None
    if entry is None or entry.wrapper:
        text = entry.id if entry is not None else ""
        return machine.repair_found(vm, text, inputs, accepted=accepted, dry_run=dry_run)
    return machine.plan(entry.id, vm, inputs) if dry_run else machine.repair(entry.id, vm, inputs, accepted=accepted)
