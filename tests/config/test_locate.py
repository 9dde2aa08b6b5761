"""The line of each key, in every way that TOML can be written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.config.locate import locate, tomllib

TEXT = '''# a comment with [[x]] and y = 3
top = "a # no comment" # one
a.b.c = 1
"quoted . key".'other' = 2

[table] # [not.this]
plain = 1979-05-27 07:32:00
"k=]" = 'x = [1]'
many = [ # here
  1, # one
  "]", [2,
    3],

  { x = 1, y = [4] },
]
empty = []
none = {}
text = """
not = 1
[nor.this] \\""" still "quotes" """
raw = \'\'\'
\\ also = "no"
\'\'\'
after = true

[[list]]
x = 1
[[list]]
x = 2
[list.inner]
z = 3
[[list.more]]
w = 4
[[list]]
y.z = 5
'''
LINES = {
    ("top",): 2,
    ("a",): 3,
    ("a", "b"): 3,
    ("a", "b", "c"): 3,
    ("quoted . key",): 4,
    ("quoted . key", "other"): 4,
    ("table",): 6,
    ("table", "plain"): 7,
    ("table", "k=]"): 8,
    ("table", "many"): 9,
    ("table", "many", 0): 10,
    ("table", "many", 1): 11,
    ("table", "many", 2): 11,
    ("table", "many", 2, 0): 11,
    ("table", "many", 2, 1): 12,
    ("table", "many", 3): 14,
    ("table", "many", 3, "x"): 14,
    ("table", "many", 3, "y"): 14,
    ("table", "many", 3, "y", 0): 14,
    ("table", "empty"): 16,
    ("table", "none"): 17,
    ("table", "text"): 18,
    ("table", "raw"): 21,
    ("table", "after"): 24,
    ("list",): 26,
    ("list", 0): 26,
    ("list", 0, "x"): 27,
    ("list", 1): 28,
    ("list", 1, "x"): 29,
    ("list", 1, "inner"): 30,
    ("list", 1, "inner", "z"): 31,
    ("list", 1, "more"): 32,
    ("list", 1, "more", 0): 32,
    ("list", 1, "more", 0, "w"): 33,
    ("list", 2): 34,
    ("list", 2, "y"): 35,
    ("list", 2, "y", "z"): 35,
}


def paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path in a parsed document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in inside for found in ((*path, key), *paths(one, (*path, key)))]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_every_key_and_entry_is_found_on_its_line(ends):
    lines = locate(TEXT.replace("\n", ends))
    assert {path: lines[path] for path in LINES} == LINES


def test_the_paths_that_are_found_are_those_of_the_parser():
    assert sorted(map(repr, paths(tomllib.loads(TEXT)))) == sorted(map(repr, LINES))


def test_what_is_not_in_the_text_is_where_it_would_be():
    lines = locate(TEXT)
    assert lines[("table", "missing")] == 6
    assert lines[("list", 1, "days", 3)] == 28
    assert lines[("nowhere",)] == 1
    assert locate("")[()] == 1


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6)
quoted = texts.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
values = st.recursive(
    st.integers().map(str) | st.booleans().map(lambda yes: str(yes).lower()) | quoted,
    lambda inner: st.lists(inner, max_size=3).map(lambda some: "[ # [\n" + ",\n".join(some) + "\n]"),
    max_leaves=6,
)


@given(
    st.lists(
        st.tuples(quoted, values, st.booleans()),
        max_size=5,
        unique_by=lambda one: tomllib.loads(f"{one[0]}=0").popitem()[0],
    )
)
def test_whatever_the_keys_and_values_each_is_found_on_its_line(pairs):
    text, expected = "", {}
    for key, value, commented in pairs:
        text += "# x = [1\n" if commented else "\n"
        expected[tomllib.loads(f"{key}=0").popitem()[0]] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    tomllib.loads(text)
    lines = locate(text)
    assert {name: lines[(name,)] for name in expected} == expected
