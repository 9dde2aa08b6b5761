"""What the guards with memory need to know, read from the journal and its marks; and what is marked for them.

All times but that of the kill switch are Azure's. Two hosts that share a journal share its memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from actions.change import Change
from arm.errors import UsageError
from arm.facts.collect import VmFacts
from arm.facts.times import iso, parse_time
from arm.ids import normal
from guards import Asked, Guarded, Limits, Memory, Refusal, before_send
from guards.breakers import kill_switch
from guards.memory import BLAST_SPAN, ChangedVm, Earlier, Frozen, Incident

from ..journal.model import Journal, Mark
from .chains import ACTION, ADOPT, UNDO
from .history import History

FREEZE, SIGHTING, INCIDENT, CHANGED = "freeze", "sighting", "incident", "changed"
"""Topics of marks: the kill switch; an error that was to be repaired on a VM; an incident; a VM that was changed."""
EVERYTHING = "everything"
MOST_EARLIER = 100
"""How many runs of a VM are looked through for those of the same runbook."""
REFRESH = timedelta(hours=1)
"""A VM that goes on being changed is marked again when its mark is so old."""
FORGET = {SIGHTING: timedelta(days=30), CHANGED: timedelta(days=2)}
"""Marks that are older mean nothing to any guard any more, and are removed."""


def asked_for(runbook: str) -> Asked:
    """Return what a run's runbook is: one of the catalogue, a single action, or giving back what a run has changed."""
    if runbook.startswith((UNDO, ADOPT)):
        return Asked.UNDO
    return Asked.ACTION if runbook.startswith(ACTION) else Asked.REPAIR


