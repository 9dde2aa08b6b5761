"""What only the guest operating system can answer: what to look at, where to look, and why it matters."""

from __future__ import annotations

from .model import Check, Where
from .sources import SELF_HELP, SNAPSHOT_TIMEOUT, SUPPORT_MATRIX, TROUBLESHOOT, WINDOWS_AGENT


def _check(name: str, title: str, look: str, expected: str, why: str, source: str, os: str = "") -> Check:
    return Check(f"CHK-{name}", title, Where.GUEST, ("vm",) if os else (), expected, why, source, inside=look, os=os)


PENDING_REBOOT = _check(
    "PENDING-REBOOT",
    "No update waits for a restart",
    "Windows: the registry keys 'Component Based Servicing\\RebootPending' and "
    "'WindowsUpdate\\Auto Update\\RebootRequired'; Linux: the file /var/run/reboot-required",
    "none is pending",
    "A half-installed update keeps the agent, extensions or VSS from working until the VM has been restarted.",
    f"{SNAPSHOT_TIMEOUT}, step 1",
)
DOTNET = _check(
    "DOTNET",
    ".NET Framework is new enough",
    "the value Release under 'HKLM\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full' (378389 is 4.5)",
    ".NET Framework 4.5 or later",
    "The Windows agent does not answer without .NET Framework 4.5.",
    f"{SNAPSHOT_TIMEOUT}, the agent is installed in the VM, but it's unresponsive",
    os="windows",
)
PYTHON = _check(
    "PYTHON",
    "Python is there for the agent",
    "'python3 --version', or 'python --version'",
    "Python 2.6 or later; 2.7 or later where the agent uses a proxy",
    "The Linux agent and the backup extension are Python programs.",
    f"{SNAPSHOT_TIMEOUT}, step 2; {SUPPORT_MATRIX}",
    os="linux",
)
IAASVMPROVIDER = _check(
    "IAASVMPROVIDER",
    "The backup VSS provider is not disabled",
    "'sc qc IaaSVmProvider'; the service exists only after the first backup",
    "start type automatic (older documents), at least not disabled",
    "Azure Backup adds the service IaaSVmProvider for its snapshots; they fail when it cannot be started.",
    f"{SNAPSHOT_TIMEOUT}, the backup extension fails to update or load",
    os="windows",
)
COM_MSDTC = _check(
    "COM-MSDTC",
    "COM+ and the transaction coordinator run",
    "'sc query COMSysApp', 'sc query MSDTC', 'sc qc MSDTC'",
    "COM+ System Application runs; Distributed Transaction Coordinator runs as NT AUTHORITY\\NetworkService",
    "The backup extension cannot be installed, and snapshots fail with a COM+ error, without them.",
    f"{SNAPSHOT_TIMEOUT}, step 3; {TROUBLESHOOT}, ExtensionSnapshotFailedCOM",
    os="windows",
)
VSS = _check(
    "VSS",
    "The VSS writers are stable",
    "'vssadmin list writers'",
    "every writer is in state [1] Stable with no error",
    "One writer in a bad state makes the application-consistent snapshot fail.",
    f"{SNAPSHOT_TIMEOUT}, step 4; {TROUBLESHOOT}, ExtensionFailedVssWriterInBadState",
    os="windows",
)
ANTIVIRUS = _check(
    "ANTIVIRUS",
    "No antivirus software stops the backup extension",
    "the Application event log for 'Faulting application name: IaaSBcdrExtension.exe', at the time of the failure",
    "no such event; C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot is excluded from scans",
    "Antivirus software may keep the extension from being executed.",
    f"{SNAPSHOT_TIMEOUT}, step 4",
    os="windows",
)
APPLOCKER = _check(
    "APPLOCKER",
    "No application control stops the backup extension",
    "'Get-AppLockerPolicy -Effective' and the AppLocker event log for IaaSBcdrExtension.exe",
    "IaaSBcdrExtension.exe is not blocked",
    "AppLocker, and application control like it, may keep the extension from being executed.",
    f"{SNAPSHOT_TIMEOUT}, VMSnapshotExtension is blocked by AppLocker",
    os="windows",
)
WIRESERVER = _check(
    "WIRESERVER",
    "The guest reaches the platform at 168.63.129.16",
    "TCP to 168.63.129.16, ports 80, 443 and 32526: 'Test-NetConnection' or 'curl http://168.63.129.16/?comp=versions'",
    "ports 80 and 32526 answer (443 where documented)",
    "The agent gets its work from this address and reports there; extensions fail without it, whatever else is open.",
    f"{SNAPSHOT_TIMEOUT}, step 4; {WINDOWS_AGENT}",
)
PROXY = _check(
    "PROXY",
    "A proxy does not come between the agent and the platform",
    "Windows: 'netsh winhttp show proxy' and 'bitsadmin /util /getieproxy LOCALSYSTEM'; "
    "Linux: HttpProxy in /etc/waagent.conf",
    "no proxy, or 168.63.129.16 bypasses it",
    "An agent that asks a proxy for 168.63.129.16 gets no answer, and backups fail for lack of network.",
    f"{TROUBLESHOOT}, networking; {SELF_HELP}",
)
WAAGENT_CONF = _check(
    "WAAGENT-CONF",
    "The agent may handle extensions",
    "Extensions.Enable and Provisioning.Agent in /etc/waagent.conf",
    "Extensions.Enable=y and Provisioning.Agent=auto",
    "With extensions switched off, the backup extension is never installed.",
    f"{SNAPSHOT_TIMEOUT}, VM-Agent configuration options are not set",
    os="linux",
)
LOGS = _check(
    "LOGS",
    "The logs of agent and backup extension",
    "Windows: C:\\WindowsAzure\\Logs\\WaAppAgent.log and ...\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot; "
    "Linux: /var/log/waagent.log and /var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux/extension.log",
    "no error at the time of the failure; keep them for Microsoft support, without secrets",
    "They tell what the control plane does not see, and Microsoft support asks for them.",
    f"{SNAPSHOT_TIMEOUT}, the agent installed in the VM is out of date; {WINDOWS_AGENT}",
)
ROOT_SPACE = _check(
    "ROOT-SPACE",
    "The system disk has free space",
    "Windows: 'Get-PSDrive C'; Linux: 'df -h / /var'",
    "free space on the system drive, or on / and /var",
    "Agent, extension and snapshot need room for their files and logs.",
    SELF_HELP,
)
TIME_SYNC = _check(
    "TIME-SYNC",
    "The guest's clock is right",
    "Windows: 'w32tm /query /status'; Linux: 'timedatectl'",
    "synchronized, no minutes off",
    "With a wrong clock, certificates and tokens are not valid, and agent and extension are refused.",
    SELF_HELP,
)
