"""What a job says. Azure Automation sorts the lines of stdout by how they begin; it has no stderr for Python.

A line that begins with ``ERROR:``, ``WARNING:`` or ``VERBOSE:`` goes to that stream, every other one to the output.
"""

from __future__ import annotations

import io
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

LONGEST_LINE = 8_000
"""Characters; each line is a record of its own, and people read them in a portal that shows little more of one."""
MOST = 900_000
"""Bytes of everything but warnings and errors: a job's stream holds 1 MiB."""
MOST_OF_ALL = 1_000_000
"""Bytes of everything; what is left above :data:`MOST` is for warnings and errors."""

ERROR, WARNING, VERBOSE, OUTPUT = "ERROR: ", "WARNING: ", "VERBOSE: ", ""
_LOOKS_SORTED = re.compile(r"\s*(error|warning|debug|verbose|progress):", re.IGNORECASE)
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Streams:
    """Writes lines to the streams of the job, never more of them than a stream takes.

    A text from outside (an alert, Azure's message) cannot choose its stream: a line of the output that looks as if it
    were sorted gets a mark in front. A reader that has gone away is no reason to stop a repair.

    Args:
        out: where to write; the job's stdout.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._written = 0
        self._cut = False
        self._turn = threading.Lock()

    def output(self, text: str) -> None:
        """Write to the output."""
        self._write(OUTPUT, text)

    def verbose(self, text: str) -> None:
        """Write to the verbose stream; Azure keeps it only where the runbook logs verbose records."""
        self._write(VERBOSE, text)

    def warning(self, text: str) -> None:
        """Write a warning."""
        self._write(WARNING, text)

    def error(self, text: str) -> None:
        """Write an error; it is the exit status that makes the job failed, not this."""
        self._write(ERROR, text)

    def _write(self, stream: str, text: str) -> None:
        with self._turn:
            for line in _lines(text):
                self._line(stream, line)

    def _line(self, stream: str, line: str) -> None:
        data = f"{stream}{line}\n"
        size = len(data.encode("utf-8", "backslashreplace"))
        most = MOST_OF_ALL if stream in (ERROR, WARNING) else MOST
        if self._written + size > most:
            if not self._cut:
                self._cut = True
                self._send(f"{WARNING}the output is longer than a job may write; the rest is left out\n")
            return
        self._written += size
        self._send(data if stream else _unsorted(data))

    def _send(self, data: str) -> None:
        with suppress(OSError, ValueError):
            try:
                self._out.write(data)
            except UnicodeEncodeError:
                self._out.write(data.encode("ascii", "backslashreplace").decode("ascii"))
            self._out.flush()


def _unsorted(line: str) -> str:
    return f"| {line}" if _LOOKS_SORTED.match(line) else line


def _lines(text: str) -> Iterator[str]:
    plain = _STYLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    for line in plain.split("\n"):
        shown = _CONTROL.sub("?", line).replace("\t", "    ").rstrip()
        if not shown:
            continue  # an empty record tells nobody anything
        while len(shown) > LONGEST_LINE:
            yield shown[:LONGEST_LINE] + " ..."
            shown = "... " + shown[LONGEST_LINE:]
        yield shown


class _Stderr(io.TextIOBase):
    """Takes what libraries write to stderr, line by line, as warnings."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._streams.warning(line)
        return len(text)

    def flush(self) -> None:
        """Keep what is no whole line yet."""

    def end(self) -> None:
        """Write what is left."""
        if self._rest:
            self._streams.warning(self._rest)
            self._rest = ""


@contextmanager
def job_streams(out: TextIO | None = None) -> Iterator[Streams]:
    """Open the job's streams; as long as they are open, what anybody writes to stderr comes out as a warning."""
    streams = Streams(out)
    before, stderr = sys.stderr, _Stderr(streams)
    sys.stderr = stderr
    try:
        yield streams
    finally:
        stderr.end()
        sys.stderr = before
