"""The page ``docs/checks.md``: every health check, from the checks themselves."""

from __future__ import annotations

from collections.abc import Iterator

from arm.facts.permissions import READS
from runbooks.checks import CHECKS, Check, Where
from runbooks.checks.sections import sections

from .markdown import cell

_WHERE = {Where.ARM: "ARM", Where.GUEST: "guest", Where.BOTH: "ARM and guest"}
_INTRODUCTION = """\
# Health checks

<!-- Made by `make docs` from the checks; change those, not this page. -->

`remediate check --vm NAME` asks these questions about one VM, all at the same time, and changes nothing.
`--only CHK-ID` (repeatable) asks only some. `remediate check --all` asks them of every VM that can be read, or with
`--vault` or `--subscription` of those of one vault or subscription: by a handful of Resource Graph queries, however
many there are. Resource Graph lags behind by minutes. The exit code is 1 when a check fails, else 0.

| result | meaning |
|---|---|
| `pass` | it is as expected, or does not apply (a question about Windows, a Linux VM) |
| `warn` | it may become, or be, a cause of trouble |
| `fail` | it is not as expected |
| `unknown` | nobody has seen it: a permission is missing, Azure did not answer, or only the guest can tell |

`where`: from where the question can be answered: Azure Resource Manager, the guest operating system, or each in part.
What only the guest can tell is `unknown`, with what to look at inside the VM. `--probe-guest` lets a script look there:
it changes nothing in the VM, but starting it is a write to Azure. Where Azure and the guest tell different things, both
are shown and the worse one counts; a value that the script could not tell, or that makes no sense, passes nothing.
`all`: whether `--all` answers it."""


def checks_page() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from (_INTRODUCTION, "", "| check | where | all | what | expected | why | source |", f"{'|---' * 7}|")
    yield from map(_row, CHECKS)
    yield from ("", "## How to look inside the VM", "", "| check | what to look at |", "|---|---|")
    yield from (f"| {one.id} | {cell(one.inside)} |" for one in CHECKS if one.inside)
    yield from ("", "## Permissions", "", "A check whose facts may not be read is `unknown`; the others are answered.")
    yield from ("", "| check | actions |", "|---|---|")
    yield from (f"| {one.id} | {', '.join(f'`{action}`' for action in actions(one)) or 'none'} |" for one in CHECKS)
    yield from ("", "## In the source documents", "")
    yield from ("Their sections that name no error, and the checks that answer them.", "")
    yield from ("| document | line | section | checks |", "|---|---|---|---|")
    yield from (f"| {one.document} | {one.line} | {cell(one.title)} | {', '.join(one.checks)} |" for one in sections())


def _row(one: Check) -> str:
    system = f" ({one.os.capitalize()} only)" if one.os else ""
    words = (
        one.id,
        _WHERE[one.where],
        "yes" if one.fleet else "",
        one.title + system,
        one.expected,
        one.why,
        one.source,
    )
    return f"| {' | '.join(cell(word) for word in words)} |"


def actions(one: Check) -> list[str]:
    """Return the RBAC actions that a check needs, those of the facts it reads on some paths only included."""
    return sorted({action for name in (*one.facts, *one.also_reads) for action in READS[name]}, key=str.lower)
