"""Something inside the VM keeps the snapshot from being taken."""

from __future__ import annotations

from simulator.scenarios.stage import Row

ROWS: tuple[Row, ...] = ()
