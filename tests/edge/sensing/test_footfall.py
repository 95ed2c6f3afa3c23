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


# --- intervals, second deliveries, several figures for one line --------------------------------------------

NOW = 1_700_000_000_000


def interval(report, entered, left=0, **fields):
    return CountRead(
        device="door", at=NOW, line="1", entered=entered, left=left, cumulative=False, report=report, **fields
    )


def total(entered, left=0, **fields):
    return CountRead(device="door", at=NOW, line="1", entered=entered, left=left, cumulative=True, **fields)


def fold(state, *reads, now=NOW):
    """Fold reads one by one, the state through a checkpoint each time."""
    crossed = [0, 0]
    for read in reads:
        state, news = sense_footfall(state, [read], now, place=PLACE)
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=FootfallState)
        crossed[0] += sum(o.entered for o in news)
        crossed[1] += sum(o.left for o in news)
    return state, tuple(crossed)


def test_an_interval_delivered_twice_counts_once_even_over_a_restart():
    state, crossed = fold(FootfallState(), interval("a", 3, 1), interval("b", 2), interval("a", 3, 1))
    assert crossed == (5, 1)
    assert fold(state, interval("b", 2), interval("c", 1))[1] == (1, 0)


def test_intervals_without_an_id_count_as_they_come():
    assert fold(FootfallState(), interval(None, 1), interval(None, 1))[1] == (2, 0)


@given(
    figures=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20),
    deliveries=st.lists(st.integers(0, 19), max_size=60),
)
def test_any_delivery_that_repeats_and_reorders_counts_each_interval_once(figures, deliveries):
    sent = [interval(f"report-{number}", *figure) for number, figure in enumerate(figures)]
    arrived = [sent[number] for number in deliveries if number < len(sent)] + sent
    assert fold(FootfallState(), *arrived)[1] == tuple(map(sum, zip(*figures, strict=True)))


def test_the_same_report_on_two_lines_is_two_reports():
    other = msgspec.structs.replace(interval("a", 1), line="2")
    assert fold(FootfallState(), interval("a", 1), other)[1] == (2, 0)


@given(
    steps=st.lists(st.integers(0, 9), min_size=1, max_size=20), late=st.lists(st.integers(1, 19), max_size=20)
)
def test_a_total_that_arrives_late_adds_nothing(steps, late):
    totals, seen = [total(0, told_at=NOW)], 0
    for minute, step in enumerate(steps, 1):
        seen += step
        totals.append(total(seen, told_at=NOW + 60_000 * minute))
    arrived = []
    for number, read in enumerate(totals):
        arrived.append(read)
        arrived += [totals[number - back] for back in late if back <= number]
    assert fold(FootfallState(), *arrived)[1] == (seen, 0)


def test_a_clock_set_back_does_not_silence_a_counter():
    hours = 5 * 3_600_000
    state, _ = fold(FootfallState(), total(10, told_at=NOW))
    assert fold(state, total(12, told_at=NOW - hours), total(13, told_at=NOW - hours + 1))[1] == (3, 0)


def test_totals_and_intervals_of_the_same_people_count_once():
    reads = [
        interval("a", 4),
        total(100, preference=2),
        interval("b", 3),
        total(103, preference=2),
        total(50, preference=1),
        total(51, preference=1),
        interval("c", 2),
        total(105, preference=2),
    ]
    assert fold(FootfallState(), *reads)[1] == (4 + 3 + 2, 0)


def test_lesser_figures_take_over_when_the_better_ones_stay_away_for_a_day():
    day = 24 * 3_600_000
    state, _ = fold(FootfallState(), total(100, preference=2), total(7, preference=1))
    assert fold(state, total(9, preference=1), now=NOW + day - 1)[1] == (0, 0)
    state, crossed = fold(state, total(9, preference=1), total(12, preference=1), now=NOW + day)
    assert crossed == (5, 0)
    assert fold(state, total(103, preference=2), total(104, preference=2), now=NOW + day + 1)[1] == (4, 0)


@given(
    st.sampled_from([1 << 16, 1 << 32]),
    st.lists(st.integers(0, 4_000), min_size=1, max_size=15),
    st.integers(0, 3_000),
)
def test_wraps_lose_nobody(size, steps, below):
    count, reads = size - below, []
    for step in [0, *steps]:
        count += step
        reads.append(total(count % size))
    assert fold(FootfallState(), *reads)[1] == (sum(steps), 0)


def test_memory_is_bounded():
    state = FootfallState()
    for number in range(600):
        reads = [
            interval(f"{number}", 1),
            msgspec.structs.replace(total(number, preference=1, told_at=NOW), line=f"line-{number}"),
        ]
        state, _ = sense_footfall(state, reads, NOW, place=PLACE)
    assert len(state.reported["door/1"]) == 256
    assert {len(state.baselines), len(state.told_at), len(state.preferred)} == {256}
    assert "door/line-599/1" in state.baselines


def test_a_checkpoint_of_before_is_read():
    old = msgspec.msgpack.encode({"baselines": {"door/1": (10, 4)}})
    state = msgspec.msgpack.decode(old, type=FootfallState)
    assert fold(state, total(17, 6))[1] == (7, 2)
