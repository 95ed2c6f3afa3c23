"""Impinj R700 IoT Device Interface: reader events as JSON.

MQTT carries one event per message, the HTTP stream one per line, a webhook an array of them (empty as a
keep-alive). :func:`parse_payload` takes all three. An event is ``{timestamp, hostname?, eventType,
tagInventoryEvent: {…}}``; which fields are present depends on the reader's event configuration. EPC,
TID and PC are base64 (URL-safe, padded or not), hex, or both. Other event types say that the reader is
alive. Hostile input makes rejects, never an exception, and at most :data:`MAX_REJECTS` of them.

Sources: Impinj IoT device interface as used by public projects, see ``tests/golden/payloads``.
"""

import re
from base64 import urlsafe_b64encode
from binascii import a2b_base64, b2a_base64
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from contract.errors import FrameError, MessageError
from contract.ids import parse_epc
from contract.wire.base import MAX_REJECT_BYTES, Reject, RejectReason
from contract.wire.times import rfc3339_ms

MAX_PAYLOAD: Final = 1024 * 1024
MAX_REJECTS: Final = 100
TAG_EVENT: Final = "tagInventory"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_TEXT: Final = msgspec.Meta(max_length=256)

Text = Annotated[str, _TEXT]


class TagEvent(msgspec.Struct, frozen=True, gc=False):
    """One tag report.

    Attributes:
        epc: upper-case hex.
        antenna: 1-based, None when the reader is not configured to tell.
        pc: protocol-control word as hex.
        timestamp: RFC 3339, as the reader wrote it.
        at: the same in ms since 1970, None when absent or not understood.
    """

    epc: str
    antenna: int | None = None
    rssi_dbm: float | None = None
    phase_deg: float | None = None
    frequency_khz: int | None = None
    pc: str | None = None
    tid: str | None = None
    hostname: str | None = None
    timestamp: str | None = None
    at: int | None = None


class OtherEvent(msgspec.Struct, frozen=True):
    """An event that reports no tag: the reader is alive."""

    event_type: str


Event: TypeAlias = TagEvent | OtherEvent


class _TagInventory(msgspec.Struct, frozen=True, omit_defaults=True):
    epc: Text | None = None
    epcHex: Text | None = None  # noqa: N815 - the reader's spelling, like those below
    tid: Text | None = None
    tidHex: Text | None = None  # noqa: N815
    pc: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    antennaPort: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None  # noqa: N815
    peakRssiCdbm: Annotated[float, msgspec.Meta(ge=-20_000, le=20_000)] | None = None  # noqa: N815
    frequency: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] | None = None
    phaseAngle: Annotated[float, msgspec.Meta(ge=-360, le=360)] | None = None  # noqa: N815


class _ReaderEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    eventType: Text  # noqa: N815
    timestamp: Text | None = None
    hostname: Text | None = None
    tagInventoryEvent: dict[str, Any] | None = None  # noqa: N815


class _PlainTag(_TagInventory, frozen=True, forbid_unknown_fields=True):
    antennaName: Any = None  # noqa: N815
    transmitPowerCdbm: Any = None  # noqa: N815
    lastSeenTime: Any = None  # noqa: N815


