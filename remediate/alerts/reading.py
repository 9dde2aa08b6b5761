"""Values out of JSON that anybody may have written: any value may be missing, or of another type than it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from arm.strict_ids import shown

MAX_BYTES = 512 * 1024
"""A payload has to be smaller: Azure Automation's limit is 512 KB, an alert of Azure Monitor's is 256 KB."""

Json = Mapping[str, Any]


class Number(str):
    """A number, as it was written."""

    __slots__ = ()


class Unreadable(Exception):
    """A text that is no JSON; the message says where it ends to be."""


def decoded(payload: bytes | str) -> Any:
    """Return the JSON of a payload; numbers stay texts, because none is computed with.

    UTF-8, UTF-16 and UTF-32 are recognised, with or without a byte order mark.

    Raises:
        Unreadable: it is too large, in another encoding, cut, or no JSON.
    """
    size = len(payload) if isinstance(payload, bytes) else len(payload.encode(errors="replace"))
    if size >= MAX_BYTES:
        raise Unreadable(f"it has {MAX_BYTES} bytes or more, and no alert has so many")
    text = payload if isinstance(payload, str) else _text(payload)
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise Unreadable("it is empty")
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_object)
    except RecursionError as error:
        raise Unreadable("it is nested too deep") from error
    except json.JSONDecodeError as error:
        near = shown(text[max(0, error.pos - 20) : error.pos + 20])
        what = error.msg.removesuffix(" at").removesuffix(" starting")  # what Python says of a text that does not end
        raise Unreadable(f"it is no JSON: {what} at character {error.pos} of {len(text)}, near {near}") from error


def _text(payload: bytes) -> str:
    encoding = json.detect_encoding(payload)
    try:
        return payload.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte {error.start}" if error.start else "its first byte"
        raise Unreadable(f"it is not {encoding.upper()}: {where} cannot be read") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a name that is there twice no reader knows which value is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"it names {shown(twice)} twice in one object")
    return found


def get(node: Any, path: str) -> Any:
    """Return what is at the end of names with dots between; their case does not count. ``None`` without it."""
    for name in path.split("."):
        node = _member(node, name)
    return node


def _member(node: Any, name: str) -> Any:
    if not isinstance(node, dict):
        return None
    if name in node:
        return node[name]
    return next((value for key, value in node.items() if str(key).lower() == name.lower()), None)


def text_at(node: Any, *paths: str) -> tuple[str, str]:
    """Return the first text that is not empty at any of the paths, and its path; two empty texts without one."""
    for path in paths:
        found = get(node, path)
        if isinstance(found, list) and found:
            found, path = found[0], f"{path}[0]"  # noqa: PLW2901  # where it stood is told
        if isinstance(found, str) and found.strip():
            return found, path
    return "", ""


def objects(node: Any, path: str) -> Iterator[tuple[int, Json]]:
    """Yield the objects of the list at a path, with their numbers from 0."""
    found = get(node, path)
    for number, one in enumerate(found if isinstance(found, list) else ()):
        if isinstance(one, dict):
            yield number, one
