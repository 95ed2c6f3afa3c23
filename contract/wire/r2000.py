"""Readers on the Impinj R2000 with Invelion firmware and its relatives (IND903, M-series): ``A0`` frames.

::

    A0 | LENGTH | ADDRESS | COMMAND | DATA | CHECK

LENGTH counts ADDRESS to CHECK; the whole frame sums to 0 modulo 256. Commands and replies look the same.
Sources: the UHF RFID reader serial interface protocol (V2.2, V3.7) as quoted in public libraries, and
captures in public repositories, see ``tests/golden/wire/r2000.txt``. Nothing was run on hardware.

A sum of one byte is a weak check, so a frame must also fit what its command may carry: a command that is
known, a length that this command or its answer has, a known error code, a channel that exists, an EPC as
long as its PC word says. Some firmware appends two bytes of phase to a tag report; their scale is not
documented, so they stay raw.

What the sum cannot see: a lost byte A0, replaced by the head of the next frame, leaves it as it was.

Resynchronising. A0 occurs inside data. A **tag report** whose LENGTH agrees with its PC word is trusted
to its end and not looked into. Any **other** candidate gives way to a whole valid frame inside it.
"""

from collections.abc import Sequence
from struct import Struct
from typing import ClassVar, Final, Literal, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.crc import sum8
from contract.wire.hunting import NOISE, PARTIAL_FRAME, PARTIAL_HEAD, Failed, Found, HuntingCodec, Pending

BAUD: Final = 115_200
HEAD: Final = 0xA0
ANY_ADDRESS: Final = 0xFF
MAX_LENGTH: Final = 254
"""Longest LENGTH taken for real; a whole frame then has at most 256 bytes."""

GET_INPUTS: Final = 0x60
SET_OUTPUT: Final = 0x61
FIRMWARE: Final = 0x72
SET_ANTENNA: Final = 0x74
SET_POWER: Final = 0x76
SET_REGION: Final = 0x78
READ: Final = 0x81
REAL_TIME: Final = 0x89
FAST_SWITCH: Final = 0x8A
SESSION: Final = 0x8B
INVENTORIES: Final = frozenset({REAL_TIME, FAST_SWITCH, SESSION})

SUCCEEDED: Final = 0x10
ANTENNA_MISSING: Final = 0x22
ERROR_NAMES: Final = {
    0x10: "succeeded",
    0x11: "failed",
    0x20: "the reader's processor was reset",
    0x21: "the carrier is on",
    0x22: "antenna missing",
    0x23: "flash cannot be written",
    0x24: "flash cannot be read",
    0x25: "power cannot be set",
    0x31: "inventory failed",
    0x32: "read failed",
    0x33: "write failed",
    0x34: "lock failed",
    0x35: "kill failed",
    0x36: "no tag",
    0x37: "inventory succeeded, access failed",
    0x38: "buffer empty",
    0x3C: "NXP command failed",
    0x40: "wrong password",
    0x41: "wrong parameter",
    0x42: "too many words",
    0x43: "memory bank out of range",
    0x44: "lock region out of range",
    0x45: "lock action out of range",
    0x46: "reader address out of range",
    0x47: "antenna out of range",
    0x48: "power out of range",
    0x49: "frequency region out of range",
    0x4A: "baud rate out of range",
    0x4B: "beeper mode out of range",
    0x4C: "EPC match too long",
    0x4D: "EPC match length wrong",
    0x4E: "EPC match mode wrong",
    0x4F: "frequency range wrong",
    0x50: "no answer of the tag",
    0x51: "DRM mode wrong",
    0x52: "PLL does not lock",
    0x53: "the radio chip does not answer",
    0x54: "power not reached",
    0x55: "copyright authentication failed",
    0x56: "spectrum regulation error",
    0x57: "power too low",
    0xEE: "return loss cannot be measured",
}

REGIONS: Final = {"us": (0x01, 8, 58), "eu": (0x02, 2, 5), "cn900": (0x03, 45, 51)}
"""Region code and first and last channel per shared region name. The firmware accepts the whole grid of
0.5 MHz; these channels lie inside what may be used at full power: 902.5–927.5 MHz (the channels at 902 and
928 straddle the band's edge), 866.0–867.5 MHz of EN 302 208, 921–924 MHz of the Chinese 920.5–924.5 MHz.
The grid does not meet the channel centres of EN 302 208, so check a European installation."""

