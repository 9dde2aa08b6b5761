"""All guards, in order."""

from __future__ import annotations

from actions.change import Change

from .breakers import blast_radius, change_window, kill_switch, loop_breaker, systemic_breaker
from .inside import script_can_run, script_turn
from .model import Guard, Guarded, Refusal
from .recovery_points import recovery_point_safety
from .rules import (
    agent_ready,
    cancel_in_time,
    deny_list,
    dry_run,
    job_in_progress,
    lock_as_found,
    lock_in_the_way,
    on_demand_limit,
    opt_out,
    power_state,
    resource_guard,
    vm_gone,
)

GUARDS: tuple[Guard, ...] = (
    deny_list,
    kill_switch,
    opt_out,
    systemic_breaker,
    loop_breaker,
    job_in_progress,
    resource_guard,
    vm_gone,
    lock_in_the_way,
    lock_as_found,
    agent_ready,
    script_can_run,
    script_turn,
    power_state,
    cancel_in_time,
    on_demand_limit,
    recovery_point_safety,
    blast_radius,
    change_window,
)


def review(change: Change, situation: Guarded) -> Refusal | None:
    """Return the first guard's refusal of a planned change, ``None`` when it may be sent."""
    return next((refusal for guard in GUARDS if (refusal := guard(change, situation)) is not None), None)


def before_send(change: Change, situation: Guarded) -> Refusal | None:
    """As :func:`review`, and in a dry run always a refusal; asked right before a change is sent."""
    return dry_run(change, situation) or review(change, situation)
