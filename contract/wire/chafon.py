"""Chafon UHFReader18 and UHFReader288 (and 86, RRU98xx): frames that begin with their length.

::

    host to reader   LENGTH | ADDRESS | COMMAND | DATA | CRC(2, low byte first)
    reader to host   LENGTH | ADDRESS | COMMAND | STATUS | DATA | CRC(2, low byte first)

LENGTH counts what follows it; the CRC (:func:`contract.wire.crc.crc16_mcrf4xx`) is over LENGTH to the
last data byte. One codec serves both models; they differ in what an inventory (command 01) carries:

    UHFReader18      count | count x (length, EPC)
    UHFReader288     antenna bit mask | count | count x (length, EPC, RSSI)

An inventory is one request and one answer of several frames: status 03 says that more follow. RSSI is a
byte whose scale differs between vendors and is documented by none, so it stays raw. Sources: UHFReader18
manual, UR-series and UHFReader288 manuals V1.14 as published, the tests of a public Python library, captures
in public repositories; see ``tests/golden/wire/chafon18.txt``. Nothing was run on hardware. Not verified:
that bit 7 of an EPC length means EPC and TID together (FastID).

Resynchronising. There is no mark: any byte may look like a length. So a position is only a candidate when
its command is known, its status is one that this command has, and its length is one that this answer has;
and in an inventory the lengths of the tag list must add up to LENGTH exactly, which is checked as they
come. After that the CRC decides. Of a false candidate at most 255 bytes are awaited, and only for something
that looks like an inventory; other answers are short. A host that asks again should close the codec first.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.crc import crc16_mcrf4xx
from contract.wire.hunting import NOISE, PARTIAL_FRAME, PARTIAL_HEAD, Failed, Found, HuntingCodec, Pending

BAUD: Final = 57_600
ANY_ADDRESS: Final = 0xFF
Model = Literal["18", "288"]

INVENTORY: Final = 0x01
READER_INFORMATION: Final = 0x21
SET_REGION: Final = 0x22
SET_POWER: Final = 0x2F
SET_OUTPUT: Final = 0x46
GET_INPUTS: Final = 0x47
WORK_MODE: Final = 0x36

SUCCEEDED: Final = 0x00
COMPLETE, TIME_OVER, MORE_FOLLOW, MEMORY_FULL = 0x01, 0x02, 0x03, 0x04
STATISTICS: Final = 0x26
ANTENNA_ERROR: Final = 0xF8
NO_TAG: Final = 0xFB
TAG_LIST_STATUSES: Final = frozenset({COMPLETE, TIME_OVER, MORE_FOLLOW, MEMORY_FULL})
FAULT_NAMES: Final = {
    0x05: "wrong access password",
    0x09: "kill failed",
    0x0A: "the kill password must not be zero",
    0x0B: "the tag does not know the command",
    0x0C: "the access password must not be zero",
    0x0D: "the tag is protected",
    0x0E: "the tag is not protected",
    0x10: "some bytes are locked",
    0x11: "cannot be locked",
    0x12: "is locked already",
    0x13: "parameter not saved",
    0x14: "power cannot be set",
    0x19: "not supported, or password zero",
    ANTENNA_ERROR: "antenna error",
    0xF9: "command failed",
    0xFA: "poor communication with the tag",
    NO_TAG: "no tag",
    0xFC: "the tag reports an error",
    0xFD: "wrong command length",
    0xFE: "illegal command, or its CRC was wrong",
    0xFF: "parameter error",
}

READER_TYPES: Final = {
    0x09: "UHFReader18",
    0x0C: "UHFReader288M",
    0x0F: "UHFReader86",
    0x10: "UHFReader86",
    0x16: "RRU9883M",
    0x20: "UHFReader288MP",
}


class Band(msgspec.Struct, frozen=True):
    """One frequency band: ``start_khz + n * step_khz``, n from ``first`` to ``last``."""

    number: int
    start_khz: int
    step_khz: int
    first: int
    last: int


BANDS: Final[dict[Model, dict[str, Band]]] = {
    "18": {
        "cn900": Band(1, 920_125, 250, 2, 17),
        "us": Band(2, 902_750, 500, 0, 49),
        "kr": Band(3, 917_100, 200, 0, 31),
    },
    "288": {
        "cn900": Band(1, 920_125, 250, 2, 17),
        "us": Band(2, 902_750, 500, 0, 49),
        "kr": Band(3, 917_100, 200, 0, 31),
        "eu": Band(4, 865_100, 200, 0, 14),
        "cn800": Band(8, 840_125, 250, 2, 17),
    },
}
"""Bands of the manuals per shared region name; the UHFReader18 manual reserves all others. In China the
first and last two channels lie outside what may be used at 2 W and are left out."""

MIN_REPLY, MIN_REQUEST = 5, 4
INFORMATION_SIZES: Final = (8, 12)
REPLY_SIZES: Final[dict[int, Sequence[int]]] = {
    READER_INFORMATION: INFORMATION_SIZES,
    WORK_MODE: (12,),
    GET_INPUTS: (1,),
    0x4C: (4,),
    0x3B: (1,),
    **dict.fromkeys(bytes.fromhex("03 04 05 06 07 10 22 24 25 28 2F 33 34 35 37 38 3F 40 46"), (0,)),
}
"""Data bytes of an answer with status 00."""

REQUEST_SIZES: Final[dict[int, Sequence[int]]] = {
    INVENTORY: (0, 2, 5, 9),
    READER_INFORMATION: (0,),
    SET_REGION: (2,),
    0x24: (1,),
    0x25: (1,),
    0x28: (1,),
    SET_POWER: (1,),
    0x33: (3,),
    0x35: (6,),
    WORK_MODE: (0,),
    0x3F: (1,),
    0x40: (1,),
    SET_OUTPUT: (1,),
    GET_INPUTS: (0,),
    0x4C: (0,),
}
KNOWN_COMMANDS: Final = frozenset(REPLY_SIZES) | {INVENTORY, 0x02}
TAG_LIST_HEAD: Final = 7
"""Bytes of a tag list that decide whether it is plausible: up to the first tag's length."""

