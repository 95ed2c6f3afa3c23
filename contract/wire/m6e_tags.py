"""Tag reports of the Mercury serial protocol: which fields a record has, and where.

A record holds the metadata fields that its flags name, in flag order, then the length in bits of PC, EPC
and EPC CRC, and these three. Bit lengths are rounded up to bytes. Streamed reports carry option, search
flags, metadata flags (at byte 8) and a count in front of the record; answers out of the tag buffer carry
the flags at byte 5. The inner lengths must add up to the frame's length exactly, which is what makes a
report trustworthy (:mod:`contract.wire.m6e`), and every EPC CRC must fit. Flags and layouts are those of
the Mercury API in C; the offsets agree with the published captures.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from contract.errors import FrameError
from contract.wire.crc import crc16_genibus

MAX_DATA: Final = 249
"""Longest data taken for real: modules keep whole messages within 256 bytes."""

DATA_AT: Final = 5
"""Where the data of a reply begins, from FF."""

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


class TagRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
        opcode: 22, or 29 for the tag buffer.
    """

    flags: int
    tags: tuple[TagRecord, ...]
    layout: Layout = "streamed"
    lead: bytes = b"\x10\x00\x1b"
    opcode: int = 0x22


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


def encode_report(report: TagReport) -> bytes:
    """Return the data of a report.

    Raises:
        FrameError: ``value`` when flags and fields, or lengths and contents, do not agree.
        OverflowError: a field does not fit its width.
    """
    flags = report.flags.to_bytes(2, "big")
    head = report.lead + flags if report.layout == "streamed" else flags + report.lead
    records = b"".join(_encode_record(tag, report.flags) for tag in report.tags)
    return head + len(report.tags).to_bytes(1, "big") + records


def layouts(option: int) -> tuple[Layout, ...]:
    """Return the layouts that a report with this first data byte may have."""
    return ("streamed",) if option & STREAMING else ("buffered", "plain")


def _bytes_of(bits: int) -> int:
    return (bits + 7) // 8


def measure(raw: bytes, layout: Layout) -> int | None:
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
        if at > MAX_DATA + DATA_AT:
            return 0
        if len(raw) < at:
            return None
        size = _bytes_of(int.from_bytes(raw[at - 2 : at], "big"))
        if size < 4:
            return 0
        at += size
    return at


def decode_report(raw: bytes, layout: Layout) -> TagReport | None:
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
