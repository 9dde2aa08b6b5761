"""One change, many uses: printed, digested, journaled, sent; the same object everywhere."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from actions.change import Change, Impact, Undo, plan_digest
from arm.writes import OPERATIONS

from .given import VM_ID

LOCK = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Authorization/locks/l"
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(st.text(max_size=3), values, max_size=3)
undos = st.builds(Undo, st.just("restore_lock"), st.sampled_from(sorted(OPERATIONS)), st.just(LOCK), objects)
changes = st.builds(
    Change,
    action=st.text(max_size=4),
    operation=st.sampled_from(sorted(OPERATIONS)),
    target=st.sampled_from([LOCK, VM_ID]),
    summary=st.text(max_size=4),
    reason=st.text(max_size=4),
    before=st.none() | objects,
    after=st.none() | objects,
    impact=st.sampled_from(Impact),
    body=objects,
    undo=st.none() | undos,
    loan=st.booleans(),
    may_fail_with=st.text(max_size=4),
    step=st.text(max_size=4),
)


def differ(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


@given(changes)
def test_a_change_comes_back_from_the_journal_as_it_was_with_its_fingerprint(change):
    again = Change.from_json(json.loads(json.dumps(change.to_json())))
    assert again == change
    assert again.fingerprint == change.fingerprint == change.to_json()["fingerprint"]


@given(changes, st.none() | objects)
def test_another_before_or_after_is_another_change(change, other):
    for name in ("before", "after"):
        changed = replace(change, **{name: other})
        assert (changed.fingerprint != change.fingerprint) is differ(getattr(change, name), other)


@given(changes, objects)
def test_another_body_is_another_change(change, other):
    assert (replace(change, body=other).fingerprint != change.fingerprint) is differ(change.body, other)


@given(changes, st.sampled_from(Impact), st.sampled_from(sorted(OPERATIONS)), st.text(max_size=4))
def test_another_impact_operation_or_step_is_another_change(change, impact, operation, step):
    assert (replace(change, impact=impact).fingerprint != change.fingerprint) is (impact is not change.impact)
    assert (replace(change, operation=operation).fingerprint != change.fingerprint) is (operation != change.operation)
    assert (change.in_step(step).fingerprint != change.fingerprint) is (step != change.step)


@given(changes, st.sampled_from([LOCK, VM_ID, LOCK + "x"]))
def test_another_target_is_another_change_but_not_another_spelling_of_it(change, target):
    assert (replace(change, target=target).fingerprint != change.fingerprint) is (target != change.target)
    spelled = change.target.upper().replace("/PROVIDERS", "//PROVIDERS")
    assert replace(change, target=spelled).fingerprint == change.fingerprint


@given(changes, st.text(max_size=4))
def test_other_words_for_the_same_change_do_not_make_it_another(change, text):
    assert replace(change, summary=text, reason=text).fingerprint == change.fingerprint


@given(st.lists(changes, max_size=3), st.lists(changes, max_size=3))
def test_an_approval_is_bound_to_every_change_of_the_plan_and_their_order(one, other):
    equal = [change.fingerprint for change in one] == [change.fingerprint for change in other]
    assert (plan_digest("code", one) == plan_digest("code", other)) is equal
    assert plan_digest("code", one) != plan_digest("another", one)


@given(changes)
def test_a_change_says_what_goes_over_the_wire_and_what_that_needs(change):
    data = change.to_json()
    assert data["path"].startswith(change.target)
    assert data["method"] in ("PUT", "PATCH", "POST", "DELETE")
    assert data["permissions"]
    assert all("/" in permission for permission in data["permissions"])
