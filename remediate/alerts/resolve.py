"""From a hint to the failed backup it is about, by what Azure says. It only reads, and believes nothing of the hint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from arm.errors import BadResponse, ForgedId, NotFound
from arm.facts import backup
from arm.facts.collect import VmFacts
from arm.facts.graph import VmReference
from arm.facts.times import iso, spoken
from arm.facts.values import inner
from arm.ids import parse, same
from arm.session import Session
from arm.strict_ids import Kind, shown, strict
from runbooks.classify import classify, classify_job
from runbooks.shared import still_failing

from .model import Alert
from .settings import AlertSettings


class Result(str, Enum):
    """What became of an alert."""

    TAKEN = "taken"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    NOTHING = "nothing-to-do"
    REFUSED = "refused"
    LATER = "later"
    ERROR = "error"


@dataclass(frozen=True)
class Declined:
    """Why nothing is repaired for an alert, after Azure was asked or before.

    Attributes:
        result: nothing to do, or refused.
        why: the reason as a word for programs.
        reason: the reason as a sentence.
        next_step: what a human does next; empty: nothing.
    """

    result: Result
    why: str
    reason: str
    next_step: str = ""


@dataclass(frozen=True)
class Target:
    """The failed backup that an alert turned out to be about.

    Attributes:
        vm_id: the machine, as the vault knows it.
        vault_id: the vault that protects it.
        job: the newest failed backup, with its details.
        named: the job that the alert names; the same, where it names none.
        error: the error that the job shows; empty where it cannot be told.
        notes: where Azure and the alert do not say the same.
    """

    vm_id: str
    vault_id: str
    job: backup.Job
    named: str
    error: str
    notes: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """What all alerts about this failed backup have in common: the id of the job it names, and of the newest."""
        return tuple(dict.fromkeys(job_key(self.vault_id, name) for name in (self.named, self.job.name)))


def job_key(vault_id: str, job: str) -> str:
    """Return the id of a job in lower case."""
    return f"{vault_id}/backupJobs/{job}".lower()


_LOOK = "Look at the alert rule and at who may call the webhook."


def resolve(session: Session, alert: Alert, settings: AlertSettings) -> Target | Declined:
    """Read again from Azure whatever an alert says, and return the failed backup; or why there is none to repair.

    Args:
        session: where to read.
        alert: the hint.
        settings: which machines, and how old.

    Raises:
        AzureError: Azure could not be asked.
    """
    try:
        return _Resolution(session, alert, settings).target()
    except _Decline as stop:
        return stop.declined
    except ForgedId as error:
        return Declined(Result.REFUSED, "forged", error.message, error.next_step)


class _Decline(Exception):
    def __init__(self, declined: Declined) -> None:
        super().__init__(declined.reason)
        self.declined = declined


def _refuse(why: str, reason: str, next_step: str = _LOOK) -> _Decline:
    return _Decline(Declined(Result.REFUSED, why, reason, next_step))


def _nothing(why: str, reason: str) -> _Decline:
    return _Decline(Declined(Result.NOTHING, why, reason))


class _Resolution:
    """One alert on its way; each step declines by raising."""

    def __init__(self, session: Session, alert: Alert, settings: AlertSettings) -> None:
        self.session, self.alert, self.settings = session, alert, settings
        self.notes: list[str] = []

    def target(self) -> Target:
        alert = self.alert
        named_vault = alert.vault_id or (backup.vault_of(alert.item_id) if alert.item_id else "")
        if alert.item_id and not same(named_vault, backup.vault_of(alert.item_id)):
            raise _refuse("contradictory", "the alert names one vault, and a protected item in another one")
        self._check_scope(alert.vm_id, named_vault)
        job = self._failed_job(named_vault, alert.item_id) if named_vault and alert.job else None
        item_id = alert.item_id or (job.item_id if job else "")
        vm_id = self._machine_of(item_id) if item_id else alert.vm_id
        self._check_scope(vm_id, named_vault)
        facts = VmFacts(self.session, VmReference(vm_id))
        vault = self._protecting_vault(facts, named_vault)
        self._check_scope(vm_id, vault)
        if job is None and alert.job:
            job = self._failed_job(vault, facts.protection().item_id)
        failed = self._newest_failure(facts, job)
        self._check_age(facts.azure_now, failed)
        error = self._error_of(failed)
        return Target(vm_id, vault, failed, alert.job or failed.name, error, tuple(self.notes))

    def _check_scope(self, vm_id: str, vault_id: str) -> None:
        outside = self.settings.allowed.refusal(vm_id, vault_id)
        if outside:
            raise _refuse("out-of-scope", outside, "Route such alerts elsewhere, or widen [scope] in remediate.toml.")

    def _failed_job(self, vault_id: str, item_id: str) -> _NamedJob:
        """Read the job that the alert names: it has to be a failed backup of an Azure VM, of that item where given."""
        name = self.alert.job
        try:
            body = self.session.get(f"{vault_id}/backupJobs/{name}", backup.API)
        except NotFound as error:
            what = f"the vault {parse(vault_id).name!r} has no job {name} that this identity may read"
            raise _refuse("no-such-job", what) from error
        properties = inner(body, "properties")
        found = _shaped(body)
        management = str(properties.get("backupManagementType", ""))
        if management.lower() != "azureiaasvm":
            raise _nothing("workload", f"job {name} is of {shown(management)}, not of Azure VM backup")
        if found.operation.lower() != "backup":
            raise _nothing("no-failure", f"job {name} is no backup but {shown(found.operation)}")
        if found.status.lower() != "failed":
            raise _nothing("no-failure", f"job {name} has not failed: its status is {shown(found.status)}")
        job = _NamedJob(found, _item_of(vault_id, properties))
        if item_id and not _same_item(job.item_id, item_id):
            raise _refuse("contradictory", f"job {name} is not of the machine that the alert names")
        return job

    def _machine_of(self, item_id: str) -> str:
        """Return the machine that the protected item is of, by what the vault says."""
        try:
            item = backup.read_item(self.session, item_id)
        except NotFound as error:
            what = f"the vault has no protected item {shown(item_id.rpartition('/')[2])} that this identity may read"
            raise _refuse("no-such-item", what) from error
        vm_id = strict(item.source_resource_id, Kind.VM)
        if self.alert.vm_id and not same(vm_id, self.alert.vm_id):
            what = (
                f"the alert names {parse(self.alert.vm_id).name!r}, but the protected item is of {parse(vm_id).name!r}"
            )
            raise _refuse("contradictory", what)
        return vm_id

    def _protecting_vault(self, facts: VmFacts, named: str) -> str:
        vault = facts.protection().vault_id
        name = parse(facts.vm_id).name
        if not vault:
            raise _nothing("not-protected", f"{name} is not protected by any vault, or does not exist")
        if named and not same(named, vault):
            raise _nothing("other-vault", f"{name} is protected by the vault {parse(vault).name!r} now")
        return vault

    def _newest_failure(self, facts: VmFacts, named: _NamedJob | None) -> backup.Job:
        """Return the machine's newest failed backup, as long as no recovery point is newer."""
        newest = facts.last_failed_job()
        if named is not None and (newest is None or _begun(newest) < _begun(named.job)):
            newest = named.job  # the list of jobs does not show it yet
        if newest is None:
            raise _nothing("no-failure", f"no backup of {parse(facts.vm_id).name} has failed in the last 30 days")
        if not still_failing(facts, newest):
            raise _nothing("recovered", f"a recovery point is newer than the failed backup of {_at(newest)}")
        if named is not None and named.job.name.lower() != newest.name.lower():
            self.notes.append(f"a backup has failed since the one of the alert: job {newest.name} is what is looked at")
        return newest

    def _check_age(self, now: datetime, failed: backup.Job) -> None:
        limit = self.settings.max_age
        for what, moment in (("the backup failed", failed.ended or failed.started), ("it was fired", self.alert.fired)):
            if moment is not None and now - moment > limit:
                said = f"{what} at {iso(moment)}, and alerts are taken for {spoken(limit)}"
                raise _refuse("stale", said, "Look why it still fails: 'remediate diagnose' says; no alert repairs it.")

    def _error_of(self, failed: backup.Job) -> str:
        """Return the error that the job shows; what the alert says of it is only compared."""
        told, code = classify_job(failed), self.alert.code
        error = told.entry.id if told.entry is not None else ""
        if code:
            hinted = classify(code).entry
            if hinted is None or hinted.id != error:
                says = error or "no error that is known, or more than one"
                self.notes.append(f"the alert says {shown(code)}, the job says {says}: the job counts")
        return error


@dataclass(frozen=True)
class _NamedJob:
    job: backup.Job
    item_id: str


def _shaped(body: Mapping[str, Any]) -> backup.Job:
    try:
        return backup.parse_job(body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"Azure's answer about the job is not of the documented shape: {error}"
        raise BadResponse(what, "Check what answers at the ARM endpoint.") from error


def _item_of(vault_id: str, properties: Mapping[str, Any]) -> str:
    """Return the id of the protected item that a job is of, made of the job's container."""
    name = str(properties.get("containerName", ""))
    name = name[name.find(";") + 1 :] if name.lower().startswith("iaasvmcontainer;iaasvmcontainer") else name
    item = f"{vault_id}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{name}/protectedItems/VM;{name}"
    return strict(item, Kind.ITEM)


def _same_item(one: str, other: str) -> bool:
    return one.lower().rpartition("/")[2] == other.lower().rpartition("/")[2]


def _begun(job: backup.Job) -> float:
    return job.started.timestamp() if job.started else 0.0


def _at(job: backup.Job) -> str:
    moment = job.ended or job.started
    return iso(moment) if moment else "an unknown time"
