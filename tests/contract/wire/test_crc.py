"""Check values of the reveng catalogue, and checks computed by devices."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.wire.crc import crc8, crc16_genibus, crc16_mcrf4xx, crc16_mercury, crc16_modbus, sum8

NINE = b"123456789"


def test_catalogue_check_values():
    assert crc16_genibus(NINE) == 0xD64E
    assert crc16_mercury(NINE) == 0xA69D
    assert crc16_mcrf4xx(NINE) == 0x6F91
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


def bit_by_bit(payload):
    """The Mercury check as its definition shifts it, for comparison."""
    crc = 0xFFFF
    for byte in payload:
        for place in range(7, -1, -1):
            top = crc & 0x8000
            crc = (crc << 1 | byte >> place & 1) & 0xFFFF
            if top:
                crc ^= 0x1021
    return crc


@given(st.binary(max_size=80))
def test_the_mercury_check_is_what_its_definition_shifts(payload):
    assert crc16_mercury(payload) == bit_by_bit(payload)


@pytest.mark.parametrize(
    "message", ["FF00031D0C", "FF0022040084E0", "FF002F0000514D", "FF0197014BBC", "FF026600000001CAB2"]
)
def test_mercury_checks_of_published_messages(message):
    raw = bytes.fromhex(message)
    assert crc16_mercury(raw[1:-2]) == int.from_bytes(raw[-2:], "big")


def test_the_mercury_check_is_no_stock_crc():
    checked = bytes.fromhex(
        "2822000010001B01FF0101C4110E16400000012700000500000F00803000000000000000000000001545E94A"
    )
    assert crc16_mercury(checked) == 0x561D
    assert crc_hqx(checked, 0xFFFF) == 0xF542
    assert crc_hqx(checked, 0) == 0x6F3A


@pytest.mark.parametrize("frame", ["04FF211995", "050001FBF23D", "13000101010C475458260720000000000001D6C1"])
def test_chafon_checks_of_published_frames(frame):
    raw = bytes.fromhex(frame)
    assert crc16_mcrf4xx(raw[:-2]) == int.from_bytes(raw[-2:], "little")
