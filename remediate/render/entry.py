"""What is known of an error and what its runbook does, in sections: for ``show``, ``explain`` and the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from arm.writes import OPERATIONS
from runbooks import catalogue
from runbooks.entry import Entry, Proposal
from runbooks.impact import impact_of
from runbooks.model import Runbook
from runbooks.permissions import BEHIND, permissions
from runbooks.registry import find
from simulator import SCENARIOS

CLASSES = {
    "full": "repaired from outside the VM, under guards",
    "guest": "the cause is inside the VM: what to do there is said exactly, and a backup proves it",
    "assisted": "diagnosed; a human chooses or approves what is done",
    "advice": "diagnosed; only a human can repair it",
}


@dataclass(frozen=True)
class Known:
    """An error with its runbook and its scenarios.

    Attributes:
        runbook: the one with its chain, or the one that only advises.
        chain: whether it has a chain.
        scenarios: names of the simulator's scenarios in which it is broken.
    """

    entry: Entry
    runbook: Runbook
    chain: bool
    scenarios: tuple[str, ...]

    @classmethod
    def of(cls, entry: Entry) -> Known:
        """Return what is known of an error."""
        scenarios = tuple(one.name for one in SCENARIOS.values() if one.code == entry.id)
        return cls(entry, find(entry.id), catalogue.has_runbook(entry), scenarios)

    @property
    def impact(self) -> str:
        """The highest impact of what the runbook may do."""
        return impact_of(self.runbook.writes, self.runbook.scripts).value

    @property
    def to_write(self) -> list[str]:
        """The RBAC actions that its writes need, and taking them back."""
        operations = {one for name in self.runbook.writes for one in (name, *BEHIND[name].back)}
        return sorted({action for one in operations for action in OPERATIONS[one].permissions})

    @property
    def to_read(self) -> list[str]:
        """The RBAC actions that it needs to read."""
        return [action for action in permissions(self.runbook) if action not in self.to_write]

    def to_json(self) -> dict[str, Any]:
        """Return what the runbook needs, asks and may do, as ``list`` and ``show`` say it."""
        return {
            "runbook": self.chain,
            "impact": self.impact,
            "permissions": {"read": self.to_read, "write": self.to_write},
            "choices": dict(self.runbook.choices),
            "inputs": dict(self.runbook.inputs),
            "scenarios": list(self.scenarios),
        }


def sections(known: Known) -> dict[str, list[str]]:
    """Return what people need to know, by heading; a section without lines has nothing to say."""
    entry, runbook = known.entry, known.runbook
    done = [f"{step.summary}{f' (only if {step.only_if})' if step.only_if else ''}" for step in runbook.steps]
    proof = ["Verify: a completed backup and a recovery point newer than the repair"]
    return {
        "Why it happens": list(entry.causes),
        "What Microsoft says to do": list(entry.documented_steps),
        "What the runbook does": [*done, *(proof if runbook.proof and done else [])] if known.chain else [],
        "What would be done here": [] if known.chain else [_class(entry), *(_step(one) for one in entry.remediation)],
        "What you may choose": [f"--choose {name}: {meaning}" for name, meaning in runbook.choices.items()],
        "What you may tell it": [f"--input {name}=...: {meaning}" for name, meaning in runbook.inputs.items()],
        "What a human must do": _by_hand(known),
        "How to see that it is repaired": [entry.verify],
        "Risk": [entry.risk],
        "Permissions": [f"read: {one}" for one in known.to_read] + [f"write: {one}" for one in known.to_write],
        "Practice": [f"remediate {entry.id} --simulate {name} --dry-run" for name in known.scenarios],
        "Sources": list(entry.sources),
    }


def _by_hand(known: Known) -> list[str]:
    found = [_step(one) for one in known.entry.remediation if one.human]
    if known.chain:
        return [*found, "Nothing else but to start it."]
    return [*found, "Until there is a chain: what Microsoft says, as above."]


def _class(entry: Entry) -> str:
    return (
        "No chain yet: facts are collected, and nothing is changed. "
        f"When there is one ({entry.automation}): {CLASSES[entry.automation]}; in these steps:"
    )


def _step(one: Proposal) -> str:
    flags = [word for word in ("destructive", "disruptive") if getattr(one, word)]
    flags += ["needs approval"] if one.approval else []
    note = f": {one.note}" if one.note else ""
    return f"{one.summary}{note}" + (f" ({', '.join(flags)})" if flags else "")
