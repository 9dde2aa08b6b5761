"""A small, honest interpreter of Resource Graph's query language.

Served: one table, then ``where``, ``project``, ``extend``, ``order by``/``sort by``, ``limit``/``take`` and ``count``.
Everything else is refused with a message that names it, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from simulator.wire import Json

from .expressions import QueryError, Reader, Value, expression, text, tokens

Rows = list[Json]
Step = Callable[[Rows], Rows]


@dataclass
class Query:
    """A query that was read: its table, its steps, and what decides about paging."""

    table: str
    steps: list[Step] = field(default_factory=list)
    limited: bool = False
    columns: list[str] | None = None

    def run(self, tables: Mapping[str, Callable[[], Sequence[Json]]]) -> Rows:
        """Return the rows.

        Raises:
            QueryError: when there is no such table.
        """
        source = tables.get(self.table.lower())
        if source is None:
            raise QueryError(f"the table {self.table!r} is not served; tables: {', '.join(tables)}")
        rows = list(source())
        for step in self.steps:
            rows = step(rows)
        return rows


def parse(query: str) -> Query:
    """Read a query.

    Raises:
        QueryError: naming the first thing that is not served.
    """
    reader = Reader(tokens(query))
    result = Query(reader.name())
    while reader.accept("|"):
        operator = reader.name().lower()
        read = _OPERATORS.get(operator)
        if read is None:
            raise QueryError(f"the operator {operator!r} is not served; operators: {', '.join(_OPERATORS)}")
        result.steps.append(read(reader, result))
    if reader.next.kind != "end":
        raise QueryError(f"unexpected {reader.next.value!r}")
    return result


def _where(reader: Reader, query: Query) -> Step:  # noqa: ARG001
    condition = expression(reader)
    return lambda rows: [row for row in rows if condition(row)]


def _named(reader: Reader) -> list[tuple[str, Value]]:
    found = [_one_named(reader)]
    while reader.accept(","):
        found.append(_one_named(reader))
    return found


def _one_named(reader: Reader) -> tuple[str, Value]:
    start = reader.next
    value = expression(reader)
    if start.kind == "name" and reader.accept("="):
        return start.value, expression(reader)
    return getattr(value, "__name__", "Column").replace("<lambda>", "Column"), value


def _project(reader: Reader, query: Query) -> Step:
    columns = _named(reader)
    query.columns = [name for name, _ in columns]
    return lambda rows: [{name: value(row) for name, value in columns} for row in rows]


def _extend(reader: Reader, query: Query) -> Step:  # noqa: ARG001
    columns = _named(reader)
    return lambda rows: [{**row, **{name: value(row) for name, value in columns}} for row in rows]


def _order(reader: Reader, query: Query) -> Step:  # noqa: ARG001
    reader.expect("by")
    keys: list[tuple[Value, bool]] = []
    while True:
        value = expression(reader)
        ascending = reader.accept("asc")
        keys.append((value, not ascending))
        if not ascending:
            reader.accept("desc")
        if not reader.accept(","):
            break

    def step(rows: Rows) -> Rows:
        for value, descending in reversed(keys):
            rows = sorted(rows, key=partial(_sort_key, value), reverse=descending)
        return rows

    return step


def _sort_key(of: Value, row: Json) -> tuple[int, float, str]:
    value = of(row)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (0, float(value), "") if number else (1, 0.0, text(value))


def _limit(reader: Reader, query: Query) -> Step:
    piece = reader.take()
    if piece.kind != "number" or "." in piece.value:
        raise QueryError(f"expected a number of rows before {piece.value or 'the end'!r}")
    query.limited = True
    rows_wanted = int(piece.value)
    return lambda rows: rows[:rows_wanted]


def _count(reader: Reader, query: Query) -> Step:  # noqa: ARG001
    query.columns = ["Count"]
    return lambda rows: [{"Count": len(rows)}]


_OPERATORS: dict[str, Callable[[Reader, Query], Step]] = {
    "where": _where,
    "project": _project,
    "extend": _extend,
    "order": _order,
    "sort": _order,
    "limit": _limit,
    "take": _limit,
    "count": _count,
}
