"""The walk through what a deployment needs besides Automation: roles, storage, action groups, rules of alerts."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.alertprocessingrules import AlertProcessingRulesMgmtClient
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.storage import StorageManagementClient

SOMEBODY = "77777777-7777-4777-8777-777777777777"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
DEFINITIONS = "/providers/Microsoft.Authorization/roleDefinitions"


def role_definitions(walk):
    at = walk.client(AuthorizationManagementClient, walk.subscription).role_definitions
    scope = f"subscriptions/{walk.subscription}"
    reader = at.get(scope, READER)
    assert (reader.role_name, reader.role_type, reader.permissions[0].actions) == ("Reader", "BuiltInRole", ["*/read"])
    assert [one.name for one in at.list(scope, filter="roleName eq 'Reader'")] == [READER]
    # The client puts a slash before and after a scope, so it has no list of the tenant's: //providers/... is no path.
    tenant = walk.send("GET", DEFINITIONS, version="2022-04-01").json()["value"]
    assert [one["name"] for one in tenant] == [one.name for one in at.list(scope)]
    assert at.get_by_id(f"{DEFINITIONS}/{READER}").role_name == "Reader"
    custom = {
        "role_name": "Walker",
        "assignable_scopes": [f"/{scope}"],
        "permissions": [{"actions": ["*/read"], "not_actions": ["Microsoft.Compute/*/read"]}],
    }
    assert at.create_or_update(scope, SOMEBODY, custom).role_type == "CustomRole"
    assert at.get(scope, SOMEBODY).permissions[0].not_actions == ["Microsoft.Compute/*/read"]
    assert at.delete(scope, SOMEBODY).role_name == "Walker"
    assert at.delete(scope, SOMEBODY) is None
    with pytest.raises(HttpResponseError, match="RoleDefinitionDoesNotExist"):
        at.get(scope, SOMEBODY)


def role_assignments(walk):
    client = walk.client(AuthorizationManagementClient, walk.subscription)
    at, scope = client.role_assignments, f"subscriptions/{walk.subscription}"
    role = f"/{scope}{DEFINITIONS}/{READER}"
    body = {"role_definition_id": role, "principal_id": SOMEBODY, "principal_type": "ServicePrincipal"}
    made = at.create(scope, SOMEBODY, body)
    assert (made.principal_type, made.scope) == ("ServicePrincipal", f"/{scope}")
    assert at.get(scope, SOMEBODY).role_definition_id == role
    assert made.id in [one.id for one in at.list_for_scope(scope, filter=f"principalId eq '{SOMEBODY}'")]
    assert at.delete(scope, SOMEBODY).principal_id == SOMEBODY
    assert "*" in [action for one in client.permissions.list_for_resource_group(walk.group) for action in one.actions]


def storage(walk):
    client, at = walk.client(StorageManagementClient, walk.subscription), (walk.group, "stwalk")
    body = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS"},
        "properties": {"allowSharedKeyAccess": False, "minimumTlsVersion": "TLS1_2"},
    }
    made = client.storage_accounts.begin_create(*at, body).result()
    assert (made.name, made.kind, made.sku.name) == ("stwalk", "StorageV2", "Standard_ZRS")
    assert (made.provisioning_state, made.allow_shared_key_access) == ("Succeeded", False)
    assert client.storage_accounts.get_properties(*at).minimum_tls_version == "TLS1_2"
    assert client.table.create(*at, "journal", {}).table_name == "journal"
    assert client.table.get(*at, "journal").name == "journal"
    assert [one.table_name for one in client.table.list(*at)] == ["journal"]
    for other in (client.blob_containers, client.file_shares, client.queue):
        assert list(other.list(*at)) == []
    client.table.delete(*at, "journal")
    with pytest.raises(ResourceNotFoundError, match="TableNotFound"):
        client.table.delete(*at, "journal")
    client.storage_accounts.delete(*at)
    assert "stwalk" not in [one.name for one in client.storage_accounts.list_by_resource_group(walk.group)]


def action_groups(walk):
    at, name = walk.client(MonitorManagementClient, walk.subscription).action_groups, (walk.group, "ag-walk")
    hook = {"name": "runbook", "service_uri": "https://example.org/hook", "use_common_alert_schema": True}
    body = {"location": "Global", "group_short_name": "walk", "enabled": True, "webhook_receivers": [hook]}
    made = at.create_or_update(*name, body)
    assert (made.name, made.group_short_name, made.enabled) == ("ag-walk", "walk", True)
    [receiver] = at.get(*name).webhook_receivers
    assert (receiver.name, receiver.use_common_alert_schema) == ("runbook", True)
    assert [one.id for one in at.list_by_resource_group(walk.group)] == [made.id]
    at.delete(*name)
    assert list(at.list_by_resource_group(walk.group)) == []


def alert_processing_rules(walk):
    groups = walk.client(MonitorManagementClient, walk.subscription).action_groups
    group = groups.create_or_update(
        walk.group, "ag-rule", {"location": "Global", "group_short_name": "rule", "enabled": True}
    )
    rules = walk.client(AlertProcessingRulesMgmtClient, walk.subscription).alert_processing_rules
    properties = {
        "scopes": [f"/subscriptions/{walk.subscription}"],
        "conditions": [{"field": "MonitorService", "operator": "Equals", "values": ["Azure Backup"]}],
        "actions": [{"actionType": "AddActionGroups", "actionGroupIds": [group.id]}],
        "enabled": True,
    }
    made = rules.create_or_update(walk.group, "walk", {"location": "Global", "properties": properties})
    [action] = made.properties.actions
    assert (action.action_type, action.action_group_ids) == ("AddActionGroups", [group.id])
    [condition] = rules.get_by_name(walk.group, "walk").properties.conditions
    assert (condition.field, condition.values_property) == ("MonitorService", ["Azure Backup"])
    assert [one.name for one in rules.list_by_resource_group(walk.group)] == ["walk"]
    rules.delete(walk.group, "walk")
    assert list(rules.list_by_resource_group(walk.group)) == []


PLATFORM = (role_definitions, role_assignments, storage, action_groups, alert_processing_rules)
