"""One change on the wire: intent, send, follow, probe, outcome; each durable before the next."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from actions.change import Change
from actions.guest.run import CLASSIC, SCRIPTS
from actions.probes import Effect, probe, started_backup
from actions.tags import stamped
from arm.errors import Ambiguous, NotFound, NotSent, Rejected
from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.operations import CANCELED, DEFAULT_INTERVAL, GONE, IN_PROGRESS, Operation, accepted, poll
from arm.operations import FAILED as OPERATION_FAILED
from arm.writes import Answer, send
from guards import Refusal
from runbooks.model import Runbook

from ..journal.model import Journal, Run
from .boundaries import (
    AFTER_ACCEPTED,
    AFTER_DUTY,
    AFTER_INTENT,
    AFTER_JOB,
    AFTER_OUTCOME,
    AFTER_REPLY,
    BEFORE_INTENT,
    BEFORE_JOB,
    BEFORE_OUTCOME,
    BEFORE_SEND,
    BETWEEN_ATTEMPTS,
    POLLING,
    PROBING,
)
from .duties import owed, take_on
from .history import ACCEPTED, APPLIED, EXPECTED_FAILURE, FAILED, INTENT, JOB, NOT_APPLIED, OUTCOME, UNCLEAR, Sent
from .lease import Lease
from .memory import Recall
from .model import Event, Tell
from .scripts import hear, not_sent

SEND_ATTEMPTS, LONGEST_PAUSE = 4, 60.0
HURRIED_ATTEMPTS, HURRIED_PAUSE, HURRIED_WAIT = 2, 10.0, 60.0
"""The same, and seconds to wait for Azure, while a process that was told to end gives back what is on loan."""
SETTLE = (2.0, 5.0, 10.0)
"""Pauses in seconds between the looks of a probe before it says that a write had no effect."""
SETTLE_LONG, TAKES_MINUTES = (*SETTLE, 30.0, 60.0, 60.0), ("virtual_machines.", "protected_items.")
"""The same for a change of a whole VM or of its protection: it takes minutes, and must not be asked for twice."""
UNDER_WAY_FOR = timedelta(hours=3)
"""How long what Azure is seen to be at may take, where there is no operation to follow."""
SETTLE_BACKUP = (2.0, 5.0, 10.0, 20.0, 20.0)
"""The same for a backup, whose job may show up late; a second one must not be started while the first begins."""
JOB_RECHECK = timedelta(minutes=30)
SCRIPT_RECHECK, SCRIPT_INTERVAL = timedelta(minutes=10), 30.0
_UNKNOWN = "it cannot be told whether it took effect"
_WITHOUT_EFFECT = "Azure reported success, but nothing has changed, or somebody has changed it back"
LATER_CODES = ("ScopeLocked", "Conflict", "AnotherOperationInProgress", "OperationNotAllowed", "TooManyRequests")
"""409 answers that may pass in a minute: a lock's removal spreads, another operation ends."""


class Refused(Exception):
    """A guard refused right before sending."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.saw)
        self.refusal = refusal


class Parked(Exception):
    """Something takes longer than this process may wait; go on at ``until``."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(reason)
        self.reason = reason
        self.until = until


