"""Measures that no other test looks at alone."""

from __future__ import annotations

from dataclasses import replace

from remediate.engine.boundaries import BEFORE_SEND
from remediate.engine.execute import SEND_ATTEMPTS
from remediate.engine.model import Verdict
from remediate.remediation import Remediation

from ..drill import CODE, YES
from ..engine.test_faults import finish, finish_from


def test_a_write_that_is_always_throttled_is_tried_four_times(drill):
    world = drill()
    world.fault("status", status=429, method="DELETE", path="/locks/", times=None)
    report = finish(world)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert len(world.writes) == 4
    assert SEND_ATTEMPTS == 4


def test_a_backup_whose_job_shows_up_late_is_not_started_again(drill):
    world = drill()
    world.fault("reset_after", method="POST", path="/backup$")
    sends: list[str] = []

    def reach(name: str) -> None:
        if name == BEFORE_SEND:
            sends.append(name)
        if len(sends) == 2:  # the lock first, then the backup: its first look is answered as before it
            sends.append("")
            world.fault("stale", path="backupJobs$")

    session = world.session()
    session.runtime = replace(session.runtime, reach=reach)
    report = Remediation(session, world.journal, wait=3600).repair(CODE, world.vm(), accepted=YES)
    report = finish_from(world, report)
    assert report.stand.verdict is Verdict.FIXED
    assert [one.split()[0] for one in world.effects] == ["DELETE", "POST", "POST"]
