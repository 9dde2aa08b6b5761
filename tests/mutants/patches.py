"""How a measure of safety is taken away while the program runs: a patch for each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from math import inf
from typing import Any
from unittest import mock

import arm.transport
import remediate.engine.decide
import remediate.engine.drive
import remediate.engine.duties
import remediate.engine.execute
import remediate.engine.memory
import remediate.engine.plan
import remediate.engine.repay
import remediate.engine.scripts
import remediate.runs
from actions.probes import Effect
from arm.errors import Ambiguous, NotSent
from remediate.engine.execute import Executor
from remediate.engine.history import INTENT, History, Sent
from remediate.engine.lease import Lease
from remediate.engine.model import Verdict
from remediate.engine.repay import Repayer
from remediate.journal.sqlite import SqliteJournal

LINE: Any = import_module("guards.review")
"""The package's own name for it is its function."""
Patch = Callable[[], AbstractContextManager[Any]]


def on(target: Any, name: str, value: Any) -> Patch:
    return lambda: mock.patch.object(target, name, value)


def without(guard: Any) -> Patch:
    def patch() -> AbstractContextManager[Any]:
        stack = ExitStack()
        others = tuple(one for one in LINE.GUARDS if one is not guard)
        stack.enter_context(mock.patch.object(LINE, "GUARDS", others))
        if guard is remediate.engine.memory.kill_switch:  # which is asked again before each attempt to send
            stack.enter_context(mock.patch.object(remediate.engine.memory, "kill_switch", return_value=None))
        return stack

    return patch


def late_intent() -> AbstractContextManager[Any]:
    note: Any = Executor.note
    held: list[tuple[Any, ...]] = []

    def late(executor: Executor, kind: str, data: dict[str, object], at: Any = None) -> None:
        if kind == INTENT:
            held.append((executor, kind, data, at))
            return
        while held:
            note(*held.pop())
        note(executor, kind, data, at)

    return mock.patch.object(Executor, "note", late)


def blind_resend() -> AbstractContextManager[Any]:
    send = remediate.engine.execute.send

    def blind(*arguments: Any, **options: Any) -> Any:
        try:
            return send(*arguments, **options)
        except Ambiguous as error:
            raise NotSent(error.message, error.next_step) from error

    return mock.patch.object(remediate.engine.execute, "send", blind)


def bare_lock() -> AbstractContextManager[Any]:
    restore = remediate.engine.duties.restore_lock

    def bare(facts: Any, lock_id: str, body: Any) -> Any:
        return restore(facts, lock_id, {"properties": {"level": body["properties"]["level"]}})

    return mock.patch.object(remediate.engine.duties, "restore_lock", bare)


def unpaid_when_it_fails() -> AbstractContextManager[Any]:
    repay = Repayer.at_the_end

    def only_when_fixed(repayer: Repayer, stand: Any) -> Any:
        return repay(repayer, stand) if stand.verdict is Verdict.FIXED else stand

    return mock.patch.object(Repayer, "at_the_end", only_when_fixed)


def struck_off_unpaid() -> AbstractContextManager[Any]:
    return mock.patch.object(remediate.engine.repay, "payment", return_value=())


def any_permit() -> AbstractContextManager[Any]:
    transport = arm.transport.GuardedTransport
    take = transport._take_permit

    def taken(self: Any, method: str, path: str) -> Any:
        if self.read_only:
            return take(self, method, path)
        self.writes += 1
        return (method, path)

    return mock.patch.object(transport, "_take_permit", taken)


def read_only_writes() -> AbstractContextManager[Any]:
    transport = arm.transport.GuardedTransport
    take = transport._take_permit

    def taken(self: Any, method: str, path: str) -> Any:
        self.read_only = False
        return take(self, method, path)

    return mock.patch.object(transport, "_take_permit", taken)


def any_recovery_point() -> AbstractContextManager[Any]:
    progress: Any = History.progress

    def long_ago(history: History) -> Any:
        found = progress.fget(history)
        return replace(found, changed_at=found.changed_at - timedelta(days=3650))

    return mock.patch.object(History, "progress", property(long_ago))


def one_look() -> AbstractContextManager[Any]:
    settled = Executor._settled

    def once(executor: Executor, change: Any, at: Any, **_: Any) -> Effect:
        return settled(executor, change, at, patient=False)

    return mock.patch.object(Executor, "_settled", once)


def no_consent() -> AbstractContextManager[Any]:
    return many((remediate.engine.plan, "missing_approval"), (remediate.engine.drive, "missing_approval"))


def many(*places: tuple[Any, str]) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for target, name in places:
        stack.enter_context(mock.patch.object(target, name, return_value=None))
    return stack


def any_digest() -> AbstractContextManager[Any]:
    def agreed(plan: Any, *, yes: bool, approve: str) -> Any:
        return remediate.engine.drive.consent_of(plan, yes=yes, approve=plan.digest if approve else "")

    return mock.patch.object(remediate.engine.decide, "consent_of", agreed)


def stale_plan() -> AbstractContextManager[Any]:
    decide = remediate.runs.decide

    def whatever(plan: Any, accepted: Any, *, dry_run: bool) -> Any:
        return decide(plan, replace(accepted, expect=""), dry_run=dry_run)

    return mock.patch.object(remediate.runs, "decide", whatever)


def stolen_lease() -> AbstractContextManager[Any]:
    acquire = SqliteJournal.acquire

    def taken(journal: Any, vm_id: str, owner: str, now: Any, seconds: float, _abandoned: Any) -> Any:
        return acquire(journal, vm_id, owner, now, seconds, lambda _owner: True)

    return mock.patch.object(SqliteJournal, "acquire", taken)


def no_fence() -> AbstractContextManager[Any]:
    def again(lease: Any) -> None:
        lease.held = lease._acquire()

    stack = ExitStack()
    stack.enter_context(mock.patch.object(SqliteJournal, "check", return_value=None))
    stack.enter_context(mock.patch.object(Lease, "renew", again))
    return stack


def endless_permit() -> AbstractContextManager[Any]:
    send = remediate.engine.execute.send

    def whenever(*arguments: Any, until: float) -> Any:
        return send(*arguments, until=max(until, inf))

    return mock.patch.object(remediate.engine.execute, "send", whenever)


def forgets_what_was_accepted() -> AbstractContextManager[Any]:
    resume = Executor.resume

    def again(executor: Executor, sent: Sent) -> Sent:
        followed = sent.operation is not None or sent.job
        return resume(executor, sent if followed else replace(sent, accepted=None))

    return mock.patch.object(Executor, "resume", again)


def never_late() -> AbstractContextManager[Any]:
    stack = ExitStack()
    stack.enter_context(mock.patch.object(remediate.engine.scripts, "SHOWS", timedelta(0)))
    stack.enter_context(mock.patch.object(remediate.engine.repay, "NEW", timedelta(0)))
    return stack


def not_applied(*_: Any) -> Effect:
    return Effect.NOT_APPLIED
