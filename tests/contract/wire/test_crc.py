"""Check values of the reveng catalogue, and checks computed by devices."""

import pytest

from contract.wire.crc import crc8, crc16_genibus, crc16_modbus, sum8

NINE = b"123456789"


def test_catalogue_check_values():
    assert crc16_genibus(NINE) == 0xD64E
    assert crc16_modbus(NINE) == 0x4B37
    assert crc8(NINE) == 0xF4
    assert sum8(NINE) == 0xDD


@pytest.mark.parametrize(
    ("tag", "crc"),
    [
        ("340030751FEB705C5904E3D50D70", 0x3A76),
        ("3000E200001D7315016521408FC6", 0xB83E),
        ("3000E28068900000500E88C6A4A7", 0x119B),
    ],
)
def test_tag_crcs_seen_on_the_air(tag, crc):
    assert crc16_genibus(bytes.fromhex(tag)) == crc


@pytest.mark.parametrize(
    "command", ["005508000000007C", "006101E7", "006102EE", "00210A8D", "005509000000001E"]
)
def test_crc8_of_documented_terabee_commands(command):
    raw = bytes.fromhex(command)
    assert crc8(raw[:-1]) == raw[-1]
