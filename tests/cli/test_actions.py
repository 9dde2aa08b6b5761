"""Each action alone, under the same guards."""

from __future__ import annotations

import pytest

from actions.registry import ACTIONS
from remediate.cli.options import ACTION_ARGUMENTS
from simulator.services.inventory.keyvault import BACKUP_OBJECT_ID

EXTRA = {
    "resume_protection": ["--policy", "daily"],
    "grant_key_vault_access": ["--principal-id", BACKUP_OBJECT_ID],
    "exclude_disks": ["--luns", "2"],
}
SCENARIO = {
    "cancel_backup_job": "backup-in-progress-snapshot",
    "grant_key_vault_access": "key-vault-policy",
    "reapply_vm": "vm-failed-state",
    "start_vm": "vm-stopped",
    "undelete_protected_item": "protection-deleted",
    "exclude_disks": "disk-too-large",
    "delete_restore_points": "rp-collection-limit-no-lock",
    "delete_restore_point_collection": "rp-collection-limit-no-lock",
    "resume_protection": "protection-stopped",
    "trigger_on_demand_backup": "healthy",
}
NEEDS_APPROVAL = (
    "delete_restore_points",
    "delete_restore_point_collection",
    "stop_protection_retain_data",
    "resume_protection",
    "cancel_backup_job",
    "exclude_disks",
    "grant_key_vault_access",
    "reapply_vm",
    "restart_vm",
    "start_vm",
    "stop_vm",
    "undelete_protected_item",
)
NOT_IDEMPOTENT = ("trigger_on_demand_backup", "restart_vm")


def test_every_argument_of_an_action_is_an_option():
    assert {argument for action in ACTIONS.values() for argument in action.arguments} == set(ACTION_ARGUMENTS)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_dry_run_of_an_action_writes_nothing(drill, remediate, name):
    world = drill(SCENARIO.get(name, "rp-collection-limit"))
    said = remediate(world, "action", name, "--vm", "web-01", "--dry-run", *EXTRA.get(name, []))
    assert said.status == 0, said.out + said.err
    assert world.writes == []


@pytest.mark.parametrize("name", [name for name in ACTIONS if name != "restore_lock"])
def test_an_action_is_confirmed_by_reading_it_back_and_a_second_one_changes_nothing(drill, remediate, name):
    world = drill(SCENARIO.get(name, "rp-collection-limit"))
    call = ("action", name, "--vm", "web-01", *EXTRA.get(name, []))
    plan = remediate(world, *call, "--dry-run", "-o", "json").json["plan"]
    accept = ["--approve", plan["digest"]] if name in NEEDS_APPROVAL else ["--yes"]
    said = remediate(world, *call, *accept, "--wait", "1h", "-o", "json")
    assert said.status == 0, said.out + said.err
    assert said.json["verdict"] == "Applied"
    effects = len(world.effects)
    assert effects >= 1
    if name not in NOT_IDEMPOTENT:
        again = remediate(world, *call, *accept, "--wait", "1h", "-o", "json")
        assert (again.status, again.json["verdict"]) == (0, "NothingToDo"), again.out + again.err
        assert len(world.effects) == effects


@pytest.mark.parametrize("name", NEEDS_APPROVAL)
def test_yes_is_no_approval_of_what_destroys_or_weakens(drill, remediate, name):
    world = drill(SCENARIO.get(name, "rp-collection-limit"))
    said = remediate(world, "action", name, "--vm", "web-01", "--yes", *EXTRA.get(name, []))
    assert said.status == 4
    assert world.writes == []


def test_restore_lock_puts_back_what_earlier_runs_removed(drill, remediate):
    world = drill()
    locks = world.simulator.world.authorization.locks
    before = {key: (lock.name, lock.level, lock.notes, lock.owners) for key, lock in locks.items()}
    remediate(world, "action", "remove_lock", "--vm", "web-01", "--yes")
    assert locks == {}
    assert remediate(world, "action", "restore_lock", "--vm", "web-01", "--yes").status == 0
    assert {key: (lock.name, lock.level, lock.notes, lock.owners) for key, lock in locks.items()} == before


def test_restore_lock_creates_a_lock_by_its_id(drill, remediate):
    world = drill()
    lock = next(iter(world.simulator.world.authorization.locks.values()))
    remediate(world, "action", "remove_lock", "--vm", "web-01", "--yes")
    scope = lock.scope
    new = f"{scope}/providers/Microsoft.Authorization/locks/again"
    said = remediate(
        world, "action", "restore_lock", "--vm", "web-01", "--yes", "--lock", new, "--level", "ReadOnly", "--notes", "n"
    )
    assert said.status == 0, said.out
    (created,) = world.simulator.world.authorization.locks.values()
    assert (created.name, created.level, created.notes) == ("again", "ReadOnly", "n")


def test_stopping_protection_in_a_vault_under_a_resource_guard_is_refused(drill, remediate):
    world = drill("rp-collection-limit-resource-guard")
    said = remediate(world, "action", "stop_protection_retain_data", "--vm", "web-01", "--dry-run")
    assert said.status == 3
    assert "Backup MUA Operator" in said.out


def test_stopping_protection_in_an_immutable_vault_suspends_backups(drill, remediate):
    world = drill("rp-collection-limit-immutable")
    call = ("action", "stop_protection_retain_data", "--vm", "web-01")
    digest = remediate(world, *call, "--dry-run", "-o", "json").json["plan"]["digest"]
    assert remediate(world, *call, "--approve", digest).status == 0
    assert world.facts().item().state == "BackupsSuspended"


def test_a_stopped_protection_can_be_undone(drill, remediate):
    world = drill()
    call = ("action", "stop_protection_retain_data", "--vm", "web-01")
    digest = remediate(world, *call, "--dry-run", "-o", "json").json["plan"]["digest"]
    run = remediate(world, *call, "--approve", digest, "-o", "json").json["run"]
    digest = remediate(world, "undo", run, "--dry-run", "-o", "json").json["plan"]["digest"]
    assert remediate(world, "undo", run, "--yes").status == 4
    assert remediate(world, "undo", run, "--approve", digest).status == 0
    assert world.facts().item().state == "Protected"


def test_protection_of_a_deleted_vm_can_be_stopped_by_its_id(drill, remediate):
    world = drill("vm-deleted")
    call = ("action", "stop_protection_retain_data", "--vm", world.vm_id)
    digest = remediate(world, *call, "--dry-run", "-o", "json").json["plan"]["digest"]
    assert remediate(world, *call, "--approve", digest).status == 0
    assert world.facts().item().state == "ProtectionStopped"


@pytest.mark.parametrize("scenario", ["vm-stopped", "rp-collection-limit-other-error"])
def test_the_extension_is_not_removed_where_the_agent_cannot_answer(drill, remediate, scenario):
    world = drill(scenario)
    said = remediate(world, "action", "uninstall_vmsnapshot_extension", "--vm", "web-01", "--yes")
    assert said.status == 3
    assert "agent-ready" in said.out
    assert world.writes == []
