"""From an alert to a repair: everything is read again, and what does not hold in Azure is not believed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediate.alerts.intake import Intake
from remediate.alerts.resolve import Result
from remediate.alerts.settings import AlertSettings, Allowed
from remediate.alerts.taken import Handled
from remediate.engine.lease import owner_name
from remediate.engine.model import Verdict
from remediate.remediation import Accepted

from ..drill import YES, Drill
from .fleet import add_machines, failures
from .samples import OURS, QUERY, SHAPES, Failure, built_in, common, graph_job, log_v2, metric, pairs

OTHER_SUBSCRIPTION = OURS.vm.replace("22222222-2222", "33333333-2222")


def intake(world: Drill, *, dry_run: bool = False, accepted: Accepted = YES, **more: Any) -> Intake:
    return Intake(world.remediation(read_only=dry_run, wait=0.0), accepted=accepted, dry_run=dry_run, **more)


def take(world: Drill, payload: Any, **more: Any) -> Handled:
    """Deliver one alert, as bytes."""
    (handled,) = intake(world, **more).take(json.dumps(payload).encode()).alerts
    return handled


def reads(world: Drill) -> int:
    return len(world.simulator.requests)


def to_the_end(world: Drill, run: str) -> Verdict:
    for _ in range(20):
        report = world.resume(run)
        if report.stand.verdict is not Verdict.PENDING:
            return report.stand.verdict
        world.pass_time(timedelta(hours=4))
    raise AssertionError("the run never ends")


@pytest.mark.parametrize("name", SHAPES)
def test_an_alert_of_every_shape_leads_to_fixed_and_a_second_delivery_to_nothing(drill, name):
    world = drill()
    handled = take(world, SHAPES[name](OURS))
    assert handled.result is Result.TAKEN
    assert handled.exit_code == 0
    assert handled.target is not None
    assert handled.target.job.name == OURS.job
    assert handled.target.error == OURS.code
    assert handled.report is not None
    assert handled.report.run is not None
    assert take(world, SHAPES[name](OURS)).result is Result.DUPLICATE
    assert to_the_end(world, handled.report.run.id) is Verdict.FIXED
    written = world.writes
    again = take(world, SHAPES[name](OURS))
    assert (again.result, again.why) == (Result.NOTHING, "recovered")
    assert (world.writes, len(world.journal().runs(10))) == (written, 1)


@pytest.mark.parametrize("name", SHAPES)
def test_a_dry_run_shows_the_plan_writes_nothing_and_makes_no_journal(drill, name):
    world = drill()
    handled = take(world, SHAPES[name](OURS), dry_run=True)
    assert handled.result is Result.TAKEN
    assert handled.report is not None
    assert handled.report.stand.verdict is Verdict.PLANNED
    assert handled.exit_code == 0
    assert world.writes == []
    assert not world.state.exists()


def forged(**changed: Any) -> dict[str, Any]:
    payload = built_in()
    payload["data"]["alertContext"].update(changed)
    return payload


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (forged(linkedResourceId=OURS.vm + "/../x"), 3),
        (forged(linkedResourceId=OURS.vm + "?x=y"), 3),
        (forged(extendedInfo={"jobId": "x"}), 3),
        ({"hello": 1}, 2),
        ("{", 2),
        (forged(category="Security"), 0),
        (replace(OURS, rule="Restore Failure"), 0),
    ],
    ids=["dots", "query", "job", "no alert", "cut", "security", "restore"],
)
def test_what_asks_for_no_repair_sends_no_request_and_tells_who_must_look_by_its_status(drill, payload, status):
    world = drill()
    handled = take(world, built_in(payload) if isinstance(payload, Failure) else payload)
    assert handled.exit_code == status
    assert reads(world) == 0
    assert not world.state.exists()


SCOPES = {
    "subscription": Allowed(subscriptions=("33333333-2222-4222-8222-222222222222",)),
    "group": Allowed(resource_groups=("rg-other",)),
    "group by its id": Allowed(resource_groups=(f"{OTHER_SUBSCRIPTION.partition('/providers')[0]}",)),
    "vault": Allowed(vaults=("vault-neu",)),
    "vault by its id": Allowed(vaults=(OURS.vault.replace("rg-web", "rg-other"),)),
}


@pytest.mark.parametrize("name", SCOPES)
def test_a_machine_outside_the_scope_is_refused_before_any_request(drill, name):
    world = drill()
    handled = take(world, built_in(), settings=AlertSettings(SCOPES[name]))
    assert (handled.result, handled.why, handled.exit_code) == (Result.REFUSED, "out-of-scope", 3)
    assert reads(world) == 0


def only(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    """The same job of Resource Graph, with only these of its properties."""
    return {**payload, "properties": {name: payload["properties"][name] for name in names}}


def test_a_machine_that_only_azure_names_is_held_against_the_scope_too(drill):
    world = drill()
    handled = take(world, only(graph_job(), "status"), settings=AlertSettings(SCOPES["group"]))
    assert (handled.why, reads(world)) == ("out-of-scope", 2)


def test_a_vault_that_only_azure_names_is_held_against_the_scope_too(drill):
    world = drill()
    handled = take(world, metric_of(OURS.vm, ""), settings=AlertSettings(SCOPES["vault"]))
    assert (handled.why, reads(world)) == ("out-of-scope", 2)


def test_a_machine_inside_the_scope_is_taken_in_any_case(drill):
    group = OURS.vm.partition("/providers")[0]
    allowed = Allowed((OURS.vm.split("/")[2].upper(),), (group.upper(),), ("VAULT-WEU",))
    assert take(drill(), built_in(), settings=AlertSettings(allowed)).result is Result.TAKEN
    assert (
        take(drill(), built_in(), settings=AlertSettings(replace(allowed, resource_groups=("RG-Web",)))).exit_code == 0
    )


def test_an_alert_that_puts_two_machines_together_is_refused(drill):
    world = drill()
    add_machines(world, 2)
    one, two = failures(world)
    mixed = [
        built_in(replace(one, vm=two.vm)),
        forged(linkedResourceId=two.vm, protectedItemId=one.item, extendedInfo={"jobId": one.job}),
        forged(linkedResourceId=one.vm, protectedItemId=one.item, extendedInfo={"jobId": two.job}),
        forged(linkedResourceId=two.vm, protectedItemId=None, extendedInfo={"jobId": one.job}),
        metric_of(one.vm, two.item),
    ]
    for payload in mixed:
        handled = take(world, payload)
        assert (handled.result, handled.why) == (Result.REFUSED, "contradictory"), handled.reason
        assert handled.exit_code == 3
    assert world.writes == []


def metric_of(vm: str, item: str) -> dict[str, Any]:
    payload = metric()
    dimensions = pairs(dataSourceURL=vm, backupInstanceUrl=item, healthStatus="Persistent Degraded")
    payload["data"]["alertContext"]["condition"]["allOf"][0]["dimensions"] = dimensions
    return payload


def test_an_alert_that_puts_two_vaults_together_is_refused_before_any_request(drill):
    world = drill()
    payload = built_in()
    payload["data"]["essentials"]["alertTargetIDs"] = [OURS.vault.replace("vault-weu", "vault-neu")]
    handled = take(world, payload)
    assert (handled.why, reads(world)) == ("contradictory", 0)


def test_a_job_that_is_not_there_is_refused(drill):
    handled = take(drill(), built_in(replace(OURS, job="11111111-2222-4333-8444-555555555555")))
    assert (handled.result, handled.why, handled.exit_code) == (Result.REFUSED, "no-such-job", 3)


def test_a_machine_or_an_item_that_is_not_there_is_not_repaired(drill):
    world = drill()
    gone = replace(OURS, vm=OURS.vm.replace("web-01", "web-99"))
    assert take(world, metric(gone)).why == "no-such-item"
    assert take(world, metric_of(gone.vm, "")).why == "not-protected"
    assert take(drill("unprotected"), metric_of(OURS.vm, "")).result is Result.NOTHING
    assert world.writes == []


def job_in(world: Drill, **wanted: str) -> Failure:
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    jobs = [one for one in vault.jobs.values() if all(getattr(one, name) == value for name, value in wanted.items())]
    return Failure(vm=jobs[-1].item.vm_id, vault=vault.id, job=jobs[-1].name)


@pytest.mark.parametrize(
    ("scenario", "wanted"),
    [
        ("rp-collection-limit", {"operation": "Backup", "status": "Completed"}),
        ("rp-collection-limit-job-running", {"status": "InProgress"}),
        ("rp-collection-limit-restore-running", {"operation": "Restore"}),
    ],
)
def test_a_job_that_is_no_failed_backup_is_nothing_to_repair(drill, scenario, wanted):
    world = drill(scenario)
    handled = take(world, built_in(job_in(world, **wanted)))
    assert (handled.result, handled.why, handled.exit_code) == (Result.NOTHING, "no-failure", 0)
    assert world.writes == []


def test_a_machine_without_a_failed_backup_is_nothing_to_repair(drill):
    world = drill("healthy")
    assert take(world, metric()).why == "no-failure"
    assert world.writes == []


@pytest.mark.parametrize(("minutes", "why"), [(54, "stale"), (90, "")])
def test_a_backup_that_failed_longer_ago_than_the_limit_is_refused(drill, minutes, why):
    settings = AlertSettings(max_age=timedelta(minutes=minutes))
    handled = take(drill(), built_in(), settings=settings)  # it failed 55 minutes ago
    assert handled.why == why
    assert handled.exit_code == (3 if why else 0)


def test_an_alert_that_was_fired_longer_ago_than_the_limit_is_refused(drill):
    world = drill()
    handled = take(world, metric(replace(OURS, fired="2026-02-20T02:11:03Z")))
    assert (handled.result, handled.why, handled.exit_code) == (Result.REFUSED, "stale", 3)
    assert "2026-02-20T02:11:03Z" in handled.reason
    assert world.writes == []


@pytest.mark.parametrize(
    "fired", ["", "yesterday", "0001-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "٢٠٢٦-03-02T02:00:00Z"]
)
def test_a_time_that_nobody_can_read_or_believe_does_not_decide(drill, fired):
    assert take(drill(), built_in(replace(OURS, fired=fired))).result is Result.TAKEN


def test_the_job_decides_which_error_it_is_and_that_the_alert_says_another_is_told(drill):
    world = drill()
    handled = take(world, log_v2(replace(OURS, code="UserErrorGuestAgentStatusUnavailable")))
    assert handled.report is not None
    assert handled.report.runbook == "UserErrorRpCollectionLimitReached"
    assert handled.target is not None
    (note,) = handled.target.notes
    assert note.startswith("the alert says 'UserErrorGuestAgentStatusUnavailable'")
    assert note.endswith("the job says UserErrorRpCollectionLimitReached: the job counts")
    assert take(drill(), log_v2()).target.notes == ()


def test_of_two_failed_backups_the_newest_is_looked_at_and_both_are_dealt_with(drill):
    world = drill()
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    older = [job for job in vault.jobs.values() if job.status == "Failed"][-2]
    handled = take(world, built_in(replace(OURS, job=older.name)))
    assert handled.target is not None
    assert handled.target.job.name == OURS.job
    assert "has failed since" in handled.target.notes[0]
    assert take(world, built_in()).result is Result.DUPLICATE
    assert len(world.journal().runs(10)) == 1


def test_the_failed_backup_that_a_run_has_started_itself_is_no_new_failure(drill):
    world = drill()
    report = take(world, built_in()).report
    assert report is not None
    assert report.run is not None
    world.pass_time(timedelta(hours=1))
    world.remediation().undo(report.run.id, accepted=YES)
    handled = take(world, metric())
    assert (handled.result, handled.why) == (Result.NOTHING, "own-backup")
    assert report.run.id[:12] in handled.reason


def test_a_run_that_nobody_goes_on_with_calls_somebody(drill):
    world = drill("rp-collection-limit-cleanup-stuck")
    run = take(world, built_in()).report.run
    world.pass_time(timedelta(days=2))
    handled = take(world, metric(replace(OURS, fired="")))
    assert (handled.result, handled.why, handled.exit_code) == (Result.REFUSED, "run-left-alone", 3)
    assert run.id[:12] in handled.next_step


def test_what_may_pass_is_left_for_later_without_calling_anybody(drill):
    world = drill("rp-collection-limit-job-running")
    handled = take(world, metric())
    assert (handled.result, handled.exit_code) == (Result.LATER, 0)
    assert handled.why == "job-in-progress"
    assert take(world, metric()).result is Result.DUPLICATE
    world.pass_time(timedelta(hours=5))
    assert take(world, metric()).result is not Result.DUPLICATE


@pytest.mark.parametrize(
    ("scenario", "accepted", "status", "verdict"),
    [
        ("rp-collection-limit-opted-out", YES, 3, Verdict.REFUSED),
        ("rp-collection-limit", Accepted(), 4, Verdict.NEEDS_APPROVAL),
        ("rp-collection-limit-subscription-lock", YES, 4, Verdict.NEEDS_APPROVAL),
    ],
)
def test_who_must_look_is_told_once_by_the_status(drill, scenario, accepted, status, verdict):
    world = drill(scenario)
    handled = take(world, metric(), accepted=accepted)
    assert handled.report is not None
    assert (handled.exit_code, handled.report.stand.verdict) == (status, verdict)
    again = take(world, metric(), accepted=accepted)
    assert (again.result, again.exit_code) == (Result.DUPLICATE, 0)
    assert world.writes == []


def fail_with(world: Drill, text: str) -> None:
    """Let the newest failed backups have failed with a text that the catalogue does not have."""
    from simulator.services.recoveryservices.errors import JobError

    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    for job in vault.jobs.values():
        if job.status == "Failed":
            job.error = JobError("", 1, {"en-US": text}, {"en-US": ""})


def test_an_error_that_nobody_knows_is_told_by_the_status_and_never_repaired(drill):
    world = drill()
    fail_with(world, "Something that nobody has ever seen.")
    handled = take(world, log_v2())
    assert (handled.result, handled.why, handled.exit_code) == (Result.TAKEN, "unknown", 2)
    assert "the job says no error that is known" in handled.target.notes[0]
    assert take(world, log_v2()).result is Result.DUPLICATE
    assert world.writes == []


def test_that_another_process_is_at_the_machine_calls_nobody(drill):
    world = drill()
    assert world.journal().acquire(OURS.vm, "elsewhere/1/1/x", world.runtime.now(), 3600, lambda _: False)
    handled = take(world, built_in())
    assert (handled.result, handled.why, handled.exit_code) == (Result.LATER, "at-work", 0)
    world.pass_time(timedelta(hours=2))
    assert take(world, metric(replace(OURS, fired=""))).result is Result.TAKEN


def test_a_run_of_another_azure_does_not_count(drill):
    one, other = drill(), drill()
    assert take(one, built_in()).result is Result.TAKEN
    other.state = one.state
    handled = take(other, built_in())
    assert handled.why != "run-open"


def test_a_job_that_the_lists_do_not_show_any_more_is_looked_at_all_the_same(drill):
    world = drill()
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    (item,) = vault.items.values()
    item.state, item.policy = "ProtectionStopped", None
    world.simulator.world.recoveryservices.service.unschedule(item)
    world.pass_time(timedelta(days=31))
    assert take(world, built_in(replace(OURS, fired=""))).why == "stale"


def test_what_azure_could_not_answer_can_be_asked_for_again(drill):
    world = drill()
    world.fault("status", status=500, times=100)
    handled = take(world, built_in())
    assert (handled.result, handled.exit_code) == (Result.ERROR, 6)
    world.simulator.faults.active.clear()
    assert take(world, built_in()).result is Result.TAKEN


def test_an_error_in_one_alert_does_not_keep_the_next_from_being_taken(drill):
    world = drill()
    gone = graph_job(replace(OURS, vault=OURS.vault.replace("vault-weu", "vault-gone")))
    taken = intake(world).take([gone, {"hello": 1}, built_in(), built_in()])
    assert [one.result for one in taken.alerts] == [Result.REFUSED, Result.REFUSED, Result.TAKEN]
    assert taken.exit_code == 3


def test_what_a_dead_process_had_claimed_is_taken_at_once(drill):
    world = drill()
    host, pid, _, nonce = owner_name("x").split("/")
    journal = world.journal()
    dead = f"{host}/{pid}/1/{nonce}"  # this process's number, but it was begun at another time
    assert journal.acquire(OURS.job_id.lower(), dead, world.runtime.now(), 1800, lambda _: False)
    assert take(world, built_in()).result is Result.TAKEN


def test_what_a_process_on_another_host_had_claimed_is_taken_after_its_time(drill):
    world = drill()
    journal = world.journal()
    assert journal.acquire(OURS.job_id.lower(), "elsewhere/1/1/x", world.runtime.now(), 1800, lambda _: False)
    assert take(world, built_in()).result is Result.DUPLICATE
    world.pass_time(timedelta(minutes=31))
    assert take(world, built_in()).result is Result.TAKEN


def test_a_log_alert_without_a_machine_is_found_by_its_job_and_vault(drill):
    dimensions = pairs(JobUniqueId=OURS.job, ResourceId=OURS.vault)
    condition = {"searchQuery": QUERY, "dimensions": dimensions}
    handled = take(drill(), common("Log Alerts V2", OURS, {"condition": {"allOf": [condition]}}))
    assert handled.result is Result.TAKEN


def test_a_log_alert_without_a_vault_is_found_by_its_machine(drill):
    dimensions = pairs(JobUniqueId=OURS.job, DatasourceResourceId=OURS.vm)
    condition = {"searchQuery": QUERY, "dimensions": dimensions}
    handled = take(drill(), common("Log Alerts V2", OURS, {"condition": {"allOf": [condition]}}))
    assert handled.result is Result.TAKEN


def test_a_machine_is_never_looked_for_by_its_name(drill):
    world = drill("duplicate-name")
    take(world, metric())
    assert not any("resourcegraph" in one["path"].lower() for one in world.simulator.requests)
