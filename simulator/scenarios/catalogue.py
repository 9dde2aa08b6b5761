"""All scenarios, by name. The first of a code is the one that the code itself stands for."""

from __future__ import annotations

from simulator.scenarios import agent, disks, examples, guest, jobs, limit, protection, restore, state
from simulator.scenarios.stage import Scenario

SCENARIOS: dict[str, Scenario] = {
    row[0]: Scenario(*row)
    for room in (limit, protection, agent, state, jobs, guest, disks, restore, examples)
    for row in room.ROWS
}
"""Every scenario by name, the default first."""
