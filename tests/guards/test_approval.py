"""Consent: --yes accepts what hurts nobody; anything else wants the approval of exactly this plan."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.change import Impact
from guards import Consent, missing_approval

from ..actions.test_change import changes

consents = st.builds(Consent, st.booleans(), st.frozensets(st.text(max_size=3), max_size=3))


@given(changes)
def test_nothing_is_accepted_by_default(change):
    assert missing_approval(change, Consent()) is change.impact


@given(changes)
def test_yes_accepts_what_has_no_impact_and_nothing_else(change):
    assert missing_approval(change, Consent(yes=True)) is (None if change.impact is Impact.NONE else change.impact)


@given(changes, changes)
def test_an_approval_holds_for_exactly_the_changes_it_was_given_for(change, other):
    consent = Consent(approved=frozenset({change.fingerprint}))
    assert missing_approval(change, consent) is None
    if other.fingerprint != change.fingerprint:
        assert missing_approval(other, consent) is other.impact


@given(consents, consents)
def test_two_consents_together_accept_what_either_accepts(one, other):
    joined = one.joined(other)
    assert joined.yes is (one.yes or other.yes)
    assert joined.approved == one.approved | other.approved


@given(consents)
def test_a_consent_comes_back_from_the_journal_as_it_was(consent):
    assert Consent.from_json(json.loads(json.dumps(consent.to_json()))) == consent


@pytest.mark.parametrize("data", [{}, {"yes": None}])
def test_a_consent_that_says_nothing_accepts_nothing(data):
    assert Consent.from_json(data) == Consent()
