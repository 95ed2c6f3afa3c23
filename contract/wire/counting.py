"""What people counters say in payloads, and how they write JSON, names and times.

A payload is a whole message, so there is no buffer: a parser takes it and returns what it says, in order.
Hostile input makes rejects, never an exception. A counter that reports **totals** says how many since its
last reset; one that reports **intervals** says how many between two times, which is what a repeat is
recognised by.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.base import MAX_REJECT_BYTES, Reject, RejectReason
from contract.wire.times import ms_since_epoch

MAX_PAYLOAD: Final = 1024 * 1024
MAX_COUNT: Final = 2**53
MAX_ITEMS: Final = 100
"""A push carries at most so many envelopes; the devices send one or a few."""

MAX_KNOWN_NAME: Final = 64

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MS: Final = 9_999_999_999_999
_SECONDS_BELOW: Final = 10**11
"""A number below is taken for seconds (until the year 5138), above for milliseconds (since 1973)."""
_ZONE: Final = re.compile(r"UTC([+-])([0-9]{1,2}):([0-9]{2})")
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


class LineCount(msgspec.Struct, frozen=True, gc=False):
    """People who crossed a counting line.

    Attributes:
        line: its name as an id.
        entered: people in, None when the device does not say.
        left: people out, likewise.
        cumulative: totals since the device's last reset; else of one interval.
        since: begin of the interval as the device wrote it.
        until: its end, likewise.
        to_ms: the end, or when a total was told, in ms since 1970; None when absent or not understood.
        report: what tells this interval from any other of its line; a second delivery has the same.
        preference: of several figures for one line those with the highest count.
    """

    line: str
    entered: int | None
    left: int | None
    cumulative: bool
    since: str | None = None
    until: str | None = None
    to_ms: int | None = None
    report: str | None = None
    preference: int = 0


class Word(msgspec.Struct, frozen=True, gc=False):
    """Anything else that a counter says: it is alive.

    Attributes:
        what: stable word, for example ``occupancy``.
    """

    what: str
    detail: str = ""


class Package(msgspec.Struct, frozen=True, gc=False):
    """The number of the message in hand, where messages are numbered without gaps.

    Attributes:
        sender: what numbers them; a device may have several.
    """

    sender: str
    number: int


Frame: TypeAlias = LineCount | Word | Package


def load(payload: bytes) -> Any:
    """Return the JSON value in a payload.

    Raises:
        FrameError: ``length`` or ``syntax``.
    """
    if len(payload) > MAX_PAYLOAD:
        raise FrameError("length", f"a payload has at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError("syntax", f"not JSON: {error}") from error


def refuse(raw: bytes, error: FrameError) -> Reject:
    """Return the reject for a payload or a part of one."""
    known: dict[str, RejectReason] = {"length": "length", "syntax": "syntax", "checksum": "checksum"}
    return Reject(known.get(error.reason, "value"), raw[:MAX_REJECT_BYTES], error.detail[:MAX_REJECT_BYTES])


def dump(value: Any) -> bytes:
    """Return a part of a payload as bytes again, for a reject; empty when that cannot be done."""
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, OverflowError):
        return b""


def line_id(name: str, fallback: str) -> str:
    """Return a device's name for a line as an id of ``[a-z0-9-]``; ``fallback`` when nothing is left."""
    slug = _known_slug(name) if len(name) <= MAX_KNOWN_NAME else _slug(name)
    return slug or fallback


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return _NOT_SLUG.sub("-", plain).strip("-")[:64].strip("-")


_known_slug: Final = lru_cache(maxsize=256)(_slug)
"""A device names the same few lines over and over."""


def millis(moment: str | float | None, zone: str | None = None) -> int | None:
    """Return a device's time in ms since 1970.

    Args:
        moment: RFC 3339 or ``2022/12/20 18:15:52`` text, or a number of seconds or milliseconds.
        zone: what holds for text without an offset, for example ``UTC+8:00``.

    Returns:
        None for what is absent or not understood: a count without a time counts all the same.
    """
    if moment is None:
        return None
    if not isinstance(moment, str):
        at = moment * 1000 if abs(moment) < _SECONDS_BELOW else moment
        return int(at) if 0 <= at <= _MAX_MS else None
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        try:
            parsed = datetime.fromisoformat(moment.strip().replace("/", "-"))
        except ValueError:
            return None
    if parsed.tzinfo is None:
        offset = _ZONE.match(zone or "")
        if offset is None:
            return None
        sign = -1 if offset[1] == "-" else 1
        minutes = sign * (int(offset[2]) * 60 + int(offset[3]))
        if abs(minutes) >= 24 * 60:
            return None
        parsed = parsed.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    at_ms = ms_since_epoch(parsed)
    return at_ms if 0 <= at_ms <= _MAX_MS else None


def time_text(at: int) -> str:
    """Return ms since 1970 as devices write a time in UTC."""
    moment = _EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(value: float | None, figure: str, line: str | int) -> int | None:
    """Return a count.

    Args:
        value: as the device told it.
        figure: its name, and the line it belongs to, for the message.
        line: likewise.

    Raises:
        FrameError: ``value`` when it is no whole number of people.
    """
    if value is None or (type(value) is int and 0 <= value <= MAX_COUNT):
        return value
    if not 0 <= value <= MAX_COUNT or value != int(value):
        raise FrameError("value", f"{figure} of line {line} is {value}, which is no number of people")
    return int(value)
