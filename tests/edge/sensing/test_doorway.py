"""Doorway: two beams tell in from out; nobody is counted twice, and who turns round is not counted at all."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import PeopleCounted
from edge.model import InputRead, TagRead
from edge.sensing.doorway import (
    GIVE_UP_MS,
    MAX_PULSES,
    DoorwaySettings,
    DoorwayState,
    FootfallSettings,
    restart_doorways,
    sense_doorways,
)

DOOR = DoorwaySettings("door", "reader", 1, 2)
BADGE = "3034257BF7194E40000F0000"
STAFF = FootfallSettings((BADGE,))

IN = [(0, 0, 1), (180, 1, 1), (320, 0, 0), (500, 1, 0)]
"""(ms, beam, covered): somebody 0.35 m long at 1.1 m/s."""

changes = st.lists(
    st.tuples(st.integers(1, 900), st.integers(0, 1), st.integers(0, 1)).map(tuple), max_size=60
)


def beams(levels, start=10_000):
    return [
        InputRead(device="reader", at=start + at, port=beam + 1, high=bool(on)) for at, beam, on in levels
    ]


def people(reads, state=None, *, door=DOOR, settings=None, now=1_000_000):
    """Return the state after all reads at once, and the sums of what was told."""
    state, told = sense_doorways(
        state or DoorwayState(), reads, now, doorways=[door], settings=settings or FootfallSettings()
    )
    assert all(isinstance(one, PeopleCounted) for one in told)
    return state, sums(told)


def sums(told):
    return tuple(sum(getattr(one, name) for one in told) for name in ("entered", "left", "turned", "staff"))


def in_time(steps):
    """Return steps (ms since the last, beam, level) with times of their own, ending with both beams clear."""
    at, levels = 0, []
    for gap, beam, on in steps:
        at += gap
        levels.append((at, beam, on))
    return [*levels, (at + 200, 0, 0), (at + 400, 1, 0)]


def swapped(levels):
    return [(at, 1 - beam, on) for at, beam, on in levels]


def test_outer_beam_first_is_in_and_inner_beam_first_is_out():
    assert people(beams(IN))[1] == (1, 0, 0, 0)
    assert people(beams(swapped(IN)))[1] == (0, 1, 0, 0)


@pytest.mark.parametrize(
    "levels",
    [
        [(0, 0, 1), (900, 0, 0)],
        [(0, 0, 1), (180, 1, 1), (700, 1, 0), (900, 0, 0)],
        [(0, 0, 1), (180, 1, 1), (320, 0, 0), (600, 0, 1), (740, 1, 0), (920, 0, 0)],
    ],
    ids=["one beam", "both beams", "beyond the first beam"],
)
def test_who_turns_round_is_not_counted(levels):
    assert people(beams(levels))[1] == (0, 0, 1, 0)
    assert people(beams(swapped(levels)))[1] == (0, 0, 1, 0)


def test_the_next_person_on_the_heels_of_the_first_counts():
    """The outer beam is covered again while the inner one still is."""
    two = sorted([*IN, *[(at + 400, beam, on) for at, beam, on in IN]])
    assert people(beams(two))[1] == (2, 0, 0, 0)


def test_a_bag_behind_its_bearer_is_nobody():
    bag = [(560, 0, 1), (640, 0, 0), (690, 1, 1), (770, 1, 0)]
    assert people(beams([*IN, *bag]))[1][:2] == (1, 0)


def test_side_by_side_the_raw_count_stays_one_and_the_estimate_grows():
    beside = [(0, 0, 1), (180, 1, 1), (620, 0, 0), (800, 1, 0)]
    _, [told] = sense_doorways(DoorwayState(), beams(beside), 0, doorways=[DOOR], settings=FootfallSettings())
    assert (told.entered, told.left, told.estimated_left) == (1, 0, 0.0)
    assert told.estimated_entered > 1.5


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_the_estimate_does_not_depend_on_speed(speed):
    levels = [(round(at / speed), beam, on) for at, beam, on in IN]
    _, [told] = sense_doorways(DoorwayState(), beams(levels), 0, doorways=[DOOR], settings=FootfallSettings())
    assert told.estimated_entered == pytest.approx(1.1, abs=0.1)


def test_a_word_that_stands_still_is_given_up_and_counting_goes_on_when_both_are_clear():
    stuck = [(0, 0, 1), (GIVE_UP_MS + 1, 1, 1), (GIVE_UP_MS + 200, 0, 0), (GIVE_UP_MS + 400, 1, 0)]
    later = [(at + GIVE_UP_MS + 1_000, beam, on) for at, beam, on in IN]
    assert people(beams([*stuck, *later]))[1] == (1, 0, 0, 0)


def test_inputs_may_mean_covered_when_low():
    low = [(at, beam, 1 - on) for at, beam, on in IN]
    door = msgspec.structs.replace(DOOR, covered="low")
    assert people(beams([(-2, 0, 1), (-1, 1, 1), *low]), door=door)[1] == (1, 0, 0, 0)


@given(changes)
def test_beams_the_other_way_round_swap_in_and_out(steps):
    levels = in_time(steps)
    entered, left, turned, _ = people(beams(levels))[1]
    assert people(beams(swapped(levels)))[1] == (left, entered, turned, 0)


@given(changes)
def test_time_the_other_way_round_swaps_in_and_out(steps):
    """A film played backwards: who came in goes out; what lasts too long lasts as long."""
    level, edges = [0, 0], []
    for at, beam, on in in_time([(min(gap, 300), beam, on) for gap, beam, on in steps]):
        if level[beam] != on:
            edges.append((at, beam, on))
            level[beam] = on
    end = edges[-1][0] if edges else 0
    backwards = [(end - at, beam, 1 - on) for at, beam, on in reversed(edges)]
    entered, left, _, _ = people(beams(edges))[1]
    assert people(beams(backwards))[1][:2] == (left, entered)


@given(changes, st.data())
def test_repeated_levels_count_nothing_twice(steps, data):
    reads = beams(in_time(steps))
    repeated = [read for read in reads for _ in range(data.draw(st.integers(1, 3)))]
    assert people(repeated)[1] == people(reads)[1]


@given(changes, st.data())
def test_a_restart_in_mid_word_neither_repeats_nor_forgets(steps, data):
    reads = beams([*in_time(steps), *[(at + 99_000, beam, on) for at, beam, on in IN]])
    cut = data.draw(st.integers(0, len(reads)))
    state, before = people(reads[:cut])
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=DoorwayState)
    _, after = people(reads[cut:], stored)
    assert tuple(map(sum, zip(before, after, strict=True))) == people(reads)[1]


def test_a_restart_keeps_crossings_that_wait_for_a_staff_read():
    state, nobody = people(beams(IN), settings=STAFF, now=10_600)
    assert nobody == (0, 0, 0, 0)
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=DoorwayState)
    badge = [TagRead(device="other", at=12_000, epc=BADGE)]
    assert people(badge, stored, settings=STAFF, now=20_000)[1] == (1, 0, 0, 1)


@pytest.mark.parametrize(("after", "staff"), [(-2_900, 1), (2_900, 1), (-3_100, 0), (3_100, 0)])
def test_a_staff_tag_within_three_seconds_marks_the_crossing(after, staff):
    badge = TagRead(device="other", at=10_500 + after, epc=BADGE)
    assert people([badge, *beams(IN)], settings=STAFF)[1] == (1, 0, 0, staff)


def test_one_passage_of_a_tag_marks_the_nearest_crossing_only():
    reads = [*beams(IN), *beams(IN, start=11_500), TagRead(device="other", at=12_000, epc=BADGE)]
    _, told = sense_doorways(DoorwayState(), reads, 99_000, doorways=[DOOR], settings=STAFF)
    assert [(one.at, one.staff) for one in told] == [(10_500, 0), (12_000, 1)]


def test_staff_who_stay_by_the_door_do_not_make_staff_of_the_customers():
    reads = [TagRead(device="other", at=at, epc=BADGE) for at in range(10_000, 70_000, 500)]
    for start in range(10_000, 70_000, 6_000):
        reads += beams(IN, start=start)
    reads.sort(key=lambda read: read.at)
    state, told = DoorwayState(), (0, 0, 0, 0)
    for now in range(10_000, 80_000, 100):
        step = [read for read in reads if now - 100 < read.at <= now]
        state, more = people(step, state, settings=STAFF, now=now)
        told = tuple(map(sum, zip(told, more, strict=True)))
    assert told == (10, 0, 0, 1)


def test_no_observation_names_a_staff_tag():
    reads = [*beams(IN), TagRead(device="other", at=10_400, epc=BADGE)]
    _, told = sense_doorways(DoorwayState(), reads, 99_000, doorways=[DOOR], settings=STAFF)
    assert BADGE.encode() not in msgspec.json.encode(told)


def test_memory_is_bounded_while_a_beam_flickers():
    flicker = [(n * 10, 0, (n + 1) % 2) for n in range(10 * MAX_PULSES)]
    state, _ = people(beams([(-5, 1, 1), *flicker]))
    assert len(state.words["door"].outer) <= MAX_PULSES + 1


def test_a_clock_set_back_gives_up_the_open_word_and_tells_what_waits():
    state, _ = people([*beams(IN), *beams(IN[:2], start=11_000)], settings=STAFF, now=11_200)
    state, told = people([], restart_doorways(state, 5_000), settings=STAFF, now=5_000)
    assert told == (1, 0, 0, 0)
    assert people(beams(IN[2:], start=5_000), state, settings=STAFF, now=20_000)[1] == (0, 0, 0, 0)
