"""All checks, in the order in which Microsoft's documents ask."""

from __future__ import annotations

from . import agent, disks, extensions, guest, jobs, network, protection, sql, vm
from .model import Check

CHECKS: tuple[Check, ...] = (
    vm.STATE,
    guest.PENDING_REBOOT,
    agent.PRESENT,
    agent.CLASSIC_FLAG,
    agent.RUNNING,
    agent.VERSION,
    guest.DOTNET,
    guest.PYTHON,
    vm.OS_SUPPORT,
    extensions.HEALTH,
    extensions.VMSNAPSHOT,
    guest.IAASVMPROVIDER,
    guest.COM_MSDTC,
    guest.VSS,
    guest.ANTIVIRUS,
    guest.APPLOCKER,
    guest.WIRESERVER,
    network.OUTBOUND_STORAGE,
    guest.PROXY,
    network.DNS,
    network.DHCP,
    agent.STATUS_MISMATCH,
    sql.SQL_VSS,
    vm.LOAD,
    jobs.STAGGER,
    protection.LOCKS,
    protection.RPC_COUNT,
    jobs.RUNNING,
    disks.KEYVAULT,
    guest.WAAGENT_CONF,
    guest.LOGS,
    jobs.SLOW_BACKUP,
    jobs.SLOW_RESTORE,
    disks.SUPPORT,
    protection.POLICY_DENY,
    guest.ROOT_SPACE,
    guest.TIME_SYNC,
    protection.ASYNC_MOVE,
)
