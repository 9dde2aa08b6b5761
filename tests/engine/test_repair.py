"""The main job, end to end on the wire."""

from __future__ import annotations

from datetime import timedelta

from remediate.engine.model import Verdict

from ..drill import Drill


def test_a_repair_ends_fixed_with_a_recovery_point_newer_than_the_repair(drill):
    world: Drill = drill()
    report = world.repair()
    assert report.stand.verdict is Verdict.PENDING
    world.pass_time(timedelta(hours=6))
    report = world.resume(report.run.id, now=False)
    assert report.stand.verdict is Verdict.FIXED
    assert report.stand.proof.recovery_point_time > report.stand.proof.newer_than
    assert len(world.effects) == 3
    assert world.repair().stand.verdict is Verdict.NOTHING_TO_DO
    assert len(world.effects) == 3
