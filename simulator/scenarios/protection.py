"""The VM or its protection is not what the vault takes it for, or its key vault is closed."""

from __future__ import annotations

from simulator.scenarios.stage import Row

ROWS: tuple[Row, ...] = ()
