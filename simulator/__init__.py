"""Azure on the wire, for tests, demos and drills: see ``simulator/README.md``.

    >>> from simulator import SCENARIOS, Simulator, serve
    >>> with serve(Simulator("rp-collection-limit", vm="web-01")) as server:
    ...     server.ready["vm"]
    'web-01'

Everything is imported when it is first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import Simulator, UnknownScenario
    from .scenarios import SCENARIOS, Scenario
    from .server import Server, serve

__all__ = ["SCENARIOS", "Scenario", "Server", "Simulator", "UnknownScenario", "serve"]

_HOME = {
    "Simulator": "app",
    "UnknownScenario": "app",
    "SCENARIOS": "scenarios",
    "Scenario": "scenarios",
    "Server": "server",
    "serve": "server",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