CHANNELS: Final = 60
ACKNOWLEDGED: Final = frozenset(
    bytes.fromhex("61 62 66 67 69 6C 70 71 73 74 76 78 7A 7C 82 83 84 85 8C 8D 93 94")
)
REPLY_SIZES: Final = {
    0x60: (2,),
    0x63: (1,),
    0x68: (12,),
    0x6A: (1,),
    0x6D: (1,),
    0x72: (2,),
    0x75: (1,),
    0x77: (1, 4, 8),
    0x79: (3, 6),
    0x7B: (2,),
    0x7D: (1,),
    0x7E: (1,),
    0x80: (9,),
    0x8E: (1,),
    0x92: (2,),
}
"""Data bytes of answers that carry values."""

COMMAND_SIZES: Final[dict[int, Sequence[int]]] = {
    0x61: (2,),
    0x62: (1,),
    0x66: (1,),
    0x67: (12,),
    0x69: (1,),
    0x6C: (1,),
    0x71: (1,),
    0x73: (1,),
    0x74: (1,),
    0x76: (1, 4, 8),
    0x78: (3, 6),
    0x7A: (1,),
    0x7C: (1,),
    0x7E: (1,),
    0x80: (1,),
    0x85: range(1, 65),
    0x89: (1,),
    0x8A: (10, 18, 29, 33),
    0x8B: (3, 4, 5),
    0x8C: (1,),
    0x8D: (1,),
}
"""Data bytes of commands; those that are not named have none."""

FREE_SIZES: Final = frozenset({0x81, 0x82, 0x83, 0x84, 0x86, 0x90, 0x91, 0x94})
"""Access and buffer commands, in either direction: not decoded further."""

BARE_COMMANDS: Final = frozenset(bytes.fromhex("60 63 68 6A 6D 70 72 75 77 79 7B 7D 86 8E 90 91 92 93"))
KNOWN_COMMANDS: Final = ACKNOWLEDGED | frozenset(REPLY_SIZES) | INVENTORIES | FREE_SIZES


class Command(msgspec.Struct, frozen=True):
    """Host to reader."""

    code: int
    data: bytes = b""
    address: int = ANY_ADDRESS


class Reply(msgspec.Struct, frozen=True):
    """Reader to host: an answer that carries values, or one byte of result (see ``result``)."""

    code: int
    data: bytes = b""
    address: int = 0x01

    @property
    def result(self) -> int | None:
        """The code of :data:`ERROR_NAMES` in an answer that is a result, else None."""
        is_value = len(self.data) in REPLY_SIZES.get(self.code, ()) and self.data[0] not in ERROR_NAMES
        if len(self.data) == 1 and not is_value:
            return self.data[0]
        if self.code == FAST_SWITCH and len(self.data) == 2:
            return self.data[1]
        return None


class TagReport(msgspec.Struct, frozen=True, gc=False):
    """Reader to host: one tag.

    Attributes:
        code: the inventory command that found it.
        channel: 0 to 6 is 865.0 MHz and up, 7 to 59 is 902.0 MHz and up, in steps of 0.5 MHz.
        antenna: 1 to 8.
        rssi_dbm: -129 to -2.
        epc: as many bytes as ``pc`` says.
        phase: two raw bytes, where the firmware sends them.
    """

    code: int
    channel: int
    antenna: int
    pc: int
    epc: bytes
    rssi_dbm: int
    phase: bytes = b""
    address: int = 0x01

    @property
    def frequency_khz(self) -> int:
        """Frequency of the channel."""
        return frequency_khz(self.channel)


class RoundEnd(msgspec.Struct, frozen=True):
    """Reader to host: the inventory on one antenna is over.

    Attributes:
        antenna: 1-based.
        reads_per_s: read rate.
        reads: in this round.
    """

    size: ClassVar[int] = 7
    code: int
    antenna: int
    reads_per_s: int
    reads: int
    address: int = 0x01


class SwitchEnd(msgspec.Struct, frozen=True):
    """Reader to host: a fast-switch inventory over several antennas is over."""

    reads: int
    duration_ms: int
    address: int = 0x01


Frame: TypeAlias = Command | Reply | TagReport | RoundEnd | SwitchEnd

US_CHANNEL: Final = 7
RSSI_OFFSET_DBM: Final = 129
FAR_ANTENNA: Final = 0x80
"""Bit of the RSSI byte: antennas 5 to 8 of eight-port readers."""


def epc_bytes(pc: int) -> int:
    """Return how many EPC bytes follow this PC word (Gen2: bits 15 to 11 count 16-bit words)."""
    return (pc >> 11) * 2


def frequency_khz(channel: int) -> int:
    """Return the frequency of a channel."""
    if channel < US_CHANNEL:
        return 865_000 + 500 * channel
    return 902_000 + 500 * (channel - US_CHANNEL)


