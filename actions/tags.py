"""A copy of a lock as tags on the VM, for the time it is on loan: it outlives this machine and its journal."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from arm.errors import NotFound
from arm.facts.collect import VmFacts
from arm.facts.compute import read_vm
from arm.facts.times import iso, parse_time
from arm.ids import normal, parse

from .change import Change, Effects, NoChange, Undo

UPDATE = "tags.update"
PREFIX = "backup-remediation-loan-"
WRITE, REMOVE = "note_loan", "remove_loan_note"
"""The actions: a lock's copy is written, and taken away again."""
MOST_TAGS, LONGEST_VALUE, MOST_OF_A_VM = 50, 256, 2048
"""Azure's limits: tags of a resource, characters of a value, characters of all names and values of a VM."""
_VERSION = "1"
_PART = 230
_MOST_DATA = 65536
_NAME = re.compile(rf"({PREFIX}[0-9a-f]{{10}})(?:-\d+)?", re.IGNORECASE)
_VALUE = re.compile(rf"{_VERSION}\.(\d+)of(\d+)\.([0-9a-f]{{8}})\.([\w-]+)", re.ASCII)
_LOCK = re.compile(r"/subscriptions/[^/]+(/.+)?/providers/microsoft\.authorization/locks/[^/]+", re.IGNORECASE)
_WORDS = (  # part of version 1 of the encoding: what every copy has in common takes no room
    b'"properties":{"level":"ReadOnly","notes":"","owners":[{"applicationId":"'
    b'["/subscriptions//resourceGroups//providers/Microsoft.RecoveryServices/vaults/'
    b"/providers/Microsoft.Compute/virtualMachines//restorePointCollections/AzureBackup_"
    b'/providers/Microsoft.Authorization/locks/",{"properties":{"level":"CanNotDelete"}},"'
)
_NO_RUN, _NO_TIME = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "2026-03-02T03:00:00.000000Z"
"""As long as any, for the question how much room a copy takes."""


@dataclass(frozen=True)
class Loan:
    """A lock that a run has taken away, as its tags tell.

    Attributes:
        tag: name of the first of its tags.
        lock_id: the lock.
        body: the request body that makes it again: level, notes, owners.
        run_id: the run that owes it.
        at: Azure's time when its copy was written.
    """

    tag: str
    lock_id: str
    body: Mapping[str, Any]
    run_id: str
    at: datetime


def tag_of(lock_id: str) -> str:
    """Return the name of the (first) tag that holds the copy of a lock."""
    return PREFIX + hashlib.sha256(normal(lock_id).encode()).hexdigest()[:10]


def encode(lock_id: str, body: Mapping[str, Any], run_id: str, at: str) -> dict[str, str]:
    """Return the tags that hold the copy of a lock: as many as it takes, each with a checksum over all."""
    text = json.dumps([lock_id, body, run_id, at], separators=(",", ":"), ensure_ascii=False)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=_WORDS)
    packed = packer.compress(text.encode("utf-8", "surrogatepass")) + packer.flush()
    data = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    parts = [data[start : start + _PART] for start in range(0, len(data), _PART)]
    first, check = tag_of(lock_id), _checksum(data)
    return {
        f"{first}-{number}" if number > 1 else first: f"{_VERSION}.{number}of{len(parts)}.{check}.{part}"
        for number, part in enumerate(parts, 1)
    }


def decode(tags: Mapping[str, str]) -> tuple[list[Loan], list[str]]:
    """Return the loans that a VM's tags tell of, and the first names of copies that are not whole."""
    found: dict[str, dict[str, dict[int, str]]] = {}
    for name, value in tags.items():
        named, valued = _NAME.fullmatch(name), _VALUE.fullmatch(str(value))
        if named is None:
            continue
        copies = found.setdefault(named[1].lower(), {})
        if valued is not None:
            copies.setdefault(f"{valued[2]} {valued[3]}", {})[int(valued[1])] = valued[4]
    loans, broken = [], []
    for first, copies in sorted(found.items()):
        whole = [loan for key, parts in sorted(copies.items()) if (loan := _loan(first, key, parts)) is not None]
        loans += whole
        broken += [] if whole else [first]
    return loans, broken


