"""Tells people how it ended, once. Whatever goes wrong with it is logged, and fails nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from azure.core.credentials import TokenCredential

from arm.runtime import Runtime

from ..alerts.resolve import Result
from ..alerts.taken import Handled
from ..diagnosis import DiagnosisReport
from ..engine.model import Event, Tell, Verdict
from ..journal.model import Journal, Mark
from ..report import Report
from .cards import slack_message, teams_card
from .message import Message, message_of, message_of_refusal
from .send import NotTold, post
from .settings import LogTarget, NotifySettings

REMEMBERED = timedelta(days=30)
"""So long it is known what has been told."""
RETRY_AFTER = 3.0
"""Seconds before the one second attempt."""
API = "2023-01-01"
SCOPES = {
    "public": "https://monitor.azure.com//.default",
    "china": "https://monitor.azure.cn//.default",
    "usgovernment": "https://monitor.azure.us//.default",
}
"""What a token for the logs ingestion API is asked for, by cloud (source: Microsoft's client for it, its readme)."""
_TOLD = "notified"


@dataclass(frozen=True)
class Outcome:
    """How telling one channel went.

    Attributes:
        channel: its name.
        problem: why it did not work; empty when it did.
    """

    channel: str
    problem: str = ""


class Notifier:
    """Tells people through every channel that is configured.

    Args:
        settings: which channels.
        journal: opens the journal, which knows what has been told.
        runtime: time and sleep.
        tell: told of what went wrong.
        credential: gives the token for the custom log.
        cloud: name of the cloud, for links.
        count: told of each outcome.
    """

    def __init__(
        self,
        settings: NotifySettings,
        journal: Callable[[], Journal],
        runtime: Runtime,
        *,
        tell: Tell = lambda _event: None,
        credential: TokenCredential | None = None,
        cloud: str = "public",
        count: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._runtime = runtime
        self._tell = tell
        self._credential = credential
        self._cloud = cloud
        self._count = count

    def handled(self, handled: Handled, *, given_up: bool = True) -> list[Outcome]:
        """Tell what became of an alert, where somebody is to know; errors are logged.

        Args:
            handled: what became of it.
            given_up: it is not tried again; what may pass is told only then.
        """
        about = handled.target.job.name if handled.target else (handled.alert.job if handled.alert else "")
        passing = handled.result in (Result.LATER, Result.ERROR)
        if handled.result in (Result.DUPLICATE, Result.IGNORED, Result.NOTHING) or (passing and not given_up):
            return []
        if handled.outcome is not None and not passing:
            return self.outcome(handled.outcome, about=about)
        vm = handled.target.vm_id if handled.target else (handled.alert.vm_id if handled.alert else "")
        if not (handled.exit_code or passing) or not (vm or about):
            return []
        words = (vm, handled.why, handled.reason, handled.next_step)
        return self._once(lambda: message_of_refusal(*words, about=about, cloud=self._cloud))

    def outcome(self, outcome: Report | DiagnosisReport, *, about: str = "") -> list[Outcome]:
        """Tell how a repair or dry run ended, or that it waits for somebody; errors are logged.

        Args:
            outcome: the report.
            about: what led to it, such as the failed job.

        Returns:
            How each channel took it; nothing where it has been told before, or nobody is to be told.
        """
        if isinstance(outcome, Report) and not _told_of(outcome):
            return []
        return self._once(lambda: message_of(outcome, about=about, cloud=self._cloud))

    def _once(self, make: Callable[[], Message]) -> list[Outcome]:
        if not self._settings:
            return []
        try:
            message = make()
            if self._told(message.key):
                return []
            outcomes = list(self._through_all(message))
            if any(not one.problem for one in outcomes):
                self._remember(message)
        except Exception as error:  # noqa: BLE001  # telling people must never fail what they are told of
            outcomes = [Outcome("all", type(error).__name__)]
        for one in outcomes:
            self._count(one)
            if one.problem:
                text = f"nobody was told through {one.channel}: {one.problem}"
                with suppress(Exception):
                    self._tell(Event("notify", text, {"channel": one.channel, "problem": one.problem}))
        return outcomes

    def _through_all(self, message: Message) -> Iterator[Outcome]:
        settings = self._settings
        if settings.teams:
            yield self._through("Teams", settings.teams, teams_card(message), dict)
        if settings.slack:
            yield self._through("Slack", settings.slack, slack_message(message), dict)
        if settings.log is not None:
            row = [message.to_row(self._runtime.now())]
            yield self._through("the custom log", _url(settings.log), row, self._authorization)

    def _through(self, channel: str, url: str, body: Any, headers: Callable[[], Mapping[str, str]]) -> Outcome:
        """Send to one channel, a second time where it may only have been busy."""
        try:
            try:
                post(url, body, headers(), ca=self._settings.ca)
            except NotTold as error:
                if not error.again:
                    raise
                self._runtime.sleep(RETRY_AFTER)
                post(url, body, headers(), ca=self._settings.ca)
        except NotTold as error:
            return Outcome(channel, str(error))
        except Exception as error:  # noqa: BLE001  # no token, for one; its text may say more than a log should
            return Outcome(channel, type(error).__name__)
        return Outcome(channel)

    def _authorization(self) -> Mapping[str, str]:
        if self._credential is None:
            raise NotTold("there is no credential to sign in with", again=False)
        token = self._credential.get_token(SCOPES.get(self._cloud, SCOPES["public"])).token
        return {"Authorization": f"Bearer {token}"}

    def _told(self, key: str) -> bool:
        return any(one.key == key for one in self._journal().marks(_topic(key)))

    def _remember(self, message: Message) -> None:
        """Note what has been told, and forget what was so long ago; never an address."""
        journal, topic, now = self._journal(), _topic(message.key), self._runtime.now()
        for old in journal.marks(topic):
            if old.at < now - REMEMBERED:
                journal.unmark(topic, old.key)
        data = {"verdict": message.verdict, "run": message.run, "vm": message.vm_id}
        journal.mark(Mark(topic, message.key, now, data))


def _told_of(report: Report) -> bool:
    """Say whether a person is to know: of the end, and of what waits for Azure or for them."""
    stand = report.stand
    if stand.verdict is Verdict.REFUSED and stand.refusal is not None and stand.refusal.passing:
        return stand.refusal.guard == "systemic-breaker"
    return True


def _topic(key: str) -> str:
    return f"{_TOLD}-{key[:2]}"


def _url(log: LogTarget) -> str:
    return f"{log.endpoint}/dataCollectionRules/{log.rule}/streams/{log.stream}?api-version={API}"
