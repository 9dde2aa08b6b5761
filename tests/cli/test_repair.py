"""The command line as an operator uses it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ..drill import CODE


def test_the_owners_own_command_works_as_written(remediate, tmp_path):
    from contextlib import ExitStack

    from simulator import Simulator, serve

    with ExitStack() as stack:
        simulator = Simulator("rp-collection-limit", vm="x")
        server = stack.enter_context(serve(simulator))
        said = remediate(None, CODE, "--vm", "x", "--dry-run", "--arm-endpoint", server.endpoint)
        assert said.status == 0
        assert "Planned" in said.out
        assert not any(one["write"] for one in simulator.requests)


def test_a_dry_run_shows_findings_and_before_and_after_of_each_change(drill, remediate):
    world = drill()
    said = remediate(world, CODE, "--vm", "web-01", "--dry-run")
    assert said.status == 0
    for text in ("18 in AzureBackup_web-01", "do-not-delete", "before", "after", "gone", "0 writes", "only if"):
        assert text in said.out
    assert world.writes == []


def test_a_dry_run_needs_at_most_ten_reads(drill, remediate):
    said = remediate(drill(), CODE, "--vm", "web-01", "--dry-run", "-o", "json")
    assert said.json["requests"] == {"reads": 10, "writes": 0}


def test_a_full_id_saves_the_search(drill, remediate):
    world = drill()
    said = remediate(world, CODE, "--vm", world.vm_id, "--dry-run", "-o", "json")
    assert said.json["requests"]["reads"] == 9


def test_without_consent_nothing_is_sent_and_the_way_on_is_named(drill, remediate):
    world = drill()
    said = remediate(world, CODE, "--vm", "web-01")
    assert said.status == 4
    assert "--yes" in said.out
    assert world.writes == []


def test_a_repair_parks_with_5_and_resume_ends_with_0_and_proof(drill, remediate):
    world = drill()
    assert remediate(world, CODE, "--vm", "web-01", "--yes").status == 5
    early = remediate(world, "resume")
    assert early.status == 5
    assert "--now" in early.out
    world.pass_time(timedelta(hours=6))
    said = remediate(world, "resume", "-o", "json")
    assert said.status == 0
    (report,) = said.json["reports"]
    assert report["verdict"] == "Fixed"
    assert report["proof"]["recovery_point_time"] > report["proof"]["newer_than"]
    again = remediate(world, CODE, "--vm", "web-01", "--yes")
    assert (again.status, "NothingToDo" in again.out) == (0, True)


def test_the_same_command_goes_on_with_the_open_run_instead_of_beginning_another(drill, remediate):
    world = drill()
    first = remediate(world, CODE, "--vm", "web-01", "--yes", "-o", "json").json["run"]
    second = remediate(world, CODE, "--vm", "web-01", "--yes", "-o", "json").json["run"]
    assert first == second
    assert len(world.effects) == 2


def test_another_runbook_is_refused_while_a_run_is_open(drill, remediate):
    world = drill()
    remediate(world, CODE, "--vm", "web-01", "--yes")
    said = remediate(world, "action", "uninstall_vmsnapshot_extension", "--vm", "web-01", "--yes")
    assert said.status == 3
    assert "resume" in said.out
    assert len(world.effects) == 2


def test_a_drill_in_process_runs_to_its_verdict(remediate):
    said = remediate(None, CODE, "--yes", "--simulate", "rp-collection-limit")
    assert said.status == 0
    assert "Fixed" in said.out


def test_the_result_can_be_markdown(drill, remediate):
    said = remediate(drill(), CODE, "--vm", "web-01", "--dry-run", "--output", "markdown")
    assert said.out.startswith(f"## Planned: {CODE} on web-01")
    assert "| remove_locks |" in said.out


def test_a_plan_file_is_carried_out_exactly(drill, remediate, tmp_path):
    world, plan = drill(), tmp_path / "plan.json"
    assert remediate(world, CODE, "--vm", "web-01", "--dry-run", "--plan-out", str(plan)).status == 0
    assert remediate(world, "apply", str(plan)).status == 5
    assert len(world.effects) == 2


def test_a_plan_file_is_refused_when_anything_has_changed_since(drill, remediate, tmp_path):
    world, plan = drill(), tmp_path / "plan.json"
    remediate(world, CODE, "--vm", "web-01", "--dry-run", "--plan-out", str(plan))
    authorization = world.simulator.world.authorization
    lock = next(iter(authorization.locks.values()))
    authorization.add_lock(lock.scope, "another", "ReadOnly")
    said = remediate(world, "apply", str(plan))
    assert said.status == 3
    assert "something has changed" in said.out
    assert world.writes == []


def test_a_plan_file_is_no_approval_of_what_weakens_security(drill, remediate, tmp_path):
    world, plan = drill("rp-collection-limit-subscription-lock"), tmp_path / "plan.json"
    remediate(world, CODE, "--vm", "web-01", "--dry-run", "--plan-out", str(plan))
    assert remediate(world, "apply", str(plan)).status == 4
    assert world.writes == []
    digest = json.loads(plan.read_text())["digest"]
    assert remediate(world, "apply", str(plan), "--approve", digest).status == 5


def test_undo_puts_the_removed_lock_back_as_it_was_and_closes_the_run(drill, remediate):
    world = drill()
    locks = world.simulator.world.authorization.locks
    before = {key: (lock.name, lock.level, lock.notes) for key, lock in locks.items()}
    run = remediate(world, CODE, "--vm", "web-01", "--yes", "-o", "json").json["run"]
    assert locks == {}
    assert remediate(world, "undo", run, "--dry-run").status == 0
    assert locks == {}
    assert remediate(world, "undo", run, "--yes").status == 0
    assert {key: (lock.name, lock.level, lock.notes) for key, lock in locks.items()} == before
    assert remediate(world, "resume", run).status == 1
    assert "undone by the operator" in remediate(world, "run", run).out


def test_the_journal_is_shown(drill, remediate):
    world = drill()
    assert "empty" in remediate(world, "runs").out
    run = remediate(world, CODE, "--vm", "web-01", "--yes", "-o", "json").json["run"]
    assert run[:12] in remediate(world, "runs").out
    assert remediate(world, "runs", "-o", "json").json["runs"][0]["verdict"] == "Pending"
    assert f"| {run[:12]} |" in remediate(world, "runs", "-o", "markdown").out
    shown = remediate(world, "run", run[:6])
    assert "intent" in shown.out
    kinds = [one["kind"] for one in remediate(world, "run", run, "-o", "json").json["records"]]
    assert kinds == ["intent", "accepted", "outcome", "intent", "accepted", "job", "outcome", "parked"]


def test_a_run_is_not_resumed_against_another_endpoint(drill, remediate):
    world = drill()
    run = remediate(world, CODE, "--vm", "web-01", "--yes", "-o", "json").json["run"]
    said = remediate(world, "resume", run, "--now", "--arm-endpoint", "http://127.0.0.1:9")
    assert said.status == 2
    assert world.endpoint in said.err


@pytest.mark.parametrize("command", [["list"], ["show", CODE]])
@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_the_catalogue_is_shown_without_a_request(drill, remediate, command, output):
    world = drill()
    said = remediate(world, *command, "-o", output)
    assert said.status == 0
    assert CODE in said.out
    assert world.simulator.requests == []


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_the_scenarios_are_listed_with_what_is_broken(remediate, output):
    said = remediate(None, "simulate", "list", "-o", output)
    assert said.status == 0
    assert "rp-collection-limit" in said.out


def test_a_plan_file_does_not_reach_into_a_run_that_is_open(drill, remediate, tmp_path):
    world, plan = drill(), tmp_path / "plan.json"
    remediate(world, CODE, "--vm", "web-01", "--dry-run", "--plan-out", str(plan))
    assert remediate(world, CODE, "--vm", "web-01", "--yes").status == 5
    said = remediate(world, "apply", str(plan))
    assert (said.status, "one-run-per-vm" in said.out) == (3, True)
    assert len(world.effects) == 2


def test_resume_goes_on_with_every_run_even_when_one_of_them_cannot(drill, remediate):
    world = drill()
    first = remediate(world, CODE, "--vm", "web-01", "--yes", "-o", "json").json["run"]
    world.pass_time(timedelta(hours=6))
    journal = world.journal()
    broken = journal.run(first)
    broken.id, broken.vm_id, broken.runbook = "broken", world.vm_id.replace("web-01", "web-02"), "NoLongerKnown"
    world.begun(broken)
    said = remediate(world, "resume", "-o", "json")
    assert said.status == 2
    assert [one["verdict"] for one in said.json["reports"]] == ["Fixed"]
    assert [one["code"] for one in said.json["errors"]] == ["Usage"]
    spoken = remediate(world, "resume")
    assert "NoLongerKnown" in spoken.err


def test_resume_without_a_parked_run_says_so(drill, remediate):
    said = remediate(drill(), "resume")
    assert (said.status, said.out) == (0, "no run is parked here\n")
