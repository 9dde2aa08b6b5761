"""What only the guest operating system can answer, about what is installed and set in Windows."""

from __future__ import annotations

from arm.facts.guest import GuestFacts

from .guest import inside, some, worst
from .inside_services import extension_there
from .model import Check, Seen, Status, Where
from .sources import INTRODUCTION, SNAPSHOT_TIMEOUT, TROUBLESHOOT

NET_45 = 378389
"""The value Release of .NET Framework 4.5."""
_DISABLED = 4
"""The value Start of a service that may not start."""
_EXTENSION = "IaaSBcdrExtension.exe"
_EXCLUDED = "C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot"


def _dotnet(guest: GuestFacts) -> Seen | None:
    release = guest.number("dotnet_release")
    if release is None:
        return None
    return (Status.PASS if release >= NET_45 else Status.FAIL), f"Release is {release}; {NET_45} is .NET Framework 4.5"


def _antivirus(guest: GuestFacts) -> Seen | None:
    return worst(_faults(guest), _manifest(guest))


def _faults(guest: GuestFacts) -> Seen | None:
    faults = guest.number("faulting")
    if faults is None or faults < 0:
        return None
    software = some(guest.texts("antivirus"))
    scanned = guest.texts("defender_missing") if guest.text("defender") == "on" else ()
    there = f"; antivirus software: {software}" if software else ""
    there += f"; Defender does not exclude {some(scanned)}" if scanned else ""
    if faults:
        return Status.FAIL, f"{_EXTENSION} has failed {faults} times in 7 days{there}"
    return Status.PASS, f"{_EXTENSION} has not failed in 7 days{there}"


def _manifest(guest: GuestFacts) -> Seen | None:
    """Judge whether something deletes a file of the extension, which antivirus software is known to do."""
    there = extension_there(guest)
    if there is False:
        return Status.PASS, "the backup extension is not installed yet"
    manifest = guest.flag("manifest")
    if there is None or manifest is None:
        return None
    if manifest:
        return Status.PASS, "HandlerManifest.json is there"
    return Status.FAIL, "HandlerManifest.json of the backup extension is missing: something has deleted it"


def _app_control(guest: GuestFacts) -> Seen | None:
    blocked = guest.listed("app_control")
    if blocked is None:
        return None
    if blocked:
        return Status.FAIL, f"{_EXTENSION} was blocked: {some(blocked)}"
    return Status.PASS, f"no event of application control names {_EXTENSION}"


def _machine_keys(guest: GuestFacts) -> Seen | None:
    return worst(_permissions(guest), _certificates(guest))


def _permissions(guest: GuestFacts) -> Seen | None:
    said = guest.text("machinekeys")
    if not said:
        return None
    if said == "default":
        return Status.PASS, "the permissions of MachineKeys are the default"
    return Status.WARN, f"the permissions of MachineKeys are not the default: {said}"


def _certificates(guest: GuestFacts) -> Seen | None:
    there, expired = guest.number("crp_certificates"), guest.number("crp_expired")
    if there is None or expired is None or not 0 <= expired <= there:
        return None
    said = f"certificates of the CRP Certificate Generator: {there}, expired: {expired}"
    return (Status.WARN if expired else Status.PASS), said


def _strong_crypto(guest: GuestFacts) -> Seen | None:
    missing = guest.listed("strong_crypto_missing")
    if missing is None:
        return None
    if missing:
        return Status.WARN, f"SchUseStrongCrypto is not 1 in {some(missing)}"
    return Status.PASS, "SchUseStrongCrypto is 1 for every version of .NET Framework"


def _vcredist(guest: GuestFacts) -> Seen | None:
    return worst(_runtime(guest), _installer(guest))


def _runtime(guest: GuestFacts) -> Seen | None:
    version = guest.text("vcredist")
    if version is None:
        return None
    if version.strip():
        return Status.PASS, f"Visual C++ 2013 Redistributable (x64) {version}"
    there = extension_there(guest)
    if there is None:
        return None
    if there:
        return Status.WARN, "the backup extension is there, but Visual C++ 2013 Redistributable (x64) is not"
    return Status.PASS, "no Visual C++ 2013 Redistributable (x64) yet; the first backup installs it"


def _installer(guest: GuestFacts) -> Seen | None:
    start = guest.number("msi_start")
    if start is None or not 0 <= start <= _DISABLED:
        return None
    return (Status.FAIL if start == _DISABLED else Status.PASS), f"Start of the service msiserver is {start}"


def _bitlocker(guest: GuestFacts) -> Seen | None:
    drives = guest.listed("bitlocker")
    if drives is None:
        return None
    locked = [one for one in drives if "locked" in one.lower() and "unlocked" not in one.lower()]
    ade = "; Azure Disk Encryption is in use, and supported: do not turn it off" if guest.flag("ade") else ""
    if locked:
        return Status.FAIL, f"locked: {some(locked)}{ade}"
    return Status.PASS, f"no drive is locked{ade}"