class Recall:
    """What is remembered for one runbook on one VM.

    Args:
        journal: where.
        endpoint: the Azure that is meant; what happened at another does not count.
        runbook: error code, ``action:NAME`` or ``undo:RUN``.
        vm_id: the VM.
        limits: what is configured.
        now: tells Azure's time.
        run: id of the run itself, which is not an earlier one.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        endpoint: str,
        runbook: str,
        vm_id: str,
        limits: Limits,
        now: Callable[[], datetime],
        run: str = "",
    ) -> None:
        self._journal = journal
        self._endpoint = endpoint
        self._runbook = runbook
        self._vm_id = vm_id
        self._limits = limits
        self._now = now
        self._run = run
        self._asked = asked_for(runbook)
        self._cause = key_of(endpoint, runbook.lower())
        self._own = key_of(endpoint, normal(vm_id))

    def judge(self, change: Change, facts: VmFacts, *, repaying: bool) -> Refusal | None:
        """Ask every guard right before a change is sent.

        The VM takes its place among those that are changed in a day before the guards count them, so that of two
        processes that want the last place at the same time neither goes on unseen.

        Args:
            change: what is about to be sent.
            facts: facts of the VM.
            repaying: it gives back what the run took on loan.

        Returns:
            The first refusal; ``None`` when it may be sent.
        """
        if repaying or not change.repairs:
            return before_send(change, Guarded(facts, repaying=repaying, memory=self.memory()))
        vault, passed = facts.protection().vault_id, False
        new = self._reserve(vault)
        try:
            refusal = before_send(change, Guarded(facts, memory=self.memory()))
            passed = refusal is None
        finally:
            if new and not passed:
                self._journal.unmark(CHANGED, self._own)
        if passed:
            self._keep(vault)
        return refusal

    def held_back(self, change: Change, facts: VmFacts, *, repaying: bool) -> Refusal | None:
        """Ask the kill switch alone, as it is asked before each attempt to send."""
        memory = Memory(frozen=frozen(self._journal))
        return kill_switch(change, Guarded(facts, repaying=repaying, memory=memory))

    def memory(self) -> Memory:
        """Return what has happened before, read now."""
        now, repair = self._now(), self._asked is Asked.REPAIR
        recent = [one for one in self._marks(CHANGED, now - BLAST_SPAN) if one.at > now - BLAST_SPAN]
        return Memory(
            limits=self._limits,
            asked=self._asked,
            frozen=frozen(self._journal),
            earlier=self._earlier if repair else (),
            incident=self._incident(now) if repair else None,
            others=tuple(ChangedVm(one.data["vm"], one.data["vault"]) for one in recent if one.key != self._own),
            counted=any(one.key == self._own and one.data["sent"] for one in recent),
        )

    def sight(self) -> None:
        """Mark that this error was asked to be repaired on this VM; with the others, that may make an incident."""
        if self._asked is not Asked.REPAIR:
            return
        now = self._now()
        self._forget(SIGHTING, now)
        data = {"endpoint": self._endpoint, "cause": self._cause, "runbook": self._runbook, "vm": self._vm_id}
        self._journal.mark(Mark(SIGHTING, key_of(self._cause, self._own), now, data))
        before, incident = self._mark_of_incident(), self._incident(now)
        if before is not None and incident is not None:
            seen = [one for one in self._sightings() if one.at >= incident.since]
            self._mark_incident(before.at, {**before.data, "last": now.isoformat(), "vms": len(seen)})
            return
        after = parse_time(before.data["closed_until"]) if before is not None else None
        since = max(now - self._limits.systemic_span, after or now - self._limits.systemic_span)
        seen = [one for one in self._sightings() if one.at > since]
        if len(seen) < self._limits.systemic_vms:
            return
        first = min(seen, key=lambda one: (one.at, one.key))
        number = key_of(self._cause, iso(first.at))[:8]
        found = {**data, "id": number, "vm": first.data["vm"], "last": now.isoformat(), "vms": len(seen)}
        self._mark_incident(first.at, {**found, "closed_until": "", "reason": "", "who": ""})

    def _mark_incident(self, since: datetime, data: dict[str, Any]) -> None:
        self._journal.mark(Mark(INCIDENT, self._cause, since, data))

    def _reserve(self, vault_id: str) -> bool:
        """Take this VM's place among those that are changed in a day; say whether it had none before."""
        now, own = self._now(), self._own_change()
        if own is not None and own.data["sent"] and own.at > now - BLAST_SPAN:
            return False
        self._forget(CHANGED, now)
        self._mark_changed(vault_id, sent=False)
        return True

    def _keep(self, vault_id: str) -> None:
        """Keep the place for a change that the guards have let pass."""
        own = self._own_change()
        if own is None or not own.data["sent"] or own.at <= self._now() - REFRESH:
            self._mark_changed(vault_id, sent=True)

    def _mark_changed(self, vault_id: str, *, sent: bool) -> None:
        data = {"endpoint": self._endpoint, "vm": self._vm_id, "vault": vault_id, "sent": sent}
        self._journal.mark(Mark(CHANGED, self._own, self._now(), data))

    def _own_change(self) -> Mark | None:
        return next((one for one in self._marks(CHANGED) if one.key == self._own), None)

    @cached_property
    def _earlier(self) -> tuple[Earlier, ...]:
        """The earlier runs of this runbook that have changed this VM, the newest first.

        They are looked up once: under the lease nobody else changes this VM.
        """
        now = self._now()
        found = [
            one
            for one in self._journal.runs(MOST_EARLIER, self._vm_id)
            if one.runbook.lower() == self._runbook.lower()
            and one.endpoint == self._endpoint
            and one.id != self._run
            and one.started_at > now - self._limits.loop_span
        ]
        changed = [one for one in found if any(sent.changed for sent in History.of(one, self._journal).sent)]
        return tuple(Earlier(one.id, one.started_at) for one in changed)

    def _mark_of_incident(self) -> Mark | None:
        return next((one for one in self._marks(INCIDENT) if one.key == self._cause), None)

    def _incident(self, now: datetime) -> Incident | None:
        """Return the incident of this error, as long as nobody has closed it and it has not gone quiet."""
        found = self._mark_of_incident()
        if found is None or found.data["closed_until"]:
            return None
        incident = _incident_of(found)
        return incident if incident.last > now - self._limits.systemic_quiet else None

    def _sightings(self) -> list[Mark]:
        return [one for one in self._marks(SIGHTING) if one.data["cause"] == self._cause]

    def _marks(self, topic: str, since: datetime | None = None) -> list[Mark]:
        return [one for one in self._journal.marks(topic, since) if one.data["endpoint"] == self._endpoint]

    def _forget(self, topic: str, now: datetime) -> None:
        """Remove what is too old to mean anything, so that there are never many marks."""
        for one in self._marks(topic):
            if one.at < now - FORGET[topic]:
                self._journal.unmark(topic, one.key)


