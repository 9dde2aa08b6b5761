"""Named values (dimensions of a metric or log alert, columns of a result, a job of Resource Graph) to an alert."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from arm.facts.times import parse_time
from arm.strict_ids import Kind, shown, strict, strict_job_name

from .model import Alert, Ignored, Source, Why

FIELDS: Mapping[str, tuple[str, ...]] = {
    "vm_id": ("datasourceresourceid", "datasourceurl", "datasourceid", "_resourceid", "resourceid"),
    "item_id": ("backupinstanceurl", "backupinstanceid", "protecteditemid"),
    "vault_id": ("resourceid", "_resourceid", "vaultid"),
    "job": ("jobuniqueid", "jobid"),
    "code": ("jobfailurecode",),
    "operation": ("joboperation", "operation"),
    "status": ("jobstatus", "status"),
    "health": ("healthstatus",),
    "management": ("backupmanagementtype",),
    "unique_item": ("backupitemuniqueid",),
    "fired": ("timegenerated",),
}
"""What is looked for, and the names it may have, best first.

Of AddonAzureBackupJobs in Log Analytics, of the metric BackupHealthEvent, and of jobs in Resource Graph.
"""

_ANY_RESOURCE = ("resourceid", "_resourceid")
"""Names whose value may be the id of anything: it counts as what its type says."""
_IN_A_VAULT, _A_VM = "/providers/microsoft.recoveryservices/vaults/", "/providers/microsoft.compute/virtualmachines/"
_OF_VMS = ("iaasvm", "azureiaasvm")
_FAILED = ("failed", "")
_BACKUP = ("backup", "")
WORKLOADS = {
    "sqldatabase": "a SQL Server database",
    "sqlinstance": "a SQL Server instance",
    "sqlavailabilitygroupcontainer": "a SQL Server availability group",
    "saphanadatabase": "a SAP HANA database",
    "saphanadbinstance": "a SAP HANA instance",
    "saphanasystem": "a SAP HANA system",
    "sapasedatabase": "a SAP ASE database",
    "azurefileshare": "a file share",
}
"""What stands before the first semicolon of a protected item that is no virtual machine."""


@dataclass(frozen=True)
class Named:
    """Named values, and what they are called in messages.

    Attributes:
        values: by name in lower case, without blanks at their ends.
        what: where they stand, such as ``dimension``; the name follows.
    """

    values: Mapping[str, str]
    what: str

    def find(self, wanted: str, within: str = "") -> tuple[str, str]:
        """Return a value of :data:`FIELDS` and where it stood.

        Args:
            wanted: what is looked for.
            within: what the id of a resource contains when it is of the type that is wanted.
        """
        for name in FIELDS[wanted]:
            value = self.values.get(name, "")
            if value and (name not in _ANY_RESOURCE or within in value.lower()):
                return value, f"{self.what} {name}"
        return "", ""


def no_failure(named: Named) -> Ignored | None:
    """Return why named values are no failed backup of a virtual machine; ``None`` when they may be one."""
    management, operation, status = (named.find(one)[0] for one in ("management", "operation", "status"))
    if management and management.lower() not in _OF_VMS:
        return Ignored(Why.WORKLOAD, f"it is about {shown(management)}, not about Azure VM backup")
    unique = named.find("unique_item")[0].split(";")
    if len(unique) > 2 and not unique[2].lower().startswith("iaasvmcontainer"):
        return Ignored(Why.WORKLOAD, f"it is about a backup item of {shown(unique[2])}, not about a virtual machine")
    if operation.lower() == "restore":
        return Ignored(Why.RESTORE, "it is about a restore; restores are not repaired by alerts")
    if operation.lower() not in _BACKUP:
        return Ignored(Why.NO_FAILURE, f"it is about the operation {shown(operation)}, not about a backup")
    if status.lower() not in _FAILED:
        return Ignored(Why.NO_FAILURE, f"the job's status is {shown(status)}, not Failed")
    other = re.search(r"/providers/([^/]+/[^/]+)", named.find("vm_id", _A_VM)[0])
    if other is not None and other[1].lower() != "microsoft.compute/virtualmachines":
        return Ignored(Why.WORKLOAD, f"it is about a resource of the type {shown(other[1])}, not a virtual machine")
    health = named.find("health")[0].replace(" ", "").lower()
    if health == "healthy":
        return Ignored(Why.NO_FAILURE, "the health it tells is Healthy")
    return None


def alert_of(named: Named, source: Source, rule: str, fired: datetime | None) -> Alert | Ignored:
    """Return the alert that named values make.

    Raises:
        ForgedId: an id in them is not plainly what it should be.
    """
    ignored = no_failure(named)
    if ignored is not None:
        return ignored
    found = {
        "vm_id": named.find("vm_id", _A_VM),
        "vault_id": named.find("vault_id", _IN_A_VAULT),
        "item_id": named.find("item_id"),
        "job": named.find("job"),
        "code": named.find("code"),
    }
    alert = made(source, rule, found, fired or parse_time(named.find("fired")[0]))
    if isinstance(alert, Ignored):
        return alert
    return with_item(alert, named.find("unique_item")) if alert.vault_id and not alert.item_id else alert


def with_item(alert: Alert, unique: tuple[str, str]) -> Alert:
    """Return the alert with the protected item that a unique id of Log Analytics and the vault make.

    The unique id is ``region;vault's unique id;iaasvmcontainerv2;group;machine``.
    """
    parts = unique[0].split(";")
    if len(parts) != 5:
        return alert
    name = ";".join(parts[2:])
    item = f"{alert.vault_id}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{name}/protectedItems/VM;{name}"
    return replace(alert, item_id=strict(item, Kind.ITEM), sources={**alert.sources, "item_id": unique[1]})


def made(source: Source, rule: str, found: Mapping[str, tuple[str, str]], fired: datetime | None) -> Alert | Ignored:
    """Return the alert of values and where they stood, every id of it checked; why not, where it names no machine.

    Raises:
        ForgedId: an id in them is not plainly what it should be.
    """
    values = {name: value for name, (value, _) in found.items() if value}
    sources = {name: stood for name, (value, stood) in found.items() if value}
    if "item_id" in values:
        workload = workload_of(values["item_id"])
        if workload:
            return Ignored(Why.WORKLOAD, f"it is about {workload}, not about a virtual machine's backup")
    for name, kind in (("vm_id", Kind.VM), ("vault_id", Kind.VAULT), ("item_id", Kind.ITEM)):
        if name in values:
            strict(values[name], kind)
    if "job" in values:
        values["job"] = strict_job_name(values["job"])
    if not {"vm_id", "item_id"} & {*values} and not {"vault_id", "job"} <= {*values}:
        reason = "it names neither a virtual machine, nor a protected item, nor a job with its vault"
        return Ignored(Why.UNUSABLE, f"{reason}; what the rule splits by has to say which (see docs/alerts.md)")
    return Alert(source=source, rule=rule, fired=fired, sources=sources, **values)


def workload_of(item_id: str) -> str:
    """Say what a protected item is, where it is no virtual machine; empty where it is one, or nobody can tell."""
    lowered = item_id.lower()
    _, backup_instance, _ = lowered.partition("/backupinstances/")
    if "/microsoft.dataprotection/" in lowered and backup_instance:
        return "an instance of a Backup vault"
    _, _, item = lowered.rpartition("/protecteditems/")
    if not item or item == lowered or ";" not in item:
        _, _, item = lowered.rpartition("/backupprotecteditem/")
    kind = item.partition(";")[0] if ";" in item else ""
    return "" if kind in ("", "vm") else WORKLOADS.get(kind, f"an item of the type {shown(kind)}")