DOTNET = Check(
    id="CHK-DOTNET",
    title=".NET Framework is new enough",
    where=Where.GUEST,
    facts=("vm",),
    expected=".NET Framework 4.5 or later",
    why="The Windows agent does not answer without .NET Framework 4.5.",
    source=f"{SNAPSHOT_TIMEOUT}, the agent is installed in the VM, but it's unresponsive",
    look=inside(_dotnet),
    inside=f"the value Release under 'HKLM\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full' ({NET_45} is 4.5)",
    os="windows",
)
ANTIVIRUS = Check(
    id="CHK-ANTIVIRUS",
    title="No antivirus software stops the backup extension",
    where=Where.GUEST,
    facts=("vm",),
    expected=f"no such failure, and no file of the extension deleted; else exclude {_EXCLUDED} from scans",
    why="Antivirus software may keep the extension from being executed, or delete a file of it.",
    source=f"{SNAPSHOT_TIMEOUT}, step 4",
    look=inside(_antivirus),
    inside=f"the Application event log for 'Faulting application name: {_EXTENSION}', at the time of the failure",
    os="windows",
)
APPLOCKER = Check(
    id="CHK-APPLOCKER",
    title="No application control stops the backup extension",
    where=Where.GUEST,
    facts=("vm",),
    expected=f"{_EXTENSION} is not blocked",
    why="AppLocker, and application control like it, may keep the extension from being executed.",
    source=f"{SNAPSHOT_TIMEOUT}, VMSnapshotExtension is blocked by AppLocker",
    look=inside(_app_control),
    inside=f"'Get-AppLockerPolicy -Effective' and the AppLocker event log for {_EXTENSION}",
    os="windows",
)
MACHINEKEYS = Check(
    id="CHK-MACHINEKEYS",
    title="The agent can use the machine's keys and certificates",
    where=Where.GUEST,
    facts=("vm",),
    expected="the folder MachineKeys has its default permissions (Everyone: read and write; Administrators: full "
    "control), and no certificate of the CRP Certificate Generator has expired",
    why="The extension's settings come encrypted; without the key of its certificate, they cannot be read.",
    source=f"{TROUBLESHOOT}, ExtensionConfigParsingFailure",
    look=inside(_machine_keys),
    inside="'icacls %ProgramData%\\Microsoft\\Crypto\\RSA\\MachineKeys'; certificates of the local computer, Personal, "
    "issued to Windows Azure CRP Certificate Generator",
    os="windows",
)
STRONG_CRYPTO = Check(
    id="CHK-STRONG-CRYPTO",
    title=".NET Framework uses strong cryptography",
    where=Where.GUEST,
    facts=("vm",),
    expected="SchUseStrongCrypto is 1 for every version of .NET Framework",
    why="Without it, .NET Framework may offer no TLS version that Azure accepts, and the snapshot fails for lack of a "
    "secure network.",
    source=f"{TROUBLESHOOT}, ExtensionSnapshotFailedNoSecureNetwork",
    look=inside(_strong_crypto),
    inside="the value SchUseStrongCrypto of 'HKLM\\SOFTWARE\\Microsoft\\.NETFramework\\v*', and below WOW6432Node",
    os="windows",
)
VCREDIST = Check(
    id="CHK-VCREDIST",
    title="The Visual C++ runtime is there, or can be installed",
    where=Where.GUEST,
    facts=("vm",),
    expected="Visual C++ 2013 Redistributable (x64), from the first backup on; the service Windows Installer is not "
    "disabled (Start 3, not 4)",
    why="The backup extension needs the runtime and installs it; a disabled Windows Installer keeps it from that.",
    source=f"{TROUBLESHOOT}, ExtensionVCRedistInstallationFailure; {INTRODUCTION}",
    look=inside(_vcredist),
    inside="'Visual C++ 2013 Redistributable (x64)' in Programs and Features; the value Start of "
    "'HKLM\\SYSTEM\\CurrentControlSet\\Services\\msiserver'",
    os="windows",
)
BITLOCKER = Check(
    id="CHK-BITLOCKER",
    title="No drive is locked by BitLocker",
    where=Where.GUEST,
    facts=("vm",),
    expected="every drive is unlocked; Azure Disk Encryption, which uses BitLocker, is supported and stays on",
    why="VSS takes no snapshot of a volume that is locked.",
    source=f"{TROUBLESHOOT}, ExtensionSnapshotBitlockerError",
    look=inside(_bitlocker),
    inside="'manage-bde -status'",
    os="windows",
)
