"""Whether an identity may do what a deployment would: asked before the first write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arm.errors import Forbidden
from arm.facts.access import matches
from arm.session import Session

from . import writes
from .steps import Step
from .template import Place

API = "2022-04-01"


def check_permissions(session: Session, place: Place, steps: Sequence[Step]) -> None:
    """Pass when every step may be carried out.

    Args:
        session: whose identity.
        place: the resource group.
        steps: what would be done.

    Raises:
        Forbidden: something is missing; all of it is told.
        AzureError: Azure does not say.
    """
    above = {one for step in steps if _above(step, place) for one in step.permissions}
    inside = {one for step in steps for one in step.permissions} - above
    missing = [
        f"{action} at {scope}"
        for scope, actions in ((place.group_id, inside), (f"/subscriptions/{place.subscription}", above))
        if actions
        for action in _lacking(session, scope, actions)
    ]
    if missing:
        raise Forbidden(
            f"permissions are missing: {'; '.join(missing)}",
            "Deploy as Owner of the subscription, or as somebody who has these; nothing was changed.",
        )


def _above(step: Step, place: Place) -> bool:
    """Say whether a step writes above the resource group: a role, and what it is given for."""
    outside = not step.target.lower().startswith(f"{place.group_id.lower()}/")
    return step.kind in (writes.ROLE, writes.ASSIGNMENT) and outside


def _lacking(session: Session, scope: str, actions: set[str]) -> list[str]:
    granted = list(session.pages(f"{scope}/providers/Microsoft.Authorization/permissions", API))
    return [action for action in sorted(actions) if not any(_allows(one, action) for one in granted)]


def _allows(entry: dict[str, Any], action: str) -> bool:
    return matches(entry.get("actions") or (), action) and not matches(entry.get("notActions") or (), action)
