"""Milesight people counters with a network port: JSON over MQTT or HTTP.

VS125, VS133-P and VS135-P report per counting line, in blocks that an installer switches on one by one:

==================== ========================================================= ==========
block                what it says                                              preference
==================== ========================================================= ==========
line_total_data      ``in_counted``, ``out_counted`` since the counter's reset  2
line_trigger_data    ``in``, ``out`` at a crossing                              1
line_periodic_data   ``in``, ``out`` of the interval in ``time_info``           0
==================== ========================================================= ==========

They count the same people, so of one payload only the block with the highest preference is taken. Whether
the figures of line_trigger_data are totals is **not certain**: a vendor-style test payload has 27 and 27 in
them, a bus operator describes them as 0 or 1 per crossing. They are taken for totals here; ``trigger_totals``
says otherwise. VS121-P reports occupancy only. Regions, dwell times and alarms are statuses.

Sources: payloads captured or tested in public projects, see ``tests/golden/payloads``.
"""

from typing import Annotated, Any, Final

import msgspec

from contract.errors import FrameError
from contract.wire.base import Reject
from contract.wire.counting import MAX_PAYLOAD, Frame, LineCount, Word, load, millis, refuse, whole

TOTAL, TRIGGER, PERIODIC = 2, 1, 0
STATUS_BLOCKS: Final = (
    "region_trigger_data",
    "region_count_data",
    "region_periodic_data",
    "region_data",
    "dwell_time_data",
    "alarm_data",
)
OCCUPANCY: Final = ("current_total", "max_counted", "Max_counted", "current_counted", "occupancy")

_STATUS_KEYS: Final = frozenset((*STATUS_BLOCKS, *OCCUPANCY))


class _Figures(msgspec.Struct, frozen=True):
    entered: int | float | None = msgspec.field(default=None, name="in")
    left: int | float | None = msgspec.field(default=None, name="out")
    in_counted: int | float | None = None
    out_counted: int | float | None = None


class _Line(msgspec.Struct, frozen=True):
    total: _Figures
    line: Annotated[int, msgspec.Meta(ge=0, le=1_000)] | None = None


class _Device(msgspec.Struct, frozen=True):
    device_sn: str | None = None
    device_mac: str | None = None


class _Time(msgspec.Struct, frozen=True):
    time: str | int | float | None = None
    start_time: str | int | float | None = None
    end_time: str | int | float | None = None
    time_zone: str | None = None
    timezone: str | None = None


class _Report(msgspec.Struct, frozen=True):
    device_info: _Device
    time_info: _Time = _Time()
    line_total_data: tuple[_Line, ...] | None = None
    line_trigger_data: tuple[_Line, ...] | None = None
    line_periodic_data: tuple[_Line, ...] | None = None


class _PlainFigures(_Figures, frozen=True, forbid_unknown_fields=True):
    capacity_counted: Any = None


class _PlainLine(_Line, frozen=True, forbid_unknown_fields=True, kw_only=True):
    total: _PlainFigures
    line_name: Any = None
    line_uuid: Any = None
    group: Any = None


class _PlainDevice(_Device, frozen=True, forbid_unknown_fields=True):
    device_name: Any = None
    cus_device_id: Any = None
    cus_site_id: Any = None
    firmware_version: Any = None
    hardware_version: Any = None
    ip_address: Any = None
    running_time: Any = None
    wlan_mac: Any = None


class _PlainTime(_Time, frozen=True, forbid_unknown_fields=True):
    dst_status: Any = None
    enable_dst: Any = None


class _PlainReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report of counting lines with fields that are known, all of them: what nearly every payload is."""

    device_info: _PlainDevice
    time_info: _PlainTime = _PlainTime()
    line_total_data: tuple[_PlainLine, ...] | None = None
    line_trigger_data: tuple[_PlainLine, ...] | None = None
    line_periodic_data: tuple[_PlainLine, ...] | None = None


_decode_plain: Final = msgspec.json.Decoder(_PlainReport).decode


def _quick(payload: bytes, *, trigger_totals: bool) -> list[Frame | Reject] | None:
    """Return exactly what the careful way makes of a plain report, None for anything else."""
    if len(payload) > MAX_PAYLOAD:
        return None
    try:
        return [*_counts(_decode_plain(payload), trigger_totals=trigger_totals)] or None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, FrameError):
        return None


def parse_payload(payload: bytes, *, trigger_totals: bool = True) -> list[Frame | Reject]:
    """Return what one payload says, in order.

    Args:
        payload: one JSON object.
        trigger_totals: line_trigger_data carries totals; else how many crossed at this moment.
    """
    if (quick := _quick(payload, trigger_totals=trigger_totals)) is not None:
        return quick
    try:
        value = load(payload)
        report = msgspec.convert(value, _Report)
        found = [*_counts(report, trigger_totals=trigger_totals), *_statuses(value)]
    except (msgspec.ValidationError, RecursionError) as error:
        return [refuse(payload, FrameError("value", str(error)))]
    except FrameError as error:
        return [refuse(payload, error)]
    return [*found] if found else [Word("alive", "no lines and no regions")]


def _counts(report: _Report | _PlainReport, *, trigger_totals: bool) -> list[Frame]:
    if report.line_total_data:
        lines, preference, totals = report.line_total_data, TOTAL, True
    elif report.line_trigger_data:
        lines, preference, totals = report.line_trigger_data, TRIGGER, trigger_totals
    else:
        lines, preference, totals = report.line_periodic_data or (), PERIODIC, False
    return [
        _count(report, line, at if line.line is None else line.line, preference, totals=totals)
        for at, line in enumerate(lines, 1)
    ]


def _report_id(device: _Device, since: float | str | None, until: float | str | None) -> str:
    return f"{device.device_sn or device.device_mac or ''}/{since}/{until}"[:200]


def _count(
    report: _Report | _PlainReport, line: _Line, number: int, preference: int, *, totals: bool
) -> LineCount:
    figures, times = line.total, report.time_info
    entered = figures.in_counted if figures.in_counted is not None else figures.entered
    left = figures.out_counted if figures.out_counted is not None else figures.left
    since, until = (None, times.time) if preference == TRIGGER else (times.start_time, times.end_time)
    to_ms = None if until is None else millis(until, times.time_zone or times.timezone)
    is_interval = not totals and until is not None
    return LineCount(
        line=str(number),
        entered=whole(entered, "in", number),
        left=whole(left, "out", number),
        cumulative=totals,
        since=None if totals or since is None else str(since),
        until=str(until) if is_interval else None,
        to_ms=to_ms,
        report=_report_id(report.device_info, since, until) if is_interval else None,
        preference=preference,
    )


def _statuses(value: dict[str, Any]) -> list[Frame]:
    if _STATUS_KEYS.isdisjoint(value):
        return []
    found: list[Frame] = [Word(block) for block in STATUS_BLOCKS if value.get(block)]
    people = {key.lower(): value[key] for key in OCCUPANCY if key in value}
    if people:
        detail = ", ".join(f"{key} {figure}" for key, figure in people.items())
        found.append(Word("occupancy", detail[:200]))
    return found
