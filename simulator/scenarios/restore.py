"""Restores that were asked for with an input that is not valid."""

from __future__ import annotations

from simulator.scenarios.stage import Row

ROWS: tuple[Row, ...] = ()
