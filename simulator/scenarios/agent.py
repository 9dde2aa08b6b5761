"""The VM agent or the backup extension does not answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.guest.windows_machine import Machine
from simulator.scenarios.guest import windows_broken
from simulator.scenarios.stage import Row, Stage, nights
from simulator.services.compute.power import HUNG
from simulator.services.recoveryservices.errors import AGENT

if TYPE_CHECKING:
    from simulator.services.compute.model import AgentState

SNAPSHOT_STATUS = "GuestAgentSnapshotTaskStatusError"
RECOVERY_EXTENSION = "RecoveryServicesExtensionOperationFailed"
NO_AGENT = "VmAgentNotPresent"
OFFLINE = "AzureVmOffline"
VMSNAPSHOT = "ExtensionOperationFailedForManagedDisks"
INTERNAL = "BackUpOperationFailed"
NO_NETWORK = "ExtensionSnapshotFailedNoNetwork"
OLD_LINUX, OLD_WINDOWS = "2.2.18", "2.5.1198.709"
STALE = "An operation on the VM has been cancelled by its host."


def _silent(stage: Stage, code: str, os_type: str = "Linux", agent: AgentState = "NotReady") -> Stage:
    """Let the agent not answer, and backups fail for that with an error of their own."""
    nights(stage.machine(os_type=os_type, agent=agent).web_server(), code)
    return stage.fails_while(code, lambda: stage.vm.power_state == "running" and stage.vm.agent != "Ready")


def _hung(stage: Stage, code: str) -> Stage:
    """Let only a new start of the machine bring its agent back."""
    _silent(stage, code, "Windows").vm.guest[HUNG] = "hangs until the VM is started anew"
    return stage


def _outdated(stage: Stage, code: str, os_type: str, version: str) -> Stage:
    nights(stage.machine(os_type=os_type).web_server(), code)
    stage.vm.agent_version = version
    return stage.fails_while(code, lambda: stage.vm.agent_version == version)


def _own_extension_failed(stage: Stage, code: str) -> Stage:
    nights(stage.web_server(), code).extension("Failed", "The extension handler did not report its status.")
    return stage.fails_while(code, lambda: stage.vm.shown_state == "Failed")


def _stale_state(stage: Stage) -> Stage:
    """Let the VM have stayed in a failed state for days."""
    nights(stage.web_server(), AGENT)
    stage.vm.provisioning_state, stage.vm.provisioning_message = "Failed", STALE
    stage.vm.state_since = stage.night(3)
    return stage.fails_while(AGENT, lambda: stage.vm.shown_state == "Failed")


def _in_guest(stage: Stage, code: str, what: str, state: str, os_type: str = "Linux") -> Stage:
    """Let something be wrong inside that nobody outside sees."""
    nights(stage.machine(os_type=os_type).web_server(), code)
    stage.vm.guest[what] = state
    return stage.fails_while(code, lambda: what in stage.vm.guest)


def _shut_down_inside(stage: Stage, code: str) -> Stage:
    """Let Azure show a machine as running that somebody shut down in a remote session."""
    _silent(stage, code, "Windows").vm.guest["power"] = "shut down from inside"
    return stage


def _broken_extension(stage: Stage, code: str) -> Stage:
    """Let the extension, though provisioned, fail until another one takes its place."""
    nights(stage.web_server(), code)
    broken = list(stage.vm.extensions.values())
    return stage.fails_while(code, lambda: any(one in broken for one in stage.vm.extensions.values()))


def _passing(stage: Stage, code: str) -> Stage:
    """Let it have been over when it was looked at."""
    return nights(stage.web_server(), code, 1)


def _lasting(stage: Stage, code: str) -> Stage:
    """Let nothing that is done from outside help."""
    return nights(stage.web_server(), code).fails_while(code, lambda: True)


def _missing(stage: Stage) -> Stage:
    """Let the VM come from an image of its owner's, without an agent."""
    _silent(stage, NO_AGENT, agent="Missing")
    stage.vm.own_image, stage.vm.provision_agent, stage.vm.extension_operations = True, False, False
    stage.vm.extensions.clear()
    return stage


