"""Xovis sensors, firmware 5: JSON pushed over HTTP or MQTT, one envelope or an array of them.

``logics_data`` carries records per logic: people forward (``fw``, in) and backward (``bw``, out) between two
times, or a ``balance``, which is an occupancy. ``live_data`` shows where people are; its line crossings are
the same people that the logics count, so they are signs of life and nothing else. ``connection_test`` is what
the sensor's web page sends when asked to try the connection. Every package of an agent has a number, so a
lost one is noticed; of live data that is of no matter. A repeated delivery is recognised by logic and
interval.

Sources: two independent public implementations of the push format agree; the vendor's manual was not
seen. Firmware 3 and 4 speak otherwise and are refused.
"""

from typing import Any, Final

import msgspec

from contract.errors import FrameError
from contract.wire.base import Reject
from contract.wire.counting import (
    MAX_ITEMS,
    Frame,
    LineCount,
    Package,
    Word,
    dump,
    line_id,
    load,
    millis,
    refuse,
    whole,
)

VERSION: Final = "5"
ENTERED: Final = frozenset({"fw", "in"})
LEFT: Final = frozenset({"bw", "out"})
OCCUPANCY: Final = "balance"
OTHER_KINDS: Final = ("status_data", "recording_data", "wifi_bt_data", "event_data")


class _Package(msgspec.Struct, frozen=True):
    version: str = VERSION
    id: int | None = None
    agent_id: int | str | None = None


class _Sensor(msgspec.Struct, frozen=True):
    serial_number: str | None = None


class _Count(msgspec.Struct, frozen=True):
    name: str
    value: int | float | None = None


class _Record(msgspec.Struct, frozen=True):
    since: str | int | float | None = msgspec.field(default=None, name="from")
    until: str | int | float | None = msgspec.field(default=None, name="to")
    counts: tuple[_Count, ...] = ()


class _Logic(msgspec.Struct, frozen=True):
    id: int | str | None = None
    name: str = ""
    records: tuple[_Record, ...] = ()


class _Logics(msgspec.Struct, frozen=True):
    package_info: _Package = _Package()
    sensor_info: _Sensor = _Sensor()
    logics: tuple[_Logic, ...] = ()


class _LiveFrame(msgspec.Struct, frozen=True):
    events: tuple[Any, ...] = ()


class _Live(msgspec.Struct, frozen=True):
    package_info: _Package = _Package()
    frames: tuple[_LiveFrame, ...] = ()


def parse_payload(payload: bytes) -> list[Frame | Reject]:
    """Return what one push says, in order."""
    try:
        value = load(payload)
    except FrameError as error:
        return [refuse(payload, error)]
    envelopes = value if isinstance(value, list) else [value]
    found: list[Frame | Reject] = []
    for envelope in envelopes[:MAX_ITEMS]:
        try:
            found += _envelope(envelope)
        except (msgspec.ValidationError, RecursionError) as error:
            found.append(refuse(dump(envelope), FrameError("value", str(error))))
        except FrameError as error:
            found.append(refuse(dump(envelope), error))
    if len(envelopes) > MAX_ITEMS:
        too_many = f"a push has at most {MAX_ITEMS} envelopes, {len(envelopes) - MAX_ITEMS} are left unread"
        found.append(refuse(b"", FrameError("length", too_many)))
    return found


def _envelope(envelope: Any) -> list[Frame]:
    if not isinstance(envelope, dict):
        raise FrameError("value", "an envelope is an object")
    found: list[Frame] = []
    if "logics_data" in envelope:
        found += _logics(msgspec.convert(envelope["logics_data"], _Logics))
    if "live_data" in envelope:
        found += _live(msgspec.convert(envelope["live_data"], _Live))
    if "connection_test" in envelope:
        found.append(Word("connection_test"))
    found += [Word("other", kind) for kind in OTHER_KINDS if kind in envelope]
    if not found:
        raise FrameError("value", "an envelope has logics_data, live_data or connection_test")
    return found


def _check_version(package: _Package) -> None:
    if not package.version.startswith(VERSION):
        raise FrameError("value", f"the push has version {package.version}; expected firmware {VERSION}")


def _logics(data: _Logics) -> list[Frame]:
    package = data.package_info
    _check_version(package)
    found: list[Frame] = []
    if package.id is not None:
        sender = f"{data.sensor_info.serial_number}/{package.agent_id}"
        found.append(Package(sender[:200], package.id))
    counts = [
        frame
        for number, logic in enumerate(data.logics, 1)
        for record in logic.records
        for frame in _record(data, logic, record, f"logic-{logic.id or number}")
    ]
    return [*found, *counts] if counts else [*found, Word("alive", "no records")]


def _record(data: _Logics, logic: _Logic, record: _Record, fallback: str) -> list[Frame]:
    line = line_id(logic.name, fallback)
    figures: dict[bool, int] = {}
    found: list[Frame] = []
    for count in record.counts:
        name = count.name.lower()
        if name in ENTERED or name in LEFT:
            value = whole(count.value, f"count {count.name} of {line}")
            if value is not None:
                figures[name in ENTERED] = figures.get(name in ENTERED, 0) + value
        else:
            what = "occupancy" if name == OCCUPANCY else "other"
            found.append(Word(what, f"{line}: {count.name} {count.value}"[:200]))
    if figures:
        interval = LineCount(
            line=line,
            entered=figures.get(True),
            left=figures.get(False),
            cumulative=False,
            since=_text(record.since),
            until=_text(record.until),
            to_ms=millis(record.until),
            report=_report(data.package_info, record, fallback),
        )
        found.insert(0, interval)
    return found


def _report(package: _Package, record: _Record, logic: str) -> str | None:
    """Return what a second delivery shares; a package sent again may have another number."""
    if record.since is not None and record.until is not None:
        return f"{logic}/{record.since}/{record.until}"[:200]
    return None if package.id is None else f"{logic}/{package.agent_id}/{package.id}"[:200]


def _text(moment: str | float | None) -> str | None:
    return None if moment is None else str(moment)


def _live(data: _Live) -> list[Frame]:
    _check_version(data.package_info)
    events = sum(len(frame.events) for frame in data.frames)
    return [Word("live", f"{len(data.frames)} frames, {events} events")]
