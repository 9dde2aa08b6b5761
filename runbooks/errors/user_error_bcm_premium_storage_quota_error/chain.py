"""The chain, as Microsoft documents it: keep as much free in the storage account as the premium disks hold; back up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from arm.facts.collect import VmFacts
from arm.facts.compute import VmDisk
from arm.facts.inventory import StorageAccount
from arm.ids import parse

from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing
from ...shared import BACK_UP, FACTS, advise, basics, outset

ENTRY = load("user_error_bcm_premium_storage_quota_error")
AGAIN = "back-up"
HALF = "half of the account (17.5 TB of 35 TB)"
_SUMMARY = "the storage account of unmanaged premium disks has no room for the copy of a snapshot"


def diagnose(situation: Situation) -> Diagnosis:
    """Find out which storage accounts hold premium disks of the VM, and how much room a copy of them needs."""
    facts = situation.facts
    early = outset(facts, ENTRY)
    if early is not None:
        return early
    disks = _by_account(facts)
    accounts = {one.name.lower(): one for one in facts.storage_accounts()} if disks else {}
    findings = (*basics(facts), *(Finding("storage account", _spoken(*one, accounts)) for one in disks.items()))
    premium = {name: held for name, held in disks.items() if _premium(accounts.get(name))}
    if not premium:
        kind = "the unmanaged disks are in standard storage" if disks else "every disk is a managed disk"
        why = f"{kind}: no snapshot is copied inside a storage account"
        ruled_out = Cause("account-full", _SUMMARY, Standing.RULED_OUT, (), (why,))
        return Diagnosis(Decision.REPAIR, f"{why} (any more)", findings, causes=(ruled_out,))
    evidence = tuple(_spoken(name, held, accounts) for name, held in premium.items())
    cause = Cause("account-full", _SUMMARY, Standing.POSSIBLE, evidence)
    if situation.choice == AGAIN:
        return Diagnosis(Decision.REPAIR, "room is said to have been made", findings, causes=(cause,))
    return advise(evidence[0], _make_room(facts, premium, accounts), findings, cause)


def _by_account(facts: VmFacts) -> dict[str, list[VmDisk]]:
    """Return the unmanaged disks by the name of the storage account that holds them."""
    found: dict[str, list[VmDisk]] = {}
    for disk in facts.vm().disks:
        if disk.vhd:
            name = (urlsplit(disk.vhd).hostname or "").partition(".")[0]
            found.setdefault(name.lower(), []).append(disk)
    return found


def _premium(account: StorageAccount | None) -> bool:
    """Say whether an account may be one of premium storage; one that cannot be seen may."""
    return account is None or account.sku.lower().startswith("premium")


def _size(disks: Sequence[VmDisk]) -> int:
    return sum(disk.size_gb or 0 for disk in disks)


def _spoken(name: str, disks: Sequence[VmDisk], accounts: Mapping[str, StorageAccount]) -> str:
    account = accounts.get(name)
    kind = account.sku if account is not None else "not seen in this subscription"
    names = ", ".join(disk.name for disk in disks)
    return f"{name} ({kind}) holds {names}: a copy needs up to {_size(disks)} GiB free"


def _make_room(facts: VmFacts, premium: Mapping[str, Sequence[VmDisk]], accounts: Mapping[str, StorageAccount]) -> str:
    vm, name = parse(facts.vm_id), next(iter(premium))
    account = accounts.get(name)
    resource = account.id if account is not None else f"ID-OF-{name}"
    return (
        f"See what is used: az monitor metrics list --resource {resource} --metric UsedCapacity --interval PT1H. "
        f"Keep {_size(premium[name])} GiB free, and at most {HALF} used: delete what nobody needs, or move the VM to "
        f"another account. Or convert the disks to managed disks, for which the VM is deallocated: az vm convert "
        f"--resource-group {vm.resource_group} --name {vm.name}. Then run again with --choose {AGAIN}."
    )


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=FACTS,
    also_reads=("recovery_points", "storage_accounts"),
    writes=("backups.trigger",),
    choices={AGAIN: "there is room in the storage account: back up, which proves it"},
    diagnose=diagnose,
    steps=(BACK_UP,),
    entry=ENTRY,
)