def _first_backup(stage: Stage, holds: Callable[[], bool], number: int = 2) -> Stage:
    """Let the VM never have been backed up: its extension could not be installed."""
    stage.vm.extensions.clear()
    stage.web_server().failed(OFFLINE, nights=number).state("IRPending")
    return stage.fails_while(OFFLINE, holds)


def _off_at_first(stage: Stage) -> Stage:
    stage.machine(power="deallocated")
    return _first_backup(stage, lambda: stage.vm.power_state != "running").localized("pt-BR")


def _missing_at_first(stage: Stage) -> Stage:
    stage.machine(os_type="Windows", agent="Missing")
    return _first_backup(stage, lambda: stage.vm.agent == "Missing").localized("zh-TW")


def _extensions_off_at_first(stage: Stage) -> Stage:
    stage.machine().vm.extension_operations = False
    return _first_backup(stage, lambda: not stage.vm.extension_operations)


def _not_enabled(stage: Stage) -> Stage:
    """Backup could not be enabled for this."""
    stage.machine(agent="Missing").backup_vault()
    stage.vm.own_image, stage.vm.extension_operations = True, False
    return stage


def _off_later(stage: Stage) -> Stage:
    """Let the VM have been switched off after the last backup had failed."""
    return nights(stage.machine(power="deallocated").web_server(), OFFLINE, 1)


def _off_since(stage: Stage) -> Stage:
    _silent(stage, AGENT).vm.power_state = "deallocated"
    return stage


def _locked_points(stage: Stage) -> Stage:
    """Let a lock keep old restore points from being deleted."""
    nights(stage.web_server(), INTERNAL).lock(stage.group()).localized("pt-PT")
    access = stage.world.authorization
    return stage.fails_while(INTERNAL, lambda: bool(access.blocking(stage.collection.id, "DELETE")))


def _deleted(stage: Stage) -> Stage:
    return nights(stage.web_server(), INTERNAL).machine_deleted()


def _migrated(stage: Stage) -> Stage:
    """Let the VM have been moved to an Enhanced policy before backups began to fail."""
    nights(stage.web_server(), INTERNAL)
    item = stage.item
    if item is not None:
        item.policy = stage.world.recoveryservices.add_policy(stage.vault, "enhanced", policy_type="V2")
    return stage.fails_while(INTERNAL, lambda: True)


def _platform(stage: Stage) -> Stage:
    """Let the storage of the region have trouble for another hour."""
    nights(stage.web_server(), INTERNAL, 1).unhealthy("Degraded", "Disks of this VM answer slowly.")
    over = stage.world.clock.now + timedelta(hours=1)
    return stage.fails_while(INTERNAL, lambda: stage.world.clock.now < over)


def _blocked_programs(machine: Machine) -> bool:
    return bool(machine.state["events"]["app_control"])


def _by_hand(machine: Machine) -> bool:
    return not all(one["dhcp"] for one in machine.state["interfaces"].values())


def _address_is_kept(stage: Stage) -> Stage:
    """Let Azure give the machine the very address that it has inside."""
    return windows_broken(NO_NETWORK, "static-address", holds=_by_hand, silent=True)(stage).static_address()


def _blocked_old_agent(stage: Stage) -> Stage:
    """Let a rule deny the way to storage to an agent that is too old to do without it."""
    _outdated(stage, NO_NETWORK, "Linux", OLD_LINUX).rule("deny-internet", target="Internet", port="*")
    return stage


