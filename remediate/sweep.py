"""Going on with what others have left: open runs, those of dead processes first, and locks whose run nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actions.tags import PREFIX
from arm.facts.graph import VmReference, query_all
from arm.session import Session

from .engine.duties import is_lock
from .engine.history import PARKED, VERDICT
from .engine.repay import OWING
from .journal.model import CLOSED, Journal, Run


@dataclass(frozen=True)
class Left:
    """A run as a sweep finds it.

    Attributes:
        dead: its process has ended in the middle of it, or is still at work: it is not parked.
        owes_a_lock: a lock is away that it has to put back.
    """

    run: Run
    dead: bool
    owes_a_lock: bool


def left_open(journal: Journal, endpoint: str) -> list[Left]:
    """Return the runs against an endpoint that a sweep goes on with, in its order: open ones, and those that owe.

    A run that is over may still owe the removal of a run command that failed when it ended, or a lock whose resource
    was gone then.

    Runs that ended in the middle come first, whether they are due or not, and of those the ones that owe a lock.
    Whether a process still works on one, only its lease can tell.
    """

    def left(run: Run, *, dead: bool) -> Left:
        return Left(run, dead, any(is_lock(duty) for duty in journal.duties(run.id)))

    found = []
    for run in journal.open_runs():
        if run.endpoint == endpoint:
            records = journal.records(run.id)
            found.append(left(run, dead=not records or records[-1].kind not in (PARKED, VERDICT)))
    owing = [journal.run(one.key) for one in journal.marks(OWING) if one.data["endpoint"] == endpoint]
    found += [left(run, dead=True) for run in owing if run is not None and run.status == CLOSED]
    return sorted(found, key=lambda one: (not one.dead, not one.owes_a_lock))


def with_loans(session: Session, subscription: str = "") -> Sequence[VmReference]:
    """Return the VMs whose tags tell of a lock on loan, as far as Resource Graph knows (it lags behind by minutes).

    Args:
        session: where to look.
        subscription: only in this subscription (id); empty: in all that can be read.

    Permission: ``Microsoft.Compute/virtualMachines/read``.
    """
    text = (
        "resources | where type =~ 'microsoft.compute/virtualmachines'"
        f" and tostring(tags) contains '{PREFIX}' | project id, location"
    )
    rows = query_all(session, text, (subscription,) if subscription else ())
    return [VmReference(str(row["id"]), str(row.get("location") or "")) for row in rows]
