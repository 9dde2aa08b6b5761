"""The simulator behind a real socket: HTTP/1.1 with keep-alive, TLS if wanted, and real connection faults."""

from __future__ import annotations

import contextlib
import json
import select
import shutil
import signal
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from . import frontend
from .app import Simulator
from .wire import ArmError, Json, Request, Response

SCHEMA = "simulator.ready/1"
_AT_ONCE = struct.pack("ii", 1, 0)


class _Listener(ThreadingHTTPServer):
    """Accepts connections; knows which are open, so that closing does not wait for idle clients."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int, simulator: Simulator, latency: float, sleep: Callable[[float], object]) -> None:
        self.simulator = simulator
        self.latency = latency
        self.sleep = sleep
        self.tls: ssl.SSLContext | None = None
        self.stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._resetting: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._guard:
            self._open.add(connection)
        return connection, address

    def reset(self, connection: socket.socket) -> None:
        """Have the connection end with a reset instead of a farewell."""
        with self._guard:
            self._resetting.add(connection)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
            reset = request in self._resetting
            self._resetting.discard(request)
        if reset:
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that go away; anything else is a defect of the simulator and is told."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Close every open connection, so that their threads end."""
        self.stopped.set()
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    """One connection, request after request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are recorded by the simulator, not logged."""

    def _serve(self) -> None:
        try:
            request = self._request()
        except ValueError:
            self.close_connection = True
            self._send(ArmError(400, "BadRequest", "The length of the request's body is not understood.").response())
            return
        response = self.server.simulator.handle(request)
        if self.server.latency:
            self.server.sleep(self.server.latency)
        if response.delivery == "hang":
            self._hold(response.seconds)
        if response.delivery in ("hang", "reset"):
            self.server.reset(self.request)
            self.close_connection = True
            return
        self._send(response)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _request(self) -> Request:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(max(0, int(self.headers.get("Content-Length") or 0)))
        scheme = "https" if self.server.tls is not None else "http"
        host = self.headers.get("Host") or f"127.0.0.1:{self.server.server_port}"
        return frontend.parse(self.command, self.path, self.headers.items(), body, f"{scheme}://{host}")

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue

    def _hold(self, seconds: float) -> None:
        """Keep the connection open without answering, until the client gives up, ``seconds`` pass or we stop."""
        deadline = time.monotonic() + seconds
        while not self.server.stopped.is_set() and (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.2))
            if readable:
                return

    def _send(self, response: Response) -> None:
        payload = response.payload()
        bodiless = self.command == "HEAD" or response.status in (204, 304)
        lines = [f"HTTP/1.1 {response.status} {responses.get(response.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if response.status != 204:
            lines.append(f"Content-Length: {len(payload)}")
        if self.close_connection:
            lines.append("Connection: close")
        if response.delivery == "truncate":
            payload = payload[: len(payload) // 2]
            self.close_connection = True
            if not payload:
                self.server.reset(self.request)
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        self.wfile.write(head + (b"" if bodiless else payload))


class Server:
    """A simulator being served. Use as a context manager, or call :meth:`close`.

    ``endpoint`` is the URL of Resource Manager, ``ca`` the file with the authority to trust (``None`` without TLS),
    ``ready`` what ``remediate simulate serve`` prints when it is ready.
    """

    def __init__(
        self,
        simulator: Simulator,
        *,
        port: int = 0,
        tls: bool = False,
        latency: float = 0.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.simulator = simulator
        self.ca: str | None = None
        self._folder: Path | None = None
        self._listener = _Listener(port, simulator, latency, sleep)
        self._done = threading.Event()
        if tls:
            self._listener.tls = self._context()
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.server_port}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, name="simulator", daemon=True
        )
        self._thread.start()

    def _context(self) -> ssl.SSLContext:
        from .tls import server_context  # cryptography is slow to import and rarely needed

        self._folder = Path(tempfile.mkdtemp(prefix="azure-simulator-"))
        context, ca = server_context(self._folder, datetime.now(timezone.utc))
        self.ca = str(ca)
        return context

    @property
    def ready(self) -> Json:
        """Where to find the simulator and what is in it, at this moment."""
        world, setting = self.simulator.world, self.simulator.setting
        collections = world.compute.collections.values()
        return {
            "schema": SCHEMA,
            "endpoint": self.endpoint,
            "ca": self.ca,
            "token_url": f"{self.endpoint}/msi/token",
            "tenant": world.tenant,
            "subscription": world.subscription,
            "resource_group": setting.resource_group,
            "vm": setting.vm,
            "vault": setting.vault,
            "backup_resource_group": setting.backup_resource_group or None,
            "locks": [lock.id for lock in world.authorization.locks.values()],
            "collections": [entry.id for entry in collections if entry.source_id.lower() == setting.vm_id.lower()],
            "code": self.simulator.scenario.code,
        }

    def ready_line(self) -> str:
        """``ready`` as one line of JSON."""
        return json.dumps(self.ready)

    def wait(self, announce: Callable[[], object] = lambda: None) -> None:
        """Serve until SIGINT or SIGTERM, or until :meth:`close` is called from another thread.

        ``announce`` is called once signals are handled: whoever reads the ready line may interrupt at once.
        """
        before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for kind in (signal.SIGINT, signal.SIGTERM):
                before[kind] = signal.signal(kind, lambda *_: self._done.set())
        try:
            announce()
            self._done.wait()
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def close(self) -> None:
        """Stop serving, close every connection and remove the certificates; a second call does nothing."""
        if not self._thread.is_alive():
            return
        self._done.set()
        self._listener.shutdown()
        self._thread.join()
        self._listener.hang_up()
        self._listener.server_close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(simulator: Simulator, port: int = 0, *, tls: bool = False, latency: float = 0.0) -> Server:
    """Serve a simulator on 127.0.0.1 from a thread and return at once.

    ``port`` 0 takes a free one; ``latency`` is added to every answer, in seconds.

    Raises:
        OSError: when the port is taken.
    """
    return Server(simulator, port=port, tls=tls, latency=latency)
