"""The lease of a run: kept through every wait, looked at right before every send, lost for good once it was lost."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

import remediate.runs
from arm.runtime import Runtime
from remediate.engine.lease import BEAT_SECONDS, LEASE_SECONDS, SEND_SECONDS, Lease
from remediate.engine.model import Verdict
from remediate.journal.model import Held, JournalError, LeaseLost
from remediate.remediation import Remediation

from ..drill import CODE, YES
from .test_faults import finish_from


def never(_owner: str) -> bool:
    return False


def of(world) -> Lease:
    return Lease(world.journal(), world.vm_id, world.runtime)


def takes(world, owner: str = "another-host/1/1/x", *, by_force: bool = False) -> Held | None:
    return world.journal().acquire(world.vm_id, owner, world.runtime.now(), LEASE_SECONDS, lambda _owner: by_force)


def test_a_lease_is_kept_through_a_wait_longer_than_itself(drill):
    world = drill()
    lease = of(world)
    seen = []
    advance = world.pass_time

    def watched(span: timedelta) -> None:
        advance(span)
        seen.append((span.total_seconds(), takes(world)))

    world.pass_time = watched
    lease.sleep(10 * LEASE_SECONDS)
    assert sum(seconds for seconds, _ in seen) == 10 * LEASE_SECONDS
    assert max(seconds for seconds, _ in seen) <= LEASE_SECONDS / 3
    assert not any(taken for _, taken in seen)
    lease.release()
    assert takes(world).fence == 2


@pytest.mark.parametrize(
    ("clock", "seconds", "renewed"),
    [
        ("monotonic", BEAT_SECONDS, True),
        ("monotonic", BEAT_SECONDS - 1, False),
        ("host", BEAT_SECONDS, True),
        ("host", -BEAT_SECONDS, True),
        ("host", BEAT_SECONDS - 1, False),
    ],
)
def test_a_lease_is_renewed_when_either_clock_says_so(drill, clock, seconds, renewed):
    world = drill()
    shift = {"monotonic": 0.0, "host": 0.0}
    base = world.runtime
    runtime = replace(
        base,
        now=lambda: base.now() + timedelta(seconds=shift["host"]),
        monotonic=lambda: base.monotonic() + shift["monotonic"],
    )
    journal = world.journal()
    lease = Lease(journal, world.vm_id, runtime)
    statements = []
    journal._db.set_trace_callback(statements.append)
    shift[clock] = seconds
    lease.keep()
    assert any("leases" in one for one in statements) is renewed
    lease.release()


def test_who_finds_the_lease_lost_stops_even_when_it_is_free_again(drill):
    world = drill()
    lease = of(world)
    world.journal().release(takes(world, by_force=True))
    with pytest.raises(LeaseLost):
        lease.renew()
    with pytest.raises(LeaseLost):
        lease.for_sending()
    assert takes(world) is not None, "what it has taken by asking, it has given back"


def test_nothing_may_be_sent_long_after_the_lease_was_looked_at(drill):
    world = drill()
    lease = of(world)
    assert lease.for_sending() == world.runtime.monotonic() + SEND_SECONDS
    assert SEND_SECONDS < LEASE_SECONDS - BEAT_SECONDS, "whoever may still send, still holds the lease"


def test_a_read_that_waits_keeps_the_lease_unless_it_waits_in_a_thread_of_its_own(drill):
    world = drill()
    facts = world.facts()
    lease = of(world)
    journal_thread = threading.get_ident()
    asked = []
    acquire = lease._journal.acquire

    def noted(*arguments):
        asked.append(threading.get_ident())
        return acquire(*arguments)

    lease._journal.acquire = noted
    before = facts.session
    with lease.kept(facts):
        facts.session.runtime.sleep(2 * BEAT_SECONDS)
        assert asked
        assert set(asked) == {journal_thread}
        asked.clear()
        thread = threading.Thread(target=facts.session.runtime.sleep, args=(2 * BEAT_SECONDS,))
        thread.start()
        thread.join()
        assert asked == []
        assert facts.session.transport is before.transport
    assert facts.session is before
    assert takes(world) is not None


def test_a_lease_that_cannot_be_given_back_ends_by_itself(drill):
    world = drill()
    journal = world.journal()
    lease = Lease(journal, world.vm_id, world.runtime)
    journal.close()
    lease.release()
    assert takes(world) is None
    world.pass_time(timedelta(seconds=LEASE_SECONDS))
    assert takes(world) is not None


def reaching(world, name: str, does) -> Remediation:
    """A process that is interrupted where it reaches this boundary for the first time."""
    left = [does]

    def reach(found: str) -> None:
        if found == name and left:
            left.pop()()

    session = world.session()
    session.runtime = replace(session.runtime, reach=reach)
    return Remediation(session, world.journal, wait=3600)


def test_a_process_that_loses_the_lease_before_it_sends_sends_nothing(drill):
    world = drill()
    machine = reaching(world, "after intent", lambda: takes(world, by_force=True))
    with pytest.raises(LeaseLost):
        machine.repair(CODE, world.vm(), accepted=YES)
    assert world.writes == []


def test_a_process_that_was_suspended_right_before_it_sends_sends_nothing(drill):
    """The lease has just been looked at; then the process does not run for ten minutes, and another takes over."""
    world = drill()

    def suspended() -> None:
        world.pass_time(timedelta(minutes=10))
        assert takes(world).fence == 2

    machine = reaching(world, "before send", suspended)
    with pytest.raises(LeaseLost):
        machine.repair(CODE, world.vm(), accepted=YES)
    assert world.writes == []


def test_a_process_that_was_suspended_and_still_has_the_lease_looks_again_and_goes_on(drill):
    world = drill()
    machine = reaching(world, "before send", lambda: world.pass_time(timedelta(minutes=10)))
    report = finish_from(world, machine.repair(CODE, world.vm(), accepted=YES))
    assert report.stand.verdict is Verdict.FIXED
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST", "POST"]


def test_a_process_whose_journal_fails_before_it_sends_sends_nothing(drill):
    world = drill()
    journals = []
    machine = reaching(world, "after intent", lambda: [journal.close() for journal in journals])
    journals.append(machine.journal)
    with pytest.raises(JournalError):
        machine.repair(CODE, world.vm(), accepted=YES)
    assert world.writes == []


def test_of_two_that_ask_for_the_same_repair_the_second_goes_on_with_the_run_of_the_first(drill):
    """Both have read the facts and found no run; the first has parked its run when the second gets the lease."""
    world = drill()
    first = []

    def tell(event) -> None:
        if event.kind == "facts" and not first:
            first.append(None)
            first[0] = world.remediation(wait=1).repair(CODE, world.vm(), accepted=YES)

    report = Remediation(world.session(), world.journal, tell=tell).repair(CODE, world.vm(), accepted=YES)
    assert len(world.journal().runs(9)) == 1
    assert report.run.id == first[0].run.id


def test_a_run_begun_while_the_facts_were_judged_is_gone_on_with(drill, monkeypatch):
    world = drill()
    first = []
    judged = remediate.runs.decide

    def meanwhile(*arguments, **named):
        found = judged(*arguments, **named)
        if not first:
            first.append(None)
            first[0] = world.remediation(wait=1).repair(CODE, world.vm(), accepted=YES)
        return found

    monkeypatch.setattr(remediate.runs, "decide", meanwhile)
    report = world.remediation().repair(CODE, world.vm(), accepted=YES)
    assert len(world.journal().runs(9)) == 1
    assert report.run.id == first[0].run.id


def test_a_run_that_another_process_has_ended_meanwhile_is_not_gone_on_with(drill, monkeypatch):
    world = drill()
    run = world.remediation(wait=1).repair(CODE, world.vm(), accepted=YES).run.id
    ended = []
    known = remediate.runs.undone

    def meanwhile(*arguments):
        if not ended:
            ended.append(None)
            ended[0] = finish_from(world, world.resume(run))
        return known(*arguments)

    monkeypatch.setattr(remediate.runs, "undone", meanwhile)
    report = world.resume(run)
    assert ended[0].stand.verdict is report.stand.verdict is Verdict.FIXED
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST", "POST"]


def test_a_runtime_has_a_clock_that_never_goes_back():
    runtime = Runtime(now=lambda: None, sleep=lambda _seconds: None, new_id=str)
    assert runtime.monotonic() <= runtime.monotonic()
