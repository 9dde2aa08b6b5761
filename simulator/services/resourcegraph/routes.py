"""Path templates of Resource Graph."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/providers/Microsoft.ResourceGraph/resources",
        handlers.query,
        "Microsoft.ResourceGraph/resources/read",
    ),
)
