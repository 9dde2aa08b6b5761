from __future__ import annotations

from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient

SUB = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def compute(client):
    return client(ComputeManagementClient, SUB)


def test_a_vm_is_given_without_its_instance_view_unless_asked(compute, vm):
    plain = compute.virtual_machines.get("rg-web", "web-01")
    assert plain.instance_view is None
    assert plain.vm_id == vm.vm_id
    assert plain.storage_profile.os_disk.os_type == "Linux"
    assert [extension.name for extension in plain.resources] == ["VMSnapshotLinux"]
    seen = compute.virtual_machines.get("RG-WEB", "WEB-01", expand="instanceView")
    assert [status.code for status in seen.instance_view.statuses] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]


def test_the_instance_view_tells_of_agent_and_extensions(compute):
    view = compute.virtual_machines.instance_view("rg-web", "web-01")
    assert view.vm_agent.statuses[0].display_status == "Ready"
    assert view.vm_agent.extension_handlers[0].type == "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
    assert view.extensions[0].statuses[0].code == "ProvisioningState/succeeded"


def test_an_agent_that_is_not_ready_reports_so(compute, vm):
    vm.agent = "NotReady"
    view = compute.virtual_machines.instance_view("rg-web", "web-01")
    assert view.vm_agent.vm_agent_version == "Unknown"
    assert view.vm_agent.statuses[0].code == "ProvisioningState/Unavailable"
    vm.agent = "Missing"
    assert compute.virtual_machines.instance_view("rg-web", "web-01").vm_agent is None


def test_a_deallocated_vm_reports_neither_agent_nor_extensions(compute, vm):
    vm.power_state = "deallocated"
    view = compute.virtual_machines.instance_view("rg-web", "web-01")
    assert (view.vm_agent, view.extensions) == (None, None)
    assert view.statuses[1].code == "PowerState/deallocated"


def test_lists_of_vms_come_in_pages_and_by_group(compute, sim):
    for number in range(5):
        sim.world.compute.add_vm(f"vm-{number}", "rg-many")
    sim.world.page_size = 2
    assert len(list(compute.virtual_machines.list("rg-many"))) == 5
    assert len(list(compute.virtual_machines.list_all())) == 6
    assert [entry["path"].count("rg-many") for entry in sim.requests] == [1, 1, 1, 0, 0, 0]


def test_lists_of_vms_name_extensions_by_id_only(compute):
    (vm,) = compute.virtual_machines.list_all()
    (extension,) = vm.resources
    assert extension.id.endswith("/extensions/VMSnapshotLinux")
    assert (extension.type, extension.properties) == (None, None)


def test_status_only_gives_status_and_no_model(compute):
    (vm,) = compute.virtual_machines.list_all(status_only="true")
    assert vm.instance_view.statuses[1].code == "PowerState/running"
    assert vm.storage_profile is None


def test_what_does_not_exist_is_answered_404_with_arms_codes(compute):
    with pytest.raises(ResourceNotFoundError) as raised:
        compute.virtual_machines.get("nowhere", "web-01")
    assert raised.value.error.code == "ResourceGroupNotFound"
    with pytest.raises(ResourceNotFoundError) as raised:
        compute.virtual_machines.get("rg-web", "nobody")
    assert raised.value.error.code == "ResourceNotFound"
    assert "'Microsoft.Compute/virtualMachines/nobody' under resource group 'rg-web'" in raised.value.error.message


def test_tags_of_a_vm_are_replaced(compute, vm):
    updated = compute.virtual_machines.begin_update("rg-web", "web-01", {"tags": {"owner": "me"}}).result()
    assert updated.tags == {"owner": "me"} == vm.tags


def test_changing_anything_but_tags_is_refused_not_ignored(compute):
    with pytest.raises(HttpResponseError, match="only 'tags'"):
        compute.virtual_machines.begin_update("rg-web", "web-01", {"properties": {"licenseType": "None"}})


