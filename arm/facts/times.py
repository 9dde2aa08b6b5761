"""Azure's times."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_ISO = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$", re.IGNORECASE)


def parse_time(text: object) -> datetime | None:
    """Return a time Azure wrote, in UTC; ``None`` for nothing, nonsense, and Azure's "never" (0001, 2001-01-01).

    Azure writes up to seven decimals and at times no zone, which then is UTC.

    >>> parse_time("2026-11-20T01:02:03.1234567Z").isoformat()
    '2026-11-20T01:02:03.123456+00:00'
    >>> parse_time("0001-01-01T00:00:00Z") is None
    True
    """
    found = _ISO.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{zone}").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return None if moment.year <= 2001 else moment


def iso(moment: datetime) -> str:
    """Return a time as ISO 8601 in UTC, to the second.

    >>> iso(datetime(2026, 3, 2, 4, 5, 6, tzinfo=timezone.utc))
    '2026-03-02T04:05:06Z'
    """
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def filter_time(moment: datetime) -> str:
    """Return a time as the Backup service's ``$filter`` wants it: UTC, 12-hour clock."""
    moment = moment.astimezone(timezone.utc)
    return f"{moment:%Y-%m-%d %I:%M:%S} {'AM' if moment.hour < 12 else 'PM'}"  # %p is empty in some locales


def spoken(span: timedelta) -> str:
    """Return a span as people say it.

    >>> spoken(timedelta(hours=4)), spoken(timedelta(days=2, hours=1)), spoken(timedelta(seconds=90))
    ('4 h', '2 d 1 h', '1 min 30 s')
    """
    seconds = max(0, round(span.total_seconds()))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
