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
    MAX_PAYLOAD,
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

_OTHER_KINDS: Final = frozenset(OTHER_KINDS)


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


class _PlainCount(_Count, frozen=True, forbid_unknown_fields=True):
    id: Any = None


class _PlainRecord(_Record, frozen=True, forbid_unknown_fields=True):
    counts: tuple[_PlainCount, ...] = ()
    samples: Any = None
    samples_expected: Any = None


class _PlainLogic(_Logic, frozen=True, forbid_unknown_fields=True):
    records: tuple[_PlainRecord, ...] = ()


class _PlainPackage(_Package, frozen=True, forbid_unknown_fields=True):
    pass


class _PlainSensor(_Sensor, frozen=True, forbid_unknown_fields=True):
    type: Any = None
    time: Any = None


class _PlainLogics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    package_info: _PlainPackage = _PlainPackage()
    sensor_info: _PlainSensor = _PlainSensor()
    logics: tuple[_PlainLogic, ...] = ()


class _PlainPush(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One envelope of counts with fields that are known, all of them: what nearly every push is."""

    logics_data: _PlainLogics


_decode_plain: Final = msgspec.json.Decoder(_PlainPush).decode


def _quick(payload: bytes) -> list[Frame] | None:
    """Return exactly what the careful way makes of a plain push, None for anything else."""
    if len(payload) > MAX_PAYLOAD:
        return None
    try:
        return _logics(_decode_plain(payload).logics_data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, FrameError):
        return None


def parse_payload(payload: bytes) -> list[Frame | Reject]:
    """Return what one push says, in order."""
    if (quick := _quick(payload)) is not None:
        return [*quick]
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
    if not _OTHER_KINDS.isdisjoint(envelope):
        found += [Word("other", kind) for kind in OTHER_KINDS if kind in envelope]
    if not found:
        raise FrameError("value", "an envelope has logics_data, live_data or connection_test")
    return found


def _check_version(package: _Package) -> None:
    if not package.version.startswith(VERSION):
        raise FrameError("value", f"the push has version {package.version}; expected firmware {VERSION}")


def _logics(data: _Logics | _PlainLogics) -> list[Frame]:
    package = data.package_info
    _check_version(package)
    found: list[Frame] = []
    if package.id is not None:
        sender = f"{data.sensor_info.serial_number}/{package.agent_id}"
        found.append(Package(sender[:200], package.id))
    head = len(found)
    for number, logic in enumerate(data.logics, 1):
        fallback = f"logic-{logic.id or number}"
        line = line_id(logic.name, fallback)
        for record in logic.records:
            found += _record(data.package_info, line, record, fallback)
    if len(found) == head:
        found.append(Word("alive", "no records"))
    return found


def _record(package: _Package, line: str, record: _Record, fallback: str) -> list[Frame]:
    entered = left = None
    found: list[Frame] = []
    for count in record.counts:
        name = count.name.lower()
        if name in ENTERED:
            value = whole(count.value, count.name, line)
            entered = entered if value is None else (entered or 0) + value
        elif name in LEFT:
            value = whole(count.value, count.name, line)
            left = left if value is None else (left or 0) + value
        else:
            what = "occupancy" if name == OCCUPANCY else "other"
            found.append(Word(what, f"{line}: {count.name} {count.value}"[:200]))
    if entered is not None or left is not None:
        since, until = record.since, record.until
        interval = LineCount(
            line=line,
            entered=entered,
            left=left,
            cumulative=False,
            since=None if since is None else str(since),
            until=None if until is None else str(until),
            to_ms=millis(until),
            report=_report(package, record, fallback),
        )
        found.insert(0, interval)
    return found


def _report(package: _Package, record: _Record, logic: str) -> str | None:
    """Return what a second delivery shares; a package sent again may have another number."""
    if record.since is not None and record.until is not None:
        return f"{logic}/{record.since}/{record.until}"[:200]
    return None if package.id is None else f"{logic}/{package.agent_id}/{package.id}"[:200]


def _live(data: _Live) -> list[Frame]:
    _check_version(data.package_info)
    events = sum(len(frame.events) for frame in data.frames)
    return [Word("live", f"{len(data.frames)} frames, {events} events")]
