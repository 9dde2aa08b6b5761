"""What the user may choose about a deployment; a name never becomes another part of an address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from arm.errors import UsageError

SKUS = ("Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_RAGRS", "Standard_GZRS", "Standard_RAGZRS")
"""How a storage account that has tables may be replicated."""
_ACCOUNT = re.compile(r"[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]")
_STORAGE = re.compile(r"[a-z0-9]{3,24}")
_REGION = re.compile(r"[A-Za-z0-9 ]{0,60}")
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_SCOPE = re.compile(
    rf"/subscriptions/{_GUID}(/resourceGroups/[-\w.()]{{1,90}}"
    r"(/providers/Microsoft\.RecoveryServices/vaults/[A-Za-z][A-Za-z0-9-]{0,49})?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choices:
    """What the user may choose.

    Attributes:
        account: name of the Automation account.
        storage: name of the storage account.
        packages_url: address of the folder with the wheels.
        location: region; empty for the resource group's.
        mode: ``plan`` or ``repair``; empty leaves what is set, at first ``plan``.
        door: ``python`` or ``powershell``.
        configuration: text of a ``remediate.toml``; empty leaves what is set.
        storage_sku: how the journal is replicated; empty for the template's default.
        scopes: whose alerts; empty for the subscription.
    """

    account: str
    storage: str
    packages_url: str
    location: str = ""
    mode: str = ""
    door: str = "python"
    configuration: str = ""
    storage_sku: str = ""
    scopes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ``UsageError`` for what cannot be meant."""
        if not _ACCOUNT.fullmatch(self.account):
            raise UsageError(
                f"--account {self.account!r} is no name of an Automation account",
                "Give 6 to 50 letters, digits and hyphens, a letter first.",
            )
        if not _STORAGE.fullmatch(self.storage):
            raise UsageError(
                f"--storage-account {self.storage!r} is no name of a storage account",
                "Give 3 to 24 lower-case letters and digits.",
            )
        if self.storage_sku and self.storage_sku not in SKUS:
            raise UsageError(
                f"--storage-sku {self.storage_sku!r} is not one of {', '.join(SKUS)}", "Choose one of them."
            )
        if not _REGION.fullmatch(self.location):
            raise UsageError(f"--location {self.location!r} is no region", "Give its name, such as westeurope.")
        for scope in self.scopes:
            if not _SCOPE.fullmatch(scope) or ".." in scope:
                raise UsageError(
                    f"--alert-scope {scope!r} is no id of a subscription, resource group or vault",
                    "Give the id as the portal shows it; it begins with /subscriptions/.",
                )

    def check_scopes(self, subscription: str) -> None:
        """Check that alerts come from where the role is given.

        Args:
            subscription: id of the subscription that is deployed into.

        Raises:
            UsageError: one is of another subscription, whose VMs the account could not repair.
        """
        for scope in self.scopes:
            if scope.split("/")[2].lower() != subscription.lower():
                raise UsageError(
                    f"--alert-scope {scope!r} is in another subscription than the account",
                    "Deploy an account into that subscription: alerts and VMs are those of its own.",
                )
