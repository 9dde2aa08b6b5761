"""The RBAC actions that reading each fact needs: data, from which least-privilege roles are computed."""

from __future__ import annotations

_VM = "Microsoft.Compute/virtualMachines/read"
_COLLECTION = "Microsoft.Compute/restorePointCollections/read"
_POINT = "Microsoft.Compute/restorePointCollections/restorePoints/read"
_VAULT = "Microsoft.RecoveryServices/Vaults"
_ITEM = f"{_VAULT}/backupFabrics/protectionContainers/protectedItems"
_LOCKS = ("Microsoft.Authorization/locks/read",)

# Which vault protects a machine is asked of backupStatus, which wants its region; of a machine that is gone, of
# Resource Graph, which shows the items that may be read.
_PROTECTION = (_VM, "Microsoft.RecoveryServices/locations/backupStatus/action", f"{_ITEM}/read")
_JOBS = (*_PROTECTION, f"{_VAULT}/backupJobs/read")
_POLICY = (*_PROTECTION, f"{_VAULT}/backupPolicies/read")
_DISKS = (_VM, "Microsoft.Compute/disks/read")
_NICS = (_VM, "Microsoft.Network/networkInterfaces/read")
_SUBNETS = (*_NICS, "Microsoft.Network/virtualNetworks/subnets/read")

READS: dict[str, tuple[str, ...]] = {
    "vm": (_VM,),
    "vm_or_none": (_VM,),
    "extensions": ("Microsoft.Compute/virtualMachines/extensions/read",),
    "run_commands": ("Microsoft.Compute/virtualMachines/runCommands/read",),
    "protection": _PROTECTION,
    "item": _PROTECTION,
    "policy": _POLICY,
    "resource_guards": (*_PROTECTION, f"{_VAULT}/backupResourceGuardProxies/read"),
    "immutability": (*_PROTECTION, f"{_VAULT}/read"),
    "running_jobs": _JOBS,
    "jobs_elsewhere": _JOBS,
    "job_details": _JOBS,
    "recent_jobs": _JOBS,
    "failed_jobs": _JOBS,
    "completed_since": _JOBS,
    "restores": _JOBS,
    "starts": _POLICY,
    "last_failed_job": _JOBS,
    "last_scheduled_backup": _JOBS,
    "last_other_failed_job": _JOBS,
    "read_job": _JOBS,
    "recovery_points": (*_PROTECTION, f"{_ITEM}/recoveryPoints/read"),
    "collections": (_COLLECTION, _POINT),
    "whereabouts": (
        _VM,
        _COLLECTION,
        _POINT,
        "Microsoft.Authorization/permissions/read",
    ),
    "roles_of": ("Microsoft.Authorization/roleAssignments/read", "Microsoft.Authorization/roleDefinitions/read"),
    "custom_roles": ("Microsoft.Authorization/roleDefinitions/read",),
    "items_of_name": (_VM, f"{_ITEM}/read"),
    "protected_in_vault": _PROTECTION,
    "policies": _POLICY,
    "disks": _DISKS,
    "key_vaults": (*_DISKS, "Microsoft.KeyVault/vaults/read"),
    "sql_vm": ("Microsoft.SqlVirtualMachine/sqlVirtualMachines/read",),
    "nics": _NICS,
    "subnets": _SUBNETS,
    "nsgs": (*_SUBNETS, "Microsoft.Network/networkSecurityGroups/read"),
    "virtual_networks": (*_NICS, "Microsoft.Network/virtualNetworks/read"),
    "policy_assignments": ("Microsoft.Authorization/policyAssignments/read",),
    "metrics": (_VM, "Microsoft.Insights/metrics/read"),
    "load": (*_JOBS, "Microsoft.Insights/metrics/read"),
    "denials": (_VM, "Microsoft.Insights/eventtypes/values/read"),
    "events": (_VM, "Microsoft.Insights/eventtypes/values/read"),
    "health": ("Microsoft.ResourceHealth/availabilityStatuses/read",),
    "locks": _LOCKS,
    "locks_in_the_way": _LOCKS,
    "made_by_backup": _POLICY,
    "last_failed_restore": _JOBS,
    "vault": (*_PROTECTION, f"{_VAULT}/read"),
    "storage_accounts": ("Microsoft.Storage/storageAccounts/read",),
    "storage_health": ("Microsoft.ResourceHealth/availabilityStatuses/read",),
    "all_networks": ("Microsoft.Network/virtualNetworks/read",),
    "resource_groups": ("Microsoft.Resources/subscriptions/resourceGroups/read",),
    "vms_of_name": (_VM,),
    "refusals": (*_JOBS, "Microsoft.Insights/eventtypes/values/read"),
}
"""By the name of a method of :class:`arm.facts.collect.VmFacts`: the actions it needs, those of what it asks first
included. Sources: the readers' docstrings and Microsoft's list of operations of each provider."""