@pytest.mark.parametrize(
    ("verb", "after"),
    [
        ("deallocate", "deallocated"),
        ("power_off", "stopped"),
        ("restart", "running"),
        ("reapply", "running"),
        ("redeploy", "running"),
        ("start", "running"),
    ],
)
def test_power_actions_are_operations_that_end_in_their_state(compute, sim, vm, verb, after):
    if verb == "start":
        vm.power_state = "deallocated"
    poller = getattr(compute.virtual_machines, f"begin_{verb}")("rg-web", "web-01")
    assert poller.result() is None
    assert (vm.power_state, vm.provisioning_state) == (after, "Succeeded")
    assert sim.requests[0]["status"] == 202


def test_a_vm_is_deallocating_until_the_operation_ends(ask, vm, vm_path):
    accepted = ask("POST", f"{vm_path}/deallocate")
    assert vm.power_state == "deallocating"
    assert ask.follow(accepted).body["status"] == "Succeeded"
    assert vm.power_state == "deallocated"


def test_an_agent_that_hangs_reports_a_minute_after_a_restart_and_another_one_stays_silent(compute, sim, vm):
    vm.agent = "NotReady"
    compute.virtual_machines.begin_restart("rg-web", "web-01").result()
    sim.advance(timedelta(minutes=5))
    assert vm.agent == "NotReady"
    vm.guest["agent"] = "hangs"
    compute.virtual_machines.begin_restart("rg-web", "web-01").result()
    assert vm.agent == "NotReady"
    sim.advance(timedelta(minutes=1))
    assert vm.agent == "Ready"


def test_a_vm_of_an_image_of_its_owners_may_have_no_agent_and_take_no_extensions(compute, vm):
    vm.own_image, vm.provision_agent, vm.extension_operations = True, False, False
    seen = compute.virtual_machines.get("rg-web", "web-01")
    assert seen.storage_profile.image_reference.publisher is None
    assert seen.storage_profile.image_reference.id.endswith("/providers/Microsoft.Compute/images/web-01-image")
    assert seen.os_profile.linux_configuration.provision_vm_agent is False
    assert seen.os_profile.allow_extension_operations is False


def test_a_stopped_vm_cannot_be_restarted(compute, vm):
    vm.power_state = "stopped"
    with pytest.raises(ResourceExistsError) as raised:
        compute.virtual_machines.begin_restart("rg-web", "web-01")
    assert raised.value.error.code == "OperationNotAllowed"


# Extensions


def test_extensions_are_listed_in_one_answer_and_given_with_their_view_when_asked(compute):
    found = compute.virtual_machine_extensions.list("rg-web", "web-01")
    assert [entry.publisher for entry in found.value] == ["Microsoft.Azure.RecoveryServices"]
    one = compute.virtual_machine_extensions.get("rg-web", "web-01", "vmsnapshotlinux", expand="instanceView")
    assert one.properties.type == "VMSnapshotLinux"
    assert one.instance_view.statuses[0].display_status == "Provisioning succeeded"


def test_deleting_an_extension_takes_a_few_polls_and_leaves_deleting_meanwhile(compute, vm, sim):
    poller = compute.virtual_machine_extensions.begin_delete("rg-web", "web-01", "VMSnapshotLinux")
    poller.result()
    assert vm.extensions == {}
    states = [entry["response"]["status"] for entry in sim.requests if "/operations/" in entry["path"]]
    assert states == ["InProgress", "InProgress", "Succeeded"]


def test_deleting_an_extension_that_is_not_there_is_answered_204(compute, sim):
    compute.virtual_machine_extensions.begin_delete("rg-web", "web-01", "Nothing").result()
    assert sim.requests[-1]["status"] == 204


def test_extensions_of_a_vm_that_is_not_running_cannot_be_changed(compute, vm):
    vm.power_state = "deallocated"
    with pytest.raises(ResourceExistsError) as raised:
        compute.virtual_machine_extensions.begin_delete("rg-web", "web-01", "VMSnapshotLinux")
    assert raised.value.error.code == "OperationNotAllowed"
    assert raised.value.error.message == "Cannot modify extensions in the VM when the VM is not running."


def test_without_a_working_agent_the_deletion_hangs_fails_and_leaves_deleting(compute, sim, vm):
    vm.agent = "NotReady"
    before = sim.world.clock.now
    with pytest.raises(HttpResponseError) as raised:
        compute.virtual_machine_extensions.begin_delete("rg-web", "web-01", "VMSnapshotLinux").result()
    assert raised.value.error.code == "VMExtensionProvisioningTimeout"
    assert (sim.world.clock.now - before).total_seconds() >= 90 * 60
    assert vm.extensions["vmsnapshotlinux"].provisioning_state == "Deleting"


