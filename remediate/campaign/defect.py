"""A process with a defect: it tries to send what nobody has decided, through the library's own session.

The transport has to stop it. Where it does not, the write reaches Azure, and the court sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from typing import TYPE_CHECKING

from azure.core.rest import HttpRequest

from ..engine.model import Stand, Verdict
from ..remediation import Remediation
from ..report import Report
from .actors import _process
from .baton import Actor
from .process import Role
from .wire import ENDPOINT

if TYPE_CHECKING:
    from .history import History

_LOCKS, _BACKUP = "2020-05-01", "2024-04-01"
_Tries = Callable[["History", Remediation], None]


def defect(history: History, actor: Actor, dice: Random) -> None:
    """Try a few times, with pauses."""
    for _ in range(3):
        dry, tries = dice.choice(WAYS)
        _process(history, actor, _as_call(history, tries), Role(dry=dry))
        history.baton.pause(actor, dice.choice((1.0, 60.0, 1800.0)))


def _as_call(history: History, tries: _Tries) -> Callable[[Remediation], Report]:
    def call(machine: Remediation) -> Report:
        tries(history, machine)
        stand = Stand(Verdict.NOTHING_TO_DO, "the request of a defect was sent")
        return Report("", "", history.vm.id, {}, True, stand, None, None, None, (), {})  # noqa: FBT003  # never shown

    return call


def _without_a_permit(history: History, machine: Remediation) -> None:
    """Remove a lock, with no permit at all."""
    _send(machine, "DELETE", _lock(history), _LOCKS)


def _with_another_permit(history: History, machine: Remediation) -> None:
    """Remove a lock, with the permit to start a backup."""
    _send(machine, "DELETE", _lock(history), _LOCKS, permit=("POST", f"{_item(history)}/backup"))


def _from_a_dry_run(history: History, machine: Remediation) -> None:
    """Remove a lock, with the right permit, in a session that only reads."""
    _send(machine, "DELETE", _lock(history), _LOCKS, permit=("DELETE", _lock(history)))


def _on_the_deny_list(history: History, machine: Remediation) -> None:
    """Delete the protected item with all its recovery points, with the right permit."""
    _send(machine, "DELETE", _item(history), _BACKUP, permit=("DELETE", _item(history)))


WAYS: tuple[tuple[bool, _Tries], ...] = (
    (False, _without_a_permit),
    (False, _with_another_permit),
    (True, _from_a_dry_run),
    (False, _on_the_deny_list),
)
"""What it tries, and whether its session only reads."""


def _send(machine: Remediation, method: str, path: str, version: str, permit: tuple[str, str] | None = None) -> None:
    """Send a request through the session's own chain, past everything that decides."""
    session = machine.session
    with ExitStack() as stack:
        if permit is not None:
            stack.enter_context(session.transport.permit(*permit))
        session._pipeline.run(HttpRequest(method, f"{ENDPOINT}{path}?api-version={version}"))  # noqa: SLF001


def _lock(history: History) -> str:
    """Return a lock that is there, or one that might be."""
    locks = history.world.authorization.locks
    if locks:
        return locks[min(locks)].id
    return f"{history.vm.id}/providers/Microsoft.Authorization/locks/nobodys"


def _item(history: History) -> str:
    item = history.world.recoveryservices.item_of(history.vm.id)
    if item is not None:
        return item.id
    group = history.vm.id[: history.vm.id.lower().index("/providers/")]
    vault = f"{group}/providers/Microsoft.RecoveryServices/vaults/nobodys"
    return f"{vault}/backupFabrics/Azure/protectionContainers/nobodys/protectedItems/nobodys"
