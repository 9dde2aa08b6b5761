"""Microsoft's own SDK clients reach every operation that the simulator serves; the judge listens."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.recoveryservices import RecoveryServicesClient
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.mgmt.resourcegraph import ResourceGraphClient

from simulator import SCENARIOS, Simulator, serve

from .furnished import FURNISHED
from .test_coverage import routes
from .walk_around import AROUND
from .walk_automation import AUTOMATION
from .walk_platform import PLATFORM

FABRIC = "Azure"


class Bearer(SansIOHTTPPolicy):
    def on_request(self, request):
        request.http_request.headers["Authorization"] = "Bearer walk"


class Credential:
    def get_token(self, *scopes, **kwargs):
        return AccessToken("walk", 2**33)


class Restless(RequestsTransport):
    """Waits of pollers take no time."""

    def sleep(self, duration):
        pass


class Walk:
    """Clients, pointed at one served simulator."""

    def __init__(self, server):
        self.ready = server.ready
        self.later = server.simulator.advance
        self.subscription = self.ready["subscription"]
        self.group = self.ready["resource_group"]
        self.vm = self.ready["vm"]
        self.vault = self.ready["vault"]
        self._open = []
        self.compute = self.client(ComputeManagementClient, self.subscription)
        self.locks = self.client(ManagementLockClient, self.subscription)
        self.resources = self.client(ResourceManagementClient, self.subscription)
        self.subscriptions = self.client(SubscriptionClient)
        self.graph = self.client(ResourceGraphClient)
        self.vaults = self.client(RecoveryServicesClient, self.subscription)
        self.backup = self.client(RecoveryServicesBackupClient, self.subscription)
        [vault] = [one for one in self.vaults.vaults.list_by_subscription_id() if one.name == self.vault]
        self.at_vault = (self.vault, vault.id.split("/")[4])

    def client(self, kind, *arguments):
        """A client of this kind, which is closed with the walk."""
        settings = {"base_url": self.ready["endpoint"], "authentication_policy": Bearer(), "transport": Restless()}
        client = kind(Credential(), *arguments, **settings)
        self._open.append(client)
        return client

    def close(self):
        for client in self._open:
            client.close()

    def send(self, method, path, *, version, json=None):
        """A call for which the SDKs have no method."""
        url = f"{self.ready['endpoint']}{path}"
        request = HttpRequest(method, url, params={"api-version": version}, json=json)
        response = self.backup.send_request(request)
        response.raise_for_status()
        return response


@pytest.fixture
def sim():
    return Simulator(FURNISHED)


@pytest.fixture
def walk(sim):
    with serve(sim) as server, closing(Walk(server)) as walk:
        yield walk


def resources(walk):
    assert [one.subscription_id for one in walk.subscriptions.subscriptions.list()] == [walk.subscription]
    assert walk.subscriptions.subscriptions.get(walk.subscription).state == "Enabled"
    assert list(walk.subscriptions.subscriptions.list_locations(walk.subscription))
    assert list(walk.subscriptions.tenants.list())
    groups = walk.resources.resource_groups
    assert walk.group in [one.name for one in groups.list()]
    assert groups.get(walk.group).name == walk.group
    assert groups.check_existence(walk.group)
    assert not groups.check_existence("nowhere")
    groups.create_or_update("rg-walk", {"location": "westeurope"})
    groups.update("rg-walk", {"tags": {"a": "b"}})
    assert list(walk.resources.resources.list_by_resource_group(walk.group))
    assert list(walk.resources.resources.list())
    tags, scope = walk.resources.tags, groups.get("rg-walk").id.strip("/")
    tags.begin_update_at_scope(scope, {"operation": "Merge", "properties": {"tags": {"c": "d"}}}).result()
    tags.begin_update_at_scope(scope, {"operation": "Delete", "properties": {"tags": {"a": "b"}}}).result()
    assert dict(tags.get_at_scope(scope).properties.tags) == {"c": "d"}
    groups.begin_delete("rg-walk").result()
    assert not groups.check_existence("rg-walk")
    assert list(walk.resources.providers.list())
    assert walk.resources.providers.get("Microsoft.Compute").registration_state == "Registered"
    assert walk.resources.providers.register("Microsoft.Compute").registration_state == "Registered"


def locks(walk):
    one = {"level": "CanNotDelete", "notes": "walk"}
    at = walk.locks.management_locks
    machine = (walk.group, "Microsoft.Compute", "", "virtualMachines", walk.vm)
    at.create_or_update_at_subscription_level("walk-s", one)
    at.create_or_update_at_resource_group_level(walk.group, "walk-g", one)
    at.create_or_update_at_resource_level(*machine, "walk-r", one)
    assert at.get_at_subscription_level("walk-s").notes == "walk"
    assert at.get_at_resource_level(*machine, "walk-r").level == "CanNotDelete"
    names = {lock.name for lock in at.list_at_resource_group_level(walk.group, filter="atScope()")}
    assert {"walk-s", "walk-g"} <= names
    assert "walk-r" not in names
    assert "walk-r" in {lock.name for lock in at.list_at_subscription_level()}
    at.delete_at_resource_level(*machine, "walk-r")
    at.delete_at_resource_group_level(walk.group, "walk-g")
    at.delete_at_subscription_level("walk-s")
    with pytest.raises(HttpResponseError, match="percent-encoded"):
        list(at.list_by_scope(f"subscriptions/{walk.subscription}"))


def machines(walk):
    vms, me = walk.compute.virtual_machines, (walk.group, walk.vm)
    assert vms.get(*me, expand="instanceView").instance_view.vm_agent
    assert vms.instance_view(*me).statuses
    assert list(vms.list_all(status_only="true"))
    assert list(vms.list(walk.group))
    vms.begin_update(*me, {"tags": {"walk": "yes"}}).result()
    for name in ("restart", "reapply", "redeploy", "power_off", "deallocate", "start"):
        getattr(vms, f"begin_{name}")(*me).result()
    done = vms.begin_run_command(*me, {"commandId": "RunShellScript", "script": ["true"]}).result()
    assert done.value
    commands = walk.compute.virtual_machine_run_commands
    body = {"location": "westeurope", "properties": {"source": {"script": "true"}}}
    commands.begin_create_or_update(*me, "walk", body).result()
    assert commands.get_by_virtual_machine(*me, "walk", expand="instanceView").instance_view.exit_code == 0
    assert list(commands.list_by_virtual_machine(*me))
    commands.begin_delete(*me, "walk").result()
    extensions = walk.compute.virtual_machine_extensions
    body = {
        "location": "westeurope",
        "properties": {"publisher": "Walk", "type": "Walk", "typeHandlerVersion": "1.0", "settings": {}},
    }
    extensions.begin_create_or_update(*me, "walk", body).result()
    assert extensions.get(*me, "walk", expand="instanceView").provisioning_state == "Succeeded"
    assert "walk" in [one.name for one in extensions.list(*me).value]
    extensions.begin_delete(*me, "walk").result()
    assert "walk" not in [one.name for one in extensions.list(*me).value]


def collections(walk):
    sets, points = walk.compute.restore_point_collections, walk.compute.restore_points
    assert list(sets.list_all())
    body = {
        "location": "westeurope",
        "properties": {"source": {"id": walk.compute.virtual_machines.get(walk.group, walk.vm).id}},
    }
    sets.create_or_update(walk.group, "walk", body)
    assert [one.name for one in sets.list(walk.group)] == ["walk"]
    points.begin_create(walk.group, "walk", "first", {}).result()
    assert points.get(walk.group, "walk", "first", expand="instanceView").provisioning_state == "Succeeded"
    assert len(sets.get(walk.group, "walk", expand="restorePoints").restore_points) == 1
    points.begin_delete(walk.group, "walk", "first").result()
    sets.begin_delete(walk.group, "walk").result()
    assert list(sets.list(walk.group)) == []


def raw(pipeline_response, _, __):
    """For ``cls``: the response itself, which is all that some operations return."""
    return pipeline_response.http_response


def the_item(walk):
    """The protected item of the scenario's VM as fabric, container and item name."""
    wanted = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"
    [found] = walk.backup.backup_protected_items.list(*walk.at_vault, filter=wanted)
    parts = found.id.split("/")
    return FABRIC, parts[parts.index("protectionContainers") + 1], parts[-1]


