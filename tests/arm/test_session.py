"""Reading Azure when it is slow, busy, wrong, hostile or not there: a message a person can act on."""

from __future__ import annotations

import pytest
from azure.core.pipeline.transport import RequestsTransport

from arm.errors import (
    AzureError,
    BadResponse,
    CredentialsRejected,
    Forbidden,
    NotFound,
    RemediationError,
    Throttled,
)
from arm.parallel import gather
from arm.retry import ATTEMPTS, BUDGET, parse_retry_after
from arm.runtime import system_runtime
from simulator import Simulator, serve

from .scripted import ID, Scripted, free_port

API = "2024-07-01"
LIST = "/subscriptions/s/providers/Microsoft.Compute/restorePointCollections"


@pytest.fixture
def world(drill):
    return drill()


@pytest.fixture
def session(world):
    return world.session(read_only=True)


def read(session, world):
    return session.get(world.vm_id, API)["name"]


@pytest.mark.parametrize(
    "fault",
    [{"kind": kind} for kind in ("reset_before", "reset_after", "truncate", "not_json")]
    + [{"kind": "status", "status": status} for status in (408, 429, 500, 502, 503, 504)],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
def test_a_read_survives_a_short_disturbance(world, session, fault):
    world.fault(**fault, times=ATTEMPTS - 1)
    assert read(session, world) == "web-01"
    assert len(world.simulator.requests) == ATTEMPTS
    assert len(world.slept) == ATTEMPTS - 1


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ({"kind": "reset_before"}, AzureError, "could not be reached"),
        ({"kind": "truncate"}, BadResponse, "was cut off"),
        ({"kind": "not_json"}, BadResponse, "no JSON"),
        ({"kind": "status", "status": 429}, Throttled, "TooManyRequests"),
        ({"kind": "status", "status": 503}, AzureError, "ServiceUnavailable"),
    ],
    ids=["reset", "truncated", "no JSON", "throttled", "unavailable"],
)
def test_a_disturbance_that_lasts_ends_after_a_few_tries_with_what_to_do(world, session, fault, kind, says):
    world.fault(**fault, times=None)
    with pytest.raises(kind, match=says) as caught:
        read(session, world)
    assert caught.value.next_step
    assert caught.value.exit_code == 6
    assert len(world.simulator.requests) == ATTEMPTS


def test_an_answer_that_never_comes_is_given_up_after_the_read_timeout(world):
    world.fault("timeout_before", times=1, seconds=5)
    world.transport = lambda: RequestsTransport(read_timeout=0.2, use_env_settings=False)
    assert read(world.session(), world) == "web-01"


@pytest.mark.parametrize(
    ("hint", "slept"), [("0", None), ("17", 17.0), ("999999999", 60.0), ("-3", None), ("soon", None), ("nan", None)]
)
def test_the_pause_azure_asks_for_is_kept_and_an_absurd_one_is_cut(world, session, hint, slept):
    world.fault("status", status=429, retry_after=hint)
    assert read(session, world) == "web-01"
    (pause,) = world.slept
    assert pause == slept if slept else 0 < pause <= 1


@pytest.mark.parametrize("hint", [None, "", "inf", "1e999", "-1", "Mon, 02 Mar 2026 03:00:00 GMT"])
def test_what_is_no_number_of_seconds_is_no_hint(hint):
    assert parse_retry_after(hint) is None


def test_a_session_retries_only_so_often_over_all_its_reads(world, session):
    world.fault("status", status=503, times=None)
    for _ in range(BUDGET):
        with pytest.raises(AzureError):
            read(session, world)
    assert len(world.slept) == BUDGET
    assert len(world.simulator.requests) == BUDGET + BUDGET


def test_nobody_listening_says_which_endpoint_and_that_nothing_was_changed(session_at):
    with pytest.raises(AzureError, match="could not be reached") as caught:
        session_at(f"http://127.0.0.1:{free_port()}").get(ID, API)
    assert "nothing was changed" in caught.value.next_step


def test_a_missing_permission_is_named_with_its_scope(world, session):
    world.simulator.world.authorization.denied = {"Microsoft.Compute/virtualMachines/read"}
    with pytest.raises(Forbidden) as caught:
        read(session, world)
    assert caught.value.action == "Microsoft.Compute/virtualMachines/read"
    assert caught.value.scope == world.vm_id
    assert f"Grant {caught.value.action} at {caught.value.scope}" in caught.value.next_step


