"""What a payload asks for, or why it asks for nothing; whatever it is, nothing is raised."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arm.strict_ids import Kind, strict, strict_job_name
from remediate.alerts.model import Alert, Ignored, Why
from remediate.alerts.parse import MAX_ALERTS, parse
from remediate.alerts.reading import MAX_BYTES

from .samples import OURS, SHAPES, Failure, built_in, enveloped, graph_job, metric

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
KNOWLEDGE = os.environ.get("KNOWLEDGE", "")
EXPECTED = {
    "01": Why.WORKLOAD,
    "02": Alert,
    "03": Why.RESTORE,
    "04": Why.SECURITY,
    "05": Alert,
    "06": Why.RESOLVED,
    "07": Alert,
    "08": Alert,
    "09": Why.RESOLVED,
    "10": Why.FOREIGN,
    "11": Alert,
    "12": Why.MALFORMED,
    "13": Alert,
    "14": Alert,
    "15": Alert,
}
"""The collected payloads: what each of them is."""


def told(found: Alert | Ignored) -> dict[str, Any]:
    return {"alert": found.to_json()} if isinstance(found, Alert) else {"why": found.why.value, "reason": found.reason}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_payload_asks_for_what_its_case_file_says(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    assert [told(one) for one in parse(json.dumps(case["payload"]))] == case["expect"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_payload_says_the_same_as_text_as_bytes_and_read_already(path):
    payload = json.loads(path.read_text(encoding="utf-8"))["payload"]
    found = parse(json.dumps(payload))
    assert parse(json.dumps(payload).encode()) == found
    assert parse(payload) == found or not isinstance(payload, (dict, list))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_reason_is_one_printable_line(path):
    payload = json.loads(path.read_text(encoding="utf-8"))["payload"]
    reasons = [one.reason for one in parse(payload) if isinstance(one, Ignored)]
    assert all(reason and reason.isprintable() and len(reason) < 400 for reason in reasons)


@pytest.mark.skipif(not KNOWLEDGE, reason="KNOWLEDGE is not set: the collected payloads are not here")
@pytest.mark.parametrize(("number", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_the_collected_payloads_are_told_apart(number, expected):
    (path,) = (Path(KNOWLEDGE) / "alerts").glob(f"{number}_*.json")
    (found,) = parse(path.read_bytes())
    assert (type(found) if isinstance(found, Alert) else found.why) is expected


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_names_the_machine_or_its_job_and_says_where_each_value_stood(name):
    (found,) = parse(SHAPES[name](OURS))
    assert isinstance(found, Alert)
    assert found.vm_id.lower() == OURS.vm.lower()
    named = {field for field in ("vm_id", "vault_id", "item_id", "job", "code") if getattr(found, field)}
    assert set(found.sources) == named
    assert found.fired is not None


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoding_of_unicode_is_recognised(encoding):
    text = json.dumps(built_in(), ensure_ascii=False)
    assert parse(text.encode(encoding)) == parse(text)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp037"])
def test_another_encoding_is_refused(encoding):
    payload = built_in()
    payload["data"]["essentials"]["description"] = "Gerät läuft nicht"
    (found,) = parse(json.dumps(payload, ensure_ascii=False).encode(encoding))
    assert isinstance(found, Ignored)
    assert found.why is Why.MALFORMED


def test_a_byte_order_mark_in_a_text_does_not_count():
    assert parse("\ufeff" + json.dumps(built_in())) == parse(built_in())


@pytest.mark.parametrize("name", SHAPES)
def test_a_payload_that_is_cut_anywhere_asks_for_nothing(name):
    whole = json.dumps(SHAPES[name](OURS)).encode()
    for end in range(len(whole)):
        (found,) = parse(whole[:end])
        assert isinstance(found, Ignored)
        assert found.why is Why.MALFORMED


@pytest.mark.parametrize("name", ["built-in", "log-v1"])
def test_a_payload_with_a_beginning_that_is_cut_off_asks_for_nothing(name):
    whole = json.dumps(SHAPES[name](OURS)).encode()
    for start in range(1, len(whole)):
        assert all(isinstance(one, Ignored) for one in parse(whole[start:]))


@pytest.mark.parametrize("size", [MAX_BYTES, MAX_BYTES + 1, 4 * MAX_BYTES])
def test_512_kb_and_more_are_refused_unread(size):
    (found,) = parse(json.dumps(built_in()).encode().ljust(size))
    assert isinstance(found, Ignored)
    assert str(MAX_BYTES) in found.reason


def test_just_under_512_kb_is_read():
    assert isinstance(parse(json.dumps(built_in()).encode().ljust(MAX_BYTES - 1))[0], Alert)


@pytest.mark.parametrize("opened", ["[", '{"a":', '{"RequestBody":', '{"data":['])
def test_deep_nesting_is_refused(opened):
    count = (MAX_BYTES - 1) // len(opened)
    closed = {"[": "]", '{"data":[': "]}"}.get(opened, "}")
    for text in (opened * count, opened * 5000 + "1" + closed * 5000, opened * 100 + "1" + closed * 100):
        assert all(isinstance(one, Ignored) for one in parse(text))


def test_a_name_that_is_there_twice_is_refused():
    text = json.dumps(built_in()).replace('"jobId":', '"jobId": "11111111-2222-3333-4444-555555555555", "jobId":', 1)
    (found,) = parse(text)
    assert isinstance(found, Ignored)
    assert "twice" in found.reason


def test_numbers_without_end_are_no_work():
    assert all(isinstance(one, Ignored) for one in parse("1" * (MAX_BYTES - 1)))


def test_more_alerts_than_any_delivery_has_are_refused_together():
    rows = [graph_job(Failure(job=f"00000000-0000-4000-8000-{number:012}")) for number in range(MAX_ALERTS + 1)]
    small = [{name: row[name] for name in ("id", "type")} for row in rows]
    (found,) = parse(small)
    assert isinstance(found, Ignored)
    assert len(parse(small[:MAX_ALERTS])) == MAX_ALERTS


def test_a_log_alert_of_the_oldest_form_without_a_schema_is_read():
    (found,) = parse(SHAPES["plain-log"](OURS)["data"])
    assert isinstance(found, Alert)
    assert found.job == OURS.job


def test_something_malformed_in_a_list_does_not_take_the_rest_with_it():
    found = parse([built_in(), "no JSON", metric()])
    assert [isinstance(one, Alert) for one in found] == [True, False, True]


def test_control_characters_of_a_payload_do_not_reach_the_reason():
    (found,) = parse(json.dumps({"schemaId": "x\u001b[31m\nforged: line\u202e"}))
    assert isinstance(found, Ignored)
    assert found.reason.isprintable()


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=20,
)


def sound(found: tuple[Alert | Ignored, ...]) -> bool:
    """At least one thing, every reason printable, every id plain."""
    assert found
    for one in found:
        if isinstance(one, Ignored):
            assert one.reason.isprintable()
            continue
        for text, kind in ((one.vm_id, Kind.VM), (one.vault_id, Kind.VAULT), (one.item_id, Kind.ITEM)):
            assert not text or strict(text, kind)
        assert not one.job or strict_job_name(one.job)
    return True


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300), documents))
def test_anything_at_all_is_read_without_an_error(payload):
    assert sound(parse(payload))


places = st.sampled_from(sorted(SHAPES))


def paths(node: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [way, *(one for name, value in inner for one in paths(value, (*way, name)))]


def replaced(node: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    if isinstance(node, dict):
        return {name: replaced(one, way[1:], value) if name == way[0] else one for name, one in node.items()}
    return [replaced(one, way[1:], value) if number == way[0] else one for number, one in enumerate(node)]


@given(places, st.data(), st.one_of(documents, st.text(max_size=80)))
@settings(max_examples=400)
def test_whatever_stands_in_the_place_of_a_value_is_read_without_an_error(name, data, value):
    whole = SHAPES[name](OURS)
    way = data.draw(st.sampled_from(paths(whole)))
    assert sound(parse(replaced(whole, way, value)))


@given(places, st.data())
@settings(max_examples=300)
def test_a_payload_with_bytes_changed_is_read_without_an_error(name, data):
    whole = bytearray(json.dumps(SHAPES[name](OURS)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert sound(parse(bytes(whole)))


@given(places, st.integers(1, 2))
def test_an_envelope_changes_nothing(name, times):
    plain = SHAPES[name](OURS)
    wrapped = plain
    for _ in range(times):
        wrapped = enveloped(wrapped)
    assert parse(json.dumps(wrapped)) == parse(json.dumps(plain))
