"""The Azure clouds: endpoint, token scope and authority (source: knowledge of azure-core's ``AzureClouds``)."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import UsageError


@dataclass(frozen=True)
class Cloud:
    """Where a cloud's Resource Manager is and which token it wants.

    Attributes:
        backup_app_id: application id of the Backup Management Service; empty where Microsoft does not publish it.
    """

    name: str
    endpoint: str
    scope: str
    authority: str
    backup_app_id: str = ""


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            "public",
            "https://management.azure.com",
            "https://management.azure.com/.default",
            "https://login.microsoftonline.com",
            "262044b1-e2ce-469f-a196-69ab7ada62d3",
        ),
        Cloud(
            "china",
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            "https://login.chinacloudapi.cn",
        ),
        Cloud(
            "usgovernment",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
            "https://login.microsoftonline.us",
            "ff281ffe-705c-4f53-9f37-a40e6f2c68f3",
        ),
    )
}


def cloud(name: str) -> Cloud:
    """Return the cloud of that name.

    Raises:
        UsageError: for an unknown name; it lists the known ones.
    """
    try:
        return CLOUDS[name.lower()]
    except KeyError:
        raise UsageError(f"unknown cloud {name!r}", f"Use one of: {', '.join(CLOUDS)}.", tuple(CLOUDS)) from None
