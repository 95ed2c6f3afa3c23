"""What an antenna hears of a tag in one go: its reads as columns, joined to looks.

Reads close together on one channel share their multipath and are one look: one level, and how well each
radial speed explains its phases. Phase is compared modulo half a turn, because many readers cannot tell a
phase from its opposite. All hearings are computed at once, and none of them knows the others.
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

LOOK_S: Final = 0.25
LOOK_GAP_S: Final = 0.12
"""Reads on one channel this close share their multipath: they are one look."""

FASTEST: Final = 13
"""Radial speeds up to so many steps are told apart."""

SPEED_STEP_M_S: Final = 0.2
SPEEDS_M_S: Final = np.arange(-FASTEST, FASTEST + 1) * SPEED_STEP_M_S
STILL: Final = FASTEST
PHASE_TRUST: Final = 1.5
"""Concentration of twice the phase around its course; less than free sight would allow."""

NEAR_PAIR_S: Final = 0.045
"""Reads closer than this show a walker's speed without ambiguity modulo half a turn."""

PAIR_S: Final = 2.0
WAVE_M: Final = 0.326

_TURN_PER_S: Final = 8.0 * np.pi * SPEED_STEP_M_S / WAVE_M
"""Twice the phase turns by this for each step of speed: 4 pi per wave, doubled."""

_STRONGEST: Final = 128.0
_PER_UNIT: Final = 128
"""log I0 is looked up in a table of this resolution, which is far finer than the phases are."""


class Echoes(NamedTuple):
    """Reads of many hearings as columns, sorted by hearing and time.

    Attributes:
        row: index of the hearing, from 0, none left out.
        at_s: when, in seconds before the last read of the hearing (0 or less).
        side: 0 outside, 1 inside.
        rssi_dbm: how loud.
        phase_rad: NaN where the reader does not tell it.
        channel: reads of the same number were on the same antenna and frequency.
    """

    row: Ints
    at_s: Floats
    side: Ints
    rssi_dbm: Floats
    phase_rad: Floats
    channel: Ints


class Looks(NamedTuple):
    """Looks, sorted by hearing and time.

    Attributes:
        row, at_s, side: as in :class:`Echoes`; the time is the mean.
        level_dbm: mean.
        spoken: indices of the looks whose phases say something of speed.
        speed: [spoken, SPEEDS_M_S]: log likelihood of each radial speed, against standing still.
    """

    row: Ints
    at_s: Floats
    side: Ints
    level_dbm: Floats
    spoken: Ints
    speed: Floats


class Phases(NamedTuple):
    """What phases say, per hearing.

    Attributes:
        coherence: agreement of successive reads on one channel, centred.
        pairs: how many there were, as a logarithm.
        leaving: radial speed away from the antennas towards the end.
        speed_lead: the same, outside over inside.
    """

    coherence: Floats
    pairs: Floats
    leaving: Floats
    speed_lead: Floats


def looks(echoes: Echoes) -> Looks:
    """Join reads to looks."""
    row, at_s, channel = echoes.row, echoes.at_s, echoes.channel
    fresh = np.ones(len(row), dtype=bool)
    fresh[1:] = (row[1:] != row[:-1]) | (channel[1:] != channel[:-1]) | (np.diff(at_s) > LOOK_GAP_S)
    start = np.maximum.accumulate(np.where(fresh, np.arange(len(row)), 0))
    slot = np.floor((at_s - at_s[start]) / LOOK_S)
    fresh[1:] |= slot[1:] != slot[:-1]
    first = np.flatnonzero(fresh)
    index = np.cumsum(fresh) - 1
    many = np.bincount(index)
    told = ~np.isnan(echoes.phase_rad)
    spoken = np.flatnonzero(np.bincount(index, weights=told) > 1)
    return Looks(
        row[first],
        np.add.reduceat(at_s, first) / many,
        echoes.side[first],
        np.add.reduceat(echoes.rssi_dbm, first) / many,
        spoken,
        _speeds(echoes, index, first, told, spoken),
    )


def _speeds(echoes: Echoes, index: Ints, first: Ints, told: NDArray[np.bool_], spoken: Ints) -> Floats:
    """Weigh each radial speed in each look of two or more phases."""
    if not len(spoken):
        return np.zeros((0, len(SPEEDS_M_S)))
    place = np.full(len(first), -1)
    place[spoken] = np.arange(len(spoken))
    own = np.flatnonzero(told & (place[index] >= 0))
    look = place[index[own]]
    after_s = echoes.at_s[own] - echoes.at_s[first[index[own]]]
    angle = 2.0 * echoes.phase_rad[own] - after_s * _TURN_PER_S * np.arange(-FASTEST, FASTEST + 1)[:, None]
    starts = np.flatnonzero(np.diff(look, prepend=-1))
    strength = np.hypot(
        np.add.reduceat(np.cos(angle), starts, axis=1), np.add.reduceat(np.sin(angle), starts, axis=1)
    )
    entry = np.minimum(PHASE_TRUST * strength, _STRONGEST) * _PER_UNIT + 0.5
    likely = _log_i0()[entry.astype(np.int64)]
    found: Floats = (likely - likely[STILL]).T
    return found


@cache
def _log_i0() -> Floats:
    found: Floats = np.log(np.i0(np.arange(0.0, _STRONGEST + 2.0 / _PER_UNIT, 1.0 / _PER_UNIT)))
    return found


def phases(echoes: Echoes, rows: int) -> Phases:
    """Compare successive reads on one channel."""
    order = np.lexsort((echoes.at_s, echoes.channel, echoes.row))
    row, channel = echoes.row[order], echoes.channel[order]
    at_s, phase, side = echoes.at_s[order], echoes.phase_rad[order], echoes.side[order]
    gap = np.diff(at_s)
    turned = np.diff(phase)
    pair = (row[1:] == row[:-1]) & (channel[1:] == channel[:-1]) & (gap < PAIR_S) & ~np.isnan(turned)
    pair &= gap > 0.0
    row, side, at_s, gap, turned = row[1:][pair], side[1:][pair], at_s[1:][pair], gap[pair], turned[pair]
    many = np.bincount(row, minlength=rows)
    agree = np.bincount(row, weights=np.cos(2.0 * turned), minlength=rows) / np.maximum(many, 1)
    near = (gap < NEAR_PAIR_S) & (gap > 0.004)
    twice = np.angle(np.exp(2j * turned[near]))
    speed = np.clip(twice / 2.0 / gap[near] * WAVE_M / (4.0 * np.pi), -2.0, 2.0)
    late = np.exp(at_s[near] / 0.7)
    group = side[near] * rows + row[near]
    per_side = np.bincount(group, weights=speed * late, minlength=2 * rows).reshape(2, rows)
    return Phases(
        np.where(many > 0, (agree - 0.35) * np.sqrt(np.minimum(many, 16)) / 2.0, 0.0),
        np.log1p(many) / 2.0,
        np.clip(per_side.sum(axis=0), -4.0, 4.0),
        np.clip(per_side[0] - per_side[1], -4.0, 4.0),
    )
