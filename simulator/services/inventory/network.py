"""Networks: what a machine gets when it is made, and the properties of each type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator.wire import Json

if TYPE_CHECKING:
    from simulator.services.compute.model import Vm

    from .state import InventoryState, Resource

NIC = "Microsoft.Network/networkInterfaces"
NSG = "Microsoft.Network/networkSecurityGroups"
VNET = "Microsoft.Network/virtualNetworks"
ADDRESS = "Microsoft.Network/publicIPAddresses"
SUBNET = "default"

_DEFAULT_RULES = (
    ("AllowVnetInBound", "Inbound", "Allow", 65000, "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", "Inbound", "Allow", 65001, "AzureLoadBalancer", "*"),
    ("DenyAllInBound", "Inbound", "Deny", 65500, "*", "*"),
    ("AllowVnetOutBound", "Outbound", "Allow", 65000, "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", "Outbound", "Allow", 65001, "*", "Internet"),
    ("DenyAllOutBound", "Outbound", "Deny", 65500, "*", "*"),
)


def connect(inventory: InventoryState, vm: Vm) -> Resource:
    """Make the network interface of a VM in its group's virtual network, with a security group of its own."""
    network = _network(inventory, vm)
    subnet = network.properties["subnets"][0]["id"]
    guard = inventory.add(NSG, vm.group, f"{vm.name}-nsg", security_group(), location=vm.location)
    taken = len(inventory.of_type(NIC))
    properties = interface(subnet, f"10.0.0.{4 + taken}", f"{taken:02X}", guard.id)
    nic = inventory.add(NIC, vm.group, f"{vm.name}-nic", properties, location=vm.location)
    for configuration in nic.properties["ipConfigurations"]:
        configuration["id"] = f"{nic.id}/ipConfigurations/{configuration['name']}"
    return nic


def _network(inventory: InventoryState, vm: Vm) -> Resource:
    wanted = f"{inventory.world.resources.group_id(vm.group)}/providers/{VNET}/{vm.group}-vnet"
    return inventory.find(wanted) or virtual_network(inventory, vm.group, f"{vm.group}-vnet", vm.location)


def virtual_network(
    inventory: InventoryState, group: str, name: str, location: str, *, space: str = "10.0.0.0/16"
) -> Resource:
    """Make a virtual network with one subnet, ``default``."""
    network = inventory.add(
        VNET,
        group,
        name,
        {
            "provisioningState": "Succeeded",
            "addressSpace": {"addressPrefixes": [space]},
            "dhcpOptions": {"dnsServers": []},
            "subnets": [],
            "virtualNetworkPeerings": [],
            "enableDdosProtection": False,
        },
        location=location,
    )
    add_subnet(network, SUBNET, re.sub(r"/\d+$", "/24", space))
    return network


def add_subnet(network: Resource, name: str, prefix: str, **properties: Any) -> Json:
    """Add a subnet to a virtual network and return it."""
    subnet: Json = {
        "name": name,
        "id": f"{network.id}/subnets/{name}",
        "type": f"{VNET}/subnets",
        "properties": {
            "provisioningState": "Succeeded",
            "addressPrefix": prefix,
            "delegations": [],
            "privateEndpointNetworkPolicies": "Disabled",
            "privateLinkServiceNetworkPolicies": "Enabled",
            **properties,
        },
    }
    network.properties["subnets"].append(subnet)
    return subnet


def interface(subnet: str, address: str, number: str, guard: str = "") -> Json:
    """Return the properties of a network interface with one dynamic address."""
    properties: Json = {
        "provisioningState": "Succeeded",
        "ipConfigurations": [
            {
                "name": "ipconfig1",
                "id": "",
                "type": f"{NIC}/ipConfigurations",
                "properties": {
                    "provisioningState": "Succeeded",
                    "privateIPAddress": address,
                    "privateIPAllocationMethod": "Dynamic",
                    "subnet": {"id": subnet},
                    "primary": True,
                    "privateIPAddressVersion": "IPv4",
                },
            }
        ],
        "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
        "macAddress": f"00-0D-3A-00-00-{number}",
        "enableAcceleratedNetworking": False,
        "enableIPForwarding": False,
        "nicType": "Standard",
    }
    if guard:
        properties["networkSecurityGroup"] = {"id": guard}
    return properties


def rule(name: str, direction: str, access: str, priority: int, source: str, target: str, port: str = "*") -> Json:
    """Return a security rule without its id; ``source`` and ``target`` are prefixes or service tags."""
    return {
        "name": name,
        "properties": {
            "provisioningState": "Succeeded",
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": port,
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": target,
            "access": access,
            "priority": priority,
            "direction": direction,
            "sourcePortRanges": [],
            "destinationPortRanges": [],
            "sourceAddressPrefixes": [],
            "destinationAddressPrefixes": [],
        },
    }


def security_group() -> Json:
    """Return the properties of a security group without rules of its own."""
    return {
        "provisioningState": "Succeeded",
        "securityRules": [],
        "defaultSecurityRules": [rule(*entry) for entry in _DEFAULT_RULES],
    }