def test_an_extension_in_deleting_can_only_be_deleted_again(compute, vm):
    vm.extensions["vmsnapshotlinux"].provisioning_state = "Deleting"
    wanted = {"location": "westeurope", "properties": {"publisher": "p", "type": "t"}}
    with pytest.raises(ResourceExistsError, match="marked for deletion"):
        compute.virtual_machine_extensions.begin_create_or_update("rg-web", "web-01", "VMSnapshotLinux", wanted)
    compute.virtual_machine_extensions.begin_delete("rg-web", "web-01", "VMSnapshotLinux").result()
    assert vm.extensions == {}


def test_a_second_deletion_joins_the_one_in_progress(ask, vm_path):
    first, second = (ask("DELETE", f"{vm_path}/extensions/VMSnapshotLinux") for _ in range(2))
    assert second.headers["Azure-AsyncOperation"] == first.headers["Azure-AsyncOperation"]


def test_an_extension_can_be_installed_and_updated(compute, vm):
    wanted = {
        "location": "westeurope",
        "properties": {"publisher": "Contoso", "type": "Probe", "typeHandlerVersion": "1.2", "settings": {"a": 1}},
    }
    made = compute.virtual_machine_extensions.begin_create_or_update("rg-web", "web-01", "probe", wanted).result()
    assert (made.provisioning_state, made.settings) == ("Succeeded", {"a": 1})
    again = compute.virtual_machine_extensions.begin_create_or_update("rg-web", "web-01", "probe", wanted).result()
    assert again.name == "probe"
    assert len(vm.extensions) == 2


def test_an_extension_of_a_vm_that_does_not_exist_has_no_parent(ask, vm_path):
    response = ask("DELETE", vm_path.replace("web-01", "nobody") + "/extensions/x")
    assert (response.status, response.body["error"]["code"]) == (404, "ParentResourceNotFound")


# Operations


@pytest.mark.unjudged("the URLs are spoiled on purpose")
def test_a_poll_url_must_be_echoed_with_its_opaque_parameter(ask, vm_path):
    url = ask("POST", f"{vm_path}/restart").headers["Azure-AsyncOperation"]
    assert ask("GET", url).status == 200
    opaque = url.partition("?p=")[2].partition("&")[0]
    assert ask("GET", url.replace(f"p={opaque}", "p=other")).status == 404
    assert ask("GET", url.replace(f"p={opaque}&", "")).status == 404


def test_operation_urls_carry_the_host_and_version_of_the_request(ask, vm_path):
    headers = ask("POST", f"{vm_path}/restart?api-version=2026-04-01").headers
    assert headers["Azure-AsyncOperation"].startswith(
        f"http://sim.test/subscriptions/{SUB}/providers/Microsoft.Compute/locations/westeurope/operations/"
    )
    assert "api-version=2026-04-01" in headers["Azure-AsyncOperation"]
    assert "monitor=true" in headers["Location"]
    assert headers["Retry-After"] == "1"


def test_a_poll_of_an_operation_in_progress_moves_the_clock_by_a_minute_and_no_other_read_does(sim, ask, vm_path):
    url = ask("POST", f"{vm_path}/deallocate").headers["Azure-AsyncOperation"]
    start = sim.world.clock.now
    ask("GET", vm_path)
    assert sim.world.clock.now == start
    assert ask("GET", url).body["status"] == "InProgress"
    assert (sim.world.clock.now - start).total_seconds() == 60
    ask.follow(ask("POST", f"{vm_path}/start"))
    settled = sim.world.clock.now
    ask("GET", url)
    assert sim.world.clock.now == settled


def test_the_location_is_202_until_the_operation_has_ended(ask, vm_path):
    location = ask("DELETE", f"{vm_path}/extensions/VMSnapshotLinux").headers["Location"]
    statuses = [ask("GET", location).status for _ in range(3)]
    assert statuses == [202, 202, 204]
