"""The judge in the whole suite: whatever a test makes the simulator say is held against Microsoft's documents.

A pytest plugin. It watches every :class:`simulator.Simulator` of the run and judges what each recorded during a
test when that test ends; a disagreement fails the test. Simulators in other processes are out of its sight: their
tests hand over ``GET /_sim/requests`` through the fixture ``judge_traffic``.

``@pytest.mark.unjudged("why")`` exempts a test. Without the documents nothing is judged, and the summary says so.
"""

from __future__ import annotations

import functools
import weakref
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from typing import Any

import pytest

from .documents import Documents, location
from .known import UNJUDGED
from .openapi import Entry, Finding, Judge

SHOWN = 8
"""Findings shown of one test; the rest is counted."""


class Watch:
    """Follows the simulators of one process and judges what they recorded since the last look."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._held: list[Any] = []
        self._known: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._findings: list[Finding] = []

    def attach(self, simulator: type) -> Callable[[], None]:
        """Watch every instance of this class from now on; returns what undoes it."""
        start, reset = simulator.__init__, simulator.reset

        @functools.wraps(start)
        def watched_start(one: Any, *args: Any, **kwargs: Any) -> None:
            start(one, *args, **kwargs)
            self._held.append(one)
            self._known[one] = 0

        @functools.wraps(reset)
        def watched_reset(one: Any, *args: Any, **kwargs: Any) -> Any:
            if one in self._known:
                self._look_at(one)
            result = reset(one, *args, **kwargs)
            self._known[one] = 0
            return result

        simulator.__init__, simulator.reset = watched_start, watched_reset

        def detach() -> None:
            simulator.__init__, simulator.reset = start, reset

        return detach

    def hand_over(self, entries: Iterable[Entry]) -> None:
        """Judge entries of a simulator that lives elsewhere."""
        self._findings += self.judge.judge(entries)

    def look(self) -> list[Finding]:
        """Judge what is new and return the findings since the last look, each once."""
        for one in list(self._known):
            self._look_at(one)
        found, self._findings = list(dict.fromkeys(self._findings)), []
        return found

    def let_go(self) -> None:
        """Keep no simulator alive beyond the test that made it."""
        self._held.clear()

    def _look_at(self, one: Any) -> None:
        entries = list(one.requests)
        self._findings += self.judge.judge(entries[self._known[one] :])
        self._known[one] = len(entries)


def report(findings: list[Finding]) -> str:
    """What a failing test shows."""
    shown = [str(one) for one in findings[:SHOWN]]
    if len(findings) > SHOWN:
        shown.append(f"... and {len(findings) - SHOWN} more")
    return "Traffic of this test disagrees with Microsoft's OpenAPI documents:\n" + "\n".join(shown)


class Plugin:
    """The hooks; registered by :func:`pytest_configure` when the documents are there."""

    def __init__(self, judge: Judge) -> None:
        self.watch = Watch(judge)
        self.judged: Counter[str] = Counter()
        self.unjudged: Counter[str] = Counter()
        self._detach: Callable[[], None] | None = None

    @pytest.hookimpl
    def pytest_collection_finish(self) -> None:
        from simulator import Simulator

        self._detach = self.watch.attach(Simulator)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        try:
            result = yield
        except BaseException:
            if findings := self._findings(item):
                item.add_report_section("call", "openapi judge", report(findings))
            raise
        if findings := self._findings(item):
            pytest.fail(report(findings), pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        result = yield
        findings = self._findings(item)
        self.watch.let_go()
        if findings:
            pytest.fail(report(findings), pytrace=False)
        return result

    def _findings(self, item: pytest.Item) -> list[Finding]:
        findings = self.watch.look()
        return [] if item.get_closest_marker("unjudged") else findings

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._detach is not None:
            self._detach()
        self.judged += self.watch.judge.judged
        self.unjudged += self.watch.judge.unjudged
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["openapi judge"] = [dict(self.judged), dict(self.unjudged)]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        judged, unjudged = getattr(node, "workeroutput", {}).get("openapi judge", [{}, {}])
        self.judged += Counter(judged)
        self.unjudged += Counter(unjudged)

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.judged and not self.unjudged:
            return
        terminalreporter.section("openapi judge")
        total, operations = sum(self.judged.values()), len(self.judged)
        rest = "not judged, or only in part:" if self.unjudged else "none left out"
        terminalreporter.line(f"{total} exchanges judged, of {operations} operations; {rest}")
        for one in UNJUDGED:
            if count := self.unjudged[one.what]:
                terminalreporter.line(f"  {count:6} {one.what}: {one.why}")


class Absent:
    """Says in the summary that there was nothing to judge by."""

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("openapi judge")
        terminalreporter.line(f"skipped: no OpenAPI documents at {location()} (AZURE_SPECS names another place)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "unjudged(why): traffic of this test is not held against the OpenAPI documents")
    documents = Documents(location())
    plugin = Plugin(Judge(documents)) if documents.present else Absent()
    config.pluginmanager.register(plugin, "openapi judge")


@pytest.fixture
def judge_traffic(request: pytest.FixtureRequest) -> Callable[[Iterable[Entry]], None]:
    """Hand over the recorded requests of a simulator in another process; judged when the test ends."""
    plugin = request.config.pluginmanager.get_plugin("openapi judge")
    return plugin.watch.hand_over if isinstance(plugin, Plugin) else lambda _: None
