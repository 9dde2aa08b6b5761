"""What compute holds: virtual machines, extensions, run commands, restore point collections, restore points."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from simulator.guest.model import Guest, Result
from simulator.wire import Json

AgentState = Literal["Ready", "NotReady", "Missing"]
"""What the platform last heard of the VM agent; ``Missing``: it never reported."""

PowerState = Literal["starting", "running", "stopping", "stopped", "deallocating", "deallocated"]


@dataclass
class Extension:
    """One VM extension; ``message`` is what its handler last said."""

    name: str
    publisher: str
    type: str
    version: str = "1.0"
    location: str = ""
    provisioning_state: str = "Succeeded"
    message: str = ""
    settings: Json = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    auto_upgrade_minor_version: bool = True
    reported_version: str = ""
    deleting: str | None = None


@dataclass
class Misbehaviour:
    """How scripts of a VM end badly: ``skip`` of them pass first, then ``times`` are hit (``None``: all).

    ``kind`` is ``garbled`` (output that is not JSON), ``truncated`` (its first half is missing), ``hangs`` (past the
    limit), ``dies`` (killed), or ``says`` (``text`` and ``exit_code`` instead of its own). ``runs``: whether the
    script has done its work nevertheless.
    """

    kind: Literal["garbled", "truncated", "hangs", "dies", "says"]
    runs: bool = True
    text: str = ""
    exit_code: int = 0
    skip: int = 0
    times: int | None = None
    seen: int = field(default=0, init=False)

    def due(self) -> bool:
        """Count one script and say whether it is hit."""
        self.seen += 1
        return self.seen > self.skip and (self.times is None or self.seen <= self.skip + self.times)


@dataclass
class RunCommand:
    """One managed run command (v2); ``operation`` is the id of the one that runs it."""

    name: str
    location: str
    properties: Json
    tags: dict[str, str] = field(default_factory=dict)
    provisioning_state: str = "Creating"
    execution_state: str = "Pending"
    started: datetime | None = None
    ended: datetime | None = None
    result: Result | None = None
    operation: str | None = None

    @property
    def going(self) -> bool:
        """Whether its script has not ended."""
        return self.execution_state in {"Pending", "Running"}


@dataclass
class Disk:
    """One managed disk, and how a VM or a restore point refers to it.

    ``properties`` are further properties of the disk itself, as on the wire: ``{"maxShares": 2}``. An unmanaged disk
    has the URL of its blob in ``vhd``, and no id: it is no resource.
    """

    name: str
    id: str
    size_gb: int = 30
    lun: int | None = None
    storage: str = "Premium_LRS"
    properties: Json = field(default_factory=dict)
    vhd: str = ""


@dataclass
class Vm:
    """One virtual machine.

    ``vm_id`` is the unique id that a recreated VM of the same name does not share.
    """

    id: str
    name: str
    group: str
    location: str
    vm_id: str
    os_type: str = "Linux"
    size: str = "Standard_D2s_v5"
    power_state: PowerState = "running"
    provisioning_state: str = "Succeeded"
    provisioning_message: str = ""
    state_since: datetime | None = None
    """When the provisioning state last changed; ``None``: when the VM was made."""
    agent: AgentState = "Ready"
    agent_version: str = "2.9.1.1"
    provision_agent: bool = True
    """Whether it was made with an agent (``provisionVMAgent``)."""
    extension_operations: bool = True
    """Whether it takes extensions (``allowExtensionOperations``)."""
    own_image: bool = False
    """Whether it was made from an image of the customer's own."""
    time_created: datetime | None = None
    os_disk: Disk | None = None
    data_disks: list[Disk] = field(default_factory=list)
    nics: list[str] = field(default_factory=list)
    """Ids of its network interfaces, the primary one first."""
    tags: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, Extension] = field(default_factory=dict)
    run_commands: dict[str, RunCommand] = field(default_factory=dict)
    running_script: str | None = None
    guest: dict[str, str] = field(default_factory=dict)
    """What is wrong inside, by a short name (``com-plus``: ``stopped``); nobody outside can see it."""
    inside: Guest | None = None
    """The guest in which scripts run; a VM without one gets a healthy one with its first script."""
    reported: bool = True
    """Whether the agent inside could report when somebody last looked."""
    misbehaves: list[Misbehaviour] = field(default_factory=list)
    """How scripts end badly; the first that is due wins."""
    version: int = 1

    @property
    def unmanaged(self) -> bool:
        """Say whether its disks are blobs in a storage account."""
        return self.os_disk is not None and bool(self.os_disk.vhd)

    @property
    def shown_state(self) -> str:
        """The provisioning state that Azure shows: a failed extension makes the whole VM failed."""
        failed = any(extension.provisioning_state == "Failed" for extension in self.extensions.values())
        return "Failed" if failed and self.provisioning_state == "Succeeded" else self.provisioning_state


@dataclass
class RestorePoint:
    """One restore point; ``vm_unique_id`` says of which VM, should another one now bear its name.

    ``refuses_deletion`` is the code and message with which deleting it alone fails.
    """

    name: str
    id: str
    time_created: datetime
    vm_unique_id: str
    consistency_mode: str = "ApplicationConsistent"
    provisioning_state: str = "Succeeded"
    size: str = "Standard_D2s_v5"
    os_type: str = "Linux"
    os_disk: Disk | None = None
    data_disks: list[Disk] = field(default_factory=list)
    deleting: str | None = None
    refuses_deletion: tuple[str, str] | None = None


@dataclass
class RestorePointCollection:
    """One collection of restore points of one VM; points are in order of creation, by lower-case name.

    ``refuses_deletion`` is the code and message with which deleting it, or a point of it, fails.
    """

    id: str
    name: str
    group: str
    location: str
    source_id: str
    source_location: str
    guid: str
    provisioning_state: str = "Succeeded"
    tags: dict[str, str] = field(default_factory=dict)
    points: dict[str, RestorePoint] = field(default_factory=dict)
    refuses_deletion: tuple[str, str] | None = None
    deleting: str | None = None