class Executor:
    """Sends the changes of one run.

    Args:
        facts: facts of the VM; its session sends.
        journal: where everything is noted first.
        run: the run.
        runbook: its chain.
        recall: what has happened before, for the guards.
        lease: the lease on the VM.
        wait: seconds this process may spend waiting, all in all.
        tell: told of everything that happens.
    """

    def __init__(
        self,
        *,
        facts: VmFacts,
        journal: Journal,
        run: Run,
        runbook: Runbook,
        recall: Recall,
        lease: Lease,
        wait: float,
        tell: Tell,
    ) -> None:
        self.facts = facts
        self.session = facts.session
        self.journal = journal
        self.run = run
        self.runbook = runbook
        self.recall = recall
        self.lease = lease
        self.tell = tell
        self._reach = self.session.runtime.reach
        self._left = wait
        self._attempts, self._longest_pause = SEND_ATTEMPTS, LONGEST_PAUSE

    def hurry(self) -> None:
        """Send what is still to be sent without patience: the process is about to end."""
        self._left = min(self._left, HURRIED_WAIT)
        self._attempts, self._longest_pause = HURRIED_ATTEMPTS, HURRIED_PAUSE

    def execute(self, change: Change, *, repaying: bool = False) -> Sent:
        """Make one change and return how it ended.

        Args:
            change: the change.
            repaying: it gives back what the run took on loan.

        Raises:
            Refused: a guard refused right before sending; nothing was sent.
            Parked: it was sent and takes longer than this process may wait.
            RemediationError: Azure cannot be read; the journal knows how far it got.
        """
        refusal = self.recall.judge(change, self.facts, repaying=repaying)
        if refusal is not None:
            raise Refused(refusal)
        self.lease.keep()
        at = self.facts.azure_now
        change = stamped(change, self.run.id, at)
        self._reach(BEFORE_INTENT)
        duty = owed(change, self.run.id, proof=self.runbook.proof)
        if duty is not None:
            take_on(self.journal, duty, self.lease.held)
            self._reach(AFTER_DUTY)
        self.note(INTENT, {"change": change.to_json()}, at)
        self.tell(Event("change", change.summary, {"step": change.step, "operation": change.operation}))
        self._reach(AFTER_INTENT)
        try:
            answer = self._send(change, at, repaying=repaying)
        except Refused as refused:
            self._end(Sent(change, at), NOT_APPLIED, refused.refusal.saw)
            raise
        except (NotSent, Rejected, Ambiguous) as error:
            return self._not_taken(Sent(change, at), error)
        self._reach(AFTER_REPLY)
        operation = accepted(answer.headers, for_output=change.operation == CLASSIC) if answer is not None else None
        self.note(ACCEPTED, {"operation": operation.to_json() if operation else None})
        self._reach(AFTER_ACCEPTED)
        return self.follow(Sent(change, at, operation, accepted=self.facts.azure_now))

    def _not_taken(self, sent: Sent, error: NotSent | Rejected | Ambiguous) -> Sent:
        """End a change that Azure did not take; a script that another one keeps waiting comes later."""
        detail = f"{error.message} {error.next_step}"
        if sent.change.operation not in SCRIPTS:
            return self._end(sent, FAILED, detail)
        if _later(error):
            self._end(sent, NOT_APPLIED, detail)
            raise Parked(error.message, self.facts.azure_now + SCRIPT_RECHECK)
        if isinstance(error, Ambiguous):
            return self._end(sent, UNCLEAR, detail)
        heard = not_sent(error)
        return self._end(sent, heard.result, heard.detail) if heard else self._end(sent, FAILED, detail)

    def _send(self, change: Change, at: datetime, *, repaying: bool) -> Answer | None:
        """Send until Azure has taken it, once; ``None`` when only the probe knows that it took effect."""
        from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        backoff = wait_exponential(multiplier=2, min=2, max=60)

        def once() -> Answer | None:
            until = self.lease.for_sending()
            refusal = self.recall.held_back(change, self.facts, repaying=repaying)
            if refusal is not None:
                raise Refused(refusal)
            self._reach(BEFORE_SEND)
            try:
                return send(self.session, change.operation, change.target, dict(change.body), until=until)
            except Ambiguous as error:
                self.tell(Event("ambiguous", error.message))
                effect = self._settled(change, at)
                if effect in (Effect.APPLIED, Effect.UNDER_WAY):
                    return None
                if effect is Effect.UNKNOWN:
                    raise Ambiguous(f"{_UNKNOWN}: {error.message}", "Look at it before you run again.") from error
                raise NotSent(f"it had no effect: {error.message}", error.next_step) from error

        def pause(state: RetryCallState) -> float:
            self._reach(BETWEEN_ATTEMPTS)
            error = state.outcome.exception() if state.outcome else None
            hint = error.retry_after if isinstance(error, NotSent) else None
            return min(hint if hint is not None else backoff(state), self._longest_pause)

        attempts = Retrying(
            retry=retry_if_exception(_later),
            stop=stop_after_attempt(self._attempts),
            wait=pause,
            sleep=self.session.runtime.sleep,
            reraise=True,
        )
        return attempts(once)

    def resume(self, sent: Sent) -> Sent:
        """Go on with a change whose outcome an earlier process did not see; what Azure has taken is not sent again."""
        if sent.accepted is not None:
            return self.follow(sent)
        effect = self._settled(sent.change, sent.at)
        if effect in (Effect.APPLIED, Effect.UNDER_WAY):
            return self.follow(sent)
        if effect is Effect.UNKNOWN:
            return self._end(sent, UNCLEAR if sent.change.operation in SCRIPTS else FAILED, _UNKNOWN)
        return self._end(
            sent, NOT_APPLIED, "an earlier process stopped while it was sent, and Azure does not show it", unseen=True
        )

    def follow(self, sent: Sent) -> Sent:
        """Follow an accepted change to its end and let the probe confirm it.

        Raises:
            Parked: it takes longer than this process may wait.
        """
        failure, blind = "", sent.operation is None
        operation = sent.operation
        job = sent.job
        output: Mapping[str, Any] = {}
        while operation is not None and not job:
            self._reach(POLLING)
            state = poll(self.session, operation)
            operation = state.operation
            self.tell(Event("poll", f"{sent.change.action}: {state.status}", {"status": state.status}))
            if state.status == IN_PROGRESS:
                self._wait(operation.interval, f"{sent.change.action} is still in progress", timedelta(minutes=10))
                continue
            job, output, blind = state.job_id, state.output, state.status == GONE
            if state.status in (OPERATION_FAILED, CANCELED):
                failure = (
                    f"{state.error_code}: {state.error_message}".strip(": ") or f"the operation was {state.status}"
                )
            break
        if sent.change.operation == "backups.trigger":
            return self._follow_backup(sent, job, operation, failure)
        if sent.change.operation in SCRIPTS:
            return self._follow_script(sent, output, failure)
        effect = self._settled(sent.change, sent.at, patient=not failure)
        while blind and effect is Effect.UNDER_WAY and self.facts.azure_now < sent.at + UNDER_WAY_FOR:
            self._wait(DEFAULT_INTERVAL, f"{sent.change.action} is still in progress", timedelta(minutes=10))
            self._reach(PROBING)
            effect = probe(self.facts, sent.change, sent.at)
        if effect is Effect.APPLIED:
            return self._end(sent, APPLIED, "confirmed by reading it back")
        return self._end(sent, FAILED, failure or (_UNKNOWN if effect is Effect.UNKNOWN else _WITHOUT_EFFECT))

    def _follow_script(self, sent: Sent, output: Mapping[str, Any], failure: str) -> Sent:
        heard = hear(self.facts, sent, output, failure)
        while not heard.result:
            self._wait(SCRIPT_INTERVAL, f"{sent.change.action}: {heard.detail}", SCRIPT_RECHECK)
            self._reach(POLLING)
            heard = hear(self.facts, sent, output, failure)
        return self._end(sent, heard.result, heard.detail, said=heard.said)

    def _follow_backup(self, sent: Sent, job: str, operation: Operation | None, failure: str) -> Sent:
        if failure and not job:
            return self._end(sent, FAILED, failure)
        job = job or self._find_job(sent)
        if not job:
            return self._end(sent, FAILED, "Azure accepted the backup, but no job of it can be found")
        if not sent.job:
            self._reach(BEFORE_JOB)
            self.note(JOB, {"job": job})
            self._reach(AFTER_JOB)
        interval = operation.interval if operation is not None else 30.0
        while True:
            self._reach(POLLING)
            state = self._job(job)
            if state is None:
                return self._end(sent, FAILED, f"Azure named the backup job {job}, but there is no such job", job=job)
            if not state.running:
                break
            self.tell(Event("poll", f"backup job {job}: {state.status}", {"job": job, "status": state.status}))
            self._wait(interval, f"the backup job {job} is in progress", JOB_RECHECK)
        entry = self.runbook.entry
        text = "; ".join(f"{error.code}: {error.title or error.text}" for error in state.errors)
        detail = " ".join(part for part in (f"job {job} {state.status}", text, state.dynamic_message) if part)
        if state.status == "Completed":
            result = APPLIED
        elif sent.change.may_fail_with and entry is not None and state.status == "Failed" and entry.describes(state):
            result = EXPECTED_FAILURE
        else:
            result = FAILED
        return self._end(sent, result, detail, job=job, job_status=state.status)

    def _job(self, name: str) -> Job | None:
        """Read a backup job; one that Azure has just named may show up late. ``None``: there is none."""
        for pause in SETTLE_BACKUP:
            with suppress(NotFound):
                return self.facts.read_job(name)
            self.session.runtime.sleep(pause)
        return None

    def _find_job(self, sent: Sent) -> str:
        if self._settled(sent.change, sent.at) is Effect.NOT_APPLIED:
            return ""
        job = started_backup(self.facts, sent.at)
        return job.name if job is not None else ""

    def _settled(self, change: Change, at: datetime, *, patient: bool = True) -> Effect:
        """Probe until the effect is there; Azure's answers may lag behind, so "no" is asked more than once."""
        pauses: tuple[float, ...] = SETTLE_LONG if change.operation.startswith(TAKES_MINUTES) else SETTLE
        pauses = {"backups.trigger": SETTLE_BACKUP, CLASSIC: ()}.get(change.operation, pauses)
        self._reach(PROBING)
        effect = probe(self.facts, change, at)
        for pause in pauses if patient else ():
            if effect in (Effect.APPLIED, Effect.UNDER_WAY):
                break
            self.session.runtime.sleep(pause)
            self._reach(PROBING)
            effect = probe(self.facts, change, at)
        return effect

    def _wait(self, seconds: float, reason: str, recheck: timedelta) -> None:
        if self._left < seconds:
            raise Parked(reason, self.facts.azure_now + recheck)
        self._left -= seconds
        self.session.runtime.sleep(seconds)

    def _end(
        self,
        sent: Sent,
        result: str,
        detail: str,
        *,
        job: str = "",
        job_status: str = "",
        said: Mapping[str, Any] | None = None,
        unseen: bool = False,
    ) -> Sent:
        at = self.facts.azure_now
        data: dict[str, object] = {
            "result": result,
            "detail": detail,
            "job": job,
            "job_status": job_status,
            "said": said,
            "unseen": unseen,
        }
        self._reach(BEFORE_OUTCOME)
        self.note(OUTCOME, data, at)
        self._reach(AFTER_OUTCOME)
        self.facts.refresh()
        self.tell(Event("outcome", f"{sent.change.summary}: {result}", {"result": result, "detail": detail}))
        ended = replace(sent, job=job or sent.job, result=result, detail=detail, job_status=job_status, ended=at)
        return replace(ended, said=said, unseen=unseen)

    def end_unseen(self, sent: Sent, result: str, detail: str) -> Sent:
        """End a change whose end nobody waits for."""
        return self._end(sent, result, detail)

    def note(self, kind: str, data: Mapping[str, object], at: datetime | None = None) -> None:
        """Add a record to the run's journal.

        Args:
            kind: what happened.
            data: the rest.
            at: when, on Azure's clock; default now.
        """
        self.journal.append(self.run.id, kind, at or self.facts.azure_now, data, self.lease.held)


def _later(error: BaseException) -> bool:
    """Say whether a write that failed like this certainly had no effect and may succeed in a while."""
    if isinstance(error, Rejected):
        return error.status == 409 and error.azure_code in LATER_CODES
    return isinstance(error, NotSent)
