"""The pages of ``docs/errors``, one per error, from the catalogue and the runbooks: ``python -m remediate.docs``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from runbooks import catalogue
from runbooks.entry import Entry

from .render.checks import checks_page
from .render.entry import CLASSES, Known, sections
from .render.markdown import cell

FOLDER = Path("docs") / "errors"
CHECKS = Path("docs") / "checks.md"
LANGUAGES = {
    "en": "English",
    "pt-BR": "Portuguese (Brazil)",
    "pt-PT": "Portuguese (Portugal)",
    "zh-TW": "Chinese (Taiwan)",
}
_MADE = "<!-- Made by `make docs` from the entry and the chain; change those, not this page. -->"
_CODE = ("What you may choose", "What you may tell it", "Permissions")


def pages() -> dict[str, str]:
    """Return every page by its file's name, the index included."""
    known = [Known.of(entry) for entry in catalogue.entries()]
    ids = {one.entry.id for one in known}
    made = {f"{one.entry.id}.md": "\n".join(_page(one, ids)) + "\n" for one in known}
    return {"README.md": "\n".join(_index(known)) + "\n", **made}


def write(folder: Path) -> None:
    """Write every page, and remove those of errors that are gone."""
    made = pages()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


def escaped(text: str) -> str:
    """Return a text so that Markdown shows it as it is."""
    return re.sub(r"([<*|\[\]])", r"\\\1", text.replace("\n", " "))


def _index(known: list[Known]) -> Iterator[str]:
    rows = catalogue.source_rows()
    yield from ("# Errors", "", _MADE, "")
    chains = sum(one.chain for one in known)
    yield f"{len(known)} errors of Azure VM backup. {chains} of them have a chain: their runbook repairs, or asks a"
    yield "human for exactly what is missing. The others are diagnosed: facts are collected, Microsoft's advice is"
    yield "shown, and nothing is changed."
    yield ""
    yield from ("| class | |", "|---|---|", *(f"| {name} | {meaning} |" for name, meaning in CLASSES.items()), "")
    total = sum(catalogue.DOCUMENTS.values())
    yield f"{len(rows)} of the {total} rows of the project's source documents are mapped to an error here."
    yield "A row is a row of a table of errors, a section whose heading is an error, or a symptom with its cure; the"
    yield "message line below a heading belongs to the heading's row."
    for heading, named in (("Named by the source documents", True), ("Others that Microsoft documents", False)):
        yield from ("", f"## {heading}", "", "| error | class | chain | scenarios | |", "|---|---|---|---|---|")
        for one in known:
            if bool(one.entry.source_rows) is named:
                yield (
                    f"| [{one.entry.id}]({one.entry.id}.md) | {one.entry.automation} | {'yes' if one.chain else 'no'} "
                    f"| {len(one.scenarios) or '-'} | {escaped(one.entry.title)} |"
                )


def _page(known: Known, ids: set[str]) -> Iterator[str]:
    entry = known.entry
    yield from (f"# {entry.id}", "", _MADE, "", escaped(entry.title), "", "| | |", "|---|---|")
    yield from (f"| {label} | {value} |" for label, value in _facts(known))
    for language, texts in entry.messages.items():
        heading = f"## Messages in {LANGUAGES.get(language, language)}"
        yield from ("", heading, "", *(f"* {escaped(text)}" for text in texts))
    for heading, lines in sections(known).items():
        if lines and heading == "Practice":
            yield from ("", f"## {heading}", "", "```console", *(f"$ {line}" for line in lines), "```")
        elif lines:
            shown = [_coded(line) if heading in _CODE else escaped(line) for line in lines]
            yield from ("", f"## {heading}", "", *(f"{number}. {line}" for number, line in enumerate(shown, 1)))
    if entry.related:
        related = [f"* [{one}]({one}.md)" if one in ids else f"* {one}" for one in entry.related]
        yield from ("", "## Easily mixed up with it", "", *related)
    if entry.source_rows:
        yield from ("", "## In the source documents", "", "| document | row | line | kind | |", "|---|---|---|---|---|")
        for row in entry.source_rows:
            yield f"| {row.document} ({row.language}) | {row.row} | {row.line} | {row.kind} | {escaped(row.title)} |"


def _facts(known: Known) -> Iterator[tuple[str, str]]:
    entry = known.entry
    yield "Class", f"{entry.automation}: {CLASSES[entry.automation]}"
    yield "Chain", "yes" if known.chain else "no: facts are collected, nothing is changed"
    yield "Highest impact", known.impact
    yield "Azure's code", f"`{entry.code}`" if entry.code else "none: Azure shows a message only"
    if entry.aliases:
        yield "Also called", ", ".join(f"`{cell(one)}`" for one in entry.aliases)
    if entry.numeric_code is not None:
        yield "Number", str(entry.numeric_code)
    if entry.match:
        yield "Told apart by", f"`{cell(entry.match)}` in the message"
    yield "What fails", f"{entry.operation}, {_system(entry)}"
    if entry.wrapper:
        yield "Wrapper", "yes: it only says that another error is inside"
    if entry.legacy:
        yield "Legacy", "yes: it only comes from what Azure has retired"


def _system(entry: Entry) -> str:
    return {"any": "any operating system", "windows": "Windows", "linux": "Linux"}[entry.os]


def _coded(line: str) -> str:
    """Return a line whose part before the first colon, or after it for a permission, is code."""
    word, _, meaning = line.partition(": ")
    return f"{word} `{meaning}`" if word in ("read", "write") else f"`{word}`: {escaped(meaning)}"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    CHECKS.write_text(checks_page(), encoding="utf-8")
