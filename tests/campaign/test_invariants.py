"""Each invariant is proved by a world, or a write, in which it is broken: the court must see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from actions.change import Change, Impact
from arm.writes import OPERATIONS
from guards import Consent
from remediate.campaign import invariants
from remediate.campaign.baton import Actor
from remediate.campaign.court import Write
from remediate.campaign.history import History
from remediate.campaign.process import SECRET, Process, Role
from remediate.engine.model import Verdict
from remediate.journal.model import Duty, Held, Run

SCENARIO = "rp-collection-limit-foreign-group"
GROUP = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg-web"
LOCK = f"{GROUP}/providers/Microsoft.Authorization/locks/do-not-delete"
SERVICE = GROUP.replace("rg-web", "AzureBackupRG_westeurope_1")

QUIET = 1
"""A seed whose history has no hardship, no circumstance and no visitor."""


class Forge:
    """A history that nobody plays: a test does what must not be done."""

    def __init__(self, folder: Path) -> None:
        self.history = History(QUIET, folder, (SCENARIO,))
        self.court = self.history.court
        self.world = self.history.world
        self.vm = self.history.vm.id
        self.processes = 0
        self.looks = True

    def process(self, role: Role | None = None) -> Process:
        self.processes += 1
        actor = Actor(f"forger-{self.processes}", lambda _: None, self.history.now)
        return self.history.process(actor, role)

    def run(self, number: int = 1, **given: object) -> Run:
        """Write a run into the journal, under a lease."""
        run = Run(
            id=f"{number:032x}",
            endpoint="https://management.azure.com",
            vm_id=self.vm,
            runbook=str(given.get("runbook", "UserErrorRpCollectionLimitReached")),
            arguments={},
            steps=("one",),
            started_at=self.history.now,
            status=str(given.get("status", "open")),
            verdict=str(given.get("verdict", "")),
            consent=Consent(),
        )
        with self.history.journal() as journal:
            journal.create(run, self.lease())
        return run

    def lease(self, seconds: float = 300.0) -> Held:
        with self.history.journal() as journal:
            held = journal.acquire(self.vm, "forger", self.history.host_time, seconds, lambda _: False)
        assert held is not None
        return held

    def release(self) -> None:
        with self.history.journal() as journal:
            journal.release(self.lease())

    def note(self, run: Run, kind: str, data: dict[str, object]) -> None:
        with self.history.journal() as journal:
            journal.append(run.id, kind, self.history.now, data, self.lease())

    def owe(self, run: Run, target: str) -> None:
        with self.history.journal() as journal:
            journal.add_duty(Duty(run.id, target, {}), self.lease())

    def change(self, operation: str, target: str, **given: object) -> Change:
        one = Change("forged", operation, target, "a forged change", "none", None, None, Impact.NONE, step="one")
        return replace(one, **given)  # type: ignore[arg-type]

    def send(self, change: Change, process: Process | None = None, **given: object) -> None:
        """Let a write reach Azure."""
        operation, process = OPERATIONS[change.operation], process or self.process()
        if self.looks:
            process.locks_read = process.locks_known = self.history.number
        self.history.note("forger", "sends")
        write = Write(
            self.history.number,
            process,
            operation.method,
            operation.path(change.target),
            b"",
            operation.permissions[0],
            done=True,
            at=self.history.now,
        )
        self.court.arrived(replace(write, **given))  # type: ignore[arg-type]

    def intend_and_send(self, change: Change, process: Process | None = None, run: Run | None = None) -> Run:
        run = run or self.run()
        self.note(run, "intent", {"change": change.to_json()})
        self.send(change, process)
        self.note(run, "outcome", {"result": "applied", "detail": ""})
        return run

    @property
    def backup(self) -> Change:
        item = self.world.recoveryservices.item_of(self.vm)
        assert item is not None
        return self.change("backups.trigger", item.id)

    @property
    def service_lock(self) -> Change:
        return self.change("locks.delete", f"{SERVICE}/providers/Microsoft.Authorization/locks/do-not-delete")


def dry_run(forge: Forge) -> None:
    forge.run()
    forge.send(forge.service_lock, forge.process(Role(dry=True)))


def unknown_error(forge: Forge) -> None:
    forge.send(forge.service_lock, forge.process(Role(unknown=True)))


def deny_list(forge: Forge) -> None:
    forge.send(forge.backup, method="DELETE", path=forge.backup.target)


def another_vm(forge: Forge) -> None:
    forge.send(forge.change("virtual_machines.restart", f"{forge.vm}-2"))


def two_writers(forge: Forge) -> None:
    first, second = forge.process(), forge.process()
    run = forge.intend_and_send(forge.service_lock, first)
    forge.intend_and_send(forge.backup, second, run)
    forge.intend_and_send(forge.change("tags.update", forge.vm), first, run)


def no_intent(forge: Forge) -> None:
    forge.run()
    forge.send(forge.service_lock)


def intent_is_over(forge: Forge) -> None:
    forge.intend_and_send(forge.service_lock)
    forge.send(forge.service_lock)


def not_approved(forge: Forge) -> None:
    forge.intend_and_send(forge.change("virtual_machines.restart", forge.vm))


def owners_lock_not_approved(forge: Forge) -> None:
    forge.intend_and_send(forge.change("locks.delete", LOCK))


def undeclared_permission(forge: Forge) -> None:
    forge.note(forge.run(), "intent", {"change": forge.service_lock.to_json()})
    forge.send(forge.service_lock, action="Microsoft.Compute/disks/delete")


def frozen(forge: Forge) -> None:
    forge.court.frozen_since = 1
    process = forge.process()
    process.sending_since = 2
    forge.note(forge.run(), "intent", {"change": forge.service_lock.to_json()})
    forge.send(forge.service_lock, process)


def twice(forge: Forge) -> None:
    process = forge.process()
    run = forge.intend_and_send(forge.service_lock, process)
    forge.intend_and_send(forge.service_lock, process, run)


def one_intent_with_two_effects(forge: Forge) -> None:
    process = forge.process()
    forge.note(forge.run(), "intent", {"change": forge.service_lock.to_json()})
    forge.send(forge.service_lock, process)
    forge.send(forge.service_lock, process)


def two_backups(forge: Forge) -> None:
    process = forge.process()
    run = forge.intend_and_send(replace(forge.backup, reason="now"), process)
    forge.intend_and_send(replace(forge.backup, body={"until": "later"}), process, run)


def five_sends(forge: Forge) -> None:
    process = forge.process()
    forge.note(forge.run(), "intent", {"change": forge.service_lock.to_json()})
    for _ in range(5):
        forge.send(forge.service_lock, process, done=False)


def third_run(forge: Forge) -> None:
    for number in (1, 2, 3):
        run = forge.run(number)
        forge.intend_and_send(forge.service_lock, run=run)
        run.status, run.verdict = "closed", "NotFixed"
        with forge.history.journal() as journal:
            journal.save(run, forge.lease())


def look(forge: Forge) -> None:
    forge.history.writes += 1
    forge.court.look()


def a_vm_is_gone(forge: Forge) -> None:
    forge.world.compute.vms.clear()
    look(forge)


def soft_delete_is_off(forge: Forge) -> None:
    next(iter(forge.world.recoveryservices.vaults.values())).soft_delete = "Disabled"
    look(forge)


def a_point_is_gone(forge: Forge) -> None:
    item = forge.world.recoveryservices.item_of(forge.vm)
    assert item is not None
    item.points.pop()
    look(forge)


def the_last_copy_is_gone(forge: Forge) -> None:
    item = forge.world.recoveryservices.item_of(forge.vm)
    assert item is not None
    item.points[-1].in_vault = False
    forge.world.compute.collections.clear()
    look(forge)


def report(forge: Forge, run: Run) -> SimpleNamespace:
    return SimpleNamespace(stand=SimpleNamespace(verdict=Verdict.FIXED), run=run, to_json=dict)


def fixed_without_a_point(forge: Forge) -> None:
    run = forge.intend_and_send(forge.service_lock)
    forge.court.reported(forge.process(), report(forge, run))  # type: ignore[arg-type]


def too_many_retries(forge: Forge) -> None:
    process = forge.process()
    process.retries = 25
    forge.court.reported(process, SimpleNamespace(stand=SimpleNamespace(verdict=None), run=None, to_json=dict))  # type: ignore[arg-type]


def a_token_in_a_report(forge: Forge) -> None:
    told = SimpleNamespace(stand=SimpleNamespace(verdict=None), run=None, to_json=lambda: {"reason": SECRET})
    forge.court.reported(forge.process(), told)  # type: ignore[arg-type]


def at_rest(forge: Forge) -> None:
    forge.release()
    forge.court.at_rest()


def an_open_run(forge: Forge) -> None:
    forge.run()
    at_rest(forge)


def a_closed_run_without_a_verdict(forge: Forge) -> None:
    forge.run(status="closed", verdict="Pending")
    at_rest(forge)


def a_debt(forge: Forge) -> None:
    forge.owe(forge.run(status="closed", verdict="Fixed"), LOCK)
    at_rest(forge)


def a_lease(forge: Forge) -> None:
    forge.lease()
    forge.court.at_rest()


def a_lock_is_away(forge: Forge) -> None:
    forge.world.authorization.remove_lock(LOCK)
    forge.court.at_rest()


def a_lock_has_lost_its_notes(forge: Forge) -> None:
    lock = forge.world.authorization.locks[LOCK.lower()]
    forge.world.authorization.add_lock(lock.scope, lock.name, lock.level)
    forge.court.at_rest()


def a_lock_is_nobodys(forge: Forge) -> None:
    forge.world.authorization.add_lock(forge.vm, "forged", "ReadOnly")
    forge.court.at_rest()


def a_tag_is_left(forge: Forge) -> None:
    forge.world.compute.vms[forge.vm.lower()].tags["backup-remediation-loan-0123456789"] = "1"
    forge.court.at_rest()


def a_run_command_is_left(forge: Forge) -> None:
    forge.world.compute.vms[forge.vm.lower()].run_commands["forged"] = SimpleNamespace()  # type: ignore[assignment]
    forge.court.at_rest()


def a_token_in_the_journal(forge: Forge) -> None:
    forge.note(forge.run(status="closed", verdict="Fixed"), "verdict", {"reason": SECRET})
    at_rest(forge)


def a_token_in_the_log(forge: Forge) -> None:
    forge.history.note("forger", SECRET)
    forge.court.at_rest()


PLANTED: tuple[tuple[str, Callable[[Forge], None]], ...] = (
    ("no_write_in_a_dry_run", dry_run),
    ("no_write_for_an_unknown_error", unknown_error),
    ("nothing_forbidden_is_sent", deny_list),
    ("only_the_vm_and_what_belongs_to_it", another_vm),
    ("one_writer_per_vm", two_writers),
    ("intent_before_every_write", no_intent),
    ("intent_before_every_write", intent_is_over),
    ("approved_where_it_has_an_impact", not_approved),
    ("approved_where_it_has_an_impact", owners_lock_not_approved),
    ("permissions_are_as_declared", undeclared_permission),
    ("nothing_while_frozen", frozen),
    ("nothing_is_done_twice", twice),
    ("nothing_is_done_twice", one_intent_with_two_effects),
    ("one_backup_for_each_step", two_backups),
    ("sends_within_the_budget", five_sends),
    ("no_third_run_changes_the_vm", third_run),
    ("what_is_kept_stays", a_vm_is_gone),
    ("what_is_kept_stays", soft_delete_is_off),
    ("no_recovery_point_is_lost", a_point_is_gone),
    ("no_recovery_point_is_lost", the_last_copy_is_gone),
    ("fixed_only_with_a_newer_point", fixed_without_a_point),
    ("reads_within_the_budget", too_many_retries),
    ("every_run_has_a_verdict", an_open_run),
    ("every_run_has_a_verdict", a_closed_run_without_a_verdict),
    ("every_duty_is_repaid", a_debt),
    ("every_lease_is_free", a_lease),
    ("locks_are_as_found", a_lock_is_away),
    ("locks_are_as_found", a_lock_has_lost_its_notes),
    ("locks_are_as_found", a_lock_is_nobodys),
    ("nothing_is_left_on_the_vm", a_tag_is_left),
    ("nothing_is_left_on_the_vm", a_run_command_is_left),
    ("no_secret_is_kept", a_token_in_the_journal),
    ("no_secret_is_kept", a_token_in_the_log),
    ("no_secret_is_kept", a_token_in_a_report),
)
ALL = (*invariants.ALWAYS, *invariants.ON_WRITE, *invariants.ON_REPORT, *invariants.AT_REST)
EVERY = tuple(one for one in ALL if one.__module__ == invariants.__name__)  # the others are proved beside this one


@pytest.mark.parametrize(("name", "plant"), PLANTED, ids=[plant.__name__ for _, plant in PLANTED])
def test_a_planted_violation_is_found_by_its_invariant(forge, name, plant):
    assert forge.court.violations == []
    plant(forge)
    assert [one.invariant for one in forge.court.violations] == [name]


@pytest.mark.parametrize("invariant", EVERY, ids=[one.__name__ for one in EVERY])
def test_every_invariant_has_a_planted_violation(invariant):
    assert invariant.__doc__
    assert invariant.__name__ in {name for name, _ in PLANTED}


def test_a_forged_history_without_a_violation_is_none(forge):
    forge.court.approves((forge.change("virtual_machines.restart", forge.vm),))
    process = forge.process()
    run = forge.intend_and_send(forge.service_lock, process)
    forge.intend_and_send(forge.change("virtual_machines.restart", forge.vm), process, run)
    forge.intend_and_send(forge.backup, process, run)
    forge.world.clock.advance(timedelta(hours=8))
    run.status, run.verdict = "closed", "Fixed"
    with forge.history.journal() as journal:
        journal.save(run, forge.lease())
    at_rest(forge)
    assert forge.court.violations == []
