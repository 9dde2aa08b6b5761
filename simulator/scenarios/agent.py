"""The VM agent or the backup extension does not answer."""

from __future__ import annotations

from simulator.scenarios.stage import Row

ROWS: tuple[Row, ...] = ()
