"""All scenarios, by name. The first of a code is the one that the code itself stands for."""

from __future__ import annotations

from simulator.scenarios import (
    agent,
    disks,
    examples,
    guest_choices,
    guest_linux,
    guest_restore_points,
    guest_windows,
    jobs,
    limit,
    protection,
    restore,
    state,
)
from simulator.scenarios.stage import Scenario

INSIDE = (guest_windows, guest_linux, guest_restore_points, guest_choices)
SCENARIOS: dict[str, Scenario] = {
    row[0]: Scenario(*row)
    for room in (limit, protection, agent, state, jobs, *INSIDE, disks, restore, examples)
    for row in room.ROWS
}
"""Every scenario by name, the default first."""