class _PlainEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tag report with fields that are known, all of them: what nearly every payload is."""

    eventType: Literal["tagInventory"]  # noqa: N815
    tagInventoryEvent: _PlainTag  # noqa: N815
    timestamp: Text | None = None
    hostname: Text | None = None


_PLAIN: Final = msgspec.json.Decoder(_PlainEvent)


def _quick(payload: bytes) -> TagEvent | None:
    """Return exactly what the careful way makes of one plain tag report, None for anything else."""
    try:
        event = _PLAIN.decode(payload)
        return _tag_event(event, event.tagInventoryEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, FrameError):
        return None


def parse_payload(payload: bytes) -> list[Event | Reject]:
    """Return what one MQTT message, HTTP chunk of whole lines or webhook body says, in order."""
    if len(payload) > MAX_PAYLOAD:
        return [_reject("length", payload, f"a payload has at most {MAX_PAYLOAD} bytes, not {len(payload)}")]
    if (quick := _quick(payload)) is not None:
        return [quick]
    if not payload.strip():
        return []
    try:
        whole = _load(payload)
    except FrameError as error:
        lines = [line for line in payload.split(b"\n") if line.strip()]
        if len(lines) < 2:
            return [_reject("syntax", payload, error.detail)]
        return _bounded(lines)
    return _bounded(whole) if isinstance(whole, list) else [_parse_event(whole)]


def _bounded(items: list[Any]) -> list[Event | Reject]:
    """Parse lines (bytes) or JSON values, and stop where too many of them are refused."""
    results: list[Event | Reject] = []
    rejects = 0
    for index, item in enumerate(items):
        result = _parse_line(item) if isinstance(item, bytes) else _parse_event(item)
        rejects += isinstance(result, Reject)
        if rejects == MAX_REJECTS and index + 1 < len(items):
            results.append(
                _reject("length", b"", f"{MAX_REJECTS} events refused, {len(items) - index} left unread")
            )
            break
        results.append(result)
    return results


def _parse_line(line: bytes) -> Event | Reject:
    if (quick := _quick(line)) is not None:
        return quick
    try:
        return _parse_event(_load(line))
    except FrameError as error:
        return _reject("syntax", line, error.detail)


def _parse_event(value: Any) -> Event | Reject:
    try:
        event = msgspec.convert(value, _ReaderEvent)
        if event.eventType != TAG_EVENT:
            return OtherEvent(event.eventType)
        return _tag_event(event, msgspec.convert(event.tagInventoryEvent or {}, _TagInventory))
    except (msgspec.ValidationError, RecursionError) as error:
        return _reject("value", _dump(value), str(error))
    except FrameError as error:
        return _reject("value", _dump(value), error.detail)


def _tag_event(event: _ReaderEvent | _PlainEvent, tag: _TagInventory) -> TagEvent:
    epc = _identifier("epc", tag.epc, tag.epcHex)
    if epc is None:
        raise FrameError("value", "a tagInventory event has neither epc nor epcHex")
    try:
        epc = parse_epc(epc)
    except MessageError as error:
        raise FrameError("value", error.detail) from error
    return TagEvent(
        epc,
        tag.antennaPort,
        None if tag.peakRssiCdbm is None else tag.peakRssiCdbm / 100,
        tag.phaseAngle,
        tag.frequency,
        None if tag.pc is None else _from_base64("pc", tag.pc),
        None if tag.tid is None and tag.tidHex is None else _identifier("tid", tag.tid, tag.tidHex),
        event.hostname,
        event.timestamp,
        rfc3339_ms(event.timestamp),
    )


def _identifier(name: str, base64: str | None, hexadecimal: str | None) -> str | None:
    decoded = None if base64 is None else _from_base64(name, base64)
    if hexadecimal is None:
        return decoded
    if not _HEX.fullmatch(hexadecimal) or len(hexadecimal) % 2:
        raise FrameError("value", f"{name}Hex {hexadecimal!r} is not hex")
    upper = hexadecimal.upper()
    if decoded is not None and decoded != upper:
        raise FrameError("value", f"{name} {decoded} and {name}Hex {hexadecimal} are not the same")
    return upper


def _from_base64(name: str, text: str) -> str:
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    padded += "=" * (-len(padded) % 4)
    try:
        raw = a2b_base64(padded)
    except ValueError as error:
        raise FrameError("value", f"{name} {text!r} is not base64: {error}") from error
    if b2a_base64(raw, newline=False).decode() != padded:
        raise FrameError("value", f"{name} {text!r} is not base64")
    return raw.hex().upper()


def _load(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError("syntax", f"not JSON: {error}") from error


def _dump(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, OverflowError):
        return b""


def _reject(reason: RejectReason, raw: bytes, detail: str) -> Reject:
    return Reject(reason, raw[:MAX_REJECT_BYTES], detail[:MAX_REJECT_BYTES])


def encode_event(event: Event) -> bytes:
    """Return one event as the reader publishes it over MQTT, EPC and TID in both spellings."""
    if isinstance(event, OtherEvent):
        return msgspec.json.encode(_ReaderEvent(eventType=event.event_type))
    tag = _TagInventory(
        epc=_to_base64(event.epc),
        epcHex=event.epc,
        tid=None if event.tid is None else _to_base64(event.tid),
        tidHex=event.tid,
        pc=None if event.pc is None else _to_base64(event.pc),
        antennaPort=event.antenna,
        peakRssiCdbm=None if event.rssi_dbm is None else round(event.rssi_dbm * 100),
        frequency=event.frequency_khz,
        phaseAngle=event.phase_deg,
    )
    report = _ReaderEvent(
        eventType=TAG_EVENT,
        timestamp=event.timestamp,
        hostname=event.hostname,
        tagInventoryEvent=msgspec.to_builtins(tag),
    )
    return msgspec.json.encode(report)


def timestamp_text(at: int) -> str:
    """Return ms since 1970 as the reader writes a time."""
    moment = _EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_base64(hexadecimal: str) -> str:
    return urlsafe_b64encode(bytes.fromhex(hexadecimal)).decode("ascii")
