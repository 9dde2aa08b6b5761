"""Stopping, suspending, resuming, deleting and undeleting protection."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError
from backup_wire import VM, azure, raw

GUARDED = "rp-collection-limit-resource-guard"


def test_protection_stops_with_its_data_kept_and_no_backup_runs_any_more():
    with azure("healthy") as az:
        az.put_item(protectionState="ProtectionStopped").result()
        item = az.get_item(filter="expand eq 'extendedInfo'")
        assert (item["protectionState"], item["policyId"]) == ("ProtectionStopped", "")
        points, jobs = item["extendedInfo"]["recoveryPointCount"], len(az.jobs("operation eq 'Backup'"))
        az.advance(days=40)
        assert len(az.recovery_points()) == points == 22
        assert len(az.jobs("operation eq 'Backup'")) == jobs
        assert az.jobs("operation eq 'DisableBackup'")[0].properties.status == "Completed"


def test_an_on_demand_backup_of_a_stopped_item_is_refused():
    with azure("protection-stopped") as az, pytest.raises(HttpResponseError, match="ProtectionStopped"):
        az.trigger()


def test_resumed_protection_backs_up_again_the_next_night():
    with azure("protection-stopped") as az:
        az.put_item(policyId=az.vault.policies["daily"].id).result()
        assert az.get_item()["protectionState"] == "Protected"
        az.advance(days=1)
        [newest, *_] = az.jobs("operation eq 'Backup'")
        assert newest.properties.status == "Completed"
        assert not newest.properties.is_user_triggered


def test_a_vm_without_backup_can_be_protected():
    with azure("unprotected") as az:
        policy, vm = az.world.recoveryservices.add_policy(az.vault), az.vm
        short = "iaasvmcontainerv2;rg-web;web-01"
        body = {"properties": {"protectedItemType": VM, "sourceResourceId": vm.id, "policyId": policy.id}}
        path = (*az.at, "Azure", f"IaasVMContainer;{short}", f"VM;{short}")
        az.backup.protected_items.begin_create_or_update(*path, body).result()
        assert az.get_item()["protectionState"] == "IRPending"
        az.advance(days=1)
        assert az.get_item()["protectionState"] == "Protected"
        assert az.world.recoveryservices.service.collections(az.item)[0].group == "AzureBackupRG_westeurope_1"


def test_suspending_with_points_kept_as_per_policy_needs_an_immutable_vault():
    with azure("healthy") as az, pytest.raises(HttpResponseError) as caught:
        az.put_item(protectionState="BackupsSuspended")
    assert caught.value.error.code == "UserErrorOperationDeniedOnImmutableItem"


def test_in_an_immutable_vault_backups_can_be_suspended_but_not_stopped_for_ever_nor_deleted():
    with azure("rp-collection-limit-immutable") as az:
        with pytest.raises(HttpResponseError, match="Bakcup Item is in Immutable state"):
            az.put_item(protectionState="ProtectionStopped")
        with pytest.raises(HttpResponseError, match="Bakcup Item is in Immutable state"):
            az.backup.protected_items.delete(*az.path)
        az.put_item(protectionState="BackupsSuspended").result()
        assert az.get_item()["protectionState"] == "BackupsSuspended"
        assert az.get_item()["policyName"] == "daily"


def test_a_resource_guard_refuses_to_stop_protection_without_its_request():
    with azure(GUARDED) as az:
        with pytest.raises(HttpResponseError) as caught:
            az.put_item(protectionState="ProtectionStopped")
        assert caught.value.status_code == 400
        assert "ResourceGuard Operation requestid is either null or empty" in caught.value.message
        assert az.get_item()["protectionState"] == "Protected"


def test_a_resource_guard_lets_protection_be_stopped_with_its_request():
    with azure(GUARDED) as az:
        [proxy] = az.backup.resource_guard_proxies.get(*az.at)
        assert proxy.name == "VaultProxy"
        request = next(
            detail.default_resource_request
            for detail in proxy.properties.resource_guard_operation_details
            if detail.vault_critical_operation.endswith("#stopProtectionWithRetainData")
        )
        az.put_item(protectionState="ProtectionStopped", resourceGuardOperationRequests=[request]).result()
        assert az.get_item()["protectionState"] == "ProtectionStopped"


def test_a_resource_guard_unlocks_one_deletion():
    with azure(GUARDED) as az:
        with pytest.raises(HttpResponseError, match="requestid"):
            az.backup.protected_items.delete(*az.path)
        requests = [f"{az.vault.guard.id}/deleteProtectedItemRequests/default"]
        body = {"resourceGuardOperationRequests": requests, "resourceToBeDeleted": az.item.id}
        az.backup.resource_guard_proxy.unlock_delete(*az.at, "VaultProxy", body)
        assert az.follow(az.backup.protected_items.delete(*az.path, cls=raw)).status == "Succeeded"


def test_an_on_demand_backup_is_no_critical_operation_of_a_resource_guard():
    with azure(GUARDED) as az:
        assert az.trigger().status == "Succeeded"
        vault = az.vaults.vaults.get("rg-web", "vault-weu")
        assert vault.properties.security_settings.multi_user_authorization == "Enabled"


def test_a_deleted_item_can_be_undeleted_for_fourteen_days_and_then_is_gone():
    with azure("healthy") as az:
        path = az.path
        az.follow(az.backup.protected_items.delete(*path, cls=raw))
        item = az.get_item()
        assert item["isScheduledForDeferredDelete"]
        assert item["protectionState"] == "ProtectionStopped"
        assert len(az.recovery_points()) == 22
        az.advance(days=13)
        az.put_item(isRehydrate=True, protectionState="ProtectionStopped").result()
        az.advance(days=2)
        assert "isScheduledForDeferredDelete" not in az.get_item()
        az.follow(az.backup.protected_items.delete(*path, cls=raw))
        az.advance(days=14)
        assert list(az.backup.backup_protected_items.list(*az.at)) == []
        assert az.backup.protected_items.delete(*path, cls=raw).status_code == 204


def test_a_body_that_asks_for_nothing_is_refused():
    with azure("healthy") as az, pytest.raises(HttpResponseError) as caught:
        az.put_item()
    assert caught.value.error.code == "BMSUserErrorInvalidConfigureProtectionRequest"


def test_a_policy_or_vm_that_does_not_exist_is_refused():
    with azure("vm-deleted") as az, pytest.raises(HttpResponseError) as caught:
        az.put_item(policyId=az.vault.policies["daily"].id)
    assert caught.value.error.code == "BMSUserErrorDataSourceObjectNotFound"
    with azure("healthy") as az, pytest.raises(HttpResponseError) as caught:
        az.put_item(policyId=f"{az.vault.id}/backupPolicies/none")
    assert caught.value.error.code == "BMSUserErrorPolicyNotFound"


def test_the_item_itself_can_be_asked_about_a_change_by_its_urls_as_they_are():
    with azure("healthy") as az:
        seen = []
        az.backup.protected_items.begin_create_or_update(
            *az.path,
            {"properties": {"protectedItemType": VM, "protectionState": "ProtectionStopped"}},
            polling=False,
            raw_response_hook=lambda response: seen.append(response.http_response),
        )
        [response] = seen
        assert ";" in response.headers["Location"]
        assert "/Subscriptions/" in response.headers["Azure-AsyncOperation"]
        assert response.headers["Azure-AsyncOperation"].endswith("?api-version=2016-12-01")
        operation = response.headers["Location"].split("?")[0].rsplit("/", 1)[-1]
        results = az.backup.protected_item_operation_results
        first = results.get(*az.path, operation, cls=lambda pipeline, *_: pipeline.http_response)
        assert first.status_code == 202
        assert results.get(*az.path, operation).properties["protectionState"] == "ProtectionStopped"
        status = az.backup.protected_item_operation_statuses.get(*az.path, operation)
        assert az.job(status.properties.job_id).operation == "DisableBackup"


def test_a_fault_that_makes_a_change_fail_leaves_neither_change_nor_job():
    with azure("healthy") as az:
        from simulator.faults import Fault

        az.sim.faults.active.append(
            Fault.parse({"kind": "operation_fails", "code": "CloudInternalError", "message": "m", "method": "PUT"})
        )
        with pytest.raises(HttpResponseError):
            az.put_item(protectionState="ProtectionStopped").result()
        assert az.get_item()["protectionState"] == "Protected"
        assert az.jobs("operation eq 'DisableBackup'") == []


def test_what_does_not_fit_the_state_of_an_item_is_refused():
    with azure("healthy") as az:
        with pytest.raises(HttpResponseError, match="not in soft deleted state"):
            az.put_item(isRehydrate=True)
        with pytest.raises(HttpResponseError, match="not one for an Azure virtual machine"):
            az.put_item(protectedItemType="AzureFileShareProtectedItem")
        az.follow(az.backup.protected_items.delete(*az.path, cls=raw))
        with pytest.raises(HttpResponseError, match="undelete it first"):
            az.put_item(policyId=az.vault.policies["daily"].id)


def test_without_soft_delete_a_deleted_item_is_gone_at_once():
    with azure("healthy") as az:
        az.vault.soft_delete = "Disabled"
        az.follow(az.backup.protected_items.delete(*az.path, cls=raw))
        assert list(az.backup.backup_protected_items.list(*az.at)) == []


def test_a_vm_that_another_vault_protects_is_refused():
    with azure("healthy") as az:
        other = az.world.recoveryservices.add_vault("vault-two", "rg-web")
        policy = az.world.recoveryservices.add_policy(other)
        body = {"properties": {"protectedItemType": VM, "sourceResourceId": az.vm.id, "policyId": policy.id}}
        with pytest.raises(HttpResponseError, match="already protected by the vault 'vault-weu'"):
            az.backup.protected_items.begin_create_or_update("vault-two", "rg-web", *az.path[2:], body)
        stop = {"properties": {"protectedItemType": VM, "protectionState": "ProtectionStopped"}}
        with pytest.raises(HttpResponseError, match="was not found"):
            az.backup.protected_items.begin_create_or_update("vault-two", "rg-web", *az.path[2:], stop)
