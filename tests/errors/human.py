"""What a human does in the simulated world, between the advice and the next run. Each takes the drill."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from simulator.guest.linux import LinuxGuest
from simulator.services.compute.inside import furnish

from ..drill import Drill


def makes_sure_the_namesake_is_another_machine(_world: Drill) -> None:
    """Nothing changes in Azure: the human looks, and knows."""


def repair_custom_script(world: Drill) -> None:
    """The owner of the custom script has repaired it."""
    (vm,) = world.simulator.world.compute.vms.values()
    vm.extensions["install-agent"].provisioning_state = "Succeeded"


def start_agent(world: Drill) -> None:
    """The agent service in the VM runs again."""
    (vm,) = world.simulator.world.compute.vms.values()
    vm.agent = "Ready"


def wants_the_vm_looked_into(_world: Drill) -> None:
    """Nothing changes in Azure: the human lets scripts look, and repair, inside the VM."""


def looks_up_the_backup_service(_world: Drill) -> None:
    """Nothing changes in Azure: the human asks Microsoft Graph for the object id."""


def agrees_to_the_documented_role(_world: Drill) -> None:
    """Nothing changes in Azure: the human takes the role that allows more than needed."""


def makes_room_for_the_copy(world: Drill) -> None:
    """The backup runs at an hour at which the storage has time for it."""
    item = world.simulator.world.recoveryservices.item_of(world.vm_id)
    assert item is not None
    item.obstacles.clear()


def has_support_repair_the_disk(_world: Drill) -> None:
    """Nothing that Azure Resource Manager shows: Microsoft's support repairs it."""


def names_other_inputs(_world: Drill) -> None:
    """Nothing changes in Azure: the human decides where the restore goes to."""


def waits_for_the_storage_account(world: Drill) -> None:
    """The outage is over."""
    for account in world.simulator.world.inventory.of_type("Microsoft.Storage/storageAccounts"):
        account.properties["statusOfPrimary"] = "available"


def decides_to_leave_the_disk_out(_world: Drill) -> None:
    """Nothing changes in Azure: the owner says that this disk need not be protected."""


def splits_the_large_disk(world: Drill) -> None:
    """Two disks of half the size hold the data of the large one, which is taken off."""
    (vm,) = world.simulator.world.compute.vms.values()
    (large,) = (disk for disk in vm.data_disks if disk.lun == 2)
    vm.data_disks.remove(large)
    for lun in (3, 4):
        vm.data_disks.append(replace(large, name=f"new-{lun}", id=f"{large.id}-{lun}", size_gb=4096, lun=lun))


def moves_the_vm_to_an_enhanced_policy(world: Drill) -> None:
    """The policy is one of the Enhanced kind."""
    item = world.simulator.world.recoveryservices.item_of(world.vm_id)
    assert item is not None
    assert item.policy is not None
    item.policy.policy_type = "V2"


def makes_room_in_the_storage_account(world: Drill) -> None:
    """What nobody needs is deleted from the storage account."""
    (vm,) = world.simulator.world.compute.vms.values()
    del vm.guest["storage account"]


def repair_the_guest(world: Drill) -> None:
    """What was wrong inside the VM is put right there."""
    (vm,) = world.simulator.world.compute.vms.values()
    furnish(world.simulator.world, vm, None)


def solves_what_no_script_sees(world: Drill) -> None:
    """What keeps the snapshot from being taken, inside or outside, is found and taken away."""
    item = world.simulator.world.recoveryservices.item_of(world.vm_id)
    assert item is not None
    item.obstacles.clear()


def has_support_find_the_cause(world: Drill) -> None:
    """Microsoft's support puts right what a change of the policy has left behind."""
    solves_what_no_script_sees(world)


def looks_at_the_scripts_and_closes_them(world: Drill) -> None:
    """Nobody has changed what is in the pre and post scripts, and only root may from now on."""
    (vm,) = world.simulator.world.compute.vms.values()
    assert isinstance(vm.inside, LinuxGuest)
    for name in ("pre", "post"):
        vm.inside.at(f"/etc/azure/{name}.sh").chmod(0o700)


def finds_that_a_mount_need_not_be_consistent(_world: Drill) -> None:
    """Nothing changes in Azure: the owner says what is on the mount point."""


def update_agent(world: Drill) -> None:
    """The latest agent is installed in the VM."""
    (vm,) = world.simulator.world.compute.vms.values()
    vm.agent_version = "2.9.1.1" if vm.os_type == "Linux" else "2.7.41491.1139"
    if vm.inside is not None:
        furnish(world.simulator.world, vm, {"agent_version": vm.agent_version} if vm.os_type == "Linux" else None)


def install_agent(world: Drill) -> None:
    """An agent is installed in the VM, which is then allowed to take extensions."""
    (vm,) = world.simulator.world.compute.vms.values()
    vm.agent, vm.extension_operations = "Ready", True


def allow_extensions(world: Drill) -> None:
    """The VM's model does not forbid extensions any more."""
    (vm,) = world.simulator.world.compute.vms.values()
    vm.extension_operations = True


def lets_the_vm_be_restarted(_world: Drill) -> None:
    """Nothing changes in Azure: the owner of the VM agrees."""


def lets_the_vm_be_started(_world: Drill) -> None:
    """Nothing changes in Azure: the owner of the VM agrees."""


def finds_it_shut_down(_world: Drill) -> None:
    """Nothing changes in Azure: the human sees on the serial console that the VM was shut down."""


def suspects_the_extension(_world: Drill) -> None:
    """Nothing changes in Azure: the human has looked at everything else in the VM."""


def waits_for_the_platform(world: Drill) -> None:
    """The trouble is over."""
    world.pass_time(timedelta(hours=2))
    world.simulator.world.insights.health.clear()
