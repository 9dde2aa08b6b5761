"""The VM's disks: can they be backed up, and may the backup service use the keys of those that are encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from actions.disks import backed_up
from arm.facts.collect import VmFacts
from arm.facts.compute import VmDisk
from arm.facts.inventory import EncryptionSetting, KeyVault, ManagedDisk
from arm.ids import normal, spoken

from .model import Check, Seen, Status, Where
from .sources import ENCRYPTION, SNAPSHOT_TIMEOUT, SUPPORT_MATRIX

LARGEST_GB = 32 * 1024
"""A disk may have 32 TB, in GiB."""
LARGEST_ENCRYPTED_GB = 4 * 1024
LARGEST_VM_GB = 256 * 1024
MOST_DATA_DISKS = 32
ENHANCED_ONLY = ("ultrassd_lrs", "premiumv2_lrs")
"""Disks that need a policy of the Enhanced kind."""
NEEDED = ("get", "list", "backup")
"""What the backup service needs on secrets, and on keys where there is a key encryption key."""


def _support(facts: VmFacts) -> Seen:
    vm, item = facts.vm(), facts.item()
    taken = backed_up(vm, item)
    managed = {normal(disk.id): disk for disk in facts.disks()}
    sizes = [(disk, size_of(disk, managed)) for disk in taken]
    amiss = [text for disk, size in sizes for text in _amiss(disk, size, managed.get(normal(disk.id)))]
    total = sum(size for _, size in sizes if size is not None)
    if total > LARGEST_VM_GB:
        amiss.append(f"{total} GiB in all, {total - LARGEST_VM_GB} GiB more than {LARGEST_VM_GB} GiB (256 TB)")
    data = sum(disk.lun is not None for disk in taken)
    if data > MOST_DATA_DISKS:
        amiss.append(f"{data} data disks, {data - MOST_DATA_DISKS} more than {MOST_DATA_DISKS}")
    fast = [disk.name for disk in taken if _sku(disk, managed.get(normal(disk.id))) in ENHANCED_ONLY]
    policy = facts.policy() if fast else None
    if policy is not None and policy.kind.lower() == "v1":
        amiss.append(
            f"{', '.join(fast)} (Ultra or Premium SSD v2) need an Enhanced policy, and {policy.name} is Standard"
        )
    left_out = f", {len(vm.disks) - len(taken)} left out of the backup" if len(taken) < len(vm.disks) else ""
    if amiss:
        return Status.FAIL, "; ".join(amiss) + left_out
    unknown = [disk.name for disk, size in sizes if size is None]
    if unknown or (fast and policy is None):
        what = f"size of {', '.join(unknown)}" if unknown else f"the kind of policy, which {', '.join(fast)} depend on"
        return Status.UNKNOWN, f"not known: {what}"
    return Status.PASS, f"{len(taken)} disks with {total} GiB in all{left_out}"


def size_of(disk: VmDisk, managed: Mapping[str, ManagedDisk]) -> int | None:
    """Return a disk's size in GiB, as the managed disk has it, else as the VM's model does; ``None``: not known."""
    known = managed.get(normal(disk.id))
    return known.size_gb if known is not None and known.size_gb is not None else disk.size_gb


def largest(managed: ManagedDisk | None) -> int:
    """Return how large a disk may be, in GiB."""
    return LARGEST_ENCRYPTED_GB if managed is not None and managed.encrypted else LARGEST_GB


def _sku(disk: VmDisk, managed: ManagedDisk | None) -> str:
    return (managed.sku if managed is not None else disk.storage).lower()


def _amiss(disk: VmDisk, size: int | None, managed: ManagedDisk | None) -> Iterator[str]:
    place = "OS disk" if disk.lun is None else f"LUN {disk.lun}"
    most = largest(managed)
    if size is not None and size > most:
        kind = "32 TB" if most == LARGEST_GB else "4 TB for a disk with Azure Disk Encryption"
        yield f"{disk.name} ({place}) has {size} GiB, {size - most} GiB more than {most} GiB ({kind})"
    if managed is not None and managed.max_shares > 1:
        yield f"{disk.name} ({place}) is a shared disk (maxShares {managed.max_shares})"
    if disk.ephemeral:
        yield f"{disk.name} ({place}) is ephemeral: it is on the host, and no backup can read it"


def _key_vault(facts: VmFacts) -> Seen:
    settings = [(disk, one) for disk in facts.disks() for one in disk.settings]
    if not settings:
        return Status.PASS, "no disk is encrypted with Azure Disk Encryption"
    vaults = {normal(vault.id): vault for vault in facts.key_vaults()}
    seen = [(disk, _may_use(one, vaults)) for disk, one in settings]
    for status in (Status.FAIL, Status.UNKNOWN):
        found = dict.fromkeys(f"{disk.name}: {text}" for disk, (known, text) in seen if known is status)
        if found:
            return status, "; ".join(found)
    return Status.PASS, "; ".join(dict.fromkeys(text for _, (_, text) in seen))


def _may_use(one: EncryptionSetting, vaults: dict[str, KeyVault]) -> Seen:
    """Judge one disk's keys. Which principal is the backup service's is known to Microsoft Entra, not to ARM."""
    missing = [name for name in (one.secret_vault_id, one.key_vault_id) if name and normal(name) not in vaults]
    if missing:
        return Status.FAIL, f"{spoken(missing[0])} does not exist"
    wanted = [("secrets", one.secret_vault_id)] + ([("keys", one.key_vault_id)] if one.key_vault_id else [])
    notes = []
    for kind, vault_id in wanted:
        vault = vaults[normal(vault_id)]
        if vault.rbac:
            notes.append(f"key vault {vault.name} uses roles: see which one the backup service has on {kind}")
            continue
        able = [policy.object_id for policy in vault.policies if policy.allows(kind, *NEEDED)]
        if not able:
            return (
                Status.FAIL,
                f"key vault {vault.name} lets nobody {', '.join(NEEDED)} {kind}, the backup service included",
            )
        notes.append(
            f"key vault {vault.name} lets {', '.join(able)} {', '.join(NEEDED)} {kind}: is the service among them?"
        )
    return Status.UNKNOWN, "; ".join(notes)


SUPPORT = Check(
    id="CHK-DISK-SUPPORT",
    title="Azure Backup supports every disk",
    where=Where.ARM,
    facts=("vm", "disks", "protection", "item"),
    also_reads=("policy",),
    expected="at most 32 TB a disk (4 TB with Azure Disk Encryption), 256 TB a VM, 32 data disks; none shared or "
    "ephemeral; Ultra and Premium SSD v2 under an Enhanced policy",
    why="One disk that cannot be backed up makes the whole backup fail. It can be left out by selective disk backup.",
    source=f"{SUPPORT_MATRIX}, VM storage support",
    look=_support,
    fleet=True,
)
KEYVAULT = Check(
    id="CHK-KEYVAULT",
    title="The backup service may use the keys of encrypted disks",
    where=Where.ARM,
    facts=("vm", "disks", "key_vaults"),
    expected=f"Backup Management Service may {', '.join(NEEDED)} secrets, and keys where there is a key encryption key",
    why="Without these permissions in the key vault, a VM with Azure Disk Encryption cannot be backed up or restored.",
    source=f"{ENCRYPTION}, provide permissions; {SNAPSHOT_TIMEOUT}, step 4",
    look=_key_vault,
)
