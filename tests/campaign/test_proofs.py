"""Each invariant of what is said to have worked is proved by a world in which it is broken; the court must see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from actions.change import Change
from remediate.campaign import proofs
from remediate.campaign.process import Role
from remediate.engine.model import Verdict
from remediate.journal.model import Run
from simulator.guest.model import Result
from simulator.services.compute.model import RunCommand

from .test_invariants import LOCK, Forge, report

COMMAND = "/runCommands/forged"


def later(forge: Forge) -> None:
    forge.world.clock.advance(timedelta(minutes=2))


def end(forge: Forge, run: Run, result: str, **given: object) -> None:
    forge.note(run, "outcome", {"result": result, "detail": "", **given})


def told(forge: Forge, run: Run, verdict: Verdict = Verdict.PENDING) -> None:
    found = report(forge, run)
    found.stand = SimpleNamespace(verdict=verdict)
    forge.court.reported(forge.process(), found)  # type: ignore[arg-type]


def back_up(forge: Forge, *, ends: bool) -> str:
    service, item = forge.world.recoveryservices.service, forge.world.recoveryservices.item_of(forge.vm)
    assert item is not None
    forge.world.compute.collections.clear()
    job = service.start(item, user_triggered=True)
    forge.world.clock.advance(timedelta(minutes=30 if ends else 10))
    return job.name


def script(forge: Forge) -> Change:
    body = {"verb": "apply", "seconds": 60, "action": "forged"}
    return forge.change("run_commands.create", f"{forge.vm}{COMMAND}", body=body)


def answered(forge: Forge, text: str) -> RunCommand:
    command = RunCommand("forged", "westeurope", {})
    command.result = Result(0, text)
    return command


def an_old_plan(forge: Forge) -> None:
    lock = forge.world.authorization.add_lock(forge.vm, "forged", "CanNotDelete")
    forge.court.people_set(lock)
    role = Role(overtaken_by=(lock.id.lower(), forge.history.number))
    process = forge.process(role)
    forge.intend_and_send(forge.service_lock, process, forge.run(process.number << 112))  # a run that it has begun


def two_runs_at_a_time(forge: Forge) -> None:
    forge.run(1)
    later(forge)
    forge.intend_and_send(forge.service_lock, run=forge.run(2, runbook="action:remove_lock"))


def repaired_while_it_is_undone(forge: Forge) -> None:
    run = forge.run(1)
    forge.run(2, runbook=f"undo:{run.id}")
    later(forge)
    forge.intend_and_send(forge.service_lock, run=run)


def repaired_after_it_was_undone(forge: Forge) -> None:
    run = forge.run(1)
    forge.run(2, runbook=f"undo:{run.id}", status="closed", verdict="Applied")
    later(forge)
    forge.intend_and_send(forge.service_lock, run=run)


def sent_after_it_has_failed(forge: Forge) -> None:
    run = forge.run()
    forge.note(run, "intent", {"change": forge.service_lock.to_json()})
    end(forge, run, "failed")
    forge.intend_and_send(forge.service_lock, run=run)


def nothing_had_failed(forge: Forge) -> None:
    back_up(forge, ends=True)
    later(forge)
    forge.intend_and_send(forge.service_lock)


def two_changes_and_one_look(forge: Forge) -> None:
    process = forge.process()
    run = forge.intend_and_send(forge.service_lock, process)
    forge.looks = False
    forge.intend_and_send(forge.backup, process, run)


def a_stolen_lease(forge: Forge) -> None:
    forge.lease()
    forge.court.took_lease(forge.process())
    with forge.history.journal() as journal:
        assert journal.acquire(forge.vm, "thief", forge.history.host_time, 300.0, lambda _: True)
    forge.court.took_lease(forge.process())


def fixed_while_the_backup_goes_on(forge: Forge) -> None:
    run = forge.intend_and_send(forge.service_lock)
    back_up(forge, ends=False)
    told(forge, run, Verdict.FIXED)


def a_lock_that_was_not_removed(forge: Forge) -> None:
    run = forge.run()
    forge.note(run, "intent", {"change": forge.service_lock.to_json()})
    forge.send(forge.service_lock, done=False)
    end(forge, run, "applied")
    told(forge, run)


def a_backup_that_goes_on(forge: Forge) -> None:
    run = forge.run()
    forge.note(run, "intent", {"change": forge.backup.to_json()})
    forge.send(forge.backup)
    end(forge, run, "applied", job=back_up(forge, ends=False))
    told(forge, run)


def a_script_that_says_it_could_not(forge: Forge) -> None:
    scripted(forge, '{"action": "forged", "verb": "apply", "needed": true, "applied": true, "error": "no"}')


def a_script_that_says_it_is_not_so(forge: Forge) -> None:
    scripted(forge, '{"action": "forged", "verb": "apply", "needed": true, "applied": false}')


def a_script_that_raves(forge: Forge) -> None:
    scripted(forge, "<<< authorised use only")


def scripted(forge: Forge, text: str) -> None:
    run = forge.run()
    forge.note(run, "intent", {"change": script(forge).to_json()})
    forge.send(script(forge), script=answered(forge, text))
    end(forge, run, "applied")
    told(forge, run)


PLANTED: tuple[tuple[str, Callable[[Forge], None]], ...] = (
    ("nothing_by_an_old_plan", an_old_plan),
    ("one_run_at_a_time", two_runs_at_a_time),
    ("what_is_undone_is_not_repaired", repaired_while_it_is_undone),
    ("what_is_undone_is_not_repaired", repaired_after_it_was_undone),
    ("what_has_failed_is_not_sent_again", sent_after_it_has_failed),
    ("nothing_is_repaired_that_has_not_failed", nothing_had_failed),
    ("looked_again_before_every_change", two_changes_and_one_look),
    ("no_lease_is_taken_from_the_living", a_stolen_lease),
    ("fixed_only_with_a_completed_backup", fixed_while_the_backup_goes_on),
    ("what_is_said_to_be_done_is_so", a_lock_that_was_not_removed),
    ("what_is_said_to_be_done_is_so", a_backup_that_goes_on),
    ("what_is_said_to_be_done_is_so", a_script_that_says_it_could_not),
    ("what_is_said_to_be_done_is_so", a_script_that_says_it_is_not_so),
    ("what_is_said_to_be_done_is_so", a_script_that_raves),
)
EVERY = (*proofs.ON_WRITE, *proofs.ON_LEASE, *proofs.ON_REPORT)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "campaign.md"


@pytest.mark.parametrize(("name", "plant"), PLANTED, ids=[plant.__name__ for _, plant in PLANTED])
def test_a_planted_violation_is_found_by_its_invariant(forge, name, plant):
    assert forge.court.violations == []
    plant(forge)
    assert [one.invariant for one in forge.court.violations] == [name]


@pytest.mark.parametrize("invariant", EVERY, ids=[one.__name__ for one in EVERY])
def test_every_invariant_has_a_planted_violation_and_is_on_the_page(invariant):
    assert invariant.__doc__
    assert invariant.__name__ in {name for name, _ in PLANTED}
    assert f"`{invariant.__name__}`" in PAGE.read_text(encoding="utf-8")


def test_what_azure_has_done_may_be_said_to_be_done(forge):
    run = forge.intend_and_send(forge.service_lock)
    told(forge, run)
    forge.note(run, "intent", {"change": script(forge).to_json()})
    forge.send(script(forge), script=answered(forge, '{"needed": true, "applied": true}'))
    end(forge, run, "applied")
    told(forge, run)
    assert forge.court.violations == []


def test_a_lock_that_people_have_changed_since_is_no_proof_of_a_lie(forge):
    run, lock = forge.run(), forge.world.authorization.locks[LOCK.lower()]
    change = forge.change("locks.delete", LOCK)
    forge.court.approves((change,))
    forge.note(run, "intent", {"change": change.to_json()})
    forge.send(change, done=False)
    forge.court.people_removed(lock)
    end(forge, run, "applied")
    told(forge, run)
    assert forge.court.violations == []


def test_a_lease_that_was_given_back_or_is_over_may_be_taken(forge):
    forge.lease()
    forge.court.took_lease(forge.process())
    forge.release()
    forge.court.took_lease(forge.process())
    forge.world.clock.advance(timedelta(hours=1))
    forge.court.look()
    with forge.history.journal() as journal:
        assert journal.acquire(forge.vm, "another", forge.history.host_time, 300.0, lambda _: False)
    forge.court.took_lease(forge.process())
    assert forge.court.violations == []


def test_another_look_lets_a_process_change_something_else(forge):
    process = forge.process()
    run = forge.intend_and_send(forge.service_lock, process)
    forge.intend_and_send(forge.backup, process, run)
    assert forge.court.violations == []


def test_of_two_violations_the_first_ends_the_history(forge):
    forge.run()
    forge.send(forge.service_lock, forge.process(Role(dry=True, unknown=True)))
    assert forge.history.stopped
    assert len(forge.court.violations) == 1
