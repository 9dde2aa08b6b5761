"""Microsoft's official examples as recorded traffic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .documents import Documents, Operation
from .openapi import Entry

HEADERS = {"x-ms-request-id": "1", "x-ms-correlation-request-id": "2", "Date": "Mon, 02 Mar 2026 03:00:00 GMT"}
ACCEPTED = {**HEADERS, "Azure-AsyncOperation": "https://example.net/operations/1?api-version=1", "Retry-After": "60"}


@dataclass(frozen=True)
class Sample:
    """One response of one example, with its request."""

    operation: Operation
    file: Path
    entry: Entry

    def __str__(self) -> str:
        return f"{self.operation.id}-{self.file.stem}-{self.entry['status']}"


def samples(documents: Documents) -> list[Sample]:
    """All examples of all documents, one for each response."""
    return [one for operation in documents.operations for file in operation.examples for one in _read(operation, file)]


def _read(operation: Operation, file: Path) -> Iterator[Sample]:
    example = json.loads(file.read_text(encoding="utf-8-sig"))
    path, query, body = operation.template, {}, None
    for parameter in operation.parameters:
        value = example["parameters"].get(parameter["name"])
        if parameter["in"] == "body":
            body = value
        elif value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", text.strip("/"))
            elif parameter["in"] == "query":
                query[parameter["name"]] = text
    for status, response in example["responses"].items():
        code = int(status)
        yield Sample(operation, file, entry(operation.method, path, query, body, code, response.get("body")))


def entry(method: str, path: str, query: dict[str, str], body: Any, status: int, response: Any) -> Entry:
    """A recorded exchange, as the simulator would have written it."""
    return {
        "method": method,
        "path": path,
        "query": query,
        "api_version": query.get("api-version", ""),
        "body": body,
        "status": status,
        "response": response,
        "response_headers": dict(ACCEPTED if status == 202 else HEADERS),
        "fault": None,
    }
