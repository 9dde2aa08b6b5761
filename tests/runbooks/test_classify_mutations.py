"""However a message of the catalogue is mangled, it is never taken with confidence for another error."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from arm.facts.backup import Job, JobError
from runbooks import catalogue
from runbooks.classify import classify, classify_job
from runbooks.words import Words

ENTRIES = catalogue.entries()
SAID = [(entry, text) for entry in ENTRIES for texts in entry.messages.values() for text in texts]
NAMED = [(entry, name) for entry in ENTRIES for name in entry.names]
WHOLE = {(Words.of(text).line, entry.id) for entry, text in [*SAID, *NAMED]}
HAN = {text for entry in ENTRIES for text in entry.messages.get("zh-TW", ())}
CONTROL = "\x00\x01\x07\x08\x0b\x1b\x7f\u200b\u200e\ufeff"
BLANKS = " \t\u00a0\u2003\u3000"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
FULL_WIDTH = str.maketrans({one: chr(ord(one) + 0xFEE0) for one in ",.:;!?()'\"-"})
GUID = "0a1b2c3d-0000-4000-8000-123456789abc"
VM = f"/subscriptions/{GUID}/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web-01"
PLACEHOLDERS = [
    GUID,
    VM,
    "'web-01'",
    '"rg-web"',
    "`sda1`",
    "https://kv.vault.azure.net/keys/k/1",
    "AzureBackupRG_westeurope_1",
]
AROUND = [
    "",
    "Error: ",
    "[2026-03-02 03:00:00Z] job 17 of vault-weu: ",
    '{"error": {"code": "", "message": "',
    "O backup noturno: ",
    "錯誤：",
    "The nightly run says: ",
    "<td>",
]
said = st.sampled_from(SAID)
quick = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


def name_of(found):
    return found.entry.id if found.entry is not None else None


def meant(text):
    """Return the errors whose whole message a text is, by its words: one may be the beginning of another."""
    line = Words.of(text).line
    return {name for known, name in WHOLE if known == line}


def within(text):
    """Return the errors that have a whole message or code in a text."""
    line = Words.of(text).line
    return {name for known, name in WHOLE if known in line}


def jobs(text):
    """Return failed jobs that show a text as Azure may."""
    for errors, dynamic in (
        ((JobError(499001, text, text, ()),), ""),
        ((JobError(None, "", text, ()),), ""),
        ((), text),
    ):
        yield Job("id", "name", "Restore", "Failed", None, None, False, errors, dynamic)


def parts_of(text):
    """Take a text apart into what can be dropped or moved: words, or Chinese characters."""
    return list(text) if text in HAN else text.split(" ")


def join(text, parts):
    return ("" if text in HAN else " ").join(parts)


# What harms


@st.composite
def dropped_characters(draw, text):
    kept = draw(st.lists(st.integers(0, len(text) - 1), min_size=1, max_size=max(1, len(text) // 4), unique=True))
    return "".join(one for place, one in enumerate(text) if place not in kept)


@st.composite
def changed_characters(draw, text):
    found = list(text)
    for place in draw(st.lists(st.integers(0, len(text) - 1), min_size=1, max_size=5, unique=True)):
        found[place] = draw(st.sampled_from([*"abcxyzéß?", *CONTROL, "備", "復"]))
    return "".join(found)


@st.composite
def swapped_words(draw, text):
    parts = parts_of(text)
    for _ in range(draw(st.integers(1, 3))):
        one, other = draw(st.integers(0, len(parts) - 1)), draw(st.integers(0, len(parts) - 1))
        parts[one], parts[other] = parts[other], parts[one]
    return join(text, parts)


@st.composite
def removed_words(draw, text):
    parts = parts_of(text)
    start = draw(st.integers(0, len(parts) - 1))
    return join(text, parts[:start] + parts[start + draw(st.integers(1, 4)) :])


@st.composite
def truncated(draw, text):
    cut = draw(st.integers(1, len(text)))
    return text[:cut] + draw(st.sampled_from(["", "…", "..."])) if draw(st.booleans()) else text[cut:]


@st.composite
def borrowed_words(draw, text):
    """Put words of another message in the middle, but no whole code or message: that would be a second error."""
    _, other = draw(said)
    parts, more = parts_of(text), parts_of(other)
    place, start = draw(st.integers(0, len(parts))), draw(st.integers(0, len(more) - 1))
    taken = more[start : start + draw(st.integers(1, 4))]
    assume(not any(meant(one) for one in [*taken, join(other, taken)]))
    return join(text, [*parts[:place], *taken, *parts[place:]])


HARM = [dropped_characters, changed_characters, swapped_words, removed_words, truncated, borrowed_words]


@quick
@given(said, st.data())
def test_no_mutation_of_a_message_is_taken_for_another_error(pair, data):
    entry, text = pair
    mangled = text
    for _ in range(data.draw(st.integers(1, 3)) if data else 0):
        if mangled:
            mangled = data.draw(data.draw(st.sampled_from(HARM))(mangled))
    allowed = {entry.id, None, *meant(mangled)}
    around = data.draw(st.sampled_from(AROUND))
    assert name_of(classify(mangled)) in allowed, mangled
    assert name_of(classify(f"{around}{mangled}")) in allowed | meant(f"{around}{mangled}"), mangled
    for job in jobs(mangled):
        assert name_of(classify_job(job)) in allowed, mangled


@quick
@given(said, said, st.sampled_from([" ", ". ", "\n", ": ", "；", " / "]), st.data())
def test_of_two_messages_that_are_joined_or_spliced_no_third_error_comes(first, second, joint, data):
    whole = f"{first[1]}{joint}{second[1]}"
    one, other = data.draw(st.integers(0, len(first[1]))), data.draw(st.integers(0, len(second[1])))
    spliced = f"{first[1][:one]}{joint}{second[1][other:]}"
    halves = within(first[1][:one]) | within(second[1][other:])
    for text in (whole, spliced):
        assert name_of(classify(text)) in {first[0].id, second[0].id, None, *meant(text), *halves}, text


MDTC = next(pair for pair in SAID if pair[0].id == "ExtensionInstallationFailedMDTC")
ALLOCATION = next(pair for pair in SAID if pair[0].id == "AllocationFailed")


@quick
@given(said, said)
@example(ALLOCATION, MDTC)  # a message with a quotation in it is not cut out of the text as a name
def test_two_different_errors_in_one_text_are_ambiguous(first, second):
    ids = {first[0].id, second[0].id}
    shorter, longer = sorted((Words.of(first[1]).line, Words.of(second[1]).line), key=len)
    assume(len(ids) == 2 and shorter not in longer and not first[0].wrapper and not second[0].wrapper)
    found = classify(f"{first[1]}\n{second[1]}")
    assert found.entry is None
    assert ids <= {one.id for one in found.candidates}


@quick
@given(st.sampled_from(NAMED), st.data())
def test_no_mutation_of_a_code_is_taken_for_another_error(pair, data):
    entry, name = pair
    mangled = data.draw(data.draw(st.sampled_from([dropped_characters, changed_characters, truncated]))(name))
    assume(not any(one in mangled for one in "備復"))  # between Chinese characters a code needs no blank
    same = {one.id for one, known in NAMED if Words.of(known).line == Words.of(mangled).line}
    assert name_of(classify(mangled)) in {entry.id, None, *same, *meant(mangled)}, mangled


# What does not harm


@quick
@given(said, st.data())
def test_what_does_not_matter_in_a_message_does_not_matter(pair, data):
    entry, text = pair
    written = data.draw(st.sampled_from([text, text.upper(), text.lower(), text.swapcase()]))
    written = written.replace("-", data.draw(st.sampled_from(DASHES)))
    written = written.replace(" ", data.draw(st.sampled_from(BLANKS)) * data.draw(st.integers(1, 3)))
    written = data.draw(st.sampled_from([written, written.translate(FULL_WIDTH)]))
    written = unicodedata.normalize(data.draw(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"])), written)
    if data.draw(st.booleans()):
        written = "".join(one for one in unicodedata.normalize("NFD", written) if not unicodedata.combining(one))
    before, after = (
        data.draw(st.sampled_from(AROUND)),
        data.draw(st.sampled_from(["", '"}}', "\r\n", " (web-01)", "</td>"])),
    )
    assert name_of(classify(f"{before}{written}{after}")) == entry.id
    for job in jobs(written):
        assert name_of(classify_job(job)) == entry.id


@quick
@given(said, st.sampled_from(PLACEHOLDERS))
def test_a_placeholder_that_is_filled_in_does_not_matter(pair, name):
    entry, text = pair
    assert name_of(classify(text.replace("...", name))) == entry.id
    assert name_of(classify(f"{text}: {name}")) == entry.id


# What is too much


@pytest.mark.parametrize("filler", ["x", "備", "\x00", "\n", "Restore failed. ", "a" * 5000 + " "])
def test_megabytes_are_answered_and_are_of_no_error(filler):
    text = (filler * (2_000_000 // len(filler) + 1))[:2_000_000]
    found = classify(text)
    assert (found.entry, found.candidates) == (None, ())


@pytest.mark.parametrize("entry", [ENTRIES[0], next(one for one in ENTRIES if one.id == "RestoreSubnetMissing")])
def test_a_message_in_a_megabyte_of_other_lines_is_found(entry):
    text = entry.messages["en"][-1]
    assert name_of(classify("nothing to see here\n" * 50_000 + text + "\n" + "nor here\n" * 50_000)) == entry.id


@quick
@given(said, st.data())
def test_control_characters_make_no_other_error_of_a_message(pair, data):
    entry, text = pair
    mangled = "".join(f"{one}{data.draw(st.sampled_from(['', *CONTROL]))}" for one in text[:60]) + text[60:]
    assert name_of(classify(mangled)) in {entry.id, None, *meant(mangled)}