FAST_ID: Final = 0x80
TID_BYTES: Final = 12
MAX_EPC: Final = 62


class Request(msgspec.Struct, frozen=True):
    """Host to reader."""

    command: int
    data: bytes = b""
    address: int = ANY_ADDRESS


class Reply(msgspec.Struct, frozen=True):
    """Reader to host: everything but a list of tags."""

    command: int
    status: int
    data: bytes = b""
    address: int = 0x00


class Tag(msgspec.Struct, frozen=True, gc=False):
    """One tag of an inventory.

    Attributes:
        rssi: raw byte, None where the model sends none.
        tid: None unless the reader sends it along.
    """

    epc: bytes
    rssi: int | None = None
    tid: bytes | None = None


class TagList(msgspec.Struct, frozen=True):
    """Reader to host: one frame of the answer to an inventory.

    Attributes:
        status: one of :data:`TAG_LIST_STATUSES`.
        antenna: 1-based; None on models with one antenna, and 0 when the frame names none.
    """

    status: int
    tags: tuple[Tag, ...]
    antenna: int | None = None
    address: int = 0x00


class ReaderInformation(msgspec.Struct, frozen=True):
    """What a reader says about itself.

    Attributes:
        firmware: for example ``0.22``.
        band: number of the frequency band; its first and last channel follow.
    """

    firmware: str
    type_code: int
    band: int
    first: int
    last: int
    power_dbm: int
    scan_time_ms: int

    @property
    def text(self) -> str:
        """The reader in one line."""
        name = READER_TYPES.get(self.type_code, f"type {self.type_code:02X}")
        known = {band.number: (region, band) for region, band in BANDS["288"].items()}
        if self.band in known:
            region, band = known[self.band]
            low, high = ((band.start_khz + band.step_khz * n) / 1000 for n in (self.first, self.last))
            where = f"{region.upper()} {low:.1f}-{high:.1f} MHz"
        else:
            where = f"band {self.band}, channels {self.first}-{self.last}"
        return f"{name} {self.firmware}, {where}, {self.power_dbm} dBm"


Frame: TypeAlias = Request | Reply | TagList


