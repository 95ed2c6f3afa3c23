"""How much better a walk explains the levels and speeds of a hearing than lying still.

Walks through the gate, along its wall, and near and back are hypotheses, each a pace and a time at the line,
all equally likely. Courses of level and radial speed are tables over the time before the last read, in steps
of GRID_S, in which a walker moves less than a step of what he is compared by; a look is a row of them. The
mean level at each antenna is free, as the tag's own strength and shadow are not known.
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.sensing.gate_looks import SPEED_STEP_M_S, SPEEDS_M_S, STILL, Floats, Looks

PACES_M_S: Final = (0.6, 0.9, 1.3, 1.8)
CROSSED_S: Final = np.arange(-6.0, 1.3, 0.3)
"""When the line may have been crossed, against the last read; a little later than it too."""

HALF_SPACING_M: Final = 0.35
NEAREST_M: Final = 0.9
ASIDE_M: Final = 1.2
TURN_M: Final = 0.9
PAST_M: Final = 1.5
PAST_PACE: Final = 1.5
"""Who passes along the wall is not slowed by a door."""

BEAM_DEG: Final = 32.5
BACK_DB: Final = 15.0
FALL_DB: Final = 15.0
"""Level before an antenna of a portal: - FALL_DB x log10(1 + (along / NEAREST_M)^2), a patch across the way."""

LEVEL_SPREAD_DB: Final = 3.8
"""How far such a level is off the mean over distance, as measured in a room."""

GRID_S: Final = 0.02
LONGEST_S: Final = 12.0

_WALKS: Final = len(PACES_M_S) * len(CROSSED_S)
_CROSSED: Final = np.tile(CROSSED_S, len(PACES_M_S))
_PACE: Final = np.repeat(PACES_M_S, len(CROSSED_S))


class Tracks(NamedTuple):
    """Log likelihood ratios of walks against lying still, per hearing.

    Attributes:
        inwards, outwards: through the gate.
        past: along the wall: level with both antennas at once.
        turned: near and back.
        over: how sure the line has been crossed, if it is a walk through.
        crossed_s: when, in seconds before the last read.
        pace: of that walk, m/s.
    """

    inwards: Floats
    outwards: Floats
    past: Floats
    turned: Floats
    over: Floats
    crossed_s: Floats
    pace: Floats


class _Courses(NamedTuple):
    """What each walk does to the reads: rows are 2 x time + side, columns inwards, outwards, past and turned.

    Attributes:
        shape: [row, 2 x walks]: level in dB up to a constant, and its square.
        step: [row, walks]: index in SPEEDS_M_S.
    """

    shape: NDArray[np.float32]
    step: NDArray[np.int16]


def tracks(looks: Looks, rows: int) -> Tracks:
    """Compare the walks for each of so many hearings."""
    gain = _gains(looks, rows)
    inwards, outwards, past, turned = np.split(gain, [_WALKS, 2 * _WALKS, 4 * _WALKS], axis=1)
    best = np.maximum(inwards.max(axis=1), outwards.max(axis=1))[:, None]
    chance = np.exp(inwards - best) + np.exp(outwards - best)
    chance /= chance.sum(axis=1, keepdims=True)
    return Tracks(
        inwards=_together(inwards),
        outwards=_together(outwards),
        past=_together(past),
        turned=_together(turned),
        over=chance @ (_CROSSED < -0.2),
        crossed_s=chance @ _CROSSED,
        pace=chance @ _PACE,
    )


def _together(gain: Floats) -> Floats:
    """Return the log of the mean likelihood of equally likely walks."""
    best = gain.max(axis=1)
    found: Floats = best + np.log(np.exp(gain - best[:, None]).mean(axis=1))
    return found


def _gains(looks: Looks, rows: int) -> Floats:
    """Return the log likelihood ratio of each walk, [hearing, walk]."""
    courses = _courses()
    group = 2 * looks.row + looks.side
    size = np.bincount(group, minlength=2 * rows)
    mean = np.bincount(group, weights=looks.level_dbm, minlength=2 * rows) / np.maximum(size, 1)
    off = looks.level_dbm - mean[group]
    weights = np.stack([1.0 - looks.side, looks.side, off]).astype(np.float32)
    late = np.minimum(np.rint(-looks.at_s / GRID_S), LONGEST_S / GRID_S).astype(np.int64)
    entry = 2 * late + looks.side
    step = courses.step[entry[looks.spoken]]
    spoken = np.take(looks.speed, step + (np.arange(len(step)) * len(SPEEDS_M_S))[:, None])
    ends = np.searchsorted(looks.row, np.arange(rows + 1)).tolist()
    talks = np.searchsorted(looks.row[looks.spoken], np.arange(rows + 1)).tolist()
    many = np.maximum(size, 1).reshape(rows, 2).tolist()
    width = courses.step.shape[1]
    gain = np.empty((rows, width))
    for row in range(rows):
        own = slice(ends[row], ends[row + 1])
        sums = weights[:, own] @ courses.shape[entry[own]]
        outer, inner, product = sums[:, :width]
        squares = sums[0, width:] + sums[1, width:]
        fit = 2.0 * product - squares + (outer * outer / many[row][0] + inner * inner / many[row][1])
        gain[row] = fit / (2.0 * LEVEL_SPREAD_DB**2)
        if talks[row] < talks[row + 1]:
            gain[row] += spoken[talks[row] : talks[row + 1]].sum(axis=0)
    return gain


@cache
def _courses() -> _Courses:
    late = np.arange(round(LONGEST_S / GRID_S) + 1)
    at_s = np.repeat(-GRID_S * late, 2)[:, None]
    where = HALF_SPACING_M * np.tile([-1.0, 1.0], len(late))[:, None]
    walked = _PACE * (at_s - _CROSSED)
    back, away = TURN_M + np.abs(walked), _PACE * np.sign(walked)
    strolled, strolling = PAST_PACE * walked, PAST_PACE * _PACE
    walks = (
        _along(walked - where, _PACE),
        _along(walked + where, _PACE),
        _across(strolled, strolling),
        _across(-strolled, -strolling),
        _along(back + where, away),
        _along(back - where, away),
    )
    shape = np.concatenate([shape for shape, _ in walks], axis=1)
    shape -= shape.mean(axis=0)
    radial = np.concatenate([radial for _, radial in walks], axis=1)
    step = np.clip(np.rint(radial / SPEED_STEP_M_S) + STILL, 0, 2 * STILL)
    return _Courses(np.concatenate([shape, shape**2], axis=1).astype(np.float32), step.astype(np.int16))


def _along(apart: Floats, growth: Floats) -> tuple[Floats, Floats]:
    """Courses along the way, from the distance from the antenna's axis and its growth: level, radial speed."""
    shape = -FALL_DB * np.log10(1.0 + (apart / NEAREST_M) ** 2)
    return shape, growth * apart / np.sqrt(apart**2 + ASIDE_M**2)


def _across(behind: Floats, growth: Floats) -> tuple[Floats, Floats]:
    """Courses along the wall, from the distance behind both antennas and its growth: level, radial speed."""
    square = behind**2 + PAST_M**2
    angle = np.degrees(np.arctan2(PAST_M, -behind))
    shape = -10.75 * np.log10(square) - np.minimum(3.0 * (angle / BEAM_DEG) ** 2, BACK_DB)
    return shape, growth * behind / np.sqrt(square)
