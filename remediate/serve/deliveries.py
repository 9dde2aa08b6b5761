"""Deliveries, kept as marks in the journal: what is answered with 202 is on disk, and outlives the process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from arm.facts.times import iso, parse_time

from ..alerts.model import Alert, Source
from ..alerts.taken import Handled
from ..journal.model import Journal, Mark

QUEUED, DONE = "queued", "done"
_TOPICS = tuple(f"delivery-{number:02x}" for number in range(256))
"""One for each first byte of an id, so that looking one up reads few others."""
_ID_LENGTH = 32


@dataclass(frozen=True)
class Delivery:
    """What one request has brought, and what became of it.

    Attributes:
        id: made of its bytes, so that the same bytes are the same delivery.
        received: when it came, by the host's clock.
        alerts: what has still to be dealt with.
        attempts: how often that has been tried.
        outcomes: what became of each alert, as the API shows it; of the last attempt.
        settled: nothing more is done about it.
        again: it ended with what may pass, so that the same bytes may be taken once more.
    """

    id: str
    received: datetime
    alerts: tuple[Alert, ...] = ()
    attempts: int = 0
    outcomes: tuple[Mapping[str, Any], ...] = ()
    settled: bool = False
    again: bool = False
    due: datetime | None = field(default=None, compare=False)

    @property
    def state(self) -> str:
        """Where it stands."""
        return DONE if self.settled else QUEUED

    def mark(self) -> Mark:
        """Return it for the journal; what is done with needs no alerts any more."""
        data = {
            "attempts": self.attempts,
            "settled": self.settled,
            "again": self.again,
            "alerts": [] if self.settled else [_alert_to_json(one) for one in self.alerts],
            "outcomes": [dict(one) for one in self.outcomes],
        }
        return Mark(topic_of(self.id), self.id, self.received, data)

    @classmethod
    def of(cls, mark: Mark) -> Delivery:
        """Return the delivery that :meth:`mark` wrote."""
        data = mark.data
        return cls(
            id=mark.key,
            received=mark.at,
            alerts=tuple(_alert_from_json(one) for one in data["alerts"]),
            attempts=int(data["attempts"]),
            outcomes=tuple(data["outcomes"]),
            settled=bool(data["settled"]),
            again=bool(data["again"]),
        )


def id_of(body: bytes, mode: str) -> str:
    """Return the id of a delivery: of its bytes, and of the mode, so that what was only shown can be repaired later.

    Where the bytes are JSON, blanks and the order of names do not count.
    """
    try:
        plain = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        plain = body
    return hashlib.sha256(mode.encode() + b"\n" + plain).hexdigest()[:_ID_LENGTH]


def topic_of(delivery: str) -> str:
    """Return the topic under which a delivery is kept."""
    return f"delivery-{delivery[:2]}"


def find(journal: Journal, delivery: str) -> Delivery | None:
    """Return the delivery of that id."""
    found = next((one for one in journal.marks(topic_of(delivery)) if one.key == delivery), None)
    return Delivery.of(found) if found is not None else None


def left_over(journal: Journal) -> Sequence[Delivery]:
    """Return what an earlier process has taken and not dealt with, the oldest first."""
    return sorted((one for one in _all(journal) if not one.settled), key=lambda one: one.received)


def forget(journal: Journal, now: datetime, older: timedelta) -> int:
    """Forget the deliveries that are done with and that old; return how many."""
    old = [one for one in _all(journal) if one.settled and one.received < now - older]
    for one in old:
        journal.unmark(topic_of(one.id), one.id)
    return len(old)


def _all(journal: Journal) -> Iterator[Delivery]:
    for topic in _TOPICS:
        yield from (Delivery.of(mark) for mark in journal.marks(topic))


def outcome_to_json(handled: Handled) -> dict[str, Any]:
    """Return what the API shows of an alert: no evidence, no payload, nothing that a sender has made up."""
    target, report = handled.target, handled.report
    return {
        "result": handled.result.value,
        "why": handled.why,
        "reason": handled.reason,
        "next_step": handled.next_step,
        "exit_code": handled.exit_code,
        "vm_id": target.vm_id if target else None,
        "job": target.job.name if target else None,
        "error": (target.error or None) if target else None,
        "verdict": report.stand.verdict.value if report else None,
        "run": report.run.id if report and report.run else None,
    }


def _alert_to_json(alert: Alert) -> dict[str, Any]:
    data: dict[str, Any] = {one.name: getattr(alert, one.name) for one in fields(alert)}
    return {
        **data,
        "source": alert.source.value,
        "fired": iso(alert.fired) if alert.fired else None,
        "sources": dict(alert.sources),
    }


def _alert_from_json(data: Mapping[str, Any]) -> Alert:
    known = {one.name for one in fields(Alert)}
    values = {name: value for name, value in data.items() if name in known}
    return Alert(**{**values, "source": Source(data["source"]), "fired": parse_time(data["fired"])})
