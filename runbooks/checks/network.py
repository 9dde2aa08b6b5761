"""The VM's network, as far as Azure sees it: rules, name servers, addresses."""

from __future__ import annotations

from collections.abc import Iterator

from arm.facts.collect import VmFacts
from arm.facts.guest import GuestFacts
from arm.facts.network import Rule, SecurityGroup

from .agent import PLATFORM, version_of
from .guest import readable, some, together
from .model import Check, Seen, Status, Where
from .sources import SNAPSHOT_TIMEOUT, TROUBLESHOOT, WINDOWS_AGENT

PLATFORM_DNS = "168.63.129.16"
HTTPS = 443
_EVERYWHERE = ("*", "internet", "0.0.0.0/0")
_NOT_SEEN = "; that they resolve Azure's names is not seen here"
_ONLY_GUEST = "; only the guest shows whether it takes it by DHCP"
_TAGS = ("storage", "azurecloud")


def blocking_rule(group: SecurityGroup, location: str) -> Rule | None:
    """Return the rule that keeps a VM from its region's Azure Storage: the first one that matches, if it denies.

    Args:
        group: the security group.
        location: the VM's region, as Azure names it (``westeurope``).
    """
    for rule in sorted(group.rules, key=lambda one: one.priority):
        if rule.direction.lower() == "outbound" and _covers_storage(rule, location):
            return rule if rule.access.lower() == "deny" else None
    return None


def _covers_storage(rule: Rule, location: str) -> bool:
    """Say whether a rule is about traffic to storage as a whole; single addresses are not."""
    names = [one.lower() for one in rule.destinations]
    tags = [*_TAGS, *(f"{tag}.{location.lower()}" for tag in _TAGS)]
    there = any(name in (*_EVERYWHERE, *tags) for name in names)
    return there and rule.protocol.lower() in ("*", "tcp") and any(_has_port(port) for port in rule.ports)


def _has_port(ports: str) -> bool:
    low, _, high = ports.partition("-")
    if ports == "*":
        return True
    return low.isdecimal() and int(low) <= HTTPS <= int(high if high.isdecimal() else low)


def _storage(facts: VmFacts) -> Seen:
    vm = facts.vm()
    blocked = [(group, rule) for group in facts.nsgs() if (rule := blocking_rule(group, vm.location)) is not None]
    routes = [subnet.name for subnet in facts.subnets() if subnet.route_table_id]
    routed = f"; the subnet {routes[0]} has a route table, which is not looked at" if routes else ""
    if not blocked:
        return Status.PASS, f"no security group denies TCP {HTTPS} to Azure Storage{routed}"
    group, rule = blocked[0]
    shown = f"{group.name}: rule {rule.name} ({rule.priority}) denies TCP {HTTPS} to {', '.join(rule.destinations)}"
    found, least = version_of(vm.agent_version), version_of(PLATFORM.get(vm.os_type.lower(), ""))
    if found and least and found >= least:
        return Status.PASS, f"{shown}; the agent {vm.agent_version} does not need it"
    if found and least:
        return Status.FAIL, f"{shown}; the agent {vm.agent_version} is no longer supported and needs it"
    return Status.WARN, f"{shown}; an old agent would need it, and this one has not reported its version"


def _dns(facts: VmFacts) -> Seen:
    guest = facts.guest()
    resolves = guest.flag("dns") if guest is not None else None
    if resolves is None:
        return _name_servers(facts)
    status, said = readable(_name_servers, facts)
    told = (Status.PASS, "it resolves Azure's names") if resolves else (Status.FAIL, "it resolves no name of Azure's")
    return together((status, said.removesuffix(_NOT_SEEN)), told)


def _name_servers(facts: VmFacts) -> Seen:
    servers = list(dict.fromkeys(_servers(facts)))
    own = [server for server in servers if server != PLATFORM_DNS]
    if not own:
        return Status.PASS, "the VM uses the name servers that Azure provides"
    return Status.UNKNOWN, f"the VM uses the name servers {', '.join(own)}{_NOT_SEEN}"


def _servers(facts: VmFacts) -> Iterator[str]:
    nics = facts.nics()
    for nic in nics:
        yield from nic.dns_servers
    if any(not nic.dns_servers for nic in nics):
        for network in facts.virtual_networks():
            yield from network.dns_servers


def _dhcp(facts: VmFacts) -> Seen:
    guest = facts.guest()
    told = _addresses(guest) if guest is not None else None
    if told is None:
        return _given(facts)
    status, said = readable(_given, facts)
    shown = f"{said.removesuffix(_ONLY_GUEST)}; inside the VM: DHCP is"
    without = [name for name, dhcp in told.items() if not dhcp]
    if not without:
        return Status.PASS, f"{shown} on"
    where = f" for {some(without)}" if any(without) else ""
    return (Status.WARN if status is Status.WARN else Status.FAIL), f"{shown} off{where}"


def _given(facts: VmFacts) -> Seen:
    nics = facts.nics()
    if not nics:
        return Status.UNKNOWN, "the VM has no network interface"
    shown = "; ".join(
        f"{nic.name}: {', '.join(f'{one.address} ({one.allocation})' for one in nic.configurations)}" for nic in nics
    )
    several = [nic.name for nic in nics if len(nic.configurations) > 1]
    if several:
        return Status.WARN, f"{shown}; with several addresses on {several[0]}, they are often set in the guest by hand"
    return Status.UNKNOWN, f"Azure gives {shown}{_ONLY_GUEST}"


def _addresses(guest: GuestFacts) -> dict[str, bool] | None:
    """Return which interfaces of the guest use DHCP; ``None`` where that was not told of every one."""
    if guest.os != "windows":
        one = guest.flag("dhcp")
        return None if one is None else {"": one}
    found = {name: dhcp for name, dhcp in guest.mapping("dhcp").items() if isinstance(dhcp, bool)}
    whole = bool(found) and found == guest.mapped("dhcp")
    return found if whole or not all(found.values()) else None


OUTBOUND_STORAGE = Check(
    id="CHK-OUTBOUND-STORAGE",
    title="Nothing keeps an old agent from Azure Storage",
    where=Where.ARM,
    facts=("vm", "nics", "subnets", "nsgs"),
    expected=f"no security rule denies TCP {HTTPS} to Azure Storage, or the agent is new enough not to need it",
    why="An agent that is no longer supported loads extensions from, and reports to, Azure Storage in its region. "
    "Backups themselves need no outbound access.",
    source=f"{SNAPSHOT_TIMEOUT}, step 4; {TROUBLESHOOT}, networking",
    look=_storage,
)
DNS = Check(
    id="CHK-DNS",
    title="The VM resolves Azure's names",
    where=Where.BOTH,
    facts=("vm", "nics", "virtual_networks"),
    expected="Azure's own name servers, or others that resolve Azure's names",
    why="Extensions are downloaded, and their state is reported, by name.",
    source=f"{TROUBLESHOOT}, networking",
    look=_dns,
    inside="'nslookup management.azure.com' and the name of a storage account in the region",
)
DHCP = Check(
    id="CHK-DHCP",
    title="The guest takes its address from Azure by DHCP",
    where=Where.BOTH,
    facts=("vm", "nics"),
    expected="DHCP is on in the guest; a static private address is set on the network interface in Azure only",
    why="The agent learns the host's address by DHCP (option 245). Without it, the snapshot cannot be followed.",
    source=f"{SNAPSHOT_TIMEOUT}, the snapshot status cannot be retrieved; {WINDOWS_AGENT}",
    look=_dhcp,
    inside="Windows: 'ipconfig /all'; Linux: 'ip address', and the lease for option 245",
)
