"""Zebra IoT Connector (FX7500, FX9600, FXR90, ATR7000): tag reports and other events as JSON.

An event is ``{type, timestamp, data}``; ``type`` is the reader's operating mode (SIMPLE, CUSTOM,
INVENTORY …) when ``data`` reports a tag, and ``heartbeat`` or another word when it does not. Over MQTT a
payload holds one event or an array of them; over TCP and WebSocket events follow each other without a
delimiter and are cut anywhere, so :class:`ZebraCodec` serves all of them. ``idHex`` comes in either case;
with ``format`` "fastID" it is the EPC with the 96-bit TID behind it. ``eventNum`` of tag events counts on
by one; heartbeats count by themselves. Hostile input makes rejects, never an exception.

The handheld readers RFD40 and RFD90 use another schema (``data.tagData``); their events only show life.

Sources: payloads published by projects that run such readers, see ``tests/golden/payloads``. Zebra's own
schema documents were not reached.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

import msgspec

from contract.errors import FrameError, MessageError
from contract.ids import parse_epc
from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.json_objects import SEPARATORS, JsonObjectCodec
from contract.wire.times import rfc3339_ms

TagMode = Literal["SIMPLE", "CUSTOM", "INVENTORY", "PORTAL", "CONVEYOR"]
TAG_MODES: Final = frozenset(get_args(TagMode))
FAST_ID: Final = "fastID"
TID_DIGITS: Final = 24
MAX_DETAIL: Final = 256

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HEX_DIGITS: Final = re.compile(r"([0-9A-Fa-f]{2})+")

Text = Annotated[str, msgspec.Meta(max_length=256)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{4}$(?!\n)")]
Hex = Annotated[str, msgspec.Meta(max_length=1_024)]


class TagEvent(msgspec.Struct, frozen=True, gc=False):
    """One tag report.

    Attributes:
        epc: upper-case hex.
        mode: the reader's operating mode.
        event_num: counts the reader's tag events; a jump means that events were lost.
        reads: how many reads the report stands for.
        phase_deg: as the reader tells it, -180 to 180 or 0 to 360.
        pc: protocol-control word as upper-case hex.
        crc: the tag's CRC word, likewise.
        timestamp: as the reader wrote it, ``2024-11-21T13:20:53.319-0600``.
        at: the same in ms since 1970, None when absent or not understood.
    """

    epc: str
    mode: str = "SIMPLE"
    event_num: int | None = None
    reads: int = 1
    antenna: int | None = None
    rssi_dbm: float | None = None
    phase_deg: float | None = None
    frequency_khz: int | None = None
    pc: str | None = None
    crc: str | None = None
    tid: str | None = None
    mac: str | None = None
    hostname: str | None = None
    timestamp: str | None = None
    at: int | None = None


class OtherEvent(msgspec.Struct, frozen=True):
    """An event that reports no tag: the reader is alive."""

    event_type: str


Event: TypeAlias = TagEvent | OtherEvent


class _Tag(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    idHex: Hex | None = None  # noqa: N815 - the reader's spelling, like those below
    format: Text | None = None
    antenna: Annotated[int, msgspec.Meta(ge=1, le=1_024)] | None = None
    peakRssi: Annotated[float, msgspec.Meta(ge=-200, le=100)] | None = None  # noqa: N815
    eventNum: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None  # noqa: N815
    reads: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    channel: Annotated[float, msgspec.Meta(ge=800, le=1_000)] | None = None
    phase: Annotated[float, msgspec.Meta(ge=-360, le=360)] | None = None
    PC: Word | None = None
    CRC: Word | None = None
    TID: Hex | None = None
    MAC: Text | None = None
    hostName: Text | None = None  # noqa: N815


class _Envelope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    type: Text
    timestamp: Text | None = None
    data: Any = None


class _TagEnvelope(msgspec.Struct, frozen=True):
    """The envelope of a tag report; other events fit it too, unless ``data`` has another shape."""

    type: Text
    data: _Tag
    timestamp: Text | None = None


class _PlainTag(_Tag, frozen=True, kw_only=True, forbid_unknown_fields=True):
    idHex: Hex  # noqa: N815


class _PlainEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tag report with fields that are known, all of them: what nearly every event is."""

    type: TagMode
    timestamp: Text | None = None
    data: _PlainTag


