"""What a person is told: which VM, which error, what was found and changed, how it ended, what to do next."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import quote

from arm.facts.times import iso

from ..diagnosis import DiagnosisReport
from ..engine.model import Verdict
from ..report import Report

PORTALS = {
    "public": "https://portal.azure.com",
    "china": "https://portal.azure.cn",
    "usgovernment": "https://portal.azure.us",
}
"""Where people look at a VM, by cloud."""
MOST_TEXT = 1000
"""Characters of one text; a channel takes 28 KB (Teams) or 3,000 characters a block (Slack)."""
MOST_LINES = 8
_GOOD = (Verdict.FIXED, Verdict.NOTHING_TO_DO, Verdict.APPLIED)
_HEADLINES = {
    Verdict.FIXED: "backup repaired",
    Verdict.NOTHING_TO_DO: "nothing to repair",
    Verdict.PLANNED: "backup can be repaired (dry run, nothing was changed)",
    Verdict.APPLIED: "change made",
    Verdict.PENDING: "repair has begun and waits",
    Verdict.NOT_FIXED: "backup still fails",
    Verdict.INCONCLUSIVE: "backup repair is not proved",
    Verdict.REFUSED: "backup not repaired: a guard refused",
    Verdict.NEEDS_APPROVAL: "backup repair needs approval",
    Verdict.NEEDS_CHOICE: "backup repair needs a choice",
    Verdict.NEEDS_HUMAN: "backup needs a person",
}


class Tone(str, Enum):
    """Whether somebody has to do something."""

    GOOD = "good"
    WAITS = "waits"
    NEEDED = "needed"


@dataclass(frozen=True)
class Message:
    """What a person is told.

    Attributes:
        key: the same for all that need to be told only once.
        headline: one line.
        tone: whether somebody has to do something.
        vm_id: id of the machine.
        error: the error, or what else the run was.
        verdict: how it ended, or stands.
        reason: why.
        found: what was found, a line each.
        changed: what was changed, a line each.
        next_step: what to do next; empty: nothing.
        command: what to type for it, or to read more.
        link: the machine in the portal.
        run: id of the run; empty where none was begun.
        dry_run: nothing was changed.
    """

    key: str
    headline: str
    tone: Tone
    vm_id: str
    error: str
    verdict: str
    reason: str
    found: tuple[str, ...]
    changed: tuple[str, ...]
    next_step: str
    command: str
    link: str
    run: str = ""
    dry_run: bool = False

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """Everything but the headline as label and text, in the order in which a person needs it."""
        changed = "\n".join(self.changed) or "nothing"
        rows = (
            ("VM", self.vm_id),
            ("Error", self.error),
            ("Verdict", f"{self.verdict}: {self.reason}"),
            ("Found", "\n".join(self.found)),
            ("Would change" if self.verdict == Verdict.PLANNED.value else "Changed", changed),
            ("Next step", self.next_step),
            ("Command", self.command),
        )
        return tuple((label, text) for label, text in rows if text)

    def to_row(self, at: datetime) -> dict[str, Any]:
        """Return it as a row of a custom log.

        Args:
            at: when it was told.
        """
        return {
            "TimeGenerated": iso(at),
            "VmId": self.vm_id,
            "Error": self.error,
            "Verdict": self.verdict,
            "Reason": self.reason,
            "Found": "\n".join(self.found),
            "Changed": "\n".join(self.changed),
            "NextStep": self.next_step,
            "Command": self.command,
            "RunId": self.run,
            "DryRun": self.dry_run,
            "Tone": self.tone.value,
        }


def message_of(outcome: Report | DiagnosisReport, *, about: str = "", cloud: str = "public") -> Message:
    """Return what a person is told of a repair, a dry run, or a diagnosis that found no one error.

    Args:
        outcome: the report.
        about: what led to it, such as the failed job's id: what makes it another message where no run was begun.
        cloud: name of the cloud, for the link.
    """
    if isinstance(outcome, DiagnosisReport):
        return _of_diagnosis(outcome, about, cloud)
    stand, run = outcome.stand, outcome.run.id if outcome.run else ""
    digest = outcome.plan.digest if outcome.plan and stand.verdict is Verdict.NEEDS_APPROVAL else ""
    planned = outcome.plan.changes if outcome.plan and stand.verdict is Verdict.PLANNED else ()
    changed = [f"{one.change.summary}: {one.result or 'in progress'}" for one in outcome.sent]
    return Message(
        key=_key(run or f"{outcome.vm_id.lower()}/{about or outcome.runbook}", stand.verdict.value, digest),
        headline=_cut(f"{_name(outcome.vm_id)}: {_HEADLINES[stand.verdict]}"),
        tone=_tone(stand.verdict),
        vm_id=outcome.vm_id,
        error=_cut(outcome.runbook or outcome.title),
        verdict=stand.verdict.value,
        reason=_cut(stand.reason),
        found=_lines([f"{one.label}: {one.value}" for one in outcome.findings]),
        changed=_lines([one.summary for one in planned] or changed),
        next_step=_cut(stand.next_step),
        command=f"remediate run {run[:12]}" if run else f"remediate diagnose --vm {outcome.vm_id}",
        link=portal_link(outcome.vm_id, cloud),
        run=run,
        dry_run=outcome.dry_run,
    )


def message_of_refusal(vm_id: str, why: str, reason: str, next_step: str, *, about: str, cloud: str) -> Message:
    """Return what a person is told when somebody must look, and no repair was begun.

    Args:
        vm_id: id of the machine; empty where it is not known.
        why: the reason as a word.
        reason: the reason as a sentence.
        next_step: what to do next.
        about: what led to it.
        cloud: name of the cloud, for the link.
    """
    return Message(
        key=_key(about or vm_id.lower(), why, ""),
        headline=_cut(f"{_name(vm_id)}: alert not dealt with"),
        tone=Tone.NEEDED,
        vm_id=vm_id,
        error="",
        verdict=why,
        reason=_cut(reason),
        found=(),
        changed=(),
        next_step=_cut(next_step),
        command=f"remediate diagnose --vm {vm_id}" if vm_id else "",
        link=portal_link(vm_id, cloud),
    )


def portal_link(vm_id: str, cloud: str) -> str:
    """Return where a person sees the machine."""
    return f"{PORTALS.get(cloud, PORTALS['public'])}/#resource{quote(vm_id)}" if vm_id else ""


def _of_diagnosis(found: DiagnosisReport, about: str, cloud: str) -> Message:
    return Message(
        key=_key(f"{found.vm_id.lower()}/{about}", found.result, ""),
        headline=_cut(f"{_name(found.vm_id)}: the backup's error is {found.result}"),
        tone=Tone.NEEDED,
        vm_id=found.vm_id,
        error=_cut(found.error),
        verdict=found.result,
        reason=_cut(found.reason),
        found=_lines([f"{one.label}: {one.value}" for one in found.findings]),
        changed=(),
        next_step=_cut(found.next_step),
        command=found.commands[0] if found.commands else f"remediate diagnose --vm {found.vm_id}",
        link=portal_link(found.vm_id, cloud),
    )


def _tone(verdict: Verdict) -> Tone:
    if verdict in _GOOD:
        return Tone.GOOD
    return Tone.WAITS if verdict in (Verdict.PENDING, Verdict.PLANNED) else Tone.NEEDED


def _name(vm_id: str) -> str:
    return vm_id.rpartition("/")[2] or "a machine that is not known"


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _cut(text: str) -> str:
    plain = "".join(one if one.isprintable() or one == "\n" else " " for one in text)
    return plain if len(plain) <= MOST_TEXT else f"{plain[: MOST_TEXT - 1]}…"


def _lines(lines: list[str]) -> tuple[str, ...]:
    cut = tuple(_cut(one)[:300] for one in lines[:MOST_LINES])
    return cut if len(lines) <= MOST_LINES else (*cut, f"and {len(lines) - MOST_LINES} more")
