"""Reads a Windows script with tree-sitter and says what is wrong with it, since no test can run it.

A rule is a function that takes a script and yields what it finds; :data:`RULES` names them all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_powershell.language()))
DATA = json.loads((Path(__file__).parent / "windows_rules.json").read_text(encoding="utf-8"))
CMDLETS: dict[str, dict[str, bool]] = {
    name: {word.rstrip("="): word.endswith("=") for word in words.split()} for name, words in DATA["cmdlets"].items()
}
"""The cmdlets that may be called, with the parameters that may be used, and whether each takes a value."""
AUTOMATIC = frozenset(DATA["automatic"])
"""Variables that PowerShell sets, and that may be read."""
NEVER_SET = AUTOMATIC | frozenset(DATA["reserved"])
HEAD = frozenset(DATA["head"])
STATIC = frozenset(DATA["static"])
"""The static methods that may be called, in lower case."""
ONLY_IN = {name: frozenset(functions) for name, functions in DATA["only_in"].items()}
"""What may be called, or done, only in these functions."""
SERVICE_CALLS = frozenset(DATA["names_a_service"])
"""The commands whose parameter Name is a service."""
FORBIDDEN = re.compile(
    r"\b(Restart-Computer|Stop-Computer|shutdown|Invoke-Expression|iex|Add-Type|EncodedCommand|DownloadString|"
    r"DownloadFile|WebClient|Start-BitsTransfer|Set-ExecutionPolicy|Invoke-Command|Start-Job|cmd\.exe|rundll32|"
    r"Format-Volume|Clear-Disk|Initialize-Disk|Clear-EventLog|vssadmin\W+delete)\b",
    re.IGNORECASE,
)
LITERAL = re.compile(r"(?:HKLM|HKU|HKCU|HKEY_\w+)\\[^'\"]*|[A-Za-z]:\\[^'\"]*|%[A-Za-z]+%\\[^'\"]*|Cert:[^'\"]*")
"""A key of the registry, a path or a certificate store."""
GENERAL = frozenset({"HKLM\\SYSTEM\\CurrentControlSet\\Services\\$Name", "%SystemRoot%\\System32\\$Name"})
"""Where the common functions look by a name that they are given."""
PROXY = "HKU\\S-1-5-18\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\\Connections"
VALUE_VERBS = ("Test-", "Get-", "Find-", "ConvertTo-", "Resolve-", "Export-", "Write-RegistryData", "Invoke-System")
ASSIGNED = ("assignment_expression",)


def text_of(node: Node) -> str:
    """Return the text of a node."""
    return (node.text or b"").decode()


def line_of(node: Node) -> int:
    """Return the line on which a node starts."""
    return node.start_point[0] + 1


@dataclass(frozen=True)
class Call:
    """One command of a script: its name, where it stands, and its parameters; ``loose`` are arguments without one."""

    name: str
    inside: str
    node: Node
    parameters: dict[str, str | None]
    loose: tuple[str, ...]

    def __str__(self) -> str:
        return f"line {line_of(self.node)}, {self.inside or 'top level'}: {self.name}"


class Code:
    """A script, parsed."""

    def __init__(self, text: str, table: str = "[]") -> None:
        self.text = text
        self.table = table
        self.root = PARSER.parse(text.encode()).root_node

    @cached_property
    def functions(self) -> dict[str, Node]:
        """The functions by name."""
        found = (one for one in self.root.children if one.type == "statement_list")
        every = (one for part in found for one in part.children if one.type == "function_statement")
        return {text_of(next(c for c in one.children if c.type == "function_name")): one for one in every}

    @cached_property
    def all(self) -> tuple[Node, ...]:
        """Every node, in the order of the text."""
        self._above: dict[int, Node] = {}
        self._function: dict[int, str] = {self.root.id: ""}
        found, waiting = [], [self.root]
        while waiting:
            node = waiting.pop()
            found.append(node)
            below = node.children
            inside = self._function[node.id]
            if node.type == "function_statement":
                inside = text_of(next(c for c in below if c.type == "function_name"))
            for one in below:
                self._above[one.id] = node
                self._function[one.id] = inside
            waiting.extend(reversed(below))
        return tuple(found)

    def inside(self, node: Node) -> str:
        """Return the name of the function that a node is in, or nothing."""
        return self._function[node.id] if self.all else ""

    def above(self, node: Node) -> Iterator[Node]:
        """Yield what a node is in, the nearest first."""
        while self.all and node.id in self._above:
            node = self._above[node.id]
            yield node

    @cached_property
    def _parameters(self) -> dict[str, set[str]]:
        known: dict[str, set[str]] = {}
        for one in self.all:
            if one.type == "script_parameter":
                names = {text_of(c)[1:].lower() for c in one.children if c.type == "variable"}
                known.setdefault(self.inside(one), set()).update(names)
        return known

    def parameters(self, function: str) -> set[str]:
        """Return the names of the parameters of a function, in lower case."""
        return self._parameters.get(function, set())

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every command."""
        return tuple(self._call(one) for one in self.all if one.type == "command")

    def _call(self, node: Node) -> Call:
        name = next((text_of(c) for c in node.children if c.type == "command_name"), "&")
        elements = [c for part in node.children if part.type == "command_elements" for c in part.children]
        given: dict[str, str | None] = {}
        loose, last = [], None
        for one in elements:
            if one.type == "command_parameter":
                last = text_of(one)[1:].rstrip(":")
                given[last] = None
            elif one.type != "command_argument_sep":
                if last is not None and given[last] is None:
                    given[last] = text_of(one)
                else:
                    loose.append(text_of(one))
                last = None
        return Call(name, self.inside(node), node, given, tuple(loose))


