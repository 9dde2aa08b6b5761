"""Failed backups whose alert was lost, found in Resource Graph. Each goes through the same intake as an alert.

An action group does not repeat what the webhook has refused, and calls an endpoint that fails no more for a quarter of
an hour; so alerts get lost, and somebody has to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from arm.facts.graph import query
from arm.facts.times import parse_time
from arm.facts.values import inner
from arm.ids import normal
from arm.session import Session

MOST = 20
"""Failed backups that one job hands on; the next job sees to the rest."""
_JOBS = (
    "recoveryservicesresources | where type =~ 'microsoft.recoveryservices/vaults/backupjobs'"
    " and properties.backupManagementType =~ 'AzureIaasVM'"
    " and properties.operation =~ 'Backup' and properties.status =~ 'Failed'"
    " | project id, name, type, properties | order by tostring(properties.startTime) desc | limit 1000"
)


def failed_jobs(session: Session, hours: int) -> Iterator[Mapping[str, Any]]:
    """Yield the newest failed backup of each machine as Resource Graph's row, the newest first.

    What is in a row is a hint like an alert: whether it still stands is asked again.

    Args:
        session: where to look; in every subscription that this identity can read.
        hours: how far back, by Azure's time.

    Permission: ``Microsoft.RecoveryServices/vaults/backupJobs/read``.
    """
    rows = query(session, _JOBS)
    since = session.azure_now() - timedelta(hours=hours)
    seen: set[tuple[str, str]] = set()
    for row in rows:
        started = parse_time(inner(row, "properties").get("startTime"))
        machine = _machine(row)
        if started is not None and started > since and machine not in seen:
            seen.add(machine)
            yield row


def _machine(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return what tells the machine of a job apart from others: its vault, and its container there."""
    properties = inner(dict(row), "properties")
    vault = normal(str(row.get("id"))).partition("/backupjobs/")[0]
    who = next((properties[one] for one in ("backupInstanceId", "containerName") if properties.get(one)), "")
    return vault, str(who or properties.get("entityFriendlyName") or row.get("id")).lower()
