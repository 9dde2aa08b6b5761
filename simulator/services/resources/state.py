"""Resource groups, providers, and the list of everything that exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.errors import group_not_found
from simulator.services.inventory.state import DISK
from simulator.wire import ArmError, Json

if TYPE_CHECKING:
    from simulator.world import World

PROVIDERS = (
    "Microsoft.AlertsManagement",
    "Microsoft.Authorization",
    "Microsoft.Automation",
    "Microsoft.Compute",
    "microsoft.insights",
    "Microsoft.KeyVault",
    "Microsoft.Network",
    "Microsoft.RecoveryServices",
    "Microsoft.ResourceGraph",
    "Microsoft.ResourceHealth",
    "Microsoft.Resources",
    "Microsoft.SqlVirtualMachine",
    "Microsoft.Storage",
)


@dataclass
class ResourceGroup:
    """One resource group."""

    name: str
    location: str
    tags: dict[str, str] = field(default_factory=dict)
    managed_by: str | None = None
    provisioning_state: str = "Succeeded"


class ResourcesState:
    """Resource groups by lower-case name, and the registration state of providers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.groups: dict[str, ResourceGroup] = {}
        self.providers: dict[str, str] = dict.fromkeys(PROVIDERS, "Registered")
        self.subscription_name = "Simulated subscription"

    def group_id(self, name: str) -> str:
        """The full id of a resource group of this name."""
        return f"/subscriptions/{self._world.subscription}/resourceGroups/{name}"

    def add_group(
        self, name: str, location: str, tags: Mapping[str, str] | None = None, *, managed_by: str | None = None
    ) -> ResourceGroup:
        """Create a resource group, or return the one that exists."""
        return self.groups.setdefault(name.lower(), ResourceGroup(name, location, dict(tags or {}), managed_by))

    def require_group(self, name: str) -> ResourceGroup:
        """Return the group.

        Raises:
            ArmError: 404 ``ResourceGroupNotFound``.
        """
        group = self.groups.get(name.lower())
        if group is None:
            raise group_not_found(name)
        return group

    def everything(self) -> Iterator[Json]:
        """Every top-level resource as ``{"id", "name", "type", "location", "tags"}``."""
        for vm in self._world.compute.vms.values():
            yield _entry(vm, "Microsoft.Compute/virtualMachines")
        for collection in self._world.compute.collections.values():
            yield _entry(collection, "Microsoft.Compute/restorePointCollections")
        for vault in self._world.recoveryservices.vaults.values():
            yield _entry(vault, "Microsoft.RecoveryServices/vaults")
        for disk, location in self._world.inventory.disks():
            yield {"id": disk.id, "name": disk.name, "type": DISK, "location": location, "tags": {}}
        for resource in self._world.inventory.resources.values():
            yield _entry(resource, resource.type)
        for item in (*self._world.automation.items.values(), *self._world.monitor.items.values()):
            if len(item.id.split("/")) == 9:
                yield _entry(item, item.type)

    def require_scope(self, scope: str) -> None:
        """Check that a lock or permission scope exists: the subscription, a group, or a resource (or a child of one).

        Raises:
            ArmError: 404 with the code ARM gives for what is missing, 400 when it is no scope at all.
        """
        parts = scope.strip("/").split("/")
        if len(parts) < 2 or parts[0].lower() != "subscriptions":
            raise ArmError(400, "InvalidScope", f"The scope '{scope}' is not valid.")
        if len(parts) == 2:
            return
        if parts[2].lower() != "resourcegroups" or len(parts) == 3:
            raise ArmError(400, "InvalidScope", f"The scope '{scope}' is not valid.")
        self.require_group(parts[3])
        if len(parts) == 4:
            return
        known = "/" + "/".join(parts[:8]).lower()
        if not any(entry["id"].lower() == known for entry in self.everything()):
            name = "/".join(parts[5:8])
            raise ArmError(
                404,
                "ResourceNotFound",
                f"The Resource '{name}' under resource group '{parts[3]}' was not found. "
                "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )

    def require_registered(self, path: str) -> None:
        """Refuse a request to a provider that the subscription is not registered for.

        Raises:
            ArmError: 409 ``MissingSubscriptionRegistration``.
        """
        parts = path.lower().split("/providers/")
        namespace = parts[1].split("/")[0] if len(parts) > 1 else ""
        for name, state in self.providers.items():
            if name.lower() == namespace and state != "Registered":
                raise ArmError(
                    409,
                    "MissingSubscriptionRegistration",
                    f"The subscription is not registered to use namespace '{name}'. "
                    "See https://aka.ms/rps-not-found for how to register subscriptions.",
                )


def _entry(resource: Any, kind: str) -> Json:
    return {
        "id": resource.id,
        "name": resource.name,
        "type": kind,
        "location": resource.location,
        "tags": dict(getattr(resource, "tags", None) or {}),
    }