def parses(code: Code) -> Iterator[str]:
    """The parser understands every word."""
    for one in code.all if code.root.has_error else ():
        if one.is_error or one.is_missing:
            yield f"line {line_of(one)}: not understood: {text_of(one)[:60]!r}"


def plain_text(code: Code) -> Iterator[str]:
    """ASCII, lines that end with LF, no tabs, nothing behind the end of a line."""
    for number, line in enumerate(code.text.split("\n"), 1):
        if not line.isascii() or "\t" in line or "\r" in line or line != line.rstrip():
            yield f"line {number}: {line!r}"


def strict(code: Code) -> Iterator[str]:
    """Strict mode, and every error ends the script."""
    if not any(one.name == "Set-StrictMode" and not one.inside for one in code.calls):
        yield "Set-StrictMode is missing"
    if not re.search(r"^\$ErrorActionPreference = 'Stop'$", code.text, re.MULTILINE):
        yield "$ErrorActionPreference is not Stop"
    for word in ("Warning", "Progress", "Verbose"):
        if not re.search(rf"^\${word}Preference = 'SilentlyContinue'$", code.text, re.MULTILINE):
            yield f"${word}Preference would let something through to stdout"


def known_commands(code: Code) -> Iterator[str]:
    """Only allowed cmdlets and own functions, written out as they are: no aliases, no programs."""
    for one in code.calls:
        if one.name not in CMDLETS and one.name not in code.functions and one.name not in ("&", "Set-It", "Undo-It"):
            yield str(one)


def known_parameters(code: Code) -> Iterator[str]:
    """Every argument has the name of a parameter that exists; so a path is always a literal one."""
    for one in code.calls:
        if one.name == "&":
            continue
        own = one.name in code.functions
        if one.loose:
            yield f"{one} has arguments without a name: {one.loose}"
        for name, value in one.parameters.items():
            if own and name.lower() not in code.parameters(one.name):
                yield f"{one} -{name}: there is no such parameter"
            if not own and name not in CMDLETS.get(one.name, {}):
                yield f"{one} -{name}: not allowed"
            takes = own or CMDLETS.get(one.name, {}).get(name, True)
            if takes == (value is None) and name != "Confirm":
                yield f"{one} -{name} {value or ''}: it {'needs a' if takes else 'takes no'} value"


def only_there(code: Code) -> Iterator[str]:
    """What is dangerous is done in one place each."""
    for one in code.calls:
        if one.inside not in ONLY_IN.get(one.name, {one.inside}):
            yield str(one)
    for node in code.all:
        word = ""
        if node.type == "flow_control_statement" and text_of(node).startswith("exit"):
            word = "exit"
        elif node.type == "command_invokation_operator":
            word = "&" if text_of(node) == "&" else "."
        elif node.type == "invokation_expression":
            member = next((text_of(c) for c in node.children if c.type == "member_name"), "")
            static = any(c.type == "type_literal" for c in node.children)
            word = "::start" if static and member.lower() == "start" else "" if static else member
        if word == "." or (word and code.inside(node) not in ONLY_IN.get(word, {code.inside(node)})):
            yield f"line {line_of(node)}, {code.inside(node) or 'top level'}: {word}"


def static_methods(code: Code) -> Iterator[str]:
    """Only allowed static methods of .NET."""
    for node in code.all:
        if node.type != "invokation_expression":
            continue
        kind = next((text_of(c) for c in node.children if c.type == "type_literal"), "")
        member = next((text_of(c) for c in node.children if c.type == "member_name"), "")
        if kind and f"{kind.strip('[]')}::{member}".lower() not in STATIC:
            yield f"line {line_of(node)}: {kind}::{member}"


def forbidden(code: Code) -> Iterator[str]:
    """Words that may not occur, be it in a text that is handed on."""
    for node in code.all:
        if node.type == "comment" or node.child_count:
            continue
        if found := FORBIDDEN.search(text_of(node)):
            yield f"line {line_of(node)}: {found[0]}"
    for node in code.all:
        if node.type == "expandable_string_literal" and (found := FORBIDDEN.search(text_of(node))):
            yield f"line {line_of(node)}: {found[0]}"