MAX_PLAIN: Final = 1_024

_decode_plain: Final = msgspec.json.Decoder(_PlainEvent).decode
_decode_tag: Final = msgspec.json.Decoder(_TagEnvelope).decode
_decode_any: Final = msgspec.json.Decoder(_Envelope).decode


class ZebraCodec(JsonObjectCodec[Event]):
    """Events of one reader, however they are joined and cut."""

    def _quick(self) -> tuple[Event, int] | None:
        """Know a tag report: the text to the second closing brace, when that is one in whole."""
        buffer = self._buffer
        inner_end = buffer.find(b"}") + 1
        end = buffer.find(b"}", inner_end) + 1 if inner_end else 0
        if not 0 < end <= MAX_PLAIN:
            return None
        text = buffer[:end].lstrip(SEPARATORS)
        if end - len(text) >= MAX_REJECT_BYTES:
            return None
        try:
            event = _decode_plain(text)
            return _tag_event(event.type, event.timestamp, event.data), end
        except (msgspec.MsgspecError, UnicodeDecodeError, FrameError):
            return None

    def _read(self, text: bytes) -> Event | Reject:
        try:
            envelope = _decode_tag(text)
            if envelope.data.idHex is not None:
                return _tag_event(envelope.type, envelope.timestamp, envelope.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, FrameError):
            pass  # what is wrong with it is said below
        try:
            return _event(_decode_any(text))
        except msgspec.ValidationError as error:
            return Reject("value", b"", str(error)[:MAX_DETAIL])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Reject("syntax", b"", f"not JSON: {error}"[:MAX_DETAIL])
        except FrameError as error:
            return Reject("value", b"", error.detail[:MAX_DETAIL])


def _event(envelope: _Envelope) -> Event:
    data = envelope.data
    if envelope.type not in TAG_MODES and not (isinstance(data, dict) and "idHex" in data):
        return OtherEvent(envelope.type)
    tag = msgspec.convert(data, _Tag)
    if tag.idHex is None:
        raise FrameError("value", f"a {envelope.type} event has no data.idHex")
    return _tag_event(envelope.type, envelope.timestamp, tag)


def _tag_event(mode: str, timestamp: str | None, tag: _Tag) -> TagEvent:
    epc, tid = tag.idHex or "", tag.TID
    if tag.format == FAST_ID:
        epc, tid = epc[:-TID_DIGITS], epc[-TID_DIGITS:]
    if tid is not None and not _HEX_DIGITS.fullmatch(tid):
        raise FrameError("value", f"TID {tid!r} is not hex")
    try:
        epc = parse_epc(epc)
    except MessageError as error:
        raise FrameError("value", error.detail) from error
    return TagEvent(
        epc,
        mode,
        tag.eventNum,
        1 if tag.reads is None else tag.reads,
        tag.antenna,
        tag.peakRssi,
        tag.phase,
        None if tag.channel is None else round(tag.channel * 1_000),
        _upper(tag.PC),
        _upper(tag.CRC),
        _upper(tid),
        tag.MAC,
        tag.hostName,
        timestamp,
        rfc3339_ms(timestamp),
    )


def _upper(text: str | None) -> str | None:
    return None if text is None else text.upper()


def encode_event(event: Event) -> bytes:
    """Return one event as a reader publishes it."""
    if isinstance(event, OtherEvent):
        return msgspec.json.encode(_Envelope(type=event.event_type, data={}))
    tag = _Tag(
        idHex=event.epc.lower(),
        format="epc",
        antenna=event.antenna,
        peakRssi=event.rssi_dbm,
        eventNum=event.event_num,
        reads=event.reads,
        channel=None if event.frequency_khz is None else event.frequency_khz / 1_000,
        phase=event.phase_deg,
        PC=event.pc,
        CRC=event.crc,
        TID=event.tid,
        MAC=event.mac,
        hostName=event.hostname,
    )
    return msgspec.json.encode(_Envelope(type=event.mode, timestamp=event.timestamp, data=tag))


def timestamp_text(at: int) -> str:
    """Return ms since 1970 as the reader writes a time."""
    moment = _EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "+0000")
