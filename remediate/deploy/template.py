"""The template, resource by resource, in the order in which they are made.

``python -m remediate.deploy.template`` puts the permissions of the runbooks of this version into the template's role.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from arm.facts.times import iso

from .expressions import Function, TemplateError, evaluate

Json = dict[str, Any]
NESTED = "Microsoft.Resources/deployments"
_SPANS = {"PT15M": timedelta(minutes=15), "P1Y": timedelta(days=365)}


@dataclass(frozen=True)
class Wanted:
    """One resource as the template wants it.

    Attributes:
        id: its full resource id.
        type: its type, such as ``Microsoft.Automation/automationAccounts``.
        api_version: with which it is written.
        body: what is sent.
    """

    id: str
    type: str
    api_version: str
    body: Json

    @property
    def name(self) -> str:
        """Its own name."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True)
class Place:
    """Where it is deployed.

    Attributes:
        subscription: id of the subscription.
        group: name of the resource group.
        location: the group's region.
        storage_suffix: what the names of the cloud's storage services end with.
        clock: tells Azure's time; a deployment takes longer than what is counted from its beginning would bear.
    """

    subscription: str
    group: str
    location: str
    storage_suffix: str
    clock: Callable[[], datetime]

    @property
    def group_id(self) -> str:
        """The full id of the resource group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"


@dataclass
class Template:
    """A template with its parameters.

    Attributes:
        source: the template's JSON.
        place: where it is deployed.
        given: parameters by name; the others have the template's defaults. They may change while resources are read.
        look: reads a resource by id and api-version, for ``reference``.
    """

    source: Json
    place: Place
    given: dict[str, Any]
    look: Callable[[str, str], Json]
    _level: str = field(default="group")

    def resources(self) -> Iterator[Wanted]:
        """Yield the resources one after the other; each is evaluated only when it is its turn.

        Raises:
            TemplateError: the template cannot be evaluated.
        """
        for resource in self.source["resources"]:
            copies = resource.get("copy")
            count = evaluate(copies["count"], self._functions()) if copies else 1
            for index in range(count):
                yield from self._resource(resource, index)

    def _resource(self, resource: Json, index: int) -> Iterator[Wanted]:
        functions = self._functions(index)
        if not evaluate(resource.get("condition", True), functions):
            return
        if resource["type"] == NESTED:
            yield from self._nested(resource, functions)
            return
        left_out = ("type", "apiVersion", "name", "condition", "copy", "dependsOn", "scope")
        body = {name: evaluate(value, functions) for name, value in resource.items() if name not in left_out}
        name = str(evaluate(resource["name"], functions))
        scope = str(evaluate(resource.get("scope", ""), functions))
        yield Wanted(self._id(resource["type"], name, scope), resource["type"], resource["apiVersion"], body)

    def _nested(self, resource: Json, functions: Mapping[str, Function]) -> Iterator[Wanted]:
        properties = resource["properties"]
        given = {name: evaluate(one["value"], functions) for name, one in properties["parameters"].items()}
        level = "subscription" if "subscriptionId" in resource else "group"
        yield from Template(properties["template"], self.place, given, self.look, level).resources()

    def parameter(self, name: str) -> Any:
        """Return a parameter: as given, else the template's default.

        Raises:
            TemplateError: there is neither.
        """
        if name in self.given:
            return self.given[name]
        try:
            return evaluate(self.source["parameters"][name]["defaultValue"], self._functions())
        except KeyError:
            raise TemplateError(f"the parameter {name!r} has no value") from None

    def _id(self, kind: str, name: str, scope: str) -> str:
        home = f"/subscriptions/{self.place.subscription}" if self._level == "subscription" else self.place.group_id
        if scope:
            provider, _, rest = scope.partition("/")
            kinds, names = rest.rsplit("/", 1)
            home = _resource_id(home, f"{provider}/{kinds}", names)
        return _resource_id(home, kind, *name.split("/"))

    def _functions(self, index: int = 0) -> dict[str, Function]:
        place = self.place
        subscription = {"id": f"/subscriptions/{place.subscription}", "subscriptionId": place.subscription}
        return {
            "copyindex": lambda: index,
            "datetimeadd": lambda moment, span: iso(moment + _span(span)),
            "environment": lambda: {"suffixes": {"storage": place.storage_suffix}},
            "parameters": self.parameter,
            "reference": lambda target, version, _full: self.look(target, version),
            "resourcegroup": lambda: {"id": place.group_id, "location": place.location},
            "resourceid": lambda kind, *names: _resource_id(place.group_id, kind, *names),
            "subscription": lambda: subscription,
            "subscriptionresourceid": lambda kind, *names: _resource_id(subscription["id"], kind, *names),
            "uniquestring": lambda *parts: sha256("-".join(parts).encode()).hexdigest()[:13],  # names of deployments
            "utcnow": lambda _form: place.clock(),
            "variables": lambda name: evaluate(self.source["variables"][name], self._functions(index)),
        }


def _span(text: str) -> timedelta:
    if text not in _SPANS:
        raise TemplateError(f"the time span {text!r} is not known")
    return _SPANS[text]


def _resource_id(home: str, kind: str, *names: str) -> str:
    provider, *kinds = kind.split("/")
    if len(kinds) != len(names):
        raise TemplateError(f"{'/'.join(names)!r} is no name for a {kind}")
    pairs = "/".join(f"{one}/{name}" for one, name in zip(kinds, names, strict=True))
    return f"{home}/providers/{provider}/{pairs}"


def permissions_of(source: Json) -> list[str]:
    """Return the list of actions in the role that the template makes for the runbooks (the very list, not a copy)."""
    nested = next(one for one in source["resources"] if one["type"] == NESTED)
    role = nested["properties"]["template"]["resources"][0]
    actions: list[str] = role["properties"]["permissions"][0]["actions"]
    return actions


def main(path: Path) -> None:
    """Write the permissions of all runbooks into a template."""
    from runbooks.registry import runbooks

    from ..role import role

    source = json.loads(path.read_text(encoding="utf-8"))
    permissions_of(source)[:] = role(list(runbooks()))["Actions"]
    path.write_text(json.dumps(source, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "azure-automation/template.json"))
