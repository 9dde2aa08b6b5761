"""The walk through what stands around a machine, for which few of Microsoft's clients are installed here."""

from __future__ import annotations

from simulator.services.inventory.handlers import PARTS
from simulator.services.inventory.state import DISK, ENCRYPTION_SET, KEY_VAULT, TYPES

SOMEBODY = "77777777-7777-4777-8777-777777777777"
VERSION = "2024-01-01"


def read(walk, path, query=""):
    return walk.send("GET", f"{path}{query}", version=VERSION).json()


def disks(walk):
    at = walk.compute.disks
    [first, *_] = at.list_by_resource_group(walk.group)
    assert first.id in [one.id for one in at.list()]
    assert at.get(walk.group, first.name).disk_state == "Attached"
    [one] = walk.compute.disk_encryption_sets.list()
    assert walk.compute.disk_encryption_sets.get(walk.group, one.name).id == one.id
    assert list(walk.compute.disk_encryption_sets.list_by_resource_group(walk.group))
    assert "cores" in [one.name.value for one in walk.compute.usage.list("westeurope")]
    assert list(walk.compute.virtual_machine_sizes.list("westeurope"))


def surroundings(walk):
    for kind in set(TYPES) - {DISK, ENCRYPTION_SET}:
        [one] = read(walk, f"/subscriptions/{walk.subscription}/providers/{kind}")["value"]
        group = f"/subscriptions/{walk.subscription}/resourceGroups/{walk.group}"
        assert read(walk, f"{group}/providers/{kind}")["value"] == [one]
        assert walk.resources.resources.get_by_id(one["id"], api_version=VERSION).name == one["name"]
        for owner, key, _ in PARTS:
            if owner == kind:
                part = read(walk, f"{one['id']}/{key}")["value"][0]
                assert read(walk, part["id"]) == part


def key_vaults(walk):
    path = f"/subscriptions/{walk.subscription}/resourceGroups/{walk.group}/providers/{KEY_VAULT}/kv-web"
    vault = read(walk, path)
    entry = {"tenantId": vault["properties"]["tenantId"], "objectId": SOMEBODY, "permissions": {"secrets": ["get"]}}
    body = {"properties": {"accessPolicies": [entry]}}
    walk.send("PUT", f"{path}/accessPolicies/add", version=VERSION, json=body)
    changed = read(walk, path)
    assert len(changed["properties"]["accessPolicies"]) == len(vault["properties"]["accessPolicies"]) + 1
    walk.send("PUT", path, version=VERSION, json=vault)
    assert read(walk, path) == vault


def policies(walk):
    assignments = f"/subscriptions/{walk.subscription}/providers/Microsoft.Authorization/policyAssignments"
    [one] = read(walk, assignments)["value"]
    assert read(walk, one["id"]) == one
    assert read(walk, one["properties"]["policyDefinitionId"])["properties"]["policyType"] == "Custom"
    walk.send("DELETE", one["id"], version=VERSION)
    assert read(walk, assignments)["value"] == []


def monitor(walk):
    machine = walk.compute.virtual_machines.get(walk.group, walk.vm).id
    assert read(walk, f"{machine}/providers/Microsoft.Insights/metrics")["value"]
    health = f"{machine}/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
    assert read(walk, health)["properties"]["availabilityState"] == "Available"
    log = f"/subscriptions/{walk.subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    assert read(walk, log, "?$filter=eventTimestamp ge '2026-03-01T00:00:00Z'")["value"] == []


AROUND = (disks, surroundings, key_vaults, policies, monitor)
