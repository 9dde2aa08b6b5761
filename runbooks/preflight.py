"""Pre-flight of a restore: each input of the request is held against the rules that Azure documents. It only reads.

The rules are data: what each is about, which cause it is when it is broken, and how it is judged. Sources: *How to
restore Azure VM data in Azure portal* (storage accounts, create a VM), and the limits of a subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from arm.errors import Forbidden
from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.facts.inventory import StorageAccount
from arm.facts.restore import Vault

from .targets import KINDS, apart, free_addresses, from_job, in_region

ACCOUNT, GROUP, NETWORK, SUBNET = "storage-account", "resource-group", "virtual-network", "subnet"
POINT, MACHINE, REGION = "recovery-point", "vm-name", "region"
INPUTS = {
    ACCOUNT: "name or id of the storage account for staging",
    GROUP: "name of the resource group that the VM or its disks are restored to",
    NETWORK: "name or id of the virtual network of the restored VM",
    SUBNET: "name or id of its subnet",
    POINT: "id of the recovery point",
    MACHINE: "name of the restored VM",
    REGION: "region that is restored to",
    "job": "name of the failed restore job; the newest one unless given",
}
GROUPS_PER_SUBSCRIPTION = 980
MOST_OFFERED = 5
_BLOBS_ONLY = ("blobstorage", "blockblobstorage", "filestorage")
_USABLE_TIERS = ("valid", "rehydrated")


class Status(str, Enum):
    """What came out of one rule."""

    VALID = "valid"
    INVALID = "invalid"
    NOT_GIVEN = "not given"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Request:
    """A restore as it was, or is to be, asked for.

    Attributes:
        vault: the vault that is restored from.
        values: the inputs by name: the operator's, else those that the failed job notes.
        given: the names of those that the operator gave.
        check_health: ask Resource Health of the storage account, too.
    """

    facts: VmFacts
    vault: Vault
    values: Mapping[str, str]
    given: frozenset[str] = field(default_factory=frozenset)
    check_health: bool = False


Seen = tuple[bool, str]
"""Whether a thing is as the rule wants it, and what was seen."""


@dataclass(frozen=True)
class Rule:
    """One rule that an input has to keep.

    Attributes:
        name: the cause, when it is broken.
        input: the input that it is about.
        summary: the cause in one line.
        judge: says whether the thing that the input names keeps it; ``None``: it has to exist, that is all.
        always: it is judged by the input as given, whether or not there is such a thing, or any input.
    """

    name: str
    input: str
    summary: str
    judge: Callable[[Request, Any], Seen] | None = None
    always: bool = False


@dataclass(frozen=True)
class Result:
    """What came out of one rule for one request.

    Attributes:
        value: the input; empty when it was not given.
        saw: what was seen.
        offers: inputs that would be valid, where this one is not.
    """

    rule: Rule
    value: str
    status: Status
    saw: str
    offers: tuple[str, ...] = ()


def request_of(
    facts: VmFacts, vault: Vault, failed: Job | None, inputs: Mapping[str, str], *, check_health: bool = False
) -> Request:
    """Return the request of a failed job, with the operator's inputs in place of the job's."""
    given = {name: value for name, value in inputs.items() if name in INPUTS and name != "job"}
    values = {**(from_job(failed.properties) if failed is not None else {}), **given}
    network, subnet = apart(values.get(SUBNET, ""))
    if network:
        values = {NETWORK: network, **values, SUBNET: subnet}
        given = given | ({NETWORK: network} if SUBNET in given else {})
    return Request(facts, vault, values, frozenset(given), check_health)


def look(request: Request) -> tuple[Result, ...]:
    """Look at every input of a request."""
    return tuple(_look_at(rule, request) for rule in RULES)


def invalid(results: tuple[Result, ...]) -> tuple[Result, ...]:
    """Return what is not valid."""
    return tuple(one for one in results if one.status is Status.INVALID)


def status_of(name: str, results: tuple[Result, ...]) -> Status:
    """Return what came out for one input, over all its rules: the worst of it."""
    order = (Status.INVALID, Status.NOT_GIVEN, Status.UNKNOWN, Status.VALID)
    return min((one.status for one in results if one.rule.input == name), key=order.index)


def _look_at(rule: Rule, request: Request) -> Result:
    value = request.values.get(rule.input, "")
    if not value and not rule.always:
        return Result(rule, "", Status.NOT_GIVEN, f"the {_words(rule.input)} is not known")
    try:
        status, saw = _judged(rule, request, value)
        wrong = status is Status.INVALID
        return Result(rule, value, status, saw, offers(request, rule.input) if wrong else ())
    except Forbidden as error:
        return Result(rule, value, Status.UNKNOWN, error.message)


def _judged(rule: Rule, request: Request, value: str) -> tuple[Status, str]:
    kind = KINDS[rule.input]
    thing, why, certain = (value, "", True) if rule.always else kind.find(request, value)
    if thing is None:
        wrong = rule.judge is None and certain
        return (Status.INVALID if wrong else Status.UNKNOWN), why
    if rule.judge is None:
        return Status.VALID, f"{kind.say(thing)} exists"
    good, saw = rule.judge(request, thing)
    return Status.VALID if good else Status.INVALID, saw


def offers(request: Request, name: str) -> tuple[str, ...]:
    """Return inputs that would be valid, as they are given; none where nothing can be offered or read."""
    kind = KINDS[name]
    try:
        usable = [thing for thing in kind.all(request) if _keeps_all(request, name, thing)]
    except Forbidden:
        return ()
    return tuple(kind.value(thing) for thing in usable[:MOST_OFFERED])


def _keeps_all(request: Request, name: str, thing: Any) -> bool:
    rules = [rule.judge for rule in RULES if rule.input == name and rule.judge is not None and not rule.always]
    return all(judge(request, thing)[0] for judge in rules)


def thing_of(request: Request, name: str) -> Any:
    """Return the thing that an input names; ``None`` when it is not given or there is none."""
    value = request.values.get(name, "")
    return KINDS[name].find(request, value)[0] if value else None


def describe(request: Request, name: str) -> str:
    """Return what is known of the thing that an input names, for people; the input itself where nothing is."""
    thing = thing_of(request, name)
    return KINDS[name].say(thing) if thing is not None else request.values.get(name, "")


def _words(name: str) -> str:
    return name.replace("-", " ").replace("vm ", "VM ")


# The rules


def _account_region(request: Request, account: StorageAccount) -> Seen:
    return in_region(account.location, request.vault, account.name)


def _account_supported(request: Request, account: StorageAccount) -> Seen:
    sku, kind = account.sku.lower(), account.kind.lower()
    saw = f"{account.name} is {account.kind}, {account.sku}"
    if kind in _BLOBS_ONLY:
        return False, f"{saw}; blob and file storage accounts are not supported"
    if "zrs" in sku:
        return False, f"{saw}; zone redundancy is not supported, only Standard with LRS or GRS"
    vm = request.facts.vm_or_none()
    if sku.startswith("premium") and (vm is None or not any("premium" in disk.storage.lower() for disk in vm.disks)):
        return False, f"{saw}; premium is not supported for a VM without premium disks"
    return True, saw


def _account_reachable(request: Request, account: StorageAccount) -> Seen:  # noqa: ARG001
    network = f"public access {account.public_access}, default {account.default_action}, bypass {account.bypass}"
    saw = f"network rules of {account.name}: {network}"
    if account.default_action.lower() == "deny" and account.sku.lower().startswith("premium"):
        return False, f"{saw}; a premium account with network rules is not supported for managed VMs"
    open_ = account.default_action.lower() == "allow" or "azureservices" in account.bypass.lower()
    return open_ and account.public_access.lower() == "enabled", saw


def _account_online(request: Request, account: StorageAccount) -> Seen:
    primary = account.primary_status or "not told"
    saw = f"{account.name}: status of the primary location {primary}, provisioning {account.state}"
    online = primary.lower() in ("available", "not told") and account.state.lower() == "succeeded"
    if request.check_health:
        health = request.facts.storage_health(account.id)
        saw = f"{saw}, Resource Health {health.state}"
        online = online and health.state.lower() != "unavailable"
    return online, saw


def _unlocked(request: Request, thing: Any) -> Seen:
    locks = [lock for lock in request.facts.locks() if lock.blocks("POST", thing.id)]
    if not locks:
        return True, f"no ReadOnly lock on {thing.name}"
    return False, f"{locks[0].level} lock {locks[0].name!r} on {locks[0].scope} refuses every change of {thing.name}"


def _within_quota(request: Request, value: str) -> Seen:
    groups = request.facts.resource_groups()
    saw = f"{len(groups)} of {GROUPS_PER_SUBSCRIPTION} resource groups of the subscription"
    if any(group.name.lower() == value.lower() for group in groups):
        return True, f"{saw}; {value} exists, so none has to be made"
    return len(groups) < GROUPS_PER_SUBSCRIPTION, saw


def _network_region(request: Request, network: Any) -> Seen:
    return in_region(network.location, request.vault, network.name)


def _room(request: Request, place: Any) -> Seen:  # noqa: ARG001
    free = free_addresses(place.subnet)
    saw = f"{free} addresses of {place.name} ({', '.join(place.subnet.prefixes)}) are free"
    if place.subnet.delegated_to:
        return False, f"{place.name} is delegated to {', '.join(place.subnet.delegated_to)}"
    return free > 0, saw


def _point_usable(request: Request, point: Any) -> Seen:  # noqa: ARG001
    tiers = ", ".join(f"{kind} {status}" for kind, status in point.tiers)
    return any(status.lower() in _USABLE_TIERS for _, status in point.tiers), f"tiers of {point.name}: {tiers}"


def _name_free(request: Request, name: str) -> Seen:
    taken = request.facts.vms_of_name(name)
    return not taken, f"{name} is the name of {taken[0]}" if taken else f"no VM of the subscription is called {name}"


def _in_vault_region(request: Request, region: str) -> Seen:
    if request.vault.cross_region:
        return True, f"vault {request.vault.name} is in {request.vault.location}, with Cross Region Restore"
    return in_region(region, request.vault, "the target")


RULES: tuple[Rule, ...] = (
    Rule("storage-account-missing", ACCOUNT, "the storage account does not exist"),
    Rule(
        "storage-account-other-region",
        ACCOUNT,
        "the storage account is in another region than the vault",
        _account_region,
    ),
    Rule(
        "storage-account-unsupported",
        ACCOUNT,
        "the storage account's kind or redundancy is not supported",
        _account_supported,
    ),
    Rule(
        "storage-account-closed",
        ACCOUNT,
        "the storage account's network rules keep the service out",
        _account_reachable,
    ),
    Rule("storage-account-offline", ACCOUNT, "the storage account is not online", _account_online),
    Rule("storage-account-locked", ACCOUNT, "a lock keeps the storage account from being written to", _unlocked),
    Rule("resource-group-missing", GROUP, "the target resource group does not exist"),
    Rule("resource-group-locked", GROUP, "a lock keeps the target resource group from being written to", _unlocked),
    Rule(
        "resource-group-quota",
        GROUP,
        "the subscription cannot have one more resource group",
        _within_quota,
        always=True,
    ),
    Rule("virtual-network-missing", NETWORK, "the virtual network does not exist in the vault's subscription"),
    Rule(
        "virtual-network-other-region",
        NETWORK,
        "the virtual network is in another region than the vault",
        _network_region,
    ),
    Rule("subnet-missing", SUBNET, "the subnet does not exist in the virtual network"),
    Rule("subnet-unusable", SUBNET, "the subnet has no room for a VM", _room),
    Rule("recovery-point-missing", POINT, "the recovery point does not exist (any more)"),
    Rule("recovery-point-unusable", POINT, "no copy of the recovery point can be restored from", _point_usable),
    Rule("vm-name-taken", MACHINE, "a VM of that name exists", _name_free),
    Rule("region-other", REGION, "the target is in another region than the vault", _in_vault_region),
)
"""Every rule, in the order of the inputs."""
