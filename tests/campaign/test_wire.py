"""The transport in this process fails as one over real sockets does."""

from __future__ import annotations

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest

from arm.credentials import LoopbackCredential
from arm.errors import Ambiguous, NotSent
from arm.session import Session
from arm.writes import send
from remediate.campaign.wire import ENDPOINT, LocalTransport
from simulator.wire import Request, Response

LOCK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Authorization/locks/l"


def asked(answer: Response | None) -> tuple[LocalTransport, list[Request]]:
    seen: list[Request] = []

    def ask(request: Request) -> Response | None:
        seen.append(request)
        return answer

    return LocalTransport(ask), seen


def get(transport: LocalTransport):
    with transport:
        return transport.send(HttpRequest("GET", f"{ENDPOINT}{LOCK}?api-version=1&x=%2F", json={"a": 1}))


def test_a_request_arrives_as_it_was_sent_and_its_answer_comes_back():
    transport, seen = asked(Response(200, {"b": 2}, {"ETag": "x", "Content-Type": "application/json"}))
    response = get(transport)
    (request,) = seen
    assert (request.method, request.path, dict(request.query)) == ("GET", LOCK, {"api-version": "1", "x": "/"})
    assert (request.json(), request.base_url) == ({"a": 1}, ENDPOINT)
    assert (response.status_code, response.json(), response.headers["etag"]) == (200, {"b": 2}, "x")
    assert (response.text(), response.read(), response.content) == ('{"b": 2}', b'{"b": 2}', b'{"b": 2}')
    assert [*response.iter_raw(), *response.iter_bytes()] == [response.content] * 2
    assert (response.content_type, response.encoding, response.reason) == ("application/json", "utf-8", "")
    assert response.url.startswith(ENDPOINT)
    assert response.request.method == "GET"
    assert response.is_closed
    assert response.is_stream_consumed
    response.encoding = "latin-1"
    with response:
        response.raise_for_status()
    response.close()


def test_an_errors_status_can_be_raised():
    transport, _ = asked(Response(409))
    with pytest.raises(HttpResponseError):
        get(transport).raise_for_status()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, ServiceRequestError),
        (Response(200, delivery="reset"), ServiceResponseError),
        (Response(200, delivery="hang"), ServiceResponseTimeoutError),
        (Response(200, delivery="truncate"), IncompleteReadError),
    ],
    ids=["refused", "reset", "hang", "truncate"],
)
def test_an_answer_that_does_not_come_whole_is_the_sdks_error(answer, error):
    transport, _ = asked(answer)
    with pytest.raises(error):
        get(transport)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, NotSent),
        (Response(200, delivery="reset"), Ambiguous),
        (Response(200, delivery="hang"), Ambiguous),
        (Response(200, delivery="truncate"), Ambiguous),
    ],
    ids=["refused", "reset", "hang", "truncate"],
)
def test_only_a_connection_that_was_never_there_is_certainly_without_effect(answer, error):
    transport, seen = asked(answer)
    session = Session(endpoint=ENDPOINT, read_only=False, credential=LoopbackCredential(), transport=transport)
    with pytest.raises(error):
        send(session, "locks.delete", LOCK, None, until=float("inf"))
    assert len(seen) == 1
