"""Facts of Microsoft.Network: interfaces, subnets, security groups, virtual networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..ids import normal
from ..session import Session
from .compute import VirtualMachine
from .values import inner

API = "2024-05-01"


@dataclass(frozen=True)
class IpConfiguration:
    """One address of a network interface.

    Attributes:
        allocation: ``Dynamic`` or ``Static``, of the private address.
        public_address_id: the public address bound to it; empty without.
        balancers: ids of the load balancers' backend pools and inbound NAT rules that lead to it.
    """

    name: str
    address: str
    allocation: str
    subnet_id: str
    public_address_id: str
    primary: bool
    balancers: tuple[str, ...] = ()


@dataclass(frozen=True)
class NetworkInterface:
    """A network interface.

    Attributes:
        dns_servers: its own; none means those of the virtual network.
    """

    id: str
    name: str
    location: str
    state: str
    vm_id: str
    primary: bool
    configurations: tuple[IpConfiguration, ...]
    nsg_id: str
    accelerated: bool
    dns_servers: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """A security rule; addresses are prefixes, service tags or ``*``, ports are numbers, ranges or ``*``.

    Attributes:
        default: one of Azure's own, which every group has.
    """

    name: str
    direction: str
    access: str
    priority: int
    protocol: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: tuple[str, ...]
    default: bool


@dataclass(frozen=True)
class SecurityGroup:
    """A network security group; its rules by direction and priority, the default ones included."""

    id: str
    name: str
    location: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Subnet:
    """A subnet; ids are empty where it has no security group or route table of its own.

    Attributes:
        used: how many addresses are taken by network interfaces.
        delegated_to: the services that it is delegated to, which no VM can share with.
    """

    id: str
    name: str
    prefixes: tuple[str, ...]
    nsg_id: str
    route_table_id: str
    used: int = 0
    delegated_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class VirtualNetwork:
    """A virtual network with its subnets."""

    id: str
    name: str
    location: str
    prefixes: tuple[str, ...]
    dns_servers: tuple[str, ...]
    subnets: tuple[Subnet, ...]


def read_nics(session: Session, vm: VirtualMachine) -> tuple[NetworkInterface, ...]:
    """Read the network interfaces of a VM, all at once, the primary one first.

    Permission: ``Microsoft.Network/networkInterfaces/read``.
    """
    return tuple(session.gather([partial(read_nic, session, nic) for nic in vm.nics]))


def read_nic(session: Session, nic_id: str) -> NetworkInterface:
    """Read one network interface. Permission: ``Microsoft.Network/networkInterfaces/read``."""
    body = session.get(nic_id, API)
    properties = inner(body, "properties")
    return NetworkInterface(
        id=str(body.get("id") or nic_id),
        name=str(body.get("name", "")),
        location=str(body.get("location", "")),
        state=str(properties.get("provisioningState") or ""),
        vm_id=str(inner(properties, "virtualMachine").get("id") or ""),
        primary=bool(properties.get("primary")),
        configurations=tuple(_configuration(entry) for entry in properties.get("ipConfigurations") or []),
        nsg_id=str(inner(properties, "networkSecurityGroup").get("id") or ""),
        accelerated=bool(properties.get("enableAcceleratedNetworking")),
        dns_servers=_texts(inner(properties, "dnsSettings").get("dnsServers")),
    )


def _configuration(entry: Mapping[str, Any]) -> IpConfiguration:
    properties = inner(entry, "properties")
    return IpConfiguration(
        name=str(entry.get("name", "")),
        address=str(properties.get("privateIPAddress") or ""),
        allocation=str(properties.get("privateIPAllocationMethod") or ""),
        subnet_id=str(inner(properties, "subnet").get("id") or ""),
        public_address_id=str(inner(properties, "publicIPAddress").get("id") or ""),
        primary=bool(properties.get("primary")),
        balancers=tuple(
            str(one.get("id", ""))
            for key in ("loadBalancerBackendAddressPools", "loadBalancerInboundNatRules")
            for one in properties.get(key) or []
        ),
    )


def _texts(values: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(str(value) for value in values or ())


def read_subnets(session: Session, nics: Sequence[NetworkInterface]) -> tuple[Subnet, ...]:
    """Read the subnets that interfaces are in, each once.

    Permission: ``Microsoft.Network/virtualNetworks/subnets/read``.
    """
    ids = {normal(one.subnet_id): one.subnet_id for nic in nics for one in nic.configurations if one.subnet_id}
    return tuple(_subnet(body) for body in session.gather([partial(session.get, one, API) for one in ids.values()]))


def _subnet(body: Mapping[str, Any]) -> Subnet:
    properties = inner(body, "properties")
    return Subnet(
        id=str(body.get("id", "")),
        name=str(body.get("name", "")),
        prefixes=_texts(properties.get("addressPrefixes") or [properties.get("addressPrefix") or ""]),
        nsg_id=str(inner(properties, "networkSecurityGroup").get("id") or ""),
        route_table_id=str(inner(properties, "routeTable").get("id") or ""),
        used=len(properties.get("ipConfigurations") or []),
        delegated_to=_texts(
            inner(one, "properties").get("serviceName") or one.get("name", "")
            for one in properties.get("delegations") or []
        ),
    )


def read_security_groups(session: Session, ids: Iterable[str]) -> tuple[SecurityGroup, ...]:
    """Read security groups with their rules, each once.

    Permission: ``Microsoft.Network/networkSecurityGroups/read``.
    """
    wanted = {normal(one): one for one in ids if one}
    return tuple(session.gather([partial(_security_group, session, one) for one in wanted.values()]))


def _security_group(session: Session, group_id: str) -> SecurityGroup:
    body = session.get(group_id, API)
    properties = inner(body, "properties")
    rules = [
        _rule(entry, default=default)
        for key, default in (("securityRules", False), ("defaultSecurityRules", True))
        for entry in properties.get(key) or []
    ]
    return SecurityGroup(
        id=str(body.get("id") or group_id),
        name=str(body.get("name", "")),
        location=str(body.get("location", "")),
        rules=tuple(sorted(rules, key=lambda rule: (rule.direction, rule.priority))),
    )


def _rule(entry: Mapping[str, Any], *, default: bool) -> Rule:
    properties = inner(entry, "properties")

    def several(one: str, more: str) -> tuple[str, ...]:
        single = properties.get(one)
        return tuple(dict.fromkeys(_texts([single] if single else []) + _texts(properties.get(more))))

    return Rule(
        name=str(entry.get("name", "")),
        direction=str(properties.get("direction") or ""),
        access=str(properties.get("access") or ""),
        priority=int(properties.get("priority") or 0),
        protocol=str(properties.get("protocol") or ""),
        sources=several("sourceAddressPrefix", "sourceAddressPrefixes"),
        destinations=several("destinationAddressPrefix", "destinationAddressPrefixes"),
        ports=several("destinationPortRange", "destinationPortRanges"),
        default=default,
    )


def read_virtual_networks(session: Session, subscription: str) -> tuple[VirtualNetwork, ...]:
    """Read all virtual networks of a subscription (an id, without slashes), with their subnets.

    Permission: ``Microsoft.Network/virtualNetworks/read``.
    """
    path = f"/subscriptions/{subscription}/providers/Microsoft.Network/virtualNetworks"
    return tuple(_virtual_network(entry) for entry in session.pages(path, API))


def read_virtual_network(session: Session, network_id: str) -> VirtualNetwork:
    """Read one virtual network with its subnets. Permission: ``Microsoft.Network/virtualNetworks/read``."""
    return _virtual_network(session.get(network_id, API))


def _virtual_network(body: Mapping[str, Any]) -> VirtualNetwork:
    properties = inner(body, "properties")
    return VirtualNetwork(
        id=str(body.get("id", "")),
        name=str(body.get("name", "")),
        location=str(body.get("location", "")),
        prefixes=_texts(inner(properties, "addressSpace").get("addressPrefixes")),
        dns_servers=_texts(inner(properties, "dhcpOptions").get("dnsServers")),
        subnets=tuple(_subnet(entry) for entry in properties.get("subnets") or []),
    )
