"""What the server is told: where it listens, who may deliver, how much it takes at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from arm.errors import UsageError

from ..alerts.reading import MAX_BYTES

PLAN, REPAIR = "plan", "repair"
LEAST_SECRET = 24
"""Characters of a shared secret; a shorter one can be guessed."""
_MOST_SECRETS = 10


@dataclass(frozen=True)
class Bounds:
    """How much is taken at a time.

    Attributes:
        body: bytes of a body; one that has so many is refused.
        header: bytes of a request line with its headers.
        request: seconds after which a connection is cut, however far it got.
        reading: seconds in which the whole body has to be here.
        connections: how many there may be at a time; further ones are answered with 503.
        queue: deliveries that may wait; further ones are answered with 503.
        stop: seconds that the workers have to park what they are at.
        remember: how long a delivery is remembered, so that the same bytes are not taken again.
    """

    body: int = MAX_BYTES
    header: int = 16 * 1024
    request: float = 30.0
    reading: float = 10.0
    connections: int = 200
    queue: int = 1000
    stop: float = 20.0
    remember: timedelta = timedelta(days=7)


@dataclass(frozen=True)
class ServeSettings:
    """What the server is told.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0: any free one.
        mode: ``plan`` (show only) or ``repair``.
        workers: how many threads repair.
        bounds: how much is taken at a time.
        sweep_hours: how far back failed backups are looked for of which no alert has told; 0: not at all.
        tls: files of the certificate and its key; empty: plain HTTP.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    mode: str = PLAN
    workers: int = 1
    sweep_hours: int = 0
    bounds: Bounds = field(default_factory=Bounds)
    tls: tuple[str, str] | tuple[()] = ()

    @property
    def dry_run(self) -> bool:
        """Say whether nothing may be changed."""
        return self.mode != REPAIR

    @property
    def loopback(self) -> bool:
        """Say whether only this machine can connect."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Say whether an address to listen on is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def secrets_of(file: str, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the shared secrets; none where none is given.

    Args:
        file: a file with one secret a line, so that a new one can be handed out before the old one is withdrawn; empty:
            the variable ``REMEDIATE_SERVE_SECRET`` has it.
        environment: default that of this process.

    Raises:
        UsageError: the file cannot be read, or a secret in it is no good.
    """
    if file:
        where = file
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the secret cannot be read from {file}", "Check --secret-file.") from error
    else:
        where = "REMEDIATE_SERVE_SECRET"
        lines = (
            os.environ.get("REMEDIATE_SERVE_SECRET", "") if environment is None else environment.get(where, "")
        ).splitlines()
    found = tuple(one.strip() for one in lines if one.strip())
    if file and not found:
        raise UsageError(f"there is no secret in {file}", "Put one into it: openssl rand -hex 32.")
    for one in found:
        if len(one) < LEAST_SECRET or not one.isascii() or not one.isprintable() or " " in one:
            raise UsageError(
                f"a secret in {where} has fewer than {LEAST_SECRET} characters, or others than a header can carry",
                "Make one with: openssl rand -hex 32.",
            )
    if len(found) > _MOST_SECRETS:
        raise UsageError(f"{where} has more than {_MOST_SECRETS} secrets", "Is it the right file?")
    return found
