"""Jobs that are in the way, and jobs that cannot be cancelled."""

from __future__ import annotations

from simulator.scenarios.stage import Row

ROWS: tuple[Row, ...] = ()
