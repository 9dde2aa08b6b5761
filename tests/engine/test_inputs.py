"""What the operator tells a runbook: inputs and choices, checked, kept with the run, and never changed under it."""

from __future__ import annotations

import pytest

from arm.errors import UsageError
from remediate.engine.model import Verdict
from remediate.remediation import Accepted

from ..drill import YES

CODE = "UserErrorBackupOperationInProgress"


def test_an_input_that_the_runbook_does_not_have_is_refused_with_those_it_has(drill):
    world = drill("backup-in-progress")
    with pytest.raises(UsageError, match="has no input 'jbo'") as found:
        world.repair(YES, CODE, {"jbo": "x"})
    assert any(one.startswith("job: ") for one in found.value.candidates)
    assert world.simulator.requests == []


def test_a_choice_of_a_runbook_without_choices_is_refused(drill):
    world = drill()
    with pytest.raises(UsageError, match="has no choice 'cancel'") as found:
        world.repair(YES, arguments={"choose": "cancel"})
    assert found.value.next_step == "Leave it out."


def test_a_choice_is_kept_with_the_run_that_it_began(drill):
    world = drill("backup-in-progress-snapshot")
    planned = world.repair(YES, CODE, {"choose": "cancel"})
    assert planned.stand.verdict is Verdict.NEEDS_APPROVAL
    report = world.repair(Accepted(approve=planned.plan.digest), CODE, {"choose": "cancel"})
    assert world.journal().run(report.run.id).arguments == {"choose": "cancel"}


def test_a_run_that_waits_is_not_turned_into_one_that_cancels(drill):
    world = drill("backup-in-progress-snapshot")
    begun = world.repair(YES, CODE)
    assert begun.stand.verdict is Verdict.PENDING
    report = world.repair(YES, CODE, {"choose": "cancel"})
    assert report.stand.refusal.guard == "one-run-per-vm"
    assert begun.run.id[:12] in report.stand.next_step
    assert world.effects == []
