"""The VM is in a state that allows no backup."""

from __future__ import annotations

from simulator.scenarios.stage import Row

ROWS: tuple[Row, ...] = ()
