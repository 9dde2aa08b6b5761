"""The mutants: each takes one measure of safety away, and names the tests that must notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import arm.transport
import remediate.engine.decide
import remediate.engine.drive
import remediate.engine.duties
import remediate.engine.execute
import remediate.engine.memory
import remediate.engine.plan
import remediate.engine.repay
import remediate.engine.scripts
import remediate.runs
from actions import probes
from actions.probes import Effect
from remediate.engine.drive import Driver
from remediate.engine.execute import Executor
from remediate.engine.history import APPLIED, History
from remediate.engine.memory import Recall
from remediate.engine.scripts import Heard
from remediate.remediation import Remediation

from .patches import (
    LINE,
    Patch,
    any_digest,
    any_permit,
    any_recovery_point,
    bare_lock,
    blind_resend,
    endless_permit,
    forgets_what_was_accepted,
    late_intent,
    never_late,
    no_consent,
    no_fence,
    not_applied,
    on,
    one_look,
    read_only_writes,
    stale_plan,
    stolen_lease,
    struck_off_unpaid,
    unpaid_when_it_fails,
    without,
)

DRIVE, SCENARIOS = "tests/engine/test_drive.py", "tests/engine/test_scenarios.py"
FAULTS, TRANSPORT = "tests/engine/test_faults.py", "tests/arm/test_transport.py"
REPAIR, SCRIPTS = "tests/cli/test_repair.py", "tests/engine/test_scripts.py"
FOUND, LINE_UP, MEASURES = (
    "tests/crash/test_found.py",
    "tests/mutants/test_line_up.py",
    "tests/mutants/test_measures.py",
)
KILLED, CAMPAIGN = "tests/crash/test_killed.py", "tests/engine/test_found_by_campaign.py"
_SUSPENDED = "test_a_suspended_process_whose_lease_was_taken_over_sends_nothing_when_it_wakes"
_LOST = "test_a_repair_survives_a_fault_on_a_write_and_writes_nothing_twice[reset after the effect-backup]"
_BACK = "test_a_lock_outside_the_services_groups_is_put_back_exactly_as_it_was[-subscription-lock]"


@dataclass(frozen=True)
class Mutant:
    """One measure, removed.

    Attributes:
        name: short.
        removes: what no longer holds, in one sentence.
        patch: makes it so, as a context manager.
        killers: tests that must go red, each of them.
    """

    name: str
    removes: str
    patch: Patch
    killers: tuple[str, ...]


MEASURES_OF_THE_ENGINE: Sequence[Mutant] = (
    Mutant(
        "no intent before the send",
        "The intent is written only when Azure has answered.",
        late_intent,
        (f"{DRIVE}::test_every_write_of_a_run_was_intended_in_the_journal_before",),
    ),
    Mutant("blind re-send", "A write whose answer was lost is sent again.", blind_resend, (f"{FAULTS}::{_LOST}",)),
    Mutant(
        "lost backup not looked for",
        "A backup that a lost reply has started is not found.",
        lambda: mock.patch.dict(probes._PROBES, {"backups.trigger": not_applied}),
        (f"{FAULTS}::{_LOST}",),
    ),
    Mutant(
        "trust Succeeded",
        "What an operation says is believed without a probe.",
        on(Executor, "_settled", lambda *_a, **_k: Effect.APPLIED),
        (f"{FAULTS}::test_an_operation_that_only_says_it_succeeded_is_found_out",),
    ),
    Mutant(
        "one look only",
        "The probe does not look again, although Azure's answers lag behind.",
        one_look,
        (f"{MEASURES}::test_a_backup_whose_job_shows_up_late_is_not_started_again",),
    ),
    Mutant(
        "retries without bound",
        "A write that is throttled is tried for ever.",
        on(remediate.engine.execute, "SEND_ATTEMPTS", 40),
        (f"{MEASURES}::test_a_write_that_is_always_throttled_is_tried_four_times",),
    ),
    Mutant(
        "restore without notes",
        "A lock comes back without its notes and owners.",
        bare_lock,
        (f"{SCENARIOS}::{_BACK}",),
    ),
    Mutant(
        "no duty",
        "Nothing is recorded of a lock that is taken on loan.",
        on(remediate.engine.execute, "owed", lambda *_a, **_k: None),
        (f"{SCENARIOS}::{_BACK}",),
    ),
    Mutant(
        "struck off unpaid",
        "A duty is struck off and nothing is given back.",
        struck_off_unpaid,
        (f"{SCENARIOS}::{_BACK}",),
    ),
    Mutant(
        "unpaid when it fails",
        "A loan is given back only when the run ends well.",
        unpaid_when_it_fails,
        (f"{DRIVE}::test_a_lock_is_put_back_even_when_the_run_fails",),
    ),
    Mutant(
        "deny list empty",
        "The transport sends what must never be sent.",
        on(arm.transport, "DENY_LIST", ()),
        (
            f"{TRANSPORT}::test_what_is_on_the_deny_list_is_never_sent_however_it_is_written_and_whatever_permit_there_is",
        ),
    ),
    Mutant(
        "no permit",
        "The transport sends without a permit.",
        any_permit,
        (f"{TRANSPORT}::test_a_permit_lets_exactly_one_request_pass",),
    ),
    Mutant(
        "read-only writes",
        "A read-only transport lets writes through.",
        read_only_writes,
        (f"{TRANSPORT}::test_a_read_only_transport_lets_nothing_but_reads_through",),
    ),
    Mutant(
        "any recovery point",
        "Fixed is said for a recovery point that is older than the repair.",
        any_recovery_point,
        (f"{DRIVE}::test_a_completed_backup_without_a_new_recovery_point_is_not_called_fixed",),
    ),
    Mutant(
        "no completed backup",
        "Fixed is said without a completed job.",
        on(Driver, "_other_backup", lambda *_: "some job"),
        (f"{DRIVE}::test_a_recovery_point_whose_backup_has_not_completed_is_no_proof",),
    ),
    Mutant(
        "no consent",
        "Nothing has to be approved.",
        no_consent,
        (f"{SCENARIOS}::test_a_lock_outside_the_services_groups_is_not_removed_without_approval[-subscription-lock]",),
    ),
    Mutant(
        "any digest",
        "An approval counts for every plan.",
        any_digest,
        (f"{SCENARIOS}::test_a_stale_approval_is_refused",),
    ),
    Mutant(
        "stale plan",
        "A plan file is carried out although something has changed.",
        stale_plan,
        (f"{REPAIR}::test_a_plan_file_is_refused_when_anything_has_changed_since",),
    ),
    Mutant(
        "no lease",
        "Nobody looks whether another process works on the VM.",
        stolen_lease,
        (f"{DRIVE}::test_no_run_is_begun_on_a_vm_that_another_process_works_on",),
    ),
    Mutant(
        "no fence",
        "A process that has lost its lease takes it again and goes on.",
        no_fence,
        (f"{KILLED}::{_SUSPENDED}[after intent]",),
    ),
    Mutant(
        "a permit without end",
        "A process that was suspended sends whenever it wakes.",
        endless_permit,
        (f"{KILLED}::{_SUSPENDED}[before send]",),
    ),
    Mutant(
        "many runs of a VM",
        "A second run is begun although one is open.",
        on(Remediation, "_open_run", lambda *_: None),
        (f"{REPAIR}::test_another_runbook_is_refused_while_a_run_is_open",),
    ),
    Mutant(
        "guards asked once",
        "No guard is asked again right before a change is sent.",
        on(Recall, "judge", lambda *_a, **_k: None),
        (f"{DRIVE}::test_a_guard_is_asked_again_right_before_each_change",),
    ),
    Mutant(
        "whatever is wrong is repaired",
        "What the diagnosis refuses, or leaves to a human, is repaired all the same.",
        on(remediate.runs, "without_repair", lambda _: None),
        (f"{SCENARIOS}::test_a_refusal_names_its_guard_and_writes_nothing[unprotected]",),
    ),
    Mutant(
        "any answer of a script",
        "A script is believed to have worked, whatever it says.",
        on(remediate.engine.scripts, "_judged", lambda *_: Heard(APPLIED, "")),
        (f"{SCRIPTS}::test_exit_code_0_without_the_wanted_state_is_no_success",),
    ),
    Mutant(
        "lost script forgotten",
        "After a crash nobody looks what a script has done whose answer was lost.",
        on(History, "unclear", None),
        (f"{FOUND}::test_a_script_whose_answer_was_lost_is_not_sent_again_by_the_next_program",),
    ),
    Mutant(
        "failure forgotten",
        "After a crash a change that has failed is sent again.",
        on(Driver, "_ended_badly", lambda *_: None),
        (f"{FOUND}::test_a_change_that_has_failed_is_not_sent_again_by_the_next_program",),
    ),
    Mutant(
        "acceptance forgotten",
        "After a crash a change that Azure had taken, and that does not show, is sent again.",
        forgets_what_was_accepted,
        (f"{CAMPAIGN}::test_a_lock_that_somebody_sets_anew_once_azure_has_removed_it_is_not_removed_again",),
    ),
    Mutant(
        "absence believed",
        "A run command that does not show in the seconds after it was sent counts as gone.",
        never_late,
        (f"{CAMPAIGN}::test_a_run_command_that_does_not_show_yet_is_still_removed_and_its_answer_heard",),
    ),
    Mutant(
        "undoing forgotten",
        "A run that is being undone is repaired further.",
        on(remediate.runs, "undone", lambda *_: False),
        (f"{FOUND}::test_a_run_whose_undoing_has_stopped_is_not_repaired_any_further[before closed]",),
    ),
)
_NAMED = f"{SCENARIOS}::test_a_refusal_names_its_guard_and_writes_nothing"
_IN_RUNS = {
    "opt_out": f"{_NAMED}[rp-collection-limit-opted-out]",
    "job_in_progress": f"{_NAMED}[rp-collection-limit-job-running]",
    "on_demand_limit": f"{_NAMED}[rp-collection-limit-nine-backups]",
    "recovery_point_safety": f"{SCENARIOS}::test_restore_points_without_a_copy_in_the_vault_are_never_deleted",
    "lock_in_the_way": f"{SCRIPTS}::test_under_a_read_only_lock_no_script_is_sent",
    "script_turn": f"{SCRIPTS}::test_another_run_command_in_progress_is_let_end_first",
    "agent_ready": "tests/errors/test_guest.py::test_the_extension_is_not_uninstalled_while_the_agent_does_not_answer",
}
"""Guards whose removal a whole run shows, too."""


def _guard(guard: Any) -> Mutant:
    name = guard.__name__
    stands = f"{LINE_UP}::test_a_change_that_a_guard_refuses_is_refused_by_the_line_up[{name}]"
    killers = (stands, _IN_RUNS[name]) if name in _IN_RUNS else (stands,)
    return Mutant(f"no guard {name}", (guard.__doc__ or "").split("\n")[0], without(guard), killers)


MUTANTS: dict[str, Mutant] = {
    one.name: one for one in (*MEASURES_OF_THE_ENGINE, *(_guard(guard) for guard in LINE.GUARDS))
}
