"""From the account's settings to a :class:`~remediate.remediation.Remediation`, and from its answer to a job's status.

A job ends *Completed* unless somebody must look: then its status is 1, which Azure Automation shows as *Failed*.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from azure.core.credentials import TokenCredential

from arm.clouds import cloud
from arm.errors import BadResponse, RemediationError, UsageError
from arm.runtime import system_runtime
from arm.session import Session

from ..accepted import Accepted
from ..alerts.settings import AlertSettings
from ..diagnosis import DiagnosisReport
from ..engine.execute import Parked
from ..engine.model import Event, Verdict
from ..journal.stores import is_table, open_journal
from ..notify.people import People
from ..notify.settings import NotifySettings
from ..remediation import DEFAULT_WAIT, Remediation
from ..render.diagnosis import diagnosis_text
from ..render.text import report_text
from ..report import Report
from .deadline import Deadline, told_to_stop
from .settings import Settings
from .streams import Streams, job_streams

if TYPE_CHECKING:
    from ..journal.model import Journal

COMPLETED, FAILED = 0, 1
NOBODY_NEEDED = (Verdict.FIXED, Verdict.NOTHING_TO_DO, Verdict.PLANNED, Verdict.APPLIED, Verdict.PENDING)
_WARNINGS = ("ambiguous", "recover", "go_on", "fallback", "notify")
_BUSY = "LeaseLost"
_NO_STATE = (
    "REMEDIATE_MODE is repair, but REMEDIATE_STATE is not set: a job's disk is thrown away, and the journal with it; "
    "a lock on loan would never be put back"
)


@dataclass(frozen=True)
class Job:
    """What a job works with.

    Attributes:
        settings: what the account has set.
        remediation: the library; one that can only read, unless the account has been told to repair.
        deadline: when to end.
        streams: where to say what happens.
        people: who is told how it ended.
    """

    settings: Settings
    remediation: Remediation
    deadline: Deadline
    streams: Streams
    people: People

    @property
    def accepted(self) -> Accepted:
        """What the account accepts: what is neither destructive nor disruptive nor weakens security."""
        return Accepted(yes=not self.settings.dry_run)

    @property
    def alerts(self) -> AlertSettings:
        """Which alerts are taken."""
        return self.settings.config.alerts

    @property
    def has_journal(self) -> bool:
        """Say whether there is a place for the journal."""
        return bool(self.settings.text("REMEDIATE_STATE"))


def run_job(work: Callable[[Job], int], settings: Settings | None = None, out: TextIO | None = None) -> int:
    """Do a job's work and return its exit status; every error is written, none is raised.

    Args:
        work: the work; it returns :data:`COMPLETED` or :data:`FAILED`.
        settings: the account's settings; default what is found here.
        out: where to write; default stdout.
    """
    with job_streams(out) as streams:
        try:
            with open_job(settings or Settings.here(), streams) as job:
                return work(job)
        except Parked as parked:
            streams.warning(f"{parked.reason}. Nothing is half done that the next job does not know of.")
            return COMPLETED
        except RemediationError as error:
            return say_error(error, streams)
        except Exception as error:  # noqa: BLE001  # the one boundary: a bug is told as one, the journal is intact
            return _say_bug(error, streams)


def say_error(error: RemediationError, streams: Streams, where: str = "") -> int:
    """Write an error, and return the job's status for it."""
    text = f"{where}{error.message}"
    if error.code == _BUSY:
        streams.warning(f"{text}. {error.next_step}")
        return COMPLETED
    streams.error(f"{error.code}: {text}")
    for candidate in error.candidates:
        streams.output(f"         {candidate}")
    streams.output(f"  next:  {error.next_step}")
    return FAILED


def _say_bug(error: Exception, streams: Streams) -> int:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rsplit('/', 1)[-1]}:{place.lineno}"
    streams.error(f"internal error at {where}: {type(error).__name__}: {error}")
    streams.output("  next:  Report this; the journal knows how far an open run got, and the next job goes on with it.")
    for frame in traceback.extract_tb(error.__traceback__):
        streams.verbose(f"{frame.filename}:{frame.lineno} in {frame.name}")
    return FAILED


