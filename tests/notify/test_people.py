"""Commands and jobs tell people how it ended: once, never in a dry run, and never at the cost of what they do."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from remediate.automation import alert as alert_job
from remediate.automation import backup as backup_job
from remediate.automation import resume as resume_job
from remediate.automation.settings import Settings
from remediate.notify.notifier import Notifier

from ..alerts.samples import built_in
from ..alerts.test_intake import fail_with
from ..cli.conftest import remediate as remediate  # noqa: PLC0414  # the fixture
from ..drill import CODE, Drill
from .receiver import Receiver, receiver

MAIN = (CODE, "--vm", "web-01", "--yes", "--wait", "0s")
RESUME = ("resume", "--now")
NAMES = ("TEAMS_URL", "SLACK_URL", "TEAMS_URL_FILE", "SLACK_URL_FILE", "LOG_ENDPOINT", "LOG_RULE", "LOG_STREAM")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in (*NAMES, "CONFIG"):
        monkeypatch.delenv(f"REMEDIATE_{name}", raising=False)
    (tmp_path / "alert.json").write_text(json.dumps(built_in()), encoding="utf-8")


@pytest.fixture
def channel(monkeypatch) -> Iterator[Receiver]:
    """A Slack that every command is told of."""
    with receiver() as found:
        monkeypatch.setenv("REMEDIATE_SLACK_URL", f"{found.url}/hunter2")
        yield found


def headlines(channel: Receiver) -> list[str]:
    return [one.body["text"] for one in channel.posted]


ALERT = ("alert", "alert.json", "--yes", "--wait", "0s")


@pytest.mark.parametrize("words", [MAIN, ALERT])
def test_a_command_and_those_after_it_tell_each_verdict_once(drill, remediate, channel, words):
    world = drill()
    assert remediate(world, *words).status in (0, 5)
    assert ["repair has begun" in one for one in headlines(channel)] == [True]
    while "Fixed" not in remediate(world, *RESUME).out:
        world.pass_time(timedelta(hours=4))
    assert ["backup repaired" in one for one in headlines(channel)] == [False, True]


def test_going_on_with_one_run_tells_how_it_ended(drill, remediate, channel):
    world = drill()
    run = remediate(world, *MAIN, "-o", "json").json["run"]
    while remediate(world, "resume", run, "--now", "-o", "json").json["verdict"] == "Pending":
        world.pass_time(timedelta(hours=4))
    assert "backup repaired" in headlines(channel)[-1]


def test_that_the_error_of_a_backup_is_not_known_is_told(drill, remediate, channel):
    world = drill()
    fail_with(world, "Something that nobody has ever seen.")
    assert remediate(world, "repair", "--vm", "web-01", "--yes").status == 2
    assert ["web-01" in one for one in headlines(channel)] == [True]


@pytest.mark.parametrize(
    "words",
    [
        (CODE, "--vm", "web-01", "--dry-run"),
        ("alert", "alert.json", "--dry-run"),
        ("resume", "--adopt", "--dry-run"),
        (CODE, "--simulate", "rp-collection-limit", "--yes"),
    ],
)
def test_in_a_dry_run_or_a_drill_nobody_is_told(drill, remediate, channel, words):
    assert remediate(drill(), *words).status == 0
    assert channel.posted == []


def test_unless_it_is_configured_nobody_is_told_by_a_command(drill, remediate, monkeypatch):
    monkeypatch.setattr(Notifier, "__init__", lambda *_, **__: pytest.fail("somebody would be told"))
    assert remediate(drill(), *MAIN).status == 5


def test_the_configuration_says_who_is_told_as_the_environment_does(drill, remediate, tmp_path):
    with receiver() as found:
        (tmp_path / "teams").write_text(f"{found.url}/hunter2\n", encoding="utf-8")
        (tmp_path / "remediate.toml").write_text('[notify]\nteams_url_file = "teams"\n', encoding="utf-8")
        said = remediate(drill(), *MAIN)
    assert (said.status, len(found.posted)) == (5, 1)
    assert "hunter2" not in said.out + said.err


@pytest.mark.parametrize(
    ("variables", "part"),
    [
        ({"TEAMS_URL": "http://127.0.0.1:9/hunter2"}, "nobody was told through Teams: ConnectionError"),
        ({"TEAMS_URL": "hunter2"}, "nobody is told: REMEDIATE_TEAMS_URL is no https address"),
        ({"SLACK_URL_FILE": "hunter2"}, "nobody is told: the file of REMEDIATE_SLACK_URL_FILE cannot be read"),
        ({"SLACK_URL_FILE": "hun\0ter2"}, "nobody is told: the file of REMEDIATE_SLACK_URL_FILE cannot be read"),
        ({"LOG_RULE": "hunter2"}, "nobody is told: REMEDIATE_LOG_ENDPOINT is no https address"),
    ],
)
@pytest.mark.parametrize("words", [MAIN, ALERT])
def test_a_failure_to_tell_is_logged_and_changes_no_exit_status(
    drill, remediate, monkeypatch, tmp_path, words, variables, part
):
    status = remediate(drill(), *words).status
    for name, value in variables.items():
        if "\0" not in value:
            monkeypatch.setenv(f"REMEDIATE_{name}", value)
    if "hun\0ter2" in variables.values():
        (tmp_path / "remediate.toml").write_text('[notify]\nslack_url_file = "hunter2"\n', encoding="utf-8")
        part = part.replace("REMEDIATE_SLACK_URL_FILE", "notify.slack_url_file")
    other = drill()
    other.state = other.state.with_name("other.db")
    said = remediate(other, *words)
    assert (said.status, part in said.err) == (status, True), said.err
    assert "hunter2" not in said.out + said.err


def test_an_interruption_while_people_are_told_ends_the_telling_only(drill, remediate, channel, monkeypatch):
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("remediate.notify.notifier.post", interrupted)
    said = remediate(drill(), *MAIN)
    assert (said.status, "Pending" in said.out) == (5, True)


class Account:
    """Jobs of an Automation account that has been told to repair."""

    def __init__(self, world: Drill, **variables: object) -> None:
        self.world = world
        self.variables: dict[str, object] = {
            "REMEDIATE_MODE": "repair",
            "REMEDIATE_STATE": str(world.state),
            **variables,
        }
        self.said = ""

    def run(self, job: Any, *words: str) -> int:
        out = io.StringIO()
        settings = Settings({"REMEDIATE_ARM_ENDPOINT": self.world.endpoint}, self._variable)
        status: int = job.main(["x", *words], settings, out)
        self.said = out.getvalue()
        return status

    def _variable(self, name: str) -> object:
        value = self.variables[name]
        if isinstance(value, Exception):
            raise value
        return value


def deliver(account: Account) -> int:
    return account.run(alert_job, json.dumps(built_in()))


def repair(account: Account) -> int:
    return account.run(backup_job, CODE, "web-01")


def sweep(account: Account) -> int:
    return account.run(resume_job)


@pytest.fixture
def quick(drill, monkeypatch) -> Callable[..., Account]:
    """An account whose jobs do not wait."""
    monkeypatch.setattr("remediate.automation.door.DEFAULT_WAIT", 0.0)
    return lambda **variables: Account(drill(), **variables)


@pytest.mark.parametrize("job", [deliver, repair, sweep])
def test_a_job_and_those_after_it_tell_each_verdict_once(quick, channel, job):
    account = quick(REMEDIATE_SLACK_URL=f"{channel.url}/hunter2")
    assert job(account) == 0, account.said
    assert ["repair has begun" in one for one in headlines(channel)] == [True]
    while "Fixed" not in account.said:
        account.world.pass_time(timedelta(hours=4))
        assert sweep(account) == 0, account.said
    assert "backup repaired" in headlines(channel)[-1]
    assert len(channel.posted) == 2
    assert "hunter2" not in account.said


@pytest.mark.parametrize("job", [deliver, repair, sweep])
def test_in_the_mode_plan_a_job_tells_nobody(quick, channel, job):
    account = quick(REMEDIATE_SLACK_URL=channel.url, REMEDIATE_MODE="plan")
    job(account)
    assert "Planned" in account.said
    assert channel.posted == []


def test_a_dry_run_of_a_job_tells_nobody(quick, channel):
    account = quick(REMEDIATE_SLACK_URL=channel.url)
    assert account.run(backup_job, CODE, "web-01", "dry-run") == 0
    assert channel.posted == []


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ("http://127.0.0.1:9/hunter2", "WARNING: nobody was told through Slack: ConnectionError"),
        ("hunter2", "WARNING: nobody is told: REMEDIATE_SLACK_URL is no https address"),
        (TimeoutError("no answer"), "WARNING: nobody is told: the Automation variable REMEDIATE_SLACK_URL cannot be"),
    ],
)
@pytest.mark.parametrize("job", [deliver, repair, sweep])
def test_a_failure_to_tell_is_a_warning_and_fails_no_job(quick, job, wrong, part, monkeypatch):
    monkeypatch.setattr("remediate.notify.notifier.RETRY_AFTER", 0.0)
    account = quick(REMEDIATE_SLACK_URL=wrong)
    assert job(account) == 0, account.said
    assert part in account.said
    assert "Pending" in account.said
    assert "hunter2" not in account.said


def test_what_a_job_puts_off_is_not_told(quick, channel):
    window = '[[change_window]]\nfrom = "12:00"\nto = "14:00"\n'
    account = quick(REMEDIATE_SLACK_URL=channel.url, REMEDIATE_CONFIG=window)
    assert deliver(account) == 0
    assert "alert later" in account.said
    assert channel.posted == []


def test_an_error_that_stops_an_alert_is_told_once(quick, channel):
    account = quick(REMEDIATE_SLACK_URL=channel.url)
    account.world.fault("deny", path="/backupJobs/", times=None)
    assert deliver(account) == 1
    assert deliver(account) == 1
    assert ["alert not dealt with" in one for one in headlines(channel)] == [True]
