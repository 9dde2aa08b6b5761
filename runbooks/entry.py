"""What the catalogue knows of an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arm.facts.backup import Job


@dataclass(frozen=True)
class Proposal:
    """One step that a repair of the error would take.

    Attributes:
        action: its name.
        summary: what it does.
        plane: where: ``control``, ``guest-windows``, ``guest-linux``, or ``manual`` for what only a human can do.
        approval: a human has to approve it.
        disruptive: it interrupts a workload.
        destructive: data or configuration may be lost.
        note: what to know about it for this error.
    """

    action: str
    summary: str
    plane: str
    approval: bool
    disruptive: bool
    destructive: bool
    note: str

    @property
    def human(self) -> bool:
        """Whether a human does it or has to approve it."""
        return self.plane == "manual" or self.approval


@dataclass(frozen=True)
class SourceRow:
    """A row of a source document that names the error, with the title it has there."""

    document: str
    row: int
    line: int
    kind: str
    language: str
    title: str


@dataclass(frozen=True)
class Entry:
    """What the catalogue knows of an error: its ``entry.json`` (``docs/schemas/entry.schema.json``).

    Attributes:
        id: its name here, the same for ever; Azure's symbolic code wherever that code means only this error.
        code: Azure's symbolic code; ``None`` when Azure shows a message only.
        aliases: other codes it goes by: older ones, misspelt ones, ones that a translation has spoiled.
        numeric_code: the integer that Azure documents for it.
        match: what the message has to contain when the code carries several errors.
        wrapper: it only says that another error is inside.
        operation: what fails: ``backup``, ``restore``, ``configure``, ``file-recovery``, ``job-cancel``, ``agent``.
        os: ``any``, ``windows`` or ``linux``.
        automation: ``full``, ``guest``, ``assisted`` or ``advice`` (``class`` in the file).
        legacy: it only comes from what Azure has retired.
        title: the English message.
        messages: every message and title as Azure shows it, by language.
        causes: why it happens.
        documented_steps: what Microsoft's documentation says to do.
        remediation: what a repair would do, in order.
        verify: how to see that it is repaired.
        diagnostics: what to look at.
        risk: what can go wrong.
        related: ids of errors that are easily mixed up with it.
        sources: the documents.
        source_rows: the rows of the project's source documents that name it.
        data: the file's content, for those who pass it on.
    """

    id: str
    code: str | None
    aliases: tuple[str, ...]
    numeric_code: int | None
    match: str | None
    wrapper: bool
    operation: str
    os: str
    automation: str
    legacy: bool
    title: str
    messages: Mapping[str, tuple[str, ...]]
    causes: tuple[str, ...]
    documented_steps: tuple[str, ...]
    remediation: tuple[Proposal, ...]
    verify: str
    diagnostics: tuple[str, ...]
    risk: str
    related: tuple[str, ...]
    sources: tuple[str, ...]
    source_rows: tuple[SourceRow, ...]
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Entry:
        """Return the entry that an ``entry.json`` holds."""
        return cls(
            id=data["id"],
            code=data["code"],
            aliases=tuple(data["aliases"]),
            numeric_code=data["numeric_code"],
            match=data["match"],
            wrapper=data["wrapper"],
            operation=data["operation"],
            os=data["os"],
            automation=data["class"],
            legacy=data["legacy"],
            title=data["title"],
            messages={language: tuple(texts) for language, texts in data["messages"].items()},
            causes=tuple(data["causes"]),
            documented_steps=tuple(data["documented_steps"]),
            remediation=tuple(Proposal(**step) for step in data["remediation"]),
            verify=data["verify"],
            diagnostics=tuple(data["diagnostics"]),
            risk=data["risk"],
            related=tuple(data["related"]),
            sources=tuple(data["sources"]),
            source_rows=tuple(SourceRow(**row) for row in data["source_rows"]),
            data=data,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Every code and name that means this error, among others perhaps; the number too."""
        number = () if self.numeric_code is None else (str(self.numeric_code),)
        return tuple(dict.fromkeys([self.id, *([self.code] if self.code else []), *self.aliases, *number]))

    def describes(self, job: Job) -> bool:
        """Say whether a failed job failed with this error and no other."""
        from .classify import classify_job

        found = classify_job(job).entry
        return found is not None and found.id == self.id