def say_report(report: Report | DiagnosisReport, streams: Streams, *, told: bool = False) -> int:
    """Write what came out, and return the job's status for it.

    Args:
        report: the report.
        streams: where to write.
        told: somebody has been told the same before; then it fails no further job.
    """
    if isinstance(report, DiagnosisReport):
        streams.output(diagnosis_text(report))
        if report.exit_code:
            streams.error(f"the error cannot be told: {report.reason} {report.next_step}")
        return FAILED if report.exit_code else COMPLETED
    streams.output(report_text(report))
    stand = report.stand
    if stand.verdict in NOBODY_NEEDED:
        return COMPLETED
    line = f"{report.runbook} on {report.vm_id}: {stand.verdict.value}: {stand.reason} {stand.next_step}"
    if told or (stand.refusal is not None and stand.refusal.passing):
        streams.warning(line)
        return COMPLETED
    streams.error(line)
    return FAILED


@contextmanager
def open_job(settings: Settings, streams: Streams) -> Iterator[Job]:
    """Open session and deadline, and close them.

    Raises:
        UsageError: a setting is wrong, or one is missing that a repair needs.
    """
    with ExitStack() as stack:
        streams.output(_greeting(settings))
        runtime = system_runtime()
        deadline = Deadline(time.monotonic, settings.deadline, runtime.now)
        stack.callback(deadline.close)
        stack.enter_context(told_to_stop(deadline))
        chosen = cloud(settings.text("REMEDIATE_CLOUD", "public"))
        ca = settings.text("REMEDIATE_CA") or None
        identity, runs_on = credential(settings, ca), deadline.on(runtime)
        session = Session(
            cloud=chosen,
            endpoint=settings.text("REMEDIATE_ARM_ENDPOINT") or None,
            ca=ca,
            read_only=settings.dry_run,
            credential=identity,
            runtime=runs_on,
        )
        stack.callback(session.close)
        deadline.now = lambda: _azure_now(session, runtime.now)
        state = settings.text("REMEDIATE_STATE")

        def journal() -> Journal:
            opened = open_journal(state, identity, runs_on)
            stack.callback(opened.close)
            return opened

        limits = settings.config.limits  # a broken configuration stops the job, before anything is read
        if not settings.dry_run and not state:
            raise UsageError(_NO_STATE, "Set REMEDIATE_STATE to the URL of a table, or REMEDIATE_MODE to 'plan'.")
        machine = Remediation(
            session,
            journal,
            tell=_tell(streams),
            wait=min(DEFAULT_WAIT, settings.deadline),
            limits=limits,
            known=lambda: bool(state),
            kept_in="" if is_table(state) else f"the journal {state}",
        )
        people = People(
            lambda: NotifySettings.of(settings.text, settings.config.notify),
            machine,
            _tell(streams),
            silent=settings.dry_run,
            runtime=runtime,  # telling people is short, and not cut off by the deadline
        )
        yield Job(settings, machine, deadline, streams, people)


def _greeting(settings: Settings) -> str:
    if settings.dry_run:
        return "REMEDIATE_MODE is plan: this job shows what it would change, and changes nothing."
    return "REMEDIATE_MODE is repair: this job changes what its guards let pass."


def _azure_now(session: Session, now: Callable[[], datetime]) -> datetime:
    try:
        return session.azure_now()
    except BadResponse:
        return now()


def credential(settings: Settings, ca: str | None) -> TokenCredential | None:
    """Return the account's managed identity; ``None`` on a worker that has none, where azure-identity looks around.

    Looking around starts programs (the Azure CLI), and a sandbox of Azure Automation has none.
    """
    client = settings.text("REMEDIATE_CLIENT_ID")
    if not client and not settings.environment.get("IDENTITY_ENDPOINT"):
        return None
    from azure.identity import ManagedIdentityCredential

    trust: dict[str, Any] = {"connection_verify": ca} if ca else {}
    return ManagedIdentityCredential(client_id=client or None, **trust)


def _tell(streams: Streams) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        write = streams.warning if event.kind in _WARNINGS else streams.verbose
        write(event.text)

    return tell
