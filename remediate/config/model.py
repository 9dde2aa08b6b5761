"""What can be configured: every table and key, its bounds and its default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arm.errors import UsageError
from guards import Limits
from guards.windows import ALL, DAYS, DISRUPTIVE, Window

from .kinds import Kind, Names, Number, Text, spoken

if TYPE_CHECKING:
    from ..alerts.settings import AlertSettings

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
MOST_WINDOWS = 50


class ConfigError(UsageError):
    """The configuration cannot be used; ``candidates`` lists every mistake with its file and line."""

    code = "Config"


_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME_OR_ID = re.compile(r"/subscriptions(/(?!\.{1,2}(/|$))[^\s/?#%\\]+){3,9}|[^\s/?#%\\]{1,90}")
_GROUPS = "names or ids of the resource groups whose VMs alerts may have repaired"
_VAULTS = "names or ids of the vaults whose alerts are taken"

_LISTENS = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
_AUDIENCE = re.compile(rf"{_GUID.pattern}|[a-z][a-z0-9+.-]*://[^\s]{{1,300}}")
_ROLE = re.compile(r"[\w.:-]{1,120}")
_FILE = re.compile(r"(?!.*://)[^\x00-\x1f\x7f]{1,400}")
_ENDPOINT = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:\d{1,5})?/?|http://127\.0\.0\.1(:\d{1,5})?/?")
_DCR = re.compile(r"dcr-[0-9a-f]{32}")
_STREAM = re.compile(r"Custom-[A-Za-z][A-Za-z0-9_]{0,99}")
_ADDRESS_FILE = "path of a file with the address of the {} webhook, which is a secret and never in here"
TOGETHER = (("notify", ("log_endpoint", "log_rule", "log_stream")),)
"""Keys that make sense only together, by table."""

TABLES: Mapping[str, Mapping[str, Kind]] = {
    "loop_breaker": {
        "runs": Number(1, 3, 2, "runs of one runbook that may change one VM"),
        "within_days": Number(3, 90, 7, "days over which they are counted"),
    },
    "systemic_breaker": {
        "vms": Number(2, 25, 5, "VMs with one error that make an incident"),
        "within_minutes": Number(15, 1440, 60, "minutes over which they are counted"),
        "quiet_hours": Number(1, 168, 6, "hours without that error after which the incident is over"),
    },
    "blast_radius": {
        "vms": Number(1, 100, 20, "VMs that may be changed within 24 hours"),
        "percent": Number(1, 50, 25, "percent of the VMs of one vault that may be"),
    },
    "scope": {
        "subscriptions": Names(_GUID, "ids of the subscriptions whose VMs alerts may have repaired"),
        "resource_groups": Names(_NAME_OR_ID, _GROUPS),
        "vaults": Names(_NAME_OR_ID, _VAULTS),
    },
    "alerts": {
        "max_age_hours": Number(1, 336, 72, "hours since a backup has failed after which its alert is not taken"),
    },
    "journal": {
        "keep_days": Number(90, 3650, 365, "days that runs which are over stay in the journal"),
    },
    "serve": {
        "host": Text(_LISTENS, "address that 'remediate serve' listens on", "127.0.0.1"),
        "port": Number(1, 65535, 8080, "port that it listens on"),
        "mode": Text(re.compile("plan|repair"), "plan: it shows what would be changed; repair: it changes it", "plan"),
        "workers": Number(1, 16, 1, "threads of it that repair"),
        "sweep_hours": Number(0, 336, 24, "hours back that it looks for failed backups whose alert was lost, 0: never"),
        "entra_tenant": Text(_GUID, "id of the Entra ID tenant whose tokens it takes"),
        "entra_audiences": Names(_AUDIENCE, "id and id URI of your application, whom tokens are for", unset="none"),
        "entra_app": Text(_GUID, "id of the application that may send", unset="Azure Monitor's action groups"),
        "entra_role": Text(_ROLE, "app role that it needs", "ActionGroupsSecureWebhook"),
    },
    "notify": {
        "teams_url_file": Text(_FILE, _ADDRESS_FILE.format("Teams"), quiet=True),
        "slack_url_file": Text(_FILE, _ADDRESS_FILE.format("Slack"), quiet=True),
        "log_endpoint": Text(
            _ENDPOINT, "logs ingestion endpoint of a data collection rule, as https://HOST", quiet=True
        ),
        "log_rule": Text(_DCR, "immutable id of that rule, as dcr-...", quiet=True),
        "log_stream": Text(_STREAM, "stream of that rule, as Custom-...", quiet=True),
    },
}
"""Every table with its keys. The bounds keep each guard a guard: none of them can be switched off. None is a secret."""


def _name(value: object) -> str:
    good = isinstance(value, str) and value.strip() == value and 0 < len(value) <= 40 and value.isprintable()
    return "" if good else f"is to be a name of 1 to 40 characters, not {spoken(value)}"


def _clock(value: object) -> str:
    good = isinstance(value, str) and _CLOCK.fullmatch(value) is not None
    return "" if good else f'is to be a time of day such as "22:00", not {spoken(value)}'


def _zone(value: object) -> str:
    from zoneinfo import ZoneInfo

    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError):  # of a name that is none, or leads out of the time zones' folder
            pass
        else:
            return ""
    return f'is to be a time zone that is known here, such as "Europe/Berlin", not {spoken(value)}'


def _impact(value: object) -> str:
    return "" if value in (ALL, DISRUPTIVE) else f'is to be "{ALL}" or "{DISRUPTIVE}", not {spoken(value)}'


WINDOW: Mapping[str, Callable[[object], str]] = {
    "name": _name,
    "from": _clock,
    "to": _clock,
    "zone": _zone,
    "impact": _impact,
}
"""What is wrong with a value, by key of ``[[change_window]]``; ``days`` is a list, and looked at by entry."""
WINDOW_KEYS = (*WINDOW, "days")
NEEDED = ("from", "to")


def wrong_day(value: object) -> str:
    """Return what is wrong with an entry of ``days``; empty when nothing is."""
    return "" if value in DAYS else f"is to be one of {', '.join(DAYS)}, not {spoken(value)}"


def window_of(data: Mapping[str, Any], number: int) -> Window:
    """Return the window of a table that was found to be right.

    Args:
        data: the table.
        number: which one it is, beginning with 1; its name where it has none.
    """
    days = data.get("days") or DAYS
    return Window(
        name=data.get("name", f"window {number}"),
        days=frozenset(DAYS.index(day) for day in days),
        opens=_minute(data["from"]),
        closes=_minute(data["to"]),
        zone=data.get("zone", "UTC"),
        impact=data.get("impact", ALL),
    )


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


@dataclass(frozen=True)
class Config:
    """What is in force.

    Attributes:
        path: the file it comes from; empty where there is none, and the defaults hold.
        values: every key of every table, the defaults filled in.
        windows: the change windows.
    """

    path: str = ""
    values: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {
            table: {key: one.default for key, one in keys.items()} for table, keys in TABLES.items()
        }
    )
    windows: tuple[Window, ...] = ()

    @property
    def limits(self) -> Limits:
        """What the guards with memory go by."""
        loop, systemic, blast = (self.values[name] for name in ("loop_breaker", "systemic_breaker", "blast_radius"))
        return Limits(
            loop_runs=loop["runs"],
            loop_span=timedelta(days=loop["within_days"]),
            systemic_vms=systemic["vms"],
            systemic_span=timedelta(minutes=systemic["within_minutes"]),
            systemic_quiet=timedelta(hours=systemic["quiet_hours"]),
            blast_vms=blast["vms"],
            blast_percent=blast["percent"],
            windows=self.windows,
        )

    @property
    def keep(self) -> timedelta:
        """How long runs that are over stay in the journal."""
        return timedelta(days=self.values["journal"]["keep_days"])

    @property
    def alerts(self) -> AlertSettings:
        """Which alerts are taken."""
        from ..alerts.settings import AlertSettings, Allowed

        allowed = Allowed(**{key: tuple(names) for key, names in self.values["scope"].items()})
        return AlertSettings(allowed, timedelta(hours=self.values["alerts"]["max_age_hours"]))

    @property
    def notify(self) -> Mapping[str, str]:
        """Where notifications go; files are looked for beside the configuration."""
        given = dict(self.values["notify"])
        for key in ("teams_url_file", "slack_url_file"):
            given[key] = str(Path(self.path).parent / given[key]) if given[key] else ""
        return given

    def to_json(self) -> dict[str, Any]:
        """Return it as ``remediate.config/1`` (documented in ``docs/schemas``)."""
        return {
            "schema": "remediate.config/1",
            "path": self.path or None,
            **{table: {key: _plain(one) for key, one in self.values[table].items()} for table in TABLES},
            "change_windows": [
                {
                    "name": one.name,
                    "days": [day for number, day in enumerate(DAYS) if number in one.days],
                    "from": _spoken_clock(one.opens),
                    "to": _spoken_clock(one.closes),
                    "zone": one.zone,
                    "impact": one.impact,
                }
                for one in self.windows
            ],
        }


def _plain(value: int | str | tuple[str, ...]) -> int | str | list[str]:
    return list(value) if isinstance(value, tuple) else value


def _spoken_clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
