"""The places at which a program may stop for good, by name: what is durable there, and what is not.

The engine calls ``Runtime.reach(name)`` at each. Real programs do nothing there; the crash tests stop there, at every
one, and have another process go on (docs/crash-points.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arm.writes import AFTER_SEND

Reach = Callable[[str], None]

BEFORE_RUN = "before run"
LEASED = "leased"
RECOVERING = "recovering"
BEFORE_INTENT, AFTER_DUTY, AFTER_INTENT = "before intent", "after duty", "after intent"
BEFORE_SEND, AFTER_REPLY, BETWEEN_ATTEMPTS = "before send", "after reply", "between attempts"
AFTER_ACCEPTED = "after accepted"
POLLING, PROBING = "while polling", "while probing"
BEFORE_JOB, AFTER_JOB = "before job", "after job"
BEFORE_OUTCOME, AFTER_OUTCOME = "before outcome", "after outcome"
BEFORE_CLEARED, AFTER_CLEARED = "before cleared", "after cleared"
BEFORE_NEXT_STEP, AFTER_NEXT_STEP = "before next step", "after next step"
BEFORE_REPAYING, BEFORE_STRUCK_OFF, AFTER_STRUCK_OFF = "before repaying", "before struck off", "after struck off"
AFTER_REPAID = "after repaid"
VERIFYING = "while verifying"
BEFORE_VERDICT, VERDICT_NOTED, AFTER_VERDICT = "before verdict", "verdict noted", "after verdict"
BEFORE_CLOSED = "before closed"


@dataclass(frozen=True)
class Boundary:
    """One place at which a program may stop.

    Attributes:
        name: what ``Runtime.reach`` is called with.
        part: what it belongs to: ``run``, ``change``, ``repayment``, ``verdict`` or ``undo``.
        there: what is so when the program stops there.
    """

    name: str
    part: str
    there: str


BOUNDARIES: tuple[Boundary, ...] = (
    Boundary(BEFORE_RUN, "run", "The lease is held; the journal knows of no run yet."),
    Boundary(LEASED, "run", "A process holds the lease and is about to go on with the run."),
    Boundary(RECOVERING, "run", "A change that an earlier process left open is about to be looked up."),
    Boundary(BEFORE_INTENT, "change", "The guards have let the change pass; nothing of it is noted."),
    Boundary(AFTER_DUTY, "change", "What the change will owe is noted; the intent is not."),
    Boundary(AFTER_INTENT, "change", "The intent is noted; nothing is sent."),
    Boundary(BEFORE_SEND, "change", "The lease has just been checked; the next thing is the request."),
    Boundary(AFTER_SEND, "change", "Azure has answered; nobody has read the answer."),
    Boundary(BETWEEN_ATTEMPTS, "change", "An attempt certainly had no effect; the next one is waited for."),
    Boundary(AFTER_REPLY, "change", "Azure's answer is understood; the journal does not know it."),
    Boundary(AFTER_ACCEPTED, "change", "The journal knows that Azure has taken the change, and the operation's URL."),
    Boundary(POLLING, "change", "The operation, the script or the backup job is about to be asked how far it is."),
    Boundary(BEFORE_JOB, "change", "The backup's job is known; the journal does not know it."),
    Boundary(AFTER_JOB, "change", "The journal knows the backup's job."),
    Boundary(PROBING, "change", "The probe is about to look whether the change is there."),
    Boundary(BEFORE_OUTCOME, "change", "The end of the change is known; the journal does not know it."),
    Boundary(AFTER_OUTCOME, "change", "The outcome is noted."),
    Boundary(BEFORE_CLEARED, "change", "A second look has shown what a script has done; that is not noted."),
    Boundary(AFTER_CLEARED, "change", "It is noted what the second look has shown."),
    Boundary(BEFORE_NEXT_STEP, "run", "A step is over; the journal still has the run at it."),
    Boundary(AFTER_NEXT_STEP, "run", "The journal has the run at the next step."),
    Boundary(BEFORE_REPAYING, "repayment", "A duty is about to be paid."),
    Boundary(BEFORE_STRUCK_OFF, "repayment", "What was owed is there again; the duty still stands."),
    Boundary(AFTER_STRUCK_OFF, "repayment", "The duty is struck off; the run's records do not say so."),
    Boundary(AFTER_REPAID, "repayment", "The run's records say that the duty is paid."),
    Boundary(VERIFYING, "verdict", "All steps are over; proof is about to be looked for."),
    Boundary(BEFORE_VERDICT, "verdict", "Where the run stands is known; the journal does not know it."),
    Boundary(VERDICT_NOTED, "verdict", "The records have the verdict; the run itself does not."),
    Boundary(AFTER_VERDICT, "verdict", "The verdict is kept; the lease is still held."),
    Boundary(BEFORE_CLOSED, "undo", "A run is undone; it is still open, and its duties stand."),
)
"""Every boundary, in the order in which a run reaches them for the first time."""
