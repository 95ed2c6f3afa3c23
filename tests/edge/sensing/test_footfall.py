"""Footfall: counters become increments; nobody is counted twice, nobody is lost over a restart."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge.model import CountRead, Place
from edge.sensing.footfall import FootfallState, sense_footfall

PLACE = Place(zones={}, trays={}, lines={}, silent_after_ms={})


def feed(state, *reports, cumulative=True):
    reads = [
        CountRead(device="door", at=n, line="1", entered=i, left=o, cumulative=cumulative)
        for n, (i, o) in enumerate(reports)
    ]
    state, news = sense_footfall(state, reads, 99, place=PLACE)
    return state, (sum(o.entered for o in news), sum(o.left for o in news))


def test_the_first_report_is_a_baseline_and_repeats_add_nothing():
    assert feed(FootfallState(), (42, 37), (42, 37), (43, 37), (43, 37))[1] == (1, 0)


def test_a_reset_starts_from_zero():
    assert feed(FootfallState(), (42, 37), (2, 1))[1] == (2, 1)


def test_a_wrap_of_16_and_32_bit_counters_goes_on():
    assert feed(FootfallState(), (65_534, 10), (3, 11))[1] == (5, 1)
    assert feed(FootfallState(), (2**32 - 1, 0), (1, 0))[1] == (2, 0)


def test_people_who_came_while_the_agent_was_down_count_when_it_is_back():
    state, _ = feed(FootfallState(), (10, 4))
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=FootfallState)
    assert feed(restored, (17, 6))[1] == (7, 2)


def test_increments_are_taken_as_they_are():
    assert feed(FootfallState(), (2, 0), (2, 0), (0, 1), cumulative=False)[1] == (4, 1)


@given(steps=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 2)), max_size=30))
def test_increments_add_up_to_the_counter_however_often_it_repeats(steps):
    reports, entered, left = [(0, 0)], 0, 0
    for more_in, more_out, repeats in steps:
        entered, left = entered + more_in, left + more_out
        reports += [(entered, left)] * (repeats + 1)
    assert feed(FootfallState(), *reports)[1] == (entered, left)


def test_a_line_has_the_name_that_configuration_gives_it():
    read = CountRead(device="door", at=1, line="1", entered=1, left=0, cumulative=False)
    place = Place(zones={}, trays={}, lines={"door": "main-door"}, silent_after_ms={})
    _, news = sense_footfall(FootfallState(), [read], 1, place=place)
    assert [o.line for o in news] == ["main-door"]
