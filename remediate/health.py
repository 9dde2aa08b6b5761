"""The health checks of one VM, or of every VM of a vault or subscription. They only read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arm.facts.collect import VmFacts
from arm.session import Session

if TYPE_CHECKING:  # a repair does without the checks
    from arm.facts.fleet import KnownFacts, Scope
    from runbooks.checks import Check, Result

ASK_ALONE = "Resource Graph cannot answer it for many machines; ask for this one with --vm"
HEALTHY, UNHEALTHY = 0, 1
WORST_FIRST = ("fail", "warn", "unknown", "pass")


@dataclass(frozen=True)
class Health:
    """What the checks of one VM came to.

    Attributes:
        checks: what was asked, in the order of the results.
        vault: name of the vault that protects it; empty where none does, or none is known.
        requests: ARM reads and writes this process sent; empty for one of many machines.
        looked: when a script has looked inside the VM, or why it could not; empty when none was asked for.
    """

    vm_id: str
    checks: tuple[Check, ...]
    results: tuple[Result, ...]
    vault: str = ""
    requests: Mapping[str, int] | None = None
    looked: str = ""

    @property
    def totals(self) -> dict[str, int]:
        """How many results there are of each status, the worst first."""
        found = Counter(one.status.value for one in self.results)
        return {status: found[status] for status in WORST_FIRST}

    @property
    def exit_code(self) -> int:
        """1 when a check fails, else 0."""
        return UNHEALTHY if self.totals["fail"] else HEALTHY

    def of(self, status: str) -> list[Result]:
        """Return the results of one status."""
        return [one for one in self.results if one.status.value == status]

    def to_json(self) -> dict[str, Any]:
        """Return it as ``remediate.check/1`` (documented in ``docs/schemas``)."""
        told = {one.id: one for one in self.results}
        return {
            "schema": "remediate.check/1",
            "vm_id": self.vm_id,
            "vault": self.vault or None,
            "looked_inside": self.looked or None,
            "results": [
                {**_described(one), "status": told[one.id].status.value, "saw": told[one.id].saw} for one in self.checks
            ],
            "totals": self.totals,
            "exit_code": self.exit_code,
            "requests": dict(self.requests or {}),
        }


@dataclass(frozen=True)
class FleetHealth:
    """What the checks of many VMs came to, the worst VM first.

    Attributes:
        scope: the vault or subscription that was asked for, by id; empty for everything that can be read.
        checks: what was asked.
    """

    scope: str
    checks: tuple[Check, ...]
    machines: tuple[Health, ...]
    requests: Mapping[str, int]

    @property
    def totals(self) -> dict[str, int]:
        """How many VMs have which status as their worst; ``unknown`` only where nothing at all could be answered."""
        found = Counter(_worst(one) for one in self.machines)
        return {status: found[status] for status in WORST_FIRST}

    @property
    def exit_code(self) -> int:
        """1 when a check fails on any machine, else 0."""
        return max((one.exit_code for one in self.machines), default=HEALTHY)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``remediate.checks/1`` (documented in ``docs/schemas``)."""
        return {
            "schema": "remediate.checks/1",
            "scope": self.scope or None,
            "checks": [{**_described(one), "answered": one.fleet} for one in self.checks],
            "machines": [_machine_json(one) for one in self.machines],
            "totals": self.totals,
            "exit_code": self.exit_code,
            "requests": dict(self.requests),
        }


def _described(one: Check) -> dict[str, str]:
    words = ("id", "title", "expected", "why", "source", "inside")
    return {**{word: getattr(one, word) for word in words}, "where": one.where.value}


def _machine_json(one: Health) -> dict[str, Any]:
    asked = {check.id for check in one.checks if check.fleet}
    told = [{"id": two.id, "status": two.status.value, "saw": two.saw} for two in one.results if two.id in asked]
    return {"vm_id": one.vm_id, "vault": one.vault or None, "totals": one.totals, "results": told}


def _worst(one: Health) -> str:
    totals = one.totals
    if totals["fail"] or totals["warn"]:
        return "fail" if totals["fail"] else "warn"
    return "pass" if totals["pass"] else "unknown"


def check(facts: VmFacts, only: Sequence[str] = (), looked: str = "") -> Health:
    """Carry out the health checks of one VM; their facts are read at the same time.

    Args:
        facts: facts of the VM; a read-only session will do.
        only: ids of the checks; none means all.
        looked: when a script has looked inside the VM, or why it could not.

    Raises:
        UsageError: there is no such check.

    Permissions: those of the facts of the checks (``docs/checks.md``); a check whose facts may not be read is unknown.
    """
    from runbooks.checks import look_at

    asked = _asked(only)
    facts.prefetch(*dict.fromkeys(name for one in asked for name in one.facts))
    results = tuple(look_at(one, facts) for one in asked)
    transport = facts.session.transport
    requests = {"reads": transport.reads, "writes": transport.writes}
    return Health(facts.vm_id, asked, results, _vault(facts), requests, looked)


def check_all(session: Session, scope: Scope, only: Sequence[str] = ()) -> FleetHealth:
    """Carry out the health checks of every VM of a scope, as far as Resource Graph can answer them.

    The number of requests does not grow with the machines, but for the pages of 1000 rows.

    Args:
        session: access to Azure; a read-only one will do.
        scope: a vault, a subscription, or everything that can be read.
        only: ids of the checks; none means all.

    Raises:
        UsageError: there is no such check.
        AzureError: the machines cannot be asked for.
    """
    from arm.facts.fleet import read_fleet

    asked = _asked(only)
    machines = [_look_at_all(asked, facts) for facts in read_fleet(session, scope)]
    machines.sort(key=lambda one: (-one.totals["fail"], -one.totals["warn"], one.vm_id.lower()))
    requests = {"reads": session.transport.reads, "writes": session.transport.writes}
    return FleetHealth(scope.vault_id or scope.subscription, asked, tuple(machines), requests)


def _asked(only: Sequence[str]) -> tuple[Check, ...]:
    from runbooks.checks import CHECKS, find_check

    return tuple(dict.fromkeys(find_check(name) for name in only)) if only else CHECKS


def _look_at_all(asked: tuple[Check, ...], facts: KnownFacts) -> Health:
    from runbooks.checks import Result, Status, look_at

    results = [
        look_at(one, facts) if one.fleet else Result(one.id, Status.UNKNOWN, ASK_ALONE, one.expected, one.why)
        for one in asked
    ]
    return Health(facts.vm_id, asked, tuple(results), _vault(facts))


def _vault(facts: VmFacts) -> str:
    from arm.errors import RemediationError

    try:
        return facts.protection().vault_id.rpartition("/")[2]
    except RemediationError:
        return ""
