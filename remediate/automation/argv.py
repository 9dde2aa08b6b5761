"""What a Python runbook is started with, in every shape in which it has been seen to arrive.

Nobody quotes webhook data on its way into a Python runbook: it comes split on blanks, with keys that have lost their
quotes, as the ``repr`` of a Python dict, with its body escaped once more, or encoded. What cannot be understood is
given back as it is, for the one who reads alerts to refuse.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arm.errors import UsageError

_BASE64 = re.compile(r"[A-Za-z0-9_+/-]{8,}={0,2}")
_BODY = re.compile(r"""["']?\bRequestBody["']?\s*:\s*""", re.IGNORECASE)
_HEADERS = re.compile(r"""\s*,\s*["']?RequestHeader["']?\s*:.*\Z""", re.IGNORECASE | re.DOTALL)
_REPR = re.compile(r"\s*\{\s*'")
_MOST_BRACKETS = 2_000
"""More of them in a Python literal is an attack on the parser, not an alert."""
_DEEPEST = 4
"""Envelopes in envelopes."""
_DRY_RUN = ("dry-run", "dryrun")
_YES, _NO = (*_DRY_RUN, "true", "yes", "1"), ("false", "no", "0")
_OPTIONS = {"--vm": "vm", "--code": "code", "--resource-group": "resource_group", "--subscription": "subscription"}


def payload_of(argv: Sequence[str]) -> str:
    """Return the alert that a job was started with: the body of the webhook's request.

    Args:
        argv: the arguments, the script's name first.

    Raises:
        UsageError: there is nothing.
    """
    raw = " ".join(argv[1:]).strip()
    if not raw:
        raise UsageError(
            "the job was started without an alert", "Start this runbook by its webhook, or give the alert's JSON."
        )
    return _body(raw)


def _body(raw: str) -> str:
    value = value_of(raw)
    if value is None:
        value = _cut_out(raw)
    for _ in range(_DEEPEST):
        inner = value_of(value) if isinstance(value, str) else _request_body(value)
        if inner is None:
            break
        value = inner
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _request_body(value: object) -> object | None:
    """Return what is inside a webhook's envelope; ``None`` when the value is none."""
    if not isinstance(value, Mapping):
        return None
    return next((inner for name, inner in value.items() if str(name).lower() == "requestbody"), None)


def _cut_out(raw: str) -> object:
    """Return the body of an envelope that is no JSON as a whole; all of it where there is none."""
    found = _BODY.search(raw)
    if found is None:
        return raw
    value = _decoded(raw, found.end())
    return _HEADERS.sub("", raw[found.end() :]) if value is None else value


def _decoded(raw: str, start: int) -> object | None:
    try:
        value: object = json.JSONDecoder(strict=False).raw_decode(raw, start)[0]
    except (ValueError, RecursionError):
        return None
    return value


def value_of(raw: str) -> object | None:
    """Return the value that a text means: JSON, base64 of JSON, or a Python literal; ``None`` when it is none."""
    try:
        value: object = json.loads(raw, strict=False)
    except (ValueError, RecursionError):
        return _from_base64(raw) if _BASE64.fullmatch(raw) else _from_repr(raw)
    return value


def _from_base64(raw: str) -> object | None:
    plain = raw.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode("utf-8-sig")
        value: object = json.loads(text, strict=False)
    except (ValueError, RecursionError, binascii.Error):
        return None
    return value


def _from_repr(raw: str) -> object | None:
    if not _REPR.match(raw) or sum(map(raw.count, "{[(")) > _MOST_BRACKETS:
        return None
    try:
        value: object = ast.literal_eval(raw.strip())
        json.dumps(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return value


@dataclass(frozen=True)
class Order:
    """What the runbook ``remediate_backup`` is asked to do.

    Attributes:
        code: error code or message; empty for the one that the VM's last failed job tells.
        vm: name or id of the VM.
        resource_group: where to look for a VM that is given by name.
        subscription: the same.
        dry_run: show it only.
        approve: digest of the plan whose every change is accepted.
        inputs: what the error's runbook should know, and ``choose``, the way that was chosen.
    """

    code: str
    vm: str
    resource_group: str = ""
    subscription: str = ""
    dry_run: bool = False
    approve: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


_TEXTS = ("code", "vm", "resource_group", "subscription", "approve")
_HOW = (
    'Give one parameter, base64url of the JSON {"code": "...", "vm": "...", "dry_run": true}; '
    "or the code, the VM and 'dry-run' as parameters 1 to 3."
)


def order_of(argv: Sequence[str]) -> Order:
    """Return what a job of the runbook ``remediate_backup`` is asked to do.

    Args:
        argv: the arguments, the script's name first.

    Raises:
        UsageError: it cannot be understood; nothing is guessed.
    """
    given = [one.strip() for one in argv[1:]]
    while given and not given[-1]:
        given.pop()
    if not given:
        raise UsageError("the job was started without parameters", _HOW)
    encoded = len(given) == 1 and not given[0].startswith("/")
    value = value_of(" ".join(given)) if encoded or given[0][:1] in "{[" else None
    if isinstance(value, Mapping):
        return _from_mapping(value)
    if given[0][:1] in "{[":
        raise UsageError("the parameter is no JSON; Azure Automation does not keep its quotes", _HOW)
    return _from_words(given)


def _from_mapping(value: Mapping[Any, Any]) -> Order:
    known = (*_TEXTS, "dry_run", "inputs")
    strange = sorted(str(name) for name in value if name not in known)
    if strange:
        raise UsageError(f"the parameter has what is not known: {', '.join(strange)[:200]}", _HOW)
    texts = {name: value[name] for name in _TEXTS if name in value}
    inputs = value.get("inputs", {})
    pairs = {**texts, **inputs} if isinstance(inputs, Mapping) else {"inputs": inputs}
    wrong = sorted(str(name) for name, one in pairs.items() if not isinstance(one, str))
    if wrong:
        raise UsageError(f"the parameter has values that are no texts: {', '.join(wrong)[:200]}", _HOW)
    order = Order(**{"code": "", "vm": "", **texts}, dry_run=_flag(value.get("dry_run", False)), inputs=dict(inputs))
    return _complete(order)


def _from_words(words: list[str]) -> Order:
    """Take code, VM and dry run by their place; a whole message as code goes into the encoded form only."""
    places, named, dry_run = _options(words)
    if len(places) == 3 or (len(places) == 2 and places[1].lower() in _DRY_RUN):
        dry_run = _flag(places.pop()) or dry_run
    for name in ("vm", "code"):
        if places and name not in named:
            named[name] = places.pop()
    if places:
        raise UsageError(f"the job was started with {places[0][:80]!r}, and it cannot be told what it is", _HOW)
    return _complete(Order(**{"code": "", "vm": "", **named}, dry_run=dry_run))  # type: ignore[arg-type]


def _options(words: list[str]) -> tuple[list[str], dict[str, str], bool]:
    places: list[str] = []
    named: dict[str, str] = {}
    dry_run = False
    waiting = iter(words)
    for word in waiting:
        if word in _OPTIONS:
            named[_OPTIONS[word]] = next(waiting, "")
        elif word == "--dry-run":
            dry_run = True
        elif word.startswith("--"):
            raise UsageError(f"the job was started with {word[:80]!r}, which is not known", _HOW)
        else:
            places.append(word)
    return places, named, dry_run


def _complete(order: Order) -> Order:
    if not order.vm:
        raise UsageError("no virtual machine was named", _HOW)
    return order


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text not in (*_YES, *_NO):
        raise UsageError(f"{text[:80]!r} says neither that it is a dry run nor that it is none", _HOW)
    return text in _YES
