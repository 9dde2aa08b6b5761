from __future__ import annotations

from datetime import timedelta

import pytest

from simulator.clock import VirtualClock, duration

SUB = "/subscriptions/22222222-2222-4222-8222-222222222222"


def test_the_index_lists_every_operation_of_the_control_api(ask):
    answer = ask("GET", "/_sim/")
    assert answer.status == 200
    for path in ("/_sim/requests", "/_sim/state", "/_sim/clock", "/_sim/reset", "/_sim/faults", "/_sim/settings"):
        assert any(path in line for line in answer.body["operations"])


def test_an_unknown_control_path_is_answered_404_with_the_list(ask):
    answer = ask("GET", "/_sim/nonsense")
    assert answer.status == 404
    assert any("/_sim/requests" in line for line in answer.body["error"]["operations"])


def test_control_requests_need_no_token_and_are_not_recorded(sim):
    from simulator.frontend import parse

    assert sim.handle(parse("GET", "/_sim/requests", [], b"", "http://sim.test")).body == []
    assert sim.requests == []


def test_requests_are_given_in_order(ask, vm_path):
    ask("GET", SUB)
    ask("GET", vm_path)
    found = ask("GET", "/_sim/requests").body
    assert [entry["path"] for entry in found] == [SUB, vm_path]
    assert set(found[0]) == {
        "n", "time", "service", "method", "path", "query", "api_version", "headers", "body", "status", "response",
        "response_headers", "action", "write", "effect", "fault",
    }  # fmt: skip


def test_the_state_tells_of_everything_a_drill_looks_at(ask):
    state = ask("GET", "/_sim/state").body
    assert state["time"] == "2026-03-02T03:00:00.0000000Z"
    assert state["vms"][0]["extensions"][0]["name"] == "VMSnapshotLinux"
    assert len(state["collections"][0]["points"]) == 18
    assert state["locks"][0]["properties"]["level"] == "CanNotDelete"
    assert state["vaults"][0]["items"][0]["recovery_points"]
    assert {"groups", "operations", "tenant", "subscription"} <= set(state)


def test_time_stands_still_until_it_is_moved(sim, ask):
    ask("GET", SUB)
    assert ask("GET", "/_sim/clock").body == {"now": "2026-03-02T03:00:00.0000000Z"}
    assert ask("POST", "/_sim/clock", {"advance": "PT6H"}).body == {"now": "2026-03-02T09:00:00.0000000Z"}
    assert ask("GET", SUB).headers["Date"] == "Mon, 02 Mar 2026 09:00:00 GMT"


@pytest.mark.parametrize(
    "body",
    [
        {"advance": "-PT6H"},
        {"advance": "6 hours"},
        {"advance": 6},
        {"advance": "P1Y"},
        {"advance": "P400D"},
        {},
        {"advance": "P"},
    ],
)
def test_a_clock_that_should_run_backwards_or_nowhere_is_refused_with_a_reason(sim, ask, body):
    answer = ask("POST", "/_sim/clock", body)
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidClock")
    assert sim.world.clock.now.hour == 3


def test_a_body_that_is_no_json_object_is_refused(sim):
    from simulator.frontend import parse

    for body in (b"{", b"[]", b"\xff"):
        assert sim.handle(parse("POST", "/_sim/clock", [], body, "http://sim.test")).status == 400


def test_reset_goes_back_to_the_beginning(sim, ask, collection):
    sim.world.authorization.locks.clear()
    ask.follow(ask("DELETE", collection.id))
    ask.fault(kind="status", status=503)
    ask("POST", "/_sim/reset")
    assert len(next(iter(sim.world.compute.collections.values())).points) == 18
    assert sim.requests == []
    assert ask("GET", "/_sim/faults").body == {"faults": []}
    assert ask("GET", "/_sim/clock").body == {"now": "2026-03-02T03:00:00.0000000Z"}


def test_settings_are_shown_as_they_can_be_posted(ask, collection):
    refusal = {"code": "Busy", "message": "Later."}
    changed = {
        "page_size": 3,
        "lock_removal_delay": "PT90S",
        "denied_actions": ["Microsoft.Authorization/locks/*"],
        "granted_actions": ["*/read"],
        "unregistered_providers": ["Microsoft.Compute"],
        "refuse_deletion": {collection.name: refusal},
    }
    assert ask("POST", "/_sim/settings", changed).body == changed
    assert ask("GET", "/_sim/settings").body == changed


@pytest.mark.parametrize(
    "body",
    [
        {"page_size": 0},
        {"page_size": True},
        {"nonsense": 1},
        {"lock_removal_delay": "soon"},
        {"denied_actions": "all"},
        {"granted_actions": "all"},
        {"unregistered_providers": ["Microsoft.Nonsense"]},
        {"refuse_deletion": {"nobody": None}},
        {"page_size": 5, "refuse_deletion": []},
    ],
)
def test_a_setting_that_makes_no_sense_changes_nothing(ask, body):
    before = ask("GET", "/_sim/settings").body
    assert ask("POST", "/_sim/settings", body).status == 400
    assert ask("GET", "/_sim/settings").body == before


def test_what_falls_due_on_the_way_runs_at_its_own_time_and_in_order():
    clock, seen = VirtualClock(), []
    start = clock.now
    clock.call_later(timedelta(hours=2), lambda: seen.append(("two", clock.now - start)))
    clock.call_later(
        timedelta(hours=1),
        lambda: clock.call_later(timedelta(minutes=30), lambda: seen.append(("one", clock.now - start))),
    )
    clock.advance(timedelta(hours=3))
    assert seen == [("one", timedelta(minutes=90)), ("two", timedelta(hours=2))]


def test_time_never_runs_backwards():
    with pytest.raises(ValueError, match="backwards"):
        VirtualClock().advance(timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT6H", 21600), ("P1DT2H", 93600), ("PT90M", 5400), ("PT0.5S", 0.5), ("P2D", 172800)]
)
def test_durations_are_read_as_iso_8601(text, seconds):
    assert duration(text).total_seconds() == seconds
