"""The expressions of the query language: read once, evaluated per row."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from simulator.wire import Json

Value = Callable[[Json], Any]

_TOKEN = re.compile(
    r"""\s+ | //[^\n]*
    | (?P<text>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_$][\w$]*)
    | (?P<sign>==|=~|!=|!~|<=|>=|[<>=|(),.\[\]~!])
    """,
    re.VERBOSE,
)


class QueryError(Exception):
    """The query is not one of those served; the message says which part."""


@dataclass(frozen=True)
class Token:
    """A piece of a query: ``kind`` is text, number, name, sign or end."""

    kind: str
    value: str


def tokens(query: str) -> list[Token]:
    """Cut a query into pieces; comments are dropped.

    Raises:
        QueryError: at a character that starts no piece.
    """
    found, position = [], 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise QueryError(f"unexpected {query[position]!r} at position {position}")
        if match.lastgroup:
            found.append(Token(match.lastgroup, match[0]))
        position = match.end()
    return [*found, Token("end", "")]


class Reader:
    """Reads pieces one after the other."""

    def __init__(self, pieces: list[Token]) -> None:
        self._pieces = pieces
        self._at = 0

    @property
    def next(self) -> Token:
        """The piece to come."""
        return self._pieces[self._at]

    def take(self) -> Token:
        """Return the piece to come and go on."""
        piece = self._pieces[self._at]
        self._at = min(self._at + 1, len(self._pieces) - 1)
        return piece

    def accept(self, *values: str) -> bool:
        """Go on if the next piece is one of these words or signs, in any case."""
        if self.next.kind in ("name", "sign") and self.next.value.lower() in values:
            self.take()
            return True
        return False

    def expect(self, value: str) -> None:
        """Go on past a word or sign that has to come.

        Raises:
            QueryError: when something else comes.
        """
        if not self.accept(value):
            raise QueryError(f"expected {value!r} before {self.next.value or 'the end'!r}")

    def name(self) -> str:
        """Return the name that has to come.

        Raises:
            QueryError: when something else comes.
        """
        if self.next.kind != "name":
            raise QueryError(f"expected a name before {self.next.value or 'the end'!r}")
        return self.take().value


def column(row: Json, name: str) -> Any:
    """Return a property in any case of its name; ``None`` when there is none."""
    if name in row:
        return row[name]
    return next((value for key, value in row.items() if key.lower() == name.lower()), None)


def text(value: Any) -> str:
    """Return a value as ``tostring`` does."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else str(value)


def _moment(written: str) -> datetime | None:
    """Return a time as ``todatetime`` does; ``None`` for what is no time."""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", written.replace("Z", "+00:00")))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


_FRACTION = re.compile(r"(\.\d{6})\d+")

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tostring": text,
    "tolower": lambda value: text(value).lower(),
    "toupper": lambda value: text(value).upper(),
    "isempty": lambda value: text(value) == "",
    "isnotempty": lambda value: text(value) != "",
    "isnull": lambda value: value is None,
    "isnotnull": lambda value: value is not None,
    "strlen": lambda value: len(text(value)),
    "todatetime": lambda value: _moment(text(value)),
}

_Comparison = Callable[[Any, Any], bool]


def _folded(compare: Callable[[str, str], bool]) -> _Comparison:
    return lambda left, right: compare(text(left).lower(), text(right).lower())


def _ordered(compare: Callable[[Any, Any], bool]) -> _Comparison:
    def result(left: Any, right: Any) -> bool:
        try:
            return compare(left, right)
        except TypeError:
            return False

    return result


_COMPARISONS: dict[str, _Comparison] = {
    "==": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "=~": _folded(lambda left, right: left == right),
    "!~": _folded(lambda left, right: left != right),
    "contains": _folded(lambda left, right: right in left),
    "startswith": _folded(lambda left, right: left.startswith(right)),
    "endswith": _folded(lambda left, right: left.endswith(right)),
    "has": _folded(lambda left, right: re.search(rf"(?<![^\W_]){re.escape(right)}(?![^\W_])", left) is not None),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
}


def expression(reader: Reader) -> Value:
    """Read ``a and b or not (c)``."""
    terms = [_conjunction(reader)]
    while reader.accept("or"):
        terms.append(_conjunction(reader))
    return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)


def _conjunction(reader: Reader) -> Value:
    terms = [_comparison(reader)]
    while reader.accept("and"):
        terms.append(_comparison(reader))
    return terms[0] if len(terms) == 1 else lambda row: all(term(row) for term in terms)


def _comparison(reader: Reader) -> Value:
    left = _operand(reader)
    sign = reader.next.value.lower() if reader.next.kind in ("name", "sign") else ""
    if sign == "in":
        reader.take()
        return _membership(reader, left)
    compare = _COMPARISONS.get(sign)
    if compare is None:
        return left
    reader.take()
    right = _operand(reader)
    return lambda row: compare(left(row), right(row))


def _membership(reader: Reader, left: Value) -> Value:
    equal = _COMPARISONS["=~" if reader.accept("~") else "=="]
    reader.expect("(")
    values = [_operand(reader)]
    while reader.accept(","):
        values.append(_operand(reader))
    reader.expect(")")
    return lambda row: any(equal(left(row), value(row)) for value in values)


def _operand(reader: Reader) -> Value:
    piece = reader.take()
    if piece.kind == "text":
        literal = re.sub(r"\\(.)", r"\1", piece.value[1:-1])
        return lambda row: literal  # noqa: ARG005
    if piece.kind == "number":
        number = float(piece.value) if "." in piece.value else int(piece.value)
        return lambda row: number  # noqa: ARG005
    if piece.value == "(":
        inner = expression(reader)
        reader.expect(")")
        return inner
    if piece.kind != "name":
        raise QueryError(f"unexpected {piece.value or 'end of query'!r}")
    if piece.value.lower() in ("true", "false"):
        truth = piece.value.lower() == "true"
        return lambda row: truth  # noqa: ARG005
    if reader.next.value == "(":
        return _call(reader, piece.value)
    return _path(reader, piece.value)


def _call(reader: Reader, name: str) -> Value:
    reader.expect("(")
    if name.lower() == "not":
        inner = expression(reader)
        reader.expect(")")
        return lambda row: not inner(row)
    function = _FUNCTIONS.get(name.lower())
    if function is None:
        raise QueryError(f"the function {name!r} is not served")
    argument = expression(reader)
    reader.expect(")")
    return lambda row: function(argument(row))


def _member(reader: Reader) -> str:
    if reader.take().value == ".":
        return reader.name()
    piece = reader.take()
    if piece.kind != "text":
        raise QueryError(f"expected a name in quotes before {piece.value or 'the end'!r}")
    reader.expect("]")
    return piece.value[1:-1]


def _path(reader: Reader, first: str) -> Value:
    names = [first]
    while reader.next.value in (".", "["):
        names.append(_member(reader))

    def value(row: Json) -> Any:
        found: Any = row
        for name in names:
            found = column(found, name) if isinstance(found, dict) else None
        return found

    value.__name__ = "_".join(names)
    return value
