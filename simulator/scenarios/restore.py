"""Restores that were asked for with an input that is not valid. The VM itself is backed up every night."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator.scenarios.stage import Row, Stage
from simulator.services.inventory import network
from simulator.services.recoveryservices.errors import JOB_ERRORS
from simulator.services.recoveryservices.model import Task

DISKS, MACHINE = "Recover disks", "Recover virtual machine"
TASKS = {
    DISKS: ("Transfer data from vault",),
    MACHINE: ("Transfer data from vault", "Create the restored virtual machine"),
}
AGO, LASTED = timedelta(hours=4), timedelta(minutes=3)
STAGING, TARGET = "stagingweu", "rg-restored"
ELSEWHERE = "northeurope"
SERVICE = "22222222-2222-4222-8222-222222222222"
"""Object id of who was refused, as the activity log has it."""
QUOTA = 980
CLOUD, DNS, ENDPOINTS = "RestoreCloudInternalError", "RestoreDnsNameTaken", "RestoreInputEndpointLimit"
UNAUTHORIZED, RESERVED, GROUPS = "RestoreNotAuthorized", "RestoreReservedIpMismatch", "RestoreResourceGroupQuota"
OFFLINE, UNSUPPORTED, SUBNET = (
    "RestoreStorageAccountNotOnline",
    "RestoreStorageAccountUnsupported",
    "RestoreSubnetMissing",
)
REGION, VNET = "RestoreVaultStorageRegionMismatch", "RestoreVnetConfigInvalid"


def failed_restore(
    stage: Stage,
    code: str,
    *,
    account: str = STAGING,
    group: str = TARGET,
    kind: str = DISKS,
    point: datetime | None = None,
    ago: timedelta = AGO,
) -> Stage:
    """Let a restore have failed with an error; its job notes storage account, resource group and recovery point."""
    item = stage.item
    if item is None:
        raise ValueError("the stage has no protected item yet; call healthy() first")
    start = stage.world.clock.now - ago
    job = stage.world.recoveryservices.service.add_job(item, "Restore")
    job.started, job.ended, job.status, job.error = start, start + LASTED, "Failed", JOB_ERRORS[code]
    first, *rest = TASKS[kind]
    job.tasks = [Task(first, "Failed", start, job.ended), *(Task(name) for name in rest)]
    time = point or item.points[-1].time
    job.noted = {
        "Job Type": kind,
        "Recovery point time ": f"{time.month}/{time.day}/{time.year} {_twelve_hours(time)}",
        "Target Storage Account Name": account,
        "Target resource group": group,
    }
    return stage


def _twelve_hours(time: datetime) -> str:
    return f"{time.hour % 12 or 12}:{time:%M:%S} {'AM' if time.hour < 12 else 'PM'}"


def _healthy(stage: Stage) -> Stage:
    """Add the VM with backups that succeed, a group to restore to, and a storage account that is fit for it."""
    stage.web_server().vault_points(10, newest=2).points(2, newest=stage.night(0))
    stage.world.resources.add_group(TARGET, stage.vm.location)
    return stage.storage_account(STAGING)


def _with_account(stage: Stage, code: str, name: str, **settings: str) -> Stage:
    """Let the storage account that was named have settings of its own, beside one that is fit."""
    return failed_restore(_healthy(stage).storage_account(name, **settings), code, account=name)


def _groups(stage: Stage, count: int) -> Stage:
    """Let the subscription have so many resource groups, none of them the one that was named."""
    _healthy(stage)
    groups = stage.world.resources
    del groups.groups[TARGET]
    while len(groups.groups) < count:
        groups.add_group(f"rg-project-{len(groups.groups):03}", stage.vm.location)
    stage.world.page_size = 1000  # as Azure's pages are; the list would take 49 of the simulator's
    return failed_restore(stage, GROUPS, kind=MACHINE)


def _other_network(stage: Stage) -> Stage:
    _healthy(stage).network("vnet-neu", group="rg-neu", location=ELSEWHERE, space="10.9.0.0/16")
    return failed_restore(stage, VNET, kind=MACHINE)


def _account_elsewhere(stage: Stage, code: str) -> Stage:
    stage.world.resources.add_group("rg-neu", ELSEWHERE)
    return _with_account(stage, code, "stagingneu", group="rg-neu", location=ELSEWHERE)


def _locked_account(stage: Stage) -> Stage:
    _with_account(stage, SUBNET, "stagingkept")
    return stage.lock(
        f"{stage.group('rg-web')}/providers/Microsoft.Storage/storageAccounts/stagingkept", level="ReadOnly"
    )


def _refused(stage: Stage, code: str, message: str) -> Stage:
    """Let the activity log show that the creation of the VM was refused while it was restored."""
    failed_restore(_healthy(stage), UNAUTHORIZED, kind=MACHINE)
    target = f"{stage.group(TARGET)}/providers/Microsoft.Compute/virtualMachines/web-01-restored"
    more = {"status": "Failed", "caller": SERVICE, "level": "Error", "status_code": "Forbidden"}
    text = f'{{"error":{{"code":"{code}","message":"{message}"}}}}'
    operation = "Microsoft.Compute/virtualMachines/write"
    return stage.happened(operation, ago=AGO - timedelta(minutes=2), resource_id=target, message=text, **more)


def _denied_by_policy(stage: Stage) -> Stage:
    title = "Virtual machines come from the pipeline only"
    stage.machine()
    condition = {"field": "type", "equals": "Microsoft.Compute/virtualMachines"}
    stage.policy_denial("pipeline-only", title, condition)
    text = f"Resource 'web-01-restored' was disallowed by policy. Policy assignment: '{title}'."
    return _refused(stage, "RequestDisallowedByPolicy", text)


def _interfaces(stage: Stage) -> Stage:
    """Give the VM a second network interface."""
    _healthy(stage)
    inventory, vm = stage.world.inventory, stage.vm
    subnet = stage.nic.properties["ipConfigurations"][0]["properties"]["subnet"]["id"]
    second = inventory.add(network.NIC, vm.group, f"{vm.name}-nic-2", network.interface(subnet, "10.0.0.99", "99"))
    second.properties["ipConfigurations"][0]["id"] = f"{second.id}/ipConfigurations/ipconfig1"
    vm.nics.append(second.id)
    return failed_restore(stage, CLOUD, kind=MACHINE)


def _addresses(stage: Stage, count: int) -> Stage:
    """Let the VM have so many public addresses."""
    _healthy(stage)
    inventory, configurations = stage.world.inventory, stage.nic.properties["ipConfigurations"]
    for number in range(1, count + 1):
        body = {
            "provisioningState": "Succeeded",
            "publicIPAllocationMethod": "Static",
            "ipAddress": f"203.0.113.{number}",
        }
        name = f"{stage.vm.name}-ip-{number}"
        address = inventory.add(
            network.ADDRESS, stage.vm.group, name, body, sku={"name": "Standard", "tier": "Regional"}
        )
        if number > len(configurations):
            first = configurations[0]
            more = {**first["properties"], "primary": False, "privateIPAddress": f"10.0.0.{90 + number}"}
            name = f"ipconfig{number}"
            configurations.append(
                {**first, "name": name, "id": f"{stage.nic.id}/ipConfigurations/{name}", "properties": more}
            )
        configurations[number - 1]["properties"]["publicIPAddress"] = {"id": address.id}
    return stage


def _balanced(stage: Stage) -> Stage:
    """Put the VM behind an inbound NAT rule of a load balancer: what an input endpoint is since classic."""
    _healthy(stage)
    balancer = f"{stage.group(stage.vm.group)}/providers/Microsoft.Network/loadBalancers/lb-web"
    rules = [{"id": f"{balancer}/inboundNatRules/ssh-{stage.vm.name}"}]
    stage.nic.properties["ipConfigurations"][0]["properties"]["loadBalancerInboundNatRules"] = rules
    return failed_restore(stage, ENDPOINTS, kind=MACHINE)


ROWS: tuple[Row, ...] = (
    (
        "restore-account-elsewhere",
        REGION,
        "A restore failed: its storage account is in northeurope, the vault in westeurope.",
        lambda stage: _account_elsewhere(stage, REGION).localized("pt-BR"),
    ),
    (
        "restore-account-here",
        REGION,
        "The storage account of the restore is in the vault's region, but zone redundant.",
        lambda stage: _with_account(stage, REGION, "stagingzrs", sku="Standard_ZRS"),
    ),
    (
        "restore-account-zrs",
        UNSUPPORTED,
        "A restore failed: its storage account is zone redundant.",
        lambda stage: _with_account(stage, UNSUPPORTED, "stagingzrs", sku="Standard_ZRS").localized("zh-TW"),
    ),
    (
        "restore-account-blobs",
        UNSUPPORTED,
        "A restore failed: its storage account is for blobs only.",
        lambda stage: _with_account(stage, UNSUPPORTED, "stagingblobs", kind="BlobStorage"),
    ),
    (
        "restore-account-supported",
        UNSUPPORTED,
        "The storage account of the restore is supported, but its primary location is unavailable.",
        lambda stage: _with_account(stage, UNSUPPORTED, "stagingdown", statusOfPrimary="unavailable"),
    ),
    (
        "restore-account-offline",
        OFFLINE,
        "A restore failed: the primary location of its storage account is unavailable.",
        lambda stage: _with_account(stage, OFFLINE, "stagingdown", statusOfPrimary="unavailable").localized("zh-TW"),
    ),
    (
        "restore-account-online",
        OFFLINE,
        "The storage account of the restore is online, but its network rules let nobody in.",
        lambda stage: _with_account(stage, OFFLINE, "stagingclosed", publicNetworkAccess="Disabled"),
    ),
    (
        "restore-group-quota",
        GROUPS,
        "A restore failed: its group would have to be made, and the subscription has 980 already.",
        lambda stage: _groups(stage, QUOTA).localized("pt-BR"),
    ),
    (
        "restore-group-missing",
        GROUPS,
        "The subscription has 30 resource groups; the one that the restore named is not among them.",
        lambda stage: _groups(stage, 30),
    ),
    (
        "restore-network-elsewhere",
        VNET,
        "A restore failed: its virtual network vnet-neu is in northeurope.",
        lambda stage: _other_network(stage).localized("pt-BR"),
    ),
    (
        "restore-network-here",
        VNET,
        "The virtual network of the restore is fine; its storage account is in northeurope.",
        lambda stage: _account_elsewhere(stage, VNET),
    ),
    (
        "restore-subnet-missing",
        SUBNET,
        "A restore failed: its subnet 'backend' does not exist (any more) in the network rg-web-vnet.",
        lambda stage: failed_restore(_healthy(stage), SUBNET, kind=MACHINE).localized("zh-TW"),
    ),
    (
        "restore-subnet-exists",
        SUBNET,
        "The subnet of the restore exists; a ReadOnly lock is on its storage account.",
        _locked_account,
    ),
    (
        "restore-not-authorized",
        UNAUTHORIZED,
        "A restore failed: the service was refused the right to create the VM.",
        lambda stage: _refused(
            stage, "AuthorizationFailed", f"The client '{SERVICE}' does not have authorization to perform action."
        ).localized("pt-BR"),
    ),
    (
        "restore-denied-by-policy",
        UNAUTHORIZED,
        "A restore failed: a policy denies virtual machines that do not come from the pipeline.",
        _denied_by_policy,
    ),
    (
        "restore-group-locked",
        UNAUTHORIZED,
        "Nothing was refused for want of a role; a ReadOnly lock is on the target group.",
        lambda stage: failed_restore(_healthy(stage), UNAUTHORIZED).lock(stage.group(TARGET), level="ReadOnly"),
    ),
    (
        "restore-name-taken",
        DNS,
        "A restore failed: the VM that it was to create has the name of one that exists, web-01.",
        lambda stage: failed_restore(_healthy(stage), DNS, kind=MACHINE).localized("zh-TW"),
    ),
    (
        "restore-name-free",
        DNS,
        "The name of the VM to be created is free; the target group does not exist.",
        lambda stage: failed_restore(_healthy(stage), DNS, kind=MACHINE, group="rg-gone"),
    ),
    (
        "restore-two-interfaces",
        CLOUD,
        "A restore failed: the VM has two network interfaces, which a VM that Azure Backup creates has not.",
        lambda stage: _interfaces(stage).localized("pt-BR"),
    ),
    (
        "restore-plain-network",
        CLOUD,
        "The VM's network is plain; the storage account of the restore is in northeurope.",
        lambda stage: _account_elsewhere(stage, CLOUD),
    ),
    (
        "restore-two-addresses",
        RESERVED,
        "A restore failed: the VM has two reserved public addresses.",
        lambda stage: failed_restore(_addresses(stage, 2), RESERVED, kind=MACHINE).localized("zh-TW"),
    ),
    (
        "restore-point-gone",
        RESERVED,
        "The VM has one public address; the recovery point of the restore has expired since.",
        lambda stage: failed_restore(
            _addresses(stage, 1), RESERVED, kind=MACHINE, point=stage.night(0) - timedelta(days=60)
        ),
    ),
    (
        "restore-load-balanced",
        ENDPOINTS,
        "A restore failed: the VM is behind an inbound NAT rule of a load balancer.",
        lambda stage: _balanced(stage).localized("pt-BR"),
    ),
    (
        "restore-not-balanced",
        ENDPOINTS,
        "The VM is behind no load balancer; the target group of the restore does not exist.",
        lambda stage: failed_restore(_healthy(stage), ENDPOINTS, kind=MACHINE, group="rg-gone"),
    ),
)
