"""Microsoft's OpenAPI 2.0 documents: which operation a request is, and its schemas as JSON Schema.

JSON Schema has no word for three things that these documents rely on, so three keywords are added:

``definition``  a lazy reference to a definition, by file and name; schemas are converted when first used
``members``     the properties of an object, closed unless the document opens it. ``null`` counts as absent
``variants``    a polymorphic object, judged as the concrete type that its discriminator names
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from . import known

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = ("type", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "format")


def location() -> Path:
    """The folder of the documents: ``AZURE_SPECS``, else ``shared/azure-specs`` next to the repository."""
    return Path(os.environ.get("AZURE_SPECS") or REPOSITORY.parent / "shared" / "azure-specs")


@dataclass(frozen=True)
class Key:
    """A definition as seen in a request or in a response; ``exact``: without looking for its subtypes."""

    file: Path
    pointer: str
    mode: str
    exact: bool = False

    @property
    def name(self) -> str:
        return self.pointer.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Members:
    properties: dict[str, Any]
    required: frozenset[str]
    additional: Any = None
    """A schema, ``True`` for anything, ``None`` for nothing."""
    secret: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Variants:
    discriminator: str
    by_value: dict[str, Key]


@dataclass(frozen=True)
class Operation:
    """One operation of one document."""

    id: str
    method: str
    template: str
    version: str
    file: Path
    node: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]
    pattern: re.Pattern[str] = field(repr=False, compare=False)
    wide: int
    """How many path parameters may hold slashes: the fewer, the closer the match."""

    @property
    def examples(self) -> list[Path]:
        references = self.node.get("x-ms-examples", {}).values()
        return [(self.file.parent / reference["$ref"]).resolve() for reference in references]


class Documents:
    """All documents below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[Path, dict[str, Any]] = {}
        self._schemas: dict[Key, dict[str, Any]] = {}
        self._matches: dict[str, list[Operation]] = {}
        self._families: dict[Path, dict[str, list[str]]] = {}

    @property
    def present(self) -> bool:
        """Are there any documents?"""
        return (self.root / "specification").is_dir()

    @cached_property
    def operations(self) -> list[Operation]:
        """Every operation, the closest templates and newest versions first."""
        found: list[Operation] = []
        for path in sorted(self.root.glob("specification/**/*.json")):
            if "examples" not in path.parts:
                found += self._operations_of(path.resolve())
        by_id = {one.id: one for one in found}
        found += [_twin(by_id[other], template) for template, other in known.SAME_AS.items() if other in by_id]
        return sorted(found, key=lambda one: (one.wide, -len(re.sub(r"\{.*?\}", "", one.template)), -_age(one.version)))

    def _operations_of(self, path: Path) -> list[Operation]:
        document = self.load(path)
        found = []
        for template, methods in document.get("paths", {}).items():
            shared = methods.get("parameters", [])
            for method, node in methods.items():
                if method == "parameters":
                    continue
                parameters = tuple(self.resolve(one, path)[0] for one in [*shared, *node.get("parameters", [])])
                pattern, wide = _pattern(template, parameters)
                version = document["info"]["version"]
                found.append(
                    Operation(
                        node["operationId"], method.upper(), template, version, path, node, parameters, pattern, wide
                    )
                )
        return found

    def load(self, path: Path) -> dict[str, Any]:
        if path not in self._files:
            self._files[path] = json.loads(path.read_text(encoding="utf-8-sig"))
        return self._files[path]

    def matching(self, path: str) -> list[Operation]:
        """The operations whose template fits this decoded path, the closest template only."""
        if path not in self._matches:
            fitting = [one for one in self.operations if one.pattern.match(path)]
            self._matches[path] = [one for one in fitting if one.template.lower() == fitting[0].template.lower()]
        return self._matches[path]

    def find(self, method: str, path: str, version: str = "") -> Operation | None:
        """The operation of a request: of the document with its api-version, else of the newest."""
        fitting = [one for one in self.matching(path) if one.method == method]
        exact = [one for one in fitting if one.version == version]
        return next(iter(exact or fitting), None)

    def resolve(self, node: dict[str, Any], file: Path) -> tuple[dict[str, Any], Path]:
        """Follow ``$ref`` to what it refers to."""
        while "$ref" in node:
            file, pointer = self._target(node["$ref"], file)
            node = self._at(file, pointer)
        return node, file

    def _target(self, reference: str, file: Path) -> tuple[Path, str]:
        other, _, pointer = reference.partition("#")
        return ((file.parent / other).resolve() if other else file), pointer

    def _at(self, file: Path, pointer: str) -> Any:
        node: Any = self.load(file)
        for part in pointer.strip("/").split("/"):
            node = node[unquote(part).replace("~1", "/").replace("~0", "~")]
        return node

    def definition(self, key: Key) -> dict[str, Any]:
        """The JSON Schema of a definition."""
        if key not in self._schemas:
            self._schemas[key] = self._variants(key) or self._convert(self._at(key.file, key.pointer), key.file, key)
        return self._schemas[key]

    def schema(self, node: dict[str, Any] | None, file: Path, mode: str) -> dict[str, Any] | None:
        """The JSON Schema of a node; ``None`` stays ``None``."""
        return None if node is None else self._convert(node, file, Key(file, "", mode))

    def _convert(self, node: dict[str, Any], file: Path, key: Key) -> dict[str, Any]:
        if "$ref" in node:
            target, pointer = self._target(node["$ref"], file)
            return {"definition": Key(target, pointer, key.mode)}
        parents = node.get("allOf", [])
        if len(parents) == 1 and "properties" not in node and not key.pointer:
            return self._convert(parents[0], file, key)
        schema: dict[str, Any] = {word: node[word] for word in KEPT if word in node}
        if "enum" in node:
            enum = node.get("x-ms-enum", {})
            open_ended = enum.get("modelAsString", False)
            if not (open_ended and (key.mode == "request" or enum["name"] in known.OPEN_ENUMS)):
                schema["known" if open_ended else "enum"] = node["enum"]
        if "items" in node:
            schema["items"] = self._convert(node["items"], file, Key(file, "", key.mode))
        if "properties" in node or parents or "additionalProperties" in node:
            schema["type"] = "object"
            schema["members"] = self._members(node, file, key)
        return schema

    def _members(self, node: dict[str, Any], file: Path, key: Key) -> Members:
        properties: dict[str, Any] = {}
        required: set[str] = set()
        secret: set[str] = set()
        additional: Any = None
        for part, home, name in self._lineage(node, file, key.pointer):
            for word, value in part.get("properties", {}).items():
                properties[word] = self._convert(value, home, Key(home, "", key.mode))
                mutability = value.get("x-ms-mutability", ["read"])
                if key.mode == "response" and (value.get("x-ms-secret") or "read" not in mutability):
                    secret.add(word)
            required |= {
                word
                for word in part.get("required", [])
                if not (key.mode == "request" and part.get("properties", {}).get(word, {}).get("readOnly"))
            }
            more = part.get("additionalProperties")
            if more is not None:
                additional = more if more is True else self._convert(more, home, Key(home, "", key.mode))
            label = f"{home.name}#{name.rsplit('/', 1)[-1]}"
            properties.update(known.ADDED.get(label, {}))
            if key.mode == "request":
                properties.update(known.SENT.get(label, {}))
            required -= known.NOT_REQUIRED.get(label, set())
        if not properties and additional is None:
            additional = True
        return Members(properties, frozenset(required), additional, frozenset(secret))

    def _lineage(self, node: dict[str, Any], file: Path, pointer: str) -> list[tuple[dict[str, Any], Path, str]]:
        found: list[tuple[dict[str, Any], Path, str]] = []
        for parent in node.get("allOf", []):
            home, name = self._target(parent["$ref"], file) if "$ref" in parent else (file, "")
            found += self._lineage(self._at(home, name) if name else parent, home, name)
        return [*found, (node, file, pointer)]

    def _variants(self, key: Key) -> dict[str, Any] | None:
        if key.exact or not key.pointer.startswith("/definitions/"):
            return None
        lineage = self._lineage(self._at(key.file, key.pointer), key.file, key.pointer)
        discriminator = next((part["discriminator"] for part, _, _ in lineage if "discriminator" in part), None)
        if discriminator is None:
            return None
        by_value = {}
        for name in self._family(key.file, key.name):
            node = self._at(key.file, f"/definitions/{name}")
            if "discriminator" not in node or "x-ms-discriminator-value" in node:
                value = node.get("x-ms-discriminator-value", name)
                by_value[value] = Key(key.file, f"/definitions/{name}", key.mode, exact=True)
        return {"type": "object", "variants": Variants(discriminator, by_value)}

    def _family(self, file: Path, name: str) -> list[str]:
        if file not in self._families:
            children: dict[str, list[str]] = {}
            for child, node in self.load(file).get("definitions", {}).items():
                for parent in node.get("allOf", []):
                    children.setdefault(parent.get("$ref", "").rsplit("/", 1)[-1], []).append(child)
            self._families[file] = children
        below = self._families[file].get(name, [])
        return [name, *(one for child in below for one in self._family(file, child))]


