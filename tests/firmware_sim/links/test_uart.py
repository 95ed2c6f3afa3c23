"""A wrong line rate: other bytes, in proportion, and the right ones at the right rate."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.links.uart import resample

RATES = st.sampled_from([2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200])


@given(st.binary(max_size=200), RATES)
def test_the_right_rate_changes_nothing(data, baud):
    assert resample(data, baud, baud) == data


@given(st.binary(max_size=60))
def test_a_receiver_slightly_off_hears_the_same(data):
    """An 8N1 receiver tolerates about 5 % over a byte; half a bit in nine and a half."""
    assert resample(data, 115_200, 113_500) == data
    assert resample(data, 115_200, 116_900) == data


def test_what_is_heard_follows_from_the_bits():
    # 55 is 0 1010 1010 1 on the wire; twice as fast a receiver sees each level twice: start 0, then 0110 0110.
    assert resample(b"\x55", 9_600, 19_200)[0] == 0x66
    # 00 is nine low levels and a high one; half as fast a receiver samples 0 0 0, the stop, then an idle line.
    assert resample(b"\x00", 9_600, 4_800) == b"\xf8"


@given(st.binary(min_size=20, max_size=200))
def test_a_wrong_rate_gives_other_bytes(data):
    assert resample(data, 115_200, 57_600) != data


@given(st.binary(min_size=1, max_size=100), RATES, RATES)
def test_no_more_bytes_than_the_line_has_time_for(data, sent, read):
    assert len(resample(data, sent, read)) <= len(data) * read / sent * 10 / 9.5 + 1