def test_a_403_of_another_kind_is_shown_in_azures_words(world, session):
    world.fault("status", status=403, code="RequestDisallowedByPolicy", message="Policy p says no.")
    with pytest.raises(Forbidden, match="Policy p says no") as caught:
        read(session, world)
    assert caught.value.action == ""


def test_an_expired_token_asks_to_sign_in_again(world, session):
    world.fault("expire_tokens")
    with pytest.raises(CredentialsRejected, match="ExpiredAuthenticationToken") as caught:
        read(session, world)
    assert "az login" in caught.value.next_step


def test_a_resource_of_another_tenant_says_so(world, session):
    world.fault("status", status=401, code="InvalidAuthenticationTokenTenant", message="The tenant is another one.")
    with pytest.raises(CredentialsRejected) as caught:
        read(session, world)
    assert "another tenant" in caught.value.next_step


def test_what_does_not_exist_is_not_found(session, world):
    with pytest.raises(NotFound, match="ResourceNotFound"):
        session.get(world.vm_id + "x", API)


def test_any_other_refusal_is_shown_in_azures_words(world, session):
    world.fault("status", status=409, code="Odd", message="Not today.")
    with pytest.raises(AzureError, match="Odd: Not today"):
        read(session, world)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[1]", b'{"error": "text"}', b'{"error": null}', b"\xff\xfe", b"<html>"]
)
def test_an_error_without_azures_error_body_still_names_its_status(azure, session_at, body):
    azure.says(body, 400)
    with pytest.raises(AzureError, match="HTTP 400"):
        session_at(azure.endpoint).get(ID, API)


def test_an_error_whose_body_is_azures_inner_object_alone_is_read(azure, session_at):
    azure.says({"code": "UserErrorX", "message": "m"}, 400)
    with pytest.raises(AzureError, match="UserErrorX: m"):
        session_at(azure.endpoint).get(ID, API)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"17", b"null"])
def test_json_that_is_no_object_is_a_bad_answer(azure, session_at, body):
    azure.says(body)
    with pytest.raises(BadResponse, match="was answered with a JSON"):
        session_at(azure.endpoint).get(ID, API)


def test_a_certificate_nobody_trusts_is_an_endpoint_that_cannot_be_reached(stack, session_at):
    server = stack.enter_context(serve(Simulator(), tls=True))
    with pytest.raises(AzureError, match=r"(?i)certificate"):
        session_at(server.endpoint).get(ID, API)


def test_the_time_is_azures_and_unknown_before_its_first_answer(world, session):
    with pytest.raises(BadResponse, match="no answer carried a Date header"):
        session.azure_now()
    read(session, world)
    assert session.azure_now() == world.simulator.world.clock.now


def test_a_list_is_read_over_all_its_pages(world, session):
    world.simulator.world.page_size = 2
    item = world.facts().item()
    points = list(session.pages(f"{item.id}/recoveryPoints", "2024-04-01"))
    assert len({point["id"] for point in points}) == len(points) > 4


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {"a": 1}}])
def test_a_list_without_values_is_a_bad_answer(azure, session_at, body):
    azure.says(body)
    with pytest.raises(BadResponse, match="has no list of values"):
        list(session_at(azure.endpoint).pages(LIST, API))


@pytest.mark.parametrize("entry", [1, None, "text", ["id"]])
def test_a_list_of_something_else_than_objects_is_a_bad_answer(azure, session_at, entry):
    azure.says({"value": [entry]})
    with pytest.raises(BadResponse):
        list(session_at(azure.endpoint).pages(LIST, API))


def test_pages_that_lead_in_a_circle_end_in_an_error_and_not_in_a_loop(world, session):
    world.fault("page_loop", path="/restorePointCollections$", times=None)
    subscription = world.vm_id.split("/resourceGroups/")[0]
    with pytest.raises(BadResponse, match="never ends"):
        list(session.pages(f"{subscription}/providers/Microsoft.Compute/restorePointCollections", API))


def test_pages_without_end_end_in_an_error(azure, session_at, monkeypatch):
    monkeypatch.setattr("arm.session.MAX_PAGES", 5)
    for number in range(7):
        azure.says({"value": [{"n": number}], "nextLink": f"{azure.endpoint}{LIST}?page={number}"})
    with pytest.raises(BadResponse, match="never ends"):
        list(session_at(azure.endpoint).pages(LIST, API))
    assert len(azure.asked) == 5


@pytest.fixture
def elsewhere(stack) -> Scripted:
    """Another server on this machine, which must never see a token."""
    other = Scripted().says({"value": []})
    stack.callback(other.close)
    return other


