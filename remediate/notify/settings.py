"""Where notifications go. Webhook addresses are secrets: they come from the environment or a file, never from argv."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from arm.credentials import is_loopback, split_url
from arm.errors import UsageError

_LOG = ("ENDPOINT", "RULE", "STREAM")
_RULE = re.compile(r"dcr-[0-9a-f]{32}")
_STREAM = re.compile(r"Custom-[A-Za-z][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True)
class LogTarget:
    """A custom log: a stream of a data collection rule.

    Attributes:
        endpoint: of the data collection rule, or of a data collection endpoint.
        rule: the rule's immutable id.
        stream: the stream's name.
    """

    endpoint: str
    rule: str
    stream: str


@dataclass(frozen=True)
class NotifySettings:
    """Where notifications go; empty: nowhere.

    Attributes:
        teams: address of a Teams workflow.
        slack: address of a Slack incoming webhook.
        log: custom log in Azure Monitor.
        ca: certificate authority to trust besides, instead of the system's.
    """

    teams: str = field(default="", repr=False)
    slack: str = field(default="", repr=False)
    log: LogTarget | None = None
    ca: str | None = None

    def __bool__(self) -> bool:
        """Say whether anybody is told anything."""
        return bool(self.teams or self.slack or self.log)

    @classmethod
    def here(
        cls,
        environment: Mapping[str, str] | None = None,
        configured: Mapping[str, str] | None = None,
        ca: str | None = None,
    ) -> NotifySettings:
        """Return what the environment says, and where it says nothing, the configuration.

        ``REMEDIATE_TEAMS_URL``, ``REMEDIATE_SLACK_URL``, each also with ``_FILE``: a file that has it; and
        ``REMEDIATE_LOG_ENDPOINT``, ``REMEDIATE_LOG_RULE``, ``REMEDIATE_LOG_STREAM``.

        Args:
            environment: default that of this process.
            configured: the table ``[notify]``.
            ca: certificate authority to trust besides.

        Raises:
            UsageError: one of them is no address, or cannot be read; it is not repeated in the message.
        """
        given = os.environ if environment is None else environment
        return cls.of(lambda name: given.get(name, "").strip(), configured, ca)

    @classmethod
    def of(
        cls, read: Callable[[str], str], configured: Mapping[str, str] | None = None, ca: str | None = None
    ) -> NotifySettings:
        """Return what variables say, and where they say nothing, the configuration; as :meth:`here`.

        Args:
            read: reads a variable; empty where there is none.
            configured: the table ``[notify]``.
            ca: certificate authority to trust besides.

        Raises:
            UsageError: as :meth:`here`.
        """
        table = configured or {}
        log = [read(f"REMEDIATE_LOG_{one}") or table.get(f"log_{one.lower()}", "") for one in _LOG]
        return cls(
            teams=_address(read, table, "teams_url"),
            slack=_address(read, table, "slack_url"),
            log=_log(*log) if any(log) else None,
            ca=ca,
        )


def _address(read: Callable[[str], str], table: Mapping[str, str], key: str) -> str:
    """Return a webhook's address: from the variable, from the file a variable names, from the file of the table."""
    name = f"REMEDIATE_{key.upper()}"
    text = read(name)
    if not text:
        file, name = read(f"{name}_FILE"), f"{name}_FILE"
        if not file:
            file, name = table.get(f"{key}_file", ""), f"notify.{key}_file"
        if not file:
            return ""
        try:
            text = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:  # a text that is none, or a path that no file can have
            raise UsageError(f"the file of {name} cannot be read", "Check its path and permissions.") from error
    if not _good(text):
        raise UsageError(f"{name} is no https address", "Copy the webhook's address as it is; it begins with https://.")
    return text


def _good(url: str) -> bool:
    parts = split_url(url)
    return parts is not None and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))


def _log(endpoint: str, rule: str, stream: str) -> LogTarget:
    if not _good(endpoint) or urlsplit(endpoint).query or urlsplit(endpoint).fragment:
        raise UsageError("REMEDIATE_LOG_ENDPOINT is no https address", "It is the rule's logs ingestion endpoint.")
    if not _RULE.fullmatch(rule):
        raise UsageError("REMEDIATE_LOG_RULE is no immutable id of a data collection rule", "It begins with dcr-.")
    if not _STREAM.fullmatch(stream):
        raise UsageError("REMEDIATE_LOG_STREAM is no custom stream", "It begins with Custom-.")
    return LogTarget(endpoint.rstrip("/"), rule, stream)
