"""Selective disk backup: leave data disks out of the backup, and take them in again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arm.errors import UsageError
from arm.facts.backup import ProtectedItem
from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine, VmDisk
from arm.facts.inventory import ManagedDisk
from arm.ids import normal

from .change import Change, Effects, Impact, NoChange, Undo
from .protection import STOPPED

Json = dict[str, Any]
_EXCLUDE, _INCLUDE = "exclude_disks", "include_disks"


def luns_of(text: str, name: str) -> tuple[int, ...]:
    """Return the numbers in a list separated by commas, sorted, each once.

    Args:
        text: the list.
        name: what it was given as, for the error.

    Raises:
        UsageError: it is empty, or no list of whole numbers.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and len(word) < 4 for word in words):
        raise UsageError(f"{name} {text!r} is no list of LUNs", "Give the LUNs of data disks, such as 2 or 2,5.")
    return tuple(sorted({int(word) for word in words}))


def disk_list(excluded: Sequence[int] | None, included: Sequence[int] | None) -> Json | None:
    """Return ``diskExclusionProperties`` as Azure writes them; ``None`` when every disk is backed up.

    Args:
        excluded: LUNs that are left out; ``None`` where the list is not one of these.
        included: LUNs of the only data disks that are backed up; ``None`` likewise.
    """
    if included is not None:
        return {"diskLunList": list(included), "isInclusionList": True}
    return {"diskLunList": list(excluded), "isInclusionList": False} if excluded else None


def backed_up(vm: VirtualMachine, item: ProtectedItem | None) -> tuple[VmDisk, ...]:
    """Return the disks that a backup takes: all but those that selective disk backup leaves out."""
    if item is None:
        return vm.disks
    left_out, chosen = item.excluded_luns, item.included_luns
    if left_out is not None:
        return tuple(disk for disk in vm.disks if disk.lun is None or disk.lun not in left_out)
    return vm.disks if chosen is None else tuple(disk for disk in vm.disks if disk.lun is None or disk.lun in chosen)


def cannot_exclude(facts: VmFacts) -> str:
    """Return why selective disk backup is not possible for this VM; empty when it is.

    Source: Microsoft's limitations of selective disk backup; errors.md, ``exclude_unsupported_disks``.
    """
    encrypted = [disk.name for disk in facts.disks() if disk.encrypted]
    policy = facts.policy() if encrypted else None
    if policy is None or policy.kind.lower() == "v2":
        return ""
    return (
        f"{', '.join(encrypted)} have Azure Disk Encryption, and disks of such a VM cannot be left out under the "
        f"Standard policy {policy.name}"
    )


