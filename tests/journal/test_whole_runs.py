"""Whole repairs with their journal in an Azure table, from more than one machine."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from remediate.cli.door import open_journal as open_as_a_command_does
from remediate.engine.model import Verdict
from remediate.journal.model import LeaseLost
from remediate.journal.stores import open_journal
from remediate.remediation import Accepted, Remediation

from ..drill import CODE, YES, Drill


def machine(world: Drill, state: str, wait: float = 1.0) -> Remediation:
    """Another machine that shares the journal."""
    session = world.session()

    def journal():
        opened = open_journal(state, session.credential, session.runtime)
        world.stack.callback(opened.close)
        return opened

    return Remediation(session, journal, wait=wait)


def test_a_repair_parked_on_one_machine_is_finished_on_another(drill, state):
    world = drill()
    report = machine(world, state).repair(CODE, world.vm(), accepted=YES)
    assert report.stand.verdict is Verdict.PENDING
    for _ in range(20):
        if report.stand.verdict is not Verdict.PENDING:
            break
        world.pass_time(max(timedelta(0), report.stand.until - world.simulator.world.clock.now))
        report = machine(world, state).resume(report.run.id[:12], accepted=Accepted())
    assert report.stand.verdict is Verdict.FIXED
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST", "POST"]
    with closing(open_as_a_command_does(state)) as journal:
        assert [(one.id, one.verdict) for one in journal.runs(9)] == [(report.run.id, "Fixed")]
        assert journal.open_runs() == []
        assert {record.kind for record in journal.records(report.run.id)} >= {
            "intent",
            "accepted",
            "outcome",
            "verdict",
        }


def test_while_one_machine_works_on_a_vm_another_does_not(drill, state):
    world = drill()
    with closing(open_journal(state)) as journal:
        assert journal.acquire(world.vm_id, "another-host/1/1/x", world.runtime.now(), 300, lambda _owner: False)
    with pytest.raises(LeaseLost):
        machine(world, state).repair(CODE, world.vm(), accepted=YES)
    assert world.writes == []
