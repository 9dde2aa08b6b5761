"""Diagnosing without being told the error: from the VM's jobs, in any language; never a guess, never a write."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.errors import UsageError
from remediate.remediation import Accepted
from runbooks import catalogue
from runbooks.entry import Entry
from simulator import SCENARIOS
from simulator.services.recoveryservices.errors import JOB_ERRORS, JobError

from ..drill import CODE, YES, Drill

AGENT = "UserErrorGuestAgentStatusUnavailable"
WRAPPER = "UserErrorCrpReportedUserError"
RESTORE = "RestoreDnsNameTaken"
WITHOUT_CHAIN = [entry for entry in catalogue.entries() if not catalogue.has_runbook(entry)]


def item_of(world: Drill):
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    (item,) = vault.items.values()
    return item


def failing_with(world: Drill, *texts: str) -> Drill:
    """Let the failed jobs say this, without a symbolic name; the second text is an advice."""
    item = item_of(world)
    item.symbolic = False
    for job in item.vault.jobs.values():
        if job.status == "Failed":
            job.error = JobError("", 499999, {"en-US": texts[0]}, {"en-US": "".join(texts[1:])})
    return world


def job(world: Drill, operation: str, code: str | None, ago: timedelta = timedelta(hours=3)):
    """Let a job have ended some time ago, with an error or well."""
    item, service = item_of(world), world.simulator.world.recoveryservices.service
    made = service.add_job(item, operation)
    service.fail(made, code) if code else service.complete(made)
    made.started -= ago
    made.ended -= ago
    return made


def diagnosed(world: Drill, text: str = ""):
    found = world.remediation(read_only=True).diagnose(world.vm(), text)
    assert world.writes == []
    assert found.requests["writes"] == 0
    return found


def test_a_failed_job_tells_the_error_its_causes_and_the_command_that_goes_on(drill):
    world = drill()
    found = diagnosed(world)
    assert (found.result, found.error, found.runbook, found.exit_code) == ("found", CODE, CODE, 0)
    assert [(cause.name, cause.standing.value) for cause in found.causes] == [
        ("lock", "found"),
        ("several-backups-a-day", "possible"),
    ]
    assert found.commands == (f"remediate {CODE} --vm {world.vm_id} --dry-run",)
    assert found.job.status == "Failed"


def test_health_checks_that_fail_or_warn_are_evidence(drill):
    checks = {check.id: check for check in diagnosed(drill()).checks}
    assert checks["CHK-LOCKS"].status.value == "fail"
    assert "do-not-delete" in checks["CHK-LOCKS"].saw
    assert {check.status.value for check in checks.values()} <= {"fail", "warn"}


@pytest.mark.parametrize("language", [name for name in JOB_ERRORS[AGENT].text if name != "en-US"])
def test_a_job_in_another_language_is_understood(drill, language):
    world = failing_with(drill(), JOB_ERRORS[AGENT].text[language])
    assert diagnosed(world).error == AGENT


def test_an_error_that_nobody_knows_is_said_to_be_unknown_and_facts_are_shown(drill):
    found = diagnosed(failing_with(drill(), "The flux capacitor is not aligned."))
    assert (found.result, found.error, found.runbook, found.exit_code) == ("unknown", "", "", 2)
    assert found.diagnosis is None
    assert found.commands == ()
    assert "last failed backup" in [finding.label for finding in found.findings]
    assert "flux capacitor" in " ".join(finding.value for finding in found.findings)


def test_an_ambiguous_error_is_answered_with_the_candidates(drill):
    world = drill()
    found = diagnosed(world, "VMRestorePointClientError")
    assert (found.result, found.error, found.exit_code) == ("ambiguous", "", 2)
    assert len(found.classification.candidates) == 10
    assert found.findings


def test_an_ambiguous_job_is_never_repaired_by_a_guess(drill):
    world = failing_with(drill(), "VMRestorePointClientError")
    assert diagnosed(world).result == "ambiguous"
    report = world.remediation().repair_found(world.vm(), accepted=YES)
    assert report.exit_code == 2
    assert world.writes == []


def test_a_wrapped_error_is_unwrapped(drill):
    world = failing_with(drill(), f"{WRAPPER}: {JOB_ERRORS[WRAPPER].text['en-US']}", JOB_ERRORS[AGENT].text["en-US"])
    item_of(world).symbolic = False
    found = diagnosed(world, f"{WRAPPER}: {JOB_ERRORS[AGENT].text['en-US']}")
    assert (found.error, found.classification.wrapper.id) == (AGENT, WRAPPER)


def test_a_wrapper_that_is_named_alone_is_unwrapped_by_the_job(drill):
    world = failing_with(drill(), f"{WRAPPER}: {JOB_ERRORS[AGENT].text['en-US']}")
    found = diagnosed(world, WRAPPER)
    assert (found.error, found.classification.wrapper.id) == (AGENT, WRAPPER)
    assert found.job is not None


def test_a_wrapper_of_which_the_job_knows_no_more_stays_itself(drill):
    world = failing_with(drill(), f"{WRAPPER}: {JOB_ERRORS[WRAPPER].text['en-US']}")
    assert diagnosed(world, WRAPPER).error == diagnosed(world).error == WRAPPER


def test_nothing_failed_is_no_error(drill):
    found = diagnosed(drill("healthy"))
    assert (found.result, found.error, found.exit_code, found.diagnosis) == ("nothing failed", "", 0, None)


def test_a_vm_without_backup_is_told(drill):
    found = diagnosed(drill("unprotected"))
    assert (found.result, found.exit_code) == ("nothing failed", 0)
    assert "not protected" in found.reason
    assert found.next_step


def test_a_failure_that_a_newer_recovery_point_has_made_good_does_not_count(drill):
    world = drill()
    world.repair(YES)
    world.pass_time(timedelta(hours=6))
    (run,) = world.journal().open_runs()
    assert world.resume(run.id).stand.verdict.value == "Fixed"
    assert diagnosed_after(world).result == "nothing failed"


def diagnosed_after(world: Drill):
    return world.remediation(read_only=True).diagnose(world.vm())


def test_a_restore_that_failed_after_the_backup_succeeded_is_found(drill):
    world = drill("healthy")
    made = job(world, "Restore", RESTORE)
    found = diagnosed(world)
    assert (found.error, found.job.name, found.job.operation) == (RESTORE, made.name, "Restore")


@pytest.mark.parametrize("status", ["Completed", "CompletedWithWarnings"])
def test_a_restore_that_has_succeeded_since_does_not_count(drill, status):
    world = drill("healthy")
    job(world, "Restore", RESTORE)
    job(world, "Restore", None, timedelta(hours=1)).status = status
    assert diagnosed(world).result == "nothing failed"


def test_another_operation_that_has_succeeded_since_makes_no_restore_good(drill):
    world = drill("healthy")
    job(world, "Restore", RESTORE)
    job(world, "ConfigureBackup", None, timedelta(hours=1))
    assert diagnosed(world).error == RESTORE


@pytest.mark.parametrize(("days", "result"), [(5, "found"), (8, "nothing failed")])
def test_only_what_failed_in_the_last_days_is_asked_about(drill, days, result):
    world = drill("healthy")
    job(world, "Restore", RESTORE, timedelta(days=days))
    assert diagnosed(world).result == result


def test_a_failing_backup_comes_before_a_failed_restore(drill):
    world = drill()
    job(world, "Restore", RESTORE)
    assert diagnosed(world).error == CODE


def test_a_deleted_vm_is_diagnosed_by_what_is_left_of_it(drill):
    world = drill("vm-deleted")
    assert diagnosed(world).error == SCENARIOS["vm-deleted"].code


def test_an_input_that_the_runbook_does_not_know_is_refused(drill):
    world = drill()
    with pytest.raises(UsageError, match="has no choice 'fly'"):
        world.remediation(read_only=True).diagnose(world.vm(), "", {"choose": "fly"})


def test_what_diagnose_finds_is_repaired(drill):
    world = drill()
    report = world.remediation().repair_found(world.vm(), accepted=Accepted())
    assert (report.runbook, report.stand.verdict.value) == (CODE, "NeedsApproval")
    assert world.writes == []
    assert world.remediation().repair_found(world.vm(), accepted=YES).stand.verdict.value == "Pending"


def test_an_open_run_goes_on_before_anything_is_diagnosed(drill):
    world = drill()
    first = world.remediation().repair_found(world.vm(), accepted=YES)
    world.pass_time(timedelta(hours=6))
    again = world.remediation().repair_found(world.vm(), accepted=YES)
    assert (again.run.id, again.stand.verdict.value) == (first.run.id, "Fixed")


def test_where_nothing_failed_nothing_is_to_do(drill):
    world = drill("healthy")
    for dry_run in (True, False):
        report = world.remediation().repair_found(world.vm(), accepted=YES, dry_run=dry_run)
        assert (report.stand.verdict.value, report.exit_code) == ("NothingToDo", 0)
    assert world.writes == []


@pytest.mark.parametrize("entry", WITHOUT_CHAIN[::12], ids=lambda entry: entry.id)
def test_an_error_without_a_chain_is_left_to_a_human_with_what_microsoft_documents(drill, entry: Entry):
    world = failing_with(drill(), entry.messages["en"][0])
    report = world.repair(YES, entry.id)
    assert report.stand.verdict.value == "NeedsHuman"
    assert all(step in report.stand.next_step for step in entry.documented_steps)
    assert [cause.summary for cause in report.causes] == list(entry.causes)
    assert {cause.standing.value for cause in report.causes} == {"possible"}
    assert world.writes == []


def test_an_error_without_a_chain_needs_nobody_once_backups_succeed(drill):
    entry = next(one for one in WITHOUT_CHAIN if one.operation == "backup")
    world = drill("healthy")
    assert world.repair(YES, entry.id).stand.verdict.value == "NothingToDo"
    assert world.writes == []


def test_an_error_without_a_chain_says_so_when_the_job_shows_another(drill):
    entry = next(one for one in WITHOUT_CHAIN if one.operation == "backup")
    report = drill().repair(YES, entry.id)
    assert CODE in report.stand.reason
    assert all(CODE in " ".join(cause.against) for cause in report.causes)
