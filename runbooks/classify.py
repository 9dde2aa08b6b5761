"""Which error a code, a message or a failed job means. Exactly one, with the evidence; or several; or none. No guess.

What counts is a whole code or a whole message of the catalogue. Where one message contains another, the longest counts;
where a text comes close to a longer message of another error, it is not taken for the shorter one. Codes that carry
several errors need the message, and an error that only wraps another one gives way to what is inside.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from . import catalogue
from .entry import Entry
from .words import Words, without_names

if TYPE_CHECKING:
    from arm.facts.backup import Job

CODE, MESSAGE, MATCH = "code", "message", "match"
_COVERED, _MORE, _REST = 0.7, 0.2, 0.2
"""A longer message is a rival when so much of it is there, and so much of it outside the shorter one.

Where it contains the shorter one, so much of the rest is enough.
"""
_MOST_CLOSE = 5


@dataclass(frozen=True)
class Evidence:
    """Why a text is taken for an error.

    Attributes:
        id: the error.
        kind: ``code``, ``message``, or ``match`` (what tells apart errors that share a code).
        text: the code or message, as the catalogue has it.
        language: the message's language; empty for a code.
        where: where it stood: ``text``, or the part of the job.
    """

    id: str
    kind: str
    text: str
    language: str
    where: str


@dataclass(frozen=True)
class Classification:
    """What a text means.

    Attributes:
        entry: the error; ``None`` when there is none, or more than one.
        candidates: when it is ambiguous, the errors it may be.
        evidence: what was recognised.
        wrapper: the error that the error was inside of.
        closest: when nothing was recognised, ids of errors that come closest; a help for people, no answer.
    """

    entry: Entry | None = None
    candidates: tuple[Entry, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    wrapper: Entry | None = None
    closest: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Known:
    entry: Entry
    kind: str
    text: str
    language: str
    words: Words


@dataclass(frozen=True)
class _Hit:
    known: _Known
    start: int
    end: int

    def inside(self, other: _Hit) -> bool:
        return other.start <= self.start and self.end <= other.end and other.end - other.start > self.end - self.start


def classify(text: str, *, where: str = "text") -> Classification:
    """Say which error a text means.

    Args:
        text: a code, a message, or a longer text that contains them.
        where: what the text is, for the evidence.
    """
    return _classified(text, where, catalogue.folders())


@lru_cache(maxsize=256)
def _classified(text: str, where: str, _folders: tuple[str, ...]) -> Classification:
    """Say it once for each text: the machines of a vault often fail with the same words."""
    named = catalogue.with_name(text)
    if len(named) == 1 and _alone(named[0], text):
        return Classification(named[0], evidence=(Evidence(named[0].id, CODE, text.strip(), "", where),))
    found = _classify(text, where)
    if found.entry is None:
        second = _classify(without_names(text), where)
        lost = {one.id for one in found.evidence} - {one.id for one in second.evidence}
        found = second if second.entry is not None and not lost else found
    if found.entry is None and not found.candidates:
        found = replace(found, closest=_closest(text))
    return found


def classify_job(job: Job) -> Classification:
    """Say which error a failed job failed with: by its message for programs first, then by titles and texts."""
    first = classify(job.dynamic_message, where="dynamic message") if job.dynamic_message.strip() else Classification()
    if first.entry is not None and not first.entry.wrapper:
        return first
    shown = "\n".join(part for one in job.errors for part in (str(one.code or ""), one.title, one.text) if part.strip())
    if not shown:
        return first
    open_question = first.entry is not None or first.candidates
    both = classify(f"{job.dynamic_message}\n{shown}" if open_question else shown, where="error details")
    return both if both.entry is not None or both.candidates else first if open_question else both


def _alone(entry: Entry, name: str) -> bool:
    """Whether a name alone says it: a wrapper does too, but a code that needs its message does not."""
    return entry.match is None or name.strip().lower() == entry.id.lower()


def _classify(text: str, where: str) -> Classification:
    words = Words.of(text)
    hits = [hit for hit in _hits(words) if not _run_together(hit.known, text)]
    hits = [hit for hit in hits if not any(hit.inside(other) for other in hits)]
    sure, unsure, extra = _by_code(hits, words)
    messages = [hit for hit in hits if hit.known.kind == MESSAGE]
    rivals = [] if sure else _rivals(messages, words)
    told = _unique([*sure, *(hit.known.entry for hit in messages)])
    evidence = tuple(
        dict.fromkeys([*(_evidence(hit.known, where) for hit in hits), *(replace(one, where=where) for one in extra)])
    )
    wrappers = [entry for entry in told if entry.wrapper]
    inner = [entry for entry in told if not entry.wrapper]
    if len(inner) > 1:
        inner = _settled(inner, sure)
    if rivals:
        return Classification(candidates=_unique([*inner, *rivals]), evidence=evidence)
    if len(inner) == 1:
        kept = tuple(one for one in evidence if one.id in {inner[0].id, *(entry.id for entry in wrappers)})
        return Classification(inner[0], evidence=kept, wrapper=wrappers[0] if wrappers else None)
    if inner or unsure:
        return Classification(candidates=_unique([*inner, *unsure]), evidence=evidence)
    return Classification(wrappers[0] if wrappers else None, evidence=evidence)


def _hits(words: Words) -> Iterator[_Hit]:
    for known in _all_known(catalogue.folders()):
        for start, end in words.places(known.words):
            whole = words.apart(start) and words.apart(end)
            if known.kind == CODE:
                whole = whole and words.separate(start) and words.separate(end)
            else:
                whole = whole and words.ended(start) + words.ended(end) >= known.words.ends_needed
            if whole:
                yield _Hit(known, start, end)
                break


def _run_together(known: _Known, text: str) -> bool:
    """Say whether what looks like a code is words of a message that have lost their blanks: ``an internalerror``."""
    if known.kind != CODE or known.text not in _wordy(catalogue.folders()):
        return False
    found = re.search(re.escape(known.text), text, re.IGNORECASE)
    return found is not None and found[0].islower()


@cache
def _wordy(folders: tuple[str, ...]) -> frozenset[str]:
    """Return the codes that the messages of other errors have as ordinary words."""
    known = _all_known(folders)
    said = [("".join(one.words.words), one.entry.id) for one in known if one.kind == MESSAGE]
    return frozenset(
        one.text
        for one in known
        if one.kind == CODE and any(one.text.lower() in line and one.entry.id != name for line, name in said)
    )


def _by_code(hits: Iterable[_Hit], words: Words) -> tuple[list[Entry], list[Entry], list[Evidence]]:
    """Return the errors that the codes say, those they may mean, and what has told apart which."""
    sure, unsure, extra = [], [], []
    for known in (hit.known for hit in hits if hit.known.kind == CODE):
        entry = known.entry
        if _alone(entry, known.text):
            sure.append(entry)
        elif entry.match is not None and words.line.find(Words.of(entry.match).line) >= 0:
            sure.append(entry)
            extra.append(Evidence(entry.id, MATCH, entry.match, "en", ""))
        else:
            unsure.append(entry)
    return sure, unsure, extra


def _settled(found: list[Entry], sure: list[Entry]) -> list[Entry]:
    """Let a code decide between errors that are easily mixed up by their messages."""
    codes = _unique(entry for entry in sure if not entry.wrapper)
    if len(codes) != 1:
        return found
    near = {codes[0].id, *codes[0].related}
    return [codes[0]] if all(entry.id in near or codes[0].id in entry.related for entry in found) else found


def _rivals(hits: Iterable[_Hit], words: Words) -> list[Entry]:
    """Return errors with a longer message that the text comes close to, where only a shorter one is whole."""
    return [
        other.entry
        for hit in hits
        for other in _all_known(catalogue.folders())
        if other.kind == MESSAGE and other.entry.id != hit.known.entry.id and _rival(hit, other, words)
    ]


def _rival(hit: _Hit, other: _Known, words: Words) -> bool:
    """Say whether a text that has one message whole comes close to a longer one of another error."""
    own, wanted = hit.known.words, other.words
    if len(wanted.words) <= len(own.words):
        return False
    first, last = hit.start - len(wanted.words), hit.end + len(wanted.words)
    if own.line in wanted.line:
        rest = {*wanted.words} - {*own.words}
        around = {*words.words[max(0, first) : hit.start], *words.words[hit.end : last]}
        return len(rest & around) >= _REST * len(rest)
    seen = len(wanted.pairs & words.pairs_in(first, last)) / len(wanted.pairs)
    return seen >= _COVERED and seen - len(wanted.pairs & own.pairs) / len(wanted.pairs) >= _MORE


@cache
def _all_known(_folders: tuple[str, ...]) -> tuple[_Known, ...]:
    """Return every code and message, once per error."""
    found = []
    for entry in catalogue.entries():
        seen: set[str] = set()
        named = [(CODE, name, "") for name in entry.names]
        said = [(MESSAGE, text, language) for language, texts in entry.messages.items() for text in texts]
        for kind, text, language in [*named, *said]:
            words = Words.of(text)
            if words.line not in seen:
                found.append(_Known(entry, kind, text, language, words))
                seen.add(words.line)
    return tuple(found)


def _evidence(known: _Known, where: str) -> Evidence:
    return Evidence(known.entry.id, known.kind, known.text, known.language, where)


def _unique(found: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple({entry.id: entry for entry in found}.values())


def _closest(text: str) -> tuple[str, ...]:
    """Return the ids whose codes or messages come closest to a text."""
    words = Words.of(text[:2000])
    known = _all_known(catalogue.folders())
    names = {one.text.lower(): one.entry.id for one in known if one.kind == CODE}
    tried = [text.strip().lower()[:200], *sorted(words.words, key=len, reverse=True)[:3]]
    alike = [names[name] for word in tried for name in difflib.get_close_matches(word, names, n=3, cutoff=0.6)]
    shares = [
        (len(one.words.pairs & words.pairs) / len(one.words.pairs), one.entry.id)
        for one in known
        if one.kind == MESSAGE and one.words.pairs
    ]
    likely = [name for share, name in sorted(shares, key=lambda pair: -pair[0]) if share >= 0.4]
    return tuple(dict.fromkeys([*alike, *likely]))[:_MOST_CLOSE]
