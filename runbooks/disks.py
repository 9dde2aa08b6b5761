"""What the chains about disks share: which are too large and by how much, leaving them out, and how to split them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from actions.change import NoChange
from actions.disks import backed_up, cannot_exclude, exclude_disks, luns_of
from actions.disks import spoken as spoken_disks
from arm.errors import UsageError
from arm.facts.collect import VmFacts
from arm.facts.compute import VmDisk
from arm.ids import normal, parse

from .checks.disks import LARGEST_GB, LARGEST_VM_GB, largest, size_of
from .model import Cause, Finding, GiveUp, Situation, Standing, Step, StepEffects

EXCLUDE, LUNS = "exclude-disks", "luns"
ONLY_DISKS = "From recovery points made so, only disks can be restored: no new VM, no replacing of the existing one."


@dataclass(frozen=True)
class Sized:
    """A disk that a backup takes.

    Attributes:
        size: in GiB; 0 where nothing tells it.
        most: how large it may be, in GiB.
    """

    disk: VmDisk
    size: int
    most: int

    @property
    def too_large(self) -> bool:
        """Whether it is larger than Azure Backup supports."""
        return self.size > self.most

    @property
    def encrypted(self) -> bool:
        """Whether its limit is that of Azure Disk Encryption."""
        return self.most < LARGEST_GB

    def __str__(self) -> str:
        place = "OS disk" if self.disk.lun is None else f"LUN {self.disk.lun}"
        if not self.size:
            return f"{self.disk.name} ({place}): nothing tells its size"
        if not self.too_large:
            return f"{self.disk.name} ({place}) has {self.size} GiB of {self.most} GiB"
        kind = ", the limit with Azure Disk Encryption" if self.encrypted else ""
        return (
            f"{self.disk.name} ({place}) has {self.size} GiB, {self.size - self.most} GiB more than {self.most}{kind}"
        )


def sized(facts: VmFacts, without: Sequence[int] = ()) -> tuple[Sized, ...]:
    """Return the disks that a backup takes, but those at some LUNs, with their sizes and limits."""
    managed = {normal(disk.id): disk for disk in facts.disks()}
    taken = [disk for disk in backed_up(facts.vm(), facts.item()) if disk.lun is None or disk.lun not in without]
    return tuple(Sized(disk, size_of(disk, managed) or 0, largest(managed.get(normal(disk.id)))) for disk in taken)


def amiss(disks: Sequence[Sized]) -> tuple[str, ...]:
    """Return what is too large: each disk, and all of them together."""
    total = sum(one.size for one in disks)
    over = f"{len(disks)} disks have {total} GiB in all, {total - LARGEST_VM_GB} GiB more than {LARGEST_VM_GB}"
    return (*(str(one) for one in disks if one.too_large), *([over] if total > LARGEST_VM_GB else []))


def size_causes(disks: Sequence[Sized]) -> tuple[Cause, ...]:
    """Return what the error may come from, with the disks' sizes as the evidence."""
    plain = tuple(str(one) for one in disks if one.too_large and not one.encrypted)
    encrypted = tuple(str(one) for one in disks if one.too_large and one.encrypted)
    total = tuple(text for text in amiss(disks) if text not in (*plain, *encrypted))
    within = tuple(str(one) for one in disks)
    rows = (
        ("disk-too-large", "a disk is larger than 32 TB", plain),
        ("encrypted-disk-too-large", "a disk with Azure Disk Encryption is larger than 4 TB", encrypted),
        ("vm-too-large", "the disks of the VM are larger than 256 TB together", total),
    )
    known = [
        Cause(name, summary, Standing.FOUND if evidence else Standing.RULED_OUT, evidence, () if evidence else within)
        for name, summary, evidence in rows
    ]
    now = "every vault has Instant Restore now, without which the limit was 1023 GB"
    return (*known, Cause("vault-not-upgraded", "the vault has no Instant Restore", Standing.RULED_OUT, (), (now,)))


def chosen(situation: Situation, disks: Sequence[Sized]) -> tuple[int, ...]:
    """Return the LUNs to leave out: those the operator names, else those of the data disks that are too large.

    Raises:
        UsageError: what is named is no list of LUNs of data disks of this VM.
    """
    text = situation.inputs.get(LUNS, "")
    if not text:
        return tuple(one.disk.lun for one in disks if one.too_large and one.disk.lun is not None)
    luns = luns_of(text, f"--input {LUNS}")
    known = [disk for disk in situation.facts.vm().disks if disk.lun is not None]
    if not {*luns} <= {disk.lun for disk in known}:
        there = [f"LUN {disk.lun}: {disk.name}" for disk in known]
        raise UsageError(f"--input {LUNS}={text!r} names a LUN without a data disk", "Name some of these.", there)
    return luns


def impossible(facts: VmFacts, disks: Sequence[Sized]) -> str:
    """Return why no choice of disks to leave out makes the backup possible; empty when one may."""
    own = [str(one) for one in disks if one.too_large and one.disk.lun is None]
    return f"the OS disk cannot be left out of a backup: {own[0]}" if own else cannot_exclude(facts)


def split(facts: VmFacts, disks: Sequence[Sized]) -> str:
    """Return how a human brings disks within the limits: a managed disk cannot be made smaller, only replaced."""
    steps = [_split(facts, one) for one in disks if one.too_large]
    if not steps:
        return "Detach disks, or move them to another VM, until the sizes are within the limit."
    return " ".join(steps) + " Then run again."


def _split(facts: VmFacts, one: Sized) -> str:
    vm, parts = parse(facts.vm_id), ceil(one.size / one.most)
    each = ceil(one.size / parts)
    where = f"--resource-group {vm.resource_group} --vm-name {vm.name}"
    if one.disk.lun is None:
        return (
            f"{one.disk.name} is the OS disk: move its data to data disks of at most {one.most} GiB and restore, "
            f"or make anew, the machine on an OS disk of that size."
        )
    return (
        f"Split {one.disk.name}: attach {parts} new disks of {each} GiB, which hold as much "
        f"('az vm disk attach {where} --new --size-gb {each} --name NAME'; less where less is used), copy the data in "
        f"the VM, and take the large one off ('az vm disk detach {where} --name {one.disk.name}'); a managed disk "
        f"cannot be made smaller."
    )


def not_protected(facts: VmFacts, luns: Sequence[int]) -> Finding:
    """Return the finding that says what leaving disks out costs."""
    disks = [disk for disk in facts.vm().disks if disk.lun in luns]
    return Finding("would NOT be protected", f"{spoken_disks(disks, facts.disks())}. {ONLY_DISKS}")


def leave_out(situation: Situation) -> StepEffects:
    """Leave out the data disks that were chosen, where that was chosen and a disk is too large."""
    disks = sized(situation.facts)
    if not amiss(disks):
        yield NoChange("no disk that is backed up is too large (any more)")
    elif situation.choice != EXCLUDE:
        yield NoChange("leaving disks out was not chosen")
    elif impossible(situation.facts, disks):
        yield GiveUp(impossible(situation.facts, disks), split(situation.facts, disks))
    else:
        yield from exclude_disks(situation.facts, luns=chosen(situation, disks))


LEAVE_OUT = Step("exclude_disks", "Leave the disks that are too large out of the backup, if that was chosen", leave_out)
