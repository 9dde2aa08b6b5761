"""What the inputs of a restore name: how each is found, which others there are, and how it is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from arm.facts.backup import RecoveryPoint
from arm.facts.inventory import StorageAccount
from arm.facts.network import Subnet, VirtualNetwork
from arm.facts.restore import Group, Vault
from arm.facts.times import iso
from arm.ids import looks_like_id, parse, same

if TYPE_CHECKING:
    from .preflight import Request

SERVICE_GROUPS = "azurebackuprg_"
RESERVED = 5
"""Addresses that Azure keeps of every subnet."""
IN_JOB: Mapping[str, tuple[str, ...]] = {
    "storage-account": ("target", "storage account", "name"),
    "resource-group": ("target", "resource group"),
    "virtual-network": ("virtual network",),
    "subnet": ("subnet",),
    "vm-name": ("target", "virtual machine", "name"),
    "recovery-point": ("recovery point", "time"),
}
"""Words of the names under which a restore job notes its inputs in its ``propertyBag``.

Microsoft documents "Target Storage Account Name", "Target resource group" and "Recovery point time " (with the blank)
of a job that restores disks; what else a job may note is not documented, so the words decide.
"""
_JOB_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d)(?: ([AP])M)?", re.IGNORECASE)
_NEAR = timedelta(seconds=1)

Found = tuple[Any, str, bool]
"""The thing, or ``None`` with why it is not found, and whether that is certain."""


@dataclass(frozen=True)
class Kind:
    """What one input names.

    Attributes:
        find: finds what a value names.
        all: everything that could be named instead.
        value: what an operator would give to name a thing.
        say: a thing, for people.
    """

    find: Callable[[Request, str], Found]
    all: Callable[[Request], Iterable[Any]]
    value: Callable[[Any], str]
    say: Callable[[Any], str]


@dataclass(frozen=True)
class Place:
    """A subnet, and the network that it is in."""

    network: VirtualNetwork
    subnet: Subnet

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.network.name}/{self.subnet.name}"


def from_job(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs that a restore job notes."""
    found: dict[str, str] = {}
    for noted, value in properties.items():
        label = " ".join(noted.lower().split())
        for name, words in IN_JOB.items():
            if value.strip() and all(word in label for word in words):
                found.setdefault(name, value.strip())
    return found


def apart(subnet: str) -> tuple[str, str]:
    """Return network and name of a subnet given as ``NETWORK/SUBNET`` or by its id; no network for a bare name.

    >>> apart("vnet-web/default")
    ('vnet-web', 'default')
    """
    network, _, name = subnet.rpartition("/")
    return network.removesuffix("/subnets"), name


def in_region(location: str, vault: Vault, what: str) -> tuple[bool, str]:
    """Say whether something is in the vault's region, and what was seen."""
    saw = f"{what} is in {location}, vault {vault.name} in {vault.location}"
    return _squeezed(location) == _squeezed(vault.location), saw


def _squeezed(region: str) -> str:
    return region.replace(" ", "").lower()


def free_addresses(subnet: Subnet) -> int:
    """Return how many IPv4 addresses of a subnet are free at the most: private endpoints and others may take more."""
    sizes = [ip_network(prefix, strict=False) for prefix in subnet.prefixes if prefix and ":" not in prefix]
    return max(0, sum(one.num_addresses - RESERVED for one in sizes) - subnet.used)


def _elsewhere(request: Request, value: str) -> str:
    """Return the subscription of an id when it is not the vault's; empty when it is, or for a name."""
    if not looks_like_id(value):
        return ""
    subscription = value.strip("/").split("/")[1]
    return subscription if subscription.lower() != request.facts.subscription.lower() else ""


def _named(things: Iterable[Any], value: str) -> list[Any]:
    if looks_like_id(value):
        return [one for one in things if same(one.id, value)]
    return [one for one in things if one.name.lower() == value.lower()]


def _account(request: Request, value: str) -> Found:
    other = _elsewhere(request, value)
    if other:
        return None, f"{value} is in the subscription {other}, which is not looked at", False
    found = _named(request.facts.storage_accounts(), value)
    return (found[0], "", True) if found else (None, f"no storage account of the subscription is {value}", True)


def _group(request: Request, value: str) -> Found:
    found = _named(request.facts.resource_groups(), value)
    return (found[0], "", True) if found else (None, f"no resource group of the subscription is {value}", True)


