"""Modbus RTU: reading registers over RS-485, both directions of functions 03 and 04.

::

    request    unit | 03 or 04 | address(2) | count(2)               | CRC(2)
    response   unit | 03 or 04 | bytes       | registers (2 each)    | CRC(2)
    exception  unit | 83 or 84 | code                                | CRC(2)

Registers are big-endian, CRC-16/MODBUS goes low byte first. Source: MODBUS over Serial Line V1.02 and
Application Protocol V1.1b3; checked against pymodbus in the tests.

Resynchronising. On the wire a frame ends where nothing comes for 3.5 characters. **A codec cannot see
that gap**, and behind a USB adapter nobody can. So a frame is known by function, length and CRC
together. A request and a response of the same function differ in length only; the shorter reading
counts when its CRC fits. A candidate gives way to a whole valid frame that lies inside it, so that a
wrong length never holds back the frames behind it.
"""

import re
from struct import Struct
from typing import Final, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.crc import crc16_modbus
from contract.wire.hunting import NOISE, PARTIAL_FRAME, PARTIAL_HEAD, Failed, Found, HuntingCodec, Pending

READ_HOLDING: Final = 0x03
READ_INPUT: Final = 0x04
EXCEPTION_BIT: Final = 0x80
LAST_UNIT: Final = 247
MAX_REGISTERS: Final = 125

REQUEST_SIZE: Final = 8
EXCEPTION_SIZE: Final = 5
RESPONSE_OVERHEAD: Final = 5

EXCEPTION_NAMES: Final = {
    0x01: "illegal function",
    0x02: "illegal data address",
    0x03: "illegal data value",
    0x04: "device failure",
    0x05: "acknowledge",
    0x06: "device busy",
    0x08: "memory parity error",
    0x0A: "gateway path unavailable",
    0x0B: "gateway target did not respond",
}


class Request(msgspec.Struct, frozen=True):
    """Host to device: read ``count`` registers from ``address`` on."""

    unit: int
    function: int
    address: int
    count: int


class Response(msgspec.Struct, frozen=True):
    """Device to host: the registers asked for."""

    unit: int
    function: int
    registers: tuple[int, ...]


class ExceptionReply(msgspec.Struct, frozen=True):
    """Device to host: why it does not answer, see :data:`EXCEPTION_NAMES`."""

    unit: int
    function: int
    code: int


Frame: TypeAlias = Request | Response | ExceptionReply


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes.

    Raises:
        FrameError: ``value`` when the content does not fit the protocol.
    """
    if not 1 <= frame.unit <= LAST_UNIT or frame.function not in (READ_HOLDING, READ_INPUT):
        raise FrameError("value", f"{frame} has no unit of 1 to {LAST_UNIT} or no function 3 or 4")
    try:
        match frame:
            case Request(address=address, count=count):
                if not 1 <= count <= MAX_REGISTERS:
                    raise FrameError("value", f"a request reads 1 to {MAX_REGISTERS} registers, not {count}")
                body = bytes([frame.function]) + address.to_bytes(2, "big") + count.to_bytes(2, "big")
            case Response(registers=registers):
                if not 1 <= len(registers) <= MAX_REGISTERS:
                    raise FrameError("value", f"a response has 1 to {MAX_REGISTERS} registers")
                content = b"".join(register.to_bytes(2, "big") for register in registers)
                body = bytes([frame.function, len(content)]) + content
            case ExceptionReply(code=code):
                body = bytes([frame.function | EXCEPTION_BIT]) + code.to_bytes(1, "big")
    except OverflowError as error:
        raise FrameError("value", f"{frame} has a field that does not fit its width: {error}") from error
    raw = bytes([frame.unit]) + body
    return raw + crc16_modbus(raw).to_bytes(2, "little")


_REGISTERS: Final = {2 * count: Struct(f">3x{count}H2x") for count in range(1, MAX_REGISTERS + 1)}
"""Whole responses, by their byte count."""

_HEAD: Final = re.compile(rb"[\x01-\xF7][\x03\x04\x83\x84]")


class ModbusRtuCodec(HuntingCodec[Frame]):
    """Both directions of the line."""

    check_bits = 16

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a response that can be read as nothing else and has no head of a frame inside."""
        buffer = self._buffer
        layout = _REGISTERS.get(buffer[2]) if len(buffer) > EXCEPTION_SIZE else None
        if layout is None or len(buffer) < layout.size:
            return None
        size, unit, function = layout.size, buffer[0], buffer[1]
        if function not in (READ_HOLDING, READ_INPUT) or not 1 <= unit <= LAST_UNIT:
            return None
        if _HEAD.search(buffer, 1, size - EXCEPTION_SIZE + 1):
            return None
        crc = crc16_modbus(buffer[: min(size, REQUEST_SIZE)])
        if size > REQUEST_SIZE:
            if not crc:
                return None
            crc = crc16_modbus(buffer[REQUEST_SIZE:size], crc)
        if crc:
            return None
        return Response(unit, function, layout.unpack_from(buffer)), size

    def _judge(self, start: int) -> Found[Frame] | Failed | Pending:
        sizes = self._sizes(start)
        if isinstance(sizes, Failed | Pending):
            return sizes
        for size in sizes:
            end = start + size
            if self._hides_frame(start, end):
                return Failed(
                    "length", "another whole frame lies inside the announced length", candidate=True
                )
            if len(self._buffer) < end:
                return PARTIAL_FRAME
            frame = self._read(start, size)
            if frame is not None:
                return Found(frame, size)
        return Failed("checksum", "the CRC fits neither a request nor a response", candidate=True)

    def _sizes(self, start: int) -> tuple[int, ...] | Failed | Pending:
        """Return how long the frame at ``start`` may be, shortest first, or why there is none."""
        head = self._buffer[start : start + 3]
        if not 1 <= head[0] <= LAST_UNIT:
            return NOISE
        if len(head) > 1 and head[1] & ~EXCEPTION_BIT not in (READ_HOLDING, READ_INPUT):
            return NOISE
        if len(head) < 3:
            return PARTIAL_HEAD
        if head[1] & EXCEPTION_BIT:
            return (EXCEPTION_SIZE,)
        if head[2] % 2 or not 2 <= head[2] <= 2 * MAX_REGISTERS:
            return (REQUEST_SIZE,)
        response = head[2] + RESPONSE_OVERHEAD
        return min(REQUEST_SIZE, response), max(REQUEST_SIZE, response)

    def _read(self, start: int, size: int) -> Frame | None:
        """Return the frame of this size at ``start``, None when its CRC or its count does not fit."""
        raw = bytes(self._buffer[start : start + size])
        if crc16_modbus(raw[:-2]) != int.from_bytes(raw[-2:], "little"):
            return None
        unit, function = raw[0], raw[1]
        if function & EXCEPTION_BIT:
            return ExceptionReply(unit, function & ~EXCEPTION_BIT, raw[2])
        if raw[2] % 2 == 0 and size == raw[2] + RESPONSE_OVERHEAD:
            content = raw[3:-2]
            registers = tuple(int.from_bytes(content[at : at + 2], "big") for at in range(0, len(content), 2))
            return Response(unit, function, registers)
        count = int.from_bytes(raw[4:6], "big")
        if not 1 <= count <= MAX_REGISTERS:
            return None
        return Request(unit, function, int.from_bytes(raw[2:4], "big"), count)

    def _is_whole(self, start: int, limit: int) -> bool:
        sizes = self._sizes(start)
        return not isinstance(sizes, Failed | Pending) and any(
            start + size <= limit and self._read(start, size) is not None for size in sizes
        )
