"""A probe tells from Azure itself whether a write took effect."""

from __future__ import annotations

from datetime import timedelta
from math import inf

import pytest

from actions.change import Change, Undo
from actions.guest.run import as_classic, remove_run_command, run_script
from actions.key_vault import revoke_key_vault_access
from actions.probes import Effect, probe, started_backup
from actions.registry import ACTIONS, guest_actions
from actions.tags import note_loan, remove_note, stamped, tag_of
from arm.errors import Ambiguous, AzureError
from arm.facts.collect import VmFacts
from arm.operations import IN_PROGRESS, accepted, poll
from arm.writes import OPERATIONS, send
from simulator.services.inventory.keyvault import BACKUP_OBJECT_ID

PRINCIPAL = {"principal-id": BACKUP_OBJECT_ID}
PLANS = {
    "locks.delete": ("rp-collection-limit", "remove_lock", {}),
    "locks.create_or_update": ("rp-collection-limit", "restore_lock", {"level": "ReadOnly", "notes": "n"}),
    "restore_points.delete": ("rp-collection-limit-no-lock", "delete_restore_points", {}),
    "restore_point_collections.delete": ("rp-collection-limit-no-lock", "delete_restore_point_collection", {}),
    "virtual_machine_extensions.delete": ("healthy", "uninstall_vmsnapshot_extension", {}),
    "backups.trigger": ("healthy", "trigger_on_demand_backup", {}),
    "protected_items.stop": ("healthy", "stop_protection_retain_data", {}),
    "protected_items.resume": ("protection-stopped", "resume_protection", {"policy": "daily"}),
    "protected_items.undelete": ("protection-deleted", "undelete_protected_item", {}),
    "protected_items.set_disks": ("disk-too-large", "exclude_disks", {"luns": "2"}),
    "vaults.add_access_policy": ("key-vault-half-granted", "grant_key_vault_access", PRINCIPAL),
    "vaults.remove_access_policy": ("key-vault-granted", "revoke", {}),
    "role_assignments.create": ("key-vault-roles", "grant_key_vault_access", PRINCIPAL),
    "role_assignments.delete": ("key-vault-roles", "revoke", {}),
    "jobs.cancel": ("rp-collection-limit-job-running", "cancel_backup_job", {}),
    "run_commands.create": ("healthy", "check_guest_linux", {}),
    "run_commands.delete": ("healthy", "left behind", {}),
    "tags.update": ("healthy", "note a loan", {}),
    "virtual_machines.start": ("vm-stopped", "start_vm", {}),
    "virtual_machines.restart": ("healthy", "restart_vm", {}),
    "virtual_machines.power_off": ("healthy", "stop_vm", {}),
    "virtual_machines.reapply": ("vm-failed-state", "reapply_vm", {}),
}


def granted(world, operation: str) -> Undo:
    """What a grant has noted, in a world where it has been made."""
    vault = f"{world.vm_id.split('/providers/')[0]}/providers/Microsoft.KeyVault/vaults/kv-web"
    if operation == "role_assignments.delete":
        role = world.simulator.world.authorization.roles.assign(vault, "Key Vault Administrator", BACKUP_OBJECT_ID)
        return Undo("revoke_key_vault_access", operation, role.id, {})
    added = {"keys": ["list", "backup"], "secrets": ["get"]}
    return Undo("revoke_key_vault_access", operation, vault, {"principal": BACKUP_OBJECT_ID, "added": added})


def left_behind(world) -> Change:
    """The removal of a run command that an earlier process has made."""
    facts = VmFacts(world.session(), world.vm())
    (made,) = run_script(facts, "check_guest_linux", verb="check")
    carried_out(facts, made)
    world.simulator.records.clear()
    return remove_run_command(made.target, "it was left behind")


def planned(drill, operation: str):
    scenario, action, arguments = PLANS[operation]
    world = drill(scenario)
    facts = VmFacts(world.session(), world.vm())
    if action == "restore_lock":
        group = world.vm_id.split("/providers/")[0]
        arguments = {**arguments, "lock": f"{group}/providers/Microsoft.Authorization/locks/new"}
    if action == "revoke":
        change = next(iter(revoke_key_vault_access(facts, granted(world, operation))))
    elif action == "note a loan":
        lock = f"{world.vm_id.split('/providers/')[0]}/providers/Microsoft.Authorization/locks/keep"
        undo = Undo("restore_lock", "locks.create_or_update", lock, {"properties": {"level": "CanNotDelete"}})
        facts.vm()
        change = stamped(note_loan(facts, undo), "r" * 32, facts.azure_now)
    elif action == "left behind":
        change = left_behind(world)
    else:
        change = next(iter({**ACTIONS, **guest_actions()}[action].run(facts, arguments)))
    assert isinstance(change, Change)
    return world, facts, change


