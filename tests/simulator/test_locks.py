from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.resource.locks import ManagementLockClient

SUB = "22222222-2222-4222-8222-222222222222"
GROUP = "AzureBackupRG_westeurope_1"
NAME = "do-not-delete"


@pytest.fixture
def locks(client):
    return client(ManagementLockClient, SUB).management_locks


def names(found):
    return sorted(lock.name for lock in found)


def test_a_lock_is_given_with_level_and_notes(locks):
    lock = locks.get_at_resource_group_level(GROUP, NAME)
    assert (lock.level, lock.type) == ("CanNotDelete", "Microsoft.Authorization/locks")
    assert lock.notes.startswith("Protected by the platform team")


def test_a_lock_can_be_deleted_and_put_back_exactly(locks):
    before = locks.get_at_resource_group_level(GROUP, NAME)
    locks.delete_at_resource_group_level(GROUP, NAME)
    with pytest.raises(ResourceNotFoundError):
        locks.get_at_resource_group_level(GROUP, NAME)
    locks.create_or_update_at_resource_group_level(GROUP, NAME, before)
    assert locks.get_at_resource_group_level(GROUP, NAME).as_dict() == before.as_dict()


def test_owners_of_a_lock_are_kept(locks):
    wanted = {"level": "ReadOnly", "notes": "n", "owners": [{"applicationId": "app"}]}
    locks.create_or_update_at_subscription_level("mine", {"properties": wanted})
    lock = locks.get_at_subscription_level("mine")
    assert (lock.level, lock.notes, lock.owners[0].application_id) == ("ReadOnly", "n", "app")


def test_deleting_a_lock_that_does_not_exist_is_no_error(locks, sim):
    locks.delete_at_resource_group_level(GROUP, "other")
    assert sim.requests[-1]["status"] == 204


def test_a_list_without_filter_holds_locks_above_at_and_below_the_scope(locks, sim, vm):
    sim.world.authorization.add_lock(f"/subscriptions/{SUB}", "on-subscription", "CanNotDelete")
    sim.world.authorization.add_lock(vm.id, "on-vm", "ReadOnly")
    assert names(locks.list_at_subscription_level()) == [NAME, "on-subscription", "on-vm"]
    assert names(locks.list_at_resource_group_level("rg-web")) == ["on-subscription", "on-vm"]
    assert names(locks.list_at_resource_group_level(GROUP)) == [NAME, "on-subscription"]


def test_the_filter_at_scope_leaves_out_locks_below(locks, sim, vm):
    sim.world.authorization.add_lock(f"/subscriptions/{SUB}", "on-subscription", "CanNotDelete")
    sim.world.authorization.add_lock(vm.id, "on-vm", "ReadOnly")
    assert names(locks.list_at_subscription_level(filter="atScope()")) == ["on-subscription"]
    assert names(locks.list_at_resource_group_level("rg-web", filter="atScope()")) == ["on-subscription"]
    at_vm = locks.list_at_resource_level(
        "rg-web", "Microsoft.Compute", "", "virtualMachines", "web-01", filter="atScope()"
    )
    assert names(at_vm) == ["on-subscription", "on-vm"]


def test_another_filter_is_refused(locks):
    with pytest.raises(HttpResponseError, match="atScope"):
        list(locks.list_at_subscription_level(filter="level eq 'ReadOnly'"))


def test_lists_of_locks_come_in_pages(locks, sim):
    sim.world.page_size = 2
    for number in range(4):
        sim.world.authorization.add_lock(f"/subscriptions/{SUB}", f"l{number}", "CanNotDelete")
    assert len(list(locks.list_at_subscription_level())) == 5
    assert [entry["method"] for entry in sim.requests] == ["GET"] * 3


def test_a_lock_of_an_unknown_level_is_refused(locks):
    with pytest.raises(HttpResponseError) as raised:
        locks.create_or_update_at_resource_group_level(GROUP, "x", {"properties": {"level": "Total"}})
    assert raised.value.error.code == "InvalidLockLevel"


def test_a_lock_on_a_group_or_resource_that_does_not_exist_is_refused(locks):
    with pytest.raises(ResourceNotFoundError) as raised:
        locks.create_or_update_at_resource_group_level("nowhere", "x", {"properties": {"level": "ReadOnly"}})
    assert raised.value.error.code == "ResourceGroupNotFound"
    with pytest.raises(ResourceNotFoundError):
        locks.create_or_update_at_resource_level(
            "rg-web", "Microsoft.Compute", "", "virtualMachines", "nobody", "x", {"properties": {"level": "ReadOnly"}}
        )


