"""SQL Server in the VM, which may delay a snapshot."""

from __future__ import annotations

from arm.facts.collect import VmFacts
from arm.facts.guest import GuestFacts

from .guest import some, together
from .model import Check, Seen, Status, Where
from .sources import TROUBLESHOOT

COPY, FULL = "vss_copy_backup", "vss_full_backup"
_VALUES = {COPY: "USEVSSCOPYBACKUP", FULL: "UseVssFullBackup"}


def _sql(facts: VmFacts) -> Seen:
    guest, azure = facts.guest(), _registered(facts)
    return azure if guest is None else _with_instances(azure, guest, registered=facts.sql_vm() is not None)


def _with_instances(azure: Seen, guest: GuestFacts, *, registered: bool) -> Seen:
    """Return the answer in the light of the instances inside the VM, and of how VSS treats their databases."""
    instances = guest.listed("sql")
    if instances is None:
        return azure
    if not instances:
        if registered:
            said = "but no SQL Server runs inside it: the two contradict each other"
            return max(azure[0], Status.WARN, key=list(Status).index), f"{azure[1]}; {said}"
        return Status.PASS, "no SQL Server is in the VM"
    told = {_VALUES[name]: guest.text(name) for name in (COPY, FULL)}
    if None in told.values():
        return azure
    known = {name: value for name, value in told.items() if value}
    shown = f"SQL Server in the VM: {some(instances)}; {', '.join(f'{name} = {known[name]}' for name in known)}"
    if len(known) > 1:
        return Status.WARN, f"{shown}: only one of the two may be set; ask the database owner which"
    if known:
        return together(azure, (Status.PASS, shown))
    shown = f"{shown}neither {' nor '.join(_VALUES.values())} is set"
    if registered:  # the service sets the value itself
        return together(azure, (Status.PASS, shown))
    return Status.WARN, f"{shown}: full backups by VSS may delay snapshots and break chains of SQL backups"


def _registered(facts: VmFacts) -> Seen:
    sql = facts.sql_vm()
    if sql is None:
        return Status.UNKNOWN, "the VM is not registered as a SQL VM; SQL Server may be installed all the same"
    kind = f"registered as a SQL VM ({sql.image or 'own image'}, management {sql.management or 'unknown'})"
    if sql.auto_backup:
        return Status.WARN, f"{kind} with automated SQL backups: they and the VM's snapshots may delay each other"
    return Status.PASS, f"{kind}; for information: how VSS treats its databases is the database owner's decision"


SQL_VSS = Check(
    id="CHK-SQL-VSS",
    title="SQL Server does not delay the snapshot",
    where=Where.BOTH,
    facts=("vm", "sql_vm"),
    expected="for information: no SQL Server backup that competes with the VM's snapshot",
    why="A VSS full backup of a VM with SQL Server may delay the snapshot and breaks chains of SQL backups. Change "
    "nothing about it without the database owner.",
    source=f"{TROUBLESHOOT}, troubleshoot VM snapshot issues",
    look=_sql,
    inside="services MSSQL*; the values USEVSSCOPYBACKUP and UseVssFullBackup of HKLM\\SOFTWARE\\Microsoft\\BcdrAgent",
    os="windows",
)
