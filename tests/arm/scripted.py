"""What stands in for Azure: a server with prepared answers, a port with nobody, a transport that only notes."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

from azure.core.pipeline.transport import HttpTransport

ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm"


class Scripted:
    """A server that gives its answers in order, the last one for ever, and notes what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                script.asked.append((self.command, self.path, dict(self.headers.items())))
                status, headers, body = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                self.send_response_only(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def says(self, body: Any, status: int = 200, **headers: str) -> Scripted:
        """Add an answer: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, {"Content-Type": "application/json", **named}, data))
        return self

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Noted(HttpTransport):
    """Sends nothing: notes method and URL, and answers with the prepared statuses, then with 200."""

    def __init__(self, *statuses: int, **headers: str) -> None:
        self.sent: list[tuple[str, str]] = []
        self.statuses = list(statuses)
        self.headers = headers
        self.opened = self.closed = False

    def send(self, request: Any, **_: Any) -> Any:
        self.sent.append((request.method, request.url))
        status = self.statuses.pop(0) if self.statuses else 200
        return SimpleNamespace(status_code=status, headers=self.headers)

    def open(self) -> None:
        self.opened = True

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Noted:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
