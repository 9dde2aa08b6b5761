"""The chain, as Microsoft documents it: restore the disks first, then create the VM from them."""

from __future__ import annotations

from arm.facts.collect import VmFacts
from arm.facts.monitor import DENIED, Event
from arm.facts.times import iso

from ...catalogue import load
from ...model import Cause, Standing
from ...preflight import GROUP, Request
from ...restore import DISKS, FROM_DISKS, About, restore_runbook

ENTRY = load("restore_not_authorized")


def refused(facts: VmFacts, request: Request) -> tuple[Cause, ...]:
    """Return what the activity log shows: requests in the target group that a policy or missing roles refused."""
    group = request.values.get(GROUP, "")
    inside = f"/subscriptions/{facts.subscription}/resourceGroups/{group}/".lower()
    events = [one for one in facts.refusals() if not group or one.resource_id.lower().startswith(inside)]
    denied = [one for one in events if DENIED in one.detail.lower()]
    unpermitted = [one for one in events if "authorizationfailed" in one.detail.lower()]
    where = f"in the group {group}" if group else "in the subscription"
    return (
        _cause("not-permitted", "the service has no role that lets it create the VM's resources", unpermitted, where),
        _cause("policy-denies", "a policy denies what the restore creates", denied, where),
    )


def _cause(name: str, summary: str, events: list[Event], where: str) -> Cause:
    if not events:
        silence = f"the activity log shows no such refusal {where} since the restore began"
        return Cause(name, summary, Standing.POSSIBLE, (), (silence,))
    last = events[0]
    when = iso(last.time) if last.time else "at an unknown time"
    seen = f"{len(events)} refused {where}, the last one {when}: {last.operation} on {last.resource_id}: {last.detail}"
    return Cause(name, summary, Standing.FOUND, (seen,))


ABOUT = About(
    own=("resource-group-locked", "storage-account-locked"),
    needed=DISKS,
    more=refused,
    way=f"Restore the disks first, for which the service needs less. {FROM_DISKS}",
    reads=("refusals",),
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
