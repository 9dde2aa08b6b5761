"""Every write, and every way in which its end can be in doubt: it takes effect once or never, and nobody guesses.

The table is all writes of ``arm.writes`` times all kinds of doubt. What really happened is asked of the simulator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from azure.core.pipeline.transport import RequestsTransport

from actions.guest.run import as_classic, run_script
from actions.probes import Effect, probe
from arm.facts.collect import VmFacts
from arm.writes import OPERATIONS
from remediate.engine.execute import Executor
from remediate.engine.history import APPLIED, DONE, FAILED, UNCLEAR
from remediate.engine.lease import Lease
from remediate.engine.model import Verdict
from remediate.journal.model import Run
from runbooks.model import Runbook

from ..actions.test_probes import planned
from ..drill import CODE, Drill
from .test_faults import finish

RESTART, CLASSIC = "virtual_machines.restart", "virtual_machines.run_command"
BOUND = 30.0
"""Seconds that a simulated Azure keeps an answer to itself; the client waits for a part of one."""


@dataclass(frozen=True)
class Doubt:
    """One way in which the end of a write is in doubt.

    Attributes:
        fault: what the simulated Azure does, once.
        polls: it happens to a poll of the write's operation, not to the write.
        repeated: the write has had no effect, and is sent once more, where that can be told.
    """

    fault: dict
    polls: bool = False
    repeated: bool = False


DOUBTS = {
    "reset before": Doubt({"kind": "reset_before"}, repeated=True),
    "reset after": Doubt({"kind": "reset_after"}),
    "timeout before": Doubt({"kind": "timeout_before", "seconds": BOUND}, repeated=True),
    "timeout after": Doubt({"kind": "timeout_after", "seconds": BOUND}),
    "500 before the effect": Doubt({"kind": "status", "status": 500}, repeated=True),
    "500 after the effect": Doubt({"kind": "status_after", "status": 500}),
    "503 after the effect": Doubt({"kind": "status_after", "status": 503}),
    "answer cut off": Doubt({"kind": "truncate"}),
    "answer of a proxy": Doubt({"kind": "not_json"}, repeated=True),
    "202 without headers": Doubt({"kind": "no_headers"}),
    "succeeded without effect": Doubt({"kind": "operation_lies"}),
    "poll URL gone": Doubt({"kind": "poll_gone"}, polls=True),
}


def staged(drill, operation: str):
    if operation != CLASSIC:
        return planned(drill, operation)
    world = drill("healthy")
    facts = VmFacts(world.session(), world.vm())
    (change,) = run_script(facts, "check_guest_linux", verb="check")
    return world, facts, as_classic(change)


def executor_of(world: Drill, facts: VmFacts) -> Executor:
    """An executor for one run of one step."""
    facts.vm_or_none()
    machine = world.remediation()
    runbook = Runbook("action:x", "", (), lambda _: None, (), proof=False)
    run = Run("r" * 32, world.endpoint, world.vm_id, "action:x", {}, ("x",), facts.azure_now)
    lease = Lease(machine.journal, world.vm_id, world.runtime)
    machine.journal.create(run, lease.held)
    recall = machine._remembered.recall("action:x", facts, run.id)
    return Executor(
        facts=facts,
        journal=machine.journal,
        run=run,
        runbook=runbook,
        recall=recall,
        lease=lease,
        wait=86400.0,
        tell=world.events.append,
    )


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS)
@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_a_write_in_doubt_takes_effect_once_or_not_at_all_and_what_is_said_of_it_is_true(drill, operation, doubt):
    world, facts, change = staged(drill, operation)
    executor = executor_of(world, facts)
    where = {} if doubt.polls else {"method": change.method, "path": f"{re.escape(change.path)}$"}
    if doubt.fault["kind"].startswith("timeout"):
        executor.session.transport._inner = RequestsTransport(read_timeout=0.3, use_env_settings=False)
    before = len(world.writes)
    assert before == len(world.effects)
    world.fault(**doubt.fault, **where)
    since = facts.azure_now
    sent = executor.execute(change.in_step("x"))
    world.simulator.faults.active.clear()

    took = len(world.effects) - before
    told = sent.result in DONE
    lied = doubt.fault["kind"] == "operation_lies"
    unknowable = doubt.repeated and operation in (RESTART, CLASSIC)
    assert took <= 1
    assert len(world.writes) - before == (2 if doubt.repeated and not unknowable else 1)
    if operation == CLASSIC and (took == 0 or not told):
        assert sent.result == UNCLEAR, "nobody can tell, so nobody says that it was done"
    elif unknowable:
        assert sent.result == FAILED
    elif lied:
        there = operation == "run_commands.create" or probe(facts, change, since) is Effect.APPLIED
        assert not told or there, "nobody believes an operation that only says that it succeeded"
    else:
        assert (took, told) == (1, True), sent
        assert operation == CLASSIC or probe(facts, change, since) is Effect.APPLIED


def scheduled_backup(world: Drill) -> None:
    """The policy's own backup begins."""
    service = world.simulator.world.recoveryservices
    service.service.start(service.item_of(world.vm_id))


def test_a_scheduled_backup_in_the_same_window_is_not_taken_for_ours(drill):
    world, facts, change = planned(drill, "backups.trigger")
    executor = executor_of(world, facts)
    world.fault("reset_before", method="POST", path="/backup$")
    handle = world.simulator.handle

    def watching(request):
        response = handle(request)
        if request.method == "POST" and request.path.endswith("/backup") and response.delivery == "reset":
            scheduled_backup(world)
        return response

    world.simulator.handle = watching
    sent = executor.execute(change.in_step("x"))
    service = world.simulator.world.recoveryservices
    jobs = [job for vault in service.vaults.values() for job in vault.jobs.values() if job.started >= sent.at]
    ours = [job for job in jobs if job.user_triggered]
    theirs = [job for job in jobs if not job.user_triggered]
    assert len(theirs) == 1
    assert sent.job not in [job.name for job in theirs]
    assert len(ours) <= 1
    assert (sent.result == APPLIED) == (len(ours) == 1)


def test_a_backup_started_by_a_lost_reply_is_adopted_while_a_scheduled_one_began_before(drill):
    world, facts, change = planned(drill, "backups.trigger")
    executor = executor_of(world, facts)
    handle = world.simulator.handle

    def watching(request):
        response = handle(request)
        if request.method == "POST" and request.path.endswith("/backup"):
            scheduled_backup(world)
        return response

    world.simulator.handle = watching
    world.fault("reset_after", method="POST", path="/backup$")
    sent = executor.execute(change.in_step("x"))
    service = world.simulator.world.recoveryservices
    (ours,) = [
        job
        for vault in service.vaults.values()
        for job in vault.jobs.values()
        if job.started >= sent.at and job.user_triggered
    ]
    assert sent.job == ours.name
    assert len([one for one in world.writes if one.endswith("/backup")]) == 1


@pytest.mark.parametrize("late", [3, 20, 50])
def test_a_backup_whose_job_shows_late_after_a_lost_reply_is_still_ours(drill, late):
    world = drill()
    world.fault("reset_after", method="POST", path="/backup$")
    world.fault("stale", path="backupJobs$", times=1 if late < 10 else 2)
    report = finish(world)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST", "POST"]
    assert world.simulator.world.clock.now > report.run.started_at + timedelta(seconds=late)
    assert report.runbook == CODE
