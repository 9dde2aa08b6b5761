"""What a script answered is believed only when it is the whole answer of that very script."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.guest.answer import Answer, parse_answer

ANSWER = {
    "contract": 1,
    "action": "restart_vss_service",
    "verb": "apply",
    "needed": True,
    "applied": True,
    "pending": "reboot",
    "refused": "",
    "error": "",
    "found": {"VSS": "Stopped"},
    "changed": [{"kind": "service", "what": "VSS", "before": "Stopped", "after": "Running"}],
    "cut": False,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
)


def heard(text: str) -> Answer | str:
    return parse_answer(text, "restart_vss_service", "apply")


def test_the_whole_answer_is_taken():
    found = heard(f"\n{json.dumps(ANSWER)}\r\n")
    assert found == Answer(
        "restart_vss_service", "apply", True, True, "reboot", found=ANSWER["found"], changed=(ANSWER["changed"][0],)
    )
    assert Answer(**{**found.to_json(), "changed": tuple(found.to_json()["changed"])}) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "wrote nothing"),
        ("  \n", "wrote nothing"),
        ("Segmentation fault", "no answer"),
        (json.dumps(ANSWER)[20:], "no answer"),
        ("x" * 5000, "its beginning is cut off"),
        ("[" * 100_000, "no answer"),
        (json.dumps(ANSWER) * 2, "no answer"),
        ("[]", "not that of"),
        (json.dumps({**ANSWER, "action": "other"}), "not that of"),
        (json.dumps({**ANSWER, "verb": "check"}), "not that of"),
        (json.dumps({**ANSWER, "needed": "yes"}), "does not say"),
        (json.dumps({**ANSWER, "applied": None}), "does not say"),
    ],
)
def test_anything_else_is_no_answer_and_says_why(text, why):
    found = heard(text)
    assert isinstance(found, str)
    assert why in found
    assert len(found) < 250


@given(st.dictionaries(st.sampled_from(list(ANSWER)), JSON))
def test_whatever_the_guest_puts_into_the_answer_nothing_breaks(odd):
    found = heard(json.dumps({**ANSWER, **odd}))
    if isinstance(found, Answer):
        assert isinstance(found.found, dict)
        assert all(isinstance(one, dict) for one in found.changed)
        assert all(len(text) <= 500 for text in (found.pending, found.refused, found.error))
