"""What Azure answers is looked at as closely as what the alert says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from arm.credentials import LoopbackCredential
from arm.errors import BadResponse
from arm.session import Session
from remediate.alerts.model import Alert, Source
from remediate.alerts.resolve import Declined, Result, Target, resolve
from remediate.alerts.settings import AlertSettings, Allowed

from ..arm.scripted import Scripted
from .samples import OURS

NAMED = Alert(Source.GRAPH_JOB, vault_id=OURS.vault, job=OURS.job)
BY_ITEM = Alert(Source.METRIC, item_id=OURS.item)


@pytest.fixture
def azure() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    scripted.close()


def resolved(azure: Scripted, alert: Alert) -> Target | Declined:
    with Session(endpoint=azure.endpoint, read_only=True, credential=LoopbackCredential()) as session:
        return resolve(session, alert, AlertSettings())


def job(**changed: Any) -> dict[str, Any]:
    properties = {
        "operation": "Backup",
        "status": "Failed",
        "backupManagementType": "AzureIaasVM",
        "containerName": OURS.container,
        "startTime": "2026-03-02T02:00:00Z",
        **changed,
    }
    return {"id": OURS.job_id, "name": OURS.job, "properties": properties}


@pytest.mark.parametrize(
    ("changed", "result", "why"),
    [
        ({"backupManagementType": "AzureWorkload"}, Result.NOTHING, "workload"),
        ({"backupManagementType": None}, Result.NOTHING, "workload"),
        ({"operation": "Restore"}, Result.NOTHING, "no-failure"),
        ({"status": "CompletedWithWarnings"}, Result.NOTHING, "no-failure"),
        ({"status": ""}, Result.NOTHING, "no-failure"),
        ({"containerName": "../../x"}, Result.REFUSED, "forged"),
        ({"containerName": None}, Result.REFUSED, "forged"),
    ],
)
def test_a_job_counts_only_when_azure_says_that_it_is_a_failed_backup_of_a_vm(azure, changed, result, why):
    azure.says(job(**changed))
    found = resolved(azure, NAMED)
    assert isinstance(found, Declined)
    assert (found.result, found.why) == (result, why)
    assert len(azure.asked) == 1


def test_an_answer_of_another_shape_is_told_as_such(azure):
    azure.says(job(errorDetails=[5]))
    with pytest.raises(BadResponse, match="not of the documented shape"):
        resolved(azure, NAMED)


@pytest.mark.parametrize(
    "machine", ["", "web-01", OURS.vm + "/../x", OURS.vm.replace("virtualMachines", "disks"), OURS.vm + "\n"]
)
def test_a_machine_that_the_vault_does_not_name_plainly_is_not_asked_for(azure, machine):
    azure.says({"id": OURS.item, "properties": {"sourceResourceId": machine}})
    found = resolved(azure, BY_ITEM)
    assert isinstance(found, Declined)
    assert found.why == "forged"
    assert len(azure.asked) == 1


def test_a_machine_that_another_vault_protects_now_is_nothing_to_repair(azure):
    vault = OURS.vault.replace("vault-weu", "vault-new")
    status = {
        "protectionStatus": "Protected",
        "vaultId": vault,
        "fabricName": "Azure",
        "containerName": "c",
        "protectedItemName": "i",
    }
    azure.says({"id": OURS.item, "properties": {"sourceResourceId": OURS.vm}})
    azure.says({"id": OURS.vm, "name": "web-01", "location": "westeurope", "properties": {}})
    azure.says(status)
    found = resolved(azure, BY_ITEM)
    assert isinstance(found, Declined)
    assert (found.result, found.why) == (Result.NOTHING, "other-vault")
    assert "vault-new" in found.reason


def test_what_contradicts_itself_is_refused_without_asking(azure):
    azure.says({})
    found = resolved(azure, replace(BY_ITEM, vault_id=OURS.vault + "2"))
    assert isinstance(found, Declined)
    assert (found.why, azure.asked) == ("contradictory", [])


def test_a_scope_takes_names_and_ids_and_judges_only_what_is_known():
    group = OURS.vm.partition("/providers")[0]
    for allowed in (Allowed(), Allowed(resource_groups=("RG-WEB",)), Allowed(resource_groups=(group + "/",))):
        assert allowed.refusal(OURS.vm, OURS.vault) == ""
    other = Allowed(resource_groups=("rg-other",), vaults=("vault-other",))
    assert other.refusal("", "") == ""
    assert "'rg-web'" in other.refusal(OURS.vm, "")
    assert "'vault-weu'" in other.refusal("", OURS.vault)
    assert "subscription" in Allowed(subscriptions=("x",)).refusal("", OURS.vault)


def test_an_alert_is_told_with_its_time_in_utc():
    told = replace(NAMED, fired=datetime(2026, 3, 2, tzinfo=timezone.utc)).to_json()
    assert (told["fired"], told["vm_id"]) == ("2026-03-02T00:00:00Z", None)
