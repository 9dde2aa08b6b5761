"""Selective disk backup: which data disks the backups of an item take."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError
from backup_wire import azure

SIZE = "UserErrorUnsupportedDiskSize"


def put(az, **extended) -> None:
    az.put_item(policyId=az.item.policy.id, extendedProperties=extended).result()


def disks(luns, *, only=False) -> dict:
    return {"diskLunList": luns, "isInclusionList": only}


def test_the_item_shows_the_list_that_was_put_keeps_its_policy_and_loses_it_with_an_empty_one():
    with azure("disk-too-large") as az:
        assert "extendedProperties" not in az.get_item()
        policy = az.get_item()["policyId"]
        put(az, diskExclusionProperties=disks([2, 1]))
        assert az.get_item()["extendedProperties"] == {"diskExclusionProperties": disks([1, 2])}
        az.put_item(policyId=policy).result()
        assert az.get_item()["extendedProperties"] == {"diskExclusionProperties": disks([1, 2])}
        put(az)
        assert "extendedProperties" not in az.get_item()
        assert (az.get_item()["policyId"], az.get_item()["protectionState"]) == (policy, "Protected")


@pytest.mark.parametrize(
    ("chosen", "works"),
    [
        (disks([2]), True),
        (disks([1]), False),
        (disks([0, 1], only=True), True),
        (disks([2], only=True), False),
        (disks([], only=True), True),
        (disks([]), False),
    ],
)
def test_a_backup_fails_while_it_takes_a_disk_that_is_too_large(chosen, works):
    with azure("disk-too-large") as az:
        assert az.code_of(az.back_up()) == SIZE
        put(az, diskExclusionProperties=chosen)
        job = az.back_up()
        assert job.status == "Completed" if works else az.code_of(job) == SIZE


def test_disks_of_an_encrypted_vm_are_left_out_under_an_enhanced_policy_only():
    with azure("disk-encrypted-too-large") as az:
        with pytest.raises(HttpResponseError, match="not supported for encrypted"):
            put(az, diskExclusionProperties=disks([2]))
        az.item.policy.policy_type = "V2"
        put(az, diskExclusionProperties=disks([2]))
        assert az.back_up().status == "Completed"


@pytest.mark.parametrize("luns", ["2", [-1], ["two"]])
def test_what_is_no_list_of_numbers_is_refused(luns):
    with azure("disk-too-large") as az, pytest.raises(HttpResponseError, match="not one of LUN numbers"):
        put(az, diskExclusionProperties={"diskLunList": luns, "isInclusionList": False})


def test_unmanaged_disks_are_blobs_and_their_recovery_points_have_no_restore_point():
    with azure("premium-account-full") as az:
        before = len(az.restore_points)
        assert az.back_up().status == "Failed"
        del az.vm.guest["storage account"]
        assert az.back_up().status == "Completed"
        assert len(az.restore_points) == before
        profile = az.compute.virtual_machines.get("rg-web", "web-01").storage_profile
        assert profile.os_disk.managed_disk is None
        assert profile.os_disk.vhd.uri == "https://premiumweu.blob.core.windows.net/vhds/web-01-os.vhd"
