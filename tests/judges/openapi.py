"""The judge: does recorded traffic agree with Microsoft's OpenAPI documents?

``Judge(documents).judge(entries)`` takes entries as the simulator records them and returns what is wrong
with them. Traffic that was spoilt on purpose (``entry["fault"]``) is not judged. A request that the
simulator refuses may be as wrong as it likes; one that it accepts must be what the document demands.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from . import known
from .documents import Documents, Operation
from .validation import place, validator_class

Entry = dict[str, Any]
Address = tuple[str, frozenset[tuple[str, str]]]
"""Path in lower case, and query."""


@dataclass(frozen=True)
class Finding:
    """One disagreement: which operation, in which exchange, where in it, and what."""

    operation: str
    exchange: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.where}: {self.what}\n    in {self.exchange}"


def excuse(method: str, path: str, query: dict[str, str]) -> known.Unjudged | None:
    """Why a request needs no document, if it does not."""
    label = f"{method} {path}?{urlencode(query)}"
    return next((one for one in known.UNJUDGED if re.search(one.pattern, label, re.IGNORECASE)), None)


class Judge:
    """Judges traffic and keeps count of what it could not judge."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.judged: Counter[str] = Counter()
        self.unjudged: Counter[str] = Counter()
        self._validator = validator_class(documents)
        self._validators: dict[tuple[str, str, str], Any] = {}
        self._verdicts: dict[tuple[str, ...], tuple[tuple[str, str], ...]] = {}
        self._handed_out: dict[Address, Operation | None] = {}
        """Addresses that the service itself gave away, and the operation in whose answer."""

    def judge(self, entries: Iterable[Entry]) -> list[Finding]:
        """Return all findings of these entries, each once, in order."""
        found: dict[Finding, None] = {}
        for entry in entries:
            if not entry.get("fault"):
                found.update(dict.fromkeys(self._entry(entry)))
            self._remember_urls(entry)
        return list(found)

    def _entry(self, entry: Entry) -> list[Finding]:
        method, path, status = entry["method"], entry["path"], entry["status"]
        exchange = f"{method} {path} -> {status}"
        operation = self.documents.find(method, path, entry.get("api_version") or "")
        if operation is None:
            return [Finding(f"{method} {path}", exchange, *one) for one in self._without_document(entry)]
        self.judged[operation.id] += 1
        problems = list(self._response(operation, entry))
        if status < 400:
            problems += self._request(operation, entry)
        return [Finding(operation.id, exchange, where, what) for where, what in problems]

    def _without_document(self, entry: Entry) -> Iterable[tuple[str, str]]:
        """Errors have ARM's form wherever they come from; the rest must be on the list of the unjudged."""
        service = excuse(entry["method"], entry["path"], _query(entry["query"]))
        if service is not None:
            self.unjudged[service.what] += 1
        status, body, schema = entry["status"], _parsed(entry["response"]), service and service.shape
        if entry["method"] == "HEAD" or (service is not None and not service.arm):
            return
        if status >= 400:
            yield from self._body(f"response {status} body", known.ARM_ERROR, body, "ARM", "response")
        elif service is None:
            yield "path", "no document describes this; if that is right, add it to known.UNJUDGED with the reason"
        else:
            yield from self._response_headers(entry)
            if schema is not None and status in (200, 201):
                yield from self._body(f"response {status} body", schema, body, service.what, "response")
            yield from self._result(entry, body)

    def _result(self, entry: Entry, body: Any) -> Iterable[tuple[str, str]]:
        """The result of a long-running operation is what its document says of 200."""
        origin = self._handed_out.get(_address(entry))
        if origin is None or body is None:
            return
        if isinstance(body, dict) and "status" in body:
            body = (body.get("properties") or {}).get("output")
        schema = origin.node["responses"].get("200", {}).get("schema")
        if body is not None and schema is not None:
            yield from self._body(f"result of {origin.id}", schema, body, origin, "response")
        elif body is not None:
            yield f"result of {origin.id}", "the document has none"

    def _response(self, operation: Operation, entry: Entry) -> Iterable[tuple[str, str]]:
        status, body = entry["status"], _parsed(entry["response"])
        responses = operation.node["responses"]
        response = responses.get(str(status)) or known.STATUSES.get((operation.id, status))
        yield from self._response_headers(entry)
        if status >= 400:
            response = response or responses.get("default") or {}
            schema = response.get("schema", known.ARM_ERROR)
            problems = list(self._body(f"response {status} body", schema, body, operation, "response"))
            if problems and not list(self._body("response body", known.ARM_ERROR, body, "ARM", "response")):
                problems = []
            yield from problems
        elif response is None:
            yield "status", f"{status} is not documented; {', '.join(sorted(responses))} are"
        elif "schema" in response:
            yield from self._body(f"response {status} body", response["schema"], body, operation, "response")
        elif body not in (None, "", b""):
            yield f"response {status} body", "the document has no body here"

    def _response_headers(self, entry: Entry) -> Iterable[tuple[str, str]]:
        headers = {name.lower(): value for name, value in (entry.get("response_headers") or {}).items()}
        if not headers:
            return
        for name in known.ARM_HEADERS:
            if name not in headers:
                yield "response headers", f"{name} is missing, which ARM always sends"
        urls = [headers[name] for name in ("azure-asyncoperation", "location") if name in headers]
        if entry["status"] == 202 and not urls:
            yield "response headers", "202 without Azure-AsyncOperation or Location: nobody can follow the operation"
        for url in urls:
            if not re.match(r"https?://[^/]+/", url):
                yield "response headers", f"{url!r} is no absolute URL"
        if "retry-after" in headers and not re.fullmatch(r"\d+", headers["retry-after"]):
            yield "response headers", f"Retry-After {headers['retry-after']!r} is no number of seconds"

    def _request(self, operation: Operation, entry: Entry) -> Iterable[tuple[str, str]]:
        yield from self._parameters(operation, entry)
        body = next((one for one in operation.parameters if one["in"] == "body"), None)
        sent = _parsed(entry["body"])
        if body is None:
            if sent not in (None, {}):
                yield "request body", "the document has no body here"
        elif sent is None:
            if body.get("required"):
                yield "request body", "is required"
        else:
            yield from self._body("request body", body["schema"], sent, operation, "request")

    def _parameters(self, operation: Operation, entry: Entry) -> Iterable[tuple[str, str]]:
        query = _query(entry["query"])
        if _address(entry) in self._handed_out:
            return  # the service's own URL, to be sent back as it is
        match = operation.pattern.match(entry["path"])
        in_path = match.groupdict() if match else {}
        in_query = {name.lower(): value for name, value in query.items()}
        for one in operation.parameters:
            if one["in"] not in ("path", "query"):
                continue
            values = in_path if one["in"] == "path" else in_query
            value = values.get(one["name"] if one["in"] == "path" else one["name"].lower())
            where = f"{one['in']} parameter {one['name']}"
            if value is not None:
                yield from self._body(where, {**one, "in": ""}, _typed(value, one), operation, "request")
            elif one.get("required"):
                yield where, "is required"
        allowed = {one["name"].lower() for one in operation.parameters if one["in"] == "query"}
        for name in in_query.keys() - allowed - known.QUERY.get(operation.id, set()):
            yield f"query parameter {name}", "is not in the document"

    def _body(
        self, where: str, schema: dict[str, Any], body: Any, source: Operation | str, mode: str
    ) -> Iterable[tuple[str, str]]:
        identity = source if isinstance(source, str) else f"{source.file} {source.method} {source.template}"
        text = json.dumps(body, sort_keys=True, default=repr)
        verdict = (where, identity, mode, sha256(text.encode()).hexdigest())
        if verdict not in self._verdicts:
            validator = self._validators.get(verdict[:3])
            if validator is None:
                file = self.documents.root if isinstance(source, str) else source.file
                converted = self.documents.schema(schema, file, mode) or {}
                validator = self._validators[verdict[:3]] = self._validator(converted)
            errors = validator.iter_errors(body)
            self._verdicts[verdict] = tuple((f"{where} {place(error)}".rstrip(), error.message) for error in errors)
        return self._verdicts[verdict]

    def _remember_urls(self, entry: Entry) -> None:
        headers = entry.get("response_headers") or {}
        urls = [value for name, value in headers.items() if name.lower() in ("azure-asyncoperation", "location")]
        body = _parsed(entry["response"])
        if isinstance(body, dict) and isinstance(body.get("nextLink"), str):
            urls.append(body["nextLink"])
        origin = self._handed_out.get(_address(entry)) or self.documents.find(
            entry["method"], entry["path"], entry.get("api_version") or ""
        )
        for url in urls:
            parts = urlsplit(url)
            query = frozenset(parse_qsl(parts.query, keep_blank_values=True))
            self._handed_out[re.sub("/+", "/", unquote(parts.path)).lower(), query] = origin


def _address(entry: Entry) -> Address:
    return entry["path"].lower(), frozenset(_query(entry["query"]).items())


def _parsed(body: Any) -> Any:
    """A recorded body: JSON text is parsed, empty is ``None``, the rest stays."""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            return json.loads(body) if body.strip() else None
        except ValueError:
            return body
    return body


def _query(query: Any) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True)) if isinstance(query, str) else dict(query)


def _typed(value: str, parameter: dict[str, Any]) -> Any:
    if parameter.get("type") == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if parameter.get("type") == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
