"""The plugin: traffic recorded in any test is judged, and a lie fails the test in which it was told."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap

import pytest

from .documents import REPOSITORY
from .plugin import Watch, report
from .samples import entry

LOCKS = "/subscriptions/0/providers/Microsoft.Authorization/locks"
LIE = entry("GET", LOCKS, {"api-version": "2020-05-01"}, None, 200, {"value": [], "invented": 1})
TRUTH = entry("GET", LOCKS, {"api-version": "2020-05-01"}, None, 200, {"value": []})
PLUGIN = "tests.judges.plugin"


@pytest.fixture
def recorder():
    """A class that records as the simulator does."""

    class Recorder:
        def __init__(self, *said):
            self.requests = list(said)

        def reset(self):
            self.requests.clear()

    return Recorder


@pytest.fixture
def watch(judge, recorder):
    watch = Watch(judge)
    detach = watch.attach(recorder)
    yield watch
    detach()


def test_each_entry_is_judged_once(watch, recorder):
    one = recorder(TRUTH)
    assert watch.look() == []
    one.requests.append(LIE)
    assert len(watch.look()) == 1
    assert watch.look() == []
    assert sum(watch.judge.judged.values()) == 2


def test_what_was_recorded_before_a_reset_is_judged_too(watch, recorder):
    one = recorder(LIE)
    one.reset()
    one.requests.append(TRUTH)
    assert len(watch.look()) == 1
    assert sum(watch.judge.judged.values()) == 2


def test_a_simulator_that_the_test_dropped_is_judged_all_the_same(watch, recorder):
    recorder(LIE)
    gc.collect()
    assert len(watch.look()) == 1


def test_no_simulator_is_kept_alive_beyond_its_test(watch, recorder):
    recorder(LIE)
    watch.let_go()
    gc.collect()
    assert watch.look() == []


def test_entries_from_another_process_are_judged_when_handed_over(watch):
    watch.hand_over([LIE])
    assert len(watch.look()) == 1


def test_a_class_is_left_as_it_was_found(judge, recorder):
    start, reset = recorder.__init__, recorder.reset
    Watch(judge).attach(recorder)()
    assert (recorder.__init__, recorder.reset) == (start, reset)


def test_the_report_names_operation_place_and_exchange(judge):
    text = report(judge.judge([LIE]))
    assert "ManagementLocks_ListAtSubscriptionLevel: response 200 body: 'invented' is not in the document" in text
    assert f"in GET {LOCKS} -> 200" in text


def test_a_long_report_is_cut_and_counted(judge):
    lies = [{**LIE, "path": f"/subscriptions/{number}/providers/Microsoft.Authorization/locks"} for number in range(10)]
    assert report(judge.judge(lies)).endswith("... and 2 more")


def run_pytest(folder, *, specs):
    """Run pytest on a folder of its own, as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "AZURE_SPECS": str(specs), "COLUMNS": "200"}
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-q", "-rf", str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_lie_fails_the_test_that_recorded_it_and_no_other(documents, tmp_path):
    tests = f"""
        import pytest
        LIE, TRUTH = {LIE!r}, {TRUTH!r}

        def test_lie(judge_traffic): judge_traffic([LIE])

        def test_lie_of_a_simulator():
            from simulator import Simulator
            from simulator.frontend import parse

            one = Simulator()
            target = f"/subscriptions/{{one.world.subscription}}?api-version=2022-12-01"
            one.handle(parse("GET", target, [("Authorization", "Bearer x")], b"", "https://example.net"))
            one.records[-1].response.body["invented"] = 1

        def test_truth(judge_traffic): judge_traffic([TRUTH])

        @pytest.mark.unjudged("on purpose")
        def test_lie_on_purpose(judge_traffic): judge_traffic([LIE])
    """
    (tmp_path / "test_it.py").write_text(textwrap.dedent(tests))
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = [{PLUGIN!r}]")
    done = run_pytest(tmp_path, specs=documents.root)
    assert "test_it.py::test_lie - Failed: Traffic of this test disagrees" in done.stdout
    assert "Subscriptions_Get: response 200 body: 'invented' is not in the document" in done.stdout
    assert "2 failed, 2 passed" in done.stdout
    assert "4 exchanges judged, of 2 operations" in done.stdout


def test_without_documents_the_run_says_so_and_judges_nothing(tmp_path):
    (tmp_path / "test_it.py").write_text(f"def test_lie(judge_traffic): judge_traffic([{LIE!r}])")
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = [{PLUGIN!r}]")
    done = run_pytest(tmp_path, specs=tmp_path / "nowhere")
    assert "1 passed" in done.stdout
    assert f"skipped: no OpenAPI documents at {tmp_path / 'nowhere'}" in done.stdout
