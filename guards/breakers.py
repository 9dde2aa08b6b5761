"""The guards with memory: they judge a change by what has happened before, and by the time of day."""

from __future__ import annotations

from actions.change import Change, Impact
from arm.facts.times import iso
from arm.ids import same

from .memory import Asked
from .model import Guarded, Refusal
from .windows import next_opening, windows_for

FEW = 3
"""So many VMs may be changed whatever share of their vault they are."""


def kill_switch(_change: Change, situation: Guarded) -> Refusal | None:
    """While everything is frozen, nothing is sent.

    What was taken on loan is still given back: that is the safe state.
    """
    frozen = situation.memory.frozen
    if frozen is None or situation.repaying:
        return None
    saw = f"every change is frozen since {iso(frozen.at)} by {frozen.who}: {frozen.reason}"
    return Refusal("kill-switch", saw, "Ask who has frozen it; 'remediate thaw' ends it.", passing=True, lasting=True)


def systemic_breaker(change: Change, situation: Guarded) -> Refusal | None:
    """Many VMs with one error at a time have one cause, and it is not on the VMs: one incident, nothing is changed."""
    incident = situation.memory.incident
    if incident is None or not _held_back(change, situation):
        return None
    saw = (
        f"{incident.vms} VMs have {incident.runbook} since {iso(incident.since)}, first "
        f"{incident.first_vm.rsplit('/', 1)[-1]}: incident {incident.id}"
    )
    step = (
        "Look for the one cause behind it: a policy, a network change, an expired certificate, Azure Status. Then "
        f"'remediate incidents close {incident.id} --reason TEXT'."
    )
    return Refusal("systemic-breaker", saw, step, passing=True, lasting=True)


def loop_breaker(change: Change, situation: Guarded) -> Refusal | None:
    """A repair that did not last is not made again and again."""
    memory = situation.memory
    if len(memory.earlier) < memory.limits.loop_runs or not _held_back(change, situation):
        return None
    runs = ", ".join(f"{one.run[:12]} of {iso(one.at)}" for one in memory.earlier)
    count = "one run" if len(memory.earlier) == 1 else f"{len(memory.earlier)} runs"
    saw = f"this runbook has changed this VM in {count} of the last {memory.limits.loop_span.days} days: {runs}"
    step = (
        f"Find out why it comes back: 'remediate run {memory.earlier[0].run[:12]}' shows what was done. A single step "
        "can still be asked for with 'remediate action NAME'; else ask Azure support."
    )
    return Refusal("loop-breaker", saw, step)


def blast_radius(change: Change, situation: Guarded) -> Refusal | None:
    """Only so many VMs are changed within a day, and only so large a share of those that a vault protects."""
    memory = situation.memory
    if memory.counted or memory.asked is Asked.UNDO or situation.repaying or not change.repairs:
        return None
    limits, all_changed = memory.limits, len(memory.others) + 1
    if all_changed <= min(FEW, limits.blast_vms):
        return None
    in_vault, protected = _share(situation)
    too_many = all_changed > limits.blast_vms
    too_large = in_vault > FEW and protected is not None and in_vault * 100 > protected * limits.blast_percent
    if not too_many and not too_large:
        return None
    known = "an unknown number" if protected is None else str(protected)
    saw = (
        f"this would be VM number {all_changed} that is changed within 24 hours, where {limits.blast_vms} may be; and "
        f"number {in_vault} of the {known} that its vault protects, where {limits.blast_percent} % may be"
    )
    step = "See that the earlier repairs were right ('remediate runs'), then go on tomorrow, or raise the limit."
    return Refusal("blast-radius", saw, step, passing=True)


def change_window(change: Change, situation: Guarded) -> Refusal | None:
    """Outside its window nothing is changed; by Azure's time, not by the clock of this machine."""
    if situation.repaying or not change.repairs:
        return None
    disruptive = change.impact is Impact.DISRUPTIVE
    windows = windows_for(situation.memory.limits.windows, disruptive=disruptive)
    if not windows:
        return None
    now = situation.facts.azure_now
    if any(window.open_at(now) for window in windows):
        return None
    opens = next_opening(windows, now)
    what = "a disruptive change" if disruptive else "a change"
    saw = f"{what} is to be made in {', '.join(one.spoken for one in windows)}; the next opens at {iso(opens)}"
    step = f"Run again after {iso(opens)}."
    return Refusal("change-window", saw, step, passing=True, lasting=True, until=opens)


def _held_back(change: Change, situation: Guarded) -> bool:
    """Say whether the breakers hold for a change: one that repairs, in a run of a runbook of the catalogue."""
    return situation.memory.asked is Asked.REPAIR and change.repairs and not situation.repaying


def _share(situation: Guarded) -> tuple[int, int | None]:
    """Return how many VMs of this VM's vault would have been changed, and how many the vault protects, if known."""
    vault = situation.facts.protection().vault_id
    if not vault:
        return 0, None
    changed = sum(1 for one in situation.memory.others if same(one.vault_id, vault)) + 1
    return changed, situation.facts.protected_in_vault()
