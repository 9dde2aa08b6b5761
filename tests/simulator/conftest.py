"""A simulator for every test, over the transport a test needs: none, or a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport

from simulator import Simulator, serve
from simulator.frontend import parse
from simulator.wire import Response

SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
BACKUP_GROUP = "AzureBackupRG_westeurope_1"


@pytest.fixture
def sim() -> Simulator:
    return Simulator()


@dataclass
class Ask:
    """Asks a simulator without a transport, as somebody who is logged in."""

    sim: Simulator

    def __call__(self, method: str, target: str, body: Any = None, **headers: str) -> Response:
        if target.startswith("/subscriptions") and "api-version" not in target:
            target += ("&" if "?" in target else "?") + "api-version=2024-07-01"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": "Bearer anything", **given}
        data = b"" if body is None else json.dumps(body).encode()
        return self.sim.handle(parse(method, target, sent.items(), data, "http://sim.test"))

    def fault(self, **fault: Any) -> None:
        assert self("POST", "/_sim/faults", fault).status == 200

    def follow(self, response: Response) -> Response:
        """Poll the operation of an accepted request until it ends."""
        url = response.headers["Azure-AsyncOperation"]
        for _ in range(200):
            seen = self("GET", url)
            if seen.status != 200 or seen.body["status"] != "InProgress":
                return seen
        raise AssertionError("the operation never ended")


@pytest.fixture
def ask(sim) -> Ask:
    return Ask(sim)


@pytest.fixture
def server(sim) -> Iterator[Any]:
    with serve(sim) as running:
        yield running


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = "Bearer anything"
        yield session


class _Bearer(SansIOHTTPPolicy):
    def on_request(self, request):
        request.http_request.headers["Authorization"] = "Bearer anything"


class Awake(RequestsTransport):
    """Waits of pollers and retries are noted, not slept."""

    def __init__(self, **options):
        super().__init__(**options)
        self.slept = []

    def sleep(self, duration):
        self.slept.append(duration)


@pytest.fixture
def client(server) -> Iterator[Callable[..., Any]]:
    """Makes clients of the Azure SDK against the served simulator."""
    made = []

    def make(kind, *arguments, **options):
        transport = Awake()
        options.setdefault("retry_total", 0)
        made.append(
            kind(
                object(), *arguments, base_url=server.endpoint, authentication_policy=_Bearer(), transport=transport,
                polling_interval=0, **options,
            )
        )  # fmt: skip
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def vm(sim):
    return sim.world.compute.vms[sim.setting.vm_id.lower()]


@pytest.fixture
def collection(sim):
    return next(iter(sim.world.compute.collections.values()))


@pytest.fixture
def vm_path(vm) -> str:
    return vm.id
