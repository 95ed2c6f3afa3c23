"""Checks that device protocols put on their frames.

Names and check values follow the catalogue of parametrised CRC algorithms (reveng): the check value is
the result over the nine ASCII digits ``123456789``. The EPC Gen2 air interface names CRC-16/GENIBUS for
the PC and EPC words of a tag.
"""

from binascii import crc_hqx
from typing import Final


def crc16_genibus(payload: bytes) -> int:
    """CRC-16/GENIBUS: polynomial 1021, initial FFFF, final XOR FFFF; check value D64E."""
    return crc_hqx(payload, 0xFFFF) ^ 0xFFFF


def crc16_mercury(payload: bytes) -> int:
    """The check of ThingMagic's Mercury serial protocol: polynomial 1021, initial FFFF; check value A69D.

    It is in no catalogue: message bits are shifted in at the **low** end of the register and no 16 zero
    bits follow, so the result is ``FFFF·x^n + message`` modulo the polynomial, n being the message's bits.
    A stock CRC starts from ``FFFF·x^n + message·x^16``. Taking the last two bytes apart brings one to the
    other, and the table-driven stock routine does the work: the bytes before them are the stock CRC's
    message, its initial value is FFFF shifted by those 16 bits, and the two bytes are added at the end.
    """
    body, tail = payload[:-2], payload[-2:]
    return crc_hqx(body, crc_hqx(bytes(len(tail)), 0xFFFF)) ^ int.from_bytes(tail, "big")


def _crc16_reflected_table(polynomial: int) -> tuple[int, ...]:
    table = []
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = crc >> 1 ^ polynomial if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC16_8408: Final = _crc16_reflected_table(0x8408)


def crc16_mcrf4xx(payload: bytes) -> int:
    """CRC-16/MCRF4XX: polynomial 8408 reflected, initial FFFF, no final XOR; check value 6F91."""
    crc = 0xFFFF
    for byte in payload:
        crc = (crc >> 8) ^ _CRC16_8408[(crc ^ byte) & 0xFF]
    return crc


_CRC16_A001: Final = _crc16_reflected_table(0xA001)


def crc16_modbus(payload: bytes) -> int:
    """CRC-16/MODBUS: polynomial 8005 reflected, initial FFFF; check value 4B37; sent low byte first."""
    crc = 0xFFFF
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


def crc8(payload: bytes) -> int:
    """CRC-8/SMBUS: polynomial 07, initial 00; check value F4."""
    crc = 0
    for byte in payload:
        crc = _CRC8_07[crc ^ byte]
    return crc


def sum8(payload: bytes) -> int:
    """Sum of the bytes modulo 256; check value DD."""
    return sum(payload) & 0xFF
