"""``remediate serve``: what it wants to know before it listens."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path
from typing import Any

import pytest

from remediate.alerts.settings import AlertSettings
from remediate.config.model import TABLES
from remediate.serve import build
from remediate.serve.entra import ROLE, EntraSettings
from remediate.serve.settings import ServeSettings, is_loopback, secrets_of

from ..cli.conftest import remediate as remediate  # noqa: PLC0414  # the fixture

TENANT = "aaaabbbb-0000-4000-8000-dddd22221111"
GOOD = "a-secret-that-nobody-can-guess"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("REMEDIATE_CONFIG", raising=False)
    for name in ("SERVE_SECRET", "TEAMS_URL", "SLACK_URL", "LOG_ENDPOINT", "MODE"):
        monkeypatch.delenv(f"REMEDIATE_{name}", raising=False)
    (tmp_path / "short").write_text("short\n", encoding="utf-8")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "good").write_text(f"{GOOD}\n", encoding="utf-8")
    (tmp_path / "broken.toml").write_text("[blast_radius]\nvms = 1000\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "nobody is named who may deliver"),
        (["--no-auth", "--host", "0.0.0.0"], "would let everybody deliver"),
        (["--no-auth", "--host", "backup.example.org"], "would let everybody deliver"),
        (["--no-auth", "--secret-file", "good"], "contradict"),
        (["--secret-file", "short"], "fewer than 24"),
        (["--secret-file", "empty"], "no secret in"),
        (["--secret-file", "none"], "cannot be read"),
        (["--entra-tenant", "contoso.com", "--entra-audience", "x"], "no id of an Entra ID tenant"),
        (["--entra-tenant", TENANT], "no audience"),
        (["--entra-audience", "x"], "needs --entra-tenant"),
        (["--entra-tenant", TENANT, "--entra-audience", "x", "--entra-authority", "http://a.b"], "plain HTTP"),
        (["--no-auth", "--tls-cert", "good"], "belong together"),
        (["--no-auth", "--tls-cert", "none", "--tls-key", "none"], "there is no file"),
        (["--no-auth", "--ca", "none"], "there is no file"),
        (["--no-auth", "--cloud", "moon"], "unknown cloud"),
        (["--no-auth", "--config", "broken.toml"], "has a mistake"),
        (["--no-auth", "--host", "203.0.113.1", "--secret-file", "good"], "contradict"),
        (["--host", "203.0.113.1", "--secret-file", "good"], "cannot be listened on"),
    ],
)
def test_it_says_what_is_wrong_before_it_listens(remediate, words, part):
    said = remediate(None, "serve", "--port", "0", *words)
    assert said.status == 2
    assert part in said.err
    assert "next:" in said.err


CONFIGURED = f"""
[serve]
host = "::1"
port = 8443
mode = "repair"
workers = 3
sweep_hours = 6
entra_tenant = "{TENANT}"
entra_audiences = ["api://backup-remediation"]
entra_role = "Sender"
[scope]
resource_groups = ["rg-web"]
[notify]
slack_url_file = "slack"
"""


@pytest.fixture
def ordered(monkeypatch) -> list[Any]:
    """Every server that is ordered, with its gate; none is built."""
    orders: list[Any] = []

    class Built:
        def run(self) -> None:
            pass

    monkeypatch.setattr(build, "build", lambda *words: orders.append(words) or Built())
    return orders


def test_what_no_option_says_is_taken_from_the_configuration(remediate, ordered, tmp_path):
    (tmp_path / "remediate.toml").write_text(CONFIGURED, encoding="utf-8")
    (tmp_path / "slack").write_text("https://hooks.example.org/T/B/x\n", encoding="utf-8")
    assert remediate(None, "serve").status == 0
    ((order, gate),) = ordered
    assert order.settings == ServeSettings("::1", 8443, "repair", 3, 6)
    assert order.alerts.allowed.resource_groups == ("rg-web",)
    assert order.notify.slack == "https://hooks.example.org/T/B/x"
    (token,) = gate._checks
    assert token._settings == EntraSettings(TENANT, ("api://backup-remediation",), role="Sender")


def test_what_an_option_or_a_variable_says_wins_over_the_configuration(remediate, ordered, tmp_path, monkeypatch):
    (tmp_path / "remediate.toml").write_text(CONFIGURED, encoding="utf-8")
    monkeypatch.setenv("REMEDIATE_MODE", "plan")
    monkeypatch.setenv("REMEDIATE_SLACK_URL", "https://hooks.example.org/of/the/environment")
    other = "11112222-0000-4000-8000-dddd22221111"
    given = {"host": "127.0.0.1", "port": "0", "workers": "1", "sweep-hours": "0", "entra-tenant": other}
    more = {"entra-audience": "api://other", "entra-app": other, "entra-role": "Other"}
    words = [word for name, value in {**given, **more}.items() for word in (f"--{name}", value)]
    assert remediate(None, "serve", *words).status == 0
    ((order, gate),) = ordered
    assert order.settings == ServeSettings("127.0.0.1", 0, "plan", 1, 0)
    assert order.notify.slack == "https://hooks.example.org/of/the/environment"
    assert gate._checks[0]._settings == EntraSettings(other, ("api://other",), other, "Other")


def test_without_a_configuration_the_defaults_are_those_of_the_server(remediate, ordered):
    assert remediate(None, "serve", "--no-auth").status == 0
    ((order, _),) = ordered
    assert order.settings == ServeSettings(sweep_hours=24)
    assert (order.settings.dry_run, bool(order.notify), order.alerts) == (True, False, AlertSettings())
    assert TABLES["serve"]["entra_role"].default == ROLE


def test_a_file_of_an_address_that_is_not_there_is_told_before_it_listens(remediate, tmp_path):
    (tmp_path / "remediate.toml").write_text('[notify]\nteams_url_file = "none"\n', encoding="utf-8")
    said = remediate(None, "serve", "--no-auth")
    assert (said.status, "the file of notify.teams_url_file cannot be read" in said.err) == (2, True)


def test_a_short_secret_and_a_wrong_address_of_the_environment_are_not_repeated(remediate, monkeypatch):
    monkeypatch.setenv("REMEDIATE_SERVE_SECRET", "hunter2")
    said = remediate(None, "serve")
    assert (said.status, "fewer than 24" in said.err, "hunter2" in said.err) == (2, True, False)
    monkeypatch.delenv("REMEDIATE_SERVE_SECRET")
    monkeypatch.setenv("REMEDIATE_SLACK_URL", "http://hooks.example.org/T/hunter2")
    said = remediate(None, "serve", "--no-auth")
    assert (said.status, "REMEDIATE_SLACK_URL" in said.err, "hunter2" in said.err) == (2, True, False)


def test_a_port_that_is_taken_is_told(remediate):
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = remediate(None, "serve", "--no-auth", "--port", str(other.getsockname()[1]))
    assert (said.status, "cannot be listened on" in said.err) == (2, True)


def test_without_the_extra_it_says_how_to_install_it(remediate, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    said = remediate(None, "serve", "--no-auth")
    assert said.status == 2
    assert "pip install 'azure-backup-remediation[serve]'" in said.err


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_a_loopback_address_is_told_from_others(host, is_one):
    assert is_loopback(host) is is_one


def test_a_file_may_have_an_old_and_a_new_secret(tmp_path):
    file = tmp_path / "two"
    file.write_text(f"{GOOD}\n\n{GOOD}2\n", encoding="utf-8")
    assert secrets_of(str(file)) == (GOOD, f"{GOOD}2")
    assert secrets_of("", {"REMEDIATE_SERVE_SECRET": GOOD}) == (GOOD,)
    assert secrets_of("", {}) == ()