def standing(memory: Memory) -> Iterator[tuple[str, str]]:
    """Yield what keeps every repair of this error from being made now, as label and text."""
    if memory.frozen is not None:
        yield "kill switch", f"on since {iso(memory.frozen.at)} by {memory.frozen.who}: {memory.frozen.reason}"
    if memory.incident is not None:
        found = memory.incident
        yield "incident", f"{found.vms} VMs have {found.runbook} since {iso(found.since)}: incident {found.id}"


def key_of(*parts: str) -> str:
    """Return a short key for what is named by all of these texts together."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def frozen(journal: Journal) -> Frozen | None:
    """Return the kill switch, when it is on."""
    found = next(iter(journal.marks(FREEZE)), None)
    return Frozen(found.data["reason"], found.data["who"], found.at) if found is not None else None


def freeze(journal: Journal, reason: str, who: str, at: datetime) -> None:
    """Switch every change off, for everybody who shares this journal; a reason that was given before is replaced.

    Args:
        journal: where.
        reason: why; refusals and reports say it.
        who: who does it, and on which machine.
        at: when, by that machine's clock.
    """
    journal.mark(Mark(FREEZE, EVERYTHING, at, {"reason": reason, "who": who}))


def thaw(journal: Journal) -> Frozen | None:
    """Allow changes again, and return what had been frozen; ``None`` when nothing was."""
    was = frozen(journal)
    journal.unmark(FREEZE, EVERYTHING)
    return was


@dataclass(frozen=True)
class KnownIncident:
    """An incident, for people.

    Attributes:
        endpoint: the Azure that it is at.
        reason: why it was closed, and ``who`` did it; empty while nobody has.
    """

    incident: Incident
    endpoint: str
    reason: str
    who: str


def incidents(journal: Journal) -> list[KnownIncident]:
    """Return the last incident of each error, the newest first."""
    marks = sorted(journal.marks(INCIDENT), key=lambda one: (one.at, one.key), reverse=True)
    return [_known(mark) for mark in marks]


def close_incident(journal: Journal, number: str, reason: str, who: str) -> KnownIncident:
    """Close an incident: what was seen so far does not count any more.

    Args:
        journal: where.
        number: its id.
        reason: why.
        who: who says so.

    Raises:
        UsageError: there is none of this id that is open.
    """
    found = next((one for one in journal.marks(INCIDENT) if one.data["id"] == number.lower()), None)
    if found is None or found.data["closed_until"]:
        known = [one.incident.id for one in incidents(journal) if not one.reason]
        raise UsageError(f"there is no open incident {number!r}", "'remediate incidents' lists them.", known)
    data = {**found.data, "closed_until": found.data["last"], "reason": reason, "who": who}
    closed = Mark(INCIDENT, found.key, found.at, data)
    journal.mark(closed)
    return _known(closed)


def _known(mark: Mark) -> KnownIncident:
    return KnownIncident(_incident_of(mark), mark.data["endpoint"], mark.data["reason"], mark.data["who"])


def _incident_of(mark: Mark) -> Incident:
    last = parse_time(mark.data["last"]) or mark.at
    return Incident(mark.data["id"], mark.data["runbook"], mark.at, last, mark.data["vm"], mark.data["vms"])
