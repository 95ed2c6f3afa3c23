"""ThingMagic (JADAK) M6E, M6E Nano and M7E: the Mercury serial protocol.

::

    host to module   FF | LENGTH | OPCODE | DATA[LENGTH] | CRC(2)
    module to host   FF | LENGTH | OPCODE | STATUS(2) | DATA[LENGTH] | CRC(2)

The CRC (:func:`contract.wire.crc.crc16_mercury`) is over LENGTH to the last data byte. Sources: comments
and captures in the SparkFun Simultaneous RFID library and its descendants, copies of the Mercury API in
C, the T800 reader manual; examples in ``tests/golden/wire/m6e.txt``. Nothing was run on hardware.

Tag reports have a file of their own, :mod:`contract.wire.m6e_tags`.

Resynchronising. FF occurs inside data, and commands and replies differ in length only, so a frame is
known by length and CRC together. A **tag report** whose inner lengths agree with LENGTH is trusted to its
end and not looked into. Any **other** candidate gives way to a whole valid frame that lies inside it.
"""

from binascii import crc_hqx
from struct import Struct
from typing import Final, Literal, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.crc import GENIBUS_RESIDUE, crc16_mercury
from contract.wire.hunting import NOISE, PARTIAL_FRAME, PARTIAL_HEAD, Failed, Found, HuntingCodec, Pending
from contract.wire.m6e_tags import (
    GEN2,
    MAX_DATA,
    STREAM_FLAGS,
    STREAMING,
    TagRecord,
    TagReport,
    decode_report,
    encode_report,
    layouts,
    measure,
)

BAUD: Final = 115_200
HEAD: Final = 0xFF
COMMAND_OVERHEAD, REPLY_OVERHEAD = 5, 7

VERSION: Final = 0x03
READ_MULTIPLE: Final = 0x22
TAG_BUFFER: Final = 0x29
CONTINUOUS: Final = 0x2F
GET_INPUTS: Final = 0x66
SET_ANTENNAS: Final = 0x91
SET_READ_POWER: Final = 0x92
SET_PROTOCOL: Final = 0x93
SET_OUTPUT: Final = 0x96
SET_REGION: Final = 0x97

KNOWN_OPCODES: Final = frozenset(
    bytes.fromhex("03 04 06 09 0C 10 21 22 23 24 26 28 29 2A 2D 2F 61 62 63 64 65 66 67 68 6A 6B 6C 70 71 72")
    + bytes.fromhex("91 92 93 94 95 96 97 98 9A 9B")
)
"""Opcodes of the sources, those that write flash left out; no other one begins a frame."""

REGION_CODES: Final = {
    "us": 0x01,
    "in": 0x04,
    "jp": 0x05,
    "cn900": 0x06,
    "eu": 0x08,
    "kr": 0x09,
    "cn800": 0x0A,
    "au": 0x0B,
    "nz": 0x0C,
}
"""Codes of SET_REGION for the shared region names; EU is EU3 (the four channels of EN 302 208)."""

US_CODES: Final = {"na": 0x01, "na2": 0x0D, "na3": 0x0E}
"""The three North American tables. The M6E Nano has na2 and na3 only."""

SUCCESS: Final = 0x0000
NO_TAGS: Final = 0x0400
TEMPERATURE_LIMIT: Final = 0x0504
HIGH_RETURN_LOSS: Final = 0x0505
STATUS_NAMES: Final = {
    0x0100: "wrong number of data bytes",
    0x0101: "invalid opcode",
    0x0102: "opcode not implemented",
    0x0103: "power too high",
    0x0104: "invalid frequency",
    0x0105: "invalid parameter",
    0x0106: "power too low",
    0x0109: "feature not implemented",
    0x010B: "invalid region",
    NO_TAGS: "no tags",
    0x0401: "no protocol selected",
    0x0503: "antenna not connected",
    TEMPERATURE_LIMIT: "too hot, transmits less",
    HIGH_RETURN_LOSS: "high return loss: check antenna and cable",
}


class Command(msgspec.Struct, frozen=True):
    """Host to module."""

    opcode: int
    data: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    """Module to host: an answer, or an unasked report without a tag."""

    opcode: int
    status: int = SUCCESS
    data: bytes = b""

    @property
    def temperature_c(self) -> int | None:
        """The module's temperature, in a report of it (status record 0100 with one byte)."""
        if self.opcode == READ_MULTIPLE and len(self.data) == 10 and self.data[3:9] == _TEMPERATURE:
            return int.from_bytes(self.data[9:], "big", signed=True)
        return None


