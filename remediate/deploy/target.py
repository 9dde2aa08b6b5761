"""Where a deployment goes."""

from __future__ import annotations

import hashlib
import re

from arm.errors import BadResponse, NotFound, UsageError
from arm.session import Session

from .template import Place

API = "2022-12-01"
_SUFFIXES = {"public": "core.windows.net", "china": "core.chinacloudapi.cn", "usgovernment": "core.usgovcloudapi.net"}
_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_GROUP = re.compile(r"[-\w.()]{1,90}")


def find_place(session: Session, subscription: str, group: str) -> Place:
    """Return the resource group that is meant.

    Args:
        session: where to look.
        subscription: its id; empty: the only one that this identity can read.
        group: the name of the resource group.

    Raises:
        UsageError: there is no such group, or several subscriptions.
    """
    if not _GROUP.fullmatch(group) or group.endswith("."):
        raise UsageError(f"{group!r} is no name of a resource group", "Correct --resource-group.")
    chosen = subscription or _only_subscription(session)
    if not _SUBSCRIPTION.fullmatch(chosen):
        raise UsageError(f"--subscription {chosen!r} is no id", "Give the subscription's id (a GUID).")
    try:
        found = session.get(f"/subscriptions/{chosen}/resourceGroups/{group}", API)
    except NotFound as error:
        raise UsageError(
            f"there is no resource group {group!r} in subscription {chosen}",
            f"Make it: az group create --name {group} --location REGION.",
        ) from error
    try:
        _, _, subscription_id, _, name = str(found["id"]).split("/")
        location = str(found["location"])
    except (KeyError, ValueError) as error:
        raise BadResponse("the resource group has no id or location", "Check the ARM endpoint.") from error
    return Place(subscription_id, name, location, _SUFFIXES[session.cloud.name], session.azure_now)


def _only_subscription(session: Session) -> str:
    found = sorted(str(one.get("subscriptionId")) for one in session.pages("/subscriptions", API))
    if len(found) != 1:
        raise UsageError(f"this identity can read {len(found)} subscriptions", "Give --subscription ID.", tuple(found))
    return found[0]


def storage_name(place: Place, account: str) -> str:
    """Return a name for the storage account that the same deployment always gets.

    >>> from datetime import datetime
    >>> storage_name(Place("s", "rg", "westeurope", "core.windows.net", datetime.now), "remediate")
    'remediate7071d0bd206ac'
    """
    told = f"{place.group_id}/{account}".lower()
    return f"remediate{hashlib.sha256(told.encode()).hexdigest()[:13]}"
