"""M100, QM100, YRM100 and R200 UHF reader modules: frames on a serial line.

::

    HEAD | TYPE | COMMAND | LENGTH(2) | PARAMETER[LENGTH] | SUM8 | END

SUM8 is over TYPE to the last parameter byte. Two dialects differ in the marks only: ``BB … 7E`` (most
boards) and ``AA … DD`` (R200 user protocol V2.3.3); each frame tells its own. Source: M100 and R200
user protocol documents and captures quoted in public repositories, see ``tests/golden/wire/m100.txt``.

Resynchronising. All four marks occur inside EPCs, so a frame is known by length, sum and end mark
together. A **tag notification** is trusted to its end as soon as its length agrees with the EPC length
in its PC word: whatever its EPC looks like, even a whole frame, is not looked into. Any **other**
candidate may have a wrong length; it gives way to a whole valid frame that lies inside it, so a broken
length never holds back the frames behind it.
"""

from binascii import crc_hqx
from struct import Struct
from typing import ClassVar, Final, Literal, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.crc import GENIBUS_RESIDUE, crc16_genibus, sum8
from contract.wire.hunting import NOISE, PARTIAL_FRAME, PARTIAL_HEAD, Failed, Found, HuntingCodec, Pending

Dialect = Literal["bb", "aa"]

MARKS: Final[dict[Dialect, tuple[int, int]]] = {"bb": (0xBB, 0x7E), "aa": (0xAA, 0xDD)}
DIALECT_OF: Final[dict[int, Dialect]] = {head: dialect for dialect, (head, _) in MARKS.items()}
OVERHEAD: Final = 7
MAX_PARAMETER: Final = 249
"""Longest parameter taken for real; a whole frame then has at most 256 bytes."""

TYPE_COMMAND, TYPE_RESPONSE, TYPE_NOTIFICATION = 0x00, 0x01, 0x02
MODULE_INFORMATION: Final = 0x03
SET_REGION: Final = 0x07
GET_REGION: Final = 0x08
SINGLE_POLL: Final = 0x22
MULTI_POLL: Final = 0x27
STOP: Final = 0x28
SET_POWER: Final = 0xB6
GET_POWER: Final = 0xB7
ERROR: Final = 0xFF

KNOWN_COMMANDS: Final = frozenset(
    bytes.fromhex("03 07 08 0B 0C 0D 0E 12 17 1A 1D 22 27 28 39 49 65 82 AA AB AD B0 B6 B7 F0 F1 F2 F3")
)
"""Commands of the user protocols; an answer to another one is reported as unknown."""

REGION_CODES: Final = {"cn900": 0x01, "us": 0x02, "eu": 0x03, "cn800": 0x04, "kr": 0x06}
"""Codes of SET_REGION. Documented for the M100 family (several public sources agree, with ``BB 00 07
00 01 01 09 7E`` for China 900 MHz as their example); one public R200 text counts otherwise, so check a
new board's region with GET_REGION and a spectrum or frequency report before use."""

NO_TAG: Final = 0x15
BAD_COMMAND: Final = 0x17
ERROR_NAMES: Final = {
    0x09: "read failed",
    0x10: "write failed",
    0x12: "kill failed",
    0x13: "lock failed",
    0x15: "no tag",
    0x16: "access denied",
    0x17: "bad command or parameter",
    0x20: "no free channel",
}


class Command(msgspec.Struct, frozen=True):
    """Host to module."""

    type_code: ClassVar[int] = TYPE_COMMAND
    code: int
    parameter: bytes = b""
    dialect: Dialect = "bb"


class Response(msgspec.Struct, frozen=True):
    """Module to host: the answer to a command."""

    type_code: ClassVar[int] = TYPE_RESPONSE
    code: int
    parameter: bytes = b""
    dialect: Dialect = "bb"

    @property
    def succeeded(self) -> bool:
        """True when the module took a setting: its one parameter byte is 0."""
        return self.parameter == b"\x00"


