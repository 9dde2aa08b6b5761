"""A channel on a real socket: it keeps what is posted, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Posted:
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Receiver:
    """What was posted, and how to answer: statuses in turn, the last one for good; 0: never."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    posted: list[Posted] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.posted.append(Posted(self.path, dict(self.headers), body))
            status = found.statuses.pop(0) if len(found.statuses) > 1 else found.statuses[0]
            if status == 0:
                found.gone.wait(60)
                return
            self.send_response(status)
            self.send_header("Location", f"{found.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        found.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()
