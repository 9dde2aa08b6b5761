"""The HTTP door: it lets in who may, writes the delivery down, and answers. Nothing is repaired here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arm.errors import RemediationError
from arm.facts.times import iso

from ..alerts.model import Alert, Ignored
from ..alerts.parse import parse
from ..alerts.taken import Handled
from ..engine.model import Event, Tell
from ..journal.model import OPEN, Journal, Run
from .auth import Denied, Gate, Unverifiable
from .deliveries import Delivery, find, id_of, outcome_to_json
from .line import Line
from .metrics import CONTENT_TYPE, Metrics, Sample
from .openapi import ID, PROBLEM, document, product_version
from .settings import ServeSettings
from .watch import Watch

T = TypeVar("T")
_ID = re.compile(ID)
RETRY_AFTER = 30
"""Seconds after which a sender may try again; an action group does so by itself."""
_HEADERS = {
    "Connection": "close",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}
"""On every answer. One request a connection: so a slow client is cut by one clock, and holds nothing for long."""


@dataclass(frozen=True)
class House:
    """What the door opens to.

    Attributes:
        settings: what the server is told.
        gate: who may deliver.
        line: where deliveries wait.
        watch: whether journal and Azure can be used.
        journal: opens the journal; called in one thread of the door's own.
        metrics: counts.
        tell: told of what happens.
        now: the host's time.
        workers: how many workers are alive.
    """

    settings: ServeSettings
    gate: Gate
    line: Line
    watch: Watch
    journal: Callable[[], Journal]
    metrics: Metrics
    tell: Tell
    now: Callable[[], datetime]
    workers: Callable[[], int]


class Trouble(Exception):
    """A request that is not answered as it hoped.

    Attributes:
        status: HTTP status.
        code: for programs.
        detail: one sentence.
        headers: further headers.
    """

    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(self) -> Response:
        """Return what the sender is told (RFC 9457)."""
        body = {
            "type": "about:blank",
            "title": self.code.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        return JSONResponse(body, self.status, self.headers, media_type=PROBLEM)


def _later(detail: str) -> Trouble:
    return Trouble(503, "later", detail, Retry_After=str(RETRY_AFTER))


class Door:
    """Answers requests.

    Args:
        house: what the door opens to.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._opened: Journal | None = None
        self._document = document(house.gate.names)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [
            ("/alerts", self._deliver, "POST"),
            ("/runs/{id}", self._status, "GET"),
            ("/healthz", self._health, "GET"),
            ("/readyz", self._ready, "GET"),
            ("/metrics", self._metrics, "GET"),
            ("/openapi.json", self._openapi, "GET"),
        ]
        handlers: Mapping[Any, Any] = {HTTPException: self._unknown, Exception: self._bug}
        paths = [Route(path, partial(self._answer, path, made), methods=[method]) for path, made, method in routes]
        return Starlette(routes=paths, exception_handlers=handlers)

    def close(self) -> None:
        """Close the journal."""
        self._desk.submit(self._close).result()
        self._desk.shutdown()

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    async def _answer(self, path: str, made: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        """Let a request be answered, and every trouble with it."""
        try:
            answer = await made(request)
        except Trouble as trouble:
            answer = trouble.answer()
        return self._sent(path, answer)

    def _sent(self, path: str, answer: Response) -> Response:
        answer.headers.update(_HEADERS)
        self._house.metrics.count("remediate_http_requests_total", path=path, status=str(answer.status_code))
        return answer

    async def _unknown(self, _request: Request, error: HTTPException) -> Response:
        """Answer what no route fits."""
        trouble = Trouble(error.status_code, "not-found" if error.status_code == 404 else "not-allowed", error.detail)
        trouble.headers.update(error.headers or {})
        return self._sent("other", trouble.answer())

    async def _bug(self, _request: Request, error: Exception) -> Response:
        self._house.tell(Event("door", f"internal error: {type(error).__name__}"))
        return self._sent("other", Trouble(500, "internal-error", "This is a bug; the log says more.").answer())

    async def _on_desk(self, work: Callable[[Journal], T]) -> T:
        """Do something with the journal, in the one thread that has it."""

        def do() -> T:
            self._opened = self._opened or self._house.journal()
            return work(self._opened)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._desk, do)
        except RemediationError as error:
            self._house.tell(Event("door", f"the journal cannot be used: {error.message}"))
            raise _later("The journal cannot be used now.") from error

    async def _known(self, request: Request) -> str:
        """Return who sent a request."""
        headers = dict(request.headers)
        try:
            return await asyncio.to_thread(self._house.gate.sender, headers)
        except Denied as denied:
            self._house.tell(Event("door", f"denied: {denied.why}"))
            self._house.metrics.count("remediate_deliveries_total", answer="denied")
            detail = "Say who you are: docs/serve.md shows how."
            raise Trouble(401, "denied", detail, WWW_Authenticate=self._house.gate.schemes) from denied
        except Unverifiable as error:
            self._house.tell(Event("door", str(error)))
            raise _later("It cannot be verified now who sent it.") from error

    async def _body(self, request: Request) -> bytes:
        """Return the body, if it is one that may be an alert, and comes in time."""
        bounds = self._house.settings.bounds
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" or request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Trouble(415, "content-type", "Send it as application/json, not compressed.")
        try:
            return await asyncio.wait_for(_read(request, bounds.body), bounds.reading)
        except asyncio.TimeoutError as error:
            raise Trouble(408, "too-slow", f"The body did not come within {bounds.reading:g} s.") from error
        except ClientDisconnect as error:
            raise Trouble(400, "cut", "The body was cut off.") from error

    async def _deliver(self, request: Request) -> Response:
        """Take a delivery: it is on disk before it is answered."""
        house = self._house
        sender = await self._known(request)
        body = await self._body(request)
        found = await asyncio.to_thread(parse, body)
        number, alerts = id_of(body, house.settings.mode), tuple(one for one in found if isinstance(one, Alert))
        ignored = [Handled.ignored(one) for one in found if isinstance(one, Ignored)]
        for one in ignored:
            house.tell(Event("alert", f"alert {one.result.value}: {one.reason}", {"why": one.why, "from": sender}))
            house.metrics.count("remediate_alerts_total", result=one.result.value)
        if not alerts:
            return self._no_alert(number, ignored)
        if house.line.full:
            raise _later("Too many deliveries wait, or the server stops.")
        outcomes = tuple(outcome_to_json(one) for one in ignored)
        fresh = Delivery(number, house.now(), alerts, outcomes=outcomes)
        kept, new = await self._on_desk(partial(_keep, fresh))
        if new:
            house.line.put([kept])
        house.metrics.count("remediate_deliveries_total", answer="queued" if new else "known")
        text = f"delivery {number} {'is queued' if new else 'is known already'}"
        house.tell(Event("door", text, {"from": sender, "alerts": len(alerts)}))
        return JSONResponse(self._shown(kept, []), 202, {"Location": f"/runs/{number}"})

    def _no_alert(self, number: str, ignored: list[Handled]) -> Response:
        """Answer a delivery that asks for no repair; it is not kept."""
        wrong = next((one for one in ignored if one.exit_code), None)
        if wrong is not None:
            self._house.metrics.count("remediate_deliveries_total", answer="refused")
            raise Trouble(400, wrong.why, f"{wrong.reason}. {wrong.next_step}".strip())
        self._house.metrics.count("remediate_deliveries_total", answer="ignored")
        alerts = [outcome_to_json(one) for one in ignored]
        return JSONResponse({**self._empty(number), "status": "ignored", "alerts": alerts})

    async def _status(self, request: Request) -> Response:
        """Say what became of a delivery or a run."""
        await self._known(request)
        number = request.path_params["id"]
        found = await self._on_desk(partial(_look_up, number)) if _ID.fullmatch(number) else None
        if found is None:
            raise Trouble(404, "not-found", "There is no such delivery or run.")
        delivery, runs = found
        shown = self._shown(delivery, runs) if delivery is not None else self._of_run(number, runs)
        return JSONResponse(shown)

    def _empty(self, number: str) -> dict[str, Any]:
        return {
            "id": number,
            "url": f"/runs/{number}",
            "status": "done",
            "mode": self._house.settings.mode,
            "received_at": None,
            "attempts": 0,
            "alerts": [],
            "runs": [],
        }

    def _of_run(self, number: str, runs: list[Run]) -> dict[str, Any]:
        status = "waiting" if any(one.status == OPEN for one in runs) else "done"
        return {**self._empty(number), "status": status, "runs": [_run_to_json(one) for one in runs]}

    def _shown(self, delivery: Delivery, runs: list[Run]) -> dict[str, Any]:
        """Return a delivery as people and programs see it."""
        status = delivery.state
        if not delivery.settled and self._house.line.works_on(delivery.id):
            status = "working"
        elif (delivery.attempts and not delivery.settled) or any(one.status == OPEN for one in runs):
            status = "waiting"
        return {
            **self._empty(delivery.id),
            "status": status,
            "received_at": iso(delivery.received),
            "attempts": delivery.attempts,
            "alerts": [dict(one) for one in delivery.outcomes],
            "runs": [_run_to_json(one) for one in runs],
        }

    async def _health(self, _request: Request) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "alive"})

    async def _ready(self, _request: Request) -> Response:
        """Say whether alerts can be dealt with, by the last look."""
        seen, house = self._house.watch.seen, self._house
        able = seen.ready and house.workers() > 0 and not house.line.stopped
        body = {**seen.to_json(house.settings.mode), "ready": able}
        return JSONResponse(body, 200 if able else 503)

    async def _metrics(self, _request: Request) -> Response:
        """Say it in numbers."""
        return Response(self._house.metrics.text(self._gauges()), media_type=CONTENT_TYPE)

    def _gauges(self) -> list[Sample]:
        house, seen = self._house, self._house.watch.seen
        oldest = house.line.oldest
        age = max(0.0, (house.now() - oldest).total_seconds()) if oldest else 0.0
        modes: list[Sample] = [
            ("remediate_mode", (("mode", one),), float(one == house.settings.mode)) for one in ("plan", "repair")
        ]
        return [
            ("remediate_queue_deliveries", (), float(house.line.waiting)),
            ("remediate_queue_oldest_seconds", (), age),
            ("remediate_open_runs", (), float(seen.open_runs)),
            ("remediate_frozen", (), float(bool(seen.frozen))),
            ("remediate_ready", (), float(seen.ready)),
            ("remediate_workers", (), float(house.workers())),
            ("remediate_build_info", (("version", product_version()),), 1.0),
            *modes,
        ]

    async def _openapi(self, _request: Request) -> Response:
        """Say how to talk to this server."""
        return JSONResponse(self._document)


