"""The control API under ``/_sim/``: what a drill needs that Azure has no door for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .clock import duration, iso
from .describe import describe, granted_actions
from .faults import Fault
from .services.compute.model import RestorePointCollection
from .wire import ArmError, Json, Request, Response

if TYPE_CHECKING:
    from .app import Simulator

LONGEST = timedelta(days=366)
"""No one request may let more time pass."""


def answer(simulator: Simulator, request: Request) -> Response:
    """Answer a request to the control API; it needs no token and no api-version."""
    path = request.path.rstrip("/").lower().removeprefix("/_sim")
    run, _ = OPERATIONS.get((request.method, path), (_unknown, ""))
    try:
        response = Response(200, run(simulator, request))
    except ArmError as error:
        response = error.response()
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    return response


def _unknown(simulator: Simulator, request: Request) -> Json:  # noqa: ARG001
    message = f"The control API has no {request.method} {request.path}."
    raise ArmError(404, "NotFound", message, extra={"operations": _listing()})


def _listing() -> list[str]:
    return [f"{method} /_sim{path or '/'}: {says}" for (method, path), (_, says) in OPERATIONS.items()]


def _index(simulator: Simulator, request: Request) -> Json:  # noqa: ARG001
    return {"scenario": simulator.scenario.name, "now": iso(simulator.world.clock.now), "operations": _listing()}


def _requests(simulator: Simulator, request: Request) -> list[Json]:  # noqa: ARG001
    return simulator.requests


def _state(simulator: Simulator, request: Request) -> Json:  # noqa: ARG001
    return {"scenario": simulator.scenario.name, "code": simulator.scenario.code, **describe(simulator.world)}


def _time(simulator: Simulator, request: Request) -> Json:  # noqa: ARG001
    return {"now": iso(simulator.world.clock.now)}


def _advance(simulator: Simulator, request: Request) -> Json:
    body = request.json()
    text = body.get("advance")
    if set(body) != {"advance"} or not isinstance(text, str):
        raise ArmError(400, "InvalidClock", 'The body must be {"advance": DURATION}, e.g. {"advance": "PT6H"}.')
    try:
        delta = duration(text)
    except (ValueError, OverflowError) as error:
        raise ArmError(400, "InvalidClock", f"Cannot advance the clock: {error}.") from error
    if delta > LONGEST:
        raise ArmError(400, "InvalidClock", f"Cannot advance the clock by more than {LONGEST.days} days at once.")
    return {"now": iso(simulator.advance(delta))}


def _reset(simulator: Simulator, request: Request) -> Json:  # noqa: ARG001
    simulator.reset()
    return {"scenario": simulator.scenario.name, "now": iso(simulator.world.clock.now)}


def _faults(simulator: Simulator, request: Request) -> Json:  # noqa: ARG001
    return {"faults": [fault.as_json() for fault in simulator.faults.active]}


def _add_faults(simulator: Simulator, request: Request) -> Json:
    body = request.json()
    entries = body["faults"] if set(body) == {"faults"} else [body]
    if not isinstance(entries, list):
        raise ArmError(400, "InvalidFault", "'faults' must be a list of faults.")
    simulator.faults.active.extend([Fault.parse(entry) for entry in entries])
    return _faults(simulator, request)


def _clear_faults(simulator: Simulator, request: Request) -> Json:
    simulator.faults.active.clear()
    return _faults(simulator, request)


def _settings(simulator: Simulator, request: Request) -> Json:  # noqa: ARG001
    world = simulator.world
    return {
        "page_size": world.page_size,
        "lock_removal_delay": f"PT{int(world.authorization.removal_delay.total_seconds())}S",
        "denied_actions": sorted(world.authorization.denied),
        "granted_actions": granted_actions(world),
        "unregistered_providers": [name for name, state in world.resources.providers.items() if state != "Registered"],
        "refuse_deletion": {
            collection.name: dict(zip(("code", "message"), collection.refuses_deletion, strict=True))
            for collection in world.compute.collections.values()
            if collection.refuses_deletion is not None
        },
    }


def _change_settings(simulator: Simulator, request: Request) -> Json:
    body = request.json()
    unknown = sorted(set(body) - set(SETTINGS))
    if unknown:
        raise _bad_setting(f"unknown {', '.join(unknown)}; known: {', '.join(SETTINGS)}")
    changes = [SETTINGS[name](simulator, value) for name, value in body.items()]
    for change in changes:
        change()
    return _settings(simulator, request)


def _bad_setting(reason: str) -> ArmError:
    return ArmError(400, "InvalidSetting", f"Cannot change the settings: {reason}.")


def _page_size(simulator: Simulator, value: Any) -> Callable[[], None]:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
        raise _bad_setting("page_size is a number from 1 to 1000")
    return lambda: setattr(simulator.world, "page_size", value)


def _lock_delay(simulator: Simulator, value: Any) -> Callable[[], None]:
    try:
        delay = duration(str(value))
    except (ValueError, OverflowError) as error:
        raise _bad_setting(f"lock_removal_delay: {error}") from error
    return lambda: setattr(simulator.world.authorization, "removal_delay", delay)


def _names(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _bad_setting(f"{name} is a list of names")
    return value


def _denied(simulator: Simulator, value: Any) -> Callable[[], None]:
    actions = set(_names("denied_actions", value))
    return lambda: setattr(simulator.world.authorization, "denied", actions)


def _granted(simulator: Simulator, value: Any) -> Callable[[], None]:
    actions = None if value is None else set(_names("granted_actions", value))
    return lambda: setattr(simulator.world.authorization, "granted", actions)


def _unregistered(simulator: Simulator, value: Any) -> Callable[[], None]:
    wanted = {name.lower() for name in _names("unregistered_providers", value)}
    providers = simulator.world.resources.providers
    unknown = wanted - {name.lower() for name in providers}
    if unknown:
        raise _bad_setting(f"unknown providers {', '.join(sorted(unknown))}; known: {', '.join(providers)}")
    states = {name: "NotRegistered" if name.lower() in wanted else "Registered" for name in providers}
    return lambda: providers.update(states)


def _refusals(simulator: Simulator, value: Any) -> Callable[[], None]:
    collections = {entry.name.lower(): entry for entry in simulator.world.compute.collections.values()}
    if not isinstance(value, dict) or not all(name.lower() in collections for name in value):
        raise _bad_setting(f"refuse_deletion is an object by collection name; collections: {', '.join(collections)}")
    wanted: list[tuple[RestorePointCollection, tuple[str, str] | None]] = []
    for name, error in value.items():
        if error is not None and (not isinstance(error, dict) or set(error) != {"code", "message"}):
            raise _bad_setting(f'refuse_deletion of {name} is {{"code": ..., "message": ...}} or null')
        refusal = None if error is None else (str(error["code"]), str(error["message"]))
        wanted.append((collections[name.lower()], refusal))

    def change() -> None:
        for collection, refusal in wanted:
            collection.refuses_deletion = refusal

    return change


SETTINGS: dict[str, Callable[[Simulator, Any], Callable[[], None]]] = {
    "page_size": _page_size,
    "lock_removal_delay": _lock_delay,
    "denied_actions": _denied,
    "granted_actions": _granted,
    "unregistered_providers": _unregistered,
    "refuse_deletion": _refusals,
}

OPERATIONS: dict[tuple[str, str], tuple[Callable[[Simulator, Request], Any], str]] = {
    ("GET", ""): (_index, "this list"),
    ("GET", "/requests"): (_requests, "every request so far, in order, with its answer"),
    ("GET", "/state"): (_state, "the whole world as JSON"),
    ("GET", "/clock"): (_time, "simulated time"),
    ("POST", "/clock"): (_advance, 'let time pass: {"advance": "PT6H"}'),
    ("GET", "/faults"): (_faults, "the faults that are set"),
    ("POST", "/faults"): (_add_faults, 'add one fault, or {"faults": [...]}'),
    ("DELETE", "/faults"): (_clear_faults, "remove all faults"),
    ("GET", "/settings"): (_settings, "the knobs of this world"),
    ("POST", "/settings"): (_change_settings, "turn some of them"),
    ("POST", "/reset"): (_reset, "back to the beginning of the scenario"),
}
