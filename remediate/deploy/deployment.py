"""``remediate deploy azure-automation``: what is missing or different, and the steps that make it so.

The same walk plans and deploys: it yields a step, and whoever walks carries it out before the next, or does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from arm.errors import NotFound, UsageError
from arm.facts.times import parse_time
from arm.session import Json, Session

from . import writes
from .choices import Choices
from .compare import HIDDEN, TAG, difference, made_here
from .material import OURS, Material
from .steps import DeployFailed, Step
from .template import Place, Template, Wanted
from .texts import draft_text, published_text

NOT_YET = "00000000-0000-0000-0000-000000000000"
"""Stands for the identity of an account that is still to be made."""
_URI = "https://webhook.invalid/"
"""Stands for the webhook's address until there is one; it is never sent."""
RENEW = timedelta(days=30)
"""A webhook that ends within this is made again."""


class Taken(UsageError):
    """Something of this name exists, and no deployment has made it."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"{target} exists, and was not made by this deployment",
            f"Choose another name. What carries the tag {TAG} with the account's name is taken for the deployment's.",
        )


class Deployment:
    """A deployment, looked at or carried out.

    Args:
        session: where to.
        place: resource group and time.
        material: what is deployed.
        choices: what the user has chosen.
    """

    def __init__(self, session: Session, place: Place, material: Material, choices: Choices) -> None:
        choices.check_scopes(place.subscription)
        self.session = session
        self.place = place
        self.material = material
        self.choices = choices
        self.account = f"{place.group_id}/providers/{writes.ACCOUNT}/{choices.account}"
        self._uri = ""
        self._address: str | None = None
        self._trusted = False
        given: dict[str, Any] = {
            "automationAccountName": choices.account,
            "storageAccountName": choices.storage,
            "door": choices.door,
            "bundle": material.mark,
            "packages": material.parameter(choices.packages_url),
            "linkSchedule": True,
            "webhookUri": _URI,
        }
        named = {"location": choices.location, "storageSku": choices.storage_sku, "alertScopes": list(choices.scopes)}
        given.update({name: value for name, value in named.items() if value})
        self.template = Template(dict(material.template), place, given, self._reference)

    # Reading

    def read(self, target: str, kind: str) -> Json | None:
        """Return a resource as Azure shows it; ``None`` when there is none."""
        try:
            return self.session.get(target, writes.VERSIONS[kind])
        except NotFound:
            return None

    def _reference(self, target: str, version: str) -> Json:
        try:
            return self.session.get(target, version)
        except NotFound:
            return {"identity": {"principalId": NOT_YET}, "properties": {}}

    def _settings(self) -> None:
        """Keep what the account has been told: a deployment turns repairs neither on nor off by itself."""
        chosen = {"mode": self.choices.mode, "configuration": self.choices.configuration}
        self.template.given.update({name: value for name, value in chosen.items() if value})
        if not self.choices.mode:
            known = self.read(f"{self.account}/variables/REMEDIATE_MODE", writes.VARIABLE) or {}
            value = str((known.get("properties") or {}).get("value") or "").strip('"').lower()
            self.template.given["mode"] = value if value in ("plan", "repair") else "plan"

    # The walk

    def steps(self) -> Iterator[Step]:
        """Yield what is still to be done; a step that was carried out is seen by those after it.

        Raises:
            Taken: something else has one of the names.
            AzureError: Azure cannot be read.
        """
        self._settings()
        alert = self.read(f"{self.account}/runbooks/remediate_backup_alert", writes.RUNBOOK) or {}
        self._trusted = (alert.get("tags") or {}).get("backup-remediation-bundle") == self.material.mark
        for wanted in self.template.resources():
            if wanted.type == writes.WEBHOOK:
                yield from self._webhook(wanted)
            elif wanted.type == writes.LINK:
                yield from self._link(wanted)
            else:
                yield from self._resource(wanted)
            if wanted.type == writes.RUNBOOK:
                yield from self._text(wanted)

    def _resource(self, wanted: Wanted) -> Iterator[Step]:
        have = self.read(wanted.id, wanted.type)
        body = self._filled(wanted.body)
        if have is None:
            yield self._put(wanted, body, "create", None, body)
            return
        if "tags" in body:
            if not made_here(have, self.choices.account):
                raise Taken(wanted.id)
            body["tags"] = {**(have.get("tags") or {}), **body["tags"]}
        if wanted.type == writes.PACKAGE:
            if not self._as_wanted(wanted.type, have, body):
                shown = (have.get("properties") or {}).get("version")
                yield self._put(wanted, body, "change", {"version": shown}, body["properties"])
            return
        found = difference(wanted.type, have, body)
        if found is not None:
            yield self._put(wanted, body, "change", *found)

    def _put(self, wanted: Wanted, body: Json, verb: str, before: Any, after: Any) -> Step:
        def done() -> bool:
            return self._as_wanted(wanted.type, self.read(wanted.id, wanted.type), body, sent=True)

        kind = wanted.type
        beside = kind == writes.PACKAGE
        return Step(verb, kind, wanted.id, writes.put(kind), body, before, after, done, meanwhile=beside)

    def _as_wanted(self, kind: str, have: Json | None, body: Json, *, sent: bool = False) -> bool:
        if have is None:
            return False
        if kind != writes.PACKAGE:
            return difference(kind, have, body) is None
        properties = have.get("properties") or {}
        state = str(properties.get("provisioningState") or "").lower()
        if state == "failed":
            if not sent:
                return False
            error = (properties.get("error") or {}).get("message") or "Azure does not say why"
            raise DeployFailed(f"the package {have.get('name')} was not taken: {error}")
        told = ((properties.get("contentLink") or {}).get("contentHash") or {}).get("value")
        wanted = body["properties"]["contentLink"]["contentHash"]["value"]
        return state == "succeeded" and (sent or str(told).lower() == wanted or self._known(have))

    def _known(self, have: Json) -> bool:
        """Say whether a package is the bundle's, as far as its version tells.

        What is published is the same wherever it says the same version. Our own may have been built again, so a
        deployment of this very bundle must have come past it.
        """
        name = str(have.get("name") or "")
        version = (have.get("properties") or {}).get("version")
        same = any(one.name == name and one.version == version for one in self.material.packages)
        return same and (self._trusted or name != OURS)

    # Texts of runbooks

    def _text(self, wanted: Wanted) -> Iterator[Step]:
        text = self.material.runbooks.get(wanted.name)
        if text is None:
            raise UsageError(f"the bundle has no runbook {wanted.name}", "Make the bundle again.")
        have = published_text(self.session, wanted.id)
        if have is not None and have.splitlines() == text.splitlines():
            return
        before, after = _size(have), _size(text)

        def uploaded() -> bool:
            return (draft_text(self.session, wanted.id) or "").splitlines() == text.splitlines()

        def published() -> bool:
            return (published_text(self.session, wanted.id) or "").splitlines() == text.splitlines()

        kind = wanted.type
        yield Step("upload", kind, wanted.id, writes.UPLOAD, {"text": text}, before, after, uploaded)
        yield Step("publish", kind, wanted.id, writes.PUBLISH, {}, before, after, published)

    # What cannot be changed, only made again

    def _link(self, wanted: Wanted) -> Iterator[Step]:
        """Link the schedule to its runbook, unless it is; Azure keeps the link's first name whatever it is told."""

        def linked() -> bool:
            try:
                links = list(self.session.pages(f"{self.account}/jobSchedules", wanted.api_version))
            except NotFound:
                return False
            return any(difference(wanted.type, one, wanted.body) is None for one in links)

        if not linked():
            yield Step(
                "create", wanted.type, wanted.id, writes.put(wanted.type), wanted.body, None, wanted.body, linked
            )

    def _webhook(self, wanted: Wanted) -> Iterator[Step]:
        """Make a webhook whose address the action group has; its address can be read only when it is made."""
        have = self.read(wanted.id, wanted.type)
        self._uri = self._known_address()
        reason = self._why_renew(have, wanted)
        if not reason:
            return
        if have is not None:
            gone = self._gone(wanted)
            yield Step(
                "delete", wanted.type, wanted.id, writes.delete(wanted.type), {}, _brief(have), None, gone, reason
            )
        kept: list[str] = []
        made = writes.generate_uri(kept)
        told = {"address": HIDDEN}
        yield Step(
            "generate", wanted.type, self.account, made, {}, None, told, lambda: bool(kept), "the webhook's address"
        )
        self._uri = kept[-1] if kept else _URI
        yield self._put(wanted, self._filled(wanted.body), "create", None, self._filled(wanted.body))

    def _gone(self, wanted: Wanted) -> Callable[[], bool]:
        return lambda: self.read(wanted.id, wanted.type) is None

    def _known_address(self) -> str:
        group = self.read(f"{self.place.group_id}/providers/{writes.GROUP}/{self.choices.account}", writes.GROUP) or {}
        receivers = (group.get("properties") or {}).get("webhookReceivers") or []
        return next((str(one.get("serviceUri") or "") for one in receivers if one.get("name") == "runbook"), "")

    def _why_renew(self, have: Json | None, wanted: Wanted) -> str:
        if have is None:
            return "there is none"
        if not self._uri:
            return "no action group has its address"
        ends = parse_time((have.get("properties") or {}).get("expiryTime"))
        if ends is None or ends - self.place.clock() < RENEW:
            return f"it ends {ends:%Y-%m-%d}" if ends is not None else "nobody knows when it ends"
        return "" if difference(wanted.type, have, wanted.body) is None else "it is not as wanted"

    def _filled(self, value: Any) -> Any:
        """Return a body with the webhook's address in it."""
        if value == _URI:
            return self._uri or _URI
        if isinstance(value, Mapping):
            return {name: self._filled(inner) for name, inner in value.items()}
        return [self._filled(inner) for inner in value] if isinstance(value, list) else value


def _size(text: str | None) -> dict[str, Any] | None:
    return None if text is None else {"bytes": len(text.encode())}


def _brief(have: Json) -> dict[str, Any]:
    properties = have.get("properties") or {}
    return {name: properties[name] for name in ("runbook", "expiryTime", "isEnabled") if name in properties}