class ErrorReply(msgspec.Struct, frozen=True):
    """Module to host: a command failed, or no tag answered while polling.

    Attributes:
        error: code, see :data:`ERROR_NAMES`.
        rest: PC and EPC of the tag concerned, where the module names it.
    """

    error: int
    rest: bytes = b""
    dialect: Dialect = "bb"


class TagNotification(msgspec.Struct, frozen=True, gc=False):
    """Module to host: one tag was singulated. Its CRC fitted.

    Attributes:
        rssi_dbm: signal strength, -128 to 127.
        pc: protocol-control word.
        epc: as many bytes as ``pc`` says.
    """

    rssi_dbm: int
    pc: int
    epc: bytes
    dialect: Dialect = "bb"


class Notification(msgspec.Struct, frozen=True):
    """Module to host: another unasked report."""

    type_code: ClassVar[int] = TYPE_NOTIFICATION
    code: int
    parameter: bytes = b""
    dialect: Dialect = "bb"


Frame: TypeAlias = Command | Response | ErrorReply | TagNotification | Notification


def epc_bytes(pc: int) -> int:
    """Return how many EPC bytes follow this PC word (Gen2: bits 15 to 11 count 16-bit words)."""
    return (pc >> 11) * 2


def pc_word(epc: bytes) -> int:
    """Return the PC word of a plain tag (no user memory, no XPC) with this EPC."""
    if len(epc) % 2 or not 2 <= len(epc) <= 62:
        raise FrameError("value", f"an EPC has 2 to 62 bytes in whole 16-bit words, not {len(epc)} bytes")
    return len(epc) // 2 << 11


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes.

    Raises:
        FrameError: ``value`` or ``length`` when the content does not fit the protocol.
    """
    match frame:
        case TagNotification(rssi_dbm=rssi, pc=pc, epc=epc):
            if not -128 <= rssi <= 127 or not 0 <= pc <= 0xFFFF or len(epc) != epc_bytes(pc):
                raise FrameError(
                    "value",
                    f"RSSI {rssi} dBm, PC {pc:04X} and {len(epc)} EPC bytes do not make a notification",
                )
            tag = pc.to_bytes(2, "big") + epc
            parameter = rssi.to_bytes(1, "big", signed=True) + tag + crc16_genibus(tag).to_bytes(2, "big")
            kind, code = TYPE_NOTIFICATION, SINGLE_POLL
        case ErrorReply(error=error, rest=rest):
            kind, code, parameter = TYPE_RESPONSE, ERROR, bytes([error]) + rest
        case _:
            kind, code, parameter = frame.type_code, frame.code, frame.parameter
    if len(parameter) > MAX_PARAMETER:
        raise FrameError("length", f"a parameter has at most {MAX_PARAMETER} bytes, not {len(parameter)}")
    head, end = MARKS[frame.dialect]
    body = bytes([kind, code]) + len(parameter).to_bytes(2, "big") + parameter
    return bytes([head]) + body + bytes([sum8(body), end])


def set_region(region: str, dialect: Dialect = "bb") -> Command:
    """Return the command that sets the RF region (a key of :data:`REGION_CODES`)."""
    return Command(SET_REGION, bytes([REGION_CODES[region]]), dialect)


def set_power(power_dbm: float, dialect: Dialect = "bb") -> Command:
    """Return the command that sets the transmit power."""
    return Command(SET_POWER, round(power_dbm * 100).to_bytes(2, "big"), dialect)


def multi_poll(count: int = 0xFFFF, dialect: Dialect = "bb") -> Command:
    """Return the command that starts ``count`` inventory rounds; FFFF is seen as endless."""
    return Command(MULTI_POLL, b"\x22" + count.to_bytes(2, "big"), dialect)


_PC_AT: Final = 6
_TAGS: Final = tuple(Struct(f">BBBHbH{2 * words}sHBB") for words in range(32))
"""Whole tag notifications, by the EPC words in their PC."""


class M100Codec(HuntingCodec[Frame]):
    """Both directions and both dialects of the module's line."""

    check_bits = 8

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a tag notification."""
        buffer = self._buffer
        if len(buffer) <= _PC_AT:
            return None
        layout = _TAGS[buffer[_PC_AT] >> 3]
        size = layout.size
        if len(buffer) < size:
            return None
        head, kind, code, length, rssi, pc, epc, _, check, end = layout.unpack_from(buffer)
        if kind != TYPE_NOTIFICATION or code != SINGLE_POLL or length != size - OVERHEAD:
            return None
        dialect = DIALECT_OF.get(head)
        if dialect is None or MARKS[dialect][1] != end or sum(buffer[1 : size - 2]) & 0xFF != check:
            return None
        if crc_hqx(buffer[_PC_AT : size - 2], 0xFFFF) != GENIBUS_RESIDUE:
            return None
        return TagNotification(rssi, pc, epc, dialect), size

    def _judge(self, start: int) -> Found[Frame] | Failed | Pending:
        verdict = self._measure(start)
        if not isinstance(verdict, int):
            return verdict
        end = start + verdict
        is_tag = self._buffer[start + 1] == TYPE_NOTIFICATION and self._buffer[start + 2] == SINGLE_POLL
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
        if buffer[start] not in DIALECT_OF:
            return NOISE
        if available > 1 and buffer[start + 1] > TYPE_NOTIFICATION:
            return NOISE
        if available < 5:
            return PARTIAL_HEAD
        length = int.from_bytes(buffer[start + 3 : start + 5], "big")
        if length > MAX_PARAMETER:
            return Failed("length", f"a parameter has at most {MAX_PARAMETER} bytes, not {length}")
        if buffer[start + 1] == TYPE_NOTIFICATION and buffer[start + 2] == SINGLE_POLL:
            if available < 8:
                return PARTIAL_HEAD
            expected = 5 + epc_bytes(int.from_bytes(buffer[start + 6 : start + 8], "big"))
            if length != expected:
                return Failed(
                    "length", f"a tag report with this PC has {expected} parameter bytes, not {length}"
                )
        return length + OVERHEAD

    def _read(self, start: int, end: int) -> Found[Frame] | Failed:
        raw = bytes(self._buffer[start:end])
        dialect = DIALECT_OF[raw[0]]
        if raw[-1] != MARKS[dialect][1]:
            return Failed(
                "end", f"the frame ends with {raw[-1]:02X}, not {MARKS[dialect][1]:02X}", candidate=True
            )
        if raw[-2] != sum8(raw[1:-2]):
            return Failed(
                "checksum", f"the sum is {sum8(raw[1:-2]):02X}, the frame says {raw[-2]:02X}", candidate=True
            )
        kind, code, parameter = raw[1], raw[2], raw[5:-2]
        if kind == TYPE_NOTIFICATION and code == SINGLE_POLL:
            if crc16_genibus(parameter[1:-2]) != int.from_bytes(parameter[-2:], "big"):
                return Failed("checksum", "the tag's own CRC does not fit its PC and EPC", candidate=True)
            rssi = int.from_bytes(parameter[:1], "big", signed=True)
            tag = TagNotification(rssi, int.from_bytes(parameter[1:3], "big"), parameter[3:-2], dialect)
            return Found(tag, len(raw))
        if kind == TYPE_RESPONSE and code == ERROR and parameter:
            return Found(ErrorReply(parameter[0], parameter[1:], dialect), len(raw))
        shape = (Command, Response, Notification)[kind]
        return Found(shape(code, parameter, dialect), len(raw))

    def _begins(self, start: int) -> bool | None:
        head = self._buffer[start : start + 2]
        if not head or head[0] not in DIALECT_OF:
            return False if head else None
        return None if len(head) < 2 else head[1] <= TYPE_NOTIFICATION

    def _is_whole(self, start: int, limit: int) -> bool:
        if self._buffer[start] not in DIALECT_OF:
            return False
        size = self._measure(start)
        return (
            isinstance(size, int)
            and start + size <= limit
            and isinstance(self._read(start, start + size), Found)
        )
