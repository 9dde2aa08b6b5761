"""Resource ids out of a text that anybody may have written: exactly of one type and plainly written, or refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import Enum

from .errors import ForgedId

MOST_CHARACTERS = 1024
_SHOWN = 160
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GROUP = rf"/subscriptions/{_GUID}/resourceGroups/(?:[\w.()-]|[^\x00-\x7f]){{1,90}}(?<!\.)"
_VAULT = rf"{_GROUP}/providers/Microsoft\.RecoveryServices/vaults/[a-z][a-z0-9-]{{1,49}}"
_NAME = r"(?:[\w.()-]|[^\x00-\x7f])+"
_ITEM = rf"(iaasvmcontainer(?:v2)?;{_NAME};[\w.-]+)"
_SCRIPTS_TO_MIX_UP = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")
"""Scripts with letters that look like Latin ones."""

_SIGNS = {
    "%": "percent-encoded",
    "?": "followed by a query",
    "#": "followed by a fragment",
    "\\": "written with a backslash",
}


class Kind(str, Enum):
    """What an id has to be the id of."""

    VM = "virtual machine"
    VAULT = "Recovery Services vault"
    ITEM = "protected virtual machine"
    JOB = "backup job"
    ALERT = "alert"


_PATTERNS = {
    Kind.VM: rf"{_GROUP}/providers/Microsoft\.Compute/virtualMachines/[\w.-]{{1,80}}(?<!\.)",
    Kind.VAULT: _VAULT,
    Kind.ITEM: rf"{_VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{_ITEM}/protectedItems/VM;\1",
    Kind.JOB: rf"{_VAULT}/backupJobs/{_GUID}",
    Kind.ALERT: rf"(?:/[\w.()/-]+)/providers/Microsoft\.AlertsManagement/alerts/{_GUID}",
}
# re.ASCII: without it, U+212A (Kelvin) is a k and U+017F (long s) is an s where case does not count.
_COMPILED = {kind: re.compile(pattern, re.IGNORECASE | re.ASCII) for kind, pattern in _PATTERNS.items()}
_JOB_NAME = re.compile(_GUID, re.IGNORECASE | re.ASCII)


def shown(text: object) -> str:
    r"""Return a text for a message: quoted, with every control character spelled out, and not too long.

    >>> shown(chr(10) + "a")
    "'\\na'"
    """
    if not isinstance(text, str):
        return type(text).__name__
    said = str(text)
    return repr(said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…")


def strict(text: object, kind: Kind) -> str:
    """Return an id unchanged when it is, as it stands, the id of such a resource.

    Case does not count, as in Azure. Everything that could make two readers see two resources in it does: encoding,
    dots as path, query, fragment, doubled slashes, control and invisible characters, letters that look like others.

    Args:
        text: what is given as an id.
        kind: what it has to be the id of.

    Raises:
        ForgedId: it is not; the message says why.
    """
    wrong = _wrong(text)
    if not wrong and (not isinstance(text, str) or _COMPILED[kind].fullmatch(text) is None):
        wrong = f"it is not the id of a {kind.value}"
    if wrong or not isinstance(text, str):
        raise ForgedId(f"the id {shown(text)} is refused: {wrong}", "Look at who sent this; Azure writes no such id.")
    return text


def strict_job_name(text: object) -> str:
    """Return the name of a backup job, which is a GUID, in lower case.

    Raises:
        ForgedId: it is not one.
    """
    if not isinstance(text, str) or _JOB_NAME.fullmatch(text) is None:
        raise ForgedId(f"the job id {shown(text)} is refused: it is not a GUID", "Look at who sent this.")
    return text.lower()


def _wrong(text: object) -> str:
    """Say what is wrong with a text as an id, whatever it is the id of; empty when nothing is."""
    if not isinstance(text, str):
        return "it is not a text"
    if len(text) > MOST_CHARACTERS:
        return f"it is {len(text)} characters long"
    return next(_wrongs(text), "")


def _wrongs(text: str) -> Iterator[str]:
    for character in text:
        if unicodedata.category(character).startswith("C"):
            yield f"it has the control character {_name(character)} in it"
    for sign, meaning in _SIGNS.items():
        if sign in text:
            yield f"it is {meaning}"
    segments = text.split("/")
    if "" in segments[1:]:
        yield "it has a part without a name (a doubled or trailing slash)"
    if {".", ".."} & {*segments}:
        yield "it has '.' or '..' as a part of its path"
    yield from (
        f"{_name(character)} can be mistaken for another letter"
        for segment in segments
        for character in segment
        if _deceptive(character, segment)
    )


def _deceptive(character: str, segment: str) -> bool:
    """Say whether a character is not its own plain form, or of a script that looks like the Latin letters beside it."""
    if character.isascii():
        return False
    if unicodedata.normalize("NFKC", character) != character or not character.isalnum():
        return True
    latin = any(one.isascii() and one.isalpha() for one in segment)
    return latin and unicodedata.name(character, "").startswith(_SCRIPTS_TO_MIX_UP)


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
