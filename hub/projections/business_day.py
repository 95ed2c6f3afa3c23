"""Which span of time is a store's business day? Local hours; summer time is the time zone's business.

A business day turns over in the middle of the closed hours, so that a store open past midnight keeps its
evening in one day. A store that never closes turns over at midnight. Turn-overs are set to whole quarter
hours, the buckets that people and heat are counted in.
"""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hub.model import Store

_DAY_MIN = 24 * 60


class Span(NamedTuple):
    """A half-open span of time in ms."""

    start_ms: int
    end_ms: int


def turn_over_minutes(opens: str, closes: str) -> int:
    """Return the local minute of the day at which a business day begins."""
    opened, closed = _minutes(opens), _minutes(closes)
    if opened == closed:
        return 0
    middle = (closed + (opened - closed) % _DAY_MIN // 2) % _DAY_MIN
    return middle - middle % 15


def business_date(store: Store, at_ms: int) -> date:
    """Return the business day that holds a moment."""
    local = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(store.time_zone))
    begin = turn_over_minutes(store.opens, store.closes)
    early = local.hour * 60 + local.minute < begin
    return local.date() - timedelta(days=1) if early else local.date()


def business_day(store: Store, day: date) -> Span:
    """Return the span of a business day."""
    return Span(_start(store, day), _start(store, day + timedelta(days=1)))


def closing_ms(store: Store, day: date) -> int:
    """Return when the store closes on a business day; the end of the day when it never closes."""
    span = business_day(store, day)
    if _minutes(store.opens) == _minutes(store.closes):
        return span.end_ms
    closes = _minutes(store.closes)
    late = closes <= turn_over_minutes(store.opens, store.closes)
    local = datetime.combine(
        day + timedelta(days=late), time(closes // 60, closes % 60), ZoneInfo(store.time_zone)
    )
    return min(round(local.timestamp() * 1000), span.end_ms)


def _start(store: Store, day: date) -> int:
    minutes = turn_over_minutes(store.opens, store.closes)
    local = datetime.combine(day, time(minutes // 60, minutes % 60), ZoneInfo(store.time_zone))
    return round(local.timestamp() * 1000)


def local_hour(store: Store, at_ms: int) -> str:
    """Return the local hour that holds a moment, as ``YYYY-MM-DDTHH:00±HH:MM``."""
    local = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(store.time_zone))
    return local.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
