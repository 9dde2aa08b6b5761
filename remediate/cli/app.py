"""Commands. ``remediate CODE --vm NAME`` is the main one; every other word is a command of its own."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from .alert import alert
from .campaign import campaign
from .carry_out import asked, carry_out
from .config import config
from .deploy import deploy
from .freeze import freeze, incidents, thaw
from .group import CodeGroup
from .options import (
    ACTION_ARGUMENTS,
    accept_options,
    action_options,
    arguments_of,
    azure_options,
    input_options,
    output_options,
    plan_options,
    probe_options,
    state_options,
    vm_options,
)
from .output import print_error, print_report
from .resume import cancel, resume
from .serve import serve as serve_alerts

if TYPE_CHECKING:
    from arm.errors import RemediationError

INTERRUPTED, TERMINATED = 130, 143


class Terminated(KeyboardInterrupt):
    """SIGTERM: as Ctrl-C, a run that has a lock on loan gives it back before the process ends."""


@click.group(cls=CodeGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="azure-backup-remediation", prog_name="remediate")
def cli() -> None:
    """Repair failed Azure VM backups: show what would change, change it under guards, prove the repair.

    CODE is Azure's error code, such as UserErrorRpCollectionLimitReached, or the whole message; without it, the VM's
    last failed job tells the error. 'remediate repair --help' lists the options of the main command.

    Exit codes: 0 fixed or nothing to do, 1 not fixed (or a check fails), 2 usage, 3 refused by a guard, 4 a human is
    needed (approval, a choice, or work that only a human can do), 5 pending, 6 Azure could not be reached or read,
    130 interrupted.
    """


@cli.command(short_help="Repair a VM; the word 'repair' may be left out.")
@click.argument("error", nargs=-1, metavar="[CODE|TEXT|-]")
@vm_options
@input_options
@plan_options
@accept_options
@azure_options
@state_options
@output_options
def repair(error: tuple[str, ...], **given: Any) -> int:
    """Repair the backups of a VM that fail with CODE (the word 'repair' may be left out).

    The whole message in quotes does as well as the code; '-' reads it from standard input. With neither, what
    'diagnose' finds is repaired.
    """
    arguments = arguments_of(given.pop("inputs"), given.pop("choose"))
    if not error:
        return carry_out("", arguments, given)
    from .said import error_of, one_text

    commands = list(cli.commands)
    found = error_of(one_text(error, commands), commands)
    return carry_out("" if found.wrapper else found.id, arguments, given, text=found.id)


@cli.command(short_help="Say what is wrong with a VM's backups.")
@click.argument("error", nargs=-1, metavar="[CODE|TEXT|-]")
@probe_options
@vm_options
@input_options
@azure_options
@state_options
@output_options
def diagnose(error: tuple[str, ...], **given: Any) -> int:
    """Say why the backups of a VM fail, with the evidence, and what would be done; nothing is changed.

    With --probe-guest a script that only reads is run inside the VM, through a run command of Azure's.

    Without a code or message, the VM's last failed job tells the error. The exit code is 2 when it means no error that
    is known, or more than one.
    """
    from .diagnose import diagnose_vm

    return diagnose_vm(error, arguments_of(given.pop("inputs"), given.pop("choose")), given)


@cli.command(short_help="Check the health of a VM's backups, or of many.")
@click.option("--only", multiple=True, metavar="CHK-ID", help="Only this check; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Every VM of the vault or subscription, not one.")
@click.option("--vault", metavar="NAME|ID", default="", help="With --all: only the VMs of this vault.")
@probe_options
@vm_options
@azure_options
@state_options
@output_options
def check(**given: Any) -> int:
    """Check a VM's backups: what was seen, what is expected, why it matters; nothing is changed.

    What cannot be read is unknown; so is what only the guest can answer, unless --probe-guest lets a script that only
    reads look inside the VM. With --all, Resource Graph answers what it can
    for every VM at a time. The exit code is 1 when a check fails, else 0.
    """
    from .check import check_health

    return check_health(given)


@cli.command(short_help="Run one action alone, under the same guards.")
@click.argument("name")
@action_options
@vm_options
@plan_options
@accept_options
@azure_options
@state_options
@output_options
def action(name: str, **given: Any) -> int:
    """Run the one action NAME under the same guards ('remediate list' shows the actions)."""
    from ..engine.chains import ACTION, find_action

    verb = find_action(name)
    arguments = {name: value for name in ACTION_ARGUMENTS if (value := given.pop(name.replace("-", "_")))}
    words = {**{word: f"--{word}" for word in arguments}}
    for word, value in arguments_of(given.pop("inputs"), "").items():
        arguments[word], words[word] = value, f"--input {word}"
    for word, option in words.items():
        if word not in verb.arguments:
            raise click.UsageError(f"{verb.name} takes no {option}")
    return carry_out(f"{ACTION}{verb.name}", arguments, given)


@cli.command(short_help="Print a script that runs inside a VM.")
@click.argument("name")
@click.option("--verb", default="apply", show_default=True, help="What it is asked to do: check, apply or undo.")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="A value that the script takes.")
@output_options
def script(name: str, verb: str, inputs: tuple[str, ...], output: str) -> int:
    """Print the exact text that the action NAME would run inside a VM, with its hash, and what it touches.

    An approval holds for this very text. No request is sent.
    """
    from .script import print_script

    print_script(name, verb, arguments_of(inputs, ""), output)
    return 0


@cli.command(short_help="Carry out a plan file.")
@click.argument("file", type=click.Path(dir_okay=False))
@accept_options
@azure_options
@state_options
@output_options
def apply(file: str, **given: Any) -> int:
    """Carry out exactly the plan in FILE (from --plan-out); refused when anything has changed since.

    What is destructive, disruptive or weakens security still needs --approve with the plan's digest.
    """
    from ..planfile import read_plan

    plan = read_plan(file)
    given.update(vm=plan.vm_id, resource_group="", subscription="", dry_run=False, plan_out="", yes=True)
    return carry_out(plan.runbook, dict(plan.arguments), given, digest=plan.digest)


@cli.command(short_help="Take back what a run has changed.")
@click.argument("run_id", metavar="ID")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be taken back; send nothing.")
@accept_options
@azure_options
@state_options
@output_options
def undo(run_id: str, **given: Any) -> int:
    """Take back what run ID has changed, the last change first; an open run is closed by it."""
    from ..accepted import Accepted
    from .door import Options, open_door

    output, dry_run = given.pop("output"), given.pop("dry_run")
    accepted = Accepted(yes=given.pop("yes"), approve=given.pop("approve"))
    with open_door(Options.of(given), read_only=dry_run) as door:
        report = door.remediation.undo(run_id, accepted=accepted, dry_run=dry_run)
        with door.progress.paused():
            answer = None if dry_run else asked(report, output, accepted)
        if answer is not None:
            report = door.remediation.undo(run_id, accepted=answer)
    print_report(report, output)
    return report.exit_code


@cli.command(name="list", short_help="List the error codes and actions.")
@output_options
def list_command(output: str) -> int:
    """List every error that is known, those with a runbook first, and the actions."""
    from .catalogue import print_list

    print_list(output)
    return 0


@cli.command(short_help="Show what is known of an error code.")
@click.argument("code")
@output_options
def show(code: str, output: str) -> int:
    """Show what CODE means, why it happens, and the steps of its runbook."""
    from .catalogue import print_entry

    print_entry(code, output)
    return 0


@cli.command(short_help="Say which error a message means.")
@click.argument("text", nargs=-1, required=True, metavar="TEXT|CODE|-")
@output_options
def explain(text: tuple[str, ...], output: str) -> int:
    """Say which error a message or code means, why it happens, what would be done, and what a human must do.

    The message may be in English, Portuguese or Chinese, alone or in a longer text; '-' reads it from standard input.
    The exit code is 2 when it means no error that is known, or more than one.
    """
    from .explain import explain_text

    return explain_text(text, output)


@cli.command(short_help="Print the least-privilege role for runbooks.")
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--subscription", "subscriptions", multiple=True, metavar="ID", help="Where it may be assigned.")
@click.option("--scope", "scopes", multiple=True, metavar="ID", help="The same: a resource group or management group.")
@click.option("--name", default="", help="The role's name.")
def role(codes: tuple[str, ...], subscriptions: tuple[str, ...], scopes: tuple[str, ...], name: str) -> int:
    """Print the custom role with exactly the permissions of the runbooks for CODE, or of all of them.

    It is the JSON that 'az role definition create --role-definition @FILE' takes.
    """
    from .role import print_role

    print_role(codes, scopes, subscriptions, name)
    return 0


@cli.command(short_help="List the runs in the journal.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many, newest first.")
@state_options
@output_options
def runs(limit: int, state: str | None, output: str) -> int:
    """List the runs in the journal, newest first."""
    from .history import print_runs

    print_runs(limit, state, output)
    return 0


@cli.command(short_help="Show one run with its journal.")
@click.argument("run_id", metavar="ID")
@state_options
@output_options
def run(run_id: str, state: str | None, output: str) -> int:
    """Show one run with everything in its journal."""
    from .history import print_run

    print_run(run_id, state, output)
    return 0


@cli.group()
def simulate() -> None:
    """Drill on a simulated Azure."""


@simulate.command(name="list")
@output_options
def simulate_list(output: str) -> int:
    """List the scenarios."""
    from .drill import print_scenarios

    print_scenarios(output)
    return 0


@simulate.command()
@click.option("--scenario", metavar="NAME", default="rp-collection-limit", show_default=True, help="What is broken.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port on 127.0.0.1 (default: any free one).")
@click.option("--tls", is_flag=True, help="Serve https with a certificate made for this run.")
@click.option("--vm", default="web-01", show_default=True, help="Name of the scenario's main VM.")
@click.option("--latency", default=0, type=click.IntRange(0, 60_000), help="Milliseconds before each answer.")
def serve(**given: Any) -> int:
    """Serve a simulated Azure until stopped.

    One JSON line says where, when it is ready.
    """
    from .drill import serve_scenario

    serve_scenario(**given)
    return 0


for _command in (alert, cancel, config, deploy, freeze, incidents, resume, serve_alerts, thaw):
    cli.add_command(_command)
simulate.add_command(campaign)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status; SIGTERM is told as an interruption is, instead of killing."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    sys.exit(status_of(sys.argv[1:] if arguments is None else arguments))


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def status_of(arguments: list[str]) -> int:
    """Run one command and return its exit status; every error is printed, none is raised."""
    from arm.errors import RemediationError, UsageError

    try:
        status = cli.main(arguments, prog_name="remediate", standalone_mode=False)
    except click.ClickException as error:
        if _wanted_output(arguments) != "json":
            error.show()
            return error.exit_code
        print_error(UsageError(error.format_message(), "See 'remediate --help'."), "json")
        return error.exit_code
    except RemediationError as error:
        print_error(error, _wanted_output(arguments))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        sys.unraisablehook = lambda _: None  # answers that were half read have nothing to say to the operator
        click.echo("\ninterrupted; nothing is lost: 'remediate resume' goes on with an open run", err=True)
        return TERMINATED if isinstance(error.__cause__ or error, Terminated) else INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the one boundary: a bug is told as one, the journal is intact
        print_error(_bug(error), _wanted_output(arguments))
        return 1
    return status if isinstance(status, int) else 0


def _bug(error: Exception) -> RemediationError:
    import traceback

    from arm.errors import RemediationError

    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rsplit('/', 1)[-1]}:{place.lineno}"
    step = "Report this with the command you ran; the journal knows how far an open run got, 'remediate runs' shows it."
    return RemediationError(f"internal error at {where}: {type(error).__name__}: {error}", step)


def _wanted_output(arguments: list[str]) -> str:
    """Return the form of output that was asked for, also when the call went wrong before it was parsed."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if (word in ("-o", "--output") and following == "json") or word in ("--output=json", "-ojson"):
            return "json"
    return "text"
