"""Each documented cause, and each near miss, through the whole chain."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions.restore_points import LIMIT
from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from runbooks.registry import runbooks
from simulator import SCENARIOS

from ..drill import YES, Drill
from .test_faults import finish

FIXED_BY_YES = ("", "-collection-lock", "-custom-group", "-readonly-lock", "-no-lock", "-two-collections", "-localized")
FIXED_BY_YES += ("-resource-guard", "-immutable", "-user-collection", "-recreated-vm")
REFUSED = {
    "rp-collection-limit-opted-out": "opt-out",
    "rp-collection-limit-job-running": "job-in-progress",
    "rp-collection-limit-restore-running": "job-in-progress",
    "rp-collection-limit-nine-backups": "on-demand-limit",
    "unprotected": "diagnosis",
    "protection-stopped": "diagnosis",
    "extension-failed": "diagnosis",
}
LOCKED_ELSEWHERE = ("-subscription-lock", "-two-locks", "-foreign-group")


def locks_of(world: Drill) -> dict[str, object]:
    locks = world.simulator.world.authorization.locks
    return {key: (lock.name, lock.level, lock.notes, lock.owners) for key, lock in locks.items()}


@pytest.mark.parametrize("suffix", FIXED_BY_YES)
def test_a_run_reaches_fixed_and_a_second_run_changes_nothing(drill, suffix):
    world = drill(f"rp-collection-limit{suffix}")
    report = finish(world)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert report.stand.proof.recovery_point_time > report.stand.proof.newer_than
    before = len(world.writes)
    assert world.repair().stand.verdict is Verdict.NOTHING_TO_DO
    assert len(world.writes) == before


@pytest.mark.parametrize("scenario", REFUSED)
def test_a_refusal_names_its_guard_and_writes_nothing(drill, scenario):
    world = drill(scenario)
    report = world.repair()
    assert report.stand.verdict is Verdict.REFUSED
    assert report.stand.refusal.guard == REFUSED[scenario]
    assert report.stand.refusal.saw
    assert report.stand.next_step
    assert world.writes == []


def test_a_healthy_vm_needs_nothing(drill):
    world = drill("healthy")
    assert world.repair().stand.verdict is Verdict.NOTHING_TO_DO
    assert world.writes == []


@pytest.mark.parametrize("suffix", LOCKED_ELSEWHERE)
def test_a_lock_outside_the_services_groups_is_not_removed_without_approval(drill, suffix):
    world = drill(f"rp-collection-limit{suffix}")
    report = world.repair(YES)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert report.plan.digest in report.stand.next_step
    assert world.writes == []


@pytest.mark.parametrize("suffix", LOCKED_ELSEWHERE)
def test_a_lock_outside_the_services_groups_is_put_back_exactly_as_it_was(drill, suffix):
    world = drill(f"rp-collection-limit{suffix}")
    service_locks = {key for key in locks_of(world) if "/resourcegroups/azurebackuprg_" in key}
    before = {key: value for key, value in locks_of(world).items() if key not in service_locks}
    digest = world.repair().plan.digest
    report = world.repair(Accepted(approve=digest))
    while report.stand.verdict is Verdict.PENDING:
        world.pass_time(report.stand.until - world.simulator.world.clock.now)
        report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert locks_of(world) == before
    assert world.journal().duties(report.run.id) == []


def test_what_the_clean_up_leaves_is_deleted_oldest_first_only_when_approved(drill):
    world = drill("rp-collection-limit-cleanup-stuck")
    oldest = min(point.name for point in world.facts().collections()[0].points)
    report = finish(world)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert [change.target.rsplit("/", 1)[-1] for change in report.plan.changes[:-1]] == [oldest]
    assert not any("restorePoints/" in one for one in world.writes)
    report = world.resume(report.run.id, Accepted(approve=report.plan.digest))
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert [one for one in world.effects if "restorepoints/" in one.lower()] == [
        one for one in world.effects if one.endswith(oldest)
    ]


def test_nothing_is_deleted_before_the_documented_time_has_passed(drill):
    world = drill("rp-collection-limit-cleanup-stuck")
    report = world.repair()
    started = world.simulator.world.clock.now
    while report.stand.verdict is Verdict.PENDING:
        world.pass_time(timedelta(minutes=30))
        report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert world.simulator.world.clock.now - started >= timedelta(hours=7)


def test_restore_points_without_a_copy_in_the_vault_are_never_deleted(drill):
    world = drill("rp-collection-limit-snapshot-only")
    report = finish(world)
    assert report.stand.verdict is Verdict.REFUSED
    assert report.stand.refusal.guard == "recovery-point-safety"
    assert not any("restorePoint" in one for one in world.writes)


def test_the_collection_goes_only_when_single_points_cannot_and_only_when_approved(drill):
    world = drill("rp-collection-limit-points-stuck")
    report = finish(world)
    report = world.resume(report.run.id, Accepted(approve=report.plan.digest))
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert report.plan.changes[0].action == "delete_restore_point_collection"
    assert len(report.plan.changes[0].before["restore_points"]) == LIMIT
    report = world.resume(report.run.id, Accepted(approve=report.plan.digest))
    assert report.stand.verdict is Verdict.FIXED, report.stand


def test_a_stale_approval_is_refused(drill):
    world = drill("rp-collection-limit-subscription-lock")
    digest = world.repair().plan.digest
    lock = next(iter(world.simulator.world.authorization.locks.values()))
    world.simulator.world.authorization.add_lock(lock.scope, lock.name, "ReadOnly", notes="changed meanwhile")
    report = world.repair(Accepted(approve=digest))
    assert report.stand.verdict is Verdict.REFUSED
    assert report.stand.refusal.guard == "approval"
    assert world.writes == []


def test_an_error_other_than_the_expected_one_ends_the_run_and_is_shown(drill):
    world = drill("rp-collection-limit-other-error")
    report = finish(world)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "UserErrorGuestAgentStatusUnavailable" in report.stand.reason


def test_a_collection_that_somebody_made_by_hand_is_never_touched(drill):
    world = drill("rp-collection-limit-user-collection")
    finish(world)
    assert any(one.name == "my-golden-images" for one in world.facts().collections())
    assert not any("my-golden-images" in one for one in world.writes)


CODES = [runbook.code for runbook in runbooks()]
STRANGERS = 7
"""Every scenario meets each so many-th runbook, in turn; with its own runbook it is in tests/errors."""


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        (scenario, code)
        for number, scenario in enumerate(sorted(SCENARIOS))
        for code in CODES[number % STRANGERS :: STRANGERS]
    ],
)
def test_a_dry_run_of_any_runbook_writes_nothing(drill, scenario, code):
    world = drill(scenario)
    report = world.remediation(read_only=True).plan(code, world.vm())
    assert report.dry_run
    assert world.writes == []
    assert report.requests["writes"] == 0
