"""Path templates of action groups and alert processing rules."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers
from .state import GROUP, RULE

_G = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers"


def _of_type(kind: str, name: str) -> tuple[Route, ...]:
    path = f"{_G}/{kind}/{{{name}}}"
    return (
        Route("GET", f"{_G}/{kind}", handlers.lister(kind), f"{kind}/read"),
        Route("GET", path, handlers.getter(kind, name), f"{kind}/read"),
        Route("PUT", path, handlers.putter(kind, name), f"{kind}/write", write=True),
        Route("DELETE", path, handlers.deleter(kind, name), f"{kind}/delete", write=True),
    )


ROUTES: tuple[Route, ...] = (*_of_type(GROUP, "actionGroupName"), *_of_type(RULE, "alertProcessingRuleName"))