@pytest.mark.parametrize("scope", ["subscription", "group", "resource"])
def test_a_lock_at_any_scope_above_stops_the_deletion_of_a_restore_point(sim, ask, collection, scope):
    sim.world.authorization.locks.clear()
    where = {
        "subscription": f"/subscriptions/{SUB}",
        "group": f"/subscriptions/{SUB}/resourceGroups/{GROUP.lower()}",
        "resource": collection.id,
    }[scope]
    sim.world.authorization.add_lock(where, "l", "CanNotDelete")
    point = next(iter(collection.points.values()))
    refused = ask("DELETE", point.id)
    assert refused.status == 409
    error = refused.body["error"]
    assert error["code"] == "ScopeLocked"
    assert error["message"] == (
        f"The scope '{point.id}' cannot perform delete operation because following scope(s) are locked: '{where}'. "
        "Please remove the lock and try again."
    )
    assert point.name.lower() in collection.points


def test_a_lock_on_a_sibling_stops_nothing(sim, ask, collection):
    sim.world.authorization.locks.clear()
    sim.world.authorization.add_lock(f"/subscriptions/{SUB}/resourceGroups/rg-web", "l", "CanNotDelete")
    sim.world.resources.add_group("AzureBackupRG", "westeurope")
    sim.world.authorization.add_lock(f"/subscriptions/{SUB}/resourceGroups/AzureBackupRG", "prefix", "CanNotDelete")
    assert ask("DELETE", collection.id).status == 202


def test_a_cannotdelete_lock_lets_writes_and_actions_pass_and_a_readonly_lock_refuses_them(sim, ask, vm, vm_path):
    lock = sim.world.authorization.add_lock(vm_path, "l", "CanNotDelete")
    assert ask("PATCH", vm_path, {"tags": {}}).status == 200
    assert ask("POST", f"{vm_path}/restart").status == 202
    lock.level = "ReadOnly"
    refused = ask("POST", f"{vm_path}/restart")
    assert refused.status == 409
    assert f"The scope '{vm_path}' cannot perform write operation" in refused.body["error"]["message"]
    assert ask("PATCH", vm_path, {"tags": {}}).status == 409
    assert ask("GET", vm_path).status == 200


def test_all_locks_in_the_way_are_named(sim, ask, collection):
    sim.world.authorization.add_lock(f"/subscriptions/{SUB}", "l", "ReadOnly")
    message = ask("DELETE", collection.id).body["error"]["message"]
    assert f"/resourceGroups/{GROUP},/subscriptions/{SUB}'" in message


def test_a_lock_does_not_protect_itself(sim, ask):
    sim.world.authorization.add_lock(f"/subscriptions/{SUB}", "l", "ReadOnly")
    path = f"/subscriptions/{SUB}/resourceGroups/{GROUP}/providers/Microsoft.Authorization/locks/{NAME}"
    assert ask("DELETE", path).status == 200


def test_a_deleted_lock_may_be_enforced_for_a_while_though_it_is_no_longer_listed(sim, ask, collection):
    assert ask("POST", "/_sim/settings", {"lock_removal_delay": "PT2M"}).status == 200
    locks = f"/subscriptions/{SUB}/resourceGroups/{GROUP}/providers/Microsoft.Authorization/locks"
    ask("DELETE", f"{locks}/{NAME}")
    assert ask("GET", locks).body["value"] == []
    assert ask("DELETE", collection.id).status == 409
    ask("POST", "/_sim/clock", {"advance": "PT2M"})
    assert ask("DELETE", collection.id).status == 202


def test_a_lock_put_back_during_its_removal_stays(sim, ask, collection):
    ask("POST", "/_sim/settings", {"lock_removal_delay": "PT2M"})
    path = f"/subscriptions/{SUB}/resourceGroups/{GROUP}/providers/Microsoft.Authorization/locks/{NAME}"
    before = ask("GET", path).body
    ask("DELETE", path)
    assert ask("PUT", path, {"properties": before["properties"]}).status == 201
    ask("POST", "/_sim/clock", {"advance": "PT5M"})
    assert ask("GET", path).body == before
    assert ask("DELETE", collection.id).status == 409


def test_sdk_raises_resource_exists_for_a_locked_scope(client, collection):
    from azure.mgmt.compute import ComputeManagementClient

    points = client(ComputeManagementClient, SUB).restore_point_collections
    with pytest.raises(ResourceExistsError) as raised:
        points.begin_delete(GROUP, collection.name)
    assert raised.value.error.code == "ScopeLocked"