def _twin(operation: Operation, template: str) -> Operation:
    names = re.findall(r"\{([\w-]+)\}", template)
    parameters = [{"name": name, "in": "path", "required": True, "type": "string"} for name in names]
    parameters += [one for one in operation.parameters if one["in"] != "path"]
    pattern, wide = _pattern(template, tuple(parameters))
    return replace(
        operation,
        id=f"{operation.id} (twin)",
        template=template,
        parameters=tuple(parameters),
        pattern=pattern,
        wide=wide,
    )


def _age(version: str) -> int:
    return int(re.sub(r"\D", "", version)[:8] or 0)


def _pattern(template: str, parameters: tuple[dict[str, Any], ...]) -> tuple[re.Pattern[str], int]:
    slashes = {one["name"] for one in parameters if one["in"] == "path" and one.get("x-ms-skip-url-encoding")}
    slashes |= known.WITH_SLASHES
    expression, wide = "", 0
    for index, part in enumerate(re.split(r"\{([\w-]+)\}", template.rstrip("/"))):
        if index % 2 == 0:
            expression += re.escape(part)
        else:
            expression += f"(?P<{part}>.+)" if part in slashes else f"(?P<{part}>[^/]+)"
            wide += part in slashes
    return re.compile(f"^{expression}/?$", re.IGNORECASE), wide
