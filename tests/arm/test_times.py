"""Azure's times, as its services really write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm.facts.times import filter_time, iso, parse_time, spoken

UTC = timezone.utc
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2002, 1, 2), datetime(9990, 1, 1), timezones=zones)  # noqa: DTZ001  # hypothesis adds it


@given(moments)
def test_a_written_time_is_read_back_to_the_second(moment):
    assert parse_time(iso(moment)) == moment.replace(microsecond=0)


@given(moments, st.integers(1, 7))
def test_a_time_with_any_number_of_decimals_and_any_zone_is_read(moment, decimals):
    zone = moment.strftime("%z")
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0"[: 20 + decimals] + f"{zone[:3]}:{zone[3:]}"
    assert abs(parse_time(text) - moment) < timedelta(seconds=1)


@given(st.one_of(st.text(max_size=40), st.none(), st.integers(), st.lists(st.text()), st.binary()))
def test_nonsense_is_no_time_and_no_error(value):
    found = parse_time(value)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    "never", ["0001-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "", None, "soon"]
)
def test_azures_never_is_no_time(never):
    assert parse_time(never) is None


@pytest.mark.parametrize("wrong", ["2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-14:00"])
def test_a_day_that_does_not_exist_is_no_time(wrong):
    assert parse_time(wrong) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T04:05:06",
        "2026-03-02 04:05:06",
        "2026-03-02T04:05:06Z",
        "2026-03-02t04:05:06z",
        "2026-03-02T04:05:06.0000000Z",
        "2026-03-02T05:05:06+0100",
        "2026-03-01T23:35:06-04:30",
    ],
)
def test_a_time_without_zone_is_utc_and_with_one_becomes_utc(text):
    assert parse_time(text) == datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC)


def test_the_backup_service_is_asked_in_its_own_twelve_hour_form():
    assert filter_time(datetime(2026, 3, 2, 16, 5, 6, tzinfo=UTC)) == "2026-03-02 04:05:06 PM"
    assert filter_time(datetime(2026, 3, 2, 1, 0, tzinfo=timezone(timedelta(hours=1)))) == "2026-03-02 12:00:00 AM"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59.6), "1 min"),
        (timedelta(hours=4), "4 h"),
        (timedelta(days=2, hours=1, minutes=3), "2 d 1 h"),
    ],
)
def test_a_span_is_spoken_in_at_most_two_units(span, text):
    assert spoken(span) == text