def followed(walk, response):
    """Poll the operation of a response by its own URLs until it ends, and return its last status."""
    assert response.status_code == 202
    for _ in range(100):
        seen = walk.backup.send_request(HttpRequest("GET", response.headers["Azure-AsyncOperation"])).json()
        if seen["status"] != "InProgress":
            break
    walk.backup.send_request(HttpRequest("GET", response.headers["Location"])).raise_for_status()
    return seen


def started_backup(walk, item):
    """Start an on-demand backup and return its operation and its job."""
    body = {"properties": {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": "2026-04-01T00:00:00Z"}}
    response = walk.backup.backups.trigger(*walk.at_vault, *item, body, cls=raw)
    operation = response.headers["Azure-AsyncOperation"].split("?")[0].rsplit("/", 1)[-1]
    status = walk.backup.backup_operation_statuses.get(*walk.at_vault, operation)
    while status.status == "InProgress":
        status = walk.backup.backup_operation_statuses.get(*walk.at_vault, operation)
    walk.backup.backup_operation_results.get(*walk.at_vault, operation)
    assert followed(walk, response)["status"] == "Succeeded"
    return operation, status.properties.job_id


def vaults(walk):
    assert list(walk.vaults.vaults.list_by_resource_group(walk.at_vault[1]))
    assert walk.vaults.vaults.get(walk.at_vault[1], walk.vault).properties.provisioning_state == "Succeeded"
    assert walk.backup.backup_resource_vault_configs.get(*walk.at_vault).properties.soft_delete_feature_state
    assert list(walk.backup.resource_guard_proxies.get(*walk.at_vault)) == []
    with pytest.raises(HttpResponseError):
        walk.backup.resource_guard_proxy.get(*walk.at_vault, "VaultProxy")
    with pytest.raises(HttpResponseError):
        walk.backup.resource_guard_proxy.unlock_delete(*walk.at_vault, "VaultProxy", {})
    policies = list(walk.backup.backup_policies.list(*walk.at_vault, filter="backupManagementType eq 'AzureIaasVM'"))
    assert walk.backup.protection_policies.get(*walk.at_vault, policies[0].name).properties.schedule_policy
    assert list(
        walk.backup.backup_protection_containers.list(*walk.at_vault, filter="backupManagementType eq 'AzureIaasVM'")
    )
    response = walk.backup.protection_containers.refresh(
        *walk.at_vault, FABRIC, filter="backupManagementType eq 'AzureIaasVM'", cls=raw
    )
    operation = response.headers["Location"].split("?")[0].rsplit("/", 1)[-1]
    walk.backup.protection_container_refresh_operation_statuses.get(*reversed(walk.at_vault), FABRIC, operation)
    walk.backup.protection_container_refresh_operation_results.get(*walk.at_vault, FABRIC, operation)


def backups(walk):
    machine = walk.compute.virtual_machines.get(walk.group, walk.vm)
    status = walk.backup.backup_status.get(machine.location, {"resourceType": "VM", "resourceId": machine.id})
    assert status.protection_status == "Protected"
    item = the_item(walk)
    items = walk.backup.protected_items
    got = items.get(*walk.at_vault, *item, filter="expand eq 'extendedInfo'")
    assert got.properties["protectionState"]
    for point in walk.backup.recovery_points.list(*walk.at_vault, *item):
        assert walk.backup.recovery_points.get(*walk.at_vault, *item, point.name).properties.recovery_point_time
    operation, job = started_backup(walk, item)
    walk.backup.protected_item_operation_statuses.get(*walk.at_vault, *item, operation)
    walk.backup.protected_item_operation_results.get(*walk.at_vault, *item, operation)
    while walk.backup.job_details.get(*walk.at_vault, job).properties.status == "InProgress":
        pass
    assert job in [one.name for one in walk.backup.backup_jobs.list(*walk.at_vault, filter="operation eq 'Backup'")]
    _, job = started_backup(walk, item)
    response = walk.backup.job_cancellations.trigger(*walk.at_vault, job, cls=raw)
    walk.backup.send_request(HttpRequest("GET", response.headers["Location"])).raise_for_status()
    operation = response.headers["Location"].split("?")[0].rsplit("/", 1)[-1]
    walk.backup.job_operation_results.get(*walk.at_vault, job, operation)
    while walk.backup.job_details.get(*walk.at_vault, job).properties.status in ("InProgress", "Cancelling"):
        pass
    kind = {"protectedItemType": "Microsoft.Compute/virtualMachines", "sourceResourceId": machine.id}
    stop = {"properties": {**kind, "protectionState": "ProtectionStopped", "policyId": ""}}
    items.begin_create_or_update(*walk.at_vault, *item, stop).result()
    assert items.get(*walk.at_vault, *item).properties["protectionState"] == "ProtectionStopped"
    resume = {"properties": {**kind, "policyId": got.properties["policyId"]}}
    items.begin_create_or_update(*walk.at_vault, *item, resume).result()
    assert items.get(*walk.at_vault, *item).properties["protectionState"] != "ProtectionStopped"
    followed(walk, items.delete(*walk.at_vault, *item, cls=raw))
    assert items.get(*walk.at_vault, *item).properties["isScheduledForDeferredDelete"]


def graph(walk):
    query = f"resources | where type =~ 'microsoft.compute/virtualmachines' and name =~ '{walk.vm}'"
    found = walk.graph.resources({"subscriptions": [walk.subscription], "query": query})
    assert [row["name"] for row in found.data] == [walk.vm]


WALKS = (resources, locks, machines, collections, vaults, backups, graph, *AROUND, *AUTOMATION, *PLATFORM)


@pytest.mark.parametrize("part", WALKS, ids=lambda part: part.__name__)
def test_microsofts_sdk_works_with(walk, part):
    part(walk)


def test_microsofts_sdk_reaches_every_operation_that_the_simulator_serves(sim, walk):
    for part in WALKS:
        part(walk)
    reached = {(one["method"], one["path"]) for one in sim.requests if one["status"] < 500}
    missed = [
        f"{route.method} {route.template}"
        for route in routes()
        if not any(method == route.method and route.pattern.match(path) for method, path in reached)
    ]
    assert missed == []


def everything(walk):
    """Read all that there is, page by page."""
    for group in walk.resources.resource_groups.list():
        list(walk.resources.resources.list_by_resource_group(group.name))
        list(walk.locks.management_locks.list_at_resource_group_level(group.name, filter="atScope()"))
    for machine in walk.compute.virtual_machines.list_all():
        name = (machine.id.split("/")[4], machine.name)
        walk.compute.virtual_machines.get(*name, expand="instanceView")
        walk.compute.virtual_machine_extensions.list(*name)
        walk.backup.backup_status.get(machine.location, {"resourceType": "VM", "resourceId": machine.id})
    for one in walk.compute.restore_point_collections.list_all():
        group = one.id.split("/")[4]
        whole = walk.compute.restore_point_collections.get(group, one.name, expand="restorePoints")
        for point in whole.restore_points or ():
            walk.compute.restore_points.get(group, one.name, point.name)
    for vault in walk.vaults.vaults.list_by_subscription_id():
        at = (vault.name, vault.id.split("/")[4])
        for policy in walk.backup.backup_policies.list(*at):
            walk.backup.protection_policies.get(*at, policy.name)
        for guard in walk.backup.resource_guard_proxies.get(*at):
            walk.backup.resource_guard_proxy.get(*at, guard.name)
        list(walk.backup.backup_protection_containers.list(*at, filter="backupManagementType eq 'AzureIaasVM'"))
        for job in walk.backup.backup_jobs.list(*at):
            walk.backup.job_details.get(*at, job.name)
        for item in walk.backup.backup_protected_items.list(*at):
            parts = item.id.split("/")
            name = (FABRIC, parts[parts.index("protectionContainers") + 1], parts[-1])
            walk.backup.protected_items.get(*at, *name, filter="expand eq 'extendedInfo'")
            list(walk.backup.recovery_points.list(*at, *name))


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_the_world_of_a_scenario_speaks_as_the_documents_do(judge, scenario):
    sim = Simulator(scenario)
    sim.world.page_size = 2
    with serve(sim) as server, closing(Walk(server)) as walk:
        everything(walk)
        sim.advance(timedelta(days=2))
        everything(walk)
    assert judge.judge(sim.requests) == []
