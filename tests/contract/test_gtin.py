"""Check digits against numbers that are printed on products and in GS1's own material."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.gtin import LENGTHS, gtin_14, gtin_check_digit

PRINTED = (
    "9781492053743",
    "5901234123457",
    "036000291452",
    "416000336108",
    "02345673",
    "73513537",
    "12312312312333",
)


@pytest.mark.parametrize("gtin", PRINTED)
def test_printed_numbers(gtin):
    assert gtin_check_digit(gtin[:-1]) == gtin[-1]
    assert gtin_14(gtin) == gtin.zfill(14)


@given(
    st.sampled_from(LENGTHS).flatmap(
        lambda size: st.text("0123456789", min_size=size - 1, max_size=size - 1)
    ),
    st.data(),
)
def test_one_wrong_digit_is_always_found(body, data):
    right = body + gtin_check_digit(body)
    at = data.draw(st.integers(0, len(right) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != right[at]]))
    assert gtin_14(right) is not None
    assert gtin_14(right[:at] + other + right[at + 1 :]) is None


@pytest.mark.parametrize("text", ["", "0", "1234567", "12345678901", "٠٢٣٤٥٦٧٣", "0234567a", " 2345673"])
def test_what_is_no_gtin(text):
    assert gtin_14(text) is None