def channel_of(frequency: int) -> int:
    """Return the channel nearest to a frequency in kHz."""
    return min(range(CHANNELS), key=lambda channel: abs(frequency_khz(channel) - frequency))


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes.

    Raises:
        FrameError: ``value`` or ``length`` when the content does not fit the protocol.
    """
    try:
        match frame:
            case Command(code=code, data=data) | Reply(code=code, data=data):
                pass
            case TagReport(code=code):
                data = _tag_data(frame)
            case RoundEnd(code=code, antenna=antenna, reads_per_s=rate, reads=reads):
                data = bytes([antenna - 1]) + rate.to_bytes(2, "big") + reads.to_bytes(4, "big")
            case SwitchEnd(reads=reads, duration_ms=duration_ms):
                code, data = FAST_SWITCH, reads.to_bytes(3, "big") + duration_ms.to_bytes(4, "big")
        raw = bytes([HEAD, len(data) + 3, frame.address, code]) + data
    except (OverflowError, ValueError) as error:
        raise FrameError("value", f"{frame} has a field that does not fit its width: {error}") from error
    if len(raw) - 1 > MAX_LENGTH:
        raise FrameError("length", f"a frame has at most {MAX_LENGTH - 3} data bytes, not {len(data)}")
    return raw + bytes([-sum8(raw) & 0xFF])


def _tag_data(tag: TagReport) -> bytes:
    if len(tag.epc) != epc_bytes(tag.pc) or len(tag.phase) not in (0, 2) or not 0 <= tag.channel < CHANNELS:
        raise FrameError("value", f"{tag} does not make a tag report")
    if not 1 <= tag.antenna <= 8 or not 0 <= tag.rssi_dbm + RSSI_OFFSET_DBM < FAR_ANTENNA:
        raise FrameError("value", f"antenna {tag.antenna} and {tag.rssi_dbm} dBm do not fit a tag report")
    far = FAR_ANTENNA if tag.antenna > 4 else 0
    head = bytes([tag.channel << 2 | (tag.antenna - 1) & 3]) + tag.pc.to_bytes(2, "big")
    return head + tag.epc + bytes([tag.rssi_dbm + RSSI_OFFSET_DBM | far]) + tag.phase


def set_region(region: str) -> Command:
    """Return the command that sets the channels (a key of :data:`REGIONS`)."""
    return Command(SET_REGION, bytes(REGIONS[region]))


def set_power(power_dbm: float) -> Command:
    """Return the command that sets the transmit power of all antennas, in whole dBm."""
    return Command(SET_POWER, bytes([round(power_dbm)]))


def set_antenna(antenna: int) -> Command:
    """Return the command that selects the antenna of the next round (1-based)."""
    return Command(SET_ANTENNA, bytes([antenna - 1]))


def set_output(port: int, *, on: bool) -> Command:
    """Return the command that sets GPIO 3 or 4."""
    return Command(SET_OUTPUT, bytes([port, on]))


_PC_AT: Final = 5
_TAGS: Final = {
    (words, 2 * words + phase + 7): Struct(f">BBBBBH{2 * words}sB{phase}sB")
    for words in range(32)
    for phase in (0, 2)
}
"""Whole tag reports, by the EPC words in their PC and by LENGTH."""


class R2000Codec(HuntingCodec[Frame]):
    """The reader's line.

    Args:
        hears: which side's frames are expected. On a captured line, ``both``, a frame that can be an
            answer is taken for one, else for a command.
    """

    check_bits = 8

    def __init__(self, hears: Literal["reader", "host", "both"] = "both") -> None:
        super().__init__()
        self._hears = hears

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a tag report."""
        buffer = self._buffer
        if len(buffer) <= _PC_AT or self._hears == "host":
            return None
        layout = _TAGS.get((buffer[_PC_AT] >> 3, buffer[1]))
        if layout is None or len(buffer) < layout.size:
            return None
        size = layout.size
        head, _, address, code, mixed, pc, epc, rssi, phase, _ = layout.unpack_from(buffer)
        if head != HEAD or code not in INVENTORIES or mixed >> 2 >= CHANNELS or sum(buffer[:size]) & 0xFF:
            return None
        antenna = (mixed & 3) + 1
        if rssi & FAR_ANTENNA:
            antenna, rssi = antenna + 4, rssi & ~FAR_ANTENNA
        return TagReport(code, mixed >> 2, antenna, pc, epc, rssi - RSSI_OFFSET_DBM, phase, address), size

    def _judge(self, start: int) -> Found[Frame] | Failed | Pending:
        verdict = self._measure(start)
        if not isinstance(verdict, int):
            return verdict
        end = start + verdict
        is_tag = self._is_tag(start)
        if not is_tag and self._hides_frame(start, end):
            return Failed("length", "another whole frame lies inside the announced length", candidate=True)
        if len(self._buffer) < end:
            return PARTIAL_FRAME
        judged = self._read(start, end)
        return self._spoiled(start, end, judged) if is_tag and isinstance(judged, Failed) else judged

    def _measure(self, start: int) -> int | Failed | Pending:
        """Return the size of the candidate frame at ``start``, or why there is none."""
        buffer = self._buffer
        available = len(buffer) - start
        if buffer[start] != HEAD:
            return NOISE
        if available < 4:
            return PARTIAL_HEAD
        length, code = buffer[start + 1], buffer[start + 3]
        if code not in KNOWN_COMMANDS:
            return NOISE
        if not 3 <= length <= MAX_LENGTH:
            return Failed("length", f"LENGTH is 3 to {MAX_LENGTH}, not {length}")
        size = length - 3
        if self._hears != "host" and code in INVENTORIES and size >= 4 and size != RoundEnd.size:
            if available < 7:
                return PARTIAL_HEAD
            if not self._is_tag(start) and not self._fits_command(code, size):
                return Failed("length", f"a tag report with this channel and PC has not LENGTH {length}")
        elif not self._fits_reply(code, size) and not self._fits_command(code, size):
            return Failed("length", f"no frame of {code:02X} has LENGTH {length}")
        return length + 2

    def _fits_command(self, code: int, size: int) -> bool:
        if self._hears == "reader":
            return False
        return (
            code in FREE_SIZES or size in COMMAND_SIZES.get(code, ()) or (size == 0 and code in BARE_COMMANDS)
        )

    def _fits_reply(self, code: int, size: int) -> bool:
        if self._hears == "host":
            return False
        if code in FREE_SIZES:
            return size > 0
        if code in INVENTORIES:
            return size in (1, RoundEnd.size) or (code == FAST_SWITCH and size == 2)
        return size == 1 or size in REPLY_SIZES.get(code, ())

    def _is_tag(self, start: int) -> bool:
        buffer = self._buffer
        if self._hears == "host" or buffer[start + 3] not in INVENTORIES or len(buffer) - start < 7:
            return False
        pc = int.from_bytes(buffer[start + 5 : start + 7], "big")
        return buffer[start + 1] - 3 - 4 - epc_bytes(pc) in (0, 2) and buffer[start + 4] >> 2 < CHANNELS

    def _read(self, start: int, end: int) -> Found[Frame] | Failed:
        raw = bytes(self._buffer[start:end])
        if sum8(raw):
            return Failed("checksum", f"the frame sums to {sum8(raw):02X}, not to 0", candidate=True)
        frame = self._decode(raw, is_tag=self._is_tag(start))
        if frame is None:
            return Failed("value", "neither a command nor an answer has this content", candidate=True)
        return Found(frame, len(raw))

    def _decode(self, raw: bytes, *, is_tag: bool) -> Frame | None:
        address, code, data = raw[2], raw[3], raw[4:-1]
        if is_tag:
            epc_end = 3 + epc_bytes(int.from_bytes(data[1:3], "big"))
            far = 4 if data[epc_end] & FAR_ANTENNA else 0
            return TagReport(
                code,
                channel=data[0] >> 2,
                antenna=(data[0] & 3) + 1 + far,
                pc=int.from_bytes(data[1:3], "big"),
                epc=data[3:epc_end],
                rssi_dbm=(data[epc_end] & ~FAR_ANTENNA) - RSSI_OFFSET_DBM,
                phase=data[epc_end + 1 :],
                address=address,
            )
        if self._fits_reply(code, len(data)):
            if code in INVENTORIES and len(data) == RoundEnd.size:
                if code == FAST_SWITCH:
                    return SwitchEnd(
                        int.from_bytes(data[:3], "big"), int.from_bytes(data[3:], "big"), address
                    )
                rate, reads = int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:], "big")
                return RoundEnd(code, data[0] + 1, rate, reads, address) if data[0] < 8 else None
            reply = Reply(code, data, address)
            if reply.result is None or reply.result in ERROR_NAMES:
                return reply
        return Command(code, data, address) if self._fits_command(code, len(data)) else None

    def _begins(self, start: int) -> bool | None:
        head = self._buffer[start : start + 4]
        if not head or head[0] != HEAD:
            return False if head else None
        return None if len(head) < 4 else 3 <= head[1] <= MAX_LENGTH and head[3] in KNOWN_COMMANDS

    def _is_whole(self, start: int, limit: int) -> bool:
        if self._buffer[start] != HEAD:
            return False
        size = self._measure(start)
        return (
            isinstance(size, int)
            and start + size <= limit
            and isinstance(self._read(start, start + size), Found)
        )
