"""The chain, as Microsoft documents it: recreate the VM, or stop its protection; the data is always kept here."""

from __future__ import annotations

from ...catalogue import load
from ...model import Diagnosis, Runbook, Situation
from ...protection import (
    VM_GONE_ALSO_READS,
    VM_GONE_CHOICES,
    VM_GONE_FACTS,
    VM_GONE_STEPS,
    diagnose_missing_vm,
)

ENTRY = load("bcmv2_vm_not_found")


def diagnose(situation: Situation) -> Diagnosis:
    """Prove that the VM is gone and not merely moved, before anything is stopped."""
    return diagnose_missing_vm(situation, ENTRY)


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=VM_GONE_FACTS,
    also_reads=VM_GONE_ALSO_READS,
    writes=("protected_items.stop", "backups.trigger"),
    choices=VM_GONE_CHOICES,
    diagnose=diagnose,
    steps=VM_GONE_STEPS,
    entry=ENTRY,
)
