"""SSCCs against numbers that GS1's own documents print."""

import pytest
from epcpy.epc_schemes.sscc import SSCC, SSCCFilterValue
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import MessageError
from contract.gtin import gtin_check_digit
from contract.sscc import parse_sscc, sscc_of

TAG = "3174257BF4499602D2000000"  # GS1 EPC Tag Data Standard: urn:epc:id:sscc:0614141.1234567890


def test_the_number_of_the_tag_data_standard():
    assert sscc_of(TAG) == "106141412345678908"
    assert parse_sscc(TAG) == parse_sscc("106141412345678908") == parse_sscc("(00)106141412345678908")
    assert parse_sscc("00106141412345678908") == "106141412345678908"


def test_other_tags_carry_none():
    assert sscc_of("3034257BF7194E4000001A85") is None
    assert sscc_of("E2000000") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("106141412345678907", "has a wrong check digit (expected 8 at the end)"),
        ("10614141234567890", "is neither 18 digits nor an EPC that carries an SSCC"),
        ("3034257BF7194E4000001A85", "is neither 18 digits nor an EPC that carries an SSCC"),
        ("", "is neither 18 digits nor an EPC that carries an SSCC"),
        ("١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨", "is neither 18 digits nor an EPC"),
    ],
)
def test_an_error_names_the_number_and_what_was_expected(text, words):
    with pytest.raises(MessageError) as caught:
        parse_sscc(text)
    assert words in str(caught.value)
    assert repr(text) in str(caught.value)


@given(st.integers(6, 12), st.data())
def test_digits_and_tag_of_one_carton_agree(prefix_digits, choice):
    digits = st.text("0123456789", min_size=17, max_size=17)
    body = choice.draw(digits)
    prefix, serial = body[1 : 1 + prefix_digits], body[0] + body[1 + prefix_digits :]
    epc = SSCC(f"urn:epc:id:sscc:{prefix}.{serial}").hex(
        binary_coding_scheme=SSCC.BinaryCodingScheme.SSCC_96, filter_value=next(iter(SSCCFilterValue))
    )
    assert sscc_of(epc.upper()) == body + gtin_check_digit(body)
