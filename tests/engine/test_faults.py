"""Whatever goes wrong on the wire, the repair ends as it should and nothing is written twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.core.pipeline.transport import RequestsTransport

from arm.errors import CredentialsRejected
from remediate.engine.model import Verdict
from remediate.remediation import Accepted

from ..drill import CODE, YES, Drill

LOCK, BACKUP = ("DELETE", "/locks/"), ("POST", "/backup$")
FAULTS = {
    "reset before the effect": {"kind": "reset_before"},
    "reset after the effect": {"kind": "reset_after"},
    "500 before the effect": {"kind": "status", "status": 500},
    "503 after the effect": {"kind": "status_after", "status": 503},
    "504 after the effect": {"kind": "status_after", "status": 504},
    "throttled without a hint": {"kind": "status", "status": 429},
    "throttled with a hint": {"kind": "status", "status": 429, "retry_after": "17"},
    "throttled with an absurd hint": {"kind": "status", "status": 429, "retry_after": "999999999"},
    "throttled with nonsense as a hint": {"kind": "status", "status": 429, "retry_after": "soon"},
    "conflict that passes": {"kind": "status", "status": 409, "code": "AnotherOperationInProgress"},
    "answer cut off": {"kind": "truncate"},
    "answer of a proxy": {"kind": "not_json"},
    "accepted without headers": {"kind": "no_headers"},
    "poll URL gone": {"kind": "poll_gone"},
}


def finish(world: Drill):
    """Repair, and resume whenever the run is due, until it has a verdict."""
    return finish_from(world, world.repair())


def finish_from(world: Drill, report):
    """Resume whenever the run is due, until it has a verdict."""
    for _ in range(20):
        if report.stand.verdict is not Verdict.PENDING:
            break
        world.pass_time(report.stand.until - world.simulator.world.clock.now)
        report = world.resume(report.run.id)
    return report


@pytest.mark.parametrize("write", [LOCK, BACKUP], ids=["lock", "backup"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_repair_survives_a_fault_on_a_write_and_writes_nothing_twice(drill, fault, write):
    world = drill()
    method, path = write
    target = {} if fault["kind"] == "poll_gone" else {"method": method, "path": path}
    world.fault(**fault, **target)
    report = finish(world)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST", "POST"]


@pytest.mark.parametrize("write", [LOCK, BACKUP], ids=["lock", "backup"])
@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_a_write_whose_answer_never_comes_is_looked_up_before_it_is_sent_again(drill, kind, write, monkeypatch):
    world = drill()
    method, path = write
    world.fault(kind, method=method, path=path, seconds=5)
    world.transport = lambda: RequestsTransport(read_timeout=0.4, use_env_settings=False)
    report = finish(world)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST", "POST"]


def test_an_operation_that_never_ends_parks_the_run_and_a_later_resume_finds_its_end(drill):
    world = drill()
    world.fault("operation_never_ends", method="POST", path="/backup$")
    report = world.remediation(wait=120).repair(CODE, world.vm(), accepted=YES)
    assert report.stand.verdict is Verdict.PENDING
    assert "in progress" in report.stand.reason
    again = world.remediation(wait=120).resume(report.run.id, accepted=YES, now=True)
    assert again.stand.verdict is Verdict.PENDING
    assert len(world.effects) == 2


def test_an_operation_that_only_says_it_succeeded_is_found_out(drill):
    world = drill("rp-collection-limit-cleanup-stuck")
    report = finish(world)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    world.fault("operation_lies", method="DELETE", path="restorePoints/")
    report = world.resume(report.run.id, Accepted(approve=report.plan.digest))
    assert "nothing has changed" in report.sent[-1].detail
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL, "the last resort is asked about, not done"


@pytest.mark.parametrize("kind", ["operation_fails", "operation_cancelled"])
def test_a_failed_start_of_the_backup_ends_the_run_with_azures_reason(drill, kind):
    world = drill()
    world.fault(kind, method="POST", path="/backup$", code="CloudInternalError", message="internal error")
    report = finish(world)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert len(world.effects) == 2


@pytest.mark.parametrize("write", [LOCK, BACKUP], ids=["lock", "backup"])
def test_a_token_that_expires_in_mid_run_leaves_a_run_that_resume_goes_on_with(drill, write, monkeypatch):
    world = drill()
    monkeypatch.setenv("IDENTITY_ENDPOINT", world.server.ready["token_url"])
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    world.sign_in = True
    method, path = write
    world.fault("expire_tokens", method=method, path=path)
    with pytest.raises(CredentialsRejected, match="refused the credentials"):
        world.repair()
    (run,) = world.journal().open_runs()
    report = world.resume(run.id)
    world.pass_time(timedelta(hours=6))
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.FIXED
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST", "POST"]


@pytest.mark.parametrize("write", [LOCK, BACKUP], ids=["lock", "backup"])
def test_a_missing_permission_is_named_and_nothing_more_is_tried(drill, write):
    world = drill()
    method, path = write
    world.fault("deny", method=method, path=path)
    report = finish(world)
    assert report.stand.verdict is Verdict.NOT_FIXED
    needed = "Microsoft.Authorization/locks/delete" if write is LOCK else "protectedItems/backup/action"
    assert needed in report.sent[-1].detail
    assert len(world.writes) == (1 if write is LOCK else 2)
