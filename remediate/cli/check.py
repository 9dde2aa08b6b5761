"""``check``: the health checks of one VM, or of many. Nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from arm.errors import UsageError

from .door import Options, open_door
from .output import print_json

if TYPE_CHECKING:
    from ..remediation import Remediation


def check_health(given: dict[str, Any]) -> int:
    """Print what the health checks came to, and return the exit status.

    Args:
        given: the options of the command.

    Raises:
        UsageError: an unknown check, or options that exclude each other.
    """
    from runbooks.checks import find_check

    output, everything, vault, only = (given.pop(word) for word in ("output", "everything", "vault", "only"))
    probe = given.pop("probe_guest")
    named = {word: given.pop(word) for word in ("vm", "resource_group", "subscription")}
    for name in only:
        find_check(name)
    if everything and (named["vm"] or named["resource_group"]):
        raise UsageError("--all asks for every machine", "Leave --vm and --resource-group out, or --all.")
    if everything and probe:
        raise UsageError("--probe-guest is for one machine", "Give --vm NAME instead of --all.")
    if vault and not everything:
        raise UsageError("--vault is for many machines", "Add --all, or leave --vault out.")
    with open_door(Options.of(given), read_only=not probe, plans=False) as door:
        if everything:
            return _all(door.remediation, vault, named["subscription"], only, output)
        vm = door.vm(named["vm"], named["resource_group"], named["subscription"])
        found = door.remediation.check(vm, only, probe_guest=probe)
    if output == "json":
        print_json(found.to_json())
    else:
        from ..render.health import health_markdown, health_text

        click.echo(health_markdown(found) if output == "markdown" else health_text(found))
    return found.exit_code


def _all(remediation: Remediation, vault: str, subscription: str, only: tuple[str, ...], output: str) -> int:
    from arm.facts.fleet import Scope, find_vault

    session = remediation.session
    scope = find_vault(session, vault, subscription=subscription) if vault else Scope(subscription=subscription)
    found = remediation.check_all(scope, only)
    if output == "json":
        print_json(found.to_json())
    else:
        from ..render.health import fleet_markdown, fleet_text

        click.echo(fleet_markdown(found) if output == "markdown" else fleet_text(found))
    return found.exit_code
