"""Resource Graph on the wire."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from simulator.wire import ArmError, Json, Request, Response

from .expressions import QueryError
from .query import Query, parse
from .tables import tables

if TYPE_CHECKING:
    from simulator.world import World

PAGE = 1000


def query(world: World, request: Request) -> Response:
    """Answer a query over the subscription."""
    body = request.json()
    asked = body.get("query")
    if not isinstance(asked, str) or not asked.strip():
        raise _bad("InvalidQuery", "Query cannot be null, empty, or whitespace only.")
    options = body.get("options") or {}
    try:
        read = parse(asked)
        rows = read.run(tables(world))
    except QueryError as error:
        raise _bad("ParserFailure", f"The simulator's Resource Graph cannot run this query: {error}.") from error
    scope = [str(entry).lower() for entry in body.get("subscriptions") or []]
    if scope and world.subscription not in scope:
        rows = []
    return Response(200, _answer(read, rows, options), {"x-ms-user-quota-remaining": "14", **_QUOTA})


_QUOTA = {"x-ms-user-quota-resets-after": "00:00:05"}


def _answer(read: Query, rows: list[Json], options: Json) -> Json:
    start = _position(options.get("$skipToken")) or _number(options, "$skip", 0)
    top = min(_number(options, "$top", PAGE), PAGE)
    shown = rows[start : start + top]
    more = start + top < len(rows)
    body: Json = {
        "totalRecords": len(rows),
        "count": len(shown),
        "resultTruncated": "false",
        "facets": [],
        "data": shown if options.get("resultFormat", "objectArray") == "objectArray" else _table(read, shown),
    }
    if more:
        pageable = not read.limited and (read.columns is None or "id" in (name.lower() for name in read.columns))
        if pageable:
            body["$skipToken"] = base64.b64encode(f"row:{start + top}".encode()).decode()
        else:
            body["resultTruncated"] = "true"
    return body


def _number(options: Json, name: str, default: int) -> int:
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or value < (1 if name == "$top" else 0):
        raise _bad("InvalidOptions", f"The option {name} cannot be {value!r}.")
    return value


def _position(token: Any) -> int:
    if not token:
        return 0
    try:
        name, _, number = base64.b64decode(str(token).encode(), validate=True).decode().partition(":")
        if name == "row":
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise _bad("InvalidSkipToken", "The skip token is not valid.")


def _table(read: Query, rows: list[Json]) -> Json:
    names = read.columns or (list(rows[0]) if rows else [])
    columns = [{"name": name, "type": _type([row.get(name) for row in rows])} for name in names]
    return {"columns": columns, "rows": [[row.get(name) for name in names] for row in rows]}


def _type(values: list[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    if kinds and kinds <= {int, float}:
        return "integer" if kinds == {int} else "number"
    return "object" if kinds & {dict, list} else "string"


def _bad(code: str, message: str) -> ArmError:
    return ArmError(
        400,
        "BadRequest",
        "Please provide below info when asking for support: timestamp, correlationId.",
        extra={"details": [{"code": code, "message": message}]},
    )
