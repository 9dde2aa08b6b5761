"""Driving a run: recover what is open, judge the plan, go through the steps, verify, repay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from actions.change import Change, NoChange
from actions.guest.run import CREATE, as_check, as_classic
from actions.guest.scripts import find_script
from arm.facts.collect import VmFacts
from arm.facts.times import iso
from arm.ids import same
from guards import Consent, Guarded, Refusal, missing_approval
from runbooks.model import Decision, HandOver, Runbook, Situation

from ..journal.model import CLOSED, Duty, Journal, Run
from .duties import is_run_command, payment, spoken
from .execute import Executor, Parked, Refused
from .history import (
    CLEARED,
    DONE,
    FAILED,
    NOT_APPLIED,
    NOT_OFFERED,
    PARKED,
    REPAID,
    REPAY,
    UNCLEAR,
    VERDICT,
    History,
    Sent,
)
from .model import Event, Proof, Stand, Tell, Verdict
from .plan import Plan, judge, make_plan, not_accepted, planned_step, still_to_make
from .scripts import tell_guest

NEW_POINT_RECHECK = timedelta(minutes=30)
NEW_POINT_PATIENCE = timedelta(hours=24)
"""How long a completed backup may stay without a visible recovery point before the run is Inconclusive."""
BUSY_RECHECK = timedelta(minutes=30)


class Driver:
    """Takes one run as far as it gets in this process.

    Args:
        facts: facts of the VM.
        journal: where the run lives.
        run: the run.
        runbook: its chain.
        executor: sends its changes.
        tell: told of everything that happens.
    """

    def __init__(
        self, *, facts: VmFacts, journal: Journal, run: Run, runbook: Runbook, executor: Executor, tell: Tell
    ) -> None:
        self.facts = facts
        self.journal = journal
        self.run = run
        self.runbook = runbook
        self.executor = executor
        self.tell = tell
        self.plan: Plan | None = None

    def drive(self) -> Stand:
        """Go on with the run and return where it stands; the stand is in the journal when this returns.

        Raises:
            LeaseLost: another process works on this VM.
            RemediationError: Azure cannot be reached or read; the run stays open.
        """
        self.executor.hold_lease()
        try:
            stand = self._stand()
            self._keep(stand)
            return stand
        finally:
            self.journal.release(self.run.vm_id, self.executor.owner)

    def _stand(self) -> Stand:
        try:
            stand = self._advance()
            return self._repay(stand) if stand.verdict.final else stand
        except Parked as parked:
            return Stand(Verdict.PENDING, parked.reason, "It goes on by 'remediate resume'.", until=parked.until)

    def _advance(self) -> Stand:
        stand = self._recover() or self._preflight()
        while stand is None and self.run.position < len(self.run.steps):
            stand = self._step()
        return stand or self._verify()

    def _recover(self) -> Stand | None:
        """Finish a change that an earlier process left open, before anything else is looked at."""
        history = self._history()
        unfinished = history.unfinished
        if unfinished is None:
            return None if history.unclear is None else self._clear_up(history.unclear)
        self.tell(Event("recover", f"going on with: {unfinished.change.summary}"))
        sent = self.executor.resume(unfinished)
        if sent.change.step == REPAY:
            return None  # it is owed until it is there: asked for again when the run ends
        stand = self._after(sent)
        if stand is None or not self._goes_on(stand, sent.change.step):
            return stand
        self._next_step()
        return None

    def _preflight(self) -> Stand | None:
        """Judge everything that is still ahead, so that nothing is begun that may not be finished."""
        situation = self._situation()
        names = self.run.steps[self.run.position :]
        self.plan = make_plan(self.runbook, names, situation, self.run.consent, done=self._history().done)
        if self.plan.refusals:
            return self._refused(self.plan.refusals[0])
        if self.plan.missing:
            return self._unapproved(self.plan)
        return None

    def _step(self) -> Stand | None:
        """Run the step at hand; ``None`` when the run goes on with the next one."""
        step = self.runbook.step(self.run.steps[self.run.position])
        planned = planned_step(step, self._situation())
        history = self._history()
        changes = still_to_make(planned.changes, history.done)
        self.tell(
            Event("step", step.summary, {"step": step.name, "changes": len(changes), "notes": list(planned.notes)})
        )
        if planned.until is not None:
            return Stand(Verdict.PENDING, planned.wait, "It goes on by 'remediate resume'.", until=planned.until)
        if planned.given_up is not None:
            verdict = Verdict.NEEDS_HUMAN if isinstance(planned.given_up, HandOver) else Verdict.NOT_FIXED
            return Stand(verdict, planned.given_up.reason, planned.given_up.next_step)
        stand = self._allowed(changes) or self._make_all(changes)
        if stand is not None and not self._goes_on(stand, step.name):
            return stand
        self._next_step()
        return None

    def _make_all(self, changes: Sequence[Change]) -> Stand | None:
        """Make changes one after the other; the first that fails ends it."""
        return next((stand for change in changes if (stand := self._make(change)) is not None), None)

    def _goes_on(self, stand: Stand, step: str) -> bool:
        """Say whether a failure in this step leads to the next one instead of ending the run."""
        goes_on = stand.verdict is Verdict.NOT_FIXED and self.runbook.step(step).go_on
        if goes_on:
            self.tell(Event("go_on", f"{stand.reason}; going on with the next step"))
        return goes_on

    def _next_step(self) -> None:
        self.run.position += 1
        self.journal.save(self.run)

    def _allowed(self, changes: Sequence[Change]) -> Stand | None:
        refusals = judge(changes, Guarded(self.facts))
        if refusals:
            return self._refused(refusals[0])
        missing = [change for change in changes if missing_approval(change, self.run.consent) is not None]
        if not missing:
            return None
        names = self.run.steps[self.run.position :]
        done = self._history().done
        self.plan = make_plan(self.runbook, names, self._situation(), self.run.consent, done=done)
        return self._unapproved(self.plan)

    def _make(self, change: Change) -> Stand | None:
        try:
            sent = self.executor.execute(change)
        except Refused as refused:
            return self._refused(refused.refusal)
        return self._after(sent)

    def _after(self, sent: Sent) -> Stand | None:
        if sent.change.operation == CREATE and sent.result != NOT_APPLIED:
            self._pay(sent.change.target)
        if sent.result == NOT_OFFERED:
            self.tell(Event("fallback", f"{sent.detail}; sending the script the older way"))
            return self._make(as_classic(sent.change))
        if sent.result == UNCLEAR:
            return self._clear_up(sent)
        if sent.result != FAILED:
            return None
        step = "Read Azure's message, then run again; 'remediate undo' takes back what was changed."
        if (sent.said or {}).get("refused"):
            step = "The script says what keeps it from doing this; see to that inside the VM, then run again."
        if sent.change.operation == "backups.trigger" and self.runbook.if_not_fixed is not None:
            step = self.runbook.if_not_fixed(self._situation())
        return Stand(Verdict.NOT_FIXED, f"{sent.change.summary}: {sent.detail}", step)

    def _clear_up(self, sent: Sent) -> Stand | None:
        """Look what a script has done whose answer is lost; what cannot be told stays so."""
        reason = f"{sent.change.summary}: {sent.detail}"
        step = "Look at the VM before you run again; nothing was verified."
        if not sent.change.repairs:
            return Stand(Verdict.INCONCLUSIVE, reason, step)
        try:
            look = self.executor.execute(as_check(sent.change))
        except Refused as refused:
            return Stand(Verdict.INCONCLUSIVE, f"{reason}; and nobody can look: {refused.refusal.saw}", step)
        if look.change.operation == CREATE:
            self._pay(look.change.target)
        if look.result in DONE and (look.said or {}).get("applied") is True:
            self.journal.append(self.run.id, CLEARED, self.facts.azure_now, {"fingerprint": sent.change.fingerprint})
            self.tell(Event("cleared_up", f"{sent.change.summary}: a look afterwards shows that it is done"))
            return None
        return Stand(Verdict.INCONCLUSIVE, f"{reason}; a look afterwards: {look.detail}", step)

    def _refused(self, refusal: Refusal) -> Stand:
        begun = self.run.verdict == Verdict.PENDING.value or bool(self._history().sent)
        if refusal.passing and begun:
            until = self.facts.azure_now + BUSY_RECHECK
            return Stand(Verdict.PENDING, refusal.saw, "It goes on by 'remediate resume'.", until, refusal)
        return Stand(Verdict.REFUSED, refusal.saw, refusal.next_step, refusal=refusal)

    def _unapproved(self, plan: Plan) -> Stand:
        change, _ = plan.missing[0]
        accept = f"Read the plan, then 'remediate resume {self.run.id[:12]} --approve {plan.digest}'."
        return Stand(Verdict.NEEDS_APPROVAL, not_accepted(change), accept)

    def _verify(self) -> Stand:
        """Say Fixed only for a completed backup job and a recovery point newer than the repair."""
        history = self._history()
        stopped = any(one.result in DONE and one.change.operation == "protected_items.stop" for one in history.sent)
        if stopped or not self.runbook.proof:  # no recovery point can follow where backups were stopped
            if any(sent.changed for sent in history.sent):
                undo = f"'remediate undo {self.run.id[:12]}' takes it back where that is possible."
                return Stand(Verdict.APPLIED, "every change was confirmed by reading it back", undo)
            looked = next((one.said for one in reversed(history.sent) if one.said is not None), None)
            return Stand(Verdict.NOTHING_TO_DO, _seen(looked) if looked else "everything is as it should be")
        since = history.progress.changed_at
        ours = next((one.job for one in history.progress.backups.values() if one.completed), "")
        job = ours or self._other_backup(since)
        newest = next((one for one in reversed(self.facts.recovery_points()) if one.time is not None), None)
        if job and newest is not None and newest.time is not None and newest.time > since:
            proof = Proof(newest.name, newest.time, since, job)
            reason = f"the recovery point of {iso(newest.time)} is newer than the repair of {iso(since)}"
            return Stand(Verdict.FIXED, reason, proof=proof)
        gone = self._gone(history)
        if gone:
            return Stand(Verdict.NOTHING_TO_DO, gone)
        now = self.facts.azure_now
        if now < since + NEW_POINT_PATIENCE:
            reason = f"no completed backup with a recovery point newer than the repair of {iso(since)} is visible yet"
            return Stand(Verdict.PENDING, reason, "It goes on by 'remediate resume'.", now + NEW_POINT_RECHECK)
        return Stand(
            Verdict.INCONCLUSIVE,
            f"no completed backup with a recovery point newer than the repair of {iso(since)} has appeared",
            "Look at the vault's backup jobs and recovery points.",
        )

    def _gone(self, history: History) -> str:
        """Return why nothing is left to do, when the run has only waited until its error went away; else nothing."""
        if history.sent or self.facts.running_jobs():
            return ""
        found = self.runbook.diagnose(self._situation())
        return found.reason if found.decision is Decision.NOTHING else ""

    def _other_backup(self, since: datetime) -> str:
        """Return a completed backup job that somebody else (the schedule) started after the repair."""
        for job in self.facts.recent_jobs():
            if job.operation == "Backup" and job.status == "Completed" and job.started and job.started > since:
                return job.name
        return ""

    def _repay(self, stand: Stand) -> Stand:
        """Give back what the run took on loan, however it ended."""
        for duty in self.journal.duties(self.run.id):
            failure = self._repaid(duty)
            if failure and is_run_command(duty):  # it hurts nobody, and the next run on the VM removes it
                left = f"{spoken(duty)} is still to be done ({failure}); 'remediate undo {self.run.id[:12]}' does it."
                stand = replace(stand, next_step=f"{stand.next_step} {left}".strip())
            elif failure:
                reason = f"{stand.reason}; but {spoken(duty)} could not be put back: {failure}"
                step = "It is tried again by 'remediate resume --now'."
                return Stand(Verdict.PENDING, reason, step, self.facts.azure_now)
        return stand

    def _repaid(self, duty: Duty) -> str:
        """Pay a duty; return why that failed, or nothing."""
        for effect in payment(self.facts, duty):
            if isinstance(effect, NoChange):
                continue
            try:
                sent = self.executor.execute(effect.in_step(REPAY), repaying=True)
            except Refused as refused:
                return refused.refusal.saw
            if sent.result not in DONE:
                return sent.detail
        self.journal.repaid(duty)
        self.journal.append(self.run.id, REPAID, self.facts.azure_now, {"target": duty.target})
        self.tell(Event("repaid", f"paid: {spoken(duty)}"))
        return ""

    def _pay(self, target: str) -> None:
        """Remove the run command of a script that has ended; what fails here is tried again when the run ends."""
        for duty in self.journal.duties(self.run.id):
            if same(duty.target, target):
                self._repaid(duty)

    def _keep(self, stand: Stand) -> None:
        self.run.verdict, self.run.reason = stand.verdict.value, stand.reason
        self.run.next_check_at = stand.until
        if stand.verdict.final:
            self.run.status = CLOSED
        kind = PARKED if stand.verdict is Verdict.PENDING else VERDICT
        data = {
            "verdict": stand.verdict.value,
            "reason": stand.reason,
            "until": iso(stand.until) if stand.until else None,
        }
        self.journal.append(self.run.id, kind, self.facts.azure_now, data)
        self.journal.save(self.run)

    def _history(self) -> History:
        return History.of(self.run, self.journal)

    def _situation(self) -> Situation:
        progress = self._history().progress
        tell_guest(self.facts, progress.said)
        return Situation(self.facts, self.facts.azure_now, progress, self.run.arguments)


def _seen(said: Mapping[str, Any]) -> str:
    """Return what a script has said that changed nothing."""
    if said.get("verb") != "check":
        return "the script found everything as it should be"
    if find_script(str(said["action"])).reads_only:
        return "the script has looked, and changed nothing"
    return (
        f"the script has looked: {'it would change something' if said.get('needed') else 'nothing has to be changed'}"
    )


def consent_of(plan: Plan, *, yes: bool, approve: str) -> Consent | Refusal:
    """Return what the operator's options accept of a plan.

    Args:
        plan: the plan as it is now.
        yes: ``--yes``.
        approve: the digest given with ``--approve``, or empty.

    Returns:
        The consent; a refusal when the digest is that of another plan: then nothing may be sent.
    """
    if not approve:
        return Consent(yes=yes)
    if approve.lower() == plan.digest:
        return plan.approval()
    saw = f"the approved plan was {approve}, but the plan now is {plan.digest}: something has changed since"
    return Refusal("approval", saw, f"Read the plan again; approve it with --approve {plan.digest}.")
