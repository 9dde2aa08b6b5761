"""``role``: the custom role that the identity of a runbook needs. No request is sent."""

from __future__ import annotations

import click

from runbooks.registry import find, runbooks

from ..role import NO_SCOPE, role
from .output import print_json


def print_role(codes: tuple[str, ...], scopes: tuple[str, ...], subscriptions: tuple[str, ...], name: str) -> None:
    """Print the role as JSON.

    Args:
        codes: errors by code, alias or id; none: every error that has a runbook.
        scopes: where it may be assigned.
        subscriptions: the same, by the ids of subscriptions.
        name: its name; empty for the usual one.

    Raises:
        UsageError: an unknown code, or a scope that is none.
    """
    chosen = {found.code: found for found in (find(code) for code in codes)} if codes else {}
    places = [*scopes, *(f"/subscriptions/{one}" for one in subscriptions)]
    named = {"name": name} if name else {}
    made = role(list(chosen.values()) or list(runbooks()), scopes=places, **named)
    print_json(made)
    if made["AssignableScopes"] == [NO_SCOPE]:
        click.echo("AssignableScopes is a placeholder: give --subscription ID or --scope ID.", err=True)
