"""The simulated world: one object that holds the state of every service."""

from __future__ import annotations

import random
import uuid

from .clock import VirtualClock
from .operations import Operations
from .services.authorization.state import AuthorizationState
from .services.automation.state import AutomationState
from .services.compute.state import ComputeState
from .services.insights.state import InsightsState
from .services.inventory.state import InventoryState
from .services.monitor.state import MonitorState
from .services.recoveryservices.state import RecoveryServicesState
from .services.resources.state import ResourcesState
from .services.storage.state import StorageState

TENANT = "11111111-1111-4111-8111-111111111111"
SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
PAGE_SIZE = 20
"""How many entries a page of a list holds; real pages are larger, but paging must happen in drills too."""


class World:
    """Everything that exists in the simulated Azure, deterministic for one seed.

    Services reach each other through this object (``world.compute``, ``world.authorization`` ...).
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311  # repeatable on purpose, nothing secret
        self.clock = VirtualClock()
        self.operations = Operations(self)
        self.tenant = TENANT
        self.subscription = SUBSCRIPTION
        self.page_size = PAGE_SIZE
        self.resources = ResourcesState(self)
        self.authorization = AuthorizationState(self)
        self.compute = ComputeState(self)
        self.inventory = InventoryState(self)
        self.insights = InsightsState(self)
        self.recoveryservices = RecoveryServicesState(self)
        self.automation = AutomationState(self)
        self.monitor = MonitorState(self)
        self.storage = StorageState(self)

    def guid(self) -> str:
        """Return the next identifier; the same sequence for the same seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def close(self) -> None:
        """Give back what the guests of its VMs hold on this machine; what is not given back goes with the process."""
        for vm in self.compute.vms.values():
            if vm.inside is not None:
                vm.inside.close()
