from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient

SUB = "22222222-2222-4222-8222-222222222222"
GROUP = "AzureBackupRG_westeurope_1"


@pytest.fixture
def compute(client):
    return client(ComputeManagementClient, SUB)


@pytest.fixture(autouse=True)
def unlocked(sim):
    sim.world.authorization.locks.clear()


def test_lists_of_collections_lack_the_restore_points(compute, vm):
    for found in (compute.restore_point_collections.list(GROUP), compute.restore_point_collections.list_all()):
        (collection,) = found
        assert collection.source.id == vm.id
        assert collection.restore_points is None


def test_a_collection_gives_its_points_only_when_asked(compute, collection, vm):
    plain = compute.restore_point_collections.get(GROUP, collection.name)
    assert plain.restore_points is None
    full = compute.restore_point_collections.get(GROUP, collection.name, expand="restorePoints")
    assert len(full.restore_points) == 18
    assert {point.source_metadata.vm_id for point in full.restore_points} == {vm.vm_id}
    assert all(point.name.startswith("AzureBackup_") for point in full.restore_points)


def test_another_expansion_is_refused(compute, collection):
    with pytest.raises(HttpResponseError):
        compute.restore_point_collections.get(GROUP, collection.name, expand="everything")


def test_lists_of_collections_come_in_pages(compute, sim, vm):
    sim.world.page_size = 2
    for number in range(4):
        sim.world.compute.add_collection("rg-mine", f"c{number}", vm.id, "westeurope")
    assert len(list(compute.restore_point_collections.list_all())) == 5
    assert len(list(compute.restore_point_collections.list("rg-mine"))) == 4


def test_deleting_a_restore_point_is_an_operation(compute, collection):
    oldest = next(iter(collection.points.values()))
    compute.restore_points.begin_delete(GROUP, collection.name, oldest.name).result()
    assert len(collection.points) == 17
    with pytest.raises(ResourceNotFoundError):
        compute.restore_points.get(GROUP, collection.name, oldest.name)


def test_a_point_is_in_deleting_until_the_operation_ends(ask, collection):
    point = next(iter(collection.points.values()))
    accepted = ask("DELETE", point.id)
    assert ask("GET", point.id).body["properties"]["provisioningState"] == "Deleting"
    ask.follow(accepted)
    assert ask("GET", point.id).status == 404


def test_deleting_what_is_gone_is_answered_204(compute, sim, collection):
    compute.restore_points.begin_delete(GROUP, collection.name, "gone").result()
    compute.restore_point_collections.begin_delete(GROUP, "gone").result()
    assert [entry["status"] for entry in sim.requests] == [204, 204]


def test_a_point_of_a_collection_that_is_gone_has_no_parent(ask, collection):
    response = ask("DELETE", f"{collection.id}x/restorePoints/p")
    assert (response.status, response.body["error"]["code"]) == (404, "ParentResourceNotFound")


def test_deleting_a_collection_removes_its_points_and_takes_longer_the_more_there_are(compute, sim, collection):
    before = sim.world.clock.now
    compute.restore_point_collections.begin_delete(GROUP, collection.name).result()
    assert sim.world.compute.collections == {}
    assert sim.world.compute.restore_points_of(sim.setting.vm_id) == []
    assert (sim.world.clock.now - before).total_seconds() >= 10 * 60


def test_a_collection_can_be_told_to_refuse_deletion(ask, compute, collection):
    refusal = {"code": "DiskRestorePointUsedByCustomer", "message": "There are active shared access signatures."}
    assert ask("POST", "/_sim/settings", {"refuse_deletion": {collection.name: refusal}}).status == 200
    with pytest.raises(HttpResponseError) as raised:
        compute.restore_point_collections.begin_delete(GROUP, collection.name).result()
    assert raised.value.error.code == "DiskRestorePointUsedByCustomer"
    assert (len(collection.points), collection.provisioning_state) == (18, "Succeeded")
    ask("POST", "/_sim/settings", {"refuse_deletion": {collection.name: None}})
    compute.restore_point_collections.begin_delete(GROUP, collection.name).result()


def test_a_collection_and_a_point_can_be_made_by_hand(compute, vm):
    wanted = {"location": "westeurope", "properties": {"source": {"id": vm.id}}}
    made = compute.restore_point_collections.create_or_update("rg-web", "mine", wanted)
    assert made.provisioning_state == "Succeeded"
    point = compute.restore_points.begin_create("rg-web", "mine", "one", {}).result()
    assert (point.provisioning_state, point.consistency_mode) == ("Succeeded", "ApplicationConsistent")
    assert point.source_metadata.vm_id == vm.vm_id


def test_the_source_of_a_collection_cannot_change(compute, sim, collection):
    other = sim.world.compute.add_vm("other", "rg-web")
    wanted = {"location": "westeurope", "properties": {"source": {"id": other.id}}}
    with pytest.raises(ResourceExistsError) as raised:
        compute.restore_point_collections.create_or_update(GROUP, collection.name, wanted)
    assert raised.value.error.code == "PropertyChangeNotAllowed"


def test_a_collection_needs_a_vm_as_its_source(compute):
    with pytest.raises(HttpResponseError) as raised:
        compute.restore_point_collections.create_or_update("rg-web", "mine", {"location": "westeurope"})
    assert raised.value.status_code == 400


def test_computes_own_limit_is_200_points_per_vm(sim, ask, vm, collection):
    for number in range(200 - 18):
        sim.world.compute.add_restore_point(collection, f"p{number}", sim.world.clock.now, vm.vm_id)
    refused = ask("PUT", f"{collection.id}/restorePoints/more", {})
    assert (refused.status, refused.body["error"]["code"]) == (409, "OperationNotAllowed")


def test_points_of_a_vm_are_found_over_all_groups_oldest_first(sim, vm):
    other = sim.world.compute.add_collection("rg-mine", "mine", vm.id.upper(), "westeurope")
    sim.world.compute.add_restore_point(other, "newest", sim.world.clock.now, vm.vm_id)
    points = sim.world.compute.restore_points_of(vm.id)
    assert len(points) == 19
    assert points[-1].name == "newest"
    assert points == sorted(points, key=lambda point: point.time_created)
