"""``remediate deploy azure-automation --undo``: removes what a deployment has made, and nothing else.

What carries the deployment's tag is its own; what is inside of its account is known by name; a role assignment, by a
name that only a deployment gives. A resource group is never removed, and the journal only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from arm.errors import NotFound
from arm.ids import same
from arm.session import Json, Session

from . import writes
from .choices import Choices
from .compare import made_here
from .expressions import arm_guid
from .steps import Step
from .template import Place

RUNBOOKS = ("remediate_backup_alert", "remediate_backup", "remediate_resume", "webhook_to_python")
VARIABLES = ("REMEDIATE_MODE", "REMEDIATE_STATE", "REMEDIATE_CONFIG", "REMEDIATE_ACCOUNT")
ENVIRONMENT, SCHEDULE, WEBHOOK = "remediate-python310", "remediate-hourly", "remediate-backup-alert"
_INSIDE = ("runbooks", "variables", "schedules", "webhooks", "runtimeEnvironments", "credentials", "connections")
_INSIDE_TOO = ("certificates", "modules")
_OF_AZURE = ("powershell-", "python-")
"""What the names of the environments begin with that every account has from the beginning."""
_STORES = ("tableServices/default/tables", "blobServices/default/containers", "fileServices/default/shares")
_STORES_TOO = ("queueServices/default/queues",)


@dataclass
class Removal:
    """An undo, looked at or carried out.

    Attributes:
        session: where to.
        place: resource group.
        choices: the names that the deployment was made with.
        table: name of the journal's table.
        with_journal: remove the journal too.
        kept: what is left, and why; filled while the steps are walked.
    """

    session: Session
    place: Place
    choices: Choices
    table: str = "remediate"
    with_journal: bool = False
    kept: list[str] = field(default_factory=list)

    @property
    def account(self) -> str:
        """The id of the Automation account."""
        return f"{self.place.group_id}/providers/{writes.ACCOUNT}/{self.choices.account}"

    @property
    def storage(self) -> str:
        """The id of the storage account."""
        return f"{self.place.group_id}/providers/{writes.STORAGE}/{self.choices.storage}"

    def steps(self) -> Iterator[Step]:
        """Yield what is to be removed, in an order in which nothing is left without what it needs.

        Raises:
            AzureError: Azure cannot be read.
        """
        for kind in (writes.RULE, writes.GROUP):
            yield from self._tagged(kind, f"{self.place.group_id}/providers/{kind}/{self.choices.account}")
        account = self._read(self.account, writes.ACCOUNT)
        ours = made_here(account, self.choices.account)
        if account is not None and not ours:
            self.kept.append(f"{self.account}: no deployment has made it")
        yield from self._access()
        if ours:
            yield from self._inside()
        yield from self._journal()

    # Outside of the account

    def _access(self) -> Iterator[Step]:
        home = f"/subscriptions/{self.place.subscription}"
        for scope, word in ((self.account, "start"), (home, "repair"), (self.storage, "table")):
            for one in self._pages(f"{scope}/providers/{writes.ASSIGNMENT}", writes.VERSIONS[writes.ASSIGNMENT]):
                principal = str((one.get("properties") or {}).get("principalId") or "")
                at = str((one.get("properties") or {}).get("scope") or "")
                name = arm_guid(self.account, word, principal)
                if same(at, scope) and str(one.get("name")).lower() == name:
                    yield self._delete(writes.ASSIGNMENT, str(one["id"]), one)
        for word in ("start", "repair"):
            target = f"{home}/providers/{writes.ROLE}/{arm_guid(self.account, word)}"
            have = self._read(target, writes.ROLE)
            if have is None:
                continue
            used = [one["id"] for one in self._assignments_of(home, target)]
            if used and not self._planned(used, word):
                self.kept.append(f"{target}: somebody else has been given the role: {', '.join(used)}")
                continue
            yield self._delete(writes.ROLE, target, have)

    def _assignments_of(self, scope: str, role: str) -> Iterator[Json]:
        for one in self._pages(f"{scope}/providers/{writes.ASSIGNMENT}", writes.VERSIONS[writes.ASSIGNMENT]):
            if same(str((one.get("properties") or {}).get("roleDefinitionId") or ""), role):
                yield one

    def _planned(self, used: list[str], word: str) -> bool:
        """Say whether what uses a role is what this removal has removed, or in a dry run would have."""
        home = f"/subscriptions/{self.place.subscription}"
        ours = {
            str(one["id"])
            for one in self._pages(f"{home}/providers/{writes.ASSIGNMENT}", writes.VERSIONS[writes.ASSIGNMENT])
            if str(one.get("name")).lower()
            == arm_guid(self.account, word, str((one.get("properties") or {}).get("principalId") or ""))
        }
        return set(used) <= ours

    def _journal(self) -> Iterator[Step]:
        have = self._read(self.storage, writes.STORAGE)
        if have is None:
            return
        if not made_here(have, self.choices.account):
            self.kept.append(f"{self.storage}: no deployment has made it")
        elif not self.with_journal:
            self.kept.append(f"{self.storage}: it holds the journal; a run may still owe a lock (--with-journal)")
        else:
            yield from self._storage(have)

    def _storage(self, have: Json) -> Iterator[Step]:
        version, mine = writes.VERSIONS[writes.STORAGE], f"{self.storage}/tableServices/default/tables/{self.table}"
        others = [
            str(one.get("id") or one.get("name"))
            for kind in (*_STORES, *_STORES_TOO)
            for one in self._pages(f"{self.storage}/{kind}", version)
            if not same(str(one.get("id")), mine)
        ]
        if not others:
            yield self._delete(writes.STORAGE, self.storage, have)
            return
        table = self._read(mine, writes.TABLE)
        if table is not None:
            yield self._delete(writes.TABLE, mine, table)
        self.kept.append(f"{self.storage}: it has more than the journal: {', '.join(others)}")

    # Inside of the account

    def _inside(self) -> Iterator[Step]:
        yield from self._named(writes.WEBHOOK, WEBHOOK)
        for one in self._pages(f"{self.account}/jobSchedules", writes.VERSIONS[writes.LINK]):
            schedule = ((one.get("properties") or {}).get("schedule") or {}).get("name")
            if schedule == SCHEDULE:
                yield self._delete(writes.LINK, f"{self.account}/jobSchedules/{one['name']}", one)
        yield from self._named(writes.SCHEDULE, SCHEDULE)
        for name in RUNBOOKS:
            yield from self._tagged(writes.RUNBOOK, f"{self.account}/runbooks/{name}")
        for name in VARIABLES:
            yield from self._named(writes.VARIABLE, name)
        yield from self._tagged(writes.ENVIRONMENT, f"{self.account}/runtimeEnvironments/{ENVIRONMENT}")
        others = [*self._others(), *(one for one in self.kept if one.startswith(f"{self.account}/"))]
        if others:
            self.kept.append(f"{self.account}: it has more than the deployment has made: {', '.join(others)}")
            return
        have = self._read(self.account, writes.ACCOUNT)
        if have is not None:
            yield self._delete(writes.ACCOUNT, self.account, have)

    def _others(self) -> Iterator[str]:
        known = {*RUNBOOKS, *VARIABLES, ENVIRONMENT, SCHEDULE, WEBHOOK}
        for kind in (*_INSIDE, *_INSIDE_TOO):
            for one in self._pages(f"{self.account}/{kind}", writes.VERSIONS[writes.ACCOUNT]):
                name = str(one.get("name") or "")
                of_azure = kind == "runtimeEnvironments" and name.lower().startswith(_OF_AZURE)
                is_global = kind == "modules" and (one.get("properties") or {}).get("isGlobal")
                if name not in known and not of_azure and not is_global:
                    yield f"{kind}/{name}"

    # One thing

    def _named(self, kind: str, name: str) -> Iterator[Step]:
        target = f"{self.account}/{kind.rpartition('/')[2]}/{name}"
        have = self._read(target, kind)
        if have is not None:
            yield self._delete(kind, target, have)

    def _tagged(self, kind: str, target: str) -> Iterator[Step]:
        have = self._read(target, kind)
        if have is None:
            return
        if not made_here(have, self.choices.account):
            self.kept.append(f"{target}: no deployment has made it")
            return
        yield self._delete(kind, target, have)

    def _delete(self, kind: str, target: str, have: Json) -> Step:
        def gone() -> bool:
            return self._read(target, kind) is None

        before = {"name": have.get("name"), "tags": have.get("tags") or {}}
        return Step("delete", kind, target, writes.delete(kind), {}, before, None, gone)

    def _read(self, target: str, kind: str) -> Json | None:
        try:
            return self.session.get(target, writes.VERSIONS[kind])
        except NotFound:
            return None

    def _pages(self, path: str, version: str) -> list[Json]:
        """Return a list, read before anything in it is removed; empty where there is nothing to list."""
        try:
            return list(self.session.pages(path, version))
        except NotFound:
            return []
