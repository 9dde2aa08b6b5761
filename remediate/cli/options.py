"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|min|h)?$")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, None: 1}

Command = Callable[..., Any]


class Duration(click.ParamType[float]):
    """A span such as ``90s``, ``10m`` or ``1h``, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        found = _DURATION.match(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 10m or 1h", param, ctx)
        return float(found.group(1)) * _UNITS[found.group(2)]


def _apply(options: list[Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def arguments_of(inputs: tuple[str, ...], choice: str) -> dict[str, str]:
    """Return what ``--input`` and ``--choose`` say, by name.

    Raises:
        click.UsageError: an input without a name or a value, or one given twice.
    """
    found: dict[str, str] = {"choose": choice} if choice else {}
    for text in inputs:
        name, equals, value = text.partition("=")
        name = name.strip().lower()
        if not name or not equals or not value.strip() or name == "choose":
            raise click.UsageError(f"--input {text!r} is not NAME=VALUE")
        if name in found:
            raise click.UsageError(f"--input {name} is given twice")
        found[name] = value.strip()
    return found


output_options = _apply(
    [
        click.option(
            "-o",
            "--output",
            type=click.Choice(["text", "json", "markdown"]),
            default="text",
            help="How the result is written to stdout.",
        )
    ]
)

state_options = _apply(
    [
        click.option(
            "--state",
            metavar="PATH|URL",
            envvar="REMEDIATE_STATE",
            help="The journal: a file (default: in the user's state directory), or the URL of an Azure table.",
        )
    ]
)

_config_option = click.option(
    "--config", metavar="FILE", help="The configuration (default: remediate.toml here, or in the user's folder)."
)
config_options = _apply([_config_option])

azure_options = _apply(
    [
        _config_option,
        click.option("--cloud", default="public", show_default=True, help="public, china or usgovernment."),
        click.option(
            "--arm-endpoint",
            metavar="URL",
            envvar="REMEDIATE_ARM_ENDPOINT",
            help="Another endpoint that speaks ARM: a simulator, a recording proxy.",
        ),
        click.option(
            "--ca", metavar="FILE", envvar="REMEDIATE_CA", help="Certificate authority to trust for that endpoint."
        ),
        click.option(
            "--simulate", metavar="SCENARIO", help="Run against a simulator in this process, whatever endpoint is set."
        ),
        click.option(
            "--wait",
            type=Duration(),
            default="10m",
            show_default=True,
            help="How long to wait for Azure before the run is parked.",
        ),
        click.option("-v", "--verbose", is_flag=True, help="Log every step to stderr."),
        click.option("--log-json", is_flag=True, help="Log as JSON lines."),
    ]
)

vm_options = _apply(
    [
        click.option("--vm", metavar="NAME|ID", help="The virtual machine: its name, or its full resource id."),
        click.option("-g", "--resource-group", metavar="NAME", default="", help="Only look in groups of this name."),
        click.option("--subscription", metavar="ID", default="", help="Only look in this subscription."),
    ]
)

input_options = _apply(
    [
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="NAME=VALUE",
            help="What the runbook should know ('remediate show CODE' lists the names); may be repeated.",
        ),
        click.option(
            "--choose", metavar="NAME", default="", help="Your choice where the runbook offers several ways on."
        ),
    ]
)

probe_options = _apply(
    [
        click.option(
            "--probe-guest",
            is_flag=True,
            help="Run a script inside the VM that only reads; a run command is made in Azure for it, and removed.",
        )
    ]
)

accept_options = _apply(
    [
        click.option(
            "-y", "--yes", is_flag=True, help="Accept what is neither destructive nor disruptive nor weakens security."
        ),
        click.option(
            "--approve", metavar="DIGEST", default="", help="Accept every change of the plan with this digest."
        ),
    ]
)

plan_options = _apply(
    [
        click.option("-n", "--dry-run", is_flag=True, help="Show what would be changed; send nothing."),
        click.option("--plan-out", metavar="FILE", default="", help="Also write the plan to a file, for 'apply'."),
    ]
)

ACTION_ARGUMENTS = {
    "lock": "remove_lock, restore_lock: the lock (restore_lock: its full id).",
    "level": "restore_lock: CanNotDelete or ReadOnly.",
    "notes": "restore_lock: the lock's notes.",
    "keep": "delete_restore_points: how many may stay.",
    "collection": "delete_restore_point_collection: only the one of this name.",
    "retain-days": "trigger_on_demand_backup: days to keep the recovery point.",
    "policy": "resume_protection: the policy's name or id.",
    "principal-id": "grant_key_vault_access: object id of the Backup Management Service.",
    "role": "grant_key_vault_access: id of the role to give.",
    "luns": "exclude_disks: LUNs of the data disks to leave out, such as 2,5.",
    "job": "cancel_backup_job: the job's name.",
}
"""What single actions take, as options; the actions themselves are imported when one is run."""

action_options = _apply(
    [
        *(click.option(f"--{name}", default="", help=text) for name, text in ACTION_ARGUMENTS.items()),
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="NAME=VALUE",
            help="A value for a script inside the VM ('remediate script NAME' lists them); may be repeated.",
        ),
    ]
)
