"""Errors that several services answer, in Azure's words."""

from __future__ import annotations

from .wire import ArmError


def group_not_found(name: str) -> ArmError:
    """404 for a resource group that does not exist."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def resource_not_found(kind: str, name: str, group: str) -> ArmError:
    """404 for a resource, e.g. kind ``Microsoft.Compute/virtualMachines``."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def parent_not_found(verb: str, kind: str, parent: str) -> ArmError:
    """404 for a child whose parent does not exist, e.g. kind ``virtualMachines/extensions``."""
    return ArmError(
        404,
        "ParentResourceNotFound",
        f"Failed to perform '{verb}' on resource(s) of type '{kind}', because the parent resource '{parent}' "
        "could not be found.",
    )


def bad_parameter(message: str, target: str) -> ArmError:
    """400 for a parameter or property with a value Azure does not take."""
    return ArmError(400, "InvalidParameter", message, extra={"target": target})
