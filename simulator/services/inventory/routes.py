"""Path templates of plain resources, as in Microsoft's OpenAPI documents."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers
from .state import KEY_VAULT, TYPES

_S = "/subscriptions/{subscriptionId}"
_G = _S + "/resourceGroups/{resourceGroupName}"
_KEY_VAULT = f"{_G}/providers/{KEY_VAULT}/{{vaultName}}"


def _of_type(kind: str, name: str) -> tuple[Route, ...]:
    return (
        Route("GET", f"{_S}/providers/{kind}", handlers.lister(kind), f"{kind}/read"),
        Route("GET", f"{_G}/providers/{kind}", handlers.lister(kind), f"{kind}/read"),
        Route("GET", f"{_G}/providers/{kind}/{{{name}}}", handlers.getter(kind), f"{kind}/read"),
    )


def _parts(kind: str, key: str, parameter: str) -> tuple[Route, ...]:
    base = f"{_G}/providers/{kind}/{{{TYPES[kind]}}}/{key}"
    return (
        Route("GET", base, handlers.part_lister(kind, key), f"{kind}/{key}/read"),
        Route("GET", f"{base}/{{{parameter}}}", handlers.part_getter(kind, key, parameter), f"{kind}/{key}/read"),
    )


ROUTES: tuple[Route, ...] = (
    *(route for kind, name in TYPES.items() for route in _of_type(kind, name)),
    *(route for entry in handlers.PARTS for route in _parts(*entry)),
    Route("PUT", _KEY_VAULT, handlers.put_key_vault, f"{KEY_VAULT}/write", write=True),
    Route(
        "PUT",
        _KEY_VAULT + "/accessPolicies/{operationKind}",
        handlers.put_access_policies,
        f"{KEY_VAULT}/accessPolicies/write",
        write=True,
    ),
)
