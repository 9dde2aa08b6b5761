"""SQL Server in the VM, which may delay a snapshot."""

from __future__ import annotations

from arm.facts.collect import VmFacts

from .model import Check, Seen, Status, Where
from .sources import TROUBLESHOOT


def _sql(facts: VmFacts) -> Seen:
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
