"""Nothing that the simulator serves escapes the judge unnoticed."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from importlib.util import find_spec

import pytest

import simulator.services
from simulator.routes import Route

from . import known


def routes() -> list[Route]:
    """Every route of every service of the simulator."""
    names = [f"simulator.services.{one.name}.routes" for one in pkgutil.iter_modules(simulator.services.__path__)]
    return [route for name in names if find_spec(name) for route in import_module(name).ROUTES]


def path(route: Route) -> str:
    filled = re.sub(r"\{subscriptionId\}", "00000000-0000-0000-0000-000000000000", route.template)
    return re.sub(r"\{\w+\}", "x", filled)


@pytest.mark.parametrize("route", routes(), ids=lambda one: f"{one.method} {one.template}")
def test_an_operation_of_the_simulator_is_one_of_the_documents_or_excused_with_a_reason(documents, route):
    operation = documents.find(route.method, path(route))
    excused = [one for one in known.UNJUDGED if re.search(one.pattern, f"{route.method} {path(route)}?", re.IGNORECASE)]
    assert operation is not None or len(excused) == 1


@pytest.mark.parametrize("route", routes(), ids=lambda one: f"{one.method} {one.template}")
def test_a_template_of_the_simulator_is_spelt_as_in_the_documents(documents, route):
    operation = documents.find(route.method, path(route))
    if operation is not None and not operation.wide:
        ours, theirs = (re.sub(r"\{\w+\}", "{}", one).lower() for one in (route.template, operation.template))
        assert ours == theirs
