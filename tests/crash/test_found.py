"""What the crash points have found, each as a sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remediate.engine.lease import LEASE_SECONDS
from remediate.engine.model import Verdict
from remediate.journal.model import CLOSED

from ..drill import YES, Drill
from .cases import CASES
from .harness import Programs, Work, recorded, stopped_at

UNDONE = next(case for case in CASES if case.undo == "when it waits")


def stopped_undo(world: Drill, boundary: str) -> str:
    """A run that waits, and whose undoing has stopped at a boundary: its id."""
    waiting = world.repair()
    assert waiting.stand.verdict is Verdict.PENDING
    begun = recorded(UNDONE)[0].reached
    start = next(number for number, point in enumerate(begun) if number and point.name == "before run")
    stop = next(point.number for point in begun[start:] if point.name == boundary) - start
    programs = Programs(world, UNDONE, (stop,), sockets=True)
    try:
        assert programs.call(Work("undo", waiting.run.id)) is None
    finally:
        programs.bury()
    world.pass_time(timedelta(seconds=LEASE_SECONDS + 1))
    return waiting.run.id


@pytest.mark.parametrize("boundary", ["leased", "after send", "verdict noted", "before closed"])
def test_an_undo_that_has_stopped_is_gone_on_with_and_not_begun_again(drill, boundary):
    world = drill()
    run = stopped_undo(world, boundary)
    world.remediation().undo(run, accepted=YES)
    assert world.journal().open_runs() == []
    assert [one.split()[0] for one in world.effects] == ["DELETE", "POST", "PUT"]


@pytest.mark.parametrize("boundary", ["leased", "after send", "verdict noted", "before closed"])
def test_a_run_whose_undoing_has_stopped_is_not_repaired_any_further(drill, boundary):
    world = drill()
    run = stopped_undo(world, boundary)
    world.pass_time(timedelta(hours=7))
    world.resume(run)
    assert world.journal().run(run).status == CLOSED
    assert world.journal().open_runs() == []
    assert [one.split()[0] for one in world.effects] == ["DELETE", "POST", "PUT"]


def point_of(name: str, boundary: str, operation: str):
    """A case, and the first time that a boundary of a kind of write is reached in it."""
    case = next(one for one in CASES if one.name == name)
    found = (one for one in recorded(case)[0].reached if (one.name, one.operation) == (boundary, operation))
    return case, next(found).number


def test_a_script_whose_answer_was_lost_is_not_sent_again_by_the_next_program():
    case, number = point_of("guest script, answer garbled", "after send", "run_commands.delete")
    assert stopped_at(case, number) == []


def test_a_look_at_what_a_script_has_done_is_taken_once():
    case, number = point_of("guest script, answer garbled", "before cleared", "run_commands.delete")
    assert stopped_at(case, number) == []


def test_a_change_that_has_failed_is_not_sent_again_by_the_next_program():
    case, number = point_of("restore point collection", "after outcome", "restore_points.delete")
    assert stopped_at(case, number) == []
