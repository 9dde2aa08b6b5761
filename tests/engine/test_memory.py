"""The guards with memory in whole runs: kill switch, loop and systemic breaker, blast radius, change windows."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arm.errors import UsageError
from arm.facts.graph import VmReference
from guards import Limits
from guards.windows import Window
from remediate.engine.memory import (
    CHANGED,
    FORGET,
    SIGHTING,
    Recall,
    close_incident,
    freeze,
    frozen,
    incidents,
    thaw,
)
from remediate.engine.model import Event, Verdict
from remediate.journal.sqlite import SqliteJournal
from remediate.remediation import Accepted, Remediation
from remediate.report import Report

from ..actions.given import CALM_VM, GivenFacts, change
from ..drill import CODE, YES, Drill

LOAN = "rp-collection-limit-subscription-lock"
START = datetime(2026, 3, 2, 3, tzinfo=timezone.utc)
AT = "https://management.azure.com"
BACKUP = "action:trigger_on_demand_backup"


def machine(world: Drill, tell: Any = None, **more: Any) -> Remediation:
    tell = tell or world.events.append
    return Remediation(world.session(), world.journal, tell=tell, wait=3600.0, known=world.state.exists, **more)


def repair(world: Drill, tell: Any = None, accepted: Accepted = YES, **more: Any) -> Report:
    return machine(world, tell, **more).repair(CODE, world.vm(), accepted=accepted)


def finish(world: Drill, report: Report, **more: Any) -> Report:
    world.pass_time(timedelta(hours=6))
    return machine(world, **more).resume(report.run.id, accepted=Accepted())


def stop(world: Drill, reason: str = "storage outage") -> None:
    freeze(world.journal(), reason, "ana@ops-1", world.runtime.now())


def approval(world: Drill) -> Accepted:
    return Accepted(approve=machine(world).plan(CODE, world.vm()).plan.digest)


def locks(world: Drill) -> list[Any]:
    return sorted((one.id, one.level, one.notes, str(one.owners)) for one in world.facts().locks())


def neighbours(world: Drill, count: int) -> list[VmReference]:
    """More machines in the same vault, which are well."""
    real = world.simulator.world
    vault = next(iter(real.recoveryservices.vaults.values()))
    policy = next(iter(vault.policies.values()))
    found = []
    for number in range(count):
        vm = real.compute.add_vm(f"app-{number}", "rg-app", "westeurope")
        real.recoveryservices.protect(vm.id, vault, policy)
        found.append(VmReference(vm.id, "westeurope"))
    return found


def limits_of(vms: int) -> Limits:
    return Limits(systemic_vms=vms)


# the kill switch


def test_while_everything_is_frozen_no_run_is_begun_and_nothing_is_sent(drill):
    world = drill()
    stop(world)
    report = repair(world)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "kill-switch")
    assert "storage outage" in report.stand.reason
    assert world.writes == []
    assert world.journal().runs(10) == []


def test_a_run_in_flight_waits_while_everything_is_frozen_and_goes_on_after_that(drill):
    world = drill()

    def tell(event: Event) -> None:
        if event.kind == "outcome" and frozen(world.journal()) is None:
            stop(world)

    report = repair(world, tell)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.PENDING, "kill-switch")
    assert len(world.writes) == 1
    assert finish(world, report).stand.refusal.guard == "kill-switch"
    assert len(world.writes) == 1
    thaw(world.journal())
    report = finish(world, report)
    assert report.stand.verdict is Verdict.PENDING
    assert finish(world, report).stand.verdict is Verdict.FIXED


def test_a_lock_on_loan_is_given_back_at_once_when_everything_is_frozen(drill):
    world = drill(LOAN)
    before, accepted = locks(world), approval(world)

    def tell(event: Event) -> None:
        if event.kind == "outcome" and event.text.startswith("remove the CanNotDelete lock"):
            stop(world)

    report = repair(world, tell, accepted)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.PENDING, "kill-switch")
    assert locks(world) == before
    assert world.journal().duties(report.run.id) == []
    tag, removed, returned, untagged = (one.split("/")[0] for one in world.effects)
    assert (tag, removed, returned, untagged) == ("PATCH ", "DELETE ", "PUT ", "PATCH "), "nothing else was sent"
    thaw(world.journal())
    for _ in range(3):
        report = finish(world, report)
    assert report.stand.verdict is Verdict.FIXED
    assert locks(world) == before


def test_a_write_that_azure_keeps_waiting_is_not_sent_again_once_everything_is_frozen(drill):
    world = drill()
    world.fault("status", status=429, retry_after="60", method="DELETE", times=None)
    sleep = world._sleep

    def stopped_meanwhile(seconds: float) -> None:
        sleep(seconds)
        stop(world)

    world._sleep = stopped_meanwhile
    report = repair(world)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.PENDING, "kill-switch")
    assert len(world.writes) == 1
    assert [one.result for one in report.sent] == ["not applied"]


def test_undoing_and_single_actions_are_frozen_as_well(drill):
    world = drill()
    report = finish(world, repair(world))
    stop(world)
    sent = len(world.writes)
    assert machine(world).undo(report.run.id, accepted=YES).stand.refusal.guard == "kill-switch"
    assert machine(world).repair(BACKUP, world.vm(), accepted=YES).stand.refusal.guard == "kill-switch"
    assert len(world.writes) == sent


def test_a_second_freeze_replaces_the_reason_and_a_thaw_tells_what_it_ended(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    assert thaw(journal) is None
    freeze(journal, "one", "ana", START)
    freeze(journal, "two", "bo", START)
    assert frozen(journal).reason == "two"
    assert thaw(journal).who == "bo"
    assert frozen(journal) is None
    journal.close()


# what only shows


def test_a_dry_run_shows_what_the_memory_refuses_and_makes_no_journal(drill):
    world = drill()
    assert machine(world).plan(CODE, world.vm()).stand.verdict is Verdict.PLANNED
    assert not world.state.exists()
    stop(world)
    report = machine(world).plan(CODE, world.vm())
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "kill-switch")


def test_a_dry_run_is_no_sighting(drill):
    world = drill()
    stop(world)
    machine(world).plan(CODE, world.vm())
    assert world.journal().marks(SIGHTING) == []
    repair(world)
    assert len(world.journal().marks(SIGHTING)) == 1


def test_a_diagnosis_tells_what_would_keep_a_repair_from_being_made(drill):
    world = drill()
    assert machine(world).diagnose(world.vm()).result == "found"
    assert not world.state.exists()
    stop(world)
    limits = Limits(systemic_vms=2)
    for vm in neighbours(world, 2):
        machine(world, limits=limits).repair(CODE, vm, accepted=YES)
    told = {one.label: one.value for one in machine(world, limits=limits).diagnose(world.vm()).findings}
    assert "storage outage" in told["kill switch"]
    assert told["incident"].startswith("2 VMs have")


def test_a_diagnosis_is_given_also_where_the_journal_cannot_be_read(drill):
    world = drill()
    world.state.write_bytes(b"no journal at all, but long enough to be looked at as a database of somebody's " * 20)
    told = {one.label: one.value for one in machine(world).diagnose(world.vm()).findings}
    assert "cannot be used" in told["kill switch"]


# the loop breaker


def test_the_third_run_of_a_runbook_on_a_vm_within_a_week_is_refused(drill):
    world = drill()
    for _ in range(2):
        assert finish(world, repair(world)).stand.verdict is Verdict.FIXED
        world.simulator.reset()
    sent = len(world.writes)
    report = repair(world)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "loop-breaker")
    assert all(run.id[:12] in report.stand.reason for run in world.journal().runs(2))
    assert len(world.writes) == sent
    assert machine(world).repair(BACKUP, world.vm(), accepted=YES).stand.verdict is not Verdict.REFUSED


def test_runs_that_have_changed_nothing_or_are_of_another_runbook_are_not_counted(drill):
    world = drill()
    world.fault("status", status=403, method="DELETE", times=None)
    for _ in range(2):
        assert repair(world).stand.verdict is Verdict.NOT_FIXED
    machine(world).repair(BACKUP, world.vm(), accepted=YES)
    world.simulator.faults.active.clear()
    world.pass_time(timedelta(hours=1))
    assert repair(world).stand.verdict is Verdict.PENDING


# the systemic breaker


def test_the_fifth_vm_with_one_error_makes_an_incident_and_nothing_is_changed(drill):
    world = drill()
    for vm in neighbours(world, 4):
        machine(world).repair(CODE, vm, accepted=YES)
        world.pass_time(timedelta(minutes=1))
    report = repair(world)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "systemic-breaker")
    assert world.writes == []
    (known,) = incidents(world.journal())
    assert (known.incident.vms, known.incident.first_vm.rsplit("/", 1)[-1]) == (5, "app-0")
    assert known.incident.id in report.stand.reason
    assert machine(world).repair(BACKUP, world.vm(), accepted=YES).stand.verdict is not Verdict.REFUSED


def test_a_run_in_flight_waits_while_an_incident_is_open(drill):
    world = drill()
    report = repair(world)
    limits = Limits(systemic_vms=3)
    world.pass_time(timedelta(hours=5))
    for vm in neighbours(world, 3):
        machine(world, limits=limits).repair(CODE, vm, accepted=YES)
    world.pass_time(timedelta(hours=1))
    report = machine(world, limits=limits).resume(report.run.id, accepted=Accepted(), now=True)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.PENDING, "systemic-breaker")
    (known,) = incidents(world.journal())
    close_incident(world.journal(), known.incident.id, "a policy was wrong", "ana")
    assert finish(world, report, limits=limits).stand.verdict is Verdict.FIXED


def test_an_incident_is_over_when_a_human_closes_it_and_what_was_seen_before_counts_no_more(drill):
    world = drill()
    vms = neighbours(world, 4)
    for vm in vms:
        machine(world).repair(CODE, vm, accepted=YES)
    assert repair(world).stand.verdict is Verdict.REFUSED
    number = incidents(world.journal())[0].incident.id
    closed = close_incident(world.journal(), number.upper(), "a policy was wrong", "ana")
    assert (closed.reason, closed.who, closed.incident.vms) == ("a policy was wrong", "ana", 5)
    world.pass_time(timedelta(minutes=1))
    assert machine(world).repair(CODE, vms[0], accepted=YES).stand.refusal is None
    assert repair(world).stand.verdict is Verdict.PENDING
    with pytest.raises(UsageError, match="no open incident"):
        close_incident(world.journal(), number, "again", "ana")


def test_an_incident_is_over_when_its_error_has_not_been_seen_for_six_hours(drill):
    world = drill()
    for vm in neighbours(world, 4):
        machine(world).repair(CODE, vm, accepted=YES)
    assert repair(world).stand.verdict is Verdict.REFUSED
    world.pass_time(timedelta(hours=5, minutes=50))
    assert repair(world).stand.verdict is Verdict.REFUSED, "and is seen again by this"
    world.pass_time(timedelta(hours=6))
    assert repair(world).stand.verdict is not Verdict.REFUSED


# the blast radius


def test_no_more_vms_are_changed_in_a_day_than_are_allowed(drill):
    world = drill()
    one, other = neighbours(world, 2)
    limits = Limits(blast_vms=1)
    assert machine(world, limits=limits).repair(BACKUP, one, accepted=YES).stand.verdict is Verdict.APPLIED
    sent = len(world.writes)
    refused = machine(world, limits=limits).repair(BACKUP, other, accepted=YES)
    assert (refused.stand.verdict, refused.stand.refusal.guard) == (Verdict.REFUSED, "blast-radius")
    assert "number 2 of the 3 that its vault protects" in refused.stand.reason
    assert len(world.writes) == sent
    again = machine(world, limits=limits).repair(BACKUP, one, accepted=YES)
    assert again.stand.verdict is Verdict.APPLIED, "a VM that was changed already is not one more"
    world.pass_time(timedelta(hours=25))
    assert machine(world, limits=limits).repair(BACKUP, other, accepted=YES).stand.verdict is Verdict.APPLIED


def test_a_vm_whose_change_was_refused_does_not_count_as_changed(drill):
    world = drill("rp-collection-limit-opted-out")
    recall = recall_of(world.journal(), world.vm_id)
    facts = world.facts()
    facts.vm()
    assert recall.judge(backup(), facts, repaying=False).guard == "opt-out"
    assert world.journal().marks(CHANGED) == []


# change windows


def night(opens: int, closes: int) -> Limits:
    return Limits(windows=(Window("night", frozenset(range(7)), opens * 60, closes * 60),))


def test_outside_the_window_no_run_is_begun_and_the_report_says_when_it_opens(drill):
    world = drill()
    report = repair(world, limits=night(22, 2))
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "change-window")
    assert "2026-03-02T22:00:00Z" in report.stand.next_step
    assert world.writes == []


def test_a_run_that_the_end_of_the_window_meets_waits_for_the_next(drill):
    world = drill()
    limits = night(1, 5)
    report = repair(world, limits=limits)
    assert report.stand.verdict is Verdict.PENDING
    report = finish(world, report, limits=limits)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.PENDING, "change-window")
    assert report.stand.until == datetime(2026, 3, 3, 1, tzinfo=timezone.utc)
    world.pass_time(report.stand.until - world.simulator.world.clock.now)
    assert machine(world, limits=limits).resume(report.run.id, accepted=Accepted()).stand.verdict is Verdict.FIXED


def test_a_dry_run_tells_of_the_window_also_without_a_journal(drill):
    world = drill()
    assert machine(world, limits=night(22, 2)).plan(CODE, world.vm()).stand.refusal.guard == "change-window"


# what is marked, and what comes of it


def backup() -> Any:
    return change({"operation": "backups.trigger", "target": "/item"})


def vm(number: int) -> str:
    return f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-{number}"


def recall_of(
    journal: SqliteJournal, vm_id: str, now: datetime = START, runbook: str = CODE, endpoint: str = AT, **limits: Any
) -> Recall:
    return Recall(
        journal, endpoint=endpoint, runbook=runbook, vm_id=vm_id, limits=Limits(**limits), now=lambda: now, run="now"
    )


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 90) | st.integers(100, 140)), max_size=25), st.integers(2, 4)
)
@settings(max_examples=60)
def test_an_incident_is_open_exactly_from_the_sighting_that_was_one_too_many_until_it_has_been_quiet(steps, most):
    journal = memory_journal()
    now, seen, standing = START, [], False
    for number, minutes in steps:
        now += timedelta(minutes=minutes)
        standing = standing and seen[-1][1] > now - timedelta(hours=2)
        seen.append((number, now))
        recall = recall_of(
            journal, vm(number), now, systemic_vms=most, systemic_span=timedelta(hours=1),
            systemic_quiet=timedelta(hours=2),
        )  # fmt: skip
        recall.sight()
        lately = {one for one, at in seen if at > now - timedelta(hours=1)}
        standing = standing or len(lately) >= most
        assert (recall.memory().incident is not None) is standing
    journal.close()


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9 * 60)), max_size=25), st.integers(1, 4))
@settings(max_examples=60)
def test_in_no_day_are_more_vms_changed_than_are_allowed(steps, most):
    journal = memory_journal()
    now, changed = START, []
    for number, minutes in steps:
        now += timedelta(minutes=minutes)
        recall = recall_of(journal, vm(number), now, blast_vms=most, blast_percent=50)
        refusal = recall.judge(backup(), calm(), repaying=False)
        before = {one for one, at in changed if at > now - timedelta(hours=24)}
        if refusal is None:
            changed.append((number, now))
        assert len({one for one, at in changed if at > now - timedelta(hours=24)}) <= most
        if len(before | {number}) <= most:
            assert refusal is None
    journal.close()


def memory_journal() -> SqliteJournal:
    from pathlib import Path

    return SqliteJournal(Path(":memory:"))


def calm() -> GivenFacts:
    return GivenFacts({**CALM_VM, "protected_in_vault": 0})


def test_of_two_processes_that_want_the_last_place_at_the_same_time_neither_goes_on_unseen(tmp_path):
    here, there = SqliteJournal(tmp_path / "journal.db"), SqliteJournal(tmp_path / "journal.db")
    answers = []

    class Meanwhile(GivenFacts):
        """While the first is being judged, the second asks."""

        def vm_or_none(self) -> Any:
            if not answers:
                answers.append(None)
                answers[0] = recall_of(there, vm(2), blast_vms=1).judge(backup(), calm(), repaying=False)
            return super().vm_or_none()

    first = recall_of(here, vm(1), blast_vms=1).judge(
        backup(), Meanwhile({**CALM_VM, "protected_in_vault": 0}), repaying=False
    )
    assert answers[0].guard == "blast-radius"
    assert first is None
    assert [one.data["vm"] for one in here.marks(CHANGED)] == [vm(1)]
    here.close()
    there.close()


def test_a_place_is_given_back_when_the_guards_cannot_be_asked(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    with pytest.raises(LookupError):
        recall_of(journal, vm(1)).judge(backup(), GivenFacts({}), repaying=False)
    assert journal.marks(CHANGED) == []
    journal.close()


def test_what_repairs_nothing_and_what_gives_back_a_loan_takes_no_place(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    look = change({"operation": "backups.trigger", "target": "/item", "repairs": False})
    assert recall_of(journal, vm(1)).judge(look, calm(), repaying=False) is None
    assert recall_of(journal, vm(1)).judge(backup(), calm(), repaying=True) is None
    assert journal.marks(CHANGED) == []
    journal.close()


def test_a_vm_that_goes_on_being_changed_is_marked_again_only_every_hour(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    for minutes in (0, 30, 59, 60, 90):
        now = START + timedelta(minutes=minutes)
        assert recall_of(journal, vm(1), now).judge(backup(), calm(), repaying=False) is None
        (mark,) = journal.marks(CHANGED)
        assert mark.at == START + timedelta(minutes=60 if minutes >= 60 else 0)
    journal.close()


def test_what_happened_at_another_azure_does_not_count(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    for number in range(3):
        other = recall_of(journal, vm(number), endpoint="http://127.0.0.1:1", systemic_vms=3)
        other.sight()
        other.judge(backup(), calm(), repaying=False)
    found = recall_of(journal, vm(0), systemic_vms=3).memory()
    assert (found.incident, found.others, found.counted) == (None, (), False)
    journal.close()


def test_single_actions_and_undoing_are_no_sightings(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    for runbook in (BACKUP, "undo:1", "action:adopt_loans"):
        recall_of(journal, vm(0), runbook=runbook).sight()
    assert journal.marks(SIGHTING) == []
    journal.close()


def test_marks_that_mean_nothing_any_more_are_removed(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    recall_of(journal, vm(0)).sight()
    recall_of(journal, vm(0)).judge(backup(), calm(), repaying=False)
    later = START + max(FORGET.values()) + timedelta(seconds=1)
    recall_of(journal, vm(1), later).sight()
    recall_of(journal, vm(1), later).judge(backup(), calm(), repaying=False)
    assert [one.data["vm"] for topic in (SIGHTING, CHANGED) for one in journal.marks(topic)] == [vm(1), vm(1)]
    journal.close()


def test_a_second_incident_of_an_error_has_an_id_of_its_own(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    numbers = []
    for days in (0, 1):
        for number in range(2):
            recall_of(journal, vm(number), START + timedelta(days=days), systemic_vms=2).sight()
        numbers.append(incidents(journal)[0].incident.id)
    assert numbers[0] != numbers[1]
    with pytest.raises(UsageError) as caught:
        close_incident(journal, numbers[0], "late", "ana")
    assert caught.value.candidates == (numbers[1],)
    journal.close()
