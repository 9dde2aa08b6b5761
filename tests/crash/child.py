"""A process of its own that is killed, or suspends itself, at a boundary: ``python -m tests.crash.child JSON``.

The JSON says ``case``, ``endpoint``, ``state``, ``vm``, ``kind`` and ``run`` (what it is started for), ``stop`` (how
many boundaries it passes first), ``signal`` (what it sends itself there), ``now`` (the host's time when it starts) and
``clock`` (a file with the seconds that have passed since). Sleeping moves the simulated clock.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import urllib.request
import uuid
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from arm.credentials import LoopbackCredential
from arm.runtime import system_runtime
from arm.session import Session
from remediate.journal.sqlite import SqliteJournal
from remediate.remediation import Remediation

from ..mutants.plugin import remove_measure
from .cases import CASES
from .harness import Work


def main() -> None:
    remove_measure()
    told = json.loads(sys.argv[1])
    now = datetime.fromisoformat(told["now"])
    passed = itertools.count()

    def seconds() -> float:
        return float(Path(told["clock"]).read_text(encoding="ascii"))

    def sleep(seconds: float) -> None:
        body = json.dumps({"advance": f"PT{seconds:g}S"}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{told['endpoint']}/_sim/clock", body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()

    def reach(_name: str) -> None:
        if next(passed) == told["stop"]:
            os.kill(os.getpid(), told["signal"])

    runtime = replace(
        system_runtime(),
        now=lambda: now + timedelta(seconds=seconds()),
        monotonic=seconds,
        sleep=sleep,
        new_id=lambda: uuid.uuid4().hex,
        reach=reach,
    )
    case = next(one for one in CASES if one.name == told["case"])
    session = Session(endpoint=told["endpoint"], read_only=False, credential=LoopbackCredential(), runtime=runtime)
    with closing(SqliteJournal(Path(told["state"]))) as journal, session:
        remediation = Remediation(session, lambda: journal, wait=3600)
        report = Work(told["kind"], told["run"]).do(case, told["vm"], remediation)
        print(report.stand.verdict.value)


if __name__ == "__main__":
    main()
