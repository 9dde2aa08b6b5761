"""The chain, as Microsoft documents it: keep every disk within the limit by splitting it; or leave it out."""

from __future__ import annotations

from arm.facts.collect import VmFacts

from ...catalogue import load
from ...disks import EXCLUDE, LEAVE_OUT, LUNS, amiss, chosen, impossible, not_protected, size_causes, sized, split
from ...model import Decision, Diagnosis, Finding, Runbook, Situation
from ...protection import enable
from ...shared import BACK_UP, FACTS, advise, basics, outset

ENTRY = load("user_error_unsupported_disk_size")


def diagnose(situation: Situation) -> Diagnosis:
    """Find out which disks are too large and by how much, and whether they can be left out of the backup."""
    facts = situation.facts
    if facts.item() is None and facts.vm_or_none() is not None:
        return _not_enabled(facts)
    early = outset(facts, ENTRY)
    if early is not None:
        return early
    disks = sized(facts)
    wrong, causes = amiss(disks), size_causes(disks)
    findings = (*basics(facts), *(Finding("disk", str(one)) for one in disks))
    if not wrong:
        reason = "every disk that is backed up is within the limits (now)"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    refused = impossible(facts, disks)
    if refused:
        return advise(f"{wrong[0]}; {refused}", split(facts, disks), findings, *causes)
    luns = chosen(situation, disks)
    findings = (*findings, not_protected(facts, luns)) if luns else findings
    left = amiss(sized(facts, luns))
    if left:
        step = (
            f"Name data disks so that the rest is within the limits: --choose {EXCLUDE} --input {LUNS}=LUN,LUN; what "
            f"is on them is NOT protected any more. Or: {split(facts, disks)}"
        )
        reason = f"{left[0]}; which disks are left out of the backup is for a human to say"
        return Diagnosis(Decision.CHOOSE, reason, findings, step, causes)
    if situation.choice != EXCLUDE:
        step = f"{split(facts, disks)} Or leave it out, which leaves its data unprotected: --choose {EXCLUDE}."
        return Diagnosis(Decision.CHOOSE, "; ".join(wrong), findings, step, causes)
    reason = f"{'; '.join(wrong)}: LUN {', '.join(map(str, luns))} is left out of the backup"
    return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)


def _not_enabled(facts: VmFacts) -> Diagnosis:
    """Say what is too large for a VM whose backup could not be enabled."""
    disks = sized(facts)
    wrong, causes = amiss(disks), size_causes(disks)
    findings = (*basics(facts, backups=False), *(Finding("disk", str(one)) for one in disks))
    if not wrong:
        reason = "the VM is not protected by any vault, and no disk of it is too large (any more)"
        return advise(reason, f"Enable backup: {enable(facts.vm_id)}.", findings, *causes)
    luns = [str(one.disk.lun) for one in disks if one.too_large and one.disk.lun is not None]
    step = split(facts, disks).replace("Then run again.", f"Then enable backup: {enable(facts.vm_id)}.")
    if luns and not impossible(facts, disks):
        kind = " of the Enhanced kind" if any(disk.encrypted for disk in facts.disks()) else ""
        step += (
            f" Or enable it under a policy{kind} without what is too large, whose data is then NOT protected: "
            f"{enable(facts.vm_id)} --disk-list-setting exclude --diskslist {' '.join(luns)}."
        )
    return advise(f"backup cannot be enabled: {'; '.join(wrong)}", step, findings, *causes)


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*FACTS, "disks"),
    also_reads=("recovery_points", "policy"),
    writes=("protected_items.set_disks", "backups.trigger"),
    inputs={LUNS: "LUNs of the data disks to leave out, separated by commas; default: those that are too large"},
    choices={EXCLUDE: "leave the disks that are too large out of the backup; their data is NOT protected any more"},
    diagnose=diagnose,
    steps=(LEAVE_OUT, BACK_UP),
    entry=ENTRY,
)