def exclude_disks(facts: VmFacts, *, luns: Sequence[int]) -> Effects:
    """Leave data disks out of the backup; the policy and what is left out already stay as they are.

    The impact is destructive although nothing is deleted at once: no later recovery point has these disks, and the
    earlier ones expire as the policy says, so that data on them can be lost for ever. From recovery points made so,
    only disks can be restored, no whole VM.

    Args:
        facts: facts of the VM.
        luns: the numbers of the data disks; the OS disk has none and cannot be left out.

    Raises:
        UsageError: the VM has no data disk of such a number, or disks of this VM cannot be left out.

    Permission: ``…/protectedItems/write`` and ``Microsoft.Compute/virtualMachines/write``.
    Source: catalogue action ``exclude_unsupported_disks``.
    """
    item = facts.item()
    if item is None:
        yield NoChange("the VM is not protected by any vault")
        return
    if item.soft_deleted or item.state.lower() in STOPPED:
        yield NoChange(f"protection is stopped ({item.state}): no disk is backed up")
        return
    vm = facts.vm()
    known = {disk.lun: disk for disk in vm.disks if disk.lun is not None}
    strange = [str(lun) for lun in luns if lun not in known]
    if strange:
        there = [f"LUN {lun}: {disk.name}" for lun, disk in sorted(known.items())]
        raise UsageError(f"{vm.name} has no data disk at LUN {', '.join(strange)}", "Name one of these.", there)
    taken = {disk.lun for disk in backed_up(vm, item)}
    out = sorted(lun for lun in luns if lun in taken)
    if not out:
        yield NoChange(f"LUN {', '.join(map(str, luns))} is left out of the backup already")
        return
    refused = cannot_exclude(facts)
    if refused:
        raise UsageError(refused, "Keep the disks within the limits instead: split them.")
    after = (
        disk_list(None, [lun for lun in item.included_luns if lun not in out])
        if item.included_luns is not None
        else disk_list(sorted({*(item.excluded_luns or ()), *out}), None)
    )
    names = spoken([known[lun] for lun in out], facts.disks())
    yield Change(
        action=_EXCLUDE,
        operation="protected_items.set_disks",
        target=item.id,
        summary=f"leave {names} out of the backup: what is on it is NOT protected any more",
        reason="a backup of the other disks is better than none",
        before={"diskExclusionProperties": disk_list(item.excluded_luns, item.included_luns)},
        after={"diskExclusionProperties": after, "notProtected": names, "restore": "disks only, no whole VM"},
        impact=Impact.DESTRUCTIVE,
        body=_body(item, after),
        undo=Undo(_INCLUDE, "protected_items.set_disks", item.id, {"luns": out}),
    )


def include_disks(facts: VmFacts, *, luns: Sequence[int]) -> Effects:
    """Take data disks into the backup again: what one exclusion has added and is still there, nothing else.

    Its impact is disruptive: where a disk is not supported, every backup of the VM fails again.

    Args:
        facts: facts of the VM.
        luns: the numbers of the data disks.
    """
    item = facts.item()
    if item is None or item.soft_deleted or item.state.lower() in STOPPED:
        yield NoChange("the VM is not protected, or its protection is stopped")
        return
    excluded, included = item.excluded_luns, item.included_luns
    if excluded is None and included is None:
        yield NoChange("no disk is left out of the backup any more")
        return
    back = sorted(lun for lun in luns if (lun in excluded if excluded is not None else lun not in (included or ())))
    if not back:
        yield NoChange(f"LUN {', '.join(map(str, luns))} is backed up already")
        return
    after = (
        disk_list(None, sorted({*included, *back}))
        if included is not None
        else disk_list([lun for lun in excluded or () if lun not in back], None)
    )
    vm = facts.vm_or_none()
    names = spoken([disk for disk in vm.disks if disk.lun in back], facts.disks()) if vm is not None else ""
    yield Change(
        action=_INCLUDE,
        operation="protected_items.set_disks",
        target=item.id,
        summary=f"back up {names or f'LUN {back}'} again",
        reason="a run has left it out",
        before={"diskExclusionProperties": disk_list(excluded, included)},
        after={"diskExclusionProperties": after},
        impact=Impact.DISRUPTIVE,
        body=_body(item, after),
    )


def spoken(disks: Sequence[VmDisk], managed: Sequence[ManagedDisk] = ()) -> str:
    """Return disks with their numbers and sizes, for people."""
    sizes = {normal(one.id): one.size_gb for one in managed}
    return ", ".join(_spoken(disk, sizes.get(normal(disk.id)) or disk.size_gb) for disk in disks)


def _spoken(disk: VmDisk, size: int | None) -> str:
    place = "OS disk" if disk.lun is None else f"LUN {disk.lun}"
    return f"{disk.name} ({place}, {size} GiB)" if size is not None else f"{disk.name} ({place})"


def _body(item: ProtectedItem, disks: Json | None) -> Json:
    """Return the properties of the item that are sent; without a list in them, all disks are backed up again."""
    return {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": item.source_resource_id,
        "policyId": item.policy_id,
        "extendedProperties": {"diskExclusionProperties": disks} if disks is not None else {},
    }
