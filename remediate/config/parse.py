"""Read what is in a configuration, and say everything that is wrong with it, each with its line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .kinds import Names
from .locate import Lines, Path, locate, tomllib
from .model import (
    MOST_WINDOWS,
    NEEDED,
    TABLES,
    TOGETHER,
    WINDOW,
    WINDOW_KEYS,
    Config,
    ConfigError,
    window_of,
    wrong_day,
)

_NEXT = "Correct the file; 'remediate config check' tells what is in force. Nothing is changed with a broken one."
_WHERE = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", re.DOTALL)
_TABLE_OF_WINDOWS = "change_window"

Problem = tuple[Path, str]
"""Where, and what is wrong there."""


def parse_config(data: bytes, path: str) -> Config:
    """Return the configuration of a file.

    Args:
        data: what is in it.
        path: its path, for mistakes.

    Raises:
        ConfigError: it has mistakes; all of them are told, in the order of their lines.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _error(path, [(line, "is not UTF-8")]) from error
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # the grammar; a number, or nesting, that is too much for Python
        where = _WHERE.match(str(error))
        line = int(where["line"]) if where and where["line"] else text.count("\n") + 1
        raise _error(path, [(line, f"is not TOML: {where['what'] if where else error}")]) from error
    lines = locate(text)
    problems = sorted((lines[where], what) for where, what in _problems(found, lines))
    if problems:
        raise _error(path, problems)
    values = {
        table: {key: _plain(found.get(table, {}).get(key, one.default)) for key, one in keys.items()}
        for table, keys in TABLES.items()
    }
    windows = enumerate(found.get(_TABLE_OF_WINDOWS, []), 1)
    return Config(path, values, tuple(window_of(data, number) for number, data in windows))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _error(path: str, problems: list[tuple[int, str]]) -> ConfigError:
    count = "a mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    return ConfigError(f"{path} has {count}", _NEXT, [f"{path}:{line}: {what}" for line, what in problems])


def _problems(found: Mapping[str, Any], lines: Lines) -> Iterator[Problem]:
    for name, value in found.items():
        if name == _TABLE_OF_WINDOWS:
            yield from _wrong_windows(value, lines)
        elif name not in TABLES:
            yield (name,), f"unknown {_kind(value)} '{name}'{_meant(name, (*TABLES, _TABLE_OF_WINDOWS))}"
        elif not isinstance(value, dict):
            yield (name,), f"'{name}' is to be a table: [{name}]"
        else:
            yield from _wrong_values(name, value)


def _wrong_values(table: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    for key, value in values.items():
        known = TABLES[table].get(key)
        if known is None:
            yield (table, key), f"unknown key '{key}' in [{table}]{_meant(key, TABLES[table])}"
        elif isinstance(known, Names):
            yield from _wrong_names(known, value, (table, key))
        elif wrong := known.wrong(value):
            yield (table, key), f"'{key}' {wrong} ({known.means})"
    yield from _wrong_together(table, values)


def _wrong_together(table: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    for where, keys in TOGETHER:
        missing = [key for key in keys if key not in values]
        if where == table and missing and len(missing) < len(keys):
            yield (table,), f"[{table}] has no '{missing[0]}': {', '.join(keys)} belong together"


def _wrong_names(known: Names, value: object, path: Path) -> Iterator[Problem]:
    if not isinstance(value, list) or not value:
        yield path, f"'{path[-1]}' is to be a list ({known.means}); leave it out for {known.unset}"
        return
    for number, one in enumerate(value):
        if wrong := known.wrong_entry(one):
            yield (*path, number), f"an entry of '{path[-1]}' {wrong} ({known.means})"


def _wrong_windows(windows: object, lines: Lines) -> Iterator[Problem]:
    if not isinstance(windows, list) or not all(isinstance(one, dict) for one in windows):
        yield (_TABLE_OF_WINDOWS,), f"'{_TABLE_OF_WINDOWS}' is to be written as [[{_TABLE_OF_WINDOWS}]]"
        return
    if len(windows) > MOST_WINDOWS:
        yield (_TABLE_OF_WINDOWS, MOST_WINDOWS), f"more than {MOST_WINDOWS} change windows"
    names: dict[object, int] = {}
    for number, window in enumerate(windows):
        path: Path = (_TABLE_OF_WINDOWS, number)
        yield from _wrong_window(window, path)
        name = window.get("name")
        if isinstance(name, str) and names.setdefault(name, number) != number:
            first = lines[(_TABLE_OF_WINDOWS, names[name], "name")]
            yield (*path, "name"), f"a window {name!r} is already on line {first}"


def _wrong_window(window: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    for key, value in window.items():
        if key == "days":
            yield from _wrong_days(value, (*path, key))
        elif key not in WINDOW:
            yield (*path, key), f"unknown key '{key}' in [[{_TABLE_OF_WINDOWS}]]{_meant(key, WINDOW_KEYS)}"
        elif wrong := WINDOW[key](value):
            yield (*path, key), f"'{key}' {wrong}"
    for key in NEEDED:
        if key not in window:
            yield path, f"the window has no '{key}'"


def _wrong_days(days: object, path: Path) -> Iterator[Problem]:
    if not isinstance(days, list) or not days:
        yield path, 'is to be a list of days: days = ["mon", "tue"]; leave it out for every day'
        return
    seen: list[object] = []
    for number, day in enumerate(days):
        if wrong := wrong_day(day):
            yield (*path, number), f"a day {wrong}"
        elif day in seen:
            yield (*path, number), f"the day {day} is there twice"
        seen.append(day)


def _kind(value: object) -> str:
    return "table" if isinstance(value, (dict, list)) else "key"


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
