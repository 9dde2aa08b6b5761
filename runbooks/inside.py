"""What a human does inside a VM about its agent and its address: Microsoft's steps, for the VM's own system only."""

from __future__ import annotations

from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine
from arm.facts.network import NetworkInterface
from arm.ids import parse

from .checks.agent import DOCUMENTED, PLATFORM

MSI = "https://go.microsoft.com/fwlink/?LinkID=394789"
"""Where Microsoft offers the latest agent for Windows."""
_LINUX = (
    (("ubuntu", "canonical"), "apt-get -qq update && apt-get install walinuxagent", "walinuxagent"),
    (("debian", "credativ"), "apt-get -qq update && apt-get install waagent", "walinuxagent"),
    (("suse", "sles"), "zypper -n install python-azure-agent", "waagent"),
    (
        ("redhat", "red hat", "rhel", "centos", "openlogic", "oracle", "almalinux", "rocky"),
        "yum install WALinuxAgent",
        "waagent",
    ),
)
"""By what names and publishers of a distribution contain: how its agent is installed or updated, and its service."""
_ANY_LINUX = "install or update the agent's package from the distribution's own repository (never from GitHub)"
_ANY_SERVICE = "systemctl restart waagent (walinuxagent on Ubuntu and Debian)"
_LOGS = {
    "windows": r"C:\WindowsAzure\Logs\WaAppAgent.log and "
    r"C:\WindowsAzure\Logs\Plugins\Microsoft.Azure.RecoveryServices.VMSnapshot",
    "linux": "/var/lib/waagent/*.xml, /var/log/waagent.log and /var/log/azure/*, without secrets",
}


def is_windows(vm: VirtualMachine) -> bool:
    """Say whether the VM runs Windows; what is no Windows is taken for Linux."""
    return vm.os_type.lower() == "windows"


def _distribution(vm: VirtualMachine) -> tuple[str, str]:
    """Return how the agent of a Linux VM is installed, and how it is restarted."""
    said = f"{vm.os_name} {vm.image.get('publisher', '')} {vm.image.get('offer', '')}".lower()
    for names, package, service in _LINUX:
        if any(name in said for name in names):
            return package, f"systemctl restart {service}"
    return _ANY_LINUX, _ANY_SERVICE


def install_agent(vm: VirtualMachine) -> str:
    """Return how the agent is installed, or updated: the same on both systems."""
    if is_windows(vm):
        return (
            f"in the VM, as administrator, install the latest MSI from {MSI} (.NET Framework 4.5 or later is needed; "
            f"WaAppAgent.exe has to be {DOCUMENTED} or later for Azure Backup, {PLATFORM['windows']} or later for the "
            f"Azure platform), and see that the service WindowsAzureGuestAgent runs"
        )
    package, restart = _distribution(vm)
    return f"in the VM, as root: {package}; then {restart}; 'waagent --version' has to say {PLATFORM['linux']} or later"


def restart_agent(vm: VirtualMachine) -> str:
    """Return how the agent service is restarted; where it is missing or broken, how it is installed anew."""
    if is_windows(vm):
        return (
            "in the VM, as administrator: look for 'Windows Azure Guest Agent' in services.msc, then Restart-Service "
            "WindowsAzureGuestAgent, RdAgent; if the service is missing, uninstall 'Windows Azure Guest Agent' in "
            f"Programs and Features where it is listed, and install the latest MSI from {MSI} (.NET Framework 4.5 or "
            "later is needed)"
        )
    package, restart = _distribution(vm)
    return (
        f"in the VM, as root: 'ps -e | grep waagent' shows whether the agent runs; {restart}; if it does not stay up: "
        f"{package}, and let systemd restart it (github.com/Azure/WALinuxAgent/wiki/Known-Issues)"
    )


def is_up(vm: VirtualMachine) -> str:
    """Return how to see whether a VM that Azure shows as running is up at all."""
    where = parse(vm.id)
    return (
        f"see on its serial console whether {vm.name} is up: az serial-console connect --subscription "
        f"{where.subscription} --resource-group {where.resource_group} --name {vm.name}"
    )


def allow_extensions(vm: VirtualMachine) -> str:
    """Return how the VM is allowed to take extensions: a change of its own model."""
    where = parse(vm.id)
    return (
        f"az vm update --subscription {where.subscription} --resource-group {where.resource_group} --name {vm.name} "
        "--set osProfile.allowExtensionOperations=true"
    )


def own_address(facts: VmFacts) -> str:
    """Return how the guest gets its address by DHCP without losing it: fixed in Azure first."""
    free = [one for nic in facts.nics() for one in _floating(nic)]
    fix = f"first keep the address in Azure: {'; '.join(free)}; then " if free else ""
    how = (
        "'ipconfig /all' shows whether DHCP is on; if not, 'netsh interface ip set address name=NAME source=dhcp'"
        if is_windows(facts.vm())
        else "see that the interface is configured by DHCP and that the lease has option 245"
    )
    return f"{fix}in the VM: {how}"


def _floating(nic: NetworkInterface) -> list[str]:
    """Return the commands that fix in Azure the addresses that Azure may change."""
    where = parse(nic.id)
    return [
        f"az network nic ip-config update --subscription {where.subscription} --resource-group {where.resource_group} "
        f"--nic-name {nic.name} --name {one.name} --private-ip-address {one.address}"
        for one in nic.configurations
        if one.allocation.lower() == "dynamic" and one.address
    ]


def agent_settings(vm: VirtualMachine) -> str:
    """Return what else keeps the agent from its extension, by system."""
    if is_windows(vm):
        return "let AppLocker, or what else controls applications, run IaaSBcdrExtension.exe"
    return "/etc/waagent.conf has to say Extensions.Enable=y and Provisioning.Agent=auto; then restart the agent"


def wire_server(vm: VirtualMachine) -> str:
    """Return how to see that the guest reaches the platform, past its own firewall and proxy."""
    proxy = "'netsh winhttp show proxy'" if is_windows(vm) else "HttpProxy in /etc/waagent.conf"
    test = (
        "'Test-NetConnection 168.63.129.16 -Port 80'"
        if is_windows(vm)
        else "'curl http://168.63.129.16/?comp=versions'"
    )
    return f"in the VM, {test} has to answer (ports 80, 443 and 32526), and no proxy may come between ({proxy})"


def logs(vm: VirtualMachine) -> str:
    """Return what Microsoft's support asks for."""
    return _LOGS["windows" if is_windows(vm) else "linux"]