ROWS: tuple[Row, ...] = (
    (
        "agent-stopped",
        AGENT,
        "The agent service in the VM is disabled.",
        lambda stage: _silent(stage, AGENT).localized("pt-BR"),
    ),
    (
        "agent-hung",
        AGENT,
        "The agent in the VM hangs until the VM is restarted.",
        lambda stage: _hung(stage, AGENT).localized("pt-PT"),
    ),
    (
        "agent-outdated",
        AGENT,
        "The agent reports, but it is older than the platform supports.",
        lambda stage: _outdated(stage, AGENT, "Linux", OLD_LINUX).localized("zh-TW"),
    ),
    ("agent-back", AGENT, "The agent did not report last night; it does now.", lambda stage: _passing(stage, AGENT)),
    (
        "agent-ready-still-failing",
        AGENT,
        "The agent reports, and backups go on to fail until the VM is restarted.",
        lambda stage: _in_guest(stage, AGENT, HUNG, "answers, but does no work until the VM is started anew"),
    ),
    (
        "agent-extension-failed",
        AGENT,
        "The agent reports; the extension VMSnapshotLinux failed.",
        lambda stage: _own_extension_failed(stage, AGENT),
    ),
    ("agent-vm-failed", AGENT, "The agent reports; the VM's provisioning state has stayed Failed.", _stale_state),
    ("agent-vm-off", AGENT, "The agent did not report; the VM has been deallocated since.", _off_since),
    (
        "snapshot-status-unknown",
        SNAPSHOT_STATUS,
        "The agent reports; in the VM, application control blocks the backup extension.",
        windows_broken(SNAPSHOT_STATUS, "applocker-blocks", holds=_blocked_programs, silent=True, language="pt-PT"),
    ),
    (
        "snapshot-status-agent-stopped",
        SNAPSHOT_STATUS,
        "The agent service in the VM is disabled.",
        lambda stage: _silent(stage, SNAPSHOT_STATUS).localized("zh-TW"),
    ),
    (
        "snapshot-status-agent-hung",
        SNAPSHOT_STATUS,
        "The agent in the VM hangs until the VM is restarted.",
        lambda stage: _hung(stage, SNAPSHOT_STATUS).localized("pt-BR"),
    ),
    (
        "snapshot-status-shut-down",
        SNAPSHOT_STATUS,
        "The VM was shut down in a remote session; Azure still shows it as running.",
        lambda stage: _shut_down_inside(stage, SNAPSHOT_STATUS),
    ),
    (
        "snapshot-status-extension",
        SNAPSHOT_STATUS,
        "The agent reports; the backup extension does not load until it is installed again.",
        lambda stage: _broken_extension(stage, SNAPSHOT_STATUS),
    ),
    (
        "recovery-extension-agent-outdated",
        RECOVERY_EXTENSION,
        "The agent of a Windows VM is older than Azure Backup needs.",
        lambda stage: _outdated(stage, RECOVERY_EXTENSION, "Windows", OLD_WINDOWS).localized("pt-BR"),
    ),
    (
        "recovery-extension-agent-updated",
        RECOVERY_EXTENSION,
        "The agent has been updated since the last backup failed.",
        lambda stage: _passing(stage, RECOVERY_EXTENSION).localized("zh-TW"),
    ),
    (
        "recovery-extension-still-failing",
        RECOVERY_EXTENSION,
        "The agent is new enough, and backups go on to fail.",
        lambda stage: _lasting(stage, RECOVERY_EXTENSION),
    ),
    (
        "agent-missing",
        NO_AGENT,
        "The VM comes from its owner's image, which has no agent; its model forbids extensions.",
        lambda stage: _missing(stage).localized("pt-BR"),
    ),
    (
        "agent-missing-stopped",
        NO_AGENT,
        "The VM has an agent; its service is disabled.",
        lambda stage: _silent(stage, NO_AGENT).localized("zh-TW"),
    ),
    ("agent-installed", NO_AGENT, "An agent has been installed since.", lambda stage: _passing(stage, NO_AGENT)),
    ("first-backup-vm-off", OFFLINE, "The VM is deallocated and has never been backed up.", _off_at_first),
    ("first-backup-no-agent", OFFLINE, "The VM runs without an agent and has never been backed up.", _missing_at_first),
    (
        "first-backup-no-extensions",
        OFFLINE,
        "The model of the VM forbids extensions; it has never been backed up.",
        _extensions_off_at_first,
    ),
    ("no-agent-unprotected", OFFLINE, "Backup cannot be enabled: the VM has no agent.", _not_enabled),
    ("vm-off-since", OFFLINE, "The VM, backed up for weeks, has been deallocated since last night.", _off_later),
    (
        "vmsnapshot-broken",
        VMSNAPSHOT,
        "The extension VMSnapshotLinux does not load until it is installed again.",
        lambda stage: _broken_extension(stage, VMSNAPSHOT).localized("zh-TW"),
    ),
    (
        "vmsnapshot-passing",
        VMSNAPSHOT,
        "What kept the extension from taking its snapshot has passed.",
        lambda stage: _passing(stage, VMSNAPSHOT).localized("pt-PT"),
    ),
    (
        "vmsnapshot-agent-hung",
        VMSNAPSHOT,
        "The agent in the VM hangs until the VM is restarted.",
        lambda stage: _hung(stage, VMSNAPSHOT),
    ),
    (
        "vmsnapshot-shut-down",
        VMSNAPSHOT,
        "The VM was shut down in a remote session; Azure still shows it as running.",
        lambda stage: _shut_down_inside(stage, VMSNAPSHOT),
    ),
    (
        "vmsnapshot-lasting",
        VMSNAPSHOT,
        "The extension does not load, installed again or not.",
        lambda stage: _lasting(stage, VMSNAPSHOT),
    ),
    (
        "internal-error-passing",
        INTERNAL,
        "What made last night's backup fail has passed.",
        lambda stage: _passing(stage, INTERNAL).localized("pt-BR"),
    ),
    (
        "internal-error-extension",
        INTERNAL,
        "The extension VMSnapshotLinux does not load until it is installed again.",
        lambda stage: _broken_extension(stage, INTERNAL).localized("zh-TW"),
    ),
    ("internal-error-lock", INTERNAL, "A lock keeps old restore points from being deleted.", _locked_points),
    ("internal-error-vm-deleted", INTERNAL, "The VM was deleted and is still protected.", _deleted),
    (
        "internal-error-agent-hung",
        INTERNAL,
        "The agent in the VM hangs until the VM is restarted.",
        lambda stage: _hung(stage, INTERNAL),
    ),
    (
        "internal-error-shut-down",
        INTERNAL,
        "The VM was shut down in a remote session; Azure still shows it as running.",
        lambda stage: _shut_down_inside(stage, INTERNAL),
    ),
    ("internal-error-policy", INTERNAL, "The VM was moved to an Enhanced policy three days ago.", _migrated),
    ("internal-error-platform", INTERNAL, "The region's storage has trouble for another hour.", _platform),
    (
        "no-network-dhcp",
        NO_NETWORK,
        "The guest has its address set by hand, so it does not ask DHCP.",
        windows_broken(NO_NETWORK, "static-address", holds=_by_hand, silent=True, language="pt-PT"),
    ),
    (
        "no-network-dhcp-kept",
        NO_NETWORK,
        "The guest has the address set by hand that Azure keeps for it.",
        _address_is_kept,
    ),
    (
        "no-network-shut-down",
        NO_NETWORK,
        "The VM was shut down in a remote session; Azure still shows it as running.",
        lambda stage: _shut_down_inside(stage, NO_NETWORK).localized("zh-TW"),
    ),
    (
        "no-network-old-agent",
        NO_NETWORK,
        "A security rule denies the internet to an agent that is too old to do without it.",
        _blocked_old_agent,
    ),
    (
        "no-network-extension",
        NO_NETWORK,
        "The network is well; the backup extension does not load until it is installed again.",
        lambda stage: _broken_extension(stage, NO_NETWORK),
    ),
)
