"""``remediate config check``, and what a broken configuration stops."""

from __future__ import annotations

import pytest

from remediate.config.model import TABLES

from ..cli.conftest import remediate  # noqa: F401
from ..drill import CODE

BROKEN = "[blast_radius]\nvms = 0\n"
WINDOWS = """
[[change_window]]
name = "nights"
days = ["mon"]
from = "22:00"
to = "05:00"
[[change_window]]
name = "restarts"
from = "01:00"
to = "02:00"
impact = "disruptive"
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write the configuration of the current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("REMEDIATE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return lambda text: (folder / "remediate.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_without_a_file_the_defaults_are_shown(written, remediate, form):  # noqa: F811
    said = remediate(None, "config", "check", "-o", form)
    assert said.status == 0
    assert "none; the defaults hold" in said.out
    assert "no change windows" in said.out
    for table, keys in TABLES.items():
        for key, number in keys.items():
            (line,) = [line for line in said.out.splitlines() if f"{table}.{key}" in line]
            assert f" {number.shown(number.default)} " in line


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_windows_are_shown_with_what_keeps_to_them(written, remediate, form):  # noqa: F811
    written(WINDOWS)
    said = remediate(None, "config", "check", "-o", form)
    assert "remediate.toml" in said.out
    assert "changes in nights (mon 22:00-05:00 UTC)" in said.out
    assert "disruptive changes in restarts (mon tue wed thu fri sat sun 01:00-02:00 UTC)" in said.out


def test_mistakes_are_told_with_file_and_line_and_exit_code_2(written, remediate):  # noqa: F811
    written(BROKEN)
    said = remediate(None, "config", "check")
    assert said.status == 2
    assert "remediate.toml:2: 'vms' is to be from 1 to 100, not 0" in said.err
    assert remediate(None, "config", "check", "-o", "json").json["code"] == "Config"


@pytest.mark.parametrize(
    "words",
    [
        (CODE, "--vm", "web-01", "--yes"),
        (CODE, "--vm", "web-01", "--dry-run"),
        ("action", "trigger_on_demand_backup", "--vm", "web-01", "--yes"),
        ("resume",),
        ("diagnose", "--vm", "web-01", "--probe-guest"),
        ("incidents",),
        ("incidents", "close", "1a2b3c4d", "--reason", "x"),
    ],
)
def test_a_broken_configuration_stops_every_command_that_plans_or_makes_changes(
    written,
    drill,
    remediate,  # noqa: F811
    words,
):
    written(BROKEN)
    world = drill()
    said = remediate(world, *words)
    assert (said.status, "remediate.toml has a mistake" in said.err) == (2, True)
    assert world.simulator.requests == []


@pytest.mark.parametrize("words", [("diagnose", "--vm", "web-01"), ("check", "--vm", "web-01"), ("runs",), ("thaw",)])
def test_what_only_looks_and_what_stops_changes_need_no_configuration(
    written,
    drill,
    remediate,  # noqa: F811
    words,
):
    written(BROKEN)
    assert "remediate.toml" not in remediate(drill(), *words).err


def test_what_is_configured_is_what_the_guards_go_by(written, drill, remediate):  # noqa: F811
    written('[[change_window]]\nfrom = "12:00"\nto = "14:00"\n')
    world = drill()
    said = remediate(world, CODE, "--vm", "web-01", "--yes", "-o", "json")
    assert (said.status, said.json["refusal"]["guard"]) == (3, "change-window")
    assert world.writes == []


def test_the_option_wins_over_the_file_in_this_folder(written, drill, remediate, tmp_path):  # noqa: F811
    written(BROKEN)
    other = tmp_path / "other.toml"
    other.write_text("", encoding="utf-8")
    assert remediate(drill(), CODE, "--vm", "web-01", "--dry-run", "--config", str(other)).status == 0
