"""What a job says: on stdout only, each line in its stream, never more than a stream takes."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.automation.streams import LONGEST_LINE, MOST_OF_ALL, Streams, job_streams


def said(*, by) -> str:
    out = io.StringIO()
    by(Streams(out))
    return out.getvalue()


def test_each_line_carries_its_stream():
    def speak(streams):
        streams.output("done\nwell")
        streams.warning("one\ntwo")
        streams.error("three")
        streams.verbose("four")

    assert said(by=speak) == "done\nwell\nWARNING: one\nWARNING: two\nERROR: three\nVERBOSE: four\n"


@pytest.mark.parametrize(
    "text", ["ERROR: forged", "warning: forged", "  Error: forged", "a\rERROR: forged", "DEBUG: x"]
)
def test_a_text_from_outside_cannot_choose_its_stream(text):
    lines = said(by=lambda streams: streams.output(text)).splitlines()
    assert lines[-1].startswith("| ")


def test_styles_and_control_characters_are_left_out():
    assert said(by=lambda streams: streams.output("\x1b[1mbold\x1b[0m\x07\x00\u2028x\ty")) == "bold???x    y\n"


def test_a_long_line_becomes_several_of_the_same_stream():
    lines = said(by=lambda streams: streams.warning("x" * (2 * LONGEST_LINE + 5))).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("WARNING: ") and len(line) < LONGEST_LINE + 20 for line in lines)


def test_a_stream_is_never_longer_than_a_mebibyte_and_errors_still_come_through():
    def speak(streams):
        for _ in range(2_000):
            streams.output("x" * 1_000)
        streams.error("look at this")

    text = said(by=speak)
    assert len(text.encode()) < MOST_OF_ALL + 200 < 1024 * 1024
    assert text.count("the rest is left out") == 1
    assert text.endswith("ERROR: look at this\n")


def test_a_stdout_that_knows_no_umlauts_is_no_reason_to_stop():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    Streams(out).output("✓ Größe")
    assert raw.getvalue() == b"\\u2713 Gr\\xf6\\xdfe\n"


def test_a_reader_that_has_gone_away_is_no_reason_to_stop():
    out = io.StringIO()
    out.close()
    Streams(out).output("nobody hears this")


def test_what_anybody_writes_to_stderr_is_a_warning():
    out, before = io.StringIO(), sys.stderr
    with job_streams(out):
        print("half a line", end="", file=sys.stderr)
        print(", and the rest", file=sys.stderr)
        sys.stderr.write("no end")
    assert sys.stderr is before
    assert out.getvalue() == "WARNING: half a line, and the rest\nWARNING: no end\n"


@given(st.text())
def test_no_text_breaks_out_of_its_line(text):
    for line in said(by=lambda streams: streams.warning(text)).split("\n")[:-1]:
        assert line.startswith("WARNING: ")
