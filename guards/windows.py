"""Change windows: the hours in which changes may be made, by the clock on the wall of a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL, DISRUPTIVE = "all", "disruptive"
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Window:
    """A time of day on some days of the week.

    Attributes:
        name: how reports call it.
        days: the days on which it opens; one that goes over midnight ends on the next day.
        opens: minute of the day at which it opens.
        closes: minute of the day at which it is over; the same as ``opens``: a whole day later.
        zone: IANA name of the time zone, such as ``Europe/Berlin``.
        impact: ``all`` changes keep to it, or only ``disruptive`` ones.
    """

    name: str
    days: frozenset[int]
    opens: int
    closes: int
    zone: str = "UTC"
    impact: str = ALL

    def open_at(self, moment: datetime) -> bool:
        """Say whether it is open.

        What counts is what a clock on the wall shows there: an hour that comes twice when the clocks go back counts
        twice, one that is left out when they go forward is not missed.
        """
        from zoneinfo import ZoneInfo

        local = moment.astimezone(ZoneInfo(self.zone))
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.opens < self.closes:
            return today in self.days and self.opens <= minute < self.closes
        began_today = today in self.days and minute >= self.opens
        return began_today or ((today - 1) % 7 in self.days and minute < self.closes)

    @property
    def spoken(self) -> str:
        """The window, as people say it."""
        days = " ".join(name for number, name in enumerate(DAYS) if number in self.days)
        return f"{self.name} ({days} {_clock(self.opens)}-{_clock(self.closes)} {self.zone})"


def windows_for(windows: Sequence[Window], *, disruptive: bool) -> tuple[Window, ...]:
    """Return the windows that a change has to keep to; none means that it may be made at any time.

    Where there are windows for disruptive changes, those keep to them, whatever the others say.
    """
    special = tuple(one for one in windows if one.impact == DISRUPTIVE)
    if disruptive and special:
        return special
    return tuple(one for one in windows if one.impact == ALL)


def next_opening(windows: Sequence[Window], moment: datetime) -> datetime:
    """Return the first whole minute after a moment at which one of the windows is open; there must be one."""
    at = moment.replace(second=0, microsecond=0) + _MINUTE
    while not any(one.open_at(at) for one in windows):
        at += _MINUTE
    return at


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
