"""The settings of the account: environment variables first, then Automation variables.

An Automation variable is typed JSON on the wire; the module ``automationassets``, which exists only inside of Azure
Automation, gives it back as a Python value, and one that a template has quoted twice as a text with quotes in it.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from arm.errors import UsageError

from ..config.load import load_config
from ..config.model import Config
from ..config.parse import parse_config

PLAN, REPAIR = "plan", "repair"
DEADLINE = 150
LONGEST_DEADLINE = 170
"""Minutes; Azure Automation stops a Python job for good after 180."""
SWEEP_HOURS = 24
LONGEST_SWEEP = 14 * 24
"""Hours; Resource Graph knows jobs of the last 14 days."""

Variable = Callable[[str], object]


def no_variable(name: str) -> object:
    """Return nothing: there are no Automation variables here."""
    raise LookupError(name)


def automation_variables() -> Variable:
    """Return how to read an Automation variable; outside of Azure Automation there are none."""
    try:
        assets = importlib.import_module("automationassets")
    except ImportError:
        return no_variable
    read: Variable = assets.get_automation_variable
    return read


def _missing(error: Exception) -> bool:
    """Say whether an error means that there is no such variable, and not that it cannot be read just now."""
    return (
        isinstance(error, LookupError)
        or type(error).__name__ == "AutomationAssetNotFound"
        or getattr(error, "code", None) == 404
    )


@dataclass(frozen=True)
class Settings:
    """What the account has set.

    Attributes:
        environment: environment variables.
        variable: reads an Automation variable.
    """

    environment: Mapping[str, str]
    variable: Variable = no_variable

    @classmethod
    def here(cls) -> Settings:
        """Return the settings of the account that this job runs in."""
        return cls(os.environ, automation_variables())

    def text(self, name: str, default: str = "") -> str:
        """Return a setting.

        Raises:
            UsageError: Azure Automation does not say whether there is such a variable, or it is no plain value.
        """
        given = self.environment.get(name)
        if given is not None and given.strip():
            return given.strip()
        try:
            value = self.variable(name)
        except Exception as error:  # each kind of worker has exceptions of its own
            if _missing(error):
                return default
            raise UsageError(
                f"the Automation variable {name} cannot be read: {type(error).__name__}: {error}",
                "Start the job again; without its settings it changes nothing.",
            ) from error
        return _plain(name, value) or default

    @cached_property
    def mode(self) -> str:
        """Return ``plan``, unless the account has been told to repair.

        Raises:
            UsageError: it says something else.
        """
        mode = self.text("REMEDIATE_MODE", PLAN).lower()
        if mode not in (PLAN, REPAIR):
            raise UsageError(f"REMEDIATE_MODE is {mode[:40]!r}", f"Set it to '{PLAN}' or '{REPAIR}'.")
        return mode

    @property
    def dry_run(self) -> bool:
        """Say whether nothing may be changed."""
        return self.mode == PLAN

    @cached_property
    def config(self) -> Config:
        """Return what guards and journal are told to do: the text of a ``remediate.toml``, or the path of one.

        Raises:
            ConfigError: it has mistakes; all of them are told. Nothing is changed then.
        """
        text = self.text("REMEDIATE_CONFIG")
        if not text:
            return Config()
        if "\n" in text or "=" in text or "[" in text:
            return parse_config(text.encode(), "REMEDIATE_CONFIG")
        return load_config(text)

    @cached_property
    def deadline(self) -> float:
        """Return the seconds after which a job parks what it is at."""
        return 60.0 * self._number("REMEDIATE_DEADLINE_MINUTES", DEADLINE, 1, LONGEST_DEADLINE)

    @cached_property
    def sweep_hours(self) -> int:
        """Return how many hours back the sweep looks for failed jobs; 0 turns it off."""
        return self._number("REMEDIATE_SWEEP_HOURS", SWEEP_HOURS, 0, LONGEST_SWEEP)

    def _number(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name, str(default))
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise UsageError(f"{name} is {text[:40]!r}", f"Set it to a whole number from {least} to {most}.")
        return int(text)


def _plain(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(int(value) if float(value).is_integer() else value)
    if not isinstance(value, str):
        raise UsageError(f"the Automation variable {name} is a {type(value).__name__}", "Make it a text.")
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            inner = json.loads(text)
        except ValueError:
            return text
        return inner.strip() if isinstance(inner, str) else text
    return text
