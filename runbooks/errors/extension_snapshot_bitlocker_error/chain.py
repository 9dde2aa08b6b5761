"""A drive locked by BitLocker inside Windows; Azure Disk Encryption also is BitLocker, and is never to be taken off."""

from __future__ import annotations

from arm.facts.collect import VmFacts

from ...catalogue import load
from ...checks.extensions import extensions_of
from ...guest import Inside, diagnose_guest, guest_runbook
from ...model import Cause, Decision, Diagnosis, Runbook, Situation, Standing
from ...shared import advise, basics, outset

ENTRY = load("extension_snapshot_bitlocker_error")
INSIDE = Inside.beside(__file__)
_ADE = "azurediskencryption"
_UNLOCK = (
    "Do not turn BitLocker off: Azure Disk Encryption is BitLocker, it is supported, and its keys are in the key "
    "vault. In the VM, as administrator: 'manage-bde -status' shows the drive that is locked; 'manage-bde -unlock' "
    "unlocks it; if the key is not found, repair Azure Disk Encryption. Then run again with --choose back-up."
)


def diagnose(situation: Situation) -> Diagnosis:
    """Tell a drive that somebody has encrypted in the guest from the encryption that Azure manages."""
    facts = situation.facts
    early = outset(facts, ENTRY)
    managed = () if early is not None else _managed(facts)
    if early is not None or not managed:
        found = diagnose_guest(situation, ENTRY, INSIDE)
        return found if early is not None else _with(found, _ade((), Standing.RULED_OUT))
    causes = (
        Cause(*INSIDE.causes[0], Standing.POSSIBLE, (), ("only the guest shows it",)),
        _ade(managed, Standing.FOUND),
    )
    if situation.choice:
        reason = "the drive is unlocked: back up, which proves it"
        return Diagnosis(Decision.REPAIR, reason, basics(facts), causes=causes)
    reason = f"Azure Disk Encryption protects the VM ({managed[0]}): it must not be taken off"
    return advise(reason, _UNLOCK, basics(facts), *causes)


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


def _with(found: Diagnosis, cause: Cause) -> Diagnosis:
    return Diagnosis(found.decision, found.reason, found.findings, found.next_step, (*found.causes, cause))


_PLAIN = guest_runbook(ENTRY, INSIDE, "disks")
RUNBOOK = Runbook(
    code=_PLAIN.code,
    title=_PLAIN.title,
    facts=_PLAIN.facts,
    also_reads=_PLAIN.also_reads,
    writes=_PLAIN.writes,
    diagnose=diagnose,
    steps=_PLAIN.steps,
    choices=_PLAIN.choices,
    entry=ENTRY,
)
