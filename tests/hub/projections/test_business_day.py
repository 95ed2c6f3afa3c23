"""Business days: past midnight, through summer time, in every time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model import Store
from hub.projections.business_day import (
    business_date,
    business_day,
    closing_ms,
    local_hour,
    turn_over_minutes,
)

HOUR_MS = 3_600_000
QUARTER_MS = HOUR_MS // 4


def ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def store(zone="Asia/Shanghai", opens="10:00", closes="22:00"):
    return Store(store="s", time_zone=zone, opens=opens, closes=closes)


@pytest.mark.parametrize(
    ("opens", "closes", "minute"),
    [
        ("10:00", "22:00", 4 * 60),
        ("18:00", "04:00", 11 * 60),
        ("00:00", "00:00", 0),
        ("09:00", "00:00", 4 * 60 + 30),
        ("10:10", "22:05", 4 * 60),
    ],
)
def test_a_day_turns_over_in_the_middle_of_the_closed_hours(opens, closes, minute):
    assert turn_over_minutes(opens, closes) == minute


def test_an_evening_past_midnight_stays_one_day():
    bar = store(opens="18:00", closes="04:00")
    assert business_date(bar, ms("2026-05-01T23:30:00+08:00")) == date(2026, 5, 1)
    assert business_date(bar, ms("2026-05-02T03:59:00+08:00")) == date(2026, 5, 1)
    assert business_date(bar, ms("2026-05-02T11:00:00+08:00")) == date(2026, 5, 2)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 23), ("2026-10-24", 25), ("2026-05-01", 24)])
def test_summer_time_makes_days_of_23_and_25_hours(day, hours):
    # Clocks change at 01:00 UTC on the 29th and 25th; the day before turns over after that.
    span = business_day(store("Europe/Berlin"), date.fromisoformat(day))
    assert (span.end_ms - span.start_ms) / HOUR_MS == hours


def test_a_local_hour_names_its_offset():
    berlin = store("Europe/Berlin")
    assert local_hour(berlin, ms("2026-10-25T00:30:00+00:00")) == "2026-10-25T02:00+02:00"
    assert local_hour(berlin, ms("2026-10-25T01:30:00+00:00")) == "2026-10-25T02:00+01:00"


clock = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
moment = st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


@given(st.sampled_from(sorted(available_timezones() - {"localtime"})), clock, clock, moment)
def test_days_follow_each_other_without_hole_on_whole_quarters(zone, opens, closes, at):
    shop = store(zone, opens, closes)
    day = business_date(shop, round(at.timestamp() * 1000))
    span, following = business_day(shop, day), business_day(shop, day + timedelta(days=1))
    assert span.end_ms == following.start_ms
    assert span.start_ms < span.end_ms
    assert span.start_ms % QUARTER_MS == 0


@pytest.mark.parametrize(
    ("opens", "closes", "local"),
    [
        ("10:00", "22:00", "2026-05-01T22:00+08:00"),
        ("18:00", "04:00", "2026-05-02T04:00+08:00"),
        ("09:00", "00:00", "2026-05-02T00:00+08:00"),
        ("02:00", "20:00", "2026-05-02T20:00+08:00"),
        ("00:00", "00:00", "2026-05-02T00:00+08:00"),
    ],
)
def test_a_store_closes_once_within_its_business_day(opens, closes, local):
    shop = store(opens=opens, closes=closes)
    at = closing_ms(shop, date(2026, 5, 1))
    assert at == ms(local)
    span = business_day(shop, date(2026, 5, 1))
    assert span.start_ms < at <= span.end_ms
