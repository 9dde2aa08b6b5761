"""``deploy azure-automation``: set up what runs repairs when an alert comes, look at it beforehand, take it away."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from .options import output_options
from .output import print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arm.session import Session

    from ..deploy.removal import Removal
    from ..deploy.steps import Step
    from ..deploy.template import Place

_AZURE = (
    click.option("--cloud", default="public", show_default=True, help="public, china or usgovernment."),
    click.option(
        "--arm-endpoint", metavar="URL", envvar="REMEDIATE_ARM_ENDPOINT", help="Another endpoint: a simulator."
    ),
    click.option("--ca", metavar="FILE", envvar="REMEDIATE_CA", help="Certificate authority to trust for it."),
)


def _azure_options(command: Any) -> Any:
    for option in reversed(_AZURE):
        command = option(command)
    return command


@click.group()
def deploy() -> None:
    """Set up in Azure what runs repairs when an alert comes."""


@deploy.command(name="azure-automation", short_help="Set up Azure Automation, or take it away.")
@click.option("-g", "--resource-group", required=True, metavar="NAME", help="Where; it must exist.")
@click.option("--subscription", metavar="ID", default="", help="Whose resource group (default: the only one).")
@click.option("--location", metavar="REGION", default="", help="Region (default: the resource group's).")
@click.option("--account", metavar="NAME", default="remediate", show_default=True, help="The Automation account.")
@click.option("--storage-account", metavar="NAME", default="", help="What holds the journal (default: made up).")
@click.option("--storage-sku", metavar="SKU", default="", help="Its replication (default: Standard_ZRS).")
@click.option("--bundle", metavar="DIR", default="dist/azure-automation", show_default=True, help="The bundle.")
@click.option("--packages-url", metavar="URL", default="", help="Where Azure finds the bundle's folder 'packages'.")
@click.option("--single", is_flag=True, help="Take the runbooks with our own package inside.")
@click.option("--door", type=click.Choice(["python", "powershell"]), default="python", show_default=True)
@click.option(
    "--mode", type=click.Choice(["plan", "repair"]), help="Whether alerts lead to repairs (default: as it is)."
)
@click.option("--configuration", metavar="FILE", default="", help="A remediate.toml for the runbooks.")
@click.option(
    "--alert-scope", "scopes", multiple=True, metavar="ID", help="Whose alerts (default: the subscription's)."
)
@click.option("--what-if", is_flag=True, help="Show what would be changed; send nothing.")
@click.option("--undo", is_flag=True, help="Remove what was set up, and nothing else.")
@click.option("--with-journal", is_flag=True, help="With --undo: remove the journal too.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@_azure_options
@output_options
def azure_automation(**given: Any) -> int:
    """Set up an Automation account with its Python environment, the runbooks, the journal and the way from alerts.

    Run again it changes only what is missing or different. It never makes or removes a resource group, and never takes
    over what something else has made. Alerts lead to reports only, until --mode repair.
    """
    from arm.errors import UsageError

    if given["with_journal"] and not given["undo"]:
        raise click.UsageError("--with-journal belongs to --undo")
    if not given["undo"] and not given["packages_url"]:
        raise UsageError(
            "--packages-url is missing: Azure Automation takes packages from an address only",
            "Put the bundle's folder 'packages' where Azure can read it, such as a container with a SAS.",
        )
    with _session(given) as session:
        place = _place(session, given)
        job = _removal(session, place, given) if given["undo"] else None
        steps = job.steps if job is not None else _deployment(session, place, given)
        if given["what_if"]:
            return _show(list(steps()), job, given, done=False)
        if not _agreed(session, place, given, steps, job):
            return 4
        return _show(list(_carried_out(session, steps())), job, given, done=True)


def _session(given: dict[str, Any]) -> Session:
    from arm.clouds import cloud
    from arm.runtime import system_runtime
    from arm.session import Session

    return Session(
        cloud=cloud(given["cloud"]),
        endpoint=given["arm_endpoint"] or None,
        ca=given["ca"] or None,
        read_only=given["what_if"],
        runtime=system_runtime(),
    )


def _place(session: Session, given: dict[str, Any]) -> Place:
    from ..deploy.target import find_place

    return find_place(session, given["subscription"], given["resource_group"])


def _choices(place: Place, given: dict[str, Any]) -> Any:
    from pathlib import Path

    from ..config.load import load_config
    from ..deploy.choices import Choices
    from ..deploy.target import storage_name

    text = ""
    if given["configuration"]:
        load_config(given["configuration"])
        text = Path(given["configuration"]).read_text(encoding="utf-8")
    return Choices(
        account=given["account"],
        storage=given["storage_account"] or storage_name(place, given["account"]),
        packages_url=given["packages_url"],
        location=given["location"],
        mode=given["mode"] or "",
        door=given["door"],
        configuration=text,
        storage_sku=given["storage_sku"],
        scopes=tuple(given["scopes"]),
    )


def _deployment(session: Session, place: Place, given: dict[str, Any]) -> Any:
    from pathlib import Path

    from ..deploy.deployment import Deployment
    from ..deploy.material import read_material

    material = read_material(Path(given["bundle"]), single=given["single"])
    return Deployment(session, place, material, _choices(place, given)).steps


def _removal(session: Session, place: Place, given: dict[str, Any]) -> Removal:
    from ..deploy.removal import Removal

    return Removal(session, place, _choices(place, given), with_journal=given["with_journal"])


def _agreed(session: Session, place: Place, given: dict[str, Any], steps: Any, job: Removal | None) -> bool:
    """Look whether everything may be done, and ask the person at the terminal, unless --yes has said it."""
    from ..deploy.preflight import check_permissions

    planned = list(steps())
    if job is not None:
        job.kept.clear()
    check_permissions(session, place, planned)
    if given["yes"]:
        return True
    if not planned:
        return True
    _show(planned, job, given, done=False)
    asked = given["output"] == "text" and sys.stdin.isatty() and sys.stdout.isatty()
    if not asked:
        click.echo("nothing was changed: give --yes to carry this out", err=True)
        return False
    return click.confirm("\nCarry this out?", err=True)


def _carried_out(session: Session, steps: Iterator[Step]) -> Iterator[Step]:
    from ..deploy.steps import Carrier

    carrier = Carrier(session)
    for step in steps:
        click.echo(f"{step.verb} {step.target}", err=True)
        carrier.carry_out(step)
        yield step
    carrier.settle()


def _show(steps: list[Step], job: Removal | None, given: dict[str, Any], *, done: bool) -> int:
    from ..deploy.report import as_json, as_text

    kept = job.kept if job is not None else []
    if given["output"] == "json":
        print_json(as_json(steps, kept, done=done))
    else:
        click.echo(as_text(steps, kept, done=done))
    return 0
