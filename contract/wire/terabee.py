"""Terabee TeraRanger Evo People Counter and Swipe Plus: binary frames on a serial line.

::

    "DD" | distance 1 (2) | distance 2 (2) | CRC-8
    "PC" | sensor id (4, People Counter of 2021 only) | counter (4) | in (2) | out (2) | CRC-8

The manuals give the fields, their sizes and ``counter = in - out``; CRC-8 with polynomial 07 fits their
printed commands. Counters start at 0 at power-up. **Not verified:** byte order (taken as big-endian, as
in the documented commands), the signedness of ``counter``, and that the CRC covers the two head bytes.
Whether the sensor id is there cannot be seen in a frame, so it is a parameter of the codec. Sources:
TeraRanger Evo People Counter manual of 2021, section 5; Swipe Plus manual of 2020, section 5.5.
"""

from struct import Struct
from typing import Final, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.crc import crc8
from contract.wire.hunting import NOISE, PARTIAL_FRAME, PARTIAL_HEAD, Failed, Found, HuntingCodec, Pending

BAUD: Final = 115_200
DISTANCE_MARK: Final = b"DD"
COUNT_MARK: Final = b"PC"
DISTANCE_SIZE: Final = 7

RESET_COUNTERS: Final = bytes.fromhex("00550800000000")
BINARY_PARAMETERS: Final = bytes.fromhex("006101")
TEXT_PARAMETERS: Final = bytes.fromhex("006102")
OTHER_COMMANDS: Final = (bytes.fromhex("00210A"), bytes.fromhex("00550900000000"))
"""Printed in the manuals too; what they do is not told here."""

DOCUMENTED_COMMANDS: Final = (RESET_COUNTERS, BINARY_PARAMETERS, TEXT_PARAMETERS, *OTHER_COMMANDS)
"""Commands of the manuals whose printed CRC fits, without that CRC. One, ``001107AE``, does not fit."""


class Distance(msgspec.Struct, frozen=True, gc=False):
    """What the two beams measure, in millimetres."""

    first_mm: int
    second_mm: int


class Count(msgspec.Struct, frozen=True, gc=False):
    """People since power-up.

    Attributes:
        entered: left to right, modulo 65536.
        left: right to left, modulo 65536.
        balance: entered minus left as the sensor counts it.
        sensor_id: None when the device sends none.
    """

    entered: int
    left: int
    balance: int
    sensor_id: int | None = None


class Command(msgspec.Struct, frozen=True):
    """Host to sensor, without the CRC: one of :data:`DOCUMENTED_COMMANDS`."""

    body: bytes


Frame: TypeAlias = Distance | Count | Command


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes.

    Raises:
        FrameError: ``value`` when a field does not fit its width.
    """
    try:
        match frame:
            case Distance(first_mm=first, second_mm=second):
                body = DISTANCE_MARK + first.to_bytes(2, "big") + second.to_bytes(2, "big")
            case Count(entered=entered, left=left, balance=balance, sensor_id=sensor_id):
                identity = b"" if sensor_id is None else sensor_id.to_bytes(4, "big")
                counts = (
                    balance.to_bytes(4, "big", signed=True)
                    + entered.to_bytes(2, "big")
                    + left.to_bytes(2, "big")
                )
                body = COUNT_MARK + identity + counts
            case Command(body=body):
                pass
    except OverflowError as error:
        raise FrameError("value", f"{frame} has a field that does not fit its width: {error}") from error
    return body + bytes([crc8(body)])


_COUNT, _IDENTIFIED_COUNT, _DISTANCE = Struct(">2xiHHx"), Struct(">2xIiHHx"), Struct(">2xHHx")


class TerabeeCodec(HuntingCodec[Frame]):
    """Both directions of the counter's line.

    Args:
        with_sensor_id: count frames carry the four-byte sensor id (People Counter manual of 2021).
    """

    max_frame = 15
    check_bits = 8

    def __init__(self, *, with_sensor_id: bool = False) -> None:
        super().__init__()
        self._with_sensor_id = with_sensor_id
        self._shapes: tuple[tuple[bytes, int], ...] = (
            (DISTANCE_MARK, DISTANCE_SIZE),
            (COUNT_MARK, 15 if with_sensor_id else 11),
            *((body, len(body) + 1) for body in DOCUMENTED_COMMANDS),
        )

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a count and a distance."""
        buffer = self._buffer
        if buffer.startswith(COUNT_MARK):
            layout = _IDENTIFIED_COUNT if self._with_sensor_id else _COUNT
        elif buffer.startswith(DISTANCE_MARK):
            layout = _DISTANCE
        else:
            return None
        size = layout.size
        if len(buffer) < size or crc8(buffer[:size]):
            return None
        if layout is _DISTANCE:
            return Distance(*layout.unpack_from(buffer)), size
        *identity, balance, entered, left = layout.unpack_from(buffer)
        return Count(entered, left, balance, *identity), size

    def _judge(self, start: int) -> Found[Frame] | Failed | Pending:
        partial = False
        for mark, size in self._shapes:
            have = bytes(self._buffer[start : start + len(mark)])
            if have == mark:
                return self._read(bytes(self._buffer[start : start + size]), size)
            partial = partial or mark.startswith(have)
        return PARTIAL_HEAD if partial else NOISE

    def _read(self, raw: bytes, size: int) -> Found[Frame] | Failed | Pending:
        if len(raw) < size:
            return PARTIAL_FRAME
        body, crc = raw[:-1], raw[-1]
        if crc != crc8(body):
            return Failed(
                "checksum", f"the CRC is {crc8(body):02X}, the frame says {crc:02X}", candidate=True
            )
        if body.startswith(DISTANCE_MARK):
            first, second = (int.from_bytes(body[at : at + 2], "big") for at in (2, 4))
            return Found(Distance(first, second), size)
        if body.startswith(COUNT_MARK):
            sensor_id = int.from_bytes(body[2:6], "big") if self._with_sensor_id else None
            entered, left = (int.from_bytes(body[at : at + 2 or None], "big") for at in (-4, -2))
            balance = int.from_bytes(body[-8:-4], "big", signed=True)
            return Found(Count(entered, left, balance, sensor_id), size)
        return Found(Command(body), size)