def information(reply: Reply) -> ReaderInformation | None:
    """Return what an answer to READER_INFORMATION says, None when it is no such answer."""
    data = reply.data
    if reply.command != READER_INFORMATION or len(data) not in INFORMATION_SIZES:
        return None
    return ReaderInformation(
        firmware=f"{data[0]}.{data[1]}",
        type_code=data[2],
        band=(data[4] >> 6) << 2 | data[5] >> 6,
        first=data[5] & 0x3F,
        last=data[4] & 0x3F,
        power_dbm=data[6],
        scan_time_ms=100 * data[7],
    )


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes.

    Raises:
        FrameError: ``value`` or ``length`` when the content does not fit the protocol.
    """
    try:
        match frame:
            case Request(command=command, data=data, address=address):
                body = bytes([address, command]) + data
            case Reply(command=command, status=status, data=data, address=address):
                body = bytes([address, command, status]) + data
            case TagList(status=status, tags=tags, antenna=antenna, address=address):
                mask = b"" if antenna is None else bytes([1 << antenna >> 1])
                listed = b"".join(_encode_tag(tag, with_rssi=antenna is not None) for tag in tags)
                body = bytes([address, INVENTORY, status]) + mask + bytes([len(tags)]) + listed
    except (OverflowError, ValueError) as error:
        raise FrameError("value", f"{frame} has a field that does not fit its width: {error}") from error
    if len(body) + 2 > 0xFF:
        raise FrameError("length", f"a frame has at most 256 bytes, not {len(body) + 3}")
    raw = bytes([len(body) + 2]) + body
    return raw + crc16_mcrf4xx(raw).to_bytes(2, "little")


def _encode_tag(tag: Tag, *, with_rssi: bool) -> bytes:
    if (
        (tag.rssi is not None) != with_rssi
        or not _fits_epc(tag.epc)
        or len(tag.tid or bytes(12)) != TID_BYTES
    ):
        raise FrameError("value", f"{tag} does not fit the tag list of this model")
    content = tag.epc + (tag.tid or b"")
    length = len(content) | (0 if tag.tid is None else FAST_ID)
    return bytes([length]) + content + (b"" if tag.rssi is None else bytes([tag.rssi]))


def _fits_epc(epc: bytes) -> bool:
    return len(epc) % 2 == 0 and len(epc) <= MAX_EPC


def set_region(band: Band) -> Request:
    """Return the request that sets the frequency band."""
    high, low = (band.number >> 2) << 6, (band.number & 3) << 6
    return Request(SET_REGION, bytes([high | band.last, low | band.first]))


def set_power(power_dbm: float) -> Request:
    """Return the request that sets the transmit power, in whole dBm."""
    return Request(SET_POWER, bytes([round(power_dbm)]))


def set_outputs(mask: int) -> Request:
    """Return the request that sets all outputs: bit 0 is OUT1."""
    return Request(SET_OUTPUT, bytes([mask]))


def inventory_288(antenna: int, *, q: int = 4, session: int = 0, scan_time_ms: int = 2_000) -> Request:
    """Return the request of an inventory on one antenna (1-based), without a mask, target A."""
    scan = bytes([0, 0x80 | antenna - 1, scan_time_ms // 100])
    return Request(INVENTORY, bytes([q, session, 0x01, 0, 0, 0]) + scan)


INVENTORY_18: Final = Request(INVENTORY)


class ChafonCodec(HuntingCodec[Frame]):
    """The reader's line.

    Args:
        model: decides what an inventory carries.
        hears: which side's frames are expected. On a captured line, ``both``, a frame that can be an
            answer is taken for one, else for a request.
    """

    check_bits = 16

    def __init__(self, model: Model, hears: Literal["reader", "host", "both"] = "both") -> None:
        super().__init__()
        self._has_antennas = model == "288"
        self._hears = hears

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a list of tags without TID."""
        buffer = self._buffer
        if len(buffer) < TAG_LIST_HEAD or buffer[2] != INVENTORY or buffer[3] not in TAG_LIST_STATUSES:
            return None
        end = buffer[0] - 1
        if not TAG_LIST_HEAD <= end + 1 < len(buffer) or buffer[1] == ANY_ADDRESS or self._hears == "host":
            return None
        raw = bytes(buffer[: end + 2])
        if crc16_mcrf4xx(raw):
            return None
        at, antenna = 4, None
        if self._has_antennas:
            at, mask = 5, raw[4]
            if mask & (mask - 1) or not mask:
                return None
            antenna = mask.bit_length()
        count = raw[at]
        at += 1
        tags = []
        for _ in range(count):
            behind = at + 1 + raw[at]
            if raw[at] > MAX_EPC or raw[at] & 1 or behind > end:
                return None
            if antenna is None:
                tags.append(Tag(raw[at + 1 : behind]))
                at = behind
            else:
                tags.append(Tag(raw[at + 1 : behind], raw[behind]))
                at = behind + 1
        return (TagList(raw[3], tuple(tags), antenna, raw[1]), end + 2) if at == end else None

    def _judge(self, start: int) -> Found[Frame] | Failed | Pending:
        available = len(self._buffer) - start
        length = self._buffer[start]
        if length < MIN_REQUEST:
            return NOISE
        if available < 4:
            return PARTIAL_HEAD
        raw = bytes(self._buffer[start : start + length + 1])
        refuted = NOISE
        is_request = self._hears != "reader" and length - MIN_REQUEST in REQUEST_SIZES.get(raw[2], ())
        is_reply = self._hears != "host" and raw[1] != ANY_ADDRESS and self._fits_reply(raw)
        if is_reply and raw[2] == INVENTORY and raw[3] in TAG_LIST_STATUSES:
            if available < TAG_LIST_HEAD:
                return PARTIAL_HEAD
            if not self._may_add_up(raw):
                is_reply = False
                was_candidate = self._may_add_up(raw[:TAG_LIST_HEAD])
                refuted = Failed("length", "the lengths of the tag list do not add up", was_candidate)
        if not is_reply and not is_request:
            return refuted
        if len(raw) <= length:
            return PARTIAL_FRAME
        crc = crc16_mcrf4xx(raw[:-2])
        if crc != int.from_bytes(raw[-2:], "little"):
            says = raw[:-3:-1].hex().upper()
            failure = Failed("checksum", f"the CRC is {crc:04X}, the frame says {says}", candidate=True)
            is_list = is_reply and raw[2] == INVENTORY and raw[3] in TAG_LIST_STATUSES
            return self._spoiled(start, start + length + 1, failure) if is_list else failure
        return Found(self._decode(raw) if is_reply else Request(raw[2], raw[3:-2], raw[1]), len(raw))

    def _begins(self, start: int) -> bool | None:
        head = bytes(self._buffer[start : start + 4])
        if len(head) < 4:
            return None
        return head[0] >= MIN_REPLY and head[1] != ANY_ADDRESS and self._fits_reply(head)

    def _fits_reply(self, raw: bytes) -> bool:
        """Say whether command, status and length of a reply go together."""
        size, command, status = raw[0] - MIN_REPLY, raw[2], raw[3]
        if command == INVENTORY and status in TAG_LIST_STATUSES:
            return size >= (2 if self._has_antennas else 1)
        if command == INVENTORY and status == STATISTICS:
            return self._has_antennas and size == 7
        if status in FAULT_NAMES:
            has_known_size = size == (1 if status == 0xFC else 0)
            return has_known_size and (command in KNOWN_COMMANDS if command else status == 0xFE)
        return status == SUCCEEDED and size in REPLY_SIZES.get(command, ())

    def _may_add_up(self, raw: bytes) -> bool:
        """Say whether the tag list, as far as it has come, fits the length of the frame exactly."""
        end = raw[0] - 1
        at = 4
        if self._has_antennas:
            mask = raw[at]
            at += 1
            if mask & (mask - 1) or (mask == 0 and raw[at]):
                return False
        behind = 1 if self._has_antennas else 0
        count = raw[at]
        at += 1
        for left in range(count, 0, -1):
            if at + left * (1 + behind) > end:
                return False
            if at >= len(raw):
                return True
            size = _content_bytes(raw[at])
            if size is None:
                return False
            at += 1 + size + behind
        return at == end

    def _decode(self, raw: bytes) -> Reply | TagList:
        address, command, status, data = raw[1], raw[2], raw[3], raw[4:-2]
        if command != INVENTORY or status not in TAG_LIST_STATUSES:
            return Reply(command, status, data, address)
        antenna = data[0].bit_length() if self._has_antennas else None
        at = 2 if self._has_antennas else 1
        tags = []
        while at < len(data):
            size = data[at] & ~FAST_ID
            content = data[at + 1 : at + 1 + size]
            tid = content[-TID_BYTES:] if data[at] & FAST_ID else None
            at += 1 + size
            rssi = data[at] if self._has_antennas else None
            at += 1 if self._has_antennas else 0
            tags.append(Tag(content if tid is None else content[:-TID_BYTES], rssi, tid))
        return TagList(status, tuple(tags), antenna, address)


def _content_bytes(length: int) -> int | None:
    """Return how many bytes follow this length byte of a tag, None when no tag has it."""
    size = length & ~FAST_ID
    epc = size - TID_BYTES if length & FAST_ID else size
    return size if 0 <= epc <= MAX_EPC and epc % 2 == 0 else None
