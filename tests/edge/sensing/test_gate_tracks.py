"""Walks against levels and speeds: the tables say what the formulas say, and a walk is told from another."""

import numpy as np
import pytest

from edge.sensing.gate_looks import SPEEDS_M_S, Looks
from edge.sensing.gate_tracks import (
    CROSSED_S,
    FALL_DB,
    HALF_SPACING_M,
    LEVEL_SPREAD_DB,
    NEAREST_M,
    PACES_M_S,
    tracks,
)


def levels(at_s, side, *, pace, crossed_s, sign=1.0):
    """Level of a straight walk at each look, by the formula of the portal's patch."""
    where = HALF_SPACING_M * (2.0 * side - 1.0)
    apart = sign * pace * (at_s - crossed_s) - where
    return -55.0 - FALL_DB * np.log10(1.0 + (apart / NEAREST_M) ** 2)


def silent(at_s, side, level):
    """Looks of one hearing that say nothing of speed."""
    none = np.zeros(0, dtype=np.int64)
    row = np.zeros(len(at_s), dtype=np.int64)
    return Looks(row, at_s, side, level, none, np.zeros((0, len(SPEEDS_M_S))))


AT_S = np.arange(-3.0, 0.01, 0.2)
SIDE = np.arange(len(AT_S)) % 2


def inwards_by_hand(level):
    """Log of the mean likelihood of all walks in, against lying still, straight from the definition."""
    found = []
    for pace in PACES_M_S:
        for crossed_s in CROSSED_S:
            shape = levels(AT_S, SIDE, pace=pace, crossed_s=crossed_s)
            gain = 0.0
            for side in (0, 1):
                own, walk = level[side == SIDE], shape[side == SIDE]
                still, moving = own - own.mean(), own - own.mean() - walk + walk.mean()
                gain += (still**2).sum() - (moving**2).sum()
            found.append(gain / (2.0 * LEVEL_SPREAD_DB**2))
    return np.log(np.mean(np.exp(found)))


@pytest.mark.parametrize("seed", range(5))
def test_the_tables_give_what_the_formula_gives(seed):
    level = np.random.default_rng(seed).normal(-60.0, 4.0, len(AT_S))
    found = tracks(silent(AT_S, SIDE, level), 1)
    assert found.inwards[0] == pytest.approx(inwards_by_hand(level), abs=1e-3)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_walk_is_recognised_with_its_way_its_pace_and_its_time(sign):
    level = levels(AT_S, SIDE, pace=0.9, crossed_s=-1.5, sign=sign)
    found = tracks(silent(AT_S, SIDE, level), 1)
    assert np.sign(found.inwards[0] - found.outwards[0]) == sign
    assert found.crossed_s[0] == pytest.approx(-1.5, abs=0.3)
    assert found.pace[0] == pytest.approx(0.9, abs=0.25)
    assert found.over[0] > 0.99


def test_a_constant_level_is_no_walk():
    found = tracks(silent(AT_S, SIDE, np.full(len(AT_S), -60.0)), 1)
    assert max(found.inwards[0], found.outwards[0], found.past[0], found.turned[0]) < 0.0


def test_speeds_away_from_the_antenna_speak_for_having_crossed():
    level = np.full(len(AT_S), -60.0)
    spoken = np.arange(len(AT_S))
    towards, away = (np.tile(3.0 * (sign * SPEEDS_M_S > 0.5), (len(AT_S), 1)) for sign in (-1.0, 1.0))
    row = np.zeros(len(AT_S), dtype=np.int64)
    coming, gone = (tracks(Looks(row, AT_S, SIDE, level, spoken, speed), 1) for speed in (towards, away))
    assert gone.over[0] > 0.9 > 0.5 > coming.over[0]
