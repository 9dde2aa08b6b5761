"""Scenarios: worlds in which something is broken (or nothing)."""

from simulator.scenarios.catalogue import SCENARIOS
from simulator.scenarios.stage import Scenario, Setting, Stage

__all__ = ["SCENARIOS", "Scenario", "Setting", "Stage"]
