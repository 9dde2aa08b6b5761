"""A code, a message or a job is told for exactly the error it means; else it is said that it is not certain."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arm.facts.backup import Job, JobError
from runbooks import catalogue
from runbooks.classify import Classification, classify, classify_job
from runbooks.words import Words

ENTRIES = catalogue.entries()
BY_ID = {entry.id: entry for entry in ENTRIES}
SAID = [(entry, text) for entry in ENTRIES for texts in entry.messages.values() for text in texts]
WRAPPER = "UserErrorCrpReportedUserError"
FULL_WIDTH = str.maketrans({one: chr(ord(one) + 0xFEE0) for one in ",.:;!?()'\"-"})
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
GUID = "0a1b2c3d-0000-4000-8000-123456789abc"
VM = f"/subscriptions/{GUID}/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web-01"
said = st.sampled_from(SAID)
quick = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=[entry.id for entry in ENTRIES])


def failed(message: str = "", *errors: JobError) -> Job:
    return Job("id", "name", "Backup", "Failed", None, None, False, errors, message)


def shown(title: str, text: str = "", code: int | None = 1) -> Job:
    return failed("", JobError(code, title, text, ()))


def name_of(found: Classification) -> str | None:
    return found.entry.id if found.entry is not None else None


@every_entry
def test_every_message_in_every_language_is_of_its_own_error(entry):
    for language, texts in entry.messages.items():
        for text in texts:
            for written in (text, text.upper(), f"Error: {text.rstrip('.')} (for VM web-01)", f"\ufeff{text}\r\n"):
                found = classify(written)
                assert name_of(found) == entry.id, written
                assert any(one.kind == "message" and one.language in (language, "en") for one in found.evidence)
            assert entry.describes(shown(text))
            assert entry.describes(failed("", JobError(None, "", text, ())))


@every_entry
def test_every_code_is_of_its_own_error_alone_and_inside_a_text(entry):
    for name in entry.names:
        if name in (entry.code, *entry.aliases) and entry.match is not None:
            assert entry in classify(name).candidates
            told = f"{name}: {entry.match}"
        else:
            told = name
        assert name_of(classify(told)) == entry.id
        assert name_of(classify(f"Failed with {told.upper()}, see the log.")) == entry.id
        assert entry.describes(failed(f'{{"code": "{told}"}}'))


@quick
@given(said, st.data())
def test_writing_does_not_matter(pair, data):
    entry, text = pair
    written = "".join(data.draw(st.sampled_from([one, one.upper(), one.lower()])) for one in text)
    written = "".join(data.draw(st.sampled_from(DASHES)) if one == "-" else one for one in written)
    written = written.replace(" ", data.draw(st.sampled_from([" ", "  ", "\u00a0", "\t", "\u3000"])))
    written = data.draw(st.sampled_from([written, written.translate(FULL_WIDTH)]))
    form = data.draw(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
    written = unicodedata.normalize(form, written)
    if data.draw(st.booleans()):
        written = "".join(one for one in unicodedata.normalize("NFD", written) if not unicodedata.combining(one))
    assert name_of(classify(written)) == entry.id


@quick
@given(
    said,
    st.sampled_from([f"'{GUID}'", VM, '"web-01"', "`web-01`", f"https://kv.vault.azure.net/keys/{GUID}"]),
    st.data(),
)
def test_an_id_in_a_message_does_not_matter(pair, name, data):
    entry, text = pair
    words = text.split(" ")
    place = data.draw(st.integers(0, len(words)))
    assert name_of(classify(" ".join([*words[:place], name, *words[place:]]))) in (entry.id, None)
    assert name_of(classify(text.replace("...", name))) == entry.id
    assert name_of(classify(f"{name}: {text}")) == entry.id


@quick
@given(
    said,
    st.sampled_from(["", "Job 17 failed. ", "(Backup) ", "錯誤： ", "\n\n"]),
    st.sampled_from(["", " [17]", "\nRetry.", " (web-01)"]),
)
def test_a_message_is_found_in_a_longer_text(pair, before, after):
    entry, text = pair
    assert name_of(classify(f"{before}{text}{after}")) == entry.id


@quick
@given(said, st.data())
def test_a_message_with_a_word_changed_is_never_taken_for_another_error(pair, data):
    entry, text = pair
    words = list(Words.of(text).words)
    place = data.draw(st.integers(0, len(words) - 1))
    change = data.draw(st.sampled_from(["drop", "double", "new", "break"]))
    new = {"drop": [], "double": [words[place]] * 2, "new": ["zebra"], "break": [words[place], "."]}[change]
    joint = "" if text in entry.messages.get("zh-TW", ()) else " "
    changed = joint.join([*words[:place], *new, *words[place + 1 :]])
    same = [one.id for one, other in SAID if Words.of(other).line == Words.of(changed).line]
    assert name_of(classify(changed)) in (entry.id, None, *same)


@quick
@given(st.text(max_size=200))
def test_random_text_is_of_no_error(text):
    assert name_of(classify(text)) is None


@pytest.mark.parametrize(
    "text", ["", " ", "\x00\x01\x1b[31m", "?", "。", "a" * 100_000, "the backup failed", "error", "備份失敗", "falha"]
)
def test_text_without_a_message_is_of_no_error(text):
    found = classify(text)
    assert (found.entry, found.candidates, found.evidence) == (None, (), ())


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("備份無法取消作業", "JobCancelFailed"),
        ("備份無法取消作業：", "JobCancelFailed"),
        ("備份無法取消作業，因為它並未正在進行", "JobNotInProgress"),
        ("備份無法取消作業,因為它並未正在進行。", "JobNotInProgress"),
        ("備份無法取消作業 ， 因為它並未正在進行： 僅支援", "JobNotInProgress"),
        ("備份無法取消作業，因為下雨了", None),
        ("備份無法取消作業因為下雨了", None),
        ("VMSnapshot extension operation failed", "ExtensionOperationFailedForManagedDisks"),
        (
            "VMSnapshot extension operation failed (unmanaged disks / missing manifest file).",
            "ExtensionOperationFailed",
        ),
        ("ExtentionOperationFailedForManagedDisks", "ExtensionOperationFailedForManagedDisks"),
        ("UserErrorGuestAgentStatusUn disponível", "UserErrorGuestAgentStatusUnavailable"),
        ("ExtensõesSnapshotFailedNoNetwork", "ExtensionSnapshotFailedNoNetwork"),
        ("UserErrrCrpReportedUserror", WRAPPER),
        ("320001", "ResourceNotFound"),
        ("VMRestorePointClientError", None),
        ("VMRestorePointClientError: something else", None),
        ("BadRequest", None),
        ("OperationNotAllowed: Changes were made to the Virtual Machine while it ran", "OperationNotAllowed.VmChanged"),
        ("Run Command execution failed with exit code 1", None),
        ("UserErrorFsFreezeFailed UserErrorFsFreezeTimeout", None),
        ("VMSnapshot extension operation failed (un-anaged disks / missing manifestcfile).", None),
        ("O backup não pôde a operação, ois a máquina virtual não-existe ma s", None),
        ("it said Backup failed with an internal error. Then nothing", "BackUpOperationFailed"),
        ("Backup failed with an internalerror - Please retry", None),
        ("internalerror", "InternalExecutionError"),
        ("code: InternalError, message: ...", "InternalExecutionError"),
        ("UserErrorGeneri?ResourceNotFound", None),
        ("UserErrorGeneri\x00ResourceNotFound", None),
        ('{"code":"ResourceNotFound"}', "ResourceNotFound"),
        ("錯誤ResourceNotFound發生", "ResourceNotFound"),
    ],
)
def test_the_traps_of_the_documents(text, id_):
    assert name_of(classify(text)) == id_


@every_entry
def test_a_wrapper_gives_way_to_what_is_inside(entry):
    if entry.wrapper:
        assert name_of(classify(f"{WRAPPER}: {entry.title}")) == WRAPPER
        return
    told = f'{{"code": "{WRAPPER}", "innerError": {{"code": "{entry.code or ""}", "message": "{entry.title}"}}}}'
    found = classify(told)
    assert name_of(found) == entry.id
    assert found.wrapper is BY_ID[WRAPPER]
    assert entry.describes(failed(WRAPPER, JobError(1, entry.title, "", ())))


def test_a_job_is_told_by_its_message_for_programs_first():
    job = failed("UserErrorFsFreezeFailed", JobError(1, "Snapshot operation failed due to COM+ error", "", ()))
    assert name_of(classify_job(job)) == "UserErrorFsFreezeFailed"


def test_the_texts_of_a_job_tell_which_error_of_a_shared_code_it_is():
    job = failed("VMRestorePointClientError", JobError(1, "", "Restore Point creation failed due to COM+ error.", ()))
    found = classify_job(job)
    assert name_of(found) == "VMRestorePointClientError.ComPlus"
    assert {one.kind for one in found.evidence} == {"code", "message", "match"}


def test_a_shared_code_that_nothing_tells_apart_is_ambiguous():
    found = classify_job(failed("VMRestorePointClientError", JobError(1, "new words", "", ())))
    assert name_of(found) is None
    assert len(found.candidates) == 10


def test_a_job_is_told_by_its_number_where_azure_documents_one():
    assert name_of(classify_job(shown("", "", 400094))) == "BCMV2VMNotFound"


def test_two_errors_in_one_text_are_ambiguous():
    found = classify("The VM is in failed provisioning state. Snapshot operation failed due to COM+ error.")
    assert name_of(found) is None
    assert [one.id for one in found.candidates] == ["ExtensionSnapshotFailedCOM", "UserErrorVmProvisioningStateFailed"]


def test_a_job_without_words_is_of_no_error():
    assert classify_job(failed()) == Classification()
    assert name_of(classify_job(shown(" "))) is None


def test_a_misspelt_code_is_unknown_and_the_closest_is_named():
    found = classify("UserErrorFsFreezeFialed")
    assert name_of(found) is None
    assert found.closest[0] == "UserErrorFsFreezeFailed"
