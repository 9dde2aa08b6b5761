"""Every fact says which permissions reading it needs."""

from __future__ import annotations

import inspect
import re

import pytest

from arm.errors import NotFound
from arm.facts.collect import VmFacts
from arm.facts.permissions import READS

NO_FACTS = {"refresh", "prefetch", "guest", "tell_guest"}


def facts() -> set[str]:
    methods = inspect.getmembers(VmFacts, inspect.isfunction)
    return {name for name, _ in methods if not name.startswith("_")} - NO_FACTS


def test_every_fact_and_nothing_else_has_its_permissions():
    assert set(READS) == facts()


@pytest.mark.parametrize("name", sorted(READS))
def test_a_permission_is_a_single_action_that_reads(name):
    for action in READS[name]:
        assert re.fullmatch(r"Microsoft\.[A-Za-z]+(/[A-Za-z]+)+/(read|action)", action)
    assert len(READS[name]) == len(set(READS[name])) > 0


def plain(name: str) -> bool:
    """Whether a fact can be asked for without saying more."""
    parameters = list(inspect.signature(getattr(VmFacts, name)).parameters.values())[1:]
    return all(one.default is not one.empty for one in parameters)


@pytest.mark.parametrize("name", sorted(filter(plain, READS)))
@pytest.mark.parametrize("scenario", ["rp-collection-limit", "vm-deleted"])
def test_a_fact_can_be_read_with_the_permissions_it_declares_alone(drill, scenario, name):
    world = drill(scenario)
    facts = world.facts()
    world.simulator.world.authorization.granted = set(READS[name])
    try:
        getattr(facts, name)()
    except NotFound:
        assert scenario == "vm-deleted"
