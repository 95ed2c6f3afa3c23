"""Figures of a hearing: worked out by hand, the same for both directions, and the same in any company."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.sensing.gate_features import ASIDE_M, EVEN, ODD, WAVE_M, Echoes, figures

NO_PHASE = float("nan")


def echoes(reads):
    """Make columns of (row, at_s, side, rssi_dbm, phase_rad) with one channel per side."""
    row, at_s, side, rssi_dbm, phase_rad = (np.array(column) for column in zip(*reads, strict=True))
    return Echoes(row, at_s.astype(float), side, rssi_dbm.astype(float), phase_rad.astype(float), side)


def even(found, name, row=0):
    return found.even[row, EVEN.index(name)]


def odd(found, name, row=0):
    return found.odd[row, ODD.index(name)]


HEARD = [
    (0, -1.0, 0, -50.0, NO_PHASE),
    (0, -0.6, 0, -54.0, NO_PHASE),
    (0, -0.4, 1, -62.0, NO_PHASE),
    (0, 0.0, 1, -58.0, NO_PHASE),
]


def test_plain_figures_by_hand():
    found = figures(echoes(HEARD), np.array([0.5]))
    assert even(found, "reads") == pytest.approx(np.log(4))
    assert even(found, "loudest") == pytest.approx((-50 + 60) / 10)
    assert even(found, "mean") == pytest.approx((-56 + 60) / 10)
    assert even(found, "spread") == pytest.approx(np.sqrt((36 + 4 + 36 + 4) / 4) / 3)
    assert even(found, "weaker_side") == pytest.approx((-58 + 65) / 10)
    assert even(found, "side_gap") == pytest.approx(0.8)
    assert odd(found, "side_lead") == pytest.approx(-0.8)
    assert even(found, "span") == pytest.approx(np.log(1.3))
    assert even(found, "since_last") == pytest.approx(0.5)
    assert even(found, "since_loudest") == pytest.approx(1.5)
    assert odd(found, "balance_shift") == pytest.approx(2.0), "the first quarter is outside, the last inside"
    assert even(found, "rise") == pytest.approx(0.0)
    assert even(found, "fall") == pytest.approx(0.8)


def test_the_middle_is_weighed_by_energy():
    weight = 10 ** (np.array([0.0, -4.0, -12.0, -8.0]) / 15)
    found = figures(echoes(HEARD), np.array([0.0]))
    assert found.middle_s[0] == pytest.approx(np.average([-1.0, -0.6, -0.4, 0.0], weights=weight))


def test_reads_of_one_look_count_as_one_level():
    doubled = [read for read in HEARD for _ in range(2)]
    one, two = (figures(echoes(reads), np.array([0.0])) for reads in (HEARD, doubled))
    assert even(two, "reads") == pytest.approx(np.log(8))
    assert even(two, "mean") == pytest.approx(even(one, "mean"))
    assert even(two, "track_gain") == pytest.approx(even(one, "track_gain"))


def walked(pace, phase, offset=0.0):
    """Levels and phases of a straight walk in, over the line at -1.5 s."""
    found = []
    for at in np.arange(-3.0, 0.01, 0.04):
        side = int(at / 0.2) % 2
        apart = pace * (at + 1.5) - (0.35 if side else -0.35)
        distance = np.hypot(apart, ASIDE_M)
        level = -55.0 - 15.0 * np.log10(1.0 + (apart / 0.9) ** 2)
        turn = (4 * np.pi * distance / WAVE_M + offset) % (2 * np.pi) if phase else NO_PHASE
        found.append((0, at, side, level, turn))
    return found


@pytest.mark.parametrize("phase", [True, False])
def test_a_walk_in_leads_in_is_over_and_is_dated(phase):
    found = figures(echoes(walked(1.3, phase)), np.array([0.0]))
    assert even(found, "track_gain") > 1.5
    assert odd(found, "track_lead") > 2.0
    assert even(found, "track_over") > 0.95
    assert found.crossed_s[0] == pytest.approx(-1.5, abs=0.3)
    assert even(found, "pace") == pytest.approx(1.3, abs=0.35)


def test_phase_tells_a_walk_from_lying_still_where_levels_say_nothing():
    moving = [(row, at, side, -60.0, turn) for row, at, side, _, turn in walked(1.3, phase=True)]
    still = [(row, at, side, -60.0, 1.0) for row, at, side, _, _ in moving]
    one, other = (figures(echoes(reads), np.array([0.0])) for reads in (moving, still))
    assert even(one, "track_gain") > even(other, "track_gain") + 2.0
    assert even(other, "stirred") == pytest.approx(0.0)
    assert even(one, "stirred") > 1.0


def test_half_a_turn_of_phase_and_an_offset_change_nothing():
    one = figures(echoes(walked(1.3, phase=True)), np.array([0.0]))
    flipped = [
        (*read[:4], (read[4] + 0.7 + np.pi * (index % 2)) % (2 * np.pi))
        for index, read in enumerate(walked(1.3, phase=True))
    ]
    other = figures(echoes(flipped), np.array([0.0]))
    assert even(other, "track_gain") == pytest.approx(even(one, "track_gain"))
    assert even(other, "coherence") == pytest.approx(even(one, "coherence"))


reads = st.lists(
    st.tuples(
        st.floats(-11.0, 0.0),
        st.integers(0, 1),
        st.floats(-80.0, -40.0),
        st.one_of(st.just(NO_PHASE), st.floats(0.0, 6.28)),
    ),
    min_size=1,
    max_size=30,
).map(lambda rows: [(0, *row) for row in sorted(rows)])


@settings(max_examples=60, deadline=None)
@given(reads, st.floats(0.0, 2.0))
def test_exchanged_sides_keep_even_figures_and_turn_the_sign_of_odd_ones(own, since_s):
    plain = figures(echoes(own), np.array([since_s]))
    turned = figures(
        echoes([(row, at, 1 - side, level, phase) for row, at, side, level, phase in own]),
        np.array([since_s]),
    )
    np.testing.assert_allclose(turned.even, plain.even, atol=1e-6)
    np.testing.assert_allclose(turned.odd, -plain.odd, atol=1e-6)
    assert np.isfinite(plain.even).all()
    assert np.isfinite(plain.odd).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(reads, min_size=2, max_size=4))
def test_hearings_do_not_know_each_other(several):
    joined = [(row, *read[1:]) for row, own in enumerate(several) for read in own]
    together = figures(echoes(joined), np.zeros(len(several)))
    for row, own in enumerate(several):
        single = figures(echoes(own), np.zeros(1))
        np.testing.assert_allclose(together.odd[row], single.odd[0], atol=1e-6)
        silent = [EVEN.index("pairs")]
        np.testing.assert_allclose(
            np.delete(together.even[row], silent), np.delete(single.even[0], silent), atol=1e-6
        )
