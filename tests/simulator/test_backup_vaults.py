"""What the simulator says of vaults, policies, containers, items and protection."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from backup_wire import azure


def test_a_vault_is_listed_by_subscription_and_by_group_and_got_with_its_security_settings():
    with azure() as az:
        [vault] = az.vaults.vaults.list_by_subscription_id()
        assert [one.id for one in az.vaults.vaults.list_by_resource_group("rg-web")] == [vault.id]
        assert list(az.vaults.vaults.list_by_resource_group("AzureBackupRG_westeurope_1")) == []
        got = az.vaults.vaults.get("RG-WEB", "VAULT-WEU")
        assert (got.name, got.location) == ("vault-weu", "westeurope")
        settings = got.properties.security_settings
        assert settings.immutability_settings.state == "Disabled"
        assert settings.multi_user_authorization == "Disabled"
        assert settings.soft_delete_settings.soft_delete_state == "Enabled"


@pytest.mark.parametrize(
    ("group", "vault", "code"), [("rg-none", "v", "ResourceGroupNotFound"), ("rg-web", "v", "ResourceNotFound")]
)
def test_a_missing_vault_is_404(group, vault, code):
    with azure() as az, pytest.raises(ResourceNotFoundError) as caught:
        az.vaults.vaults.get(group, vault)
    assert caught.value.error.code == code


def test_backup_status_names_vault_container_and_item_for_a_vm_in_any_case():
    with azure() as az:
        request = {"resourceType": "VM", "resourceId": az.item.vm_id.upper()}
        status = az.backup.backup_status.get("westeurope", request)
        assert status.protection_status == "Protected"
        assert status.vault_id == az.vault.id
        assert status.fabric_name == "Azure"
        item = az.backup.protected_items.get(*az.at, "Azure", status.container_name, status.protected_item_name)
        assert item.name == "VM;iaasvmcontainerv2;rg-web;web-01"
        assert status.policy_name == "daily"


def test_backup_status_of_another_region_knows_nothing_of_the_vm():
    with azure() as az:
        status = az.backup.backup_status.get("eastus", {"resourceType": "VM", "resourceId": az.item.vm_id})
        assert (status.protection_status, status.vault_id) == ("NotProtected", "")


def test_backup_status_is_not_a_write():
    with azure() as az:
        az.backup.backup_status.get("westeurope", {"resourceType": "VM", "resourceId": az.item.vm_id})
        assert [one["write"] for one in az.sim.requests] == [False]


def test_a_vm_without_backup_is_not_protected():
    with azure("unprotected") as az:
        vm = az.vm
        status = az.backup.backup_status.get("westeurope", {"resourceType": "VM", "resourceId": vm.id})
        assert status.protection_status == "NotProtected"
        assert list(az.backup.backup_protected_items.list(*az.at)) == []


def test_items_are_listed_by_kind_and_name():
    with azure() as az:
        items = az.backup.backup_protected_items
        found = list(items.list(*az.at, filter="backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"))
        assert [item.properties["friendlyName"] for item in found] == ["web-01"]
        assert list(items.list(*az.at, filter="backupManagementType eq 'AzureStorage'")) == []
        assert list(items.list(*az.at, filter="friendlyName eq 'web-02'")) == []
        assert list(items.list(*az.at, filter="healthState eq 'ActionRequired'"))
        with pytest.raises(HttpResponseError, match="not supported"):
            list(items.list(*az.at, filter="colour eq 'red'"))


def test_an_item_says_how_its_last_backup_went_and_counts_its_points_only_when_asked():
    with azure() as az:
        item = az.get_item()
        assert item["protectionState"] == "Protected"
        assert item["lastBackupStatus"] == "Failed"
        assert item["lastBackupTime"].startswith("2026-03-02T02:05:00")
        assert item["healthStatus"] == "ActionRequired"
        assert "extendedInfo" not in item
        extended = az.get_item(filter="expand eq 'extendedInfo'")["extendedInfo"]
        assert extended["recoveryPointCount"] == 23
        assert extended["oldestRecoveryPoint"] == extended["oldestRecoveryPointInVault"]


def test_an_item_that_is_not_there_is_404_and_names_that_disagree_are_400():
    with azure() as az:
        short = "iaasvmcontainerv2;rg-web;web-02"
        with pytest.raises(ResourceNotFoundError):
            az.backup.protected_items.get(*az.at, "Azure", f"IaasVMContainer;{short}", f"VM;{short}")
        with pytest.raises(HttpResponseError) as caught:
            az.backup.protected_items.get(*az.at, "Azure", "IaasVMContainer;iaasvmcontainerv2;a;b", f"VM;{short}")
        assert caught.value.status_code == 400


def test_containers_are_the_protected_vms():
    with azure() as az:
        containers = az.backup.backup_protection_containers
        [container] = containers.list(*az.at, filter="backupManagementType eq 'AzureIaasVM' and status eq 'Registered'")
        assert container.name == "IaasVMContainer;iaasvmcontainerv2;rg-web;web-01"


def test_a_standard_policy_has_a_daily_schedule_and_days_of_instant_restore():
    with azure() as az:
        [policy] = az.backup.backup_policies.list(*az.at, filter="backupManagementType eq 'AzureIaasVM'")
        properties = az.backup.protection_policies.get(*az.at, policy.name).properties
        assert properties.policy_type == "V1"
        assert properties.instant_rp_retention_range_in_days == 2
        assert properties.schedule_policy.schedule_run_times[0].hour == 2
        assert properties.protected_items_count == 1


def test_an_enhanced_policy_has_its_schedule_in_the_second_form():
    with azure() as az:
        az.world.recoveryservices.add_policy(az.vault, "enhanced", policy_type="V2", instant_days=7, group_suffix="-x")
        properties = az.backup.protection_policies.get(*az.at, "enhanced").properties
        assert properties.schedule_policy.daily_schedule.schedule_run_times[0].hour == 2
        assert properties.instant_rp_details.azure_backup_rg_name_suffix == "-x"


def test_a_policy_with_its_own_group_says_its_prefix():
    with azure("rp-collection-limit-custom-group") as az:
        details = az.backup.protection_policies.get(*az.at, "daily").properties.instant_rp_details
        assert details.azure_backup_rg_name_prefix == "contoso-snapshots-"
        with pytest.raises(ResourceNotFoundError):
            az.backup.protection_policies.get(*az.at, "weekly")


def test_the_vault_configuration_shows_soft_delete():
    with azure() as az:
        config = az.backup.backup_resource_vault_configs.get(*az.at).properties
        assert config.soft_delete_feature_state == "Enabled"
        assert config.soft_delete_retention_period_in_days == 14


def test_a_vault_without_a_resource_guard_has_no_proxy():
    with azure() as az:
        assert list(az.backup.resource_guard_proxies.get(*az.at)) == []
        with pytest.raises(ResourceNotFoundError):
            az.backup.resource_guard_proxy.get(*az.at, "VaultProxy")


def test_a_guarded_vault_has_one_proxy_that_lists_its_critical_operations():
    with azure("rp-collection-limit-resource-guard") as az:
        proxy = az.backup.resource_guard_proxy.get(*az.at, "vaultproxy")
        assert proxy.properties.resource_guard_resource_id.endswith("/resourceGuards/backup-guard")
        operations = [one.vault_critical_operation for one in proxy.properties.resource_guard_operation_details]
        assert any(name.endswith("/protectedItems/delete") for name in operations)
        assert not any(name.endswith("/backup/action") for name in operations)
        with pytest.raises(HttpResponseError, match="requestid"):
            az.backup.resource_guard_proxy.unlock_delete(*az.at, "VaultProxy", {"resourceGuardOperationRequests": []})


def test_backup_status_without_a_vm_is_refused():
    with azure() as az, pytest.raises(HttpResponseError, match="resourceType VM"):
        az.backup.backup_status.get("westeurope", {"resourceType": "AzureFileShare", "resourceId": "x"})


def test_a_discovery_of_vms_is_over_when_its_result_is_204():
    with azure() as az:
        response = az.backup.protection_containers.refresh(
            *az.at, "Azure", filter="backupManagementType eq 'AzureIaasVM'", cls=lambda pipeline, *_: pipeline
        ).http_response
        operation = response.headers["Location"].split("?")[0].rsplit("/", 1)[-1]

        def result():
            return az.backup.protection_container_refresh_operation_results.get(
                *az.at, "Azure", operation, cls=lambda pipeline, *_: pipeline.http_response.status_code
            )

        assert [result(), result()] == [202, 204]


def test_an_unknown_operation_is_404():
    with azure() as az, pytest.raises(HttpResponseError) as caught:
        az.backup.backup_operation_statuses.get(*az.at, "11111111-1111-4111-8111-111111111111")
    assert caught.value.status_code == 404
