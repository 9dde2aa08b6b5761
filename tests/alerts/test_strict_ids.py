"""An id from outside counts only when it is plainly what it should be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm.errors import ForgedId, RemediationError
from arm.ids import parse
from arm.strict_ids import MOST_CHARACTERS, Kind, shown, strict, strict_job_name

from .samples import OURS

GOOD = {Kind.VM: OURS.vm, Kind.VAULT: OURS.vault, Kind.ITEM: OURS.item, Kind.JOB: OURS.job_id}
GOOD[Kind.ALERT] = f"{OURS.vault}/providers/Microsoft.AlertsManagement/alerts/{OURS.job}"
FORGED = {
    "dots": ("rg-web/", "rg-web/../rg-other/"),
    "a dot": ("rg-web/", "rg-web/./"),
    "encoded dots": ("rg-web/", "%2e%2e/"),
    "encoded slash": ("rg-web/", "rg-web%2f"),
    "doubled slash": ("rg-web/", "rg-web//"),
    "backslash": ("rg-web/", "rg-web\\"),
    "query": ("web-01", "web-01?api-version=2024-03-01"),
    "fragment": ("web-01", "web-01#"),
    "trailing slash": ("web-01", "web-01/"),
    "child": ("web-01", "web-01/extensions/x"),
    "line feed": ("web-01", "web-01\n"),
    "null": ("web-01", "web-01\0"),
    "zero width space": ("web-01", "web\u200b-01"),
    "right to left": ("web-01", "\u202eweb-01"),
    "surrogate": ("web-01", "web-01\ud800"),
    "blank": ("web-01", "web 01"),
    "quote": ("web-01", "web-01'"),
    "wrong provider": ("Microsoft.Compute", "Microsoft.Storage"),
    "classic provider": ("Microsoft.Compute", "Microsoft.ClassicCompute"),
    "wrong type": ("virtualMachines", "virtualMachineScaleSets"),
    "Cyrillic letter in the type": ("virtualMachines", "virtu\u0430lMachines"),
    "Cyrillic letter in the group": ("rg-web", "rg-w\u0435b"),
    "Greek letter in the group": ("rg-web", "rg-\u03bfeb"),
    "full-width letter": ("rg-web", "rg-\uff57eb"),
    "Kelvin sign for a k": ("rg-web", "rg-\u212a"),
    "long s in the type": ("virtualMachines", "virtualMachine\u017f"),
    "division slash": ("rg-web", "rg\u2215web"),
    "group that ends in a dot": ("rg-web", "rg-web."),
    "no GUID": ("/subscriptions/22222222-", "/subscriptions/2222222-"),
    "other digits": ("/subscriptions/2", "/subscriptions/\u0662"),
    "host in front": ("/subscriptions", "https://management.azure.com/subscriptions"),
    "authority in front": ("/subscriptions", "//evil.example/subscriptions"),
    "nothing in front": ("/subscriptions", "subscriptions"),
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("spelling", [str, str.lower, str.upper], ids=["as is", "lower", "upper"])
def test_a_plain_id_is_taken_in_any_case_and_not_changed(kind, spelling):
    text = spelling(GOOD[kind])
    assert strict(text, kind) == text


@pytest.mark.parametrize(("old", "new"), FORGED.values(), ids=FORGED)
def test_an_id_that_two_readers_may_read_in_two_ways_is_refused(old, new):
    text = OURS.vm.replace(old, new)
    assert text != OURS.vm
    with pytest.raises(ForgedId) as refused:
        strict(text, Kind.VM)
    assert refused.value.message.isprintable()
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("text", [None, 5, [], {}, "", "web-01", "/" * 2000, OURS.vm + "x" * MOST_CHARACTERS])
def test_what_is_no_id_is_refused(text):
    for kind in Kind:
        with pytest.raises(ForgedId):
            strict(text, kind)
    with pytest.raises(ForgedId):
        strict_job_name(text)


def test_an_id_of_another_kind_is_refused():
    for kind in Kind:
        for other, text in GOOD.items():
            if other is not kind:
                with pytest.raises(ForgedId):
                    strict(text, kind)


def test_an_item_whose_container_is_another_machine_is_refused():
    with pytest.raises(ForgedId):
        strict(OURS.item.replace("rg-web;web-01/", "rg-web;web-02/", 1), Kind.ITEM)


@pytest.mark.parametrize("group", ["Rechenzentrum-Köln", "東京-prod", "группа", "rg_(1).x"])
def test_a_group_may_have_any_letters_that_azure_allows_as_long_as_they_deceive_nobody(group):
    text = OURS.vm.replace("rg-web", group)
    assert strict(text, Kind.VM) == text


def test_a_job_is_a_guid_and_told_in_lower_case():
    assert strict_job_name(OURS.job.upper()) == OURS.job


@given(st.text(max_size=60), st.integers(0, len(OURS.vm)), st.integers(0, 30))
def test_whatever_is_written_into_an_id_it_stays_one_id_of_that_kind_or_is_refused(inserted, at, cut):
    text = OURS.vm[:at] + inserted + OURS.vm[at + cut :]
    try:
        taken = strict(text, Kind.VM)
    except ForgedId:
        return
    parsed = parse(taken)
    assert parsed.type.lower() == "microsoft.compute/virtualmachines"
    assert len(parsed.names) == 1
    assert re.search(r"[%?#\\\s]|//|/\.", taken) is None


@given(st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.lists(st.text())))
def test_anything_can_be_shown_in_one_printable_line(value):
    assert shown(value).isprintable()
    assert len(shown(value)) < 2000


def test_the_refusal_is_one_of_the_errors_of_the_tree():
    assert issubclass(ForgedId, RemediationError)
