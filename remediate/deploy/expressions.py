"""The expressions of an ARM template, as far as ours uses them: ``[concat(parameters('a'), '/b')]``.

The template is the one description of what is deployed; ``az deployment group create`` and ``remediate deploy`` read
the same file.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arm.errors import UsageError

_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""Of ARM's function ``guid``: a name-based UUID of its arguments with dashes between them."""
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z]\w*)|(?P<sign>[()\[\],.]))")
Function = Callable[..., Any]


class TemplateError(UsageError):
    """The template cannot be evaluated; it is not the one that came with this version."""

    def __init__(self, message: str) -> None:
        super().__init__(f"the template cannot be evaluated: {message}", "Use the template.json of this version.")


@dataclass(frozen=True)
class _Call:
    name: str
    arguments: Sequence[Any]


@dataclass(frozen=True)
class _Pick:
    """A property or an element of another value."""

    of: Any
    key: Any


def evaluate(value: Any, functions: Mapping[str, Function]) -> Any:
    """Return a value of the template with every expression in it evaluated; what is ``null`` is left out of objects.

    Args:
        value: any JSON.
        functions: by name in lower case; those of :data:`FUNCTIONS` are always there.

    Raises:
        TemplateError: an expression is none, or uses a function that is not known.
    """
    if isinstance(value, str):
        return _text(value, functions)
    if isinstance(value, Mapping):
        found = {name: evaluate(inner, functions) for name, inner in value.items()}
        return {name: inner for name, inner in found.items() if inner is not None}
    if isinstance(value, list):
        return [evaluate(inner, functions) for inner in value]
    return value


def _text(text: str, functions: Mapping[str, Function]) -> Any:
    if text.startswith("[["):
        return text[1:]
    if not (text.startswith("[") and text.endswith("]")):
        return text
    return _value(_parse(text), {**FUNCTIONS, **functions})


def _value(tree: Any, functions: Mapping[str, Function]) -> Any:
    if isinstance(tree, _Call):
        name = tree.name.lower()
        if name == "if":  # only the branch that counts
            chosen, yes, no = tree.arguments
            return _value(yes if _value(chosen, functions) else no, functions)
        if name not in functions:
            raise TemplateError(f"the function {tree.name!r} is not known")
        return functions[name](*(_value(one, functions) for one in tree.arguments))
    if isinstance(tree, _Pick):
        whole, key = _value(tree.of, functions), _value(tree.key, functions)
        try:
            return whole[key]
        except (LookupError, TypeError):
            raise TemplateError(f"there is no {key!r} in what {tree.of} gives") from None
    return tree


def _parse(text: str) -> Any:
    tokens = list(_tokens(text[1:-1]))
    tree, end = _read(tokens, 0)
    if end != len(tokens):
        raise TemplateError(f"{text!r} goes on after its end")
    return tree


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if found is None:
            raise TemplateError(f"{text!r} is no expression at character {place}")
        yield found[0].strip()
        place = found.end()


def _read(tokens: Sequence[str], place: int) -> tuple[Any, int]:
    """Read one value from a place on; return it, and the place after it."""
    first = _at(tokens, place)
    tree: Any
    if first.startswith("'"):
        tree, place = first[1:-1].replace("''", "'"), place + 1
    elif first.lstrip("-").isdecimal():
        tree, place = int(first), place + 1
    elif _at(tokens, place + 1) == "(":
        arguments, place = _arguments(tokens, place + 2)
        tree = _Call(first, arguments)
    else:
        raise TemplateError(f"{first!r} is no value")
    while _at(tokens, place) in (".", "["):
        if tokens[place] == ".":
            tree, place = _Pick(tree, _at(tokens, place + 1)), place + 2
        else:
            key, place = _read(tokens, place + 1)
            tree, place = _Pick(tree, key), place + 1
    return tree, place


def _arguments(tokens: Sequence[str], place: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while _at(tokens, place) != ")":
        value, place = _read(tokens, place)
        found.append(value)
        if _at(tokens, place) == ",":
            place += 1
        elif _at(tokens, place) != ")":
            raise TemplateError(f"a comma is missing after {value!r}")
    return found, place + 1


def _at(tokens: Sequence[str], place: int) -> str:
    return tokens[place] if place < len(tokens) else ""


def _spoken(value: Any) -> str:
    """Return a value as ARM's function ``string`` does."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other)


def _substring(text: str, start: int, length: int) -> str:
    return text[start : start + length]


def _union(*parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _object(*pairs: Any) -> dict[str, Any]:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def arm_guid(*parts: str) -> str:
    """Return what ARM's function ``guid`` returns."""
    return str(uuid.uuid5(_NAMESPACE, "-".join(parts)))


FUNCTIONS: dict[str, Function] = {
    "concat": lambda *parts: "".join(str(part) for part in parts),
    "contains": lambda whole, part: part in whole,
    "createarray": lambda *parts: list(parts),
    "createobject": _object,
    "empty": lambda value: value in (None, "", [], {}),
    "equals": _same,
    "guid": arm_guid,
    "last": lambda parts: parts[-1],
    "length": len,
    "not": lambda value: not value,
    "null": lambda: None,
    "split": lambda text, sign: text.split(sign),
    "string": _spoken,
    "sub": lambda one, other: one - other,
    "substring": _substring,
    "union": _union,
}
"""What needs nothing but its arguments, by name in lower case."""