async def _read(request: Request, most: int) -> bytes:
    length = request.headers.get("content-length", "0")
    too_large = Trouble(413, "too-large", f"The body has {most} bytes or more, and no alert has so many.")
    if length.isdecimal() and int(length[:20]) >= most:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) >= most:
            raise too_large
    return bytes(body)


def _keep(fresh: Delivery, journal: Journal) -> tuple[Delivery, bool]:
    """Write a delivery down, if it is new; one that ended with what may pass is taken once more."""
    known = find(journal, fresh.id)
    if known is not None and not known.again:
        return known, False
    kept = fresh if known is None else replace(fresh, attempts=0)
    journal.mark(kept.mark())
    return kept, True


def _look_up(number: str, journal: Journal) -> tuple[Delivery | None, list[Run]] | None:
    """Return a delivery with its runs as they are now, or a run."""
    delivery = find(journal, number)
    if delivery is None:
        run = journal.run(number)
        return (None, [run]) if run is not None else None
    named = dict.fromkeys(str(one["run"]) for one in delivery.outcomes if one["run"])
    runs = [run for run in map(journal.run, named) if run is not None]
    return delivery, runs


def _run_to_json(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "runbook": run.runbook,
        "vm_id": run.vm_id,
        "status": run.status,
        "verdict": run.verdict,
        "reason": run.reason,
        "started_at": iso(run.started_at),
        "next_check_at": iso(run.next_check_at) if run.next_check_at else None,
    }
