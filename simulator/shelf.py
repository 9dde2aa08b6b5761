"""Resources that a service only keeps: made, shown, listed, deleted, each held against a table of its properties.

The tables (``properties.json`` of a service) say what ARM takes, in a few words: ``"text"``, ``"flag"``, ``"number"``,
``"time"``, ``"any"``, a list of words, ``{"[]": ...}`` for a list, ``{"*": ...}`` for names of any kind, and an object
whose names end with ``!`` where they are required.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .errors import parent_not_found, resource_not_found
from .paging import page
from .wire import ArmError, Json, Request, Response

if TYPE_CHECKING:
    from .world import World

_PLAIN: dict[str, Callable[[Any], bool]] = {
    "any": lambda _value: True,
    "flag": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "time": lambda value: isinstance(value, str) and moment(value) is not None,
}


def read_table(folder: Path) -> dict[str, Json]:
    """Return the property tables of a service by resource type."""
    found: dict[str, Json] = json.loads((folder / "properties.json").read_text(encoding="utf-8"))
    return found


def moment(text: str) -> datetime | None:
    """Return a time as ARM writes it, ``None`` for anything else."""
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text.strip()).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def faults_of(value: Any, table: Any, path: str = "") -> Iterator[str]:
    """Yield what is wrong with a value, each as the path in it and the reason."""
    if value is None:
        return
    if isinstance(table, str):
        if not _PLAIN[table](value):
            yield f"{path}: {value!r} is no {table}"
    elif isinstance(table, list):
        if not isinstance(value, str) or value.lower() not in [str(one).lower() for one in table]:
            yield f"{path}: {value!r} is none of {', '.join(table)}"
    elif "[]" in table:
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for number, one in enumerate(value):
            yield from faults_of(one, table["[]"], f"{path}[{number}]")
    else:
        yield from _object_faults(value, table, path)


def _object_faults(value: Any, table: Mapping[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: {value!r} is no object"
        return
    known = {name.rstrip("!"): inner for name, inner in table.items()}
    for name in table:
        if name.endswith("!") and value.get(name[:-1]) is None:
            yield f"{path}.{name[:-1]}: is required"
    for name, inner in value.items():
        if name in known or "*" in known:
            yield from faults_of(inner, known.get(name, known.get("*")), f"{path}.{name}")
        else:
            yield f"{path}.{name}: is not known"


@dataclass
class Item:
    """One resource; ``extra`` is what the service remembers of it and never shows as it is."""

    id: str
    type: str
    body: Json
    extra: Json = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its own name."""
        return self.id.rpartition("/")[2]

    @property
    def properties(self) -> Json:
        """Its properties."""
        found: Json = self.body.setdefault("properties", {})
        return found

    @property
    def location(self) -> str:
        """Its region; empty for a part of another resource."""
        return str(self.body.get("location", ""))

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        found: dict[str, str] = self.body.setdefault("tags", {})
        return found

    @tags.setter
    def tags(self, tags: dict[str, str]) -> None:
        self.body["tags"] = tags


class Shelf:
    """Resources by lower-case id.

    Args:
        world: the world.
        tables: property tables by type.
    """

    def __init__(self, world: World, tables: Mapping[str, Json]) -> None:
        self.world = world
        self.tables = tables
        self.items: dict[str, Item] = {}

    def find(self, resource_id: str) -> Item | None:
        """Return a resource, ``None`` when there is none."""
        return self.items.get(resource_id.lower())

    def require(self, resource_id: str, kind: str) -> Item:
        """Return a resource.

        Raises:
            ArmError: 404.
        """
        found = self.find(resource_id)
        if found is None:
            raise resource_not_found(kind, "/".join(resource_id.split("/")[8::2]), resource_id.split("/")[4])
        return found

    def put(self, resource_id: str, kind: str, body: Json) -> tuple[Item, bool]:
        """Make or change a resource; the second value says whether it is new.

        Raises:
            ArmError: 400 for properties that ARM does not take, 404 for a parent that is not there.
        """
        faults = list(faults_of(body, self.tables[kind]))
        if faults:
            raise ArmError(400, "BadRequest", f"The request is not valid: {'; '.join(faults)}.")
        parent = resource_id.rsplit("/", 2)[0]
        if resource_id.count("/") > 8 and not parent.endswith("/default") and self.find(parent) is None:
            raise parent_not_found("Write", kind.partition("/")[2], parent.rpartition("/")[2])
        known = self.find(resource_id)
        kept = copy.deepcopy({name: value for name, value in body.items() if value is not None})
        item = known or Item(resource_id, kind, {})
        item.body = {**({"tags": dict(item.tags)} if known else {}), **kept}
        self.items[resource_id.lower()] = item
        return item, known is None

    def remove(self, resource_id: str) -> bool:
        """Remove a resource with all that is inside of it; say whether it was there."""
        key = resource_id.lower()
        there = key in self.items
        self.items = {one: item for one, item in self.items.items() if one != key and not one.startswith(f"{key}/")}
        return there

    def within(self, prefix: str, kind: str) -> list[Item]:
        """Return the resources of a type whose id begins so."""
        return [item for key, item in self.items.items() if item.type == kind and key.startswith(prefix.lower())]


def shown(item: Item, hidden: tuple[str, ...] = ()) -> Json:
    """Return a resource as ARM shows it, without some of its properties."""
    body = copy.deepcopy(item.body)
    properties = {name: value for name, value in body.pop("properties", {}).items() if name not in hidden}
    return {"id": item.id, "name": item.name, "type": item.type, **body, "properties": properties}


def listing(request: Request, items: list[Json], world: World) -> Response:
    """Answer a list."""
    return Response(200, page(request, items, world.page_size))


def polled(world: World, request: Request, operation_id: str) -> Response:
    """Answer a poll of an operation: 202 while it runs, 200 when it has ended, else its error."""
    known = world.operations.by_id.get(operation_id.lower())
    if known is None or request.query.get("t") != known.token:
        raise ArmError(404, "NotFound", f"The operation '{operation_id}' was not found.")
    seen = world.operations.poll(operation_id)
    if seen.status == "InProgress":
        query = "&".join(f"{name}={quote(value)}" for name, value in request.query.items())
        return Response(202, None, {"Location": f"{request.base_url}{quote(request.path)}?{query}", "Retry-After": "5"})
    if seen.error is not None:
        raise ArmError(400, seen.error["code"], seen.error["message"])
    return Response(200, {"status": seen.status})
