"""Milesight people counters on LoRaWAN (VS121, VS132, VS133, VS135): channel, type, value, one after another.

============ ============================== =====================================================
channel type value (little-endian)          what
============ ============================== =====================================================
03 … 0D  D2  u32                            VS13x: totals of lines 1 to 4, in (03 06 09 0C), out (04 07 0A 0D)
05 … 0E  CC  u16 in, u16 out                VS13x: interval of lines 1 to 4 (05 08 0B 0E); VS121: 05
0D       CC  u16 in, u16 out                VS121: totals
10       F7  u16 in, u16 out                VS121 from 7.0.85: line detection in this interval
04       C9  people, regions, mask(2)       VS121: people now
06       CD  u8                             VS121: most people in the interval
0F       E3  4 × u8                         VS13x: people in regions 1 to 4
============ ============================== =====================================================

Children (11 to 1E), region flows, dwell times, alarms, versions and serial numbers are statuses. A value of an
unknown channel has no length, so what follows is refused. Totals and the interval of one line count the same
people: totals have the preference.

An uplink arrives as these bytes, as hex text, or in JSON of a network server: ChirpStack (``data``), The Things
Stack (``uplink_message.frm_payload``), both base64; Milesight's gateways write ``data`` as base64 or hex.
Source: Milesight-IoT/SensorDecoders, with its worked examples in ``tests/golden/wire/milesight_lora.txt``.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from struct import Struct
from typing import Any, Final, NamedTuple

import msgspec

from contract.errors import FrameError
from contract.wire.base import Reject
from contract.wire.counting import Frame, LineCount, Word, load, refuse

TOTAL, INTERVAL = 2, 0
LINES: Final = 4
TOTAL_IN: Final = {0x03 + 3 * line: line + 1 for line in range(LINES)}
TOTAL_OUT: Final = {0x04 + 3 * line: line + 1 for line in range(LINES)}
LINE_INTERVAL: Final = {0x05 + 3 * line: line + 1 for line in range(LINES)}
ATTRIBUTE: Final = 0xFF
HISTORY: Final = (0x20, 0xCE)
MAX_UPLINK: Final = 255

STATUS_SIZES: Final = {
    (0xFF, 0x01): 1,
    (0xFF, 0x08): 6,
    (0xFF, 0x09): 2,
    (0xFF, 0x0A): 2,
    (0xFF, 0x0B): 1,
    (0xFF, 0x0F): 1,
    (0xFF, 0x16): 8,
    (0xFF, 0x1F): 4,
    (0xFF, 0xFE): 1,
    (0xFF, 0xFF): 2,
    (0x04, 0xC9): 4,
    (0x06, 0xCD): 1,
    (0x07, 0xD5): 8,
    (0x08, 0xD5): 8,
    (0x09, 0xDA): 8,
    (0x0A, 0xDA): 8,
    (0x0B, 0xDA): 8,
    (0x0C, 0xDA): 8,
    (0x0E, 0xE4): 5,
    (0x0F, 0x85): 4,
    (0x0F, 0xE3): 4,
    (0x10, 0xE4): 5,
    (0x1D, 0xE3): 4,
    (0x1E, 0xE4): 5,
    (0x50, 0xFC): 3,
    HISTORY: 9,
    **{(0x11 + 3 * line + part, 0xD2): 4 for line in range(LINES) for part in (0, 1)},
    **{(0x13 + 3 * line, 0xCC): 4 for line in range(LINES)},
}
STATUS_NAMES: Final = {(0x04, 0xC9): "occupancy", (0x06, 0xCD): "most_people", (0x0F, 0xE3): "regions"}

_HEX: Final = re.compile(rb"\s*+(?:[0-9A-Fa-f]{2}[\s:]?+)++\s*+")


class _Value(NamedTuple):
    channel: int
    kind: int
    raw: bytes


class Uplink(msgspec.Struct, frozen=True, gc=False):
    """One uplink as it left the radio.

    Attributes:
        content: its bytes.
        report: device and frame counter, None when it did not come from a network server.
    """

    content: bytes
    report: str | None = None


def parse_payload(payload: bytes) -> list[Frame | Reject]:
    """Return what one message says, whatever it is wrapped in."""
    try:
        uplink = unwrap(payload)
    except FrameError as error:
        return [refuse(payload, error)]
    if uplink is None:
        return [Word("alive", "no uplink")]
    return parse_uplink(uplink)


def unwrap(payload: bytes) -> Uplink | None:
    """Return the uplink in a message, None for a network server's message that carries none.

    Raises:
        FrameError: ``syntax`` or ``value``.
    """
    text = payload.strip()
    if text.startswith(b"{"):
        return _from_server(load(payload))
    if text and _HEX.fullmatch(text):
        return Uplink(bytes.fromhex(text.decode("ascii").replace(":", " ")))
    if not payload:
        raise FrameError("value", "an empty payload")
    if len(payload) > MAX_UPLINK:
        raise FrameError("length", f"an uplink has at most {MAX_UPLINK} bytes, not {len(payload)}")
    return Uplink(payload)


def _from_server(value: Any) -> Uplink | None:
    message = value.get("uplink_message", value)
    if not isinstance(message, dict):
        raise FrameError("value", "uplink_message is an object")
    encoded = message.get("frm_payload", message.get("data"))
    if encoded is None:
        return None
    if not isinstance(encoded, str):
        raise FrameError("value", "frm_payload or data is text in base64")
    device = _device(value)
    number = message.get("f_cnt", message.get("fCnt"))
    report = f"{device}/{number}" if device and isinstance(number, int) else None
    return Uplink(_from_text(encoded), report)


def _device(value: dict[str, Any]) -> str | None:
    for outer, inner in (("end_device_ids", "dev_eui"), ("deviceInfo", "devEui")):
        part = value.get(outer)
        name = part.get(inner) if isinstance(part, dict) else None
        if name and isinstance(name, str):
            return name[:64]
    name = value.get("devEUI")
    return name[:64] if isinstance(name, str) else None


def _from_text(encoded: str) -> bytes:
    """Read base64, or hex where a gateway writes that; an uplink begins with a known channel."""
    raw = encoded.encode("ascii", "replace")
    if _HEX.fullmatch(raw):
        as_hex = bytes.fromhex(encoded.replace(":", " "))
        if tuple(as_hex[:2]) in STATUS_SIZES or _count_size(*as_hex[:2].ljust(2, b"\0")):
            return as_hex
    try:
        return a2b_base64(raw, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise FrameError("value", f"{encoded[:40]!r} is not base64: {error}") from error


_LINE_TOTALS: Final = Struct("<BBIBBI")


def _quick(content: bytes) -> LineCount | None:
    """Return exactly what the careful way makes of the totals of one line, None for anything else."""
    if len(content) != _LINE_TOTALS.size:
        return None
    channel_in, kind_in, entered, channel_out, kind_out, left = _LINE_TOTALS.unpack(content)
    line = TOTAL_IN.get(channel_in)
    if line is None or kind_in != 0xD2 or kind_out != 0xD2 or TOTAL_OUT.get(channel_out) != line:
        return None
    return LineCount(str(line), entered, left, cumulative=True, preference=TOTAL)


def parse_uplink(uplink: Uplink) -> list[Frame | Reject]:
    """Return what an uplink says: counts by line, then statuses, then what was refused."""
    if (quick := _quick(uplink.content)) is not None:
        return [quick]
    values, rest = _split(uplink.content)
    found: list[Frame | Reject] = [*_counts(values, uplink.report), *_statuses(values)]
    if rest:
        detail = f"channel {rest[:2].hex(' ').upper()} is not known, or its value is cut"
        found.append(refuse(rest, FrameError("value" if len(rest) > 1 else "syntax", detail)))
    return found


def _split(content: bytes) -> tuple[list[_Value], bytes]:
    values = []
    at = 0
    while at + 2 <= len(content):
        channel, kind = content[at], content[at + 1]
        size = STATUS_SIZES.get((channel, kind)) or _count_size(channel, kind)
        if (channel, kind) == HISTORY and content[at + 6 : at + 7] in (b"\x10", b"\x20"):
            size = 8
        if not size or at + 2 + size > len(content):
            break
        values.append(_Value(channel, kind, content[at + 2 : at + 2 + size]))
        at += 2 + size
    return values, content[at:]


def _count_size(channel: int, kind: int) -> int:
    """Return the size of a value that counts people, 0 for any other."""
    is_total = kind == 0xD2 and (channel in TOTAL_IN or channel in TOTAL_OUT)
    is_interval = kind == 0xCC and (channel in LINE_INTERVAL or channel == 0x0D)
    return 4 if is_total or is_interval or (channel, kind) == (0x10, 0xF7) else 0


def _counts(values: list[_Value], report: str | None) -> list[LineCount]:
    entered: dict[int, int] = {}
    left: dict[int, int] = {}
    intervals: dict[int, tuple[int, int]] = {}
    for channel, kind, raw in values:
        pair = int.from_bytes(raw[:2], "little"), int.from_bytes(raw[2:4], "little")
        if kind == 0xD2 and channel in TOTAL_IN:
            entered[TOTAL_IN[channel]] = int.from_bytes(raw, "little")
        elif kind == 0xD2 and channel in TOTAL_OUT:
            left[TOTAL_OUT[channel]] = int.from_bytes(raw, "little")
        elif (channel, kind) == (0x0D, 0xCC):
            entered[1], left[1] = pair
        elif kind == 0xCC and channel in LINE_INTERVAL:
            intervals[LINE_INTERVAL[channel]] = pair
        elif (channel, kind) == (0x10, 0xF7):
            intervals[1] = pair
    totals = [
        LineCount(
            line=str(line),
            entered=entered.get(line),
            left=left.get(line),
            cumulative=True,
            preference=TOTAL,
        )
        for line in sorted(entered.keys() | left.keys())
    ]
    return totals + [
        LineCount(
            line=str(line),
            entered=pair[0],
            left=pair[1],
            cumulative=False,
            report=report,
            preference=INTERVAL,
        )
        for line, pair in sorted(intervals.items())
        if line not in entered and line not in left
    ]


def _statuses(values: list[_Value]) -> list[Word]:
    return [
        Word(
            STATUS_NAMES.get(
                (value.channel, value.kind), "attribute" if value.channel == ATTRIBUTE else "other"
            ),
            f"{value.channel:02X} {value.kind:02X} {value.raw.hex().upper()}",
        )
        for value in values
        if (value.channel, value.kind) in STATUS_SIZES
    ]


def encode_totals(entered: int, left: int, *, line: int = 1) -> bytes:
    """Return the values with which a VS13x reports the totals of a line."""
    step = 3 * (line - 1)
    return (
        bytes([0x03 + step, 0xD2])
        + entered.to_bytes(4, "little")
        + bytes([0x04 + step, 0xD2])
        + left.to_bytes(4, "little")
    )


def encode_interval(entered: int, left: int, *, line: int = 1) -> bytes:
    """Return the value with which a counter reports an interval of a line."""
    head = bytes([0x05 + 3 * (line - 1), 0xCC])
    return head + entered.to_bytes(2, "little") + left.to_bytes(2, "little")
