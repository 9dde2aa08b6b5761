"""The VM's extensions, the backup service's own among them."""

from __future__ import annotations

from arm.facts.collect import VmFacts
from arm.facts.compute import Extension

from .model import Check, Seen, Status, Where
from .sources import SNAPSHOT_TIMEOUT


def extensions_of(facts: VmFacts) -> tuple[Extension, ...]:
    """Return every extension that Azure names, hidden ones included, with what their handlers said where known."""
    said = {one.id.lower(): one.message for one in facts.vm().extensions}
    return tuple(
        Extension(one.id, one.name, one.publisher, one.type, one.provisioning_state, said.get(one.id.lower(), ""))
        for one in facts.extensions()
    )


def spoken(extension: Extension) -> str:
    """Return an extension with its state and what its handler said, for people."""
    said = f": {extension.message}" if extension.message else ""
    kind = f"{extension.publisher}.{extension.type}"
    return f"{extension.name} ({kind}) {extension.provisioning_state or 'in no known state'}{said}"


def _judged(found: tuple[Extension, ...]) -> Seen | None:
    """Return what is wrong with extensions: what failed, else what is not finished; ``None`` when nothing is."""
    failed = [one for one in found if one.provisioning_state.lower() in ("failed", "canceled")]
    if failed:
        return Status.FAIL, "; ".join(spoken(one) for one in failed)
    silent = [one for one in found if not one.provisioning_state]
    if silent:
        return Status.UNKNOWN, "; ".join(spoken(one) for one in silent)
    unfinished = [one for one in found if one.provisioning_state.lower() != "succeeded"]
    return (Status.WARN, "; ".join(spoken(one) for one in unfinished)) if unfinished else None


def _health(facts: VmFacts) -> Seen:
    found = extensions_of(facts)
    names = ", ".join(one.name for one in found)
    return _judged(found) or (Status.PASS, f"succeeded: {names}" if names else "no extension is listed")


def _vmsnapshot(facts: VmFacts) -> Seen:
    found = tuple(one for one in extensions_of(facts) if one.is_vmsnapshot)
    if not found:
        return Status.PASS, "not listed: it comes with the first backup, and Azure may hide it for managed disks"
    return _judged(found) or (Status.PASS, "; ".join(spoken(one) for one in found))


HEALTH = Check(
    id="CHK-EXT-HEALTH",
    title="Every VM extension is provisioned",
    where=Where.ARM,
    facts=("vm", "extensions"),
    expected="every extension is Succeeded",
    why="An extension that failed puts the VM into a failed state, or keeps the backup extension from being installed.",
    source=f"{SNAPSHOT_TIMEOUT}, step 3",
    look=_health,
    fleet=True,
)
VMSNAPSHOT = Check(
    id="CHK-VMSNAPSHOT-EXT",
    title="The backup extension (VMSnapshot) is healthy",
    where=Where.ARM,
    facts=("vm", "extensions"),
    expected="Succeeded, or not listed",
    why="VMSnapshot takes the consistent snapshot. When it has failed or is stuck, remove it; the next backup "
    "installs it again.",
    source=f"{SNAPSHOT_TIMEOUT}, step 4",
    look=_vmsnapshot,
    fleet=True,
)
