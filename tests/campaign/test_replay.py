"""One seed is one history, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from remediate.campaign.history import play
from remediate.campaign.tally import quick_scenarios

RICH = ("rp-collection-limit-two-locks", "com-plus-stopped")
PROGRAM = "import sys\nfrom remediate.campaign.history import play\nfor seed in range(6):\n"
PROGRAM += f"    print('\\n'.join(play(seed, {RICH!r}).log))\n"


@pytest.mark.parametrize("seed", range(4))
def test_a_seed_gives_the_same_history_again(seed):
    first = play(seed, quick_scenarios())
    assert first.log
    assert play(seed, quick_scenarios()) == first


def test_a_seed_gives_the_same_history_in_another_process_whatever_its_hashes_are():
    logs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert logs[0].count("\n") > 500
    assert logs[0] == logs[1]


def test_another_seed_gives_another_history():
    assert play(1, RICH).log != play(2, RICH).log
