"""The last gate before the socket: reads pass, a write passes once and only with its permit, some writes never."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote

import pytest
from azure.core.rest import HttpRequest
from hypothesis import example, given
from hypothesis import strategies as st

from arm.errors import NotSent, WriteBlocked
from arm.transport import DENY_LIST, GuardedTransport, denied, is_read

from .scripted import Noted

HOST = "https://management.azure.com"
VAULT = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v"
ITEM = f"{VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;c/protectedItems/VM;i"
COMPUTE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute"
POINT = f"{COMPUTE}/restorePointCollections/c/restorePoints/p"
LOCK = "/subscriptions/s/providers/Microsoft.Authorization/locks/l"
FORBIDDEN = [
    ("DELETE", VAULT),
    ("DELETE", ITEM),
    ("DELETE", f"{ITEM}/recoveryPoints/1"),
    ("DELETE", f"{ITEM}/recoveryPoints"),
    ("DELETE", f"{VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;c"),
    ("DELETE", f"{VAULT}/backupPolicies/daily"),
    ("DELETE", f"{VAULT}/backupResourceGuardProxies/guard"),
    ("POST", f"{VAULT}/backupResourceGuardProxies/guard/unlockDelete"),
    ("PUT", VAULT),
    ("PATCH", VAULT),
    ("PUT", f"{VAULT}/backupconfig/vaultconfig"),
    ("PATCH", f"{VAULT}/backupconfig/vaultconfig"),
    ("DELETE", "/subscriptions/s"),
    ("DELETE", "/subscriptions/s/resourceGroups/rg"),
    ("DELETE", f"{COMPUTE}/virtualMachines/vm"),
    ("DELETE", f"{COMPUTE}/disks/d"),
    ("DELETE", f"{COMPUTE}/snapshots/d"),
]
ALLOWED = [
    ("DELETE", LOCK),
    ("PUT", LOCK),
    ("DELETE", f"{VAULT}/providers/Microsoft.Authorization/locks/l"),
    ("DELETE", POINT),
    ("DELETE", f"{COMPUTE}/restorePointCollections/c"),
    ("DELETE", f"{COMPUTE}/virtualMachines/vm/extensions/VMSnapshotLinux"),
    ("POST", f"{ITEM}/backup"),
    ("PUT", ITEM),
]
READ_POSTS = [
    "/providers/Microsoft.ResourceGraph/resources",
    "/subscriptions/s/providers/Microsoft.RecoveryServices/locations/westeurope/backupStatus",
]
methods = st.one_of(st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]), st.text(max_size=6))
parts = st.one_of(
    st.sampled_from(
        ["subscriptions", "s", "providers", "Microsoft.ResourceGraph", "resources", "locations", "backupStatus", ".."]
    ),
    st.sampled_from(["Microsoft.RecoveryServices", "%2E", "%2e%2e", "resources%0A", "%72esources", ""]),
    st.text("aB%2/.;\\\n ", max_size=4),
)
paths = st.one_of(
    st.lists(parts, max_size=8).map(lambda found: "/" + "/".join(found)), st.sampled_from([*READ_POSTS, LOCK, POINT])
)


def request(method: str, path: str) -> HttpRequest:
    return HttpRequest(method, HOST + path)


@st.composite
def spelled(draw, path: str) -> str:
    """The path as somebody writes it who wants to get past: any case, percent-encoded, doubled and trailing slashes."""
    text = []
    for char in path:
        if char == "/":
            text.append(draw(st.sampled_from(["/", "/", "/", "//", "%2F", "%2f"])))
        else:
            text.append(draw(st.sampled_from([char, char, char.upper(), char.lower(), f"%{ord(char):02X}"])))
    return "/" + "".join(text).lstrip("/") + draw(st.sampled_from(["", "/", "//", "%2F"]))


@given(st.data(), st.sampled_from(FORBIDDEN))
def test_what_is_on_the_deny_list_is_never_sent_however_it_is_written_and_whatever_permit_there_is(data, forbidden):
    method, path = forbidden
    method, path = data.draw(st.sampled_from([method, method.lower()])), data.draw(spelled(path))
    inner = Noted()
    transport = GuardedTransport(inner, read_only=False)
    with transport.permit(method, path), pytest.raises(WriteBlocked, match="is on the deny list") as caught:
        transport.send(request(method, path))
    assert caught.value.next_step == "No option lifts this."
    assert inner.sent == []


def test_every_rule_of_the_deny_list_is_proved_by_a_case():
    missed = [
        what for method, pattern, what in DENY_LIST if (method, what) not in {(m, denied(m, p)) for m, p in FORBIDDEN}
    ]
    assert missed == []


@pytest.mark.parametrize("path", ["/x/..", "/%2e%2e/x", "/backupFabrics/../", "/./", "/x/%2E%2E/"])
@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST"])
def test_a_write_whose_path_climbs_is_never_sent_because_the_wire_may_resolve_it_to_something_else(method, path):
    inner = Noted()
    transport = GuardedTransport(inner, read_only=False)
    with transport.permit(method, VAULT + path), pytest.raises(WriteBlocked, match="deny list"):
        transport.send(request(method, VAULT + path))
    assert inner.sent == []


@pytest.mark.parametrize(("method", "path"), ALLOWED)
def test_a_write_of_this_software_passes_with_its_permit(method, path):
    assert denied(method, path) is None
    inner = Noted()
    transport = GuardedTransport(inner, read_only=False)
    with transport.permit(method, path):
        transport.send(request(method, path))
    assert inner.sent == [(method, HOST + path)]
    assert (transport.reads, transport.writes) == (0, 1)


@given(methods, paths, st.booleans())
@example("POST", READ_POSTS[0] + "%0A", False)
@example("POST", READ_POSTS[1] + "/../../../../virtualMachines", False)
def test_a_read_only_transport_lets_nothing_but_reads_through(method, path, permitted):
    inner = Noted()
    transport = GuardedTransport(inner, read_only=True)
    with transport.permit(method if permitted else "DELETE", path):
        try:
            transport.send(request(method, path))
        except WriteBlocked:
            assert inner.sent == []
    for sent, url in inner.sent:
        decoded = [part for part in unquote(url[len(HOST) :]).lower().split("/") if part]
        wanted = [part for part in READ_POSTS[0].lower().split("/") if part]
        status = [part for part in READ_POSTS[1].lower().split("/") if part]
        status[1], status[5:6] = decoded[1] if decoded[1:] else "", decoded[5:6]
        assert sent.upper() in ("GET", "HEAD") or (sent.upper() == "POST" and decoded in (wanted, status))
    assert transport.writes == 0
    assert transport.reads == len(inner.sent)


@pytest.mark.parametrize("path", READ_POSTS)
def test_a_post_that_only_reads_passes_a_read_only_transport(path):
    inner = Noted()
    GuardedTransport(inner, read_only=True).send(request("POST", path + "?api-version=1"))
    assert len(inner.sent) == 1
    assert not is_read("POST", path + "/more")
    assert not is_read("PUT", path)


def test_a_refused_write_of_a_dry_run_says_how_to_change_things():
    with pytest.raises(WriteBlocked, match=r"read-only: DELETE .* was not sent") as caught:
        GuardedTransport(Noted(), read_only=True).send(request("DELETE", LOCK))
    assert "without --dry-run" in caught.value.next_step
    assert caught.value.exit_code == 3


@given(st.lists(st.tuples(st.sampled_from(["PUT", "DELETE", "POST"]), st.sampled_from([LOCK, POINT])), max_size=6))
def test_a_permit_lets_exactly_one_request_pass(requests):
    inner = Noted()
    transport = GuardedTransport(inner, read_only=False)
    with transport.permit("DELETE", LOCK):
        for method, path in requests:
            with suppress(WriteBlocked):
                transport.send(request(method, path))
    assert inner.sent == [("DELETE", HOST + LOCK)] * min(1, requests.count(("DELETE", LOCK)))


@given(st.data())
def test_a_permit_holds_for_the_request_in_any_case_and_spelling(data):
    inner = Noted()
    transport = GuardedTransport(inner, read_only=False)
    with transport.permit("delete", LOCK):
        transport.send(request("DELETE", data.draw(spelled(LOCK))))
    assert len(inner.sent) == 1


@pytest.mark.parametrize(("now", "sent"), [(99.0, 1), (100.0, 1), (100.1, 0), (700.0, 0)])
def test_a_permit_ends_at_its_time_also_for_a_process_that_was_suspended_since(now, sent):
    inner = Noted()
    transport = GuardedTransport(inner, read_only=False, monotonic=lambda: now)
    with transport.permit("DELETE", LOCK, until=100.0), suppress(NotSent):
        transport.send(request("DELETE", LOCK))
    assert len(inner.sent) == transport.writes == sent


def test_a_write_that_comes_too_late_certainly_was_not_sent_and_says_so():
    transport = GuardedTransport(Noted(), read_only=False, monotonic=lambda: 700.0)
    with transport.permit("DELETE", LOCK, until=100.0), pytest.raises(NotSent, match="held up for 600 s") as caught:
        transport.send(request("DELETE", LOCK))
    assert "Resume" in caught.value.next_step


def test_a_permit_ends_with_its_block():
    transport = GuardedTransport(Noted(), read_only=False)
    with transport.permit("DELETE", LOCK):
        pass
    with pytest.raises(WriteBlocked, match="no permit"):
        transport.send(request("DELETE", LOCK))


def test_a_refused_token_gives_the_permit_back_once_so_that_a_fresh_token_can_be_tried():
    inner = Noted(401, 401)
    transport = GuardedTransport(inner, read_only=False)
    with transport.permit("DELETE", LOCK):
        assert transport.send(request("DELETE", LOCK)).status_code == 401
        assert transport.send(request("DELETE", LOCK)).status_code == 401
        with pytest.raises(WriteBlocked, match="no permit"):
            transport.send(request("DELETE", LOCK))
    assert len(inner.sent) == 2


def test_after_a_fresh_token_was_taken_the_write_cannot_be_sent_again():
    inner = Noted(401, 200)
    transport = GuardedTransport(inner, read_only=False)
    with transport.permit("DELETE", LOCK):
        transport.send(request("DELETE", LOCK))
        transport.send(request("DELETE", LOCK))
        with pytest.raises(WriteBlocked, match="no permit"):
            transport.send(request("DELETE", LOCK))


def test_the_time_is_azures_own_and_never_runs_back():
    transport = GuardedTransport(Noted(Date="Mon, 02 Mar 2026 03:00:00 GMT"), read_only=True)
    assert transport.azure_time is None
    transport.send(request("GET", LOCK))
    at = datetime(2026, 3, 2, 3, tzinfo=timezone.utc)
    assert transport.azure_time == at
    for text, wanted in [
        ("Mon, 02 Mar 2026 02:00:00 GMT", at),
        ("Mon, 02 Mar 2026 04:00:00 -0000", at + timedelta(hours=1)),
        ("Mon, 02 Mar 2026 05:00:00 +0030", at + timedelta(hours=1.5)),
        ("yesterday", at + timedelta(hours=1.5)),
        ("", at + timedelta(hours=1.5)),
    ]:
        transport._inner.headers = {"Date": text}
        transport.send(request("GET", LOCK))
        assert transport.azure_time == wanted


@given(st.text(max_size=40))
def test_no_date_header_however_odd_breaks_a_request(text):
    transport = GuardedTransport(Noted(Date=text), read_only=True)
    assert transport.send(request("GET", LOCK)).status_code == 200


def test_no_sdk_component_may_wait_inside_a_request():
    with pytest.raises(WriteBlocked, match="tried to wait 30 s"):
        GuardedTransport(Noted(), read_only=False).sleep(30)


def test_a_client_that_closes_leaves_the_connections_of_the_session_open():
    inner = Noted()
    transport = GuardedTransport(inner, read_only=True)
    with transport as opened:
        assert opened is transport
    assert inner.opened
    assert not inner.closed
    transport.shutdown()
    assert inner.closed