BEFORE = {"virtual_machines.restart": Effect.UNKNOWN}
"""What a probe says before the write; that a machine was not restarted is never certain."""


def carried_out(facts, change) -> None:
    answer = send(facts.session, change.operation, change.target, dict(change.body), until=inf)
    operation = accepted(answer.headers)
    while operation is not None and poll(facts.session, operation).status == IN_PROGRESS:
        continue


def test_every_write_has_a_probe_that_is_tested_here():
    assert {*PLANS, "virtual_machines.run_command"} == set(OPERATIONS)


def test_whether_a_script_of_the_first_kind_ran_cannot_be_told_and_nothing_is_guessed(drill):
    facts = drill("healthy").facts()
    (change,) = run_script(facts, "check_guest_linux", verb="check")
    assert probe(facts, as_classic(change), facts.azure_now) is Effect.UNKNOWN


def test_the_run_command_of_an_earlier_run_is_not_the_one_that_was_sent(drill):
    _, facts, change = planned(drill, "run_commands.create")
    facts.vm()
    carried_out(facts, change)
    assert probe(facts, change, facts.azure_now + timedelta(minutes=1)) is Effect.UNKNOWN


@pytest.mark.parametrize("operation", PLANS)
def test_a_write_is_seen_as_applied_only_when_it_took_effect(drill, operation):
    world, facts, change = planned(drill, operation)
    facts.vm()
    since = facts.azure_now
    assert probe(facts, change, since) is BEFORE.get(operation, Effect.NOT_APPLIED)
    carried_out(facts, change)
    assert probe(facts, change, since) is Effect.APPLIED
    assert len(world.writes) == 1


@pytest.mark.parametrize("operation", PLANS)
def test_a_write_whose_answer_was_lost_is_found_by_its_probe(drill, operation):
    world, facts, change = planned(drill, operation)
    facts.vm()
    since = facts.azure_now
    world.fault("reset_after", method=change.method, path=change.target.rsplit("/", 1)[-1].replace("(", "."))
    with pytest.raises(Ambiguous, match="answer was lost"):
        send(facts.session, change.operation, change.target, dict(change.body), until=inf)
    world.pass_time(timedelta(minutes=10))
    assert probe(facts, change, since) is Effect.APPLIED


@pytest.mark.parametrize("operation", PLANS)
def test_a_probe_that_cannot_look_does_not_guess(drill, operation):
    world, facts, change = planned(drill, operation)
    facts.vm()
    since = facts.azure_now
    world.fault("status", status=503, times=None)
    with pytest.raises(AzureError):
        probe(facts, change, since)


def test_a_loans_copy_is_seen_as_removed_only_when_none_of_its_tags_is_left(drill):
    world, facts, change = planned(drill, "tags.update")
    carried_out(facts, change)
    (removal,) = remove_note(facts, tag_of(str(change.body["lock"])))
    assert probe(facts, removal, facts.azure_now) is Effect.NOT_APPLIED
    carried_out(facts, removal)
    assert probe(facts, removal, facts.azure_now) is Effect.APPLIED
    del world.simulator.world.compute.vms[world.vm_id.lower()]
    assert probe(facts, removal, facts.azure_now) is Effect.APPLIED
    assert probe(facts, change, facts.azure_now) is Effect.NOT_APPLIED


def test_a_lock_of_another_level_is_not_the_lock_that_was_to_be_put_back(drill):
    world, facts, change = planned(drill, "locks.create_or_update")
    world.simulator.world.authorization.add_lock(change.target.split("/providers/")[0], "new", "CanNotDelete", "n")
    assert probe(facts, change, world.simulator.world.clock.now) is Effect.NOT_APPLIED


def test_a_backup_of_the_schedule_or_of_before_is_not_the_one_that_was_started(drill):
    world = drill("rp-collection-limit-nine-backups")
    facts = world.facts()
    facts.vm()
    assert started_backup(facts, facts.azure_now) is None
    world.pass_time(timedelta(days=1))
    facts = world.facts()
    facts.vm()
    assert started_backup(facts, facts.azure_now - timedelta(hours=23)) is None


def test_of_several_backups_since_then_the_first_is_the_one_that_was_started(drill):
    world = drill("rp-collection-limit-nine-backups")
    facts = world.facts()
    facts.vm()
    jobs = [job for job in facts.recent_jobs() if job.on_demand]
    first = min(jobs, key=lambda job: job.started)
    assert started_backup(facts, first.started).name == first.name
