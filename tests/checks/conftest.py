from __future__ import annotations

from collections.abc import Callable

import pytest

from simulator.scenarios import Scenario, Stage

from ..cli.conftest import remediate
from ..drill import Drill

__all__ = ["remediate"]


@pytest.fixture
def world(drill) -> Callable[..., Drill]:
    """Start a drill with a healthy, protected VM whose stage a function goes on to set."""

    def start(set_up: Callable[[Stage], object] = lambda stage: stage, os: str = "Linux") -> Drill:
        def build(stage: Stage) -> None:
            stage.machine(os_type=os).web_server().vault_points(3, newest=2).points(2, newest=stage.night(0))
            set_up(stage)

        return drill(Scenario("test", None, "a test's own", build))

    return start
