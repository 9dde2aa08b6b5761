"""The JSON Schema validator with the three keywords of :mod:`documents` and Azure's formats."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from typing import Any

from jsonschema import Draft4Validator, FormatChecker, ValidationError, validators

from .documents import Documents, Key, Members, Variants

Errors = Iterator[ValidationError]

_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,7})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_DURATION = re.compile(r"-?P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_TIME_SPAN = re.compile(r"(\d+\.)?\d\d:\d\d:\d\d(\.\d{1,7})?")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def _date_time(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    match = _DATE_TIME.fullmatch(value)
    return bool(match and datetime.fromisoformat(match[1]))


@formats.checks("duration")
def _duration(value: Any) -> bool:
    """ISO 8601, or the .NET form that the real backup service is known to send (azure-api.md 1.1)."""
    return not isinstance(value, str) or bool(_DURATION.fullmatch(value) or _TIME_SPAN.fullmatch(value))


@formats.checks("uuid")
def _uuid(value: Any) -> bool:
    return not isinstance(value, str) or bool(_GUID.fullmatch(value))


@formats.checks("arm-id")
def _arm_id(value: Any) -> bool:
    return not isinstance(value, str) or value.startswith("/")


@formats.checks("uri")
def _uri(value: Any) -> bool:
    return not isinstance(value, str) or bool(re.match(r"[a-z][a-z0-9+.-]*:", value, re.IGNORECASE))


@formats.checks("int32")
def _int32(value: Any) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@formats.checks("int64")
def _int64(value: Any) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _known(validator: Any, values: list[str], instance: Any, schema: Any) -> Errors:
    if isinstance(instance, str) and instance.lower() not in {str(value).lower() for value in values}:
        yield ValidationError(f"{instance!r} is none of {', '.join(map(str, values))}")


def _members(validator: Any, rule: Members, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, dict):
        return
    for name in sorted(rule.required - instance.keys()):
        yield ValidationError(f"{name!r} is required")
    for name, value in instance.items():
        expected = rule.properties.get(name, rule.additional)
        if expected is None:
            near = get_close_matches(name, rule.properties, n=1)
            hint = f"; the document has {near[0]!r}" if near else ""
            yield ValidationError(f"{name!r} is not in the document, an invented field{hint}")
        elif name in rule.secret and value is not None:
            yield ValidationError(f"{name!r} is a secret, which Azure never sends back")
        elif expected is not True and (value is not None or name in rule.required):
            yield from validator.descend(value, expected, path=name)


def _variants(validator: Any, rule: Variants, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, dict):
        return
    value = instance.get(rule.discriminator)
    if value is None:
        yield ValidationError(f"{rule.discriminator!r}, which says what kind of object this is, is missing")
    elif value not in rule.by_value:
        yield ValidationError(f"{rule.discriminator} {value!r} is none of {', '.join(sorted(rule.by_value))}")
    else:
        yield from validator.descend(instance, {"definition": rule.by_value[value]})


def validator_class(documents: Documents) -> Any:
    """The class of validators whose ``definition`` keyword reads from these documents: ``class_(schema)``."""

    def definition(validator: Any, key: Key, instance: Any, schema: Any) -> Errors:
        yield from validator.descend(instance, documents.definition(key))

    words = {"definition": definition, "known": _known, "members": _members, "variants": _variants}
    return partial(validators.extend(Draft4Validator, words), format_checker=formats)


def place(error: ValidationError) -> str:
    """Where in the body an error is, as ``properties.tasks[0].status``."""
    text = ""
    for part in error.absolute_path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")
