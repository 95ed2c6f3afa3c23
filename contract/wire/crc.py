"""Checks that device protocols put on their frames.

Names and check values follow the catalogue of parametrised CRC algorithms (reveng): the check value is
the result over the nine ASCII digits ``123456789``. The EPC Gen2 air interface names CRC-16/GENIBUS for
the PC and EPC words of a tag.
"""

from binascii import crc_hqx
from typing import Final

GENIBUS_RESIDUE: Final = 0x1D0F
"""What :func:`binascii.crc_hqx` from FFFF makes of a message that has its CRC-16/GENIBUS behind it."""


def crc16_genibus(payload: bytes | bytearray) -> int:
    """CRC-16/GENIBUS: polynomial 1021, initial FFFF, final XOR FFFF; check value D64E."""
    return crc_hqx(payload, 0xFFFF) ^ 0xFFFF


def crc16_mercury(payload: bytes | bytearray) -> int:
    """The check of ThingMagic's Mercury serial protocol: polynomial 1021, initial FFFF; check value A69D.

    It is in no catalogue: message bits are shifted in at the **low** end of the register and no 16 zero
    bits follow, so the result is ``FFFF·x^n + message`` modulo the polynomial, n being the message's bits.
    A stock CRC starts from ``FFFF·x^n + message·x^16``. Taking the last two bytes apart brings one to the
    other, and the table-driven stock routine does the work: the bytes before them are the stock CRC's
    message, its initial value is FFFF shifted by those 16 bits, and the two bytes are added at the end.
    """
    body, tail = payload[:-2], payload[-2:]
    initial = _MERCURY_INITIAL if len(tail) == 2 else crc_hqx(bytes(len(tail)), 0xFFFF)
    return crc_hqx(body, initial) ^ int.from_bytes(tail, "big")


_MERCURY_INITIAL: Final = crc_hqx(bytes(2), 0xFFFF)


def _crc16_reflected_table(polynomial: int) -> tuple[int, ...]:
    table = []
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = crc >> 1 ^ polynomial if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc16_mcrf4xx(payload: bytes | bytearray) -> int:
    """CRC-16/MCRF4XX: polynomial 8408 reflected, initial FFFF, no final XOR; check value 6F91.

    8408 is 1021 mirrored. So the stock routine for 1021 does the work on mirrored bytes, and its result is
    mirrored back. Over a message with its own CRC behind it, low byte first, the result is 0.
    """
    crc = crc_hqx(payload.translate(_MIRRORED), 0xFFFF)
    return _MIRRORED[crc & 0xFF] << 8 | _MIRRORED[crc >> 8]


_CRC16_A001: Final = _crc16_reflected_table(0xA001)


def crc16_modbus(payload: bytes | bytearray, crc: int = 0xFFFF) -> int:
    """CRC-16/MODBUS: polynomial 8005 reflected, initial FFFF; check value 4B37; sent low byte first.

    Over a message with its own CRC behind it the result is 0.

    Args:
        payload: what is checked.
        crc: the result over what came before it.
    """
    for byte in payload:
        crc = crc >> 8 ^ _CRC16_A001[(crc ^ byte) & 0xFF]
    return crc


def _crc8_table(polynomial: int) -> bytes:
    table = bytearray(256)
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = ((crc << 1) ^ polynomial if crc & 0x80 else crc << 1) & 0xFF
        table[index] = crc
    return bytes(table)


_CRC8_07: Final = _crc8_table(0x07)


def crc8(payload: bytes | bytearray) -> int:
    """CRC-8/SMBUS: polynomial 07, initial 00; check value F4. Over a message with its CRC the result is 0."""
    crc = 0
    for byte in payload:
        crc = _CRC8_07[crc ^ byte]
    return crc


def sum8(payload: bytes | bytearray) -> int:
    """Sum of the bytes modulo 256; check value DD."""
    return sum(payload) & 0xFF
