"""A script inside the VM is a change like any other: journaled, sent once, believed only as far as it can be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.facts.collect import VmFacts
from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from simulator.guest.windows import broken, healthy
from simulator.guest.windows_faults import FAULTS
from simulator.services.compute.inside import furnish
from simulator.services.compute.model import Misbehaviour
from simulator.services.compute.power import power_action

from ..drill import YES, Drill

START = "action:start_comsysapp"
ARM = "/providers/Microsoft.Authorization/locks"


@pytest.fixture
def world(drill) -> Drill:
    """A healthy Windows VM whose COM+ System Application is stopped."""
    return windows(drill("healthy"))


def windows(world: Drill, fault: str = "com-plus-stopped") -> Drill:
    vm = vm_of(world)
    vm.os_type = "Windows"
    furnish(world.simulator.world, vm, broken(healthy(), FAULTS[fault]))
    return world


def vm_of(world: Drill):
    (vm,) = world.simulator.world.compute.vms.values()
    return vm


def com_plus(world: Drill) -> str:
    return str(vm_of(world).inside.state["services"]["COMSysApp"]["state"])


def group_lock(world: Drill, level: str = "CanNotDelete") -> None:
    world.simulator.world.authorization.add_lock(world.vm_id.split("/providers/")[0], "keep", level)


def kinds(world: Drill) -> list[str]:
    """The writes that took effect, as method and the kind of resource."""
    words = [one.split() for one in world.effects]
    return [f"{method} {path.split('/virtualMachines/web-01/')[-1].split('/')[0]}" for method, path in words]


RUN, REMOVE = "PUT runCommands", "DELETE runCommands"


def test_a_script_runs_once_is_confirmed_and_its_run_command_is_removed(world):
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.APPLIED, report.stand
    assert com_plus(world) == "Running"
    assert kinds(world) == [RUN, REMOVE]
    assert vm_of(world).run_commands == {}
    assert world.journal().duties(report.run.id) == []
    again = world.repair(code=START)
    assert (again.stand.verdict, again.stand.reason) == (
        Verdict.NOTHING_TO_DO,
        "the script found everything as it should be",
    )


def test_a_dry_run_shows_what_the_script_touches_and_sends_nothing(world):
    report = world.remediation(read_only=True).plan("action:set_strong_crypto", world.vm())
    (change,) = report.plan.changes
    assert any("SchUseStrongCrypto" in one for one in change.after["touches"])
    assert world.writes == []


def test_an_approval_holds_for_the_very_text_of_the_script(world):
    plan = world.remediation(read_only=True).plan(START, world.vm()).plan
    looked = world.remediation(read_only=True).plan(START, world.vm(), {"verb": "check"}).plan
    assert plan.digest != looked.digest
    assert plan.changes[0].fingerprint != looked.changes[0].fingerprint
    report = world.repair(Accepted(approve=looked.digest), START)
    assert report.stand.verdict is Verdict.REFUSED
    assert world.writes == []


def test_a_check_alone_changes_nothing_and_says_what_it_found(world):
    report = world.repair(code=START, arguments={"verb": "check"})
    assert (report.stand.verdict, report.stand.reason) == (
        Verdict.NOTHING_TO_DO,
        "the script has looked: it would change something",
    )
    assert com_plus(world) == "Stopped"
    world.repair(code=START)
    assert "nothing has to be changed" in world.repair(code=START, arguments={"verb": "check"}).stand.reason


def test_a_script_for_another_system_is_refused_before_anything_is_sent(world):
    from arm.errors import UsageError

    with pytest.raises(UsageError, match="is for Linux, and the VM runs Windows"):
        world.repair(code="action:restart_waagent")
    assert world.writes == []


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
def test_a_lost_answer_is_looked_up_and_the_script_runs_once(world, fault):
    world.fault(fault, method="PUT", path="/runCommands/")
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.APPLIED, report.stand
    assert kinds(world) == [RUN, REMOVE]


def test_where_managed_run_commands_are_not_offered_the_older_kind_runs_the_approved_script(drill):
    world = windows(drill("healthy"), "strong-crypto-off")
    digest = world.remediation(read_only=True).plan("action:set_strong_crypto", world.vm()).plan.digest
    world.fault("status", status=404, code="InvalidResourceType", method="PUT", path="/runCommands/", times=None)
    report = world.repair(Accepted(approve=digest), "action:set_strong_crypto")
    assert report.stand.verdict is Verdict.APPLIED, report.stand
    assert kinds(world) == ["POST runCommand"]


def test_under_a_lock_against_deletion_the_older_kind_leaves_nothing_that_could_not_be_removed(world):
    group_lock(world)
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.APPLIED, report.stand
    assert kinds(world) == ["POST runCommand"]


def test_under_a_read_only_lock_no_script_is_sent(world):
    group_lock(world, "ReadOnly")
    report = world.repair(code=START)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "lock-in-the-way")
    assert world.writes == []


def test_while_another_script_keeps_azure_busy_the_run_waits_and_goes_on_later(world):
    group_lock(world)
    world.fault("status", status=409, code="Conflict", method="POST", path="/runCommand", times=4)
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.PENDING, report.stand
    world.pass_time(timedelta(minutes=15))
    assert world.resume(report.run.id).stand.verdict is Verdict.APPLIED
    assert kinds(world) == ["POST runCommand"]


def test_a_refused_script_is_a_failure_with_azures_words(world):
    world.fault("status", status=400, code="BadRequest", method="PUT", path="/runCommands/")
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "BadRequest" in report.stand.reason
    assert com_plus(world) == "Stopped"


def test_a_script_of_the_older_kind_whose_answer_is_lost_is_looked_after_and_never_sent_again(world):
    group_lock(world)
    world.fault("reset_after", method="POST", path="/runCommand")
    world.pass_time(timedelta(0))
    report = world.repair(code=START)
    while report.stand.verdict is Verdict.PENDING:  # the first one may still run: one at a time
        world.pass_time(timedelta(minutes=15))
        report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.APPLIED, report.stand
    assert kinds(world) == ["POST runCommand", "POST runCommand"]
    applied, looked = [one.change.body["verb"] for one in report.sent if one.result != "not applied"]
    assert (applied, looked) == ("apply", "check")


def going_on(world: Drill, change) -> str:
    """Let a script be parked, something happen to its run command, and the run go on: the reason of its verdict."""
    vm_of(world).misbehaves.append(Misbehaviour("hangs"))
    report = world.remediation(wait=0).repair(START, world.vm(), accepted=YES)
    assert report.stand.verdict is Verdict.PENDING
    world.pass_time(timedelta(hours=2))
    change(vm_of(world).run_commands)
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.INCONCLUSIVE
    return report.stand.reason


def test_a_run_command_that_has_vanished_tells_nothing(world):
    assert "its run command is gone" in going_on(world, lambda commands: commands.clear())


def test_the_answer_of_an_earlier_run_is_not_taken_for_this_one(world):
    def older(commands):
        for one in commands.values():
            one.started -= timedelta(days=1)

    assert "answer of an earlier run" in going_on(world, older)


def test_a_script_that_never_ends_is_given_up_after_its_limit(world):
    def endless(commands):
        for one in commands.values():
            one.execution_state = "Running"

    assert "has not ended within" in going_on(world, endless)


@pytest.mark.parametrize("kind", ["garbled", "truncated", "hangs", "dies"])
def test_an_answer_that_cannot_be_believed_is_cleared_up_by_a_second_look(world, kind):
    vm_of(world).misbehaves.append(Misbehaviour(kind, times=1))
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.APPLIED, report.stand
    assert kinds(world) == [RUN, REMOVE, RUN, REMOVE]
    assert com_plus(world) == "Running"


@pytest.mark.parametrize("kind", ["garbled", "truncated", "hangs", "dies"])
def test_what_nobody_can_tell_is_inconclusive(world, kind):
    vm_of(world).misbehaves.append(Misbehaviour(kind))
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.INCONCLUSIVE, report.stand
    assert report.run.status == "closed"
    assert vm_of(world).run_commands == {}


@pytest.mark.parametrize("kind", ["garbled", "truncated", "hangs", "dies"])
def test_a_look_that_cannot_be_believed_is_inconclusive_and_not_repeated(world, kind):
    vm_of(world).misbehaves.append(Misbehaviour(kind))
    report = world.repair(code="action:check_guest_windows")
    assert report.stand.verdict is Verdict.INCONCLUSIVE, report.stand
    assert kinds(world) == [RUN, REMOVE]


SAYS = (
    '{{"contract":1,"action":"start_comsysapp","verb":"{verb}","needed":true,"applied":{applied},"pending":"",'
    '"refused":"{refused}","error":"{error}","found":{{}},"changed":[],"cut":false}}'
)


def says(applied: str = "false", refused: str = "", error: str = "", verb: str = "apply", exit_code: int = 0, **how):
    text = SAYS.format(applied=applied, refused=refused, error=error, verb=verb)
    return Misbehaviour("says", text=text, exit_code=exit_code, **how)


def test_exit_code_0_without_the_wanted_state_is_no_success(world):
    vm_of(world).misbehaves.append(says(runs=False, times=1))
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.INCONCLUSIVE, report.stand
    assert "not there" in report.stand.reason


def test_a_failing_exit_code_without_a_word_of_it_is_no_success(world):
    vm_of(world).misbehaves.append(says("true", exit_code=5, runs=False, times=1))
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.INCONCLUSIVE, report.stand


@pytest.mark.parametrize(
    ("said", "reason"),
    [(says(refused="it is a cluster node", exit_code=3), "refused"), (says(error="denied", exit_code=1), "could not")],
)
def test_a_script_that_refuses_or_fails_says_why(world, said, reason):
    vm_of(world).misbehaves.append(said)
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert f"the script {reason}" in report.stand.reason


def test_a_vm_that_is_deallocated_while_a_script_runs_leaves_an_inconclusive_run_and_names_what_is_left(world):
    vm_of(world).misbehaves.append(Misbehaviour("hangs"))
    report = world.remediation(wait=0).repair(START, world.vm(), accepted=YES)
    assert report.stand.verdict is Verdict.PENDING
    power_action(world.simulator.world, vm_of(world), "deallocate")
    world.pass_time(timedelta(hours=3))
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.INCONCLUSIVE, report.stand
    assert "nobody can look" in report.stand.reason


def test_a_run_command_that_cannot_be_removed_is_named_and_undo_removes_it(world):
    world.fault("status", status=403, method="DELETE", path="/runCommands/", times=2)
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.APPLIED
    assert "removal of the run command" in report.stand.next_step
    assert report.run.status == "closed"
    (left,) = vm_of(world).run_commands
    undone = world.remediation().undo(report.run.id, accepted=YES)
    assert undone.stand.verdict is Verdict.APPLIED, undone.stand
    assert left not in vm_of(world).run_commands


def test_a_lock_that_somebody_sets_while_a_script_runs_keeps_its_run_command_and_that_is_said(world):
    report = world.remediation(wait=0).repair(START, world.vm(), accepted=YES)
    assert report.stand.verdict is Verdict.PENDING
    group_lock(world)
    world.pass_time(timedelta(minutes=15))
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.APPLIED, report.stand
    assert "the removal of the run command" in report.stand.next_step
    assert kinds(world) == [RUN]


def test_a_run_command_that_could_not_be_removed_at_once_is_removed_at_the_end_of_the_run(drill):
    world = drill("com-plus-stopped")
    world.fault("status", status=403, method="DELETE", path="/runCommands/")
    digest = world.remediation(read_only=True).plan("ExtensionSnapshotFailedCOM", world.vm()).plan.digest
    report = world.repair(Accepted(approve=digest), "ExtensionSnapshotFailedCOM")
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert not vm_of(world).run_commands


def test_what_an_earlier_run_has_left_behind_is_removed_first_and_its_answer_is_not_taken(world):
    world.fault("status", status=403, method="DELETE", path="/runCommands/", times=2)
    world.repair(code=START)
    vm_of(world).inside.machine.service("COMSysApp")["state"] = "Stopped"
    report = world.repair(code=START)
    assert report.stand.verdict is Verdict.APPLIED, report.stand
    assert com_plus(world) == "Running"
    assert kinds(world) == [RUN, REMOVE, RUN, REMOVE]


def test_another_run_command_in_progress_is_let_end_first(world):
    vm_of(world).misbehaves.append(Misbehaviour("hangs"))
    world.remediation(wait=0).repair("action:check_guest_windows", world.vm(), accepted=YES)
    (going,) = vm_of(world).run_commands.values()
    going.name = "patching"
    report = world.remediation(read_only=True).plan(START, world.vm())
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "script-turn")


def test_undo_puts_back_what_a_script_has_replaced(drill):
    world = windows(drill("healthy"), "strong-crypto-off")
    before = str(vm_of(world).inside.state["registry"])
    digest = world.remediation(read_only=True).plan("action:set_strong_crypto", world.vm()).plan.digest
    report = world.repair(Accepted(approve=digest), "action:set_strong_crypto")
    assert report.stand.verdict is Verdict.APPLIED
    assert str(vm_of(world).inside.state["registry"]) != before
    plan = world.remediation(read_only=True).undo(report.run.id, accepted=Accepted(), dry_run=True).plan
    undone = world.remediation().undo(report.run.id, accepted=Accepted(approve=plan.digest))
    assert undone.stand.verdict is Verdict.APPLIED, undone.stand
    assert str(vm_of(world).inside.state["registry"]) == before


def test_a_look_inside_for_a_diagnosis_is_a_run_of_its_own_and_its_answer_becomes_facts(world):
    machine = world.remediation()
    facts = VmFacts(machine.session, world.vm())
    assert machine.look_inside(facts).startswith("a script that only reads has looked at ")
    assert facts.guest().mapping("services")["COMSysApp"].startswith("Stopped")
    assert kinds(world) == [RUN, REMOVE]
    assert [run.runbook for run in machine.journal.runs(5)] == ["action:check_guest_windows"]


def test_a_look_inside_that_is_not_possible_says_why(world):
    vm = vm_of(world)
    machine = world.remediation()
    vm.power_state = "deallocated"
    said = machine.look_inside(VmFacts(machine.session, world.vm()))
    assert said.startswith("not possible: Refused, the VM is deallocated")
    world.simulator.world.compute.vms.clear()
    assert "does not exist" in machine.look_inside(VmFacts(machine.session, world.vm()))
    assert world.writes == []


def test_health_checks_and_diagnosis_use_the_look_only_when_asked(world):
    quiet = {one.id: one for one in world.remediation().check(world.vm()).results}
    assert quiet["CHK-COM-MSDTC"].status.value == "unknown"
    assert world.writes == []
    asked = world.remediation().check(world.vm(), probe_guest=True)
    assert {one.id: one for one in asked.results}["CHK-COM-MSDTC"].status.value == "fail"
    assert asked.looked
    found = world.remediation().diagnose(world.vm(), "ExtensionSnapshotFailedCOM", probe_guest=True)
    assert [one.value for one in found.findings if one.label == "look inside the VM"]
    assert "CHK-COM-MSDTC" in [one.id for one in found.checks]
