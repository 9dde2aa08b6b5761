"""Errors of a restore that only classic cloud services knew, and what remains of them for a VM of Resource Manager."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arm.facts.collect import VmFacts
from arm.facts.network import NetworkInterface

from .model import Cause, Standing
from .preflight import Request


@dataclass(frozen=True)
class Past:
    """A cause that a VM of Resource Manager cannot have: it is in no cloud service."""

    name: str
    summary: str


@dataclass(frozen=True)
class Special:
    """A cause that the VM's network interfaces show: such a VM is restored as disks.

    Attributes:
        signs: what speaks for it; nothing does when the network is plain.
    """

    name: str
    summary: str
    signs: Callable[[tuple[NetworkInterface, ...]], list[str]]


def classic(*causes: Past | Special) -> Callable[[VmFacts, Request], tuple[Cause, ...]]:
    """Return what looks at these causes."""
    return lambda facts, request: tuple(_look_at(cause, facts) for cause in causes)  # noqa: ARG005


def _look_at(cause: Past | Special, facts: VmFacts) -> Cause:
    if isinstance(cause, Past):
        why = f"{facts.vm_id} is a VM of Resource Manager: it is in no cloud service, so this cannot be"
        return Cause(cause.name, cause.summary, Standing.RULED_OUT, (), (why,))
    if facts.vm_or_none() is None:
        return Cause(cause.name, cause.summary, Standing.POSSIBLE, (), ("the VM does not exist any more",))
    nics = facts.nics()
    signs = cause.signs(nics)
    if signs:
        return Cause(cause.name, cause.summary, Standing.FOUND, tuple(signs))
    plain = f"{_spoken(nics)}; at most one public address, no load balancer"
    return Cause(cause.name, cause.summary, Standing.RULED_OUT, (), (plain,))


def _several_nics(nics: tuple[NetworkInterface, ...]) -> list[str]:
    return [_spoken(nics)] if len(nics) > 1 else []


def _public_addresses(nics: tuple[NetworkInterface, ...]) -> list[str]:
    found = [one.public_address_id for nic in nics for one in nic.configurations if one.public_address_id]
    names = ", ".join(one.rsplit("/", 1)[-1] for one in found)
    return [f"{len(found)} public addresses: {names}"] if len(found) > 1 else []


def _load_balancers(nics: tuple[NetworkInterface, ...]) -> list[str]:
    found = [one for nic in nics for configuration in nic.configurations for one in configuration.balancers]
    return [f"behind a load balancer: {', '.join(found)}"] if found else []


def _spoken(nics: tuple[NetworkInterface, ...]) -> str:
    return f"{len(nics)} network interface{'' if len(nics) == 1 else 's'}: {', '.join(nic.name for nic in nics)}"


NAME_TAKEN = Past("classic-dns-name-taken", "the name of the cloud service (*.cloudapp.net) is not unique")
DNS_SETTINGS = Past("classic-dns-settings", "the target cloud service has DNS settings")
RESERVED_IP = Past("classic-reserved-ip", "the target cloud service has a reserved IP that does not fit")
ENDPOINTS = Past("classic-endpoint-limit", "the target cloud service has as many input endpoints as it may have")
SPECIAL_NETWORK = Special(
    "special-network",
    "the VM has a network configuration that is not restored with it",
    lambda nics: [*_several_nics(nics), *_public_addresses(nics), *_load_balancers(nics)],
)
RESERVED_ADDRESSES = Special(
    "several-addresses", "the VM has several public addresses, which are not restored with it", _public_addresses
)
BALANCED = Special(
    "load-balanced", "the VM is behind a load balancer, whose rules are not restored with it", _load_balancers
)
