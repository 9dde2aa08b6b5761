"""Giving back what a run has taken: at its end, when it is stopped in the middle, and when it is cancelled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from actions.change import Change, NoChange
from actions.tags import UPDATE
from arm.errors import RemediationError
from arm.ids import same

from ..journal.model import Duty, Mark
from .boundaries import AFTER_REPAID, AFTER_STRUCK_OFF, BEFORE_REPAYING, BEFORE_STRUCK_OFF, LEASED
from .duties import in_order, is_lock, is_run_command, is_tag, owed, payment, spoken
from .execute import SETTLE, Executor, Parked, Refused
from .history import CALLED_OFF, DONE, REPAID, REPAY, UNCLEAR, History, Sent
from .model import Event, Stand, Verdict

BY_THE_OPERATOR = "cancelled by the operator"
OWING = "owing"
"""Topic of marks: a run is over, and still owes something; a sweep pays it."""

NOTHING_TO_LOCK = ("ResourceNotFound", "ResourceGroupNotFound")
"""ARM's codes where a lock is put on something that is not there; ``ParentResourceNotFound`` has one of them in it."""

NEW = timedelta(minutes=1)
"""A debt that is younger than this may seem to be paid only because Azure's answers lag behind."""


class Repayer:
    """Pays the duties of one run.

    Args:
        executor: sends the run's changes.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._facts, self._journal, self._run = executor.facts, executor.journal, executor.run
        self._tell = executor.tell
        self._reach = executor.facts.session.runtime.reach

    @property
    def on_loan(self) -> bool:
        """Whether a lock is away that has to be put back."""
        return any(is_lock(duty) for duty in self._journal.duties(self._run.id))

    def at_the_end(self, stand: Stand) -> Stand:
        """Pay everything, however the run ended; return where it stands then.

        What hurts nobody while it is owed keeps no run open, and is left to a sweep: a run command, and a lock whose
        resource is gone (and the lock's copy with it). The lock comes back when something of that id is there again.
        """
        nothing_to_lock = False
        for duty in in_order(self._journal.duties(self._run.id)):
            failure = "" if nothing_to_lock and is_tag(duty) else self._paid(duty)
            gone = is_lock(duty) and any(code in failure for code in NOTHING_TO_LOCK)
            nothing_to_lock = nothing_to_lock or gone
            if failure and (gone or is_run_command(duty)):
                self._remember(duty)
                left = f"{spoken(duty)} is still to be done ({failure}); 'remediate resume' tries it again."
                stand = replace(stand, next_step=f"{stand.next_step} {left}".strip())
            elif failure:
                undone = "could not be put back" if is_lock(duty) else "is still to be done"
                reason = f"{stand.reason}; but {spoken(duty)} {undone}: {failure}"
                step = "It is tried again by 'remediate resume --now'."
                return Stand(Verdict.PENDING, reason, step, self._facts.azure_now)
        return stand

    def _remember(self, duty: Duty) -> None:
        """Mark for the sweep that this run owes something although it is over."""
        data = {"endpoint": self._run.endpoint, "target": duty.target}
        self._journal.mark(Mark(OWING, self._run.id, self._facts.azure_now, data))

    def late(self) -> Stand:
        """Pay what the run still owes although it is over; its verdict stays what it was."""
        self._reach(LEASED)
        stand = Stand(Verdict(self._run.verdict), self._run.reason)
        unfinished = self._history().unfinished
        try:
            if unfinished is not None:
                self._executor.resume(unfinished)
            stand = self.at_the_end(stand)
        except Parked as parked:
            return replace(stand, next_step=f"{parked.reason}; 'remediate resume' goes on with it.")
        if not self._journal.duties(self._run.id):
            self._journal.unmark(OWING, self._run.id)
        return stand

    def one(self, target: str) -> None:
        """Pay the duty with this target, if there is one; what fails here is tried again when the run ends."""
        for duty in self._journal.duties(self._run.id):
            if same(duty.target, target):
                self._paid(duty)

    def _paid(self, duty: Duty) -> str:
        """Pay a duty; return why that failed, or nothing."""
        self._reach(BEFORE_REPAYING)
        for effect in self._payment(duty):
            if isinstance(effect, NoChange):
                continue
            try:
                sent = self._executor.execute(effect.in_step(REPAY), repaying=True)
            except Refused as refused:
                if not is_tag(duty):
                    return refused.refusal.saw
                self._remember(duty)  # it hurts nobody either
                self._tell(Event("left", f"{effect.summary} is left for later: {refused.refusal.saw}"))
                return ""
            if sent.result not in DONE:
                return sent.detail
        self._reach(BEFORE_STRUCK_OFF)
        self._journal.repaid(duty, self._executor.lease.held)
        self._reach(AFTER_STRUCK_OFF)
        self._executor.note(REPAID, {"target": duty.target})
        self._reach(AFTER_REPAID)
        self._tell(Event("repaid", f"paid: {spoken(duty)}"))
        return ""

    def _payment(self, duty: Duty) -> list[Change | NoChange]:
        """Return what pays a duty. That it is paid is asked more than once where it was made just now: answers lag."""
        effects = list(payment(self._facts, duty))
        for pause in SETTLE if self._is_new(duty) else ():
            if not all(isinstance(one, NoChange) for one in effects):
                break
            self._facts.session.runtime.sleep(pause)
            effects = list(payment(self._facts, duty))
        return effects

    def _is_new(self, duty: Duty) -> bool:
        """Say whether the change that made the run owe this was sent a moment ago."""
        sent = self._history().sent
        made = ((one.accepted or one.at, owed(one.change, duty.run_id, proof=True)) for one in sent)
        since = self._facts.azure_now - NEW
        return any(one is not None and same(one.target, duty.target) and at > since for at, one in made)

    def in_the_middle(self, why: str, *, over: bool) -> bool:
        """Give the locks back that are away, as the process ends in the middle of the run; the run stays open.

        Where it goes on, it begins again with the step that took the first of them. What is under way (a backup) is
        not waited for. Nothing is raised for what fails: the duty stands, and 'remediate resume' pays it.

        Args:
            why: why it ends, for people.
            over: the run itself is over, and only has to give everything back: nothing is taken again.

        Returns:
            Whether locks were away, and all of them are back.
        """
        if not self.on_loan:
            return False
        self._tell(Event("stopping", f"{why}: giving back what is on loan"))
        self._executor.hurry()
        try:
            self._settle_loans()
            return self._back(over=over)
        except (RemediationError, Parked) as error:
            self._tell(Event("still_owed", f"not everything could be given back: {error}"))
        return False

    def _back(self, *, over: bool) -> bool:
        """Give back the locks and their copies; say whether all of them are back."""
        if not over:
            self._go_back()
        for duty in in_order(self._journal.duties(self._run.id)):
            failure = "" if is_run_command(duty) else self._paid(duty)
            if failure:
                self._tell(Event("still_owed", f"{spoken(duty)} is still owed: {failure}"))
                return False
        return True

    def _settle_loans(self) -> None:
        """Find out how a loan, or its repayment, ended that the process was stopped in."""
        unfinished = self._history().unfinished
        if unfinished is not None and (unfinished.change.operation.startswith("locks.") or _of_tags(unfinished)):
            self._executor.resume(unfinished)

    def _go_back(self) -> None:
        """Let the run begin again, where it goes on, with the step that took the first lock."""
        if self._run.position >= len(self._run.steps):
            return  # every step is over; proof is found without taking anything again
        taken = [one for one in self._history().sent if one.change.loan and one.result in DONE and not one.returned]
        steps = [self._run.steps.index(one.change.step) for one in taken if one.change.step in self._run.steps]
        self._run.position = min([self._run.position, *steps])
        self._journal.save(self._run, self._executor.lease.held)

    def cancelled(self) -> Stand:
        """Settle what is open, and say that the run is over; what is owed is paid :meth:`at_the_end`."""
        unfinished = self._history().unfinished
        while unfinished is not None:
            short = unfinished.change.operation.startswith("locks.") or _of_tags(unfinished)
            if short:
                self._executor.resume(unfinished)
            else:
                self._executor.end_unseen(unfinished, UNCLEAR, CALLED_OFF)
            unfinished = self._history().unfinished
        changed = any(one.changed for one in self._history().sent)
        undo = f"'remediate undo {self._run.id[:12]}' takes back what was changed." if changed else ""
        return Stand(Verdict.NOT_FIXED, BY_THE_OPERATOR, undo)

    def _history(self) -> History:
        return History.of(self._run, self._journal)


def _of_tags(sent: Sent) -> bool:
    return sent.change.operation == UPDATE
