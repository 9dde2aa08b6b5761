"""People are told how it ended, once, in words they can act on; and nothing fails because they could not be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from arm.credentials import LoopbackCredential
from arm.errors import UsageError
from remediate.alerts.intake import Intake
from remediate.engine.model import Stand, Verdict
from remediate.journal.model import Mark
from remediate.notify import send
from remediate.notify.cards import slack_message, teams_card
from remediate.notify.message import MOST_TEXT, Tone, message_of, message_of_refusal
from remediate.notify.notifier import Notifier
from remediate.notify.settings import LogTarget, NotifySettings
from remediate.remediation import Accepted
from runbooks.model import Finding

from ..alerts.samples import OURS, Failure, built_in, common
from ..drill import CODE, YES, Drill
from .receiver import Receiver, receiver

RULE = "dcr-00000000000000000000000000000000"
STREAM = "Custom-BackupRemediation_CL"
SECRET = "T000/B000/nobody-may-see-this"


@pytest.fixture
def channel() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def settings(channel: Receiver, *names: str) -> NotifySettings:
    every = {
        "teams": f"{channel.url}/teams/{SECRET}",
        "slack": f"{channel.url}/slack/{SECRET}",
        "log": LogTarget(channel.url, RULE, STREAM),
    }
    return NotifySettings(**{name: every[name] for name in names or every})


def notifier(world: Drill, given: NotifySettings, **more: Any) -> Notifier:
    journal = world.journal()
    credential = more.pop("credential", LoopbackCredential())
    tell = world.events.append
    return Notifier(given, lambda: journal, world.runtime, tell=tell, credential=credential, **more)


def texts(node: Any) -> Iterator[str]:
    """Every text that somebody reads in a card or message."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(node, list):
        for one in node:
            yield from texts(one)


def test_nobody_is_told_anything_unless_it_is_configured(drill, channel):
    world = drill()
    assert notifier(world, NotifySettings()).outcome(world.repair()) == []
    assert channel.posted == []
    assert not NotifySettings.here({})


def test_every_channel_is_told_what_a_person_needs(drill, channel):
    world = drill()
    report = world.repair()
    outcomes = notifier(world, settings(channel)).outcome(report)
    assert [one.problem for one in outcomes] == ["", "", ""]
    teams, slack, log = channel.posted
    for one in (teams, slack):
        said = "\n".join(texts(one.body))
        for part in ("web-01", CODE, report.stand.verdict.value, report.stand.reason, report.run.id[:12]):
            assert part in said
        for sent in report.sent:
            assert sent.change.summary in said
    assert log.path == f"/dataCollectionRules/{RULE}/streams/{STREAM}?api-version=2023-01-01"
    assert log.headers["Authorization"].startswith("Bearer ")
    (row,) = log.body
    assert (row["VmId"], row["Error"], row["RunId"]) == (report.vm_id, CODE, report.run.id)
    assert row["Verdict"] == report.stand.verdict.value


