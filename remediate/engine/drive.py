"""Driving a run: recover what is open, judge the plan, go through the steps, verify, repay."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from actions.change import Change
from actions.guest.run import CREATE, as_check, as_classic
from actions.tags import WRITE
from arm.errors import NotFound, RemediationError
from arm.facts.collect import VmFacts
from arm.facts.times import iso
from guards import Consent, Guarded, Refusal, missing_approval
from runbooks.model import Decision, HandOver, Runbook, Situation

from ..journal.model import CLOSED, Journal, LeaseLost, Run
from .boundaries import (
    AFTER_CLEARED,
    AFTER_NEXT_STEP,
    AFTER_VERDICT,
    BEFORE_CLEARED,
    BEFORE_NEXT_STEP,
    BEFORE_VERDICT,
    LEASED,
    RECOVERING,
    VERDICT_NOTED,
    VERIFYING,
)
from .execute import Executor, Parked, Refused
from .history import (
    CANCELLED,
    CLEARED,
    DONE,
    FAILED,
    NOT_APPLIED,
    NOT_OFFERED,
    PARKED,
    REPAY,
    UNCLEAR,
    VERDICT,
    History,
    Sent,
)
from .model import Event, Proof, Stand, Tell, Verdict
from .plan import Plan, judge, make_plan, not_accepted, planned_step, still_to_make
from .repay import Repayer
from .scripts import seen, tell_guest

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
        self._reach = facts.session.runtime.reach
        self._repayer = Repayer(executor)
        self._over_with = False
        self.plan: Plan | None = None

    def drive(self) -> Stand:
        """Go on with the run and return where it stands; the stand is in the journal when this returns.

        Raises:
            LeaseLost: another process works on this VM.
            RemediationError: Azure cannot be reached or read; the run stays open.
        """
        self._reach(LEASED)
        try:
            stand = self._stand()
            self._keep(stand)
        except LeaseLost:
            raise  # whoever has it now pays what is owed
        except KeyboardInterrupt:
            self._stopped("the process was told to end")
            raise
        except Exception as error:
            self._stopped(f"the process ended by an error ({type(error).__name__})")
            raise
        return stand

    def cancel(self) -> Stand:
        """End the run: what is under way is settled or left, what is owed is paid; errors as :meth:`drive`.

        That is noted first: where it takes long, or fails, or stops, whoever goes on with it repairs nothing any more.
        """
        if not self._history().called_off:
            self.executor.note(CANCELLED, {})
        return self.drive()

    def _stopped(self, why: str) -> None:
        """Give the locks back that are away; the run stays open. What fails is owed, and nothing is raised."""
        with suppress(RemediationError):
            if self._repayer.in_the_middle(why, over=self._over_with):
                reason = f"{why}; what was on loan is back, and is taken again where the run goes on"
                now = self.facts.azure_now
                self._keep(Stand(Verdict.PENDING, reason, "It goes on by 'remediate resume'.", now))

    def _stand(self) -> Stand:
        try:
            stand = self._repaired()
            self._over_with = stand.verdict.final
            return self._repayer.at_the_end(stand) if stand.verdict.final else stand
        except Parked as parked:
            return Stand(Verdict.PENDING, parked.reason, "It goes on by 'remediate resume'.", until=parked.until)

    def _repaired(self) -> Stand:
        """Advance; a run whose VM has been deleted meanwhile has come to its end."""
        try:
            return self._advance()
        except NotFound:
            if self.facts.vm_or_none() is not None:
                raise
            name = self.facts.vm_id.rsplit("/", 1)[-1]
            return Stand(Verdict.NOT_FIXED, f"the VM {name} is not there any more", "Look whether it was moved.")

    def _advance(self) -> Stand:
        if self._history().called_off:
            return self._repayer.cancelled()
        stand = self._recover() or self._preflight()
        while stand is None and self.run.position < len(self.run.steps):
            stand = self._step()
        return stand or self._verify()

    def _recover(self) -> Stand | None:
        """Finish a change that an earlier process left open, before anything else is looked at."""
        history = self._history()
        unfinished = history.unfinished
        if unfinished is None:
            return self._clear_up(history.unclear) if history.unclear is not None else self._ended_badly(history)
        self._reach(RECOVERING)
        self.tell(Event("recover", f"going on with: {unfinished.change.summary}"))
        sent = self.executor.resume(unfinished)
        if sent.change.step == REPAY or history.unclear is not None:
            return self._recover()  # what is owed is asked for again when the run ends; a look is looked at
        return self._over(sent)

    def _ended_badly(self, history: History) -> Stand | None:
        """End a step whose change has failed, where an earlier process could not; nothing is sent again."""
        made = [one for one in history.sent if one.change.step != REPAY and one.change.action != WRITE]
        here = self.run.steps[self.run.position : self.run.position + 1]
        if not made or made[-1].result != FAILED or made[-1].change.step not in here:
            return None
        return self._over(made[-1])

    def _over(self, sent: Sent) -> Stand | None:
        """Judge a change that an earlier process has begun; ``None`` when the run goes on."""
        stand = self._after(sent)
        if stand is None or not self._goes_on(stand, sent.change.step):
            return stand
        if sent.change.step in self.run.steps[self.run.position : self.run.position + 1]:
            self._next_step()  # else the run was stopped, and begins again with an earlier step
        return None

    def _preflight(self) -> Stand | None:
        """Judge everything that is still ahead, so that nothing is begun that may not be finished."""
        situation = self._situation()
        names = self.run.steps[self.run.position :]
        self.plan = self._planned(names, situation)
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
        self._reach(BEFORE_NEXT_STEP)
        self.run.position += 1
        self.journal.save(self.run, self.executor.lease.held)
        self._reach(AFTER_NEXT_STEP)

    def _allowed(self, changes: Sequence[Change]) -> Stand | None:
        refusals = judge(changes, Guarded(self.facts, memory=self.executor.recall.memory()))
        if refusals:
            return self._refused(refusals[0])
        missing = [change for change in changes if missing_approval(change, self.run.consent) is not None]
        if not missing:
            return None
        self.plan = self._planned(self.run.steps[self.run.position :], self._situation())
        return self._unapproved(self.plan)

    def _planned(self, names: Sequence[str], situation: Situation) -> Plan:
        done, memory = self._history().done, self.executor.recall.memory()
        return make_plan(self.runbook, names, situation, self.run.consent, done=done, memory=memory)

    def _make(self, change: Change) -> Stand | None:
        try:
            sent = self.executor.execute(change)
        except Refused as refused:
            return self._refused(refused.refusal)
        return self._after(sent)

    def _after(self, sent: Sent) -> Stand | None:
        if sent.change.operation == CREATE and sent.result != NOT_APPLIED:
            self._repayer.one(sent.change.target)
        if sent.result == NOT_OFFERED:
            self.tell(Event("fallback", f"{sent.detail}; sending the script the older way"))
            return self._make(as_classic(sent.change))
        if sent.result == UNCLEAR:
            return self._clear_up(sent)
        if sent.result != FAILED:
            return None
        if sent.change.action == WRITE:
            return self._without_copy(sent)
        step = "Read Azure's message, then run again; 'remediate undo' takes back what was changed."
        if (sent.said or {}).get("refused"):
            step = "The script says what keeps it from doing this; see to that inside the VM, then run again."
        if sent.change.operation == "backups.trigger" and self.runbook.if_not_fixed is not None:
            step = self.runbook.if_not_fixed(self._situation())
        return Stand(Verdict.NOT_FIXED, f"{sent.change.summary}: {sent.detail}", step)

    def _without_copy(self, sent: Sent) -> Stand:
        """Ask whether a lock may go on loan whose copy could not be put on the VM."""
        self.plan = self._planned(self.run.steps[self.run.position :], self._situation())
        reason = f"{sent.change.summary}: {sent.detail}"
        if self.plan.missing:
            return replace(self._unapproved(self.plan), reason=reason)
        return Stand(Verdict.PENDING, reason, "It goes on by 'remediate resume'.", self.facts.azure_now)

    def _clear_up(self, sent: Sent) -> Stand | None:
        """Look what a script has done whose answer is lost; what cannot be told stays so."""
        reason = f"{sent.change.summary}: {sent.detail}"
        step = "Look at the VM before you run again; nothing was verified."
        if not sent.change.repairs:
            return Stand(Verdict.INCONCLUSIVE, reason, step)
        check = as_check(sent.change)
        try:
            look = self._history().look_after(sent, check) or self.executor.execute(check)
        except Refused as refused:
            return Stand(Verdict.INCONCLUSIVE, f"{reason}; and nobody can look: {refused.refusal.saw}", step)
        if look.change.operation == CREATE:
            self._repayer.one(look.change.target)
        if look.result in DONE and (look.said or {}).get("applied") is True:
            self._reach(BEFORE_CLEARED)
            self.executor.note(CLEARED, {"fingerprint": sent.change.fingerprint})
            self._reach(AFTER_CLEARED)
            self.tell(Event("cleared_up", f"{sent.change.summary}: a look afterwards shows that it is done"))
            return None
        return Stand(Verdict.INCONCLUSIVE, f"{reason}; a look afterwards: {look.detail}", step)

    def _refused(self, refusal: Refusal) -> Stand:
        begun = self.run.verdict == Verdict.PENDING.value or bool(self._history().sent)
        if refusal.passing and begun:
            if refusal.lasting:
                self._repayer.in_the_middle(refusal.saw, over=False)
            until = refusal.until or self.facts.azure_now + BUSY_RECHECK
            return Stand(Verdict.PENDING, refusal.saw, "It goes on by 'remediate resume'.", until, refusal)
        return Stand(Verdict.REFUSED, refusal.saw, refusal.next_step, refusal=refusal)

    def _unapproved(self, plan: Plan) -> Stand:
        change, _ = plan.missing[0]
        accept = f"Read the plan, then 'remediate resume {self.run.id[:12]} --approve {plan.digest}'."
        return Stand(Verdict.NEEDS_APPROVAL, not_accepted(change), accept)

    def _verify(self) -> Stand:
        """Say Fixed only for a completed backup job and a recovery point newer than the repair."""
        self._reach(VERIFYING)
        history = self._history()
        stopped = any(one.result in DONE and one.change.operation == "protected_items.stop" for one in history.sent)
        if stopped or not self.runbook.proof:  # no recovery point can follow where backups were stopped
            if any(sent.changed for sent in history.sent):
                undo = f"'remediate undo {self.run.id[:12]}' takes it back where that is possible."
                return Stand(Verdict.APPLIED, "every change was confirmed by reading it back", undo)
            looked = next((one.said for one in reversed(history.sent) if one.said is not None), None)
            return Stand(Verdict.NOTHING_TO_DO, seen(looked) if looked else "everything is as it should be")
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

    def _keep(self, stand: Stand) -> None:
        self._reach(BEFORE_VERDICT)
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
        self.executor.note(kind, data)
        self._reach(VERDICT_NOTED)
        self.journal.save(self.run, self.executor.lease.held)
        self._reach(AFTER_VERDICT)

    def _history(self) -> History:
        return History.of(self.run, self.journal)

    def _situation(self) -> Situation:
        progress = self._history().progress
        tell_guest(self.facts, progress.said)
        return Situation(self.facts, self.facts.azure_now, progress, self.run.arguments)


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
