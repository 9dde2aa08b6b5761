"""From the options of ``remediate serve`` to a server: sessions, journals and credentials for each of its threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from azure.core.credentials import TokenCredential

from arm.clouds import Cloud
from arm.errors import BadResponse, UsageError
from arm.runtime import Runtime
from arm.session import Session
from guards import Limits

from ..alerts.settings import AlertSettings
from ..automation.deadline import Deadline
from ..engine.model import Event, Tell
from ..journal.model import Journal
from ..journal.retention import KEEP
from ..notify.notifier import Notifier, Outcome
from ..notify.settings import NotifySettings
from ..remediation import Remediation
from .auth import Check, Gate, Nobody, SharedSecret
from .entra import EntraSettings, EntraToken
from .metrics import Metrics
from .server import Plant, Server
from .settings import ServeSettings
from .worker import Bench

_FOR_GOOD = 10 * 365 * 86_400.0
_CHANNELS = {"Teams": "teams", "Slack": "slack", "the custom log": "log"}


@dataclass(frozen=True)
class Order:
    """What server is wanted.

    Attributes:
        settings: where it listens, and how much it takes.
        cloud: which Azure.
        endpoint: another endpoint that speaks ARM.
        ca: certificate authority to trust for that endpoint.
        credential: which identity; default as :mod:`arm.credentials` chooses.
        journal: opens the journal; called once for each thread.
        limits: what is configured for the guards.
        alerts: which alerts are taken.
        notify: who is told.
        wait: seconds a worker may wait for Azure before it parks a run.
        runtime: time, sleep and ids.
        keep: how long runs stay in the journal that are over.
        tell: told of what the server does.
        tell_engine: told of every step of a repair.
    """

    settings: ServeSettings
    cloud: Cloud
    journal: Callable[[], Journal]
    runtime: Runtime
    endpoint: str | None = None
    ca: str | None = None
    credential: TokenCredential | None = None
    limits: Limits = field(default_factory=Limits)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    wait: float = 600.0
    keep: timedelta = KEEP
    tell: Tell = lambda _event: None
    tell_engine: Tell = lambda _event: None


def gate_of(
    settings: ServeSettings,
    secrets: tuple[str, ...],
    entra: EntraSettings | None,
    runtime: Runtime,
    *,
    anybody: bool,
) -> Gate:
    """Return who may deliver.

    Args:
        settings: where the server listens.
        secrets: shared secrets.
        entra: which tokens of Entra ID.
        runtime: time.
        anybody: every program of this machine may deliver.

    Raises:
        UsageError: nobody is named, or everybody, on an address that others reach.
    """
    if anybody and (secrets or entra):
        raise UsageError("--no-auth and a way to say who one is contradict each other", "Leave --no-auth away.")
    if anybody and not settings.loopback:
        raise UsageError(
            f"--no-auth on {settings.host} would let everybody deliver who reaches it",
            "Listen on 127.0.0.1, or give --entra-tenant or --secret-file.",
        )
    checks: list[Check] = [Nobody()] if anybody else []
    if secrets:
        checks.append(SharedSecret(secrets))
    if entra:
        checks.append(EntraToken(entra, runtime))
    if not checks:
        raise UsageError(
            "nobody is named who may deliver alerts",
            "Give --entra-tenant with --entra-audience, or --secret-file; on 127.0.0.1 --no-auth does for a trial.",
        )
    return Gate(checks)


def build(order: Order, gate: Gate) -> Server:
    """Return the server, ready to run.

    Args:
        order: what server is wanted.
        gate: who may deliver.
    """
    metrics = Metrics()

    @contextmanager
    def machine(runtime: Runtime, *, read_only: bool, tell: Tell) -> Iterator[Remediation]:
        """Open the library for one thread."""
        opened: list[Journal] = []

        def journal() -> Journal:
            opened.append(order.journal())
            return opened[0]

        session = Session(
            cloud=order.cloud,
            endpoint=order.endpoint,
            ca=order.ca,
            read_only=read_only,
            credential=order.credential,
            runtime=runtime,
        )
        try:
            yield Remediation(session, journal, tell=tell, wait=order.wait, limits=order.limits, known=lambda: True)
        finally:
            session.close()
            for one in opened:
                one.close()

    @contextmanager
    def bench() -> Iterator[Bench]:
        """Open what a worker works with."""
        deadline = Deadline(order.runtime.monotonic, _FOR_GOOD, order.runtime.now)
        try:
            runtime = deadline.on(order.runtime)
            with machine(runtime, read_only=order.settings.dry_run, tell=order.tell_engine) as remediation:
                deadline.now = lambda: _azure_now(remediation.session)
                yield Bench(remediation, notifier(remediation), deadline)
        finally:
            deadline.close()

    def notifier(remediation: Remediation) -> Notifier:
        def count(outcome: Outcome) -> None:
            channel, result = _CHANNELS.get(outcome.channel, "all"), "failed" if outcome.problem else "told"
            metrics.count("remediate_notifications_total", channel=channel, result=result)

        return Notifier(
            order.notify,
            lambda: remediation.journal,
            order.runtime,  # telling people is short, and not cut off when the server stops
            tell=order.tell,
            credential=remediation.session.credential,
            cloud=order.cloud.name,
            count=count,
        )

    return Server(
        Plant(
            settings=order.settings,
            gate=gate,
            alerts=order.alerts,
            journal=order.journal,
            machine=lambda: machine(order.runtime, read_only=True, tell=_nobody),
            bench=bench,
            runtime=order.runtime,
            tell=order.tell,
            metrics=metrics,
            keep=order.keep,
        )
    )


def _nobody(_event: Event) -> None:
    """Hear nothing."""


def _azure_now(session: Session) -> datetime:
    try:
        return session.azure_now()
    except BadResponse:
        return session.runtime.now()
