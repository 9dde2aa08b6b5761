"""What the operator said: a code, a message, or ``-`` for standard input."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence

from arm.errors import UsageError
from runbooks import catalogue
from runbooks.classify import classify
from runbooks.entry import Entry
from runbooks.registry import find_entry

MOST = 200_000
"""Characters of a text that are looked at; a message has a few hundred."""


def text_of(words: Sequence[str]) -> str:
    """Return the text that was given; ``-`` alone reads it from standard input.

    Raises:
        UsageError: there is none in it, or far too much.
    """
    text = _stdin() if list(words) == ["-"] else " ".join(words)
    if len(text) > MOST:
        raise UsageError(f"the text is longer than {MOST} characters", "Give the error message only.")
    if not any(one.isalnum() for one in text):
        raise UsageError("there is no text in it", "Give the error's code, or its message as Azure shows it.")
    return text


def _stdin() -> str:
    data = sys.stdin.buffer.read(4 * MOST + 4)
    return data.decode("utf-8-sig", errors="replace")


def one_text(words: Sequence[str], commands: Sequence[str]) -> str:
    """Return the one code or message that was given to something that changes Azure.

    A misspelt command followed by a code must not be taken for a message that names the code.

    Args:
        words: the words of the call.
        commands: the commands that may have been meant.

    Raises:
        UsageError: there are several words, or no text in the one.
    """
    if len(words) > 1:
        meant = difflib.get_close_matches(words[0][:200].lower(), commands, n=2, cutoff=0.6)
        shown = words[0] if len(words[0]) <= 40 else f"{words[0][:40]}…"
        raise UsageError(
            f"there is no command {shown!r}, and a message has to be in quotes",
            "See 'remediate --help', or put the whole message into quotes.",
            meant,
        )
    return text_of(words)


def error_of(text: str, commands: Sequence[str]) -> Entry:
    """Return the one error that a code or a message means.

    Args:
        text: what was given.
        commands: other words that may have been meant.

    Raises:
        UsageError: it means no error that is known, or more than one; the error lists what it may mean.
    """
    if catalogue.with_name(text):
        return find_entry(text)
    found = classify(text)
    if found.entry is not None:
        return found.entry
    if found.candidates:
        raise UsageError(
            "the text may mean any of several errors; nothing was done",
            "Give the whole message as Azure shows it, or name one of these.",
            [f"{entry.id}: {entry.title}" for entry in found.candidates],
        )
    words = text.split()
    if len(words) == 1:
        return find_entry(text, commands=commands)
    meant = difflib.get_close_matches(words[0].lower(), commands, n=2, cutoff=0.6)
    raise UsageError(
        "the text means no error that is known; nothing was done",
        "Give the whole message as Azure shows it, or the error's code; 'remediate list' shows every code.",
        [*meant, *found.closest],
    )
