"""Change windows: what a clock on the wall shows decides, over midnight and when the clocks change."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guards.windows import ALL, DAYS, DISRUPTIVE, Window, next_opening, windows_for

DAY = 24 * 60
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Auckland"]
WEEK = timedelta(days=7)

windows = st.builds(
    Window,
    name=st.just("window"),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    opens=st.integers(0, DAY - 1),
    closes=st.integers(0, DAY - 1),
    zone=st.sampled_from(ZONES),
    impact=st.sampled_from([ALL, DISRUPTIVE]),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001
changing = st.sampled_from(
    [datetime(2026, 3, 29, tzinfo=timezone.utc), datetime(2026, 10, 25, tzinfo=timezone.utc)]
).flatmap(lambda day: st.integers(-180, 300).map(lambda minutes: day + timedelta(minutes=minutes)))
"""Around the nights in which the clocks change in Europe."""


def minutes_of_the_week(window: Window) -> set[int]:
    """Every minute of the week on the wall clock at which a window is open, walked one by one."""
    length = (window.closes - window.opens) % DAY or DAY
    return {(day * DAY + window.opens + more) % (7 * DAY) for day in window.days for more in range(length)}


@given(windows, moments | changing)
@settings(max_examples=300)
def test_a_window_is_open_when_the_wall_clock_shows_a_minute_of_it(window, moment):
    local = moment.astimezone(ZoneInfo(window.zone))
    shown = local.weekday() * DAY + local.hour * 60 + local.minute
    assert window.open_at(moment) is (shown in minutes_of_the_week(window))


@given(st.lists(windows, min_size=1, max_size=3), moments | changing)
@settings(max_examples=60)
def test_the_next_opening_is_the_first_whole_minute_at_which_one_is_open(some, moment):
    opens = next_opening(some, moment)
    assert any(one.open_at(opens) for one in some)
    assert (opens.second, opens.microsecond) == (0, 0)
    assert moment < opens <= moment + 2 * WEEK
    at = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while at < opens:
        assert not any(one.open_at(at) for one in some)
        at += timedelta(minutes=7)


@given(windows, moments)
def test_a_window_opens_again_every_week(window, moment):
    utc = Window(window.name, window.days, window.opens, window.closes)
    assert utc.open_at(moment) is utc.open_at(moment + WEEK)


@given(st.lists(windows, max_size=4))
def test_what_disrupts_keeps_to_the_windows_for_that_and_to_the_others_where_there_are_none(some):
    for_all = tuple(one for one in some if one.impact == ALL)
    special = tuple(one for one in some if one.impact == DISRUPTIVE)
    assert windows_for(some, disruptive=False) == for_all
    assert windows_for(some, disruptive=True) == (special or for_all)


NIGHT = Window("night", frozenset({DAYS.index("sat"), DAYS.index("sun")}), 2 * 60, 3 * 60, "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("2026-03-29T00:59", False),  # 01:59
        ("2026-03-29T01:00", False),  # 03:00: the hour from two to three is left out
        ("2026-10-24T23:59", False),  # 01:59
        ("2026-10-25T00:00", True),  # 02:00, for the first time
        ("2026-10-25T01:30", True),  # 02:30, for the second time
        ("2026-10-25T02:00", False),  # 03:00
        ("2026-03-28T01:30", True),  # 02:30, in winter time
        ("2026-04-04T01:30", False),  # 03:30, in summer time
        ("2026-04-04T00:30", True),
    ],
)
def test_in_the_nights_in_which_the_clocks_change_the_wall_clock_counts(text, is_open):
    assert NIGHT.open_at(datetime.fromisoformat(text).replace(tzinfo=timezone.utc)) is is_open


def test_a_window_in_an_hour_that_is_left_out_opens_the_week_after():
    sunday = Window("sunday", frozenset({6}), 2 * 60 + 10, 2 * 60 + 40, "Europe/Berlin")
    opens = next_opening([sunday], datetime(2026, 3, 28, tzinfo=timezone.utc))
    assert opens == datetime(2026, 4, 5, 0, 10, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "is_open"),
    [("2026-03-01T22:00", True), ("2026-03-02T04:59", True), ("2026-03-02T05:00", False), ("2026-03-02T22:00", False)],
)
def test_a_window_over_midnight_ends_on_the_day_after_also_from_sunday_to_monday(text, is_open):
    sunday = Window("sunday", frozenset({6}), 22 * 60, 5 * 60)
    assert sunday.open_at(datetime.fromisoformat(text).replace(tzinfo=timezone.utc)) is is_open
