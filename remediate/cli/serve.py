"""``serve``: take alerts over HTTP, and repair."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from .options import Duration, config_options, state_options

if TYPE_CHECKING:
    from arm.clouds import Cloud

    from ..serve.entra import EntraSettings

NEEDED = ("starlette", "uvicorn", "jwt")


@click.command(short_help="Take alerts over HTTP, and repair.")
@click.option("--host", help="Address to listen on; 0.0.0.0 for all (default: serve.host, 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="0: any free one (default: serve.port, 8080).")
@click.option(
    "--mode",
    type=click.Choice(["plan", "repair"]),
    envvar="REMEDIATE_MODE",
    help="plan: show what would be changed; repair: change what the guards let pass (default: serve.mode, plan).",
)
@click.option("--workers", type=click.IntRange(1, 16), help="Threads that repair (default: serve.workers, 1).")
@click.option(
    "--sweep-hours",
    type=click.IntRange(0, 14 * 24),
    help="In the mode repair, look this far back for failed backups whose alert was lost, once an hour; 0: never"
    " (default: serve.sweep_hours, 24).",
)
@click.option(
    "--secret-file", metavar="FILE", default="", help="Shared secrets, one a line (or REMEDIATE_SERVE_SECRET)."
)
@click.option("--entra-tenant", metavar="ID", default="", help="Take tokens of this Entra ID tenant.")
@click.option("--entra-audience", multiple=True, metavar="ID|URI", help="Your application, whom tokens are for.")
@click.option("--entra-app", metavar="ID", default="", help="Who may send (default: Azure Monitor's action groups).")
@click.option("--entra-role", metavar="NAME", default="", help="App role it needs (ActionGroupsSecureWebhook).")
@click.option("--entra-authority", metavar="URL", default="", help="Where the tenant signs in (default: the cloud's).")
@click.option("--no-auth", is_flag=True, help="Every program of this machine may deliver; only on a loopback address.")
@click.option("--tls-cert", metavar="FILE", default="", help="Certificate, for https without a proxy in front.")
@click.option("--tls-key", metavar="FILE", default="", help="Its key.")
@click.option("--cloud", default="public", show_default=True, help="public, china or usgovernment.")
@click.option(
    "--arm-endpoint", metavar="URL", envvar="REMEDIATE_ARM_ENDPOINT", help="Another endpoint that speaks ARM."
)
@click.option("--ca", metavar="FILE", envvar="REMEDIATE_CA", help="Certificate authority to trust for that endpoint.")
@click.option("--wait", type=Duration(), default="10m", show_default=True, help="How long a worker waits for Azure.")
@click.option("-v", "--verbose", is_flag=True, help="Log every step of a repair.")
@click.option("--log-json", is_flag=True, help="Log as JSON lines.")
@config_options
@state_options
def serve(**given: Any) -> int:
    """Take alerts over HTTP (POST /alerts), and repair the VMs they are about; until SIGTERM.

    One JSON line on stdout says where, when it is ready. What is answered with 202 is on disk. Nothing is changed
    unless the mode is repair. What no option says is taken from [serve] in remediate.toml, then the default.
    """
    from arm.errors import UsageError

    missing = [one for one in NEEDED if importlib.util.find_spec(one) is None]
    if missing:
        raise UsageError(
            f"the server needs {', '.join(missing)}, not installed here",
            "Run: pip install 'azure-backup-remediation[serve]'.",
        )
    from arm.clouds import cloud
    from arm.runtime import system_runtime

    from ..config import load_config
    from ..notify.settings import NotifySettings
    from ..serve.build import Order, build, gate_of
    from ..serve.settings import ServeSettings, secrets_of
    from .door import open_journal
    from .log import Log

    config = load_config(given["config"])
    given = _filled(given, config.values["serve"])
    settings = ServeSettings(
        host=given["host"],
        port=given["port"],
        mode=given["mode"],
        workers=given["workers"],
        sweep_hours=given["sweep_hours"],
        tls=_tls(given["tls_cert"], given["tls_key"]),
    )
    runtime, chosen = system_runtime(), cloud(given["cloud"])
    secrets, entra = secrets_of(given["secret_file"]), _entra(given, chosen)
    gate = gate_of(settings, secrets, entra, runtime, anybody=given["no_auth"])
    order = Order(
        settings=settings,
        cloud=chosen,
        journal=lambda: open_journal(given["state"], runtime=runtime),
        runtime=runtime,
        endpoint=given["arm_endpoint"],
        ca=_file(given["ca"] or "", "--ca") or None,
        limits=config.limits,
        alerts=config.alerts,
        keep=config.keep,
        notify=NotifySettings.here(configured=config.notify),
        wait=given["wait"],
        tell=Log(verbose=True, as_json=given["log_json"]),
        tell_engine=Log(verbose=given["verbose"], as_json=given["log_json"]),
    )
    build(order, gate).run()
    return 0


def _filled(given: dict[str, Any], configured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options, those that were not given as the configuration says."""
    names = {"entra_audiences": "entra_audience"}
    filled = {names.get(key, key): value for key, value in configured.items()}
    return {
        **filled,
        **{name: value for name, value in given.items() if value not in (None, "", ()) or name not in filled},
    }


def _entra(given: dict[str, Any], chosen: Cloud) -> EntraSettings | None:
    from arm.credentials import check_endpoint
    from arm.errors import UsageError

    from ..serve.entra import ACTION_GROUPS, ROLE, EntraSettings

    if not given["entra_tenant"]:
        if given["entra_audience"]:
            raise UsageError("--entra-audience needs --entra-tenant", "Name the tenant whose tokens are taken.")
        return None
    return EntraSettings(
        tenant=given["entra_tenant"],
        audiences=tuple(given["entra_audience"]),
        app=given["entra_app"] or ACTION_GROUPS,
        role=given["entra_role"] or ROLE,
        authority=check_endpoint(given["entra_authority"] or chosen.authority),
        ca=_file(given["ca"] or "", "--ca") or None if given["entra_authority"] else None,
    )


def _tls(certificate: str, key: str) -> tuple[str, str] | tuple[()]:
    from arm.errors import UsageError

    if bool(certificate) != bool(key):
        raise UsageError("--tls-cert and --tls-key belong together", "Give both, or neither.")
    return (_file(certificate, "--tls-cert"), _file(key, "--tls-key")) if certificate else ()


def _file(path: str, option: str) -> str:
    from pathlib import Path

    from arm.errors import UsageError

    if path and not Path(path).is_file():
        raise UsageError(f"there is no file {path!r}", f"Check {option}.")
    return path
