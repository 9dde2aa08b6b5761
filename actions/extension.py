"""Uninstall the backup service's VM extension."""

from __future__ import annotations

from arm.facts.collect import VmFacts

from .change import Change, Effects, Impact, NoChange


def uninstall_vmsnapshot_extension(facts: VmFacts) -> Effects:
    """Uninstall VMSnapshot (Windows) or VMSnapshotLinux; the next backup installs it again.

    Found by publisher and type, never by name: no other extension is ever touched.

    Args:
        facts: facts of the VM.

    Permission: ``Microsoft.Compute/virtualMachines/extensions/delete``.
    Source: catalogue action ``uninstall_vmsnapshot_extension``.
    """
    if facts.vm_or_none() is None:
        yield NoChange("the VM does not exist any more")
        return
    found = [extension for extension in facts.extensions() if extension.is_vmsnapshot]
    if not found:
        yield NoChange("the VMSnapshot extension is not installed")
    for extension in found:
        yield Change(
            action="uninstall_vmsnapshot_extension",
            operation="virtual_machine_extensions.delete",
            target=extension.id,
            summary=f"uninstall the extension {extension.name} ({extension.type}, {extension.provisioning_state})",
            reason="the next backup installs it afresh",
            before={"type": extension.type, "provisioning_state": extension.provisioning_state},
            after=None,
            impact=Impact.NONE,
        )