def _groups(request: Request) -> list[Group]:
    """Return the groups that people made: those of the backup service are not for restored machines."""
    return [one for one in request.facts.resource_groups() if not one.name.lower().startswith(SERVICE_GROUPS)]


def _network(request: Request, value: str) -> Found:
    other = _elsewhere(request, value)
    if other:
        return None, f"{value} is in the subscription {other}, not in the vault's", True
    found = _named(request.facts.all_networks(), value)
    near = [one for one in found if in_region(one.location, request.vault, "")[0]] or found
    if len(near) > 1:
        return None, f"{len(near)} virtual networks are {value}: {', '.join(one.id for one in near)}", False
    return (near[0], "", True) if near else (None, f"no virtual network of the subscription is {value}", True)


def _subnet(request: Request, value: str) -> Found:
    """Find a subnet in the network that is named beside it; without one, in any of the region."""
    network = request.values.get("virtual-network", "")
    if network:
        inside, why, _ = _network(request, network)
        if inside is None:
            return None, why, False
        found = [Place(inside, one) for one in inside.subnets if one.name.lower() == value.lower()]
        names = ", ".join(one.name for one in inside.subnets) or "none"
        return (found[0], "", True) if found else (None, f"{inside.name} has no subnet {value}; it has {names}", True)
    found = [place for place in _subnets(request) if place.subnet.name.lower() == value.lower()]
    if not found:
        return None, f"no virtual network in {request.vault.location} has a subnet {value}", True
    places = ", ".join(place.name for place in found)
    return None, f"the virtual network is not known; a subnet {value} is in {places}", False


def _subnets(request: Request) -> list[Place]:
    """Return the subnets of the network that is named, where it exists; else of every network in the region."""
    network = request.values.get("virtual-network", "")
    inside = _network(request, network)[0] if network else None
    near = [one for one in request.facts.all_networks() if in_region(one.location, request.vault, "")[0]]
    return [Place(one, subnet) for one in ([inside] if inside in near else near) for subnet in one.subnets]


def _point(request: Request, value: str) -> Found:
    points, at = request.facts.recovery_points(), _job_time(value)
    wanted = parse(value).name if looks_like_id(value) else value
    for point in points:
        near = at is not None and point.time is not None and abs(point.time - at) <= _NEAR
        if near or point.name.lower() == wanted.lower():
            return point, "", True
    return None, f"none of {len(points)} recovery points is {value}", True


def _job_time(text: str) -> datetime | None:
    """Return the time of a text as restore jobs write it, such as ``12/25/2019 10:07:11 PM``, in UTC."""
    found = _JOB_TIME.fullmatch(text.strip())
    if found is None:
        return None
    month, day, year, hour, minute, second = (int(part) for part in found.groups()[:6])
    half = (found[7] or "").upper()
    if half:
        hour = hour % 12 + (12 if half == "P" else 0)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None


def _just_as_given(request: Request, value: str) -> Found:  # noqa: ARG001
    return value, "", True


def _free_names(request: Request) -> list[str]:
    name = request.facts.vm_id.rpartition("/")[2]
    return [f"{name}-restored"]


def _name(thing: Any) -> str:
    return str(thing.name)


def _say_account(account: StorageAccount) -> str:
    return f"{account.name} ({account.kind}, {account.sku}, {account.location})"


def _say_group(group: Group) -> str:
    return f"{group.name} ({group.location})"


def _say_network(network: VirtualNetwork) -> str:
    return f"{network.name} ({network.location}, subnets {', '.join(one.name for one in network.subnets) or 'none'})"


def _say_point(point: RecoveryPoint) -> str:
    return f"{point.name} of {iso(point.time) if point.time else 'an unknown time'}"


KINDS: Mapping[str, Kind] = {
    "storage-account": Kind(_account, lambda request: request.facts.storage_accounts(), _name, _say_account),
    "resource-group": Kind(_group, _groups, _name, _say_group),
    "virtual-network": Kind(_network, lambda request: request.facts.all_networks(), _name, _say_network),
    "subnet": Kind(_subnet, _subnets, _name, _name),
    "recovery-point": Kind(_point, lambda request: reversed(request.facts.recovery_points()), _name, _say_point),
    "vm-name": Kind(_just_as_given, _free_names, str, str),
    "region": Kind(_just_as_given, lambda request: [request.vault.location], str, str),
}
"""By the name of the input."""
