"""What a human does in the simulated world, between the advice and the next run. Each takes the drill."""

from __future__ import annotations

from ..drill import Drill
