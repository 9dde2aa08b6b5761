"""A drive locked by BitLocker inside Windows; Azure Disk Encryption also is BitLocker, and is never to be taken off."""

from __future__ import annotations

from dataclasses import replace

from arm.facts.collect import VmFacts

from ...catalogue import load
from ...checks.extensions import extensions_of
from ...guest import GuestStep, Inside, by_hand, diagnose_guest, guest_runbook
from ...model import Cause, Decision, Diagnosis, Situation, Standing
from ...state import agent_silent

ENTRY = load("extension_snapshot_bitlocker_error")
INSIDE = Inside.beside(__file__)
MANAGED = replace(
    INSIDE,
    steps=(
        GuestStep("See which drive is locked", ("manage-bde -status",)),
        GuestStep("Unlock it with its key", ("manage-bde -unlock X: -RecoveryKey FILE.BEK",)),
        GuestStep("If the key is not found, repair Azure Disk Encryption: its keys are in the key vault"),
    ),
)
_ADE = "azurediskencryption"
_NEVER = "Do not turn BitLocker off: Azure Disk Encryption is BitLocker, and it is supported."


def diagnose(situation: Situation) -> Diagnosis:
    """Tell a drive that somebody has encrypted in the guest from the encryption that Azure manages."""
    facts = situation.facts
    managed = _managed(facts) if facts.vm_or_none() is not None else ()
    found = diagnose_guest(situation, ENTRY, MANAGED if managed else INSIDE)
    if not found.causes:
        return found
    if not managed:
        return replace(found, causes=(*found.causes, _ade((), Standing.RULED_OUT)))
    silent = agent_silent(facts.vm())
    drive, *others = found.causes
    causes = (
        replace(drive, standing=Standing.POSSIBLE),
        *others,
        _ade(managed, Standing.POSSIBLE if silent else Standing.FOUND),
    )
    if found.decision is Decision.REPAIR:
        return replace(found, causes=causes)
    reason = found.reason if silent else f"Azure Disk Encryption protects the VM ({managed[0]}): it must stay on"
    return replace(found, reason=reason, next_step=f"{_NEVER} {found.next_step}", causes=causes)


def _managed(facts: VmFacts) -> tuple[str, ...]:
    """Return what shows that Azure Disk Encryption protects the VM."""
    disks = [f"the disk {one.name} has encryption settings" for one in facts.disks() if one.encrypted]
    own = [f"the extension {one.name}" for one in extensions_of(facts) if one.type.lower().startswith(_ADE)]
    return (*disks, *own)


def _ade(shown: tuple[str, ...], standing: Standing) -> Cause:
    summary = "the locked drive is one of Azure Disk Encryption"
    against = (
        () if shown else ("no disk has encryption settings, and the extension of Azure Disk Encryption is not there",)
    )
    return Cause("azure-disk-encryption", summary, standing, shown, against)


def _by_hand(situation: Situation) -> str:
    vm = situation.facts.vm_or_none()
    return by_hand(vm, MANAGED if vm is not None and _managed(situation.facts) else INSIDE)


RUNBOOK = replace(guest_runbook(ENTRY, INSIDE, "disks"), diagnose=diagnose, if_not_fixed=_by_hand)
