"""The simulator without a transport: requests in, answers out, everything recorded."""

from __future__ import annotations

import copy
import difflib
import random
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from . import control, frontend
from .faults import Fault, Faults
from .recorder import Record
from .routes import Route
from .scenarios import SCENARIOS, Scenario
from .services.authorization.state import forbidden
from .services.identity import handlers as identity
from .services.identity.tokens import Tokens
from .wire import ArmError, Json, Request, Response
from .world import World

DEFAULT_SCENARIO = "rp-collection-limit"
DEFAULT_VM = "web-01"


class UnknownScenario(LookupError):
    """No scenario has this name or error code; ``closest`` are those most like it."""

    def __init__(self, name: str, closest: list[str]) -> None:
        known = f"; did you mean {' or '.join(closest)}?" if closest else ""
        super().__init__(f"there is no scenario {name!r}{known}")
        self.name = name
        self.closest = closest


def find_scenario(name: str) -> Scenario:
    """Return the scenario with this name or error code, in any case.

    Raises:
        UnknownScenario: when there is none.
    """
    names = {scenario.name.lower(): scenario for scenario in SCENARIOS.values()}
    codes = {scenario.code.lower(): scenario for scenario in reversed(SCENARIOS.values()) if scenario.code}
    known = {**codes, **names}
    found = known.get(name.lower())
    if found is None:
        closest = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        spelled = [known[entry].name if entry in names else str(known[entry].code) for entry in closest]
        raise UnknownScenario(name, spelled)
    return found


class Simulator:
    """One simulated Azure, in the state of a scenario.

    ``scenario`` is a name, an error code, or a :class:`~simulator.scenarios.Scenario`; ``vm`` the name of the main VM.
    The same ``seed`` and the same requests give the same answers. ``now`` gives real time in seconds since 1970,
    used for the expiry of tokens only. Requests are answered one at a time, so it may be called from many threads.
    """

    def __init__(
        self,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        *,
        seed: int = 0,
        vm: str = DEFAULT_VM,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.scenario = find_scenario(scenario) if isinstance(scenario, str) else scenario
        self.seed = seed
        self.vm = vm
        self.tokens = Tokens(now)
        self._lock = threading.RLock()
        self.world = World(seed)
        self.reset()

    def reset(self) -> None:
        """Go back to the scenario's beginning; requests and faults are forgotten, tokens stay good."""
        with self._lock:
            self._ids = random.Random(self.seed)  # noqa: S311  # repeatable on purpose, nothing secret
            self.world.close()
            self.world = World(self.seed)
            self.setting = self.scenario.build(self.world, self.vm)
            self.faults = Faults()
            self.records: list[Record] = []
            self._before_last_write: World | None = None

    @property
    def requests(self) -> list[Json]:
        """Every request so far with its answer; those to the control API are not in it."""
        with self._lock:
            return [record.as_json() for record in self.records]

    def advance(self, delta: timedelta) -> datetime:
        """Let simulated time pass and return the new time."""
        with self._lock:
            return self.world.clock.advance(delta)

    def handle(self, request: Request) -> Response:
        """Answer one request as Azure would, or as a fault says."""
        with self._lock:
            if request.path == "/_sim" or request.path.startswith("/_sim/"):
                return control.answer(self, request)
            record = Record(len(self.records) + 1, self.world.clock.now, request)
            self.records.append(record)
            if request.path.lower() in (identity.APP_SERVICE, identity.IMDS):
                record.service = "identity"
                response = self._identity(request, record)
            else:
                response = self._arm(request, record)
            frontend.dress(self.world, request, response, str(uuid.UUID(int=self._ids.getrandbits(128), version=4)))
            record.response = response
            return response

    def _identity(self, request: Request, record: Record) -> Response:
        fault = self._fault(request, record)
        instead = fault.instead() if fault else None
        if instead is not None:
            return instead
        response = identity.token(self.world, self.tokens, request)
        return fault.spoil(request, response) if fault else response

    def _fault(self, request: Request, record: Record) -> Fault | None:
        fault = self.faults.take(request, write=record.write, identity=record.service == "identity")
        record.fault = fault.kind if fault else None
        return fault

    def _arm(self, request: Request, record: Record) -> Response:
        if request.path.lower().rstrip("/") == "/metadata/endpoints":
            return identity.cloud_metadata(self.world, request)
        missing: ArmError | None = None
        route: Route | None = None
        parameters: dict[str, str] = {}
        record.write = request.method not in ("GET", "HEAD")
        try:
            route, parameters = frontend.ROUTER.match(request)
            record.action, record.write = route.action, route.write
        except ArmError as error:
            missing = error
        fault = self._fault(request, record)
        instead = fault.instead() if fault else None
        if instead is not None:
            return instead
        known = set(self.world.operations.by_id)
        try:
            self._check(request, route, missing, fault)
            response = self._call(request, route, parameters, fault)
            record.effect = record.write
        except ArmError as error:
            response = error.response()
        record.done = response.status
        if fault is None:
            return response
        fault.bend(entry for key, entry in self.world.operations.by_id.items() if key not in known)
        return fault.spoil(request, response)

    def _check(self, request: Request, route: Route | None, missing: ArmError | None, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "expire_tokens":
            self.tokens.revoke_all(frontend.bearer(request))
        frontend.authenticate(self.world, self.tokens, request)
        frontend.check_request(self.world, request)
        if missing is not None:
            raise missing
        if route is not None:
            if fault is not None and fault.kind == "deny":
                raise forbidden(route.action, request.path)
            frontend.check_route(self.world, request, route)

    def _call(self, request: Request, route: Route | None, parameters: dict[str, str], fault: Fault | None) -> Response:
        if route is None:
            raise ArmError(404, "NotFound", "No such operation.")
        if route.write and self.faults.wants_snapshots():
            self._before_last_write = _snapshot(self.world)
        world = self.world
        if fault is not None and fault.kind == "stale" and self._before_last_write is not None:
            world = self._before_last_write
        return route.handler(world, request, **parameters)


def _snapshot(world: World) -> World:
    """A copy of the world in which nothing is going to happen any more."""
    past = copy.deepcopy(world)
    past.clock.forget()
    return past
