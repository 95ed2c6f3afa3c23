"""ThingMagic (JADAK) M6E, M6E Nano and M7E: the Mercury serial protocol.

::

    host to module   FF | LENGTH | OPCODE | DATA[LENGTH] | CRC(2)
    module to host   FF | LENGTH | OPCODE | STATUS(2) | DATA[LENGTH] | CRC(2)

The CRC (:func:`contract.wire.crc.crc16_mercury`) is over LENGTH to the last data byte. Sources: comments
and captures in the SparkFun Simultaneous RFID library and its descendants, copies of the Mercury API in
C, the T800 reader manual; examples in ``tests/golden/wire/m6e.txt``. Nothing was run on hardware.

A tag record holds the metadata fields that its flags name, in flag order, then the length in bits of PC,
EPC and EPC CRC, and these three. Bit lengths are rounded up to bytes. Streamed reports carry option,
search flags, metadata flags (at byte 8) and a count in front of the record; answers out of the tag buffer
carry the flags at byte 5. Both must add up to LENGTH exactly and every EPC CRC must fit.

Resynchronising. FF occurs inside data, and commands and replies differ in length only, so a frame is
known by length and CRC together. A **tag report** whose inner lengths agree with LENGTH is trusted to its
end and not looked into. Any **other** candidate gives way to a whole valid frame that lies inside it.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.crc import crc16_genibus, crc16_mercury
from contract.wire.hunting import NOISE, PARTIAL_FRAME, PARTIAL_HEAD, Failed, Found, HuntingCodec, Pending

BAUD: Final = 115_200
HEAD: Final = 0xFF
COMMAND_OVERHEAD, REPLY_OVERHEAD = 5, 7
MAX_DATA: Final = 249
"""Longest data taken for real: modules keep whole messages within 256 bytes."""

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

STREAMING: Final = 0x10
"""Bit of the option byte that says that metadata flags follow."""

GEN2: Final = 0x05
STREAM_FLAGS: Final = 0x01FF
(
    READ_COUNT,
    RSSI,
    ANTENNA,
    FREQUENCY,
    TIMESTAMP,
    PHASE,
    PROTOCOL,
    EMBEDDED,
    GPIO,
    Q_VALUE,
    LINK_FREQUENCY,
    TARGET,
) = (1 << bit for bit in range(12))
"""Metadata flags, in the order of their fields."""

WIDTHS: Final = (
    (READ_COUNT, "reads", 1),
    (RSSI, "rssi_dbm", 1),
    (ANTENNA, "ports", 1),
    (FREQUENCY, "frequency_khz", 3),
    (TIMESTAMP, "since_keep_alive_ms", 4),
    (PHASE, "phase_deg", 2),
    (PROTOCOL, "protocol", 1),
    (EMBEDDED, "embedded", 0),
    (GPIO, "gpio", 1),
    (Q_VALUE, "q_value", 1),
    (LINK_FREQUENCY, "link_frequency", 1),
    (TARGET, "target", 1),
)
ALL_FLAGS: Final = 0x0FFF
Layout = Literal["streamed", "buffered", "plain"]


class _Place(msgspec.Struct, frozen=True):
    """Where a layout puts the metadata flags, the record count and the first record, from FF."""

    flags: int
    count: int
    records: int


LAYOUTS: Final[dict[Layout, _Place]] = {
    "streamed": _Place(flags=8, count=10, records=11),
    "buffered": _Place(flags=5, count=8, records=9),
    "plain": _Place(flags=5, count=7, records=8),
}
"""``buffered`` has a byte of read options between flags and count; a ``plain`` answer has none."""


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


class TagRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One tag; a field is None when the report's flags leave it out.

    Attributes:
        ports: transmit port in the high nibble, receive port in the low one; port 16 is written as 0.
        since_keep_alive_ms: time since the module's last keep-alive.
        phase_deg: 0 to 180.
        embedded: data read with the tag.
        embedded_bits: its length in bits.
        gpio: bit n is the level of pin n + 1.
        epc_bits: length in bits of PC, EPC and CRC as the module says it.
    """

    reads: int | None = None
    rssi_dbm: int | None = None
    ports: int | None = None
    frequency_khz: int | None = None
    since_keep_alive_ms: int | None = None
    phase_deg: int | None = None
    protocol: int | None = None
    embedded: bytes | None = None
    embedded_bits: int = 0
    gpio: int | None = None
    q_value: int | None = None
    link_frequency: int | None = None
    target: int | None = None
    pc: int
    epc: bytes
    epc_bits: int

    @property
    def antenna(self) -> int | None:
        """The port that transmitted, 1 to 16."""
        return None if self.ports is None else self.ports >> 4 or 16


class TagReport(msgspec.Struct, frozen=True):
    """Module to host: tags that were read. Every EPC CRC fitted.

    Attributes:
        flags: metadata flags of every record.
        tags: as many as the report counts; streamed reports have one.
        layout: see :data:`LAYOUTS`.
        lead: option and search flags of a streamed report, read options of a buffered one.
    """

    flags: int
    tags: tuple[TagRecord, ...]
    layout: Layout = "streamed"
    lead: bytes = b"\x10\x00\x1b"
    opcode: int = READ_MULTIPLE


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
            case TagReport(opcode=opcode, flags=flags, tags=tags, layout=layout, lead=lead):
                count = len(tags).to_bytes(1, "big")
                records = b"".join(_encode_record(tag, flags) for tag in tags)
                flag_bytes = flags.to_bytes(2, "big")
                head = lead + flag_bytes if layout == "streamed" else flag_bytes + lead
                data = head + count + records
                body = bytes([opcode, 0, 0]) + data
    except (OverflowError, ValueError) as error:
        raise FrameError("value", f"{frame} has a field that does not fit its width: {error}") from error
    if len(data) > MAX_DATA:
        raise FrameError("length", f"a frame has at most {MAX_DATA} data bytes, not {len(data)}")
    checked = bytes([len(data)]) + body
    return bytes([HEAD]) + checked + crc16_mercury(checked).to_bytes(2, "big")