def test_teams_gets_an_adaptive_card_in_a_message(drill, channel):
    world = drill()
    notifier(world, settings(channel, "teams")).outcome(world.repair())
    (attachment,) = channel.posted[0].body["attachments"]
    assert channel.posted[0].body["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["actions"][0]["url"].startswith("https://portal.azure.com/#resource/subscriptions/")
    assert len(json.dumps(card)) < 28_000


def test_the_same_verdict_of_a_run_is_told_once_and_the_next_verdict_again(drill, channel):
    world = drill()
    report = world.remediation(wait=0.0).repair(CODE, world.vm(), accepted=YES)
    assert report.stand.verdict is Verdict.PENDING
    one = notifier(world, settings(channel, "slack"))
    assert len(one.outcome(report)) == 1
    assert one.outcome(world.resume(report.run.id, now=False)) == []
    while report.stand.verdict is Verdict.PENDING:
        world.pass_time(timedelta(hours=4))
        report = world.resume(report.run.id)
        one.outcome(report)
    assert report.stand.verdict is Verdict.FIXED
    assert notifier(world, settings(channel, "slack")).outcome(report) == []
    assert ["repair has begun" in str(one.body) for one in channel.posted] == [True, False]
    assert "backup repaired" in str(channel.posted[1].body)


def test_what_needs_a_person_says_what_to_type(drill, channel):
    world = drill("rp-collection-limit-subscription-lock")
    report = world.remediation().repair(CODE, world.vm(), accepted=Accepted(yes=True))
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    message = message_of(report)
    assert message.tone is Tone.NEEDED
    notifier(world, settings(channel, "slack")).outcome(report)
    said = "\n".join(texts(channel.posted[0].body))
    assert report.stand.next_step in said
    assert report.plan.digest in said


def test_a_dry_run_says_that_nothing_was_changed(drill):
    world = drill()
    report = world.remediation(read_only=True).plan(CODE, world.vm())
    message = message_of(report, about="a job")
    assert "nothing was changed" in message.headline
    assert dict(message.rows)["Would change"]
    assert message.dry_run


def test_a_link_leads_to_the_portal_of_the_cloud(drill):
    report = drill().repair()
    assert message_of(report, cloud="usgovernment").link.startswith("https://portal.azure.us/#resource/")
    assert message_of(report, cloud="china").link.startswith("https://portal.azure.cn/#resource/")


@pytest.mark.parametrize(
    ("statuses", "times", "problem"),
    [([503, 200], 2, ""), ([429], 2, "HTTP 429"), ([400], 1, "HTTP 400"), ([302], 1, "HTTP 302")],
)
def test_a_channel_is_asked_a_second_time_where_it_may_only_have_been_busy(drill, channel, statuses, times, problem):
    world = drill()
    channel.statuses = statuses
    (outcome,) = notifier(world, settings(channel, "teams")).outcome(world.repair())
    assert (outcome.problem, len(channel.posted)) == (problem, times)
    assert not any("elsewhere" in one.path for one in channel.posted)


def test_what_nobody_was_told_can_be_told_later(drill, channel):
    world = drill()
    report = world.repair()
    one = notifier(world, settings(channel, "slack"))
    channel.statuses = [400]
    assert one.outcome(report)[0].problem == "HTTP 400"
    channel.statuses = [200]
    assert one.outcome(report)[0].problem == ""
    assert one.outcome(report) == []


def test_a_channel_that_never_answers_is_not_waited_for_and_not_asked_twice(drill, channel, monkeypatch):
    monkeypatch.setattr(send, "SECONDS", 0.2)
    world = drill()
    channel.statuses = [0]
    (outcome,) = notifier(world, settings(channel, "teams")).outcome(world.repair())
    assert outcome.problem == "no answer within 0.2 s"
    assert len(channel.posted) == 1


def test_no_failure_shows_an_address(drill, channel):
    world = drill()
    report = world.repair()
    gone = NotifySettings(teams=f"http://127.0.0.1:9/{SECRET}", slack=f"https://127.0.0.1:9/{SECRET}")
    outcomes = notifier(world, gone).outcome(report)
    assert [one.problem for one in outcomes] == ["ConnectionError", "ConnectionError"]
    shown = repr(world.events) + repr(outcomes) + repr(gone) + repr(world.state.read_bytes())
    assert SECRET not in shown
    notifier(world, settings(channel)).outcome(report)
    assert SECRET not in repr(world.state.read_bytes())
    assert SECRET not in json.dumps([one.body for one in channel.posted])


class Refusing:
    def get_token(self, *_: str, **__: Any) -> Any:
        raise RuntimeError(f"no token for {SECRET}")


def test_no_token_and_no_journal_fail_nothing(drill, channel):
    world = drill()
    report = world.repair()
    given = settings(channel, "log")
    assert [one.problem for one in notifier(world, given, credential=Refusing()).outcome(report)] == ["RuntimeError"]
    assert "credential" in notifier(world, given, credential=None).outcome(report)[0].problem

    def broken() -> Any:
        raise OSError("the disk is gone")

    assert [one.problem for one in Notifier(given, broken, world.runtime).outcome(report)] == ["OSError"]
    assert channel.posted == []


def test_a_listener_that_fails_fails_nothing(drill, channel):
    world = drill()
    channel.statuses = [400]

    def deaf(_event: Any) -> None:
        raise OSError("stderr is gone")

    journal = world.journal()
    one = Notifier(settings(channel, "slack"), lambda: journal, world.runtime, tell=deaf)
    assert one.outcome(world.repair())[0].problem == "HTTP 400"


@pytest.mark.parametrize(
    "text",
    [
        "<!channel> now",
        "<https://evil.example|click>",
        "[click](https://evil.example)",
        "a & b",
        "x" * 5000,
        "a\x00b\x1b[1m",
    ],
)
def test_a_text_out_of_azure_is_never_markup(drill, text):
    report = drill().repair()
    report = replace(report, stand=replace(report.stand, reason=text, next_step=text))
    report = replace(report, diagnosis=replace(report.diagnosis, findings=(Finding("Lock", text),) * 20))
    message = message_of(report)
    slack, teams = slack_message(message), teams_card(message)
    assert not any("<!channel>" in one or "<https://evil" in one for one in marked_up(slack))
    assert '"TextBlock"' not in json.dumps(teams)
    assert all(len(one) <= 3000 for one in texts(slack))
    assert len(json.dumps(teams)) < 28_000
    assert all(one.isprintable() for row in message.rows for one in row[1].split("\n"))
    assert len(message.reason) <= MOST_TEXT


def marked_up(slack: dict[str, Any]) -> Iterator[str]:
    """The texts that Slack reads as markup."""
    yield slack["text"]
    for block in slack["blocks"]:
        if block["text"]["type"] == "mrkdwn":
            yield block["text"]["text"]


def handled(world: Drill, payload: Any, **more: Any) -> Any:
    machine = world.remediation(read_only=more.get("dry_run", False), wait=0.0)
    (one,) = Intake(machine, accepted=YES, **{"dry_run": False, **more}).take(json.dumps(payload).encode()).alerts
    return one


def test_alerts_that_ask_for_no_repair_bother_nobody(drill, channel):
    world = drill()
    one = notifier(world, settings(channel, "slack"))
    first = handled(world, built_in())
    assert len(one.handled(first)) == 1
    for payload in (built_in(), common("Azure Backup", OURS, {}, monitorCondition="Resolved"), {"schemaId": "x"}):
        assert one.handled(handled(world, payload)) == []
    assert len(channel.posted) == 1


def test_an_alert_that_somebody_must_look_at_is_told_once(drill, channel):
    world = drill()
    one = notifier(world, settings(channel, "slack"))
    stranger = replace(OURS, job="00000000-0000-4000-8000-000000000000")
    assert len(one.handled(handled(world, built_in(stranger)))) == 1
    assert one.handled(handled(world, built_in(stranger))) == []
    assert "alert not dealt with" in str(channel.posted[0].body)


def test_what_may_pass_is_told_only_when_it_is_given_up(drill, channel):
    world = drill()
    world.fault("deny", path="/backupJobs/", times=None)
    failed = handled(world, built_in())
    one = notifier(world, settings(channel, "slack"))
    assert one.handled(failed, given_up=False) == []
    assert len(one.handled(failed, given_up=True)) == 1


def test_a_refusal_without_a_machine_has_no_link_and_no_command():
    message = message_of_refusal("", "forged", "x", "", about="job", cloud="public")
    assert (message.link, message.command) == ("", "")
    assert "actions" in teams_card(message)["attachments"][0]["content"]
    assert len(slack_message(message)["blocks"]) == 3


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_words(drill, verdict):
    report = replace(drill().repair(), stand=Stand(verdict, "because"))
    assert message_of(report).headline.startswith("web-01: ")


def test_what_the_environment_says_is_checked_and_not_repeated(tmp_path):
    file = tmp_path / "url"
    file.write_text("https://hooks.slack.com/services/T/B/x\n", encoding="utf-8")
    here = NotifySettings.here({"REMEDIATE_SLACK_URL_FILE": str(file), "REMEDIATE_TEAMS_URL": "https://a.example/x"})
    assert (here.slack, here.teams, here.log) == ("https://hooks.slack.com/services/T/B/x", "https://a.example/x", None)
    log = {"REMEDIATE_LOG_ENDPOINT": "https://x.ingest.monitor.azure.com/", "REMEDIATE_LOG_RULE": RULE}
    good = NotifySettings.here({**log, "REMEDIATE_LOG_STREAM": STREAM})
    assert good.log == LogTarget("https://x.ingest.monitor.azure.com", RULE, STREAM)
    for wrong in (
        {"REMEDIATE_TEAMS_URL": "http://a.example/hunter2"},
        {"REMEDIATE_SLACK_URL": "hunter2"},
        {"REMEDIATE_SLACK_URL_FILE": str(tmp_path / "hunter2")},
        {**log, "REMEDIATE_LOG_STREAM": "hunter2"},
        {**log, "REMEDIATE_LOG_RULE": "hunter2", "REMEDIATE_LOG_STREAM": STREAM},
        {**log, "REMEDIATE_LOG_ENDPOINT": "http://hunter2", "REMEDIATE_LOG_STREAM": STREAM},
    ):
        with pytest.raises(UsageError) as caught:
            NotifySettings.here(wrong)
        assert "hunter2" not in caught.value.message + caught.value.next_step


def test_what_has_been_told_is_forgotten_after_a_month(drill, channel):
    world = drill()
    report = world.repair()
    topic = f"notified-{message_of(report).key[:2]}"
    world.journal().mark(Mark(topic, "an-old-one", world.runtime.now() - timedelta(days=31), {}))
    notifier(world, settings(channel, "slack")).outcome(report)
    kept = world.journal().marks(topic)
    assert [mark.data["run"] for mark in kept] == [report.run.id]


def test_two_machines_are_two_messages():
    keys = {message_of_refusal(vm, "stale", "x", "", about="", cloud="public").key for vm in ("/a/b", "/a/c")}
    assert len(keys) == 2
    assert Failure().name == "web-01"
