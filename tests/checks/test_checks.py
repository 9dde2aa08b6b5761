"""Every check that Azure Resource Manager answers: a world in which it passes, worlds in which it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.errors import UsageError
from remediate.render.checks import actions
from runbooks.checks import CHECKS, Status, Where, find_check, look
from runbooks.checks.protection import NOT_PROTECTED
from simulator.scenarios import Scenario

HOUR = timedelta(hours=1)
GROUP = "AzureBackupRG_westeurope_1"
DENIAL = '{"error":{"code":"RequestDisallowedByPolicy","message":"Resource was disallowed by policy tags-please."}}'


def state(name, message=""):
    def set_up(stage):
        stage.vm.provisioning_state, stage.vm.provisioning_message = name, message

    return set_up


def power(name):
    return lambda stage: setattr(stage.vm, "power_state", name)


def agent(state="Ready", version="2.9.1.1"):
    def set_up(stage):
        stage.vm.agent, stage.vm.agent_version = state, version

    return set_up


def extension(state, name="CustomScript", message=""):
    def set_up(stage):
        stage.world.compute.add_extension(
            stage.vm, name, "Microsoft.Azure.Extensions", name, provisioning_state=state, message=message
        )

    return set_up


def size(gigabytes, **more):
    return lambda stage: stage.data_disk(gigabytes, 1, **more)


def many_disks(count, gigabytes=128):
    def set_up(stage):
        for lun in range(count):
            stage.data_disk(gigabytes, lun)

    return set_up


def neighbours(count):
    def set_up(stage):
        for number in range(count):
            vm = stage.world.compute.add_vm(f"app-{number}", "rg-app", stage.vm.location)
            stage.world.recoveryservices.protect(vm.id, stage.vault, stage.policy)

    return set_up


def second_address(stage):
    configurations = stage.nic.properties["ipConfigurations"]
    second = {**configurations[0], "name": "ipconfig2", "id": f"{stage.nic.id}/ipConfigurations/ipconfig2"}
    second["properties"] = {**second["properties"], "primary": False, "privateIPAddress": "10.0.0.99"}
    configurations.append(second)


def name_servers(*addresses):
    def set_up(stage):
        stage.nic.properties["dnsSettings"]["dnsServers"] = list(addresses)

    return set_up


def network_name_servers(*addresses):
    def set_up(stage):
        subnet = stage.nic.properties["ipConfigurations"][0]["properties"]["subnet"]["id"]
        network = stage._resource(subnet.partition("/subnets/")[0])
        network.properties["dhcpOptions"]["dnsServers"] = list(addresses)

    return set_up


def restore(took, status="Completed"):
    def set_up(stage):
        job = stage.world.recoveryservices.service.add_job(stage.item, "Restore")
        job.started -= took + HOUR
        job.ended, job.status = job.started + took, status

    return set_up


def denied(resource, ago=HOUR, message=DENIAL, status="Failed"):
    def set_up(stage):
        where = resource(stage) if callable(resource) else resource
        stage.happened("Microsoft.Resources/write", ago=ago, resource_id=where, status=status, message=message)
        stage.policy_denial("tags-please", "Every group has an owner", {"field": "tags.owner", "exists": "false"})

    return set_up


def both(*steps):
    def set_up(stage):
        for step in steps:
            step(stage)

    return set_up


NOTHING = lambda stage: stage  # noqa: E731

PASS = {
    "CHK-VM-STATE": "provisioning state Succeeded, power state running",
    "CHK-AGENT-PRESENT": "version 2.9.1.1",
    "CHK-CLASSIC-FLAG": "Resource Manager VM",
    "CHK-AGENT-RUNNING": "agent Ready",
    "CHK-AGENT-VERSION": "Linux agent 2.9.1.1",
    "CHK-OS-SUPPORT": "ubuntu",
    "CHK-EXT-HEALTH": "succeeded: VMSnapshotLinux",
    "CHK-VMSNAPSHOT-EXT": "Succeeded",
    "CHK-OUTBOUND-STORAGE": "no security group denies",
    "CHK-DNS": "name servers that Azure provides",
    "CHK-STATUS-MISMATCH": "its agent reports",
    "CHK-LOAD": "CPU 6 %, memory 36 %",
    "CHK-STAGGER": "this VM alone starts in vault vault-weu at 02:00 UTC",
    "CHK-LOCKS": "no lock stops the clean-up",
    "CHK-RPC-COUNT": "2 restore points: 2 in AzureBackup_web-01_",
    "CHK-JOB-RUNNING": "no job runs",
    "CHK-KEYVAULT": "no disk is encrypted",
    "CHK-SLOW-BACKUP": "the longest of 2 took 20 min",
    "CHK-DISK-SUPPORT": "2 disks with 158 GiB in all",
    "CHK-POLICY-DENY": "no request",
    "CHK-ASYNC-MOVE": "where it is now",
}
"""What each check sees in a healthy world."""

WORLDS = [
    # check, what is different, status, part of what was seen
    ("CHK-VM-STATE", power("deallocated"), "pass", "crash-consistent"),
    ("CHK-VM-STATE", state("Failed", "The disk is gone."), "fail", "Failed, power state running: The disk is gone."),
    ("CHK-VM-STATE", state("Updating"), "warn", "wait until it has settled"),
    ("CHK-VM-STATE", power("starting"), "warn", "power state starting"),
    ("CHK-VM-STATE", lambda stage: stage.machine_deleted(), "fail", "does not exist"),
    ("CHK-AGENT-PRESENT", agent("Missing"), "fail", "no agent has ever reported"),
    ("CHK-AGENT-PRESENT", agent("NotReady"), "unknown", "not installed, stopped, or cut off"),
    ("CHK-AGENT-PRESENT", power("deallocated"), "unknown", "the VM is deallocated"),
    ("CHK-AGENT-RUNNING", agent("NotReady"), "fail", "agent Not Ready (VM status blob is found but not yet populated)"),
    ("CHK-AGENT-RUNNING", power("deallocated"), "unknown", "reports only while it runs"),
    ("CHK-AGENT-VERSION", agent(version="2.2.40"), "fail", "2.2.40; the Azure platform supports 2.2.41 and later"),
    ("CHK-AGENT-VERSION", agent(version="2.2.41"), "pass", "2.2.41"),
    ("CHK-AGENT-VERSION", agent("NotReady"), "unknown", "has not reported its version"),
    ("CHK-EXT-HEALTH", extension("Failed", message="exit code 1"), "fail", "CustomScript (Microsoft.Azure.Extensions"),
    ("CHK-EXT-HEALTH", extension("Updating"), "warn", "Updating"),
    ("CHK-VMSNAPSHOT-EXT", lambda stage: stage.extension("Failed", "no status"), "fail", "Failed: no status"),
    ("CHK-VMSNAPSHOT-EXT", lambda stage: stage.extension("Transitioning"), "warn", "Transitioning"),
    ("CHK-VMSNAPSHOT-EXT", lambda stage: stage.vm.extensions.clear(), "pass", "not listed"),
    ("CHK-VMSNAPSHOT-EXT", extension("Failed"), "pass", "VMSnapshotLinux"),
    (
        "CHK-OUTBOUND-STORAGE",
        both(agent(version="2.2.20"), lambda stage: stage.rule("no-storage", target="Storage.westeurope")),
        "fail",
        "web-01-nsg: rule no-storage (100) denies TCP 443 to Storage.westeurope; the agent 2.2.20",
    ),
    (
        "CHK-OUTBOUND-STORAGE",
        both(agent("NotReady"), lambda stage: stage.rule("no-internet")),
        "warn",
        "denies TCP 443 to Internet",
    ),
    ("CHK-OUTBOUND-STORAGE", lambda stage: stage.rule("no-internet"), "pass", "the agent 2.9.1.1 does not need it"),
    (
        "CHK-OUTBOUND-STORAGE",
        both(agent(version="2.2.20"), lambda stage: stage.rule("elsewhere", target="Storage.eastus")),
        "pass",
        "no security group denies",
    ),
    (
        "CHK-OUTBOUND-STORAGE",
        both(
            agent(version="2.2.20"),
            lambda stage: stage.rule("allow", access="Allow", target="Storage").rule("no-internet", priority=200),
        ),
        "pass",
        "no security group denies",
    ),
    ("CHK-DNS", name_servers("10.0.0.53"), "unknown", "10.0.0.53"),
    ("CHK-DNS", network_name_servers("10.0.0.54", "168.63.129.16"), "unknown", "name servers 10.0.0.54;"),
    ("CHK-DNS", name_servers("168.63.129.16"), "pass", "Azure provides"),
    ("CHK-DHCP", NOTHING, "unknown", "web-01-nic: 10.0.0.4 (Dynamic)"),
    ("CHK-DHCP", second_address, "warn", "10.0.0.99"),
    ("CHK-STATUS-MISMATCH", agent("NotReady"), "warn", "may have been shut down from inside"),
    ("CHK-STATUS-MISMATCH", power("stopped"), "pass", "the VM is stopped"),
    ("CHK-LOAD", lambda stage: stage.metric("Percentage CPU", 97.5), "warn", "CPU 98 %"),
    ("CHK-LOAD", lambda stage: stage.metric("Available Memory Percentage", 3), "warn", "memory 97 %"),
    ("CHK-LOAD", power("deallocated"), "unknown", "no measurements"),
    ("CHK-STAGGER", neighbours(3), "pass", "4 VMs start in vault vault-weu at 02:00 UTC"),
    ("CHK-STAGGER", neighbours(4), "warn", "5 VMs start"),
    ("CHK-LOCKS", lambda stage: stage.lock(stage.group()), "fail", f"on resource group '{GROUP}'"),
    ("CHK-LOCKS", lambda stage: stage.lock(stage.subscription), "fail", "on subscription"),
    ("CHK-LOCKS", lambda stage: stage.lock(stage.collection.id), "fail", "on restorePointCollections"),
    ("CHK-LOCKS", lambda stage: stage.lock(stage.group("rg-web")), "pass", "does no harm to backups"),
    ("CHK-LOCKS", lambda stage: stage.lock(stage.vm.id, level="ReadOnly"), "warn", "cannot be installed or updated"),
    ("CHK-RPC-COUNT", lambda stage: stage.points(12), "pass", "14 restore points"),
    ("CHK-RPC-COUNT", lambda stage: stage.points(13), "warn", "15 restore points"),
    ("CHK-RPC-COUNT", lambda stage: stage.points(16, group="rg-web"), "fail", "16 in AzureBackup_web-01_"),
    (
        "CHK-JOB-RUNNING",
        lambda stage: stage.running("Restore", since=HOUR, ends_in=HOUR),
        "warn",
        "InProgress in vault vault-weu",
    ),
    ("CHK-KEYVAULT", lambda stage: stage.encrypted(), "unknown", "is the service among them?"),
    (
        "CHK-KEYVAULT",
        lambda stage: stage.key_vault(granted=False).encrypted(),
        "fail",
        "key vault kv-web lets nobody get, list, backup secrets",
    ),
    (
        "CHK-KEYVAULT",
        lambda stage: stage.key_vault().encrypted().key_access(stage.vault_id(), keys=["get"]),
        "fail",
        "lets nobody get, list, backup keys",
    ),
    (
        "CHK-KEYVAULT",
        lambda stage: stage.key_vault().encrypted(key=False).key_access(stage.vault_id(), keys=[]),
        "unknown",
        "get, list, backup secrets",
    ),
    ("CHK-KEYVAULT", lambda stage: stage.key_vault(rbac=True).encrypted(), "unknown", "uses roles"),
    (
        "CHK-KEYVAULT",
        lambda stage: stage.encrypted() and stage.world.inventory.remove(stage.vault_id().lower()),
        "fail",
        "vaults 'kv-web' in resource group 'rg-web' does not exist",
    ),
    (
        "CHK-SLOW-BACKUP",
        lambda stage: stage.running("Backup", since=13 * HOUR, ends_in=HOUR),
        "warn",
        "InProgress after 13 h. The VM has 2 disks of 158 GiB",
    ),
    ("CHK-SLOW-RESTORE", NOTHING, "unknown", "no restore ran in the last 30 days"),
    ("CHK-SLOW-RESTORE", restore(5 * HOUR), "pass", "the longest of 1 took 5 h"),
    ("CHK-SLOW-RESTORE", restore(7 * HOUR), "warn", "Completed after 7 h. A restore from the vault tier"),
    ("CHK-DISK-SUPPORT", size(32 * 1024), "pass", "3 disks with 32926 GiB in all"),
    ("CHK-DISK-SUPPORT", size(32 * 1024 + 1), "fail", "web-01-data-1 (LUN 1) has 32769 GiB, 1 GiB more than 32768 GiB"),
    ("CHK-DISK-SUPPORT", both(size(4097), lambda stage: stage.encrypted()), "fail", "1 GiB more than 4096 GiB (4 TB"),
    ("CHK-DISK-SUPPORT", many_disks(9, 30000), "fail", "270030 GiB in all, 7886 GiB more than 262144 GiB"),
    ("CHK-DISK-SUPPORT", many_disks(33), "fail", "33 data disks, 1 more than 32"),
    ("CHK-DISK-SUPPORT", size(128, maxShares=2), "fail", "is a shared disk (maxShares 2)"),
    ("CHK-DISK-SUPPORT", size(128, storage="UltraSSD_LRS"), "fail", "need an Enhanced policy, and daily is Standard"),
    ("CHK-ASYNC-MOVE", lambda stage: stage.machine_moved("rg-new"), "fail", "is now /subscriptions/"),
    ("CHK-ASYNC-MOVE", lambda stage: stage.machine_moved("rg-new", asked_there=True), "warn", "may have been moved"),
    ("CHK-ASYNC-MOVE", lambda stage: stage.machine_deleted(), "unknown", "is not there"),
    ("CHK-POLICY-DENY", denied(lambda stage: stage.vm.id), "fail", "RequestDisallowedByPolicy"),
    ("CHK-POLICY-DENY", denied(lambda stage: stage.group()), "fail", "assigned over the VM's group: Every group has"),
    ("CHK-POLICY-DENY", denied(lambda stage: stage.group("rg-other")), "pass", "no request"),
    ("CHK-POLICY-DENY", denied(lambda stage: stage.vm.id, ago=72 * HOUR), "pass", "no request"),
    ("CHK-POLICY-DENY", denied(lambda stage: stage.vm.id, message="OverQuota"), "pass", "no request"),
]
WINDOWS = [
    ("CHK-AGENT-VERSION", agent(version="2.6.1198.717"), "fail", "Azure Backup needs 2.6.1198.718"),
    ("CHK-AGENT-VERSION", agent(version="2.6.1198.718"), "warn", "supports 2.7.41491.911 and later"),
    ("CHK-AGENT-VERSION", agent(version="2.7.41491.911"), "pass", "Windows agent 2.7.41491.911"),
    ("CHK-OS-SUPPORT", NOTHING, "pass", "Windows Server 2022 Datacenter"),
    ("CHK-SQL-VSS", NOTHING, "unknown", "SQL Server may be installed all the same"),
    ("CHK-SQL-VSS", lambda stage: stage.sql_machine(), "pass", "SQL2022-WS2022, management Full"),
    (
        "CHK-SQL-VSS",
        lambda stage: stage.sql_machine(autoBackupSettings={"enable": True}),
        "warn",
        "automated SQL backups",
    ),
    ("CHK-DOTNET", NOTHING, "unknown", "only visible inside the VM"),
    ("CHK-PYTHON", NOTHING, "pass", "does not apply to Windows"),
]


def test_every_check_but_those_of_the_guest_is_tried_here():
    asked = {check.id for check in CHECKS if check.where is not Where.GUEST}
    assert {*PASS, *(row[0] for row in [*WORLDS, *WINDOWS])} >= asked
    amiss = {row[0] for row in [*WORLDS, *WINDOWS] if row[2] in ("fail", "warn")}
    assert asked - amiss == {"CHK-CLASSIC-FLAG", "CHK-DNS", "CHK-OS-SUPPORT"}  # always, never, and in test_judgements


def test_a_healthy_vm_passes(world):
    drill = world()
    facts = drill.facts()
    for check, saw in PASS.items():
        result = look(check, facts)
        assert result.status is Status.PASS, result
        assert saw in result.saw
    assert drill.writes == []


@pytest.mark.parametrize(
    ("check", "set_up", "status", "saw", "os"),
    [(*row, "Linux") for row in WORLDS] + [(*row, "Windows") for row in WINDOWS],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_check_tells_what_it_saw(world, check, set_up, status, saw, os):
    drill = world(set_up, os)
    result = look(check, drill.facts())
    assert result.status.value == status, result
    assert saw in result.saw
    assert drill.writes == []


UNREADABLE = [
    # part of the path that is forbidden, checks that cannot be answered without it
    (r"/virtualMachines/web-01$", "CHK-AGENT-PRESENT CHK-AGENT-RUNNING CHK-AGENT-VERSION CHK-VM-STATE CHK-OS-SUPPORT"),
    (r"/virtualMachines/web-01$", "CHK-STATUS-MISMATCH CHK-EXT-HEALTH CHK-DISK-SUPPORT CHK-KEYVAULT CHK-DNS CHK-DHCP"),
    (r"/virtualMachines/web-01/extensions$", "CHK-EXT-HEALTH CHK-VMSNAPSHOT-EXT"),
    (r"/disks/web-01-os", "CHK-DISK-SUPPORT CHK-KEYVAULT"),
    (r"/networkInterfaces/", "CHK-DNS CHK-DHCP CHK-OUTBOUND-STORAGE"),
    (r"/networkSecurityGroups/", "CHK-OUTBOUND-STORAGE"),
    (r"/virtualNetworks/rg-web-vnet$", "CHK-DNS"),
    (r"/restorePointCollections", "CHK-RPC-COUNT CHK-LOCKS"),
    (r"Microsoft.Authorization/locks", "CHK-LOCKS"),
    (r"/backupStatus", "CHK-JOB-RUNNING CHK-SLOW-BACKUP CHK-SLOW-RESTORE CHK-STAGGER CHK-ASYNC-MOVE CHK-LOAD"),
    (r"/protectedItems/", "CHK-JOB-RUNNING CHK-SLOW-BACKUP CHK-STAGGER CHK-ASYNC-MOVE CHK-DISK-SUPPORT"),
    (r"/backupJobs", "CHK-JOB-RUNNING CHK-SLOW-BACKUP CHK-SLOW-RESTORE CHK-LOAD"),
    (r"Microsoft.ResourceGraph", "CHK-JOB-RUNNING CHK-STAGGER"),
    (r"Insights/metrics", "CHK-LOAD"),
    (r"Insights/eventtypes", "CHK-POLICY-DENY"),
]


@pytest.mark.parametrize(("path", "checks"), UNREADABLE, ids=[row[0] for row in UNREADABLE])
def test_what_may_not_be_read_makes_its_checks_unknown_and_no_other(world, path, checks):
    drill = world()
    drill.fault("deny", path=path, times=None)
    facts = drill.facts()
    for check in checks.split():
        result = look(check, facts)
        assert result.status is Status.UNKNOWN, result
        assert "the permission" in result.saw
        assert "is missing at" in result.saw
    assert look("CHK-CLASSIC-FLAG", facts).status is Status.PASS


def test_an_azure_that_does_not_answer_makes_every_check_unknown_that_needs_it(world):
    drill = world()
    drill.fault("status", status=503, times=None)
    facts = drill.facts()
    results = [look(check.id, facts) for check in CHECKS if check.facts]
    assert {result.status for result in results} == {Status.UNKNOWN}


def test_nothing_is_claimed_of_the_backups_of_a_vm_that_no_vault_protects(drill):
    scenario = Scenario("test", None, "a VM without backup", lambda stage: stage.machine().backup_vault())
    facts = drill(scenario).facts()
    for check in ("JOB-RUNNING", "SLOW-BACKUP", "SLOW-RESTORE", "STAGGER", "ASYNC-MOVE"):
        result = look(check, facts)
        assert (result.status, result.saw) == (Status.UNKNOWN, NOT_PROTECTED)


@pytest.mark.parametrize("name", ["chk-locks", "CHK-LOCKS", "locks", " Locks "])
def test_a_check_is_found_in_any_case_and_without_its_prefix(name):
    assert find_check(name).id == "CHK-LOCKS"


@pytest.mark.parametrize("name", ["", "CHK-", "CHK-LOKS", "*", "a" * 100_000, "CHK-LOCKS; drop"])
def test_an_unknown_check_is_a_usage_error_with_suggestions(name):
    with pytest.raises(UsageError) as told:
        find_check(name)
    assert len(told.value.message) < 200
    assert told.value.candidates
    assert set(told.value.candidates) <= {check.id for check in CHECKS}


@pytest.mark.parametrize("check", [check for check in CHECKS if check.facts], ids=lambda check: check.id)
def test_the_permissions_on_the_page_are_enough_for_a_check(world, check):
    sound = world(lambda stage: stage.encrypted(), "Windows")
    wanted = look(check.id, sound.facts())
    bound = world(lambda stage: stage.encrypted(), "Windows")
    bound.simulator.world.authorization.granted = set(actions(check))
    assert look(check.id, bound.facts()).status == wanted.status
    assert not [one for one in bound.simulator.requests if one["status"] == 403]