def own_output(code: Code) -> Iterator[str]:
    """Nothing runs out of a function by accident: what a method returns is taken or thrown away."""
    for node in code.all:
        if node.type != "pipeline" or next(code.above(node)).type != "statement_list":
            continue
        inner: Node = node
        while inner.named_child_count == 1 and inner.type not in ("invokation_expression", "command"):
            if inner.type in ("assignment_expression", "cast_expression", "script_block_expression"):
                break
            inner = inner.named_children[0]
        verb = code.inside(node).split("-")[0]
        in_block = _in_block(code, node)
        if inner.type == "invokation_expression" and not in_block:
            yield f"line {line_of(node)}, {code.inside(node)}: {text_of(node)[:60]}"
        if node.named_child_count == 1 and (chain := node.named_children[0]).type == "pipeline_chain":
            last = chain.named_children[-1]
            name = next((text_of(c) for c in last.children if c.type == "command_name"), "")
            gives = name.startswith(VALUE_VERBS) and name != "Test-Table"
            gives = gives or name in ("Register-ScheduledTask", "Invoke-CimMethod")
            if last.type == "command" and gives and verb not in ("Get", "Find") and not in_block:
                yield f"line {line_of(node)}, {code.inside(node)}: {text_of(node)[:60]}"


def _in_block(code: Code, node: Node) -> bool:
    for one in code.above(node):
        if one.type == "function_statement":
            return False
        if one.type in ("script_block_expression", "sub_expression", "parenthesized_expression", "array_expression"):
            return True
    return False


def variables(code: Code) -> Iterator[str]:
    """Every variable is set before it could be read, under a name that means one thing only."""
    given: dict[str, list[tuple[str, str]]] = {}
    for function, name, how in _set_in(code):
        given.setdefault(function, []).append((name, how))
    everywhere = HEAD | {name for name, _ in given.get("", [])}
    for function, found in given.items():
        for name, how in found if function else ():
            if name in NEVER_SET or name in everywhere or (how == "foreach" and name in code.parameters(function)):
                yield f"{function}: ${name} is set, and means something else"
    for one in code.all:
        if one.type not in ("variable", "braced_variable"):
            continue
        name, function = text_of(one).strip("${}@").lower(), code.inside(one)
        known = everywhere | code.parameters(function) | AUTOMATIC | {name for name, _ in given.get(function, [])}
        if name and name not in known:
            yield f"line {line_of(one)}, {function}: ${name} is never set"


def _set_in(code: Code) -> Iterator[tuple[str, str, str]]:
    for one in code.all:
        if one.type == "foreach_statement":
            name = next(text_of(c) for c in one.children if c.type == "variable")
            yield code.inside(one), name[1:].lower(), "foreach"
        if one.type == "left_assignment_expression" and re.fullmatch(r"\$(?!null$)\w+", text_of(one)):
            yield code.inside(one), text_of(one)[1:].lower(), "set"


def reachable(code: Code, start: str) -> set[str]:
    """Return the functions that a function calls, and those they call."""
    calls: dict[str, set[str]] = {}
    for one in code.calls:
        calls.setdefault(one.inside, set()).add(one.name)
    seen, waiting = {start}, [start]
    while waiting:
        for name in calls.get(waiting.pop(), set()) & code.functions.keys() - seen:
            seen.add(name)
            waiting.append(name)
    return seen


def ends_with_the_verbs(code: Code) -> Iterator[str]:
    """The last line starts the script, which looks at its table, and asks it before it changes anything."""
    if not code.text.endswith('\nInvoke-GuestScript -Word "$args"\n'):
        yield "it does not end with Invoke-GuestScript"
    if "Test-It" not in code.functions or "Get-TableItem" not in reachable(code, "Test-It"):
        yield "Test-It does not read the table"
    if "Set-It" in code.functions and "Confirm-Table" not in reachable(code, "Set-It"):
        yield "Set-It does not ask what the table forbids"
    if "Undo-It" in code.functions and "Get-RecordEntry" not in reachable(code, "Undo-It"):
        yield "Undo-It does not read the record"


def literals_are_in_the_table(code: Code) -> Iterator[str]:
    """A key, path, store or service that the script names stands in its table, too."""
    table = code.table.replace("\\\\", "\\").lower()
    for node in code.all:
        if node.type not in ("verbatim_string_characters", "expandable_string_literal"):
            continue
        if any(text_of(one).startswith("$ScriptTable =") for one in code.above(node) if one.type in ASSIGNED):
            continue
        for one in LITERAL.findall(text_of(node)):
            if one not in GENERAL and one != PROXY and one.lower() not in table and one not in ("HKLM\\", "HKU\\"):
                yield f"line {line_of(node)}: {one}"
    for call in code.calls:
        name = call.parameters.get("Name") or ""
        if call.name in SERVICE_CALLS and name.startswith("'") and f'"{name[1:-1].lower()}"' not in table:
            yield f"{call} {name}"


Rule = Callable[[Code], Iterator[str]]
RULES: dict[str, Rule] = {
    one.__name__: one
    for one in (
        parses,
        plain_text,
        strict,
        known_commands,
        known_parameters,
        only_there,
        static_methods,
        forbidden,
        own_output,
        variables,
        ends_with_the_verbs,
        literals_are_in_the_table,
    )
}
