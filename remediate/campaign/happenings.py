"""What happens without the software's doing: people in the portal, the backup service, clocks, disks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.services.authorization.state import Lock

from ..engine import memory

if TYPE_CHECKING:
    from .history import History

HELD = "hold-"
"""How the names of the locks begin that the human in the portal sets."""


def removes_a_lock(history: History) -> str:
    """Somebody removes a lock in the portal."""
    locks = history.world.authorization.locks
    if not locks:
        return ""
    lock = locks[history.dice.choice(sorted(locks))]
    history.world.authorization.remove_lock(lock.id)
    history.court.people_removed(lock)
    return f"removes the lock {lock.name}"


def sets_a_lock(history: History) -> str:
    """Somebody sets a lock in the portal: a new one, or one that was there before, or one that differs from it."""
    known = [*history.court.seen_locks.values()]
    dice = history.dice
    authorization = history.world.authorization
    if known and dice.random() < 0.5:
        like = dice.choice(known)
        notes = like.notes if dice.random() < 0.5 else "set again by hand"
        lock = authorization.add_lock(like.scope, like.name, like.level, notes, like.owners)
    else:
        scope = dice.choice(_scopes(history))
        name = f"{HELD}{history.number}"
        lock = authorization.add_lock(scope, name, dice.choice(("CanNotDelete", "ReadOnly")), "set by hand")
    history.court.people_set(lock)
    return f"sets the lock {lock.name} ({lock.level}) at {lock.scope.rsplit('/', 1)[-1]}"


def _scopes(history: History) -> list[str]:
    vm = history.vm.id
    group = vm[: vm.lower().index("/providers/")]
    collections = [one.id for one in history.world.compute.collections.values()]
    return [vm, group, group[: group.lower().index("/resourcegroups/")], *collections]


def backs_up(history: History) -> str:
    """The backup service begins a scheduled backup."""
    service = history.world.recoveryservices.service
    item = history.world.recoveryservices.item_of(history.vm.id)
    if item is None or item.state == "ProtectionStopped" or service.running_backup(item) is not None:
        return ""
    service.start(item)
    return "a scheduled backup begins"


def sets_the_clock(history: History) -> str:
    """The host's clock jumps."""
    jump = timedelta(seconds=history.dice.choice((-7200, -600, -61, 61, 299, 301, 3600, 90000)))
    history.host_offset += jump
    return f"the host's clock jumps by {jump.total_seconds():.0f} s"


def fills_the_disk(history: History) -> str:
    """The disk under the journal is full for a while."""
    history.full_until = history.now + timedelta(seconds=history.dice.choice((1, 30, 600)))
    return "the disk under the journal is full"


def freezes(history: History) -> str:
    """Somebody switches everything off, or on again."""
    with history.journal() as journal:
        if history.court.frozen_since:
            memory.thaw(journal)
            history.court.frozen_since = 0
            return "thaws"
        memory.freeze(journal, "a campaign's change freeze", "campaign", history.host_time)
    history.court.frozen_since = history.number + 1
    return "freezes everything"


ALL: tuple[tuple[str, Callable[[History], str], int], ...] = (
    ("human", removes_a_lock, 4),
    ("human", sets_a_lock, 4),
    ("service", backs_up, 3),
    ("host", sets_the_clock, 2),
    ("host", fills_the_disk, 2),
    ("human", freezes, 1),
)
"""Who does it, what, and how often compared with the others."""


def one(history: History) -> None:
    """Let one thing happen."""
    who, act, _ = history.dice.choices(ALL, [weight for _, _, weight in ALL])[0]
    let(history, who, act)


def let(history: History, who: str, act: Callable[[History], str]) -> None:
    """Let somebody do something, and note it when there was something to do."""
    said = act(history)
    if said:
        history.happened[act.__name__.replace("_", " ")] += 1
        history.note(who, said)


def farewell(history: History) -> None:
    """Leave the world as people leave it: nothing frozen, and no lock of theirs in the way."""
    if history.court.frozen_since:
        freezes(history)
    for lock in [one for one in history.world.authorization.locks.values() if one.name.startswith(HELD)]:
        _taken_off(history, lock)


def _taken_off(history: History, lock: Lock) -> None:
    history.world.authorization.remove_lock(lock.id)
    history.court.people_removed(lock)
