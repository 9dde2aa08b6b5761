"""``resume`` and ``cancel``: going on with runs, and ending one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .options import accept_options, azure_options, output_options, state_options
from .output import print_outcomes, print_report

if TYPE_CHECKING:
    from datetime import timedelta

    from arm.errors import RemediationError

    from ..accepted import Accepted
    from ..remediation import Remediation
    from ..report import Report
    from .door import Door


@click.command(short_help="Go on with parked runs.")
@click.argument("run_id", metavar="[ID]", required=False)
@click.option("--now", is_flag=True, help="Also runs whose time has not come.")
@click.option("--adopt", is_flag=True, help="Instead: put back locks whose tags tell of a run that nobody knows here.")
@click.option("--subscription", metavar="ID", default="", help="With --adopt: only look in this subscription.")
@click.option("-n", "--dry-run", is_flag=True, help="With --adopt: show what would be put back; send nothing.")
@accept_options
@azure_options
@state_options
@output_options
def resume(run_id: str | None, **given: Any) -> int:
    """Go on with the parked run ID, or with every run that is due and those whose process has ended in the middle.

    Without an ID, runs that have been over for long are then removed from the journal (journal.keep_days).

    With --adopt, VMs are looked for whose tags hold the copy of a lock that a run has taken away and not put back,
    where this journal does not know the run and the copy is older than a day: its machine may be lost. What would be
    put back is shown, and wants --yes or --approve as every change. A run that is alive on another host, with a
    journal of its own, may still need its lock away: ask there first.
    """
    from ..accepted import Accepted
    from .door import Options, open_door

    output, now, adopt = given.pop("output"), given.pop("now"), given.pop("adopt")
    subscription, dry_run = given.pop("subscription"), given.pop("dry_run")
    accepted = Accepted(yes=given.pop("yes"), approve=given.pop("approve"))
    if accepted.approve and run_id is None and not adopt:
        raise click.UsageError("--approve needs the ID of the run it is for")
    if adopt and run_id is not None:
        raise click.UsageError("--adopt takes no ID: it is for locks whose run is not known here")
    if (subscription or dry_run) and not adopt:
        raise click.UsageError("--subscription and --dry-run are for --adopt")
    with open_door(Options.of(given), read_only=dry_run) as door:
        machine, one = door.remediation, None
        outcomes: list[Report | RemediationError]
        if run_id is not None:
            outcomes = [one := machine.resume(run_id, accepted=accepted, now=now)]
        elif adopt:
            outcomes = _adopted(machine, subscription, accepted, dry_run=dry_run)
        else:
            outcomes = _swept(machine, accepted, door.config.keep, now=now)
        with door.progress.paused():
            print_outcomes(outcomes, output) if one is None else print_report(one, output)
        _tell_people(door, outcomes)
    return max((one.exit_code for one in outcomes), default=0)


def _tell_people(door: Door, outcomes: list[Report | RemediationError]) -> None:
    """Tell how runs ended, or what they wait for; an error is tried again, and not told."""
    from arm.errors import RemediationError

    for one in outcomes:
        if not isinstance(one, RemediationError):
            door.people.outcome(one)


def _swept(machine: Remediation, accepted: Accepted, keep: timedelta, *, now: bool) -> list[Report | RemediationError]:
    from ..journal.retention import prune_at_times
    from ..sweep import left_open

    left = left_open(machine.journal, machine.session.endpoint)
    outcomes = [
        _outcome(lambda one=one: machine.resume(one.run.id, accepted=accepted, now=now or one.dead))  # type: ignore[misc]
        for one in left
    ]
    prune_at_times(machine.journal, machine.session.runtime.now(), keep)
    return outcomes


def _adopted(
    machine: Remediation, subscription: str, accepted: Accepted, *, dry_run: bool
) -> list[Report | RemediationError]:
    from ..engine.chains import ADOPT
    from ..sweep import with_loans

    def adopt(vm: Any) -> Report:
        return machine.plan(ADOPT, vm) if dry_run else machine.repair(ADOPT, vm, accepted=accepted)

    return [_outcome(lambda vm=vm: adopt(vm)) for vm in with_loans(machine.session, subscription)]  # type: ignore[misc]


def _outcome(work: Callable[[], Report]) -> Report | RemediationError:
    """Do something with one run or VM; an error in it does not keep the others from going on."""
    from arm.errors import RemediationError

    try:
        return work()
    except RemediationError as error:
        return error


@click.command(short_help="End an open run, and give back what it has on loan.")
@click.argument("run_id", metavar="ID")
@azure_options
@state_options
@output_options
def cancel(run_id: str, **given: Any) -> int:
    """End the open run ID: a lock on loan is put back, a backup under way is left alone, nothing new is begun.

    What the run has changed stays changed; 'remediate undo ID' takes it back.
    """
    from .door import Options, open_door

    output = given.pop("output")
    with open_door(Options.of(given), read_only=False) as door:
        report = door.remediation.cancel(run_id)
    print_report(report, output)
    return report.exit_code