_TEMPERATURE: Final = bytes.fromhex("02 8200 8200 01")

Frame: TypeAlias = Command | Reply | TagReport


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes.

    Raises:
        FrameError: ``value`` or ``length`` when the content does not fit the protocol.
    """
    try:
        match frame:
            case Command(opcode=opcode, data=data):
                body = bytes([opcode]) + data
            case Reply(opcode=opcode, status=status, data=data):
                body = bytes([opcode]) + status.to_bytes(2, "big") + data
            case TagReport(opcode=opcode):
                data = encode_report(frame)
                body = bytes([opcode, 0, 0]) + data
    except (OverflowError, ValueError) as error:
        raise FrameError("value", f"{frame} has a field that does not fit its width: {error}") from error
    if len(data) > MAX_DATA:
        raise FrameError("length", f"a frame has at most {MAX_DATA} data bytes, not {len(data)}")
    checked = bytes([len(data)]) + body
    return bytes([HEAD]) + checked + crc16_mercury(checked).to_bytes(2, "big")


def set_region(code: int) -> Command:
    """Return the command that sets the RF region."""
    return Command(SET_REGION, bytes([code]))


def set_power(power_dbm: float) -> Command:
    """Return the command that sets the transmit power of reads."""
    return Command(SET_READ_POWER, round(power_dbm * 100).to_bytes(2, "big"))


def set_antennas(ports: tuple[int, ...]) -> Command:
    """Return the command that sets the list of ports to search, each for both transmit and receive."""
    return Command(SET_ANTENNAS, b"\x02" + bytes(port for port in ports for _ in range(2)))


def set_output(pin: int, *, on: bool) -> Command:
    """Return the command that makes a pin an output and sets its level."""
    return Command(SET_OUTPUT, bytes([1, pin, 1, on]))


SET_GEN2: Final = Command(SET_PROTOCOL, bytes([0, GEN2]))
START: Final = Command(CONTINUOUS, bytes.fromhex("0000 01 22 0000 05 07 22 10 001B 03E8 01FF"))
"""Read without end, stream tags with metadata 01FF, all antennas of the list."""

STOP: Final = Command(CONTINUOUS, bytes.fromhex("0000 02"))


_STREAMED_HEAD: Final = Struct(">BBBH3sHBBbBBHIHBH")
"""A streamed report with the flags of :data:`START`, to the length of the embedded data."""

_STREAMED_TAG: Final = Struct(">BHH")
"""What follows the embedded data: GPIO, the length of PC, EPC and CRC in bits, PC."""


class M6eCodec(HuntingCodec[Frame]):
    """The module's line.

    Args:
        hears: which side's frames are expected. On a captured line, ``both``, a frame is taken for a
            command when its CRC fits as one (two bytes earlier than a reply's).
    """

    check_bits = 16

    def __init__(self, hears: Literal["module", "host", "both"] = "both") -> None:
        super().__init__()
        shapes = {"host": (COMMAND_OVERHEAD,), "module": (REPLY_OVERHEAD,)}
        self._overheads = shapes.get(hears, (COMMAND_OVERHEAD, REPLY_OVERHEAD))
        self._hears_module = REPLY_OVERHEAD in self._overheads

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a streamed report of one tag with the flags of :data:`START`."""
        buffer = self._buffer
        if len(buffer) < _STREAMED_HEAD.size or buffer[0] != HEAD or not self._hears_module:
            return None
        size = buffer[1] + REPLY_OVERHEAD
        if len(buffer) < size or buffer[2] != READ_MULTIPLE or buffer[1] > MAX_DATA:
            return None
        _, _, _, status, lead, flags, count, reads, rssi, ports, high, low, since, phase, protocol, bits = (
            _STREAMED_HEAD.unpack_from(buffer)
        )
        if status or not lead[0] & STREAMING or flags != STREAM_FLAGS or count != 1 or protocol != GEN2:
            return None
        embedded_end = _STREAMED_HEAD.size + (bits + 7 >> 3)
        pc_at = embedded_end + 3
        if pc_at + 6 > size:
            return None
        raw = bytes(buffer[:size])
        gpio, epc_bits, pc = _STREAMED_TAG.unpack_from(raw, embedded_end)
        if pc_at + (epc_bits + 7 >> 3) != size - 2 or crc_hqx(raw[pc_at:-2], 0xFFFF) != GENIBUS_RESIDUE:
            return None
        if crc16_mercury(raw[1:-2]) != raw[-2] << 8 | raw[-1]:
            return None
        tag = TagRecord(
            reads=reads,
            rssi_dbm=rssi,
            ports=ports,
            frequency_khz=high << 16 | low,
            since_keep_alive_ms=since,
            phase_deg=phase,
            protocol=protocol,
            embedded=raw[_STREAMED_HEAD.size : embedded_end],
            embedded_bits=bits,
            gpio=gpio,
            pc=pc,
            epc=raw[pc_at + 2 : -4],
            epc_bits=epc_bits,
        )
        return TagReport(flags, (tag,), "streamed", lead, READ_MULTIPLE), size

    def _judge(self, start: int) -> Found[Frame] | Failed | Pending:
        buffer = self._buffer
        if buffer[start] != HEAD:
            return NOISE
        available = len(buffer) - start
        if available < 2:
            return PARTIAL_HEAD
        length = buffer[start + 1]
        if length > MAX_DATA:
            return Failed("length", f"a frame has at most {MAX_DATA} data bytes, not {length}")
        if available > 2 and buffer[start + 2] not in KNOWN_OPCODES:
            return NOISE
        if available < 5:
            return PARTIAL_HEAD
        trusted = self._announces_tags(start, length) if self._hears_module else False
        if trusted is None:
            return PARTIAL_FRAME
        if trusted:
            end = start + length + REPLY_OVERHEAD
            if len(buffer) < end:
                return PARTIAL_FRAME
            verdict = self._read(start, end)
            return verdict if isinstance(verdict, Found) else self._spoiled(start, end, verdict)
        for overhead in self._overheads:
            end = start + length + overhead
            if self._hides_frame(start, end):
                return Failed(
                    "length", "another whole frame lies inside the announced length", candidate=True
                )
            if len(buffer) < end:
                return PARTIAL_FRAME
            verdict = self._read(start, end)
            if isinstance(verdict, Found):
                break
        return verdict

    def _announces_tags(self, start: int, length: int) -> bool | None:
        """Say whether the inner lengths of a tag report agree with ``length``; None for not yet known."""
        raw = bytes(self._buffer[start : start + length + COMMAND_OVERHEAD])
        if raw[2] not in (READ_MULTIPLE, TAG_BUFFER) or raw[3:5] != b"\0\0" or not length:
            return False
        if len(raw) < 6:
            return None
        ends = [measure(raw, layout) for layout in layouts(raw[5])]
        if length + COMMAND_OVERHEAD in ends:
            return True
        return None if None in ends and len(raw) < length + COMMAND_OVERHEAD else False

    def _read(self, start: int, end: int) -> Found[Frame] | Failed:
        raw = bytes(self._buffer[start:end])
        crc = crc16_mercury(raw[1:-2])
        if crc != int.from_bytes(raw[-2:], "big"):
            return Failed(
                "checksum", f"the CRC is {crc:04X}, the frame says {raw[-2:].hex().upper()}", candidate=True
            )
        if len(raw) == raw[1] + COMMAND_OVERHEAD:
            return Found(Command(raw[2], raw[3:-2]), len(raw))
        status = int.from_bytes(raw[3:5], "big")
        if raw[2] in (READ_MULTIPLE, TAG_BUFFER) and status == SUCCESS and len(raw) > REPLY_OVERHEAD:
            fitting = [layout for layout in layouts(raw[5]) if measure(raw, layout) == len(raw) - 2]
            for layout in fitting:
                if (report := decode_report(raw, layout)) is not None:
                    return Found(report, len(raw))
            if fitting:
                return Failed("checksum", "the tag's own CRC does not fit its PC and EPC", candidate=True)
        return Found(Reply(raw[2], status, raw[5:-2]), len(raw))

    def _begins(self, start: int) -> bool | None:
        head = self._buffer[start : start + 3]
        if not head or head[0] != HEAD:
            return False if head else None
        return None if len(head) < 3 else head[1] <= MAX_DATA and head[2] in KNOWN_OPCODES

    def _is_whole(self, start: int, limit: int) -> bool:
        buffer = self._buffer
        if buffer[start] != HEAD or limit - start < COMMAND_OVERHEAD or buffer[start + 1] > MAX_DATA:
            return False
        if buffer[start + 2] not in KNOWN_OPCODES:
            return False
        ends = (start + buffer[start + 1] + overhead for overhead in self._overheads)
        return any(end <= limit and isinstance(self._read(start, end), Found) for end in ends)
