"""Long-running operations survive the process: a URL in the journal is enough to go on."""

from __future__ import annotations

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm.errors import AzureError
from arm.operations import (
    CANCELED,
    DEFAULT_INTERVAL,
    FAILED,
    GONE,
    IN_PROGRESS,
    SUCCEEDED,
    Operation,
    accepted,
    poll,
)
from arm.writes import send


@pytest.fixture
def world(drill):
    return drill("healthy")


def uninstall(world) -> Operation:
    target = f"{world.vm_id}/extensions/VMSnapshotLinux"
    answer = send(world.session(), "virtual_machine_extensions.delete", target, None, until=inf)
    return accepted(answer.headers)


def follow(world, operation: Operation):
    session = world.session(read_only=True)
    for _ in range(30):
        state = poll(session, operation)
        if state.status != IN_PROGRESS:
            break
    return state


@given(st.builds(Operation, st.text(), st.booleans(), st.floats(0, 60)))
def test_an_operation_comes_back_from_the_journal_as_it_was(operation):
    assert Operation.from_json(json.loads(json.dumps(operation.to_json()))) == operation


@pytest.mark.parametrize(
    ("headers", "operation"),
    [
        ({}, None),
        ({"Azure-AsyncOperation": "a"}, Operation("a", by_location=False)),
        ({"Location": "l"}, Operation("l", by_location=True)),
        ({"Location": "l", "Azure-AsyncOperation": "a", "Retry-After": "5"}, Operation("a", False, 5.0)),
        ({"Location": "l", "Retry-After": "0"}, Operation("l", True, 0.0)),
        ({"Location": "l", "Retry-After": "soon"}, Operation("l", True, DEFAULT_INTERVAL)),
    ],
)
def test_the_headers_of_an_answer_name_the_operation_and_the_pause_between_polls(headers, operation):
    assert accepted(headers) == operation


def test_an_operation_ends_succeeded_and_is_still_known_afterwards(world):
    operation = uninstall(world)
    first = poll(world.session(read_only=True), operation)
    assert first.status == IN_PROGRESS
    assert follow(world, first.operation).status == SUCCEEDED
    assert follow(world, operation).status == SUCCEEDED


@pytest.mark.parametrize(("kind", "status"), [("operation_fails", FAILED), ("operation_cancelled", CANCELED)])
def test_an_operation_that_fails_says_so_in_azures_words(world, kind, status):
    world.fault(kind, code="Because", message="of this")
    state = follow(world, uninstall(world))
    assert state.status == status
    assert (state.error_code, state.error_message) == (("Because", "of this") if status == FAILED else ("", ""))


def test_an_operation_that_never_ends_stays_in_progress(world):
    world.fault("operation_never_ends")
    assert follow(world, uninstall(world)).status == IN_PROGRESS


def test_an_operation_azure_no_longer_knows_is_gone_and_that_is_no_error(world):
    operation = uninstall(world)
    world.fault("poll_gone")
    assert poll(world.session(read_only=True), operation).status == GONE


def test_azure_not_answering_a_poll_is_an_error_and_not_an_end(world):
    operation = uninstall(world)
    world.fault("status", status=503, times=None)
    with pytest.raises(AzureError):
        poll(world.session(read_only=True), operation)


def test_a_poll_can_change_the_pause(azure, session_at):
    azure.says({"status": "Running"}, Retry_After="7").says({"status": "succeeded"})
    session = session_at(azure.endpoint)
    state = poll(session, Operation(f"{azure.endpoint}/x", by_location=False))
    assert (state.status, state.operation.interval) == (IN_PROGRESS, 7.0)
    state = poll(session, state.operation)
    assert (state.status, state.operation.interval) == (SUCCEEDED, 7.0)


def test_a_location_has_ended_when_it_no_longer_says_202(azure, session_at):
    azure.says(b"", 202).says(b"", 204)
    session, operation = session_at(azure.endpoint), Operation(f"{azure.endpoint}/x", by_location=True)
    assert [poll(session, operation).status for _ in range(2)] == [IN_PROGRESS, SUCCEEDED]


@pytest.mark.parametrize("body", [{"status": "Failed", "error": None}, {"status": "Cancelled", "properties": None}])
def test_an_end_without_details_is_an_end(azure, session_at, body):
    azure.says(body)
    state = poll(session_at(azure.endpoint), Operation(f"{azure.endpoint}/x", by_location=False))
    assert state.status in (FAILED, CANCELED)
    assert (state.error_code, state.error_message, state.job_id) == ("", "", "")


def test_an_operation_whose_location_answers_with_a_refusal_has_failed(azure, session_at):
    azure.says({"error": {"code": "VMRestorePointInternalError", "message": "no"}}, 409)
    state = poll(session_at(azure.endpoint), Operation(f"{azure.endpoint}/x", by_location=True))
    assert (state.status, state.error_code, state.error_message) == (FAILED, "VMRestorePointInternalError", "no")
