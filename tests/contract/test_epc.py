"""EPC decoding against vectors from outside: GS1's published examples and captured tags."""

import pytest

from contract.epc import decode_epc, gtin_check_digit
from contract.errors import MessageError

# (EPC hex, pure identity URN, GTIN-14). The first is the worked SGTIN-96 example of GS1 TDS 1.x;
# the second was captured from a retail tag by an M100 reader (see tests/golden/wire/m100.txt).
VECTORS = [
    ("3074257BF7194E4000001A85", "urn:epc:id:sgtin:0614141.812345.6789", "80614141123458"),
    ("30751FEB705C5904E3D50D70", "urn:epc:id:sgtin:4717276.094564.21002259824", "04717276945640"),
]


@pytest.mark.parametrize(("epc", "uri", "gtin"), VECTORS)
def test_sgtin_96(epc, uri, gtin):
    identity = decode_epc(epc)
    assert (identity.uri, identity.gtin) == (uri, gtin)
    assert identity.serial == uri.rsplit(".", 1)[1]


def test_lower_case_and_spaces_are_the_same_tag():
    assert decode_epc("3074 257b f719 4e40 0000 1a85") == decode_epc("3074257BF7194E4000001A85")


@pytest.mark.parametrize("epc", ["E2004074850A0103163070E1", "0000", "3074257BF7194E40"])
def test_what_is_not_gs1_says_so(epc):
    with pytest.raises(MessageError) as caught:
        decode_epc(epc)
    assert caught.value.reason == "not_gs1"


@pytest.mark.parametrize(("gtin"), ["00614141999996", "04006381333931", "00036000291452"])
def test_check_digits_of_known_gtins(gtin):
    assert gtin_check_digit(gtin[:13]) == gtin[13]
