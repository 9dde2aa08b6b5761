"""What only the guest operating system can answer, about the services of Windows that a snapshot needs."""

from __future__ import annotations

from dataclasses import dataclass

from arm.facts.guest import GuestFacts

from .guest import inside, some, worst
from .model import Check, Seen, Status, Where
from .sources import SNAPSHOT_TIMEOUT, TROUBLESHOOT

_NO_ERROR = "no error"


@dataclass(frozen=True)
class Service:
    """A Windows service as the look inside tells it.

    Attributes:
        shown: its name, and what was told of it.
        state: ``Running``, ``Stopped`` and so on; ``missing`` where there is no such service.
        start: ``Automatic``, ``Manual`` or ``Disabled``.
        account: as whom it runs.
    """

    shown: str
    state: str
    start: str
    account: str


def service(guest: GuestFacts, name: str) -> Service | None:
    """Return what was told of a service; ``None`` where nothing was."""
    told = guest.mapping("services").get(name)
    if not isinstance(told, str) or not told.strip():
        return None
    state, start, account = (*told.split("/", 2), "", "")[:3]
    return Service(f"{name} is {told}", state.strip().lower(), start.strip().lower(), account.strip().lower())


def running(guest: GuestFacts, name: str) -> Seen | None:
    """Judge whether a service runs, and will do so after the next start of the VM."""
    one = service(guest, name)
    if one is None:
        return None
    if one.state != "running":
        return Status.FAIL, one.shown
    return (Status.WARN if one.start == "disabled" else Status.PASS), one.shown


def extension_there(guest: GuestFacts) -> bool | None:
    """Say whether the backup extension has been installed, as far as the look inside tells."""
    versions = guest.listed("vmsnapshot_versions")
    return None if versions is None else bool(versions)


def _provider(guest: GuestFacts) -> Seen | None:
    one = service(guest, "IaaSVmProvider")
    if one is None:
        return None
    if one.state == "missing":
        there = extension_there(guest)
        if there is None:
            return None
        if there:
            return Status.WARN, "the backup extension is there, but the service IaaSVmProvider is missing"
        return Status.PASS, "there is no service IaaSVmProvider yet; the first backup adds it"
    if one.start not in ("automatic", "manual", "disabled"):
        return None
    return (Status.FAIL if one.start == "disabled" else Status.PASS), one.shown


def _com_msdtc(guest: GuestFacts) -> Seen | None:
    return worst(running(guest, "COMSysApp"), _msdtc(guest))


def _msdtc(guest: GuestFacts) -> Seen | None:
    one, seen = service(guest, "MSDTC"), running(guest, "MSDTC")
    if one is None or seen is None:
        return None
    if guest.flag("cluster") and seen[0] is not Status.PASS:
        return Status.WARN, f"{one.shown}; the VM is a cluster node, whose coordinator may run on another one"
    if one.state == "missing" or seen[0] is not Status.PASS:
        return seen
    if not one.account:
        return None
    if one.account.replace(" ", "").endswith("networkservice"):
        return seen
    return Status.FAIL, f"{one.shown}, and has to run as NT AUTHORITY\\NetworkService"


def _vss(guest: GuestFacts) -> Seen | None:
    return worst(_vss_service(guest), _writers(guest), _timeouts(guest))


def _vss_service(guest: GuestFacts) -> Seen | None:
    one = service(guest, "VSS")
    if one is None:
        return None
    if one.state == "missing" or one.start == "disabled":
        return Status.FAIL, one.shown
    return (Status.PASS, one.shown) if one.start in ("automatic", "manual") else None


def _writers(guest: GuestFacts) -> Seen | None:
    bad, total = guest.listed("writers"), guest.number("writers_total")
    if bad:
        harmless = all(one.lower().rstrip(" .").endswith(_NO_ERROR) for one in bad)
        of_all = "" if total is None else f" of {total}"
        shown = f"{len(bad)}{of_all} VSS writers are not [1] Stable: {some(bad)}"
        return (
            (Status.WARN, f"{shown}; without an error, which a snapshot at work explains")
            if harmless
            else (
                Status.FAIL,
                shown,
            )
        )
    if bad is None or total is None or total < 0:
        return None
    if total == 0:
        return Status.WARN, "vssadmin lists no VSS writer"
    return Status.PASS, f"all {total} VSS writers are [1] Stable"


def _timeouts(guest: GuestFacts) -> Seen | None:
    count = guest.number("vss_timeouts")
    if count is None or count < 0:
        return None
    said = f"the shadow copy provider timed out {count} times while holding writes"
    return (Status.WARN, said) if count else (Status.PASS, "no shadow copy provider timed out")


IAASVMPROVIDER = Check(
    id="CHK-IAASVMPROVIDER",
    title="The backup VSS provider is not disabled",
    where=Where.GUEST,
    facts=("vm",),
    expected="start type automatic (older documents), at least not disabled",
    why="Azure Backup adds the service IaaSVmProvider for its snapshots; they fail when it cannot be started.",
    source=f"{SNAPSHOT_TIMEOUT}, the backup extension fails to update or load",
    look=inside(_provider),
    inside="'sc qc IaaSVmProvider'; the service exists only after the first backup",
    os="windows",
)
COM_MSDTC = Check(
    id="CHK-COM-MSDTC",
    title="COM+ and the transaction coordinator run",
    where=Where.GUEST,
    facts=("vm",),
    expected="COM+ System Application runs; Distributed Transaction Coordinator runs as NT AUTHORITY\\NetworkService",
    why="The backup extension cannot be installed, and snapshots fail with a COM+ error, without them.",
    source=f"{SNAPSHOT_TIMEOUT}, step 3; {TROUBLESHOOT}, ExtensionSnapshotFailedCOM",
    look=inside(_com_msdtc),
    inside="'sc query COMSysApp', 'sc query MSDTC', 'sc qc MSDTC'",
    os="windows",
)
VSS = Check(
    id="CHK-VSS",
    title="The VSS writers are stable",
    where=Where.GUEST,
    facts=("vm",),
    expected="the service VSS is not disabled, every writer is in state [1] Stable with no error, and no shadow copy "
    "provider has timed out",
    why="One writer in a bad state makes the application-consistent snapshot fail.",
    source=f"{SNAPSHOT_TIMEOUT}, step 4; {TROUBLESHOOT}, ExtensionFailedVssWriterInBadState",
    look=inside(_vss),
    inside="'vssadmin list writers', 'sc qc VSS'; the Application event log for 'The shadow copy provider timed out "
    "while holding writes'",
    os="windows",
)
