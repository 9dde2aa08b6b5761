"""However often, in whatever order and by however many doors at once: one run for each failed backup."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from remediate.alerts.claims import Claims
from remediate.alerts.intake import Intake
from remediate.alerts.resolve import Result
from remediate.engine.memory import incidents
from remediate.journal.sqlite import SqliteJournal
from remediate.remediation import Remediation

from ..drill import YES, Drill
from .fleet import add_machines, failures
from .samples import SHAPES, Failure, built_in, enveloped

MACHINES = 4
DELIVERIES = 10_000
DOORS = 4
NAMING_THE_JOB = [name for name in SHAPES if "metric" not in name and name != "envelope-as-object"]


def deliveries(known: list[Failure], count: int, seed: int = 7) -> list[bytes]:
    """Deliveries about these failures: duplicated, reordered, malformed, forged, resolved, foreign."""
    chance = random.Random(seed)
    found: list[bytes] = []
    while len(found) < count:
        failure, dice = chance.choice(known), chance.random()
        whole = json.dumps(SHAPES[chance.choice(NAMING_THE_JOB)](failure)).encode()
        if dice < 0.70:
            found.append(whole)
        elif dice < 0.72:
            found.append(json.dumps(SHAPES["metric"](failure)).encode())
        elif dice < 0.82:
            found.append(whole[: chance.randrange(len(whole))])
        elif dice < 0.88:
            at = chance.randrange(len(whole))
            found.append(whole[:at] + bytes([chance.randrange(256)]) + whole[at + 1 :])
        elif dice < 0.92:
            found.append(whole.replace(b"rg-web/", b"rg-web/../rg-web/"))
        elif dice < 0.96:
            found.append(whole.replace(b'"Fired"', b'"Resolved"').replace(b'"Activated"', b'"Deactivated"'))
        else:
            found.append(chance.choice([b"", b"{}", b"[]", b"\xff\xfe", b"[" * 5000, whole.decode().encode("utf-16")]))
    return found


def one_run_each(world: Drill, known: list[Failure]) -> None:
    runs = world.journal().runs(1000)
    assert Counter(run.vm_id.lower() for run in runs) == Counter(one.vm.lower() for one in known)
    backups = Counter(path.rpartition("/protectedItems/")[2] for path in world.effects if path.endswith("/backup"))
    assert set(backups.values()) <= {1}


def test_ten_thousand_deliveries_lead_to_one_run_for_each_failed_backup(drill):
    world = drill()
    add_machines(world, MACHINES)
    known = failures(world)
    everything = deliveries(known, DELIVERIES)
    assert len(known) == MACHINES

    def door(number: int) -> Counter[Result]:
        """Take every fourth delivery, as a process of its own would: own session, own connection to the journal."""
        taken = Counter[Result]()
        with closing(SqliteJournal(world.state)) as journal:
            intake = Intake(Remediation(world.session(), lambda: journal, wait=0.0), accepted=YES, dry_run=False)
            for payload in everything[number::DOORS]:
                taken.update(one.result for one in intake.take(payload).alerts)
        return taken

    with ThreadPoolExecutor(DOORS) as pool:
        results = sum(pool.map(door, range(DOORS)), Counter[Result]())
    one_run_each(world, known)
    assert results[Result.ERROR] == 0
    assert results[Result.DUPLICATE] > DELIVERIES / 2


def test_a_storm_becomes_one_incident_that_calls_somebody_once(drill):
    world = drill()
    add_machines(world, 12)
    storm = [built_in(one) for one in failures(world)]
    intake = Intake(world.remediation(wait=0.0), accepted=YES, dry_run=False)
    taken = intake.take([*storm, *storm])
    assert Counter(one.result for one in taken.alerts) == {
        Result.TAKEN: 4,
        Result.REFUSED: 1,
        Result.LATER: 7,
        Result.DUPLICATE: 12,
    }
    assert [one.exit_code for one in taken.alerts if one.result is not Result.TAKEN] == [3] + [0] * 19
    assert len(world.journal().runs(100)) == 4
    assert len(incidents(world.journal())) == 1


def test_what_a_process_remembers_is_bounded_and_ends_with_its_time(drill):
    world = drill()
    claims = Claims(world.journal, world.runtime)
    claims.remember([f"job {number}" for number in range(10_001)], timedelta(hours=1))
    assert not claims.known("job 0")
    assert claims.known("job 1")
    world.pass_time(timedelta(hours=2))
    assert not Claims(world.journal, world.runtime).known("job 1")


def test_of_several_jobs_that_one_failed_backup_goes_by_all_are_claimed_or_none(drill):
    world = drill()
    journal = world.journal()
    one, other = (Claims(lambda: journal, world.runtime) for _ in range(2))
    assert one.take(["b"])
    assert not other.take(["a", "b"])
    assert one.take(["a"])


def test_several_processes_with_one_journal_lead_to_one_run_for_each_failed_backup(drill, tmp_path):
    world = drill()
    add_machines(world, 3)
    known = failures(world)
    settings = {"REMEDIATE_ARM_ENDPOINT": world.endpoint, "REMEDIATE_STATE": str(world.state)}
    program = "import sys; from remediate.cli import main; main(sys.argv[1:])"
    started = []
    for number in range(4):
        file = tmp_path / f"{number}.json"
        payloads = [enveloped(built_in(one)) for one in known]
        random.Random(number).shuffle(payloads)
        file.write_text(json.dumps(payloads), encoding="utf-8")
        words = [sys.executable, "-c", program, "alert", str(file), "--yes", "--wait", "0s", "-o", "json"]
        started.append(
            subprocess.Popen(
                words,
                env={**os.environ, **settings},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=Path(__file__).resolve().parents[2],
            )
        )
    said = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0] * 4, said
    results = Counter(one["result"] for out, _ in said for one in json.loads(out)["alerts"])
    assert results == {"taken": len(known), "duplicate": 3 * len(known)}
    one_run_each(world, known)
