"""What a Python runbook is started with, in every shape in which it has been seen to arrive."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm.errors import UsageError
from remediate.alerts.model import Alert, Ignored
from remediate.alerts.parse import parse
from remediate.automation.argv import order_of, payload_of
from tests.alerts.samples import built_in

ALERT = built_in()
COMPACT = json.dumps(ALERT, separators=(",", ":"))
SPACED = json.dumps(ALERT)
PRETTY = json.dumps(ALERT, indent=2).replace("\n", "\r\n")
HEADERS = "RequestHeader:{Connection:Keep-Alive,Host:example.webhook,User-Agent:IcMBroadcaster/1.0}"
GROUP = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/v"


def url64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


SHAPES = {
    "split on blanks": f"{{WebhookName:w,RequestBody:{COMPACT},{HEADERS}}}".split(" "),
    "split on blanks, body with blanks": f"{{WebhookName:w,RequestBody:{SPACED},{HEADERS}}}".split(" "),
    "one unquoted argument": [f"{{WebhookName:w,RequestBody:{COMPACT},{HEADERS}}}"],
    "headers first": [f"{{WebhookName:w,{HEADERS},RequestBody:{COMPACT}}}"],
    "no headers": [f"{{WebhookName:w,RequestBody:{COMPACT}}}"],
    "body escaped once more": [f"{{WebhookName:w,RequestBody:{json.dumps(PRETTY)},{HEADERS}}}"],
    "body escaped, split on blanks": f"{{WebhookName:w,RequestBody:{json.dumps(PRETTY)},{HEADERS}}}".split(" "),
    "JSON envelope": [json.dumps({"WebhookName": "w", "RequestBody": COMPACT, "RequestHeader": {"Host": "h"}})],
    "JSON envelope, body as object": [json.dumps({"WebhookName": "w", "RequestBody": ALERT})],
    "JSON envelope, split on blanks": json.dumps({"WebhookName": "w", "RequestBody": COMPACT}).split(" "),
    "Python repr": [str({"WebhookName": "w", "RequestBody": COMPACT, "RequestHeader": {"Host": "h"}})],
    "Python repr, body as dict": [str({"WebhookName": "w", "RequestBody": ALERT, "RequestHeader": {}})],
    "bare alert": [COMPACT],
    "bare alert, split on blanks": SPACED.split(" "),
    "base64url of the body": [url64(COMPACT)],
    "base64 with padding": [base64.b64encode(SPACED.encode()).decode()],
    "base64url of the envelope": [url64(json.dumps({"RequestBody": COMPACT}))],
    "envelope in an envelope": [json.dumps({"RequestBody": json.dumps({"RequestBody": COMPACT})})],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_alert_is_found_in_every_shape(shape):
    payload = payload_of(["/usr/src/tmp/x/runbooks/remediate_backup_alert.py", *SHAPES[shape]])
    assert json.loads(payload) == ALERT
    assert all(isinstance(one, Alert) for one in parse(payload))


def knowledge() -> list[Any]:
    folder = os.environ.get("KNOWLEDGE")
    path = Path(folder, "alerts", "12_webhook_argv_cases.json") if folder else None
    return json.loads(path.read_text(encoding="utf-8"))["cases"] if path and path.exists() else []


@pytest.mark.skipif(not knowledge(), reason="KNOWLEDGE names no folder with alerts/12_webhook_argv_cases.json")
@pytest.mark.parametrize("case", knowledge(), ids=lambda case: case["id"])
def test_an_alert_is_found_in_the_shapes_that_others_have_seen(case):
    if case["id"] == "positional_params_no_webhook":
        pytest.skip("it carries parameters, and no alert")
    found = json.loads(payload_of(case["argv"]))
    assert found["data"]["essentials"]["alertId"].endswith("aaaaaaaa-0000-4000-8000-000000000001")
    assert [type(one) for one in parse(payload_of(case["argv"]))] == [Alert]


@pytest.mark.parametrize("words", [[], [""], [" ", ""]])
def test_a_job_without_an_alert_is_refused(words):
    with pytest.raises(UsageError, match="without an alert"):
        payload_of(["x", *words])


@pytest.mark.parametrize("shape", ["one unquoted argument", "Python repr", "JSON envelope", "base64url of the body"])
def test_an_alert_that_is_cut_anywhere_is_never_taken_for_another_one(shape):
    whole = SHAPES[shape][0]
    expected = parse(COMPACT)
    for end in range(1, len(whole), 7):
        found = parse(payload_of(["x", whole[:end]]))
        assert found == expected or all(isinstance(one, Ignored) for one in found)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_whatever_arrives_is_a_text_or_refused(words):
    try:
        assert isinstance(payload_of(["x", *words]), str)
    except UsageError:
        assert not " ".join(words).strip()


@pytest.mark.parametrize(
    "deep", ["[" * 100_000, "{'a':" * 50_000, '{"RequestBody":' * 20_000, "{'a': " + "-" * 90_000 + "1}"]
)
def test_nesting_without_end_is_no_crash(deep):
    assert isinstance(payload_of(["x", deep]), str)


ORDERS = {
    "code, machine": (["UserErrorX", "web-01"], ("UserErrorX", "web-01", False)),
    "code, machine, dry run": (["UserErrorX", "web-01", "dry-run"], ("UserErrorX", "web-01", True)),
    "code, machine, True of the hybrid worker": (["UserErrorX", "web-01", "True"], ("UserErrorX", "web-01", True)),
    "code, machine, false": (["UserErrorX", "web-01", "false"], ("UserErrorX", "web-01", False)),
    "machine": (["web-01"], ("", "web-01", False)),
    "machine, dry run": (["web-01", "dry-run"], ("", "web-01", True)),
    "empty parameters behind": (["UserErrorX", "web-01", "", ""], ("UserErrorX", "web-01", False)),
    "id": (["UserErrorX", VM], ("UserErrorX", VM, False)),
    "options": (["--vm", VM, "--code", "UserErrorX", "--dry-run"], ("UserErrorX", VM, True)),
    "encoded": ([url64('{"code": "UserErrorX", "vm": "web-01", "dry_run": true}')], ("UserErrorX", "web-01", True)),
    "encoded message": ([url64('{"code": "The VM agent", "vm": "w"}')], ("The VM agent", "w", False)),
    "repr": (["{'code': 'UserErrorX', 'vm': 'web-01', 'dry_run': True}"], ("UserErrorX", "web-01", True)),
    "name that looks like base64": (["webserver01"], ("", "webserver01", False)),
}


@pytest.mark.parametrize("case", ORDERS)
def test_an_order_is_understood(case):
    words, (code, vm, dry_run) = ORDERS[case]
    order = order_of(["x", *words])
    assert (order.code, order.vm, order.dry_run) == (code, vm, dry_run)


def test_an_order_carries_inputs_and_an_approval():
    data = {"vm": "w", "inputs": {"choose": "enlarge"}, "approve": "abc", "resource_group": "rg"}
    order = order_of(["x", url64(json.dumps(data))])
    assert (order.inputs, order.approve, order.resource_group) == ({"choose": "enlarge"}, "abc", "rg")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "without parameters"),
        (["", ""], "without parameters"),
        (["{code:UserErrorX,vm:web-01}"], "no JSON"),
        (["a", "b", "c"], "neither that it is a dry run"),
        (["a", "b", "c", "d"], "cannot be told what it is"),
        (["--delete", "all"], "not known"),
        (["--vm", "w", "a", "b"], "cannot be told what it is"),
        ([url64('{"vm": "w", "force": true}')], "not known: force"),
        ([url64('{"vm": ["w"]}')], "no texts: vm"),
        ([url64('{"vm": "w", "inputs": [1]}')], "no texts: inputs"),
        ([url64('{"vm": "w", "inputs": {"a": 1}}')], "no texts: a"),
        ([url64('{"vm": "w", "dry_run": "maybe"}')], "neither that it is a dry run"),
        ([url64('{"code": "UserErrorX"}')], "no virtual machine"),
    ],
)
def test_an_order_that_is_not_understood_is_refused(words, says):
    with pytest.raises(UsageError, match=says):
        order_of(["x", *words])
