"""Becomes ``sitecustomize`` in the sandbox: what a sandbox of Azure Automation does not offer fails here.

No other programs: starting one is not permitted, and noted. No host but this one.
"""

import os
import sys

PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


NOTED = None
if "SANDBOX_PROGRAMS" in os.environ:
    NOTED = os.open(os.environ["SANDBOX_PROGRAMS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


class NotInASandbox(BaseException):
    """Not an Exception: nobody may catch it by the way."""


def watch(event, arguments):
    if event in PROGRAMS:
        command = arguments[1] if event == "subprocess.Popen" else arguments
        if NOTED is not None:
            os.write(NOTED, f"{event} {command}\n".encode())
        raise PermissionError(f"a program would be started: {event}")
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, (str, bytes)) or address[0] not in LOOPBACK:
            raise NotInASandbox(f"a connection would be made to {address!r}")
    if event == "socket.getaddrinfo" and arguments[0] not in LOOPBACK and not arguments[0].replace(".", "").isdigit():
        raise NotInASandbox(f"a name would be looked up: {arguments[0]!r}")


sys.addaudithook(watch)

if "SANDBOX_HURRY" in os.environ:  # simulated time passes by looking; so nobody has to wait for real
    import select

    waits = select.select
    select.select = lambda *waited: waits(*waited[:3], min(waited[3], 0.01))
