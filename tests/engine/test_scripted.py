"""What a chain plans inside a VM: everything it may need before the look, only what is needed after it."""

from __future__ import annotations

import pytest

from actions.change import Change
from actions.guest.run import CREATE
from arm.facts.collect import VmFacts
from arm.facts.guest import GuestFacts
from runbooks.model import Situation
from runbooks.registry import find

ERRORS = {
    "windows": ("com-plus-stopped", "ExtensionSnapshotFailedCOM"),
    "linux": ("agent-outdated", "UserErrorFsFreezeFailed"),
}


def scripts_planned(drill, system: str, found: dict[str, object] | None) -> list[str]:
    """Return the scripts that change something and are planned after a look that told this; ``None``: no look."""
    scenario, error = ERRORS[system]
    world = drill(scenario)
    facts = VmFacts(world.session(read_only=True), world.vm())
    facts.vm()
    situation = Situation.at_first(facts, {})
    if found is not None:
        facts.tell_guest(GuestFacts(system, found, facts.azure_now))
    effects = [effect for step in find(error).steps for effect in step.effects(situation)]
    return [one.action for one in effects if isinstance(one, Change) and one.operation == CREATE and one.repairs]


@pytest.mark.parametrize("system", ERRORS)
def test_before_anybody_has_looked_every_script_that_may_be_needed_is_foreseen(drill, system):
    assert scripts_planned(drill, system, None)


@pytest.mark.parametrize("system", ERRORS)
def test_what_the_look_inside_could_not_tell_is_not_changed(drill, system):
    assert scripts_planned(drill, system, {}) == []