def _encode_record(tag: TagRecord, flags: int) -> bytes:
    raw = bytearray()
    for flag, name, width in WIDTHS:
        value = getattr(tag, name)
        if (value is None) == bool(flags & flag):
            raise FrameError("value", f"the flags {flags:04X} and the field {name} do not agree")
        if value is None:
            continue
        if flag == EMBEDDED:
            raw += tag.embedded_bits.to_bytes(2, "big") + value
        else:
            raw += value.to_bytes(width, "big", signed=flag == RSSI)
    checked = tag.pc.to_bytes(2, "big") + tag.epc
    if _bytes_of(tag.epc_bits) != len(checked) + 2 or _bytes_of(tag.embedded_bits) != len(
        tag.embedded or b""
    ):
        raise FrameError(
            "value", f"{tag.epc_bits} bits are not the length of PC, {len(tag.epc)} EPC bytes and CRC"
        )
    return bytes(raw) + tag.epc_bits.to_bytes(2, "big") + checked + crc16_genibus(checked).to_bytes(2, "big")


def streamed_tag(tag: TagRecord) -> TagReport:
    """Return the report that streams this tag, with the flags of the fields it has."""
    return TagReport(sum(flag for flag, name, _ in WIDTHS if getattr(tag, name) is not None), (tag,))


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
        trusted = self._announces_tags(start, length) if REPLY_OVERHEAD in self._overheads else False
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
        ends = [_measure(raw, layout) for layout in _layouts(raw[5])]
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
            for layout in _layouts(raw[5]):
                if _measure(raw, layout) == len(raw) - 2:
                    report = _decode_report(raw, layout)
                    if report is not None:
                        return Found(report, len(raw))
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


def _layouts(option: int) -> tuple[Layout, ...]:
    return ("streamed",) if option & STREAMING else ("buffered", "plain")


def _bytes_of(bits: int) -> int:
    return (bits + 7) // 8


def _measure(raw: bytes, layout: Layout) -> int | None:
    """Return where the last record of a report ends, 0 when it cannot be one, None when bytes lack."""
    place = LAYOUTS[layout]
    if len(raw) < place.records:
        return None
    flags = int.from_bytes(raw[place.flags : place.flags + 2], "big")
    count = raw[place.count]
    if flags > ALL_FLAGS or not count or (not flags and layout != "streamed"):
        return 0
    at = place.records
    before = sum(width for flag, _, width in WIDTHS if flags & flag and flag < EMBEDDED)
    behind = sum(width for flag, _, width in WIDTHS if flags & flag and flag > EMBEDDED)
    for _ in range(count):
        at += before
        if flags & PROTOCOL:
            if len(raw) < at:
                return None
            if raw[at - 1] != GEN2:
                return 0
        if flags & EMBEDDED:
            if len(raw) < at + 2:
                return None
            at += 2 + _bytes_of(int.from_bytes(raw[at : at + 2], "big"))
        at += behind + 2
        if at > MAX_DATA + COMMAND_OVERHEAD:
            return 0
        if len(raw) < at:
            return None
        size = _bytes_of(int.from_bytes(raw[at - 2 : at], "big"))
        if size < 4:
            return 0
        at += size
    return at


def _decode_report(raw: bytes, layout: Layout) -> TagReport | None:
    """Return the report in a whole frame that was measured, None when an EPC CRC does not fit."""
    place = LAYOUTS[layout]
    flags = int.from_bytes(raw[place.flags : place.flags + 2], "big")
    tags = tuple(_decode_records(raw, flags, place.records))
    if None in tags:
        return None
    lead = raw[5:8] if layout == "streamed" else raw[7 : place.count]
    return TagReport(flags, tuple(tag for tag in tags if tag is not None), layout, lead, raw[2])


def _decode_records(raw: bytes, flags: int, at: int) -> Iterator[TagRecord | None]:
    while at < len(raw) - 2:
        fields: dict[str, Any] = {}
        for flag, name, width in WIDTHS:
            if not flags & flag:
                continue
            if flag == EMBEDDED:
                bits = int.from_bytes(raw[at : at + 2], "big")
                fields["embedded_bits"] = bits
                fields[name] = raw[at + 2 : at + 2 + _bytes_of(bits)]
                at += 2 + _bytes_of(bits)
            else:
                fields[name] = int.from_bytes(raw[at : at + width], "big", signed=flag == RSSI)
                at += width
        epc_bits = int.from_bytes(raw[at : at + 2], "big")
        checked = raw[at + 2 : at + _bytes_of(epc_bits)]
        at += 2 + _bytes_of(epc_bits)
        if crc16_genibus(checked) != int.from_bytes(raw[at - 2 : at], "big"):
            yield None
        else:
            pc = int.from_bytes(checked[:2], "big")
            yield TagRecord(**fields, pc=pc, epc=checked[2:], epc_bits=epc_bits)
