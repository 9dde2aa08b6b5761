"""Each invariant of what holds a write back is proved by a world in which it should have; the court must see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from actions.change import Change, Undo
from remediate.campaign import circumstances, misled, restraints
from remediate.campaign.circumstances import Circumstance, Window
from remediate.campaign.standing import Standing
from simulator.clock import START
from simulator.services.compute.model import RunCommand, Vm
from simulator.services.recoveryservices.model import ProtectedItem, ResourceGuard, Vault

from .test_invariants import LOCK, Forge

PAGE = Path(__file__).resolve().parents[2] / "docs" / "campaign.md"


def for_a_while(forge: Forge) -> None:
    """Let what is true now have been true for a while."""
    forge.court.standing.look()
    forge.world.clock.advance(timedelta(minutes=3))


def the_vm(forge: Forge) -> Vm:
    return forge.world.compute.vms[forge.vm.lower()]


def the_item(forge: Forge) -> ProtectedItem:
    item = forge.world.recoveryservices.item_of(forge.vm)
    assert item is not None
    return item


def the_vault(forge: Forge) -> Vault:
    return the_item(forge).vault


def sent(forge: Forge, change: Change) -> None:
    forge.court.approves((change,))
    forge.intend_and_send(change, run=forge.run(9))


def sent_after_a_while(forge: Forge, change: Change) -> None:
    for_a_while(forge)
    sent(forge, change)


def stop(forge: Forge, **before: str) -> Change:
    return replace(forge.change("protected_items.stop", forge.backup.target), before=before)


def script(forge: Forge) -> Change:
    body = {"verb": "apply", "seconds": 60, "action": "forged"}
    return forge.change("run_commands.create", f"{forge.vm}/runCommands/forged", body=body)


def opted_out(forge: Forge) -> None:
    the_vm(forge).tags["Backup-Remediation"] = "Off"
    sent_after_a_while(forge, forge.service_lock)


def a_job_goes_on(forge: Forge) -> None:
    forge.world.recoveryservices.service.start(the_item(forge))
    sent_after_a_while(forge, forge.service_lock)


def past_a_guard(forge: Forge) -> None:
    the_vault(forge).guard = ResourceGuard(circumstances.GUARD, {})
    sent_after_a_while(forge, stop(forge))


def stopped_though_it_is_there(forge: Forge) -> None:
    sent_after_a_while(forge, stop(forge, virtualMachine="does not exist"))


def against_a_lock(forge: Forge) -> None:
    forge.court.people_set(forge.world.authorization.add_lock(forge.vm, "forged", "ReadOnly"))
    sent_after_a_while(forge, script(forge))


def another_lock_than_shown(forge: Forge) -> None:
    lock = forge.world.authorization.locks[LOCK.lower()]
    body = {"properties": {"level": lock.level, "notes": "as it was", "owners": []}}
    undo = Undo("restore_lock", "locks.create_or_update", LOCK, body)
    for_a_while(forge)
    process = forge.process()
    process.judged_with = forge.history.now
    change = replace(forge.change("locks.delete", LOCK), undo=undo)
    forge.court.approves((change,))
    forge.intend_and_send(change, process)


def an_extension_of_a_silent_agent(forge: Forge) -> None:
    the_vm(forge).agent = "NotReady"
    forge.world.authorization.locks.clear()
    extension = f"{forge.vm}/extensions/VMSnapshotLinux"
    sent_after_a_while(forge, forge.change("virtual_machine_extensions.delete", extension))


def a_script_in_a_stopped_vm(forge: Forge) -> None:
    the_vm(forge).power_state = "deallocated"
    sent_after_a_while(forge, script(forge))


def a_script_beside_another(forge: Forge) -> None:
    the_vm(forge).run_commands["other"] = RunCommand("other", "westeurope", {}, execution_state="Running")
    sent_after_a_while(forge, script(forge))


def a_restart_of_a_vm_that_is_changed(forge: Forge) -> None:
    the_vm(forge).provisioning_state = "Updating"
    sent_after_a_while(forge, forge.change("virtual_machines.restart", forge.vm))


def a_restart_of_a_stopped_vm(forge: Forge) -> None:
    the_vm(forge).power_state = "stopped"
    sent_after_a_while(forge, forge.change("virtual_machines.restart", forge.vm))


def cancelled_too_late(forge: Forge) -> None:
    job = forge.world.recoveryservices.service.add_job(the_item(forge), "Restore")
    sent_after_a_while(forge, forge.change("jobs.cancel", job.id))


def a_tenth_backup(forge: Forge) -> None:
    item = the_item(forge)
    for _ in range(9):
        job = forge.world.recoveryservices.service.add_job(item, "Backup", user_triggered=True)
        job.status = "Completed"
    sent_after_a_while(forge, forge.backup)


def the_only_copy(forge: Forge) -> None:
    collection = next(iter(forge.world.compute.collections.values()))
    point = next(iter(collection.points.values()))
    for one in forge.court.points.values():
        one.in_vault = one.in_vault and one.restore_point != point.id.lower()
    forge.court.copied.clear()
    forge.world.authorization.locks.clear()
    forge.court.before("DELETE")
    sent(forge, forge.change("restore_points.delete", point.id))


def in_the_circumstance(kind: type[Circumstance]) -> Callable[[Forge], None]:
    def plant(forge: Forge) -> None:
        forge.history.circumstance = kind(forge.history, Random(0))
        for_a_while(forge)
        sent(forge, forge.service_lock)

    plant.__name__ = kind.__name__
    return plant


def a_forbidden_intent(forge: Forge) -> None:
    forge.court.intended(forge.process(), forge.change("locks.delete", forge.backup.target))


PLANTED: tuple[tuple[str, Callable[[Forge], None]], ...] = (
    ("nothing_for_who_has_opted_out", opted_out),
    ("nothing_while_a_job_runs", a_job_goes_on),
    ("nothing_past_a_resource_guard", past_a_guard),
    ("no_stop_for_a_vm_that_is_there", stopped_though_it_is_there),
    ("nothing_that_a_lock_forbids", against_a_lock),
    ("locks_go_as_they_were_shown", another_lock_than_shown),
    ("no_extension_goes_without_the_agent", an_extension_of_a_silent_agent),
    ("scripts_only_where_they_can_run", a_script_in_a_stopped_vm),
    ("one_script_at_a_time", a_script_beside_another),
    ("power_only_as_the_vm_stands", a_restart_of_a_vm_that_is_changed),
    ("power_only_as_the_vm_stands", a_restart_of_a_stopped_vm),
    ("cancelled_only_in_time", cancelled_too_late),
    ("no_tenth_backup_in_a_day", a_tenth_backup),
    ("only_what_the_vault_has_too_is_deleted", the_only_copy),
    ("nothing_in_an_incident", in_the_circumstance(circumstances.Incident)),
    ("nothing_again_and_again", in_the_circumstance(circumstances.Loop)),
    ("only_so_many_vms_in_a_day", in_the_circumstance(circumstances.Blast)),
    ("only_in_the_window", in_the_circumstance(Window)),
    ("nothing_forbidden_is_intended", a_forbidden_intent),
)
EVERY = (*restraints.ON_WRITE, *restraints.ON_INTENT)


@pytest.mark.parametrize(("name", "plant"), PLANTED, ids=[plant.__name__ for _, plant in PLANTED])
def test_a_planted_violation_is_found_by_its_invariant(forge, name, plant):
    assert forge.court.violations == []
    plant(forge)
    assert [one.invariant for one in forge.court.violations] == [name]


@pytest.mark.parametrize("invariant", EVERY, ids=[one.__name__ for one in EVERY])
def test_every_invariant_has_a_planted_violation_and_is_on_the_page_as_it_says_of_itself(invariant):
    assert invariant.__name__ in {name for name, _ in PLANTED}
    assert f"| `{invariant.__name__}` | {invariant.__doc__} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", circumstances.ALL, ids=[one.__name__ for one in circumstances.ALL])
def test_every_circumstance_is_on_the_page(kind):
    assert f"| {kind.name} |" in PAGE.read_text(encoding="utf-8")


def test_what_has_just_come_about_holds_nobody_back_who_could_not_know(forge):
    the_vm(forge).tags["backup-remediation"] = "off"
    forge.court.standing.look()
    sent(forge, forge.service_lock)
    assert forge.court.violations == []


@pytest.mark.parametrize("kind", circumstances.ALL, ids=[one.__name__ for one in circumstances.ALL])
def test_what_people_did_is_taken_back_in_the_end(forge, kind):
    before = repr(the_vm(forge)), the_vault(forge).guard
    found = kind(forge.history, Random(3))
    forge.world.clock.advance(timedelta(minutes=59))
    found.farewell()
    assert (repr(the_vm(forge)), the_vault(forge).guard) == before
    assert found.until <= START or not isinstance(found, circumstances.Incident)


def test_the_window_is_closed_from_the_evening_to_the_next_evening(forge):
    window = Window(forge.history, Random(0))
    closed = START.replace(hour=23) - timedelta(days=1)
    assert window.closed_since(START) == closed
    assert window.closed_since(START.replace(hour=20)) is None
    assert window.closed_since(START.replace(hour=23, minute=5)) == START.replace(hour=23)


def test_what_was_true_at_the_beginning_had_been_true_for_a_while(forge):
    assert isinstance(forge.court.standing, Standing)
    assert forge.court.standing.held("there", datetime(2026, 3, 2, 0, 0, 0, tzinfo=START.tzinfo))


@pytest.mark.parametrize("way", misled.WAYS, ids=[one.__name__.lstrip("_") for one in misled.WAYS])
def test_every_way_in_which_a_process_is_misled_gives_a_change_or_none(forge, way):
    change = way(forge.history, Random(0))
    assert change is None or change.step == "misled"
