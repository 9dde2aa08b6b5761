"""Every scenario is the world its sentence says, and can be got out of."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from backup_wire import azure, main_vm

import simulator
from simulator import SCENARIOS, Scenario, Simulator

LIMIT = "UserErrorRpCollectionLimitReached"
AGENT = "UserErrorGuestAgentStatusUnavailable"
MAIN = "rp-collection-limit"
NAMES = list(SCENARIOS)
LIMITED = [name for name, scenario in SCENARIOS.items() if scenario.code == LIMIT]
CLEANED_UP = [
    name
    for name in LIMITED
    if not name.endswith(
        ("cleanup-stuck", "snapshot-only", "points-stuck", "other-error", "nine-backups", "job-running")
    )
]


def locks(sim):
    return sorted((lock.scope.rsplit("/", 1)[-1], lock.level) for lock in sim.world.authorization.locks.values())


def test_the_default_comes_first_and_every_name_is_lower_case_words_joined_by_dashes():
    assert NAMES[0] == MAIN
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_has_one_sentence_on_what_is_broken(name):
    scenario = SCENARIOS[name]
    assert scenario.name == name
    assert scenario.broken.endswith(".")
    assert len(scenario.broken) < 120


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_the_same_world_every_time_and_may_rename_the_vm(name):
    first, second = (Simulator(name, vm="db-7").world.recoveryservices.describe() for _ in range(2))
    assert first == second
    assert "web-01" not in str(first)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_says_who_is_who(name):
    sim = Simulator(name)
    sim.world.__init__()
    setting = SCENARIOS[name].build(sim.world, "web-01")
    vaults = {vault.name for vault in sim.world.recoveryservices.vaults.values()}
    assert (setting.vm, setting.vault in vaults) == ("web-01", True)
    assert f"/resourceGroups/{setting.resource_group}/".lower() in setting.vm_id.lower()
    assert bool(setting.backup_resource_group) == (not name.endswith("unprotected"))


@pytest.mark.parametrize("name", LIMITED)
def test_in_a_scenario_of_the_limit_last_night_failed_with_it_at_eighteen_points(name):
    with azure(name) as az:
        points = [point for point in az.restore_points if point.name.startswith("AzureBackup_")]
        assert len(points) == 18
        failed = [job for job in az.vault.jobs.values() if job.item is az.item and job.error]
        newest = max(failed, key=lambda job: job.started)
        assert newest.error.code == LIMIT
        assert az.world.clock.now - newest.started < timedelta(hours=4)


@pytest.mark.parametrize("name", CLEANED_UP)
def test_without_locks_a_first_backup_that_fails_and_three_hours_repair_it(name):
    with azure(name) as az:
        az.unlock()
        job = az.back_up()
        assert job.error_details[0].error_code == 499001
        az.advance(hours=3)
        assert az.back_up().status == "Completed"
        assert az.recovery_points()[0].properties.recovery_point_time > job.end_time


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("", [("AzureBackupRG_westeurope_1", "CanNotDelete")]),
        ("-custom-group", [("contoso-snapshots-1", "CanNotDelete")]),
        ("-readonly-lock", [("AzureBackupRG_westeurope_1", "ReadOnly")]),
        ("-foreign-group", [("rg-web", "CanNotDelete")]),
        ("-no-lock", []),
        (
            "-two-collections",
            [("AzureBackupRG_westeurope_1", "CanNotDelete"), ("AzureBackupRG_westeurope_2", "CanNotDelete")],
        ),
    ],
)
def test_the_locks_are_where_the_scenario_says(suffix, expected):
    assert locks(Simulator(MAIN + suffix)) == expected


def test_locks_of_subscription_and_collection_are_at_their_own_scope():
    for suffix, end in (("-subscription-lock", "/subscriptions/"), ("-collection-lock", "/AzureBackup_web-01_")):
        [lock] = Simulator(MAIN + suffix).world.authorization.locks.values()
        assert lock.name == "do-not-delete"
        assert lock.notes
        assert end in lock.scope
    assert len(Simulator(f"{MAIN}-two-locks").world.authorization.locks) == 2


@pytest.mark.parametrize("suffix", ["cleanup-stuck", "points-stuck", "snapshot-only"])
def test_a_stuck_clean_up_never_comes(suffix):
    with azure(f"{MAIN}-{suffix}") as az:
        az.unlock()
        az.back_up()
        az.advance(days=3)
        assert len(az.restore_points) == 18


def test_all_points_but_those_of_snapshot_only_have_a_copy_in_the_vault():
    for name in LIMITED:
        world = Simulator(name).world
        vault = next(iter(world.recoveryservices.vaults.values()))
        item = next(iter(vault.items.values()))
        missing = sorted(point.time for point in item.points if not point.in_vault)
        oldest = sorted(
            point.time for point in item.points if world.recoveryservices.tiers(point)["InstantRP"] == "Valid"
        )
        assert missing == (oldest[:6] if name.endswith("snapshot-only") else [])


def test_the_points_of_a_recreated_vm_are_of_another_vm():
    sim = Simulator(f"{MAIN}-recreated-vm")
    points = sim.world.compute.restore_points_of(main_vm(sim).id)
    assert main_vm(sim).vm_id not in {point.vm_unique_id for point in points}
    assert len({point.vm_unique_id for point in points}) == 1


def test_the_collection_of_a_user_is_beside_that_of_the_service():
    names = [one.name for one in Simulator(f"{MAIN}-user-collection").world.compute.collections.values()]
    assert names[1] == "my-golden-images"
    assert names[0].startswith("AzureBackup_web-01_")


def test_after_nine_backups_another_waits_for_tomorrow():
    with azure(f"{MAIN}-nine-backups") as az:
        az.unlock()
        with pytest.raises(Exception, match="CloudDosAbsoluteLimitReached"):
            az.trigger()
        az.advance(hours=24)
        assert az.back_up().status in ("Failed", "Completed")


def test_the_opted_out_vm_has_its_tag_and_no_other_vm_does():
    assert main_vm(Simulator(f"{MAIN}-opted-out")).tags == {"backup-remediation": "off"}
    assert "backup-remediation" not in main_vm(Simulator()).tags


def test_two_vms_of_one_name_are_in_two_groups_and_only_one_fails():
    world = Simulator("duplicate-name").world
    assert sorted(vm.group for vm in world.compute.vms.values()) == ["rg-shop", "rg-web"]
    vault = next(iter(world.recoveryservices.vaults.values()))
    assert sorted((item.vm_group, item.last_status) for item in vault.items.values()) == [
        ("rg-shop", "Completed"),
        ("rg-web", "Failed"),
    ]


def test_a_healthy_world_has_a_recovery_point_of_last_night():
    with azure("healthy") as az:
        assert az.recovery_points()[0].properties.recovery_point_time.isoformat().startswith("2026-03-02T02:05")
        assert az.get_item()["lastBackupStatus"] == "Completed"


def test_a_retained_item_keeps_its_points():
    with azure("protection-stopped") as az:
        assert az.get_item()["protectionState"] == "ProtectionStopped"
        assert len(az.recovery_points()) == 10


def test_a_new_scenario_is_a_few_lines():
    broken = [True]

    def set_up(stage):
        stage.machine(os_type="Windows").web_server().vault_points(9, newest=1)
        stage.fails_while("UserErrorResourceIsInLockedState", lambda: bool(broken)).failed(
            "UserErrorResourceIsInLockedState", nights=1
        )

    with azure(Scenario("mine", "UserErrorResourceIsInLockedState", "Something.", set_up)) as az:
        assert az.code_of(az.back_up()) == "UserErrorResourceIsInLockedState"
        broken.clear()
        assert az.back_up().status == "Completed"
        assert "vmsnapshot" in az.vm.extensions


def test_the_readme_tells_every_scenario_in_its_own_words():
    readme = Path(simulator.__file__).with_name("README.md").read_text(encoding="utf-8")
    for scenario in SCENARIOS.values():
        code = f"`{scenario.code}`" if scenario.code else "-"
        assert f"| `{scenario.name}` | {code} | {scenario.broken} |" in readme


def test_the_example_of_a_scenario_in_the_readme_works():
    def set_up(stage):
        stage.machine(agent="NotReady").web_server().vault_points(9, newest=3).failed(AGENT, nights=3)

    with azure(Scenario("agent-down", AGENT, "The VM agent is not ready.", set_up)) as az:
        assert az.code_of(az.job(az.jobs()[0].name)) == AGENT
        assert az.code_of(az.back_up()) == AGENT