@pytest.mark.parametrize(
    "link",
    [
        "http://{other}/x",
        "http://{other}\\@{home}/x",
        "http://{home}@{other}/x",
        "http://user@{home}/x",
        "https://{home}/x",
        "//{other}/x",
        "/subscriptions/s",
        "http://{home}.example.com/x",
        "http://127.0.0.1:abc/x",
        "http://127.0.0.1:99999/x",
        "http://[::1/x",
        "http:///x",
        "http://{home} /x",
        "javascript:alert(1)",
    ],
)
def test_a_next_page_anywhere_else_is_not_asked_for_and_the_token_stays_here(azure, elsewhere, session_at, link):
    home, other = (server.endpoint.removeprefix("http://") for server in (azure, elsewhere))
    azure.says({"value": [], "nextLink": link.format(home=home, other=other)})
    with pytest.raises(BadResponse, match="points to") as caught:
        list(session_at(azure.endpoint).pages(LIST, API))
    assert "token is not sent there" in caught.value.next_step
    assert elsewhere.asked == []
    assert len(azure.asked) == 1


def test_an_operation_to_poll_anywhere_else_is_not_polled(azure, elsewhere, session_at):
    with pytest.raises(BadResponse, match="points to"):
        session_at(azure.endpoint).poll(f"{elsewhere.endpoint}/x")
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "https://management.azure.com/x",
        "https://management.azure.com:443/x",
        "https://MANAGEMENT.azure.com/x",
        "https://westeurope.management.azure.com/x",
    ],
)
def test_azures_own_addresses_are_followed(session_at, url):
    session_at("https://management.azure.com")._check_host(url)


@pytest.mark.parametrize("url", ["https://evil-management.azure.com/x", "https://management.azure.com:444/x"])
def test_an_address_that_only_looks_like_azures_is_not_followed(session_at, url):
    with pytest.raises(BadResponse):
        session_at("https://management.azure.com")._check_host(url)


def test_a_poll_url_is_used_verbatim(azure, session_at):
    azure.says(b"", 202, Retry_After="5")
    status, body, headers = session_at(azure.endpoint).poll(f"{azure.endpoint}/x%3By?t=a%2Fb&c=")
    assert azure.asked[0][1] == "/x%3By?t=a%2Fb&c="
    assert (status, body, headers["Retry-After"]) == (202, {}, "5")


def test_a_definite_refusal_of_a_poll_is_how_the_operation_ended(azure, session_at):
    azure.says(b"", 400)
    status, body, _ = session_at(azure.endpoint).poll(f"{azure.endpoint}/x")
    assert (status, body["error"]) == (400, {"code": "", "message": ""})


@pytest.mark.parametrize("status", [401, 403, 503])
def test_a_poll_that_says_nothing_of_the_operation_is_an_error(azure, session_at, status):
    for _ in range(5):
        azure.says(b"", status)
    with pytest.raises(AzureError):
        session_at(azure.endpoint).poll(f"{azure.endpoint}/x")


def test_names_with_spaces_and_semicolons_reach_azure_as_they_are(azure, session_at):
    azure.says({})
    session_at(azure.endpoint).get("/a b;c(d)", API, filter_="x eq 'y z'", expand_="e")
    assert azure.asked[0][1] == "/a%20b;c(d)?%24filter=x%20eq%20%27y%20z%27&%24expand=e&api-version=2024-07-01"


def test_a_session_is_closed_by_its_block(session_at):
    with session_at("http://127.0.0.1:1") as session:
        assert session.endpoint == "http://127.0.0.1:1"


def test_the_systems_runtime_has_a_clock_in_utc_and_fresh_ids():
    runtime = system_runtime()
    assert runtime.now().utcoffset().total_seconds() == 0
    assert runtime.new_id() != runtime.new_id()
    assert callable(runtime.sleep)


def test_reads_at_the_same_time_give_their_results_in_order_and_the_first_error():
    def fail(text: str):
        raise AzureError(text, "Try again.")

    assert gather([]) == []
    assert gather([lambda: 1, lambda: 2]) == [1, 2]
    with pytest.raises(AzureError, match="one"):
        gather([lambda: 0, lambda: fail("one"), lambda: fail("two")])


def test_a_defect_in_a_read_is_not_hidden_by_the_thread_it_happened_in():
    def defect():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gather([defect, lambda: 1])


def test_every_error_has_a_code_and_a_next_step():
    def below(kind):
        return [kind, *(deeper for one in kind.__subclasses__() for deeper in below(one))]

    kinds = [kind for kind in below(RemediationError) if kind.__module__ == "arm.errors"]
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert RemediationError("what", "do", ["a"]).candidates == ("a",)
