"""Who comes by in a few histories: a reader of an old plan, somebody who takes a run back, a process with a defect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from ..accepted import Accepted
from . import defect
from .actors import _accepted, _chosen, _counted, _process
from .baton import Actor
from .process import Role

if TYPE_CHECKING:
    from .history import History

SHARE = 0.2
"""How many histories have a visitor."""
HELD = "hold-by-reader"
LIMIT = "UserErrorRpCollectionLimitReached"
_Play = Callable[["History", Actor, Random], None]


def come(history: History) -> None:
    """Draw whether somebody comes by, who, and when."""
    dice = Random(f"visitors {history.seed}")  # noqa: S311  # repeatable on purpose, nothing secret
    if dice.random() >= SHARE:
        return
    name, play = dice.choice(VISITORS)
    after = timedelta(seconds=dice.choice((0.0, 20.0, 600.0)))
    if name == "reader" and dice.random() < 0.6:
        history.baton.wait(timedelta(hours=1))
    history.playing += 1
    history.baton.add(name, _counted(history, lambda history, actor: play(history, actor, dice)), after)


def reader(history: History, actor: Actor, dice: Random) -> None:
    """Somebody who reads a plan, and carries it out when something has changed since, by its digest or its file."""
    code = history.scenario.code or LIMIT
    arguments = _chosen(history, code) if dice.random() < 0.5 else {}
    shown = _process(history, actor, lambda one: one.plan(code, history.vm, arguments), Role(dry=True))
    if shown is None or shown.plan is None or not shown.plan.changes:
        return
    digest = shown.plan.digest
    if dice.random() < 0.5:
        history.court.approves(shown.plan.approvable)
        accepted = Accepted(yes=True, approve=digest)
    else:
        accepted = Accepted(yes=True, expect=digest)
    key = _lock_in_the_way(history, dice)
    history.baton.pause(actor, dice.choice((75.0, 900.0)))
    again = _process(history, actor, lambda one: one.plan(code, history.vm, arguments), Role(dry=True))
    targets = {change.target.lower() for change in again.plan.changes} if again is not None and again.plan else set()
    role = Role(overtaken_by=(key, history.court.touched.get(key, 0))) if key in targets else Role()
    _process(history, actor, lambda one: one.repair(code, history.vm, arguments, accepted=accepted), role)


def _lock_in_the_way(history: History, dice: Random) -> str:
    """Have somebody set another lock where the backup service keeps its restore points."""
    collections = sorted(history.world.compute.collections)
    scope = history.world.compute.collections[dice.choice(collections)].id if collections else history.vm.id
    lock = history.world.authorization.add_lock(scope, f"{HELD}-{history.number}", "CanNotDelete", "set by hand")
    history.court.people_set(lock)
    history.note("human", f"sets the lock {lock.name} ({lock.level}) at {lock.scope.rsplit('/', 1)[-1]}")
    return lock.id.lower()


def regretter(history: History, actor: Actor, dice: Random) -> None:
    """Somebody who takes back what a run has changed while it is still open; at times the process dies of it."""
    for _ in range(15):
        runs = [one for one in history.court.books.runs() if one["status"] == "open"]
        runs = [one for one in runs if not str(one["runbook"]).startswith("undo:")]
        if runs:
            _taken_back(history, actor, str(runs[0]["id"]), frail=dice.random() < 0.7)
            break
        history.baton.pause(actor, dice.choice((10.0, 60.0, 300.0)))


def _taken_back(history: History, actor: Actor, run: str, *, frail: bool) -> None:
    shown = _process(history, actor, lambda one: one.undo(run, accepted=Accepted(), dry_run=True), Role(dry=True))
    accepted = _accepted(history, shown)
    _process(history, actor, lambda one: one.undo(run, accepted=accepted), Role(frail=frail))


def operator(history: History, actor: Actor, dice: Random) -> None:
    """Somebody who asks for single actions, whatever else is going on."""
    for _ in range(3):
        history.baton.pause(actor, dice.choice((5.0, 400.0, 3000.0)))
        _process(
            history,
            actor,
            lambda one: one.repair("action:trigger_on_demand_backup", history.vm, accepted=Accepted(yes=True)),
        )


VISITORS: tuple[tuple[str, _Play], ...] = (
    ("reader", reader),
    ("regretter", regretter),
    ("defect", defect.defect),
    ("operator", operator),
)
"""Their names, and what they do."""
