"""The template, held against tables of properties, against Microsoft's models, and against what else we say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import azure.mgmt.automation.models as automation_models
import pytest
from azure.mgmt.automation.models import AutomationAccountCreateOrUpdateParameters

from remediate.deploy import removal, writes
from remediate.deploy.template import NESTED, Place, Template, main, permissions_of
from remediate.role import role
from runbooks.registry import runbooks
from simulator.services.automation.state import TABLES as AUTOMATION
from simulator.services.monitor.state import TABLES as MONITOR
from simulator.services.storage.state import TABLES as STORAGE
from simulator.shelf import faults_of

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "azure-automation" / "template.json"
SOURCE: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
_ROLES = {
    writes.ROLE: {
        "properties!": {
            "roleName!": "text",
            "type": "text",
            "description": "text",
            "assignableScopes!": {"[]": "text"},
            "permissions!": {"[]": {"actions!": {"[]": "text"}, "notActions": {"[]": "text"}, "*": {"[]": "text"}}},
        }
    },
    writes.ASSIGNMENT: {
        "properties!": {"roleDefinitionId!": "text", "principalId!": "text", "principalType": ["ServicePrincipal"]}
    },
}
TABLES = {**AUTOMATION, **MONITOR, **STORAGE, **_ROLES}
PLACE = Place(
    "22222222-2222-4222-8222-222222222222",
    "rg",
    "westeurope",
    "core.windows.net",
    lambda: datetime(2026, 3, 2, tzinfo=timezone.utc),
)
PACKAGES = [{"name": f"p{number}", "uri": f"https://x/{number}.whl", "sha256": "0" * 64} for number in range(3)]
EVERYTHING = {
    "automationAccountName": "remediate",
    "storageAccountName": "remediatejournal",
    "door": "powershell",
    "configuration": '[limits]\nsay = "it"\n',
    "packages": PACKAGES,
    "linkSchedule": True,
    "webhookUri": "https://example.invalid/hook",
}
MODELS = {
    writes.ENVIRONMENT: "RuntimeEnvironmentProperties",
    writes.PACKAGE: "PackageCreateOrUpdateProperties",
    writes.RUNBOOK: "RunbookCreateOrUpdateProperties",
    writes.VARIABLE: "VariableCreateOrUpdateProperties",
    writes.SCHEDULE: "ScheduleCreateOrUpdateProperties",
    writes.LINK: "JobScheduleCreateProperties",
    writes.WEBHOOK: "WebhookCreateOrUpdateProperties",
    writes.ACCOUNT: "AutomationAccountCreateOrUpdateProperties",
}


def look(_target: str, _version: str) -> dict[str, Any]:
    return {"identity": {"principalId": "55555555-5555-4555-8555-555555555555"}}


def wanted(**given: Any) -> list[Any]:
    return list(Template(SOURCE, PLACE, {**EVERYTHING, **given}, look).resources())


def all_resources(source: dict[str, Any] = SOURCE) -> Iterator[dict[str, Any]]:
    for resource in source["resources"]:
        yield resource
        if resource["type"] == NESTED:
            yield from all_resources(resource["properties"]["template"])


def names_in(model: Any) -> set[str]:
    """What a model of the SDK is called on the wire, name by name."""
    model.__new__(model)  # the SDK works it out with the first instance
    return {field._rest_name for field in model._attr_to_rest_field.values()}


@pytest.mark.parametrize("given", [{}, {"runbooksUri": "https://x/runbooks"}, {"door": "python", "configuration": ""}])
def test_every_resource_has_the_properties_that_its_type_takes_and_all_that_it_needs(given):
    faults = [f"{one.id}: {fault}" for one in wanted(**given) for fault in faults_of(one.body, TABLES[one.type])]
    assert faults == []


def test_every_type_that_may_be_deployed_is_in_the_template_with_the_same_api_version():
    versions = {one.type: one.api_version for one in wanted()}
    assert versions == writes.VERSIONS


@pytest.mark.parametrize(("kind", "model"), MODELS.items())
def test_the_tables_for_automation_name_what_the_models_of_microsofts_sdk_have(kind, model):
    names = names_in(getattr(automation_models, model))
    table = AUTOMATION[kind].get("properties!") or AUTOMATION[kind]["properties"]
    assert {name.rstrip("!") for name in table} == names


def test_the_table_for_accounts_names_what_the_model_has():
    names = names_in(AutomationAccountCreateOrUpdateParameters)
    assert {name.rstrip("!") for name in AUTOMATION[writes.ACCOUNT]} == names


def test_the_role_has_exactly_the_permissions_that_remediate_role_prints():
    assert permissions_of(SOURCE) == role(list(runbooks()))["Actions"], "run: python -m remediate.deploy.template"


def test_the_permissions_can_be_put_into_the_template_again_without_another_change(tmp_path):
    copy = tmp_path / "template.json"
    changed = json.loads(json.dumps(SOURCE))
    permissions_of(changed)[:] = ["a/b/read"]
    copy.write_text(json.dumps(changed), encoding="utf-8")
    main(copy)
    assert json.loads(copy.read_text(encoding="utf-8")) == SOURCE


def test_each_resource_comes_after_those_that_it_depends_on():
    known: set[str] = set()
    for resource in SOURCE["resources"]:
        for one in resource.get("dependsOn", ()):
            kinds = re.findall(r"resourceid\('([^']+)'", one.lower())
            loops = [] if kinds else [one]
            for kind in kinds:
                assert kind in known or kind == "microsoft.resources/deployments", f"{resource['type']} needs {kind}"
            assert all(f"loop {loop}" in known for loop in loops)
        known.add(resource["type"].lower())
        if "copy" in resource:
            known.add(f"loop {resource['copy']['name']}")


def test_passwords_are_secure_parameters_and_no_output_has_one():
    assert SOURCE["parameters"]["webhookUri"]["type"] == "securestring"
    assert "webhookUri" not in json.dumps(SOURCE["outputs"])
    secrets = [name for name in SOURCE["parameters"] if re.search("uri|key|token|secret|password", name, re.IGNORECASE)]
    assert set(secrets) == {"webhookUri", "runbooksUri"}


def test_the_default_mode_is_plan_and_the_journal_takes_no_shared_keys():
    assert SOURCE["parameters"]["mode"]["defaultValue"] == "plan"
    storage = next(one for one in wanted() if one.type == writes.STORAGE).body["properties"]
    assert storage["allowSharedKeyAccess"] is False
    assert storage["allowBlobPublicAccess"] is False
    assert storage["minimumTlsVersion"] == "TLS1_2"
    assert storage["supportsHttpsTrafficOnly"] is True


def test_variables_hold_json_whatever_is_in_them():
    values = {one.name: one.body["properties"]["value"] for one in wanted() if one.type == writes.VARIABLE}
    assert {name: json.loads(value) for name, value in values.items()} == {
        "REMEDIATE_MODE": "plan",
        "REMEDIATE_STATE": "https://remediatejournal.table.core.windows.net/remediate",
        "REMEDIATE_CONFIG": EVERYTHING["configuration"],
        "REMEDIATE_ACCOUNT": f"{PLACE.group_id}/providers/{writes.ACCOUNT}/remediate",
    }


def test_the_identity_gets_the_role_on_the_subscription_and_the_journal_and_nothing_else():
    given = [one for one in wanted(door="python") if one.type == writes.ASSIGNMENT]
    scopes = [one.id.rpartition("/providers/Microsoft.Authorization")[0] for one in given]
    assert scopes == [
        f"/subscriptions/{PLACE.subscription}",
        f"{PLACE.group_id}/providers/Microsoft.Storage/storageAccounts/remediatejournal",
    ]
    roles = [one.body["properties"]["roleDefinitionId"].rpartition("/")[2] for one in given]
    made = next(one for one in wanted() if one.type == writes.ROLE)
    assert roles == [made.name, "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"]


def test_only_the_powershell_door_may_start_jobs_and_only_in_its_own_account():
    account = f"{PLACE.group_id}/providers/{writes.ACCOUNT}/remediate"
    starts = [one for one in wanted() if one.type == writes.ASSIGNMENT and one.id.startswith(account)]
    assert len(starts) == 1
    definition = [one for one in wanted() if one.type == writes.ROLE][1]
    assert starts[0].body["properties"]["roleDefinitionId"].endswith(definition.name)
    actions = definition.body["properties"]["permissions"][0]["actions"]
    assert actions == [f"{writes.ACCOUNT}/jobs/read", f"{writes.ACCOUNT}/jobs/write"]
    assert len([one for one in wanted(door="python") if one.type in (writes.ROLE, writes.ASSIGNMENT)]) == 3


def test_built_in_backup_alerts_reach_the_webhook_in_the_common_schema():
    found = {one.type: one.body["properties"] for one in wanted()}
    receiver = found[writes.GROUP]["webhookReceivers"][0]
    assert receiver["useCommonAlertSchema"] is True
    assert receiver["serviceUri"] == found[writes.WEBHOOK]["uri"] == EVERYTHING["webhookUri"]
    rule = found[writes.RULE]
    assert rule["scopes"] == [f"/subscriptions/{PLACE.subscription}"]
    assert rule["actions"][0]["actionGroupIds"] == [f"{PLACE.group_id}/providers/{writes.GROUP}/remediate"]
    assert {one["field"]: one["values"] for one in rule["conditions"]}["MonitorService"] == ["Azure Backup"]


def test_without_an_address_there_is_no_webhook_and_nothing_that_would_call_it():
    kinds = {one.type for one in wanted(webhookUri="")}
    assert kinds.isdisjoint({writes.WEBHOOK, writes.GROUP, writes.RULE})


@pytest.mark.parametrize(
    ("door", "runbook"), [("python", "remediate_backup_alert"), ("powershell", "webhook_to_python")]
)
def test_the_webhook_starts_the_runbook_of_the_chosen_door(door, runbook):
    hook = next(one for one in wanted(door=door) if one.type == writes.WEBHOOK)
    assert hook.body["properties"]["runbook"] == {"name": runbook}


def test_every_runbook_of_the_template_is_a_file_and_every_file_is_one():
    names = {one.name for one in wanted() if one.type == writes.RUNBOOK}
    home = ROOT / "azure-automation"
    assert names == {path.stem for path in (*home.glob("*.py"), *home.glob("*.ps1"))}


def test_runbooks_from_an_address_are_pinned_by_their_hash():
    hashes = {"remediate_resume": "ab" * 32}
    found = {one.name: one.body["properties"] for one in wanted(runbooksUri="https://x/r", runbookHashes=hashes)}
    link = found["remediate_resume"]["publishContentLink"]
    assert link == {
        "uri": "https://x/r/remediate_resume.py",
        "contentHash": {"algorithm": "SHA256", "value": "ab" * 32},
    }
    assert found["webhook_to_python"]["publishContentLink"] == {"uri": "https://x/r/webhook_to_python.ps1"}
    assert "draft" not in found["remediate_resume"]


def test_every_package_is_pinned_by_its_hash():
    found = [one.body["properties"]["contentLink"] for one in wanted() if one.type == writes.PACKAGE]
    assert [one["contentHash"]["value"] for one in found] == ["0" * 64] * 3


def test_an_undo_knows_every_name_inside_of_the_account():
    kinds = {
        writes.RUNBOOK: set(removal.RUNBOOKS),
        writes.VARIABLE: set(removal.VARIABLES),
        writes.ENVIRONMENT: {removal.ENVIRONMENT},
        writes.SCHEDULE: {removal.SCHEDULE},
        writes.WEBHOOK: {removal.WEBHOOK},
    }
    for kind, names in kinds.items():
        assert {one.name for one in wanted() if one.type == kind} == names


def test_only_names_of_deployments_depend_on_a_function_that_is_not_arms_own_here():
    for resource in all_resources():
        text = json.dumps({name: value for name, value in resource.items() if name not in ("dependsOn", "name")})
        if resource["type"] != NESTED:
            assert "uniqueString" not in text + resource["name"]
