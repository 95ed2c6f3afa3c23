"""LLRP 1.0.1 and 1.1: framing, and the tag reports in an RO_ACCESS_REPORT.

::

    reserved (3 bits) | version (3) | type (10) | length (4 bytes, all of the message) | id (4) | parameters

A reader at full rate sends a thousand reports a second, one tag in each, so this parser reads tag reports
and nothing else: every other message is a :class:`Message` whose body is left to a full LLRP library in
the transport. A tag report is a TLV of TV parameters (one byte with the top bit set, then a fixed size)
and TLV parameters; those it does not need are skipped by their length. Of a repeated parameter the first
one counts. Impinj's extensions for finer RSSI, phase and TID are read, the last of each.

LLRP has no checksum, so the search for a header in a dirty stream goes by version, message type and
length. Sources: EPCglobal LLRP 1.0.1, sections 14.1 and 14.2.3; Impinj Octane LLRP extensions. A property
test holds the reports equal to those of an independent library.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from contract.errors import FrameError
from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.hunting import NOISE, PARTIAL_FRAME, PARTIAL_HEAD, Failed, Found, HuntingCodec, Pending

HEADER: Final = struct.Struct(">HII")
_TLV: Final = struct.Struct(">HH")
MAX_MESSAGE: Final = 512 * 1024

RO_ACCESS_REPORT: Final = 61
KEEPALIVE: Final = 62
READER_EVENT_NOTIFICATION: Final = 63
MESSAGE_NAMES: Final = {
    1: "GET_READER_CAPABILITIES",
    2: "GET_READER_CONFIG",
    3: "SET_READER_CONFIG",
    4: "CLOSE_CONNECTION_RESPONSE",
    11: "GET_READER_CAPABILITIES_RESPONSE",
    12: "GET_READER_CONFIG_RESPONSE",
    13: "SET_READER_CONFIG_RESPONSE",
    14: "CLOSE_CONNECTION",
    20: "ADD_ROSPEC",
    21: "DELETE_ROSPEC",
    22: "START_ROSPEC",
    23: "STOP_ROSPEC",
    24: "ENABLE_ROSPEC",
    25: "DISABLE_ROSPEC",
    26: "GET_ROSPECS",
    30: "ADD_ROSPEC_RESPONSE",
    31: "DELETE_ROSPEC_RESPONSE",
    32: "START_ROSPEC_RESPONSE",
    33: "STOP_ROSPEC_RESPONSE",
    34: "ENABLE_ROSPEC_RESPONSE",
    35: "DISABLE_ROSPEC_RESPONSE",
    36: "GET_ROSPECS_RESPONSE",
    40: "ADD_ACCESSSPEC",
    41: "DELETE_ACCESSSPEC",
    42: "ENABLE_ACCESSSPEC",
    43: "DISABLE_ACCESSSPEC",
    44: "GET_ACCESSSPECS",
    45: "CLIENT_REQUEST_OP",
    46: "GET_SUPPORTED_VERSION",
    47: "SET_PROTOCOL_VERSION",
    50: "ADD_ACCESSSPEC_RESPONSE",
    51: "DELETE_ACCESSSPEC_RESPONSE",
    52: "ENABLE_ACCESSSPEC_RESPONSE",
    53: "DISABLE_ACCESSSPEC_RESPONSE",
    54: "GET_ACCESSSPECS_RESPONSE",
    55: "CLIENT_REQUEST_OP_RESPONSE",
    56: "GET_SUPPORTED_VERSION_RESPONSE",
    57: "SET_PROTOCOL_VERSION_RESPONSE",
    60: "GET_REPORT",
    RO_ACCESS_REPORT: "RO_ACCESS_REPORT",
    KEEPALIVE: "KEEPALIVE",
    READER_EVENT_NOTIFICATION: "READER_EVENT_NOTIFICATION",
    64: "ENABLE_EVENTS_AND_REPORTS",
    72: "KEEPALIVE_ACK",
    100: "ERROR_MESSAGE",
    1023: "CUSTOM_MESSAGE",
}

_VERSIONS: Final = (1, 2)
_HEADS: Final = frozenset(version << 2 | top for version in _VERSIONS for top in range(4))

_TAG_REPORT_DATA: Final = 240
_EPC_DATA: Final = 241
_CUSTOM: Final = 1023
_IMPINJ: Final = 25_882
_IMPINJ_TID, _IMPINJ_PHASE, _IMPINJ_RSSI = 55, 56, 57
_IMPINJ_PHASE_STEPS: Final = 4_096

_ANTENNA, _FIRST_SEEN, _RSSI, _CHANNEL, _SEEN, _PC, _EPC_96 = 1, 2, 6, 7, 8, 12, 13
_TV_SIZES: Final = {
    _ANTENNA: 2,
    _FIRST_SEEN: 8,
    3: 8,  # first seen, uptime
    4: 8,  # last seen, UTC
    5: 8,  # last seen, uptime
    _RSSI: 1,
    _CHANNEL: 2,
    _SEEN: 2,
    9: 4,  # ROSpec id
    10: 2,  # inventory parameter spec id
    11: 2,  # C1G2 CRC
    _PC: 2,
    _EPC_96: 12,
    14: 2,  # spec index
    16: 4,  # access spec id
    17: 2,  # op spec id
    18: 4,  # C1G2 singulation details
}
_NO_CHANNELS: Final[Mapping[int, int]] = {}


class Message(msgspec.Struct, frozen=True, gc=False):
    """One LLRP message, its parameters as they came."""

    type: int
    message_id: int
    body: bytes
    version: int = 1


class TagReport(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """One TagReportData.

    Attributes:
        epc: upper-case hex.
        antenna: 1-based, None when the reader is not asked to tell.
        rssi_dbm: peak; whole dBm, or hundredths with Impinj's extension.
        phase_deg: 0 to 360, with Impinj's extension only.
        frequency_khz: of the channel, where its table is known.
        reads: how many singulations the report stands for.
        pc: protocol-control word as hex.
        tid: upper-case hex, with Impinj's extension only.
        first_seen_us: microseconds since 1970 by the reader's clock.
    """

    epc: str
    antenna: int | None = None
    rssi_dbm: float | None = None
    phase_deg: float | None = None
    frequency_khz: int | None = None
    reads: int = 1
    pc: str | None = None
    tid: str | None = None
    first_seen_us: int | None = None


def encode(message: Message) -> bytes:
    """Return the message's bytes.

    Raises:
        FrameError: ``value`` when a header field does not fit its width.
    """
    if not 0 <= message.type < 1_024 or message.version not in _VERSIONS:
        raise FrameError("value", f"LLRP has no message type {message.type} of version {message.version}")
    size = HEADER.size + len(message.body)
    try:
        return HEADER.pack(message.version << 10 | message.type, size, message.message_id) + message.body
    except struct.error as error:
        raise FrameError("value", f"the message id {message.message_id} is no u32: {error}") from error


class LlrpCodec(HuntingCodec[Message]):
    """Both directions of an LLRP connection."""

    max_frame = MAX_MESSAGE

    def _quick(self) -> tuple[Message, int] | None:
        """Know a whole message of a known type."""
        buffer = self._buffer
        if len(buffer) < HEADER.size or buffer[0] not in _HEADS:
            return None
        kind, size, message_id = HEADER.unpack_from(buffer)
        if kind & 0x3FF not in MESSAGE_NAMES or not HEADER.size <= size <= min(len(buffer), MAX_MESSAGE):
            return None
        return Message(kind & 0x3FF, message_id, bytes(buffer[HEADER.size : size]), kind >> 10), size

    def _judge(self, start: int) -> Found[Message] | Failed | Pending:
        buffer = self._buffer
        if buffer[start] not in _HEADS:
            return NOISE
        if len(buffer) < start + 6:
            return PARTIAL_HEAD
        kind = int.from_bytes(buffer[start : start + 2], "big")
        size = int.from_bytes(buffer[start + 2 : start + 6], "big")
        if kind & 0x3FF not in MESSAGE_NAMES:
            return Failed("noise", f"LLRP has no message type {kind & 0x3FF}")
        if not HEADER.size <= size <= MAX_MESSAGE:
            return Failed("length", f"a message of {size} bytes, at most {MAX_MESSAGE} are taken")
        if len(buffer) < start + size:
            return PARTIAL_FRAME
        message_id = int.from_bytes(buffer[start + 6 : start + 10], "big")
        body = bytes(buffer[start + 10 : start + size])
        return Found(Message(kind & 0x3FF, message_id, body, kind >> 10), size)


def parse_report(body: bytes, channels: Mapping[int, int] = _NO_CHANNELS) -> list[TagReport | Reject]:
    """Return the tag reports of an RO_ACCESS_REPORT, in order.

    Args:
        body: the message without its header.
        channels: channel index → kHz, from the reader's capabilities.
    """
    found: list[TagReport | Reject] = []
    at, end = 0, len(body)
    while at < end:
        if end - at < 4 or body[at] & 0x80:
            found.append(_reject("syntax", body[at:], "a tag report begins with a TLV parameter"))
            break
        size = body[at + 2] << 8 | body[at + 3]
        if size < 4 or at + size > end:
            found.append(_reject("length", body[at:], f"a parameter of {size} bytes in {end - at}"))
            break
        if (body[at] & 0x3) << 8 | body[at + 1] == _TAG_REPORT_DATA:
            try:
                found.append(_tag_report(body, at + 4, at + size, channels))
            except FrameError as error:
                found.append(_reject(error.reason, body[at : at + size], error.detail))
        at += size
    return found


def _tag_report(body: bytes, at: int, end: int, channels: Mapping[int, int]) -> TagReport:
    epc: bytes | None = None
    values: dict[int, int] = {}
    fine: dict[int, bytes] = {}
    while at < end:
        kind = body[at]
        if kind & 0x80:
            kind &= 0x7F
            size = _TV_SIZES.get(kind)
            if size is None:
                raise FrameError("syntax", f"a tag report has no TV parameter {kind}")
            start, at = at + 1, at + 1 + size
            if at > end:
                raise FrameError("length", f"TV parameter {kind} ends outside its tag report")
            if kind == _EPC_96:
                epc = epc or body[start:at]
            elif kind not in values:
                values[kind] = int.from_bytes(body[start:at], "big")
            continue
        size = body[at + 2] << 8 | body[at + 3] if end - at >= 4 else 0
        if size < 4 or at + size > end:
            raise FrameError("length", "a TLV parameter ends outside its tag report")
        kind = (kind & 0x3) << 8 | body[at + 1]
        if kind == _EPC_DATA:
            epc = epc or _epc_data(body[at + 4 : at + size])
        elif kind == _CUSTOM:
            _take_custom(body[at + 4 : at + size], fine)
        at += size
    if epc is None:
        raise FrameError("syntax", "a tag report without an EPC")
    channel, pc = values.get(_CHANNEL), values.get(_PC)
    return TagReport(
        epc.hex().upper(),
        values.get(_ANTENNA),
        _rssi_dbm(fine.get(_IMPINJ_RSSI), values.get(_RSSI)),
        _phase_deg(fine.get(_IMPINJ_PHASE)),
        None if channel is None else channels.get(channel),
        values.get(_SEEN, 1),
        None if pc is None else f"{pc:04X}",
        fine[_IMPINJ_TID][2:].hex().upper() if _IMPINJ_TID in fine else None,
        values.get(_FIRST_SEEN),
    )


def _rssi_dbm(fine: bytes | None, coarse: int | None) -> float | None:
    if fine is not None:
        return int.from_bytes(fine, "big", signed=True) / 100
    return None if coarse is None else float((coarse ^ 0x80) - 0x80)


def _phase_deg(fine: bytes | None) -> float | None:
    return None if fine is None else int.from_bytes(fine, "big") * 360 / _IMPINJ_PHASE_STEPS


def _epc_data(content: bytes) -> bytes:
    bits = int.from_bytes(content[:2], "big")
    if len(content) != 2 + (bits + 7) // 8:
        raise FrameError("length", f"EPCData announces {bits} bits in {len(content) - 2} bytes")
    if not bits or bits % 16 or bits > 496:
        raise FrameError("value", f"an EPC has 1 to 31 whole words, not {bits} bits")
    return content[2:]


def _take_custom(content: bytes, fine: dict[int, bytes]) -> None:
    """Keep what Impinj's extensions say, by subtype; other vendors' parameters are not read."""
    if len(content) < 8:
        raise FrameError("length", "a custom parameter is too short for vendor and subtype")
    vendor, subtype = int.from_bytes(content[:4], "big"), int.from_bytes(content[4:8], "big")
    if vendor != _IMPINJ or subtype not in (_IMPINJ_TID, _IMPINJ_PHASE, _IMPINJ_RSSI):
        return
    rest = content[8:]
    size = 2 + 2 * int.from_bytes(rest[:2], "big") if subtype == _IMPINJ_TID else 2
    if len(rest) != size:
        raise FrameError("length", f"Impinj parameter {subtype} has {size} bytes, not {len(rest)}")
    fine[subtype] = rest


def encode_report(tags: Sequence[TagReport], channels: Mapping[int, int] = _NO_CHANNELS) -> bytes:
    """Return the body of an RO_ACCESS_REPORT as a reader sends it.

    Args:
        tags: what to report; finer RSSI, phase and TID go into Impinj's extensions.
        channels: kHz → channel index; a frequency that is not among them is left out.
    """
    body = bytearray()
    for tag in tags:
        content = _encode_tag(tag, channels)
        body += _TLV.pack(_TAG_REPORT_DATA, 4 + len(content)) + content
    return bytes(body)


def _encode_tag(tag: TagReport, channels: Mapping[int, int]) -> bytes:
    epc = bytes.fromhex(tag.epc)
    content = bytearray()
    if len(epc) == _TV_SIZES[_EPC_96]:
        content += bytes([0x80 | _EPC_96]) + epc
    else:
        content += _TLV.pack(_EPC_DATA, 6 + len(epc)) + (8 * len(epc)).to_bytes(2, "big") + epc
    coarse = None if tag.rssi_dbm is None else max(-128, min(127, round(tag.rssi_dbm))) & 0xFF
    channel = None if tag.frequency_khz is None else channels.get(tag.frequency_khz)
    fields = (
        (_ANTENNA, tag.antenna),
        (_RSSI, coarse),
        (_CHANNEL, channel),
        (_FIRST_SEEN, tag.first_seen_us),
        (_SEEN, tag.reads),
        (_PC, None if tag.pc is None else int(tag.pc, 16)),
    )
    for kind, value in fields:
        if value is not None:
            content.append(0x80 | kind)
            content += value.to_bytes(_TV_SIZES[kind], "big")
    if tag.rssi_dbm is not None and tag.rssi_dbm != round(tag.rssi_dbm):
        content += _encode_custom(_IMPINJ_RSSI, round(tag.rssi_dbm * 100).to_bytes(2, "big", signed=True))
    if tag.phase_deg is not None:
        steps = round(tag.phase_deg * _IMPINJ_PHASE_STEPS / 360) % _IMPINJ_PHASE_STEPS
        content += _encode_custom(_IMPINJ_PHASE, steps.to_bytes(2, "big"))
    if tag.tid is not None:
        tid = bytes.fromhex(tag.tid)
        content += _encode_custom(_IMPINJ_TID, (len(tid) // 2).to_bytes(2, "big") + tid)
    return bytes(content)


def _encode_custom(subtype: int, content: bytes) -> bytes:
    size = 12 + len(content)
    return _TLV.pack(_CUSTOM, size) + _IMPINJ.to_bytes(4, "big") + subtype.to_bytes(4, "big") + content


def _reject(reason: str, raw: bytes, detail: str) -> Reject:
    return Reject(reason, raw[:MAX_REJECT_BYTES], detail)  # type: ignore[arg-type]
