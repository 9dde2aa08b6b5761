"""Who works on the VM: two people at the command line, a webhook, and a schedule that goes on with what is parked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from arm.errors import RemediationError
from runbooks.model import CHOOSE
from runbooks.registry import find

from ..accepted import Accepted
from ..diagnosis import DiagnosisReport
from ..engine.model import Verdict
from ..remediation import Remediation
from ..report import Report
from ..sweep import left_open
from .baton import Actor, Gone
from .process import Role
from .wire import ENDPOINT

if TYPE_CHECKING:
    from .history import History

SWEEPS_BEFORE = 3
"""How many sweeps there are, at least, before everything is well again."""
MOST_SWEEPS = 400
"""So many sweeps after everything is well again, and nothing may be open any more."""
SWEEP = 900.0
"""Seconds between two looks of the schedule."""
ASKING = (Verdict.NEEDS_APPROVAL, Verdict.NEEDS_CHOICE, Verdict.NEEDS_HUMAN)
"""Verdicts after which whoever sits there says something, and goes on."""
WAITS = (60.0, 600.0, 3600.0)
INSIDE = "look-inside"
"""A choice that runs scripts; inside a Linux VM of the simulator they really run, which takes too long here."""
GIBBERISH = "UserErrorThatNobodyHasEverHeardOf: the flux is discharged"
_Call = Callable[[Remediation], "Report | DiagnosisReport"]


def cast_for(history: History) -> None:
    """Choose who plays, and when they come on."""
    dice = history.dice
    players: list[tuple[str, Callable[[History, Actor], None], float, bool]] = [
        ("worker-1", worker, 0.0, True),
        ("worker-2", worker, dice.choice((0.0, 1.0, 60.0, 1500.0)), dice.random() < 0.6),
        ("webhook", webhook, dice.choice((0.0, 5.0, 600.0)), dice.random() < 0.4),
    ]
    chosen = [one for one in players if one[3]]
    history.playing = len(chosen)
    for name, play, after, _ in chosen:
        history.baton.add(name, _counted(history, play), timedelta(seconds=after))
    history.baton.add(
        "sweep", lambda actor: sweep(history, actor), timedelta(seconds=dice.choice((30.0, 300.0, 1200.0)))
    )


def _counted(history: History, play: Callable[[History, Actor], None]) -> Callable[[Actor], None]:
    def counted(actor: Actor) -> None:
        try:
            play(history, actor)
        finally:
            history.playing -= 1

    return counted


def worker(history: History, actor: Actor) -> None:
    """Somebody at the command line: shows the plan, approves it, repairs, and goes on where a question comes."""
    dice = history.dice
    code = history.scenario.code or "UserErrorRpCollectionLimitReached"
    arguments = _chosen(history, code) if dice.random() < 0.5 else {}
    shown = None
    if dice.random() < 0.7:
        shown = _process(history, actor, lambda one: one.plan(code, history.vm, arguments), Role(dry=True))
        if shown is not None and shown.stand.verdict in (Verdict.NEEDS_CHOICE, Verdict.NEEDS_HUMAN):
            arguments = _chosen(history, code)
    accepted = _accepted(history, shown)
    report = _process(history, actor, lambda one: one.repair(code, history.vm, arguments, accepted=accepted))
    for _ in range(3):
        if report is None or report.stand.verdict not in ASKING or dice.random() < 0.3:
            break
        if report.run is None and report.stand.verdict is not Verdict.NEEDS_APPROVAL:
            arguments = _chosen(history, code)
        accepted = _accepted(history, report)
        going_on = report.run.id if report.run is not None else ""

        def again(
            one: Remediation, run: str = going_on, told: dict[str, str] = arguments, accepted: Accepted = accepted
        ) -> Report:
            if run:
                return one.resume(run, accepted=accepted)
            return one.repair(code, history.vm, told, accepted=accepted)

        report = _process(history, actor, again)
    if report is not None and report.run is not None:
        _afterwards(history, actor, report.run.id)


def _afterwards(history: History, actor: Actor, run: str) -> None:
    """Now and then, take it back or call it off."""
    drawn = history.dice.random()
    if drawn < 0.06:
        history.baton.pause(actor, history.dice.choice((10.0, 3000.0)))
        shown = _process(history, actor, lambda one: one.undo(run, accepted=Accepted(), dry_run=True), Role(dry=True))
        _process(history, actor, lambda one: one.undo(run, accepted=_accepted(history, shown)))
    elif drawn < 0.12:
        history.baton.pause(actor, history.dice.choice((10.0, 3000.0)))
        _process(history, actor, lambda one: one.cancel(run))


def _chosen(history: History, code: str) -> dict[str, str]:
    names = sorted(find(code).choices)
    vm = history.world.compute.vms.get(history.vm.id.lower())
    if vm is None or vm.os_type == "Linux":
        names = [name for name in names if name != INSIDE]
    return {CHOOSE: history.dice.choice(names)} if names else {}


def _accepted(history: History, shown: Report | None) -> Accepted:
    """Approve what was shown; else only what has no impact."""
    if shown is None or shown.plan is None or not shown.plan.approvable:
        return Accepted(yes=True)
    history.court.approves(shown.plan.approvable)
    return Accepted(yes=True, approve=shown.plan.digest)


def webhook(history: History, actor: Actor) -> None:
    """An alert has come: repair what has failed. Now and then it tells of an error that is none."""
    dice = history.dice
    unknown = dice.random() < 0.15
    text = GIBBERISH if unknown else ""
    for _ in range(dice.choice((1, 1, 2))):
        _process(
            history,
            actor,
            lambda one: one.repair_found(history.vm, text, accepted=Accepted(yes=True)),
            Role(unknown=unknown),
        )
        history.baton.pause(actor, dice.choice((1.0, 900.0)))


def sweep(history: History, actor: Actor) -> None:
    """A schedule: go on with whatever is open, until nothing is, and all others have come to their end."""
    sweeps = 0
    while not history.stopped:
        if history.playing == 0 and sweeps >= SWEEPS_BEFORE and not history.healed:
            history.heal()
            sweeps = 0
        books = history.court.books
        if history.healed and not (books.open_runs() or books.owed() or history.lease_is_held()):
            return
        if sweeps > MOST_SWEEPS:
            return  # the court says what is left open
        sweeps += 1
        _sweep_once(history, actor)
        history.baton.pause(actor, _until_due(history))


def _until_due(history: History) -> float:
    """Return the seconds until a run is due; a schedule looks more often, and finds nothing to do."""
    due = history.court.due()
    if not history.healed or due is None:
        return SWEEP
    return max(SWEEP, (due - history.now).total_seconds())


def _sweep_once(history: History, actor: Actor) -> None:
    """Do what ``remediate resume`` does, each run in a process of its own."""
    with history.journal() as journal:
        left = left_open(journal, ENDPOINT)
    for one in left:
        run, now = one.run.id, one.dead
        report = _process(
            history,
            actor,
            lambda machine, run=run, now=now: machine.resume(run, accepted=Accepted(), now=now),  # type: ignore[misc]
        )
        asked = report is not None and report.stand.verdict is Verdict.NEEDS_APPROVAL
        if asked and (history.healed or history.dice.random() < 0.3):
            _answered(history, actor, run, report)


def _answered(history: History, actor: Actor, run: str, report: Report | None) -> None:
    """Have a person answer a question of a run that waits: mostly yes; who says no calls it off."""
    if history.dice.random() < 0.8:
        accepted = _accepted(history, report)
        _process(history, actor, lambda one: one.resume(run, accepted=accepted, now=True))
    else:
        _process(history, actor, lambda one: one.cancel(run))


def _process(history: History, actor: Actor, call: _Call, role: Role | None = None) -> Report | None:
    """Run one process of the software for one call; ``None`` when it died, or ended with an error."""
    process = history.process(actor, role)
    try:
        found = call(process.machine(history.dice.choice(WAITS)))
    except Gone:
        if history.stopped:
            raise
        return None  # it is dead; whoever started it lives
    except RemediationError as error:
        history.ended(process, error.code, error)
        return None
    except Exception as error:  # noqa: BLE001  # whatever else comes out of the software is a bug of it
        history.court.find("every_error_is_one_of_ours", f"{process.name}: {type(error).__name__}: {error}")
        return None
    finally:
        process.end()
    if isinstance(found, DiagnosisReport):
        history.ended(process, "Diagnosed")
        return None
    history.court.reported(process, found)
    history.ended(process, found.stand.verdict.value)
    return found