def _loan(first: str, key: str, parts: Mapping[int, str]) -> Loan | None:
    count, _, check = key.partition(" ")
    data = "".join(parts[number] for number in sorted(parts))
    if sorted(parts) != list(range(1, int(count) + 1)) or _checksum(data) != check:
        return None
    try:
        unpacker = zlib.decompressobj(-15, zdict=_WORDS)
        text = unpacker.decompress(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)), _MOST_DATA)
        lock_id, body, run_id, at = json.loads(text.decode("utf-8", "surrogatepass"))
        noted = parse_time(at)
        whole = noted is not None and isinstance(body["properties"]["level"], str) and isinstance(run_id, str)
    except (ValueError, KeyError, TypeError, zlib.error):
        return None
    if noted is None or not whole or not _LOCK.fullmatch(lock_id) or tag_of(lock_id) != first:
        return None
    return Loan(first, lock_id, body, run_id, noted)


def _checksum(data: str) -> str:
    return hashlib.sha256(data.encode()).hexdigest()[:8]


def why_no_copy(facts: VmFacts, undo: Undo) -> str:
    """Return why no copy of a lock can be put on the VM as tags; empty when nothing is known to speak against it."""
    vm = facts.vm_or_none()
    if vm is None:
        return "the VM does not exist any more"
    locks = facts.locks_in_the_way("PATCH", vm.id)
    if locks:
        return f"the {locks[0].level} lock {locks[0].name!r} keeps its tags as they are"
    ours = tag_of(undo.target)
    others = {name: value for name, value in vm.tags.items() if not name.lower().startswith(ours)}
    copy = encode(undo.target, undo.body, _NO_RUN, _NO_TIME)
    if len(others) + len(copy) + 1 > MOST_TAGS:  # one more than it takes: the run's own id may take a little more room
        return f"it has {len(others)} tags of its own, and Azure allows {MOST_TAGS}"
    room = MOST_OF_A_VM - sum(len(name) + len(value) for name, value in others.items())
    needed = sum(len(name) + len(value) for name, value in copy.items()) + LONGEST_VALUE
    if needed > room:
        return f"its tags have room for {max(room, 0)} more characters, and a copy takes {needed}"
    return ""


def note_loan(facts: VmFacts, undo: Undo) -> Change:
    """Write the copy of a lock onto the VM, before the lock is taken away; all other tags stay as they are.

    What is written is completed by :func:`stamped`, with the run and the time; an approval covers the lock's copy.

    Args:
        facts: facts of the VM.
        undo: how the lock is put back.

    Permission: ``Microsoft.Resources/tags/write``. Source: REST operation "Tags - Update At Scope" (Merge).
    """
    name, tag = undo.target.rsplit("/", 1)[-1], tag_of(undo.target)
    return Change(
        action=WRITE,
        operation=UPDATE,
        target=facts.vm_id,
        summary=f"keep a copy of the lock {name!r} in the tag {tag!r} on the VM",
        reason="so the lock can be put back even if this machine and its journal are lost",
        before=None,
        after={"tag": tag, "lock": undo.target, **undo.body["properties"]},
        body={"operation": "Merge", "tags": {tag: ""}, "lock": undo.target, "copy": undo.body},
        undo=Undo(REMOVE, UPDATE, facts.vm_id, {"tag": tag}),
        repairs=False,
    )


def stamped(change: Change, run_id: str, at: datetime) -> Change:
    """Return a change as it is sent in a run: a lock's copy also tells which run owes the lock, and since when."""
    if change.action != WRITE:
        return change
    tags = encode(str(change.body["lock"]), change.body["copy"], run_id, iso(at))
    return replace(change, body={**change.body, "tags": tags}, stands_for=change.fingerprint)


def remove_note(facts: VmFacts, tag: str) -> Effects:
    """Take the copy of a lock away again; all other tags stay as they are.

    Args:
        facts: facts of the VM.
        tag: name of the first of its tags.

    Permission: ``Microsoft.Resources/tags/write``. Source: REST operation "Tags - Update At Scope" (Delete).
    """
    try:
        have = read_vm(facts.session, facts.vm_id).tags
    except NotFound:
        have = {}
    mine = {name: value for name, value in have.items() if _first(name) == tag.lower()}
    if not mine:
        yield NoChange(f"the tag {tag!r} is not there")
        return
    yield Change(
        action=REMOVE,
        operation=UPDATE,
        target=facts.vm_id,
        summary=f"remove the tag {tag!r} from the VM",
        reason="the lock whose copy it holds is back",
        before={"tags": sorted(mine)},
        after=None,
        body={"operation": "Delete", "tags": mine},
        repairs=False,
    )


def _first(name: str) -> str:
    found = _NAME.fullmatch(name)
    return found[1].lower() if found else ""


def in_subscription(loan: Loan, vm_id: str) -> bool:
    """Say whether a loan's lock is in the subscription of the VM that tells of it; nothing else is ever put back."""
    return loan.lock_id.split("/")[2].lower() == parse(vm_id).subscription.lower()
