"""Path templates of Azure Monitor and Resource Health."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers

ROUTES: tuple[Route, ...] = (
    Route("GET", "/{scope}/providers/Microsoft.Insights/metrics", handlers.metrics, "Microsoft.Insights/metrics/read"),
    Route(
        "GET",
        "/subscriptions/{subscriptionId}/providers/Microsoft.Insights/eventtypes/management/values",
        handlers.activity_log,
        "Microsoft.Insights/eventtypes/values/read",
    ),
    Route(
        "GET",
        "/{scope}/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
        handlers.availability,
        "Microsoft.ResourceHealth/availabilityStatuses/read",
    ),
)
