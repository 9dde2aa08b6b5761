"""What the checks make of facts that the simulated Azure does not have."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from arm.facts.backup import Job, Policy, ProtectedItem, Protection
from arm.facts.compute import RestorePointCollection, VirtualMachine, VmDisk
from arm.facts.fleet import KnownFacts
from arm.facts.graph import VmReference
from arm.facts.inventory import ManagedDisk
from arm.facts.locks import Lock
from arm.facts.monitor import Metric
from runbooks.checks import look

VM = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web-01"
VAULT = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v"
ITEM = f"{VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;c/protectedItems/VM;c"
NOW = datetime(2026, 3, 2, tzinfo=timezone.utc)


@pytest.fixture
def known(drill):
    azure = drill("healthy").facts()
    azure.vm()  # from now on, Azure's time is known

    def make(**facts):
        return KnownFacts(azure.session, VmReference(VM), facts)

    return make


def machine(**more):
    given = {"os_type": "Linux", "provisioning_state": "Succeeded", "power_state": "running", "agent_status": "Ready"}
    return VirtualMachine(
        **{"id": VM, "name": "web-01", "location": "westeurope", "unique_id": "", "tags": {}, **given, **more}
    )


def item(**more):
    given = {"state": "Protected", "policy_id": f"{VAULT}/backupPolicies/p", "source_resource_id": VM}
    rest = {"last_backup_status": "", "last_recovery_point": None, "soft_deleted": False}
    return ProtectedItem(**{"id": ITEM, **given, **rest, **more})


def disk(name="d", lun=0, size=128, sku="Premium_LRS", **more):
    return VmDisk(name, f"/disks/{name}", lun, size, sku, **more)


def managed(of, **more):
    given = {"sku": of.storage, "size_gb": of.size_gb, "state": "Attached", "encryption": "", "encryption_set_id": ""}
    rest = {"settings": (), "max_shares": 1, "owners": (), "network_access": ""}
    return ManagedDisk(**{"id": of.id, "name": of.name, "location": "", **given, **rest, **more})


@pytest.mark.parametrize(
    ("os_type", "os_name", "image", "status"),
    [
        ("Windows", "Windows Server 2008 R2 Datacenter 6.1.7601", {}, "pass"),
        ("Windows", "Windows Server 2003 5.2", {}, "fail"),
        (
            "Windows",
            "",
            {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter"},
            "pass",
        ),
        ("Windows", "Windows 11 Enterprise 10.0.22621", {}, "pass"),
        (
            "Windows",
            "",
            {"publisher": "MicrosoftWindowsDesktop", "offer": "Windows-10", "sku": "win10-22h2-pro"},
            "pass",
        ),
        ("Windows", "Windows 7 Enterprise", {}, "warn"),
        ("Windows", "", {}, "unknown"),
        ("Linux", "redhat 9.4", {}, "pass"),
        ("Linux", "", {"publisher": "SUSE", "offer": "sles-15-sp5", "sku": "gen2"}, "pass"),
        ("Linux", "coreos 2303.3.0", {}, "fail"),
        ("Linux", "gentoo 2.14", {}, "warn"),
        ("Linux", "", {"id": "/images/own"}, "unknown"),
        ("", "", {}, "unknown"),
    ],
)
def test_an_operating_system_is_judged_by_what_agent_and_image_say(known, os_type, os_name, image, status):
    facts = known(vm=machine(os_type=os_type, os_name=os_name, image=image))
    assert look("CHK-OS-SUPPORT", facts).status.value == status


@pytest.mark.parametrize(
    ("selection", "status"),
    [
        ({}, "fail"),
        ({"excluded_luns": (1,)}, "pass"),
        ({"excluded_luns": (0,)}, "fail"),
        ({"included_luns": (0,)}, "pass"),
    ],
)
def test_a_disk_that_the_backup_leaves_out_may_be_too_large(known, selection, status):
    disks = (disk("os", None), disk("small", 0), disk("large", 1, 40_000))
    protection = Protection(VAULT, ITEM)
    seen = known(
        vm=machine(disks=disks), disks=tuple(map(managed, disks)), item=item(**selection), protection=protection
    )
    assert look("CHK-DISK-SUPPORT", seen).status.value == status


def test_an_ephemeral_disk_cannot_be_backed_up(known):
    facts = known(vm=machine(disks=(disk("os", None, 30, ephemeral=True),)), disks=(), protection=Protection("", ""))
    result = look("CHK-DISK-SUPPORT", facts)
    assert (result.status.value, "os (OS disk) is ephemeral" in result.saw) == ("fail", True)


@pytest.mark.parametrize(("kind", "status"), [("V2", "pass"), ("V1", "fail")])
@pytest.mark.parametrize("sku", ["UltraSSD_LRS", "PremiumV2_LRS"])
def test_fast_disks_need_an_enhanced_policy(known, kind, status, sku):
    one = disk("fast", 0, 512, sku)
    policy = Policy(f"{VAULT}/backupPolicies/p", "p", "", "", 2, kind)
    facts = known(
        vm=machine(disks=(one,)), disks=(managed(one),), item=item(), policy=policy, protection=Protection(VAULT, ITEM)
    )
    assert look("CHK-DISK-SUPPORT", facts).status.value == status


def test_the_policy_of_fast_disks_may_not_be_known(known):
    one = disk("fast", 0, 512, "UltraSSD_LRS")
    facts = known(vm=machine(disks=(one,)), disks=(managed(one),), protection=Protection("", ""))
    result = look("CHK-DISK-SUPPORT", facts)
    assert (result.status.value, result.saw) == ("unknown", "not known: the kind of policy, which fast depend on")


def test_a_disk_whose_size_is_not_told_is_not_called_supported(known):
    one = disk("unmanaged", 0, None)
    facts = known(vm=machine(disks=(one,)), disks=(), protection=Protection("", ""))
    assert look("CHK-DISK-SUPPORT", facts).saw == "not known: size of unmanaged"


def test_a_collection_whose_points_azure_does_not_list_is_not_counted_as_empty(known):
    hidden = RestorePointCollection("/c", "AzureBackup_web-01_1", "g", VM, (), listed=False)
    assert look("CHK-RPC-COUNT", known(collections=(hidden,))).status.value == "unknown"


def test_a_power_state_that_azure_does_not_tell_is_unknown(known):
    facts = known(vm=machine(power_state="unknown", agent_status=""))
    assert [look(name, facts).status.value for name in ("VM-STATE", "STATUS-MISMATCH")] == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("made_from", "said"), [({}, "was not made from a marketplace image"), ({"publisher": "p"}, "")]
)
def test_a_running_vm_whose_agent_never_reported_has_none(known, made_from, said):
    result = look("CHK-AGENT-PRESENT", known(vm=machine(agent_status="", image=made_from)))
    assert result.status.value == "fail"
    assert (said in result.saw) is True


def test_a_vm_that_was_made_without_an_agent_has_none(known):
    result = look("CHK-AGENT-PRESENT", known(vm=machine(agent_status="Not Ready", provision_agent=False)))
    assert (result.status.value, "provisionVMAgent" in result.saw) == ("fail", True)


@pytest.mark.parametrize("version", ["WALinuxAgent-2.2.41", "2.10.0.8", "2.2.41.1"])
def test_versions_are_compared_as_numbers(known, version):
    assert look("CHK-AGENT-VERSION", known(vm=machine(agent_version=version))).status.value == "pass"


def test_a_first_backup_that_takes_long_is_called_the_first_copy(known):
    began = NOW - timedelta(hours=14)
    job = Job(f"{VAULT}/backupJobs/j", "j", "Backup", "Completed", began, NOW, True, (), "")
    facts = known(vm=machine(), item=item(), protection=Protection(VAULT, ITEM), running_jobs=(), recent_jobs=(job,))
    assert "It is the first copy of 0 disks" in look("CHK-SLOW-BACKUP", facts).saw


def test_no_measurement_is_no_light_load(known):
    facts = known(load=(Metric("Percentage CPU", "Percent", ()),), protection=Protection("", ""))
    result = look("CHK-LOAD", facts)
    assert (result.status.value, "no measurements" in result.saw) == ("unknown", True)


def test_unmanaged_disks_are_in_storage_accounts_that_may_be_locked(known):
    storage = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/disks"
    lock = Lock(f"{storage}/providers/Microsoft.Authorization/locks/keep", "keep", "ReadOnly", None, ())
    facts = known(
        vm=machine(disks=(VmDisk("os", "", None, 30, ""),)),
        locks=(lock,),
        collections=(),
        protection=Protection("", ""),
    )
    result = look("CHK-LOCKS", facts)
    assert (result.status.value, "storageAccounts 'disks'" in result.saw) == ("warn", True)
