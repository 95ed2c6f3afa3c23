"""What tells a tag that is carried through a gate from one that lies near: figures of a hearing.

A hearing is the reads of one tag at the two antennas of a gate without a silence in between. Its figures
are made of signal strength, time and antenna, and of phase where the reader tells it. A figure is **even**
when it stays the same with outside and inside exchanged, and **odd** when it changes its sign: only odd ones
can tell in from out, only even ones whether anything passed at all. All hearings are computed at once.

- Strength and number: a tag that passes comes nearer than one that lies beside the way.
- Course: a tag that passes swells and fades; one that lies there is as loud first as last.
- Balance: energy moves from one antenna to the other. Its time slope, in units of its own error, is the
  best single figure for the direction, better than comparing two centroids, which few reads spoil.
- Track: how much better a straight walk past both antennas explains the strengths than a tag that lies
  still, tried for each of several paces, and the same for either direction.
- Phase: successive reads on one channel agree while a tag lies still. It is compared modulo half a turn,
  because many readers cannot tell a phase from its opposite. When reads are close enough for it, the
  difference is a radial speed: towards the antenna before the tag is level with it, away from it afterwards.

Features after published work on portals (Keller et al. 2010, Ma et al. 2018); constants are reasoned.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

EVEN: Final = (
    "reads",
    "loudest",
    "mean",
    "spread",
    "weaker_side",
    "span",
    "side_gap",
    "centroid_gap",
    "width",
    "balance_change",
    "slope_size",
    "rise",
    "fall",
    "rise_and_fall",
    "bend",
    "since_loudest",
    "since_last",
    "track_gain",
    "track_gap",
    "track_over",
    "track_gap_over",
    "coherence",
    "pairs",
    "leaving",
    "restless",
    "restless_squared",
    "span_squared",
    "loud_track",
    "few_track",
    "long_track",
    "wide_track",
    "coherent_track",
    "over_track",
    "loud_span",
    "restless_track",
    "pace",
    "loud_squared",
    "late_track",
    "past_gain",
    "past_lead",
    "past_lead_over",
    "past_lead_loud",
    "past_lead_reads",
)
ODD: Final = (
    "side_lead",
    "centroid_lead",
    "balance_shift",
    "slope",
    "track_lead",
    "track_lead_over",
    "speed_lead",
    "track_lead_loud",
    "track_lead_gain",
    "slope_over",
)

QUIET_DBM: Final = -80.0
ASSUMED_RSSI_DBM: Final = -60.0
BIN_S: Final = 0.2
"""Reads of one antenna this close share their multipath: they count as one level."""

LEVEL_SPREAD_DB: Final = 3.8
"""How far such a level is off the mean over distance, as measured in a room."""

STILL_DB: Final = 1.8
RESTLESS_DB: Final = 4.5

NEAR_PAIR_S: Final = 0.045
"""Reads closer than this show a walker's speed without ambiguity modulo half a turn."""

PAIR_S: Final = 2.0
WAVE_M: Final = 0.326

PACES_M_S: Final = (0.6, 0.9, 1.3, 1.8)
CROSSED_S: Final = np.arange(-6.0, 1.3, 0.3)
"""When the line may have been crossed, against the last read; a little later than it too."""

HALF_SPACING_M: Final = 0.35
NEAREST_M: Final = 0.9
FALL_DB: Final = 15.0
"""Level before an antenna of a portal: - FALL_DB x log10(1 + (along / NEAREST_M)^2), a patch across the way."""


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


class Figures(NamedTuple):
    """Figures of hearings.

    Attributes:
        even: [hearing, EVEN].
        odd: [hearing, ODD].
        middle_s: middle of each hearing's energy, in seconds before its last read.
    """

    even: Floats
    odd: Floats
    middle_s: Floats


def figures(echoes: Echoes, since_last_s: Floats) -> Figures:
    """Compute all figures of all hearings.

    Args:
        echoes: at least one read of each hearing.
        since_last_s: [hearing]: time from the last read to now.
    """
    rows = len(since_last_s)
    reads = np.bincount(echoes.row, minlength=rows)
    row, at_s, side, level = _levels(echoes)
    starts = np.searchsorted(row, np.arange(rows))
    count = np.bincount(row, minlength=rows)

    def total(values: Floats) -> Floats:
        sums: Floats = np.bincount(row, weights=values, minlength=rows).astype(np.float64)
        return sums

    loudest = np.maximum.reduceat(level, starts)
    side_loudest = np.full((2, rows), QUIET_DBM)
    np.maximum.at(side_loudest, (side, row), level)
    mean = total(level) / count
    spread = np.sqrt(np.maximum(total((level - mean[row]) ** 2) / count, 0.0))
    energy = 10.0 ** ((level - loudest[row]) / 15.0)
    sign = 2.0 * side - 1.0
    weight = total(energy)
    middle = total(energy * at_s) / weight
    width = np.sqrt(np.maximum(total(energy * (at_s - middle[row]) ** 2) / weight, 0.0)) + 0.1
    balance = total(energy * sign) / weight
    apart = at_s - middle[row]
    slope = total(energy * apart * (sign - balance[row])) / np.sqrt(
        np.maximum(total((energy * apart) ** 2), 1e-6) * np.maximum(1.0 - balance**2, 0.1)
    )
    side_energy, side_middle = np.zeros((2, rows)), np.zeros((2, rows))
    np.add.at(side_energy, (side, row), energy)
    np.add.at(side_middle, (side, row), energy * at_s)
    both = (side_energy > 0).all(axis=0)
    side_middle /= np.maximum(side_energy, 1e-9)
    centroid_lead = np.where(both, np.clip((side_middle[1] - side_middle[0]) / width, -2.0, 2.0), 0.0)
    first = at_s[starts]
    part = (at_s - first[row]) / np.maximum(-first[row], 0.2)
    early, late = part < 0.25, part >= 0.75
    balance_shift = _mean(total, sign, late) - _mean(total, sign, early)
    rise = loudest - _mean(total, level, early, otherwise=loudest)
    fall = loudest - _mean(total, level, late, otherwise=loudest)
    centred = part - (total(part) / count)[row]
    square = centred**2 - (total(centred**2) / count)[row]
    bend = total(square * (level - mean[row])) / (total(square**2) + 0.05)
    peak = np.full(rows, -60.0)
    at_peak = level >= loudest[row] - 1e-9
    np.maximum.at(peak, row[at_peak], at_s[at_peak])
    inwards, outwards, past, over, pace = _tracks(row, at_s, side, level, rows)
    track_gain = np.logaddexp(inwards, outwards) - np.log(2.0)
    track_lead = np.clip(inwards - outwards, -12.0, 12.0)
    past_lead = np.clip(past - track_gain, -8.0, 8.0) / 2.0
    coherence, pairs, leaving, speed_lead = _phases(echoes, rows)
    loud = (loudest + 60.0) / 10.0
    length = np.log(0.3 - first)
    gain = np.clip(track_gain, -10.0, 15.0) / 3.0
    still = _stillness(row, level, side, rows)
    even = np.stack(
        [
            np.log(reads),
            loud,
            (mean + 60.0) / 10.0,
            spread / 3.0,
            (side_loudest.min(axis=0) + 65.0) / 10.0,
            length,
            np.abs(side_loudest[1] - side_loudest[0]) / 10.0,
            np.abs(centroid_lead),
            width,
            np.abs(balance_shift),
            np.abs(np.clip(slope, -4.0, 4.0)),
            rise / 10.0,
            fall / 10.0,
            np.minimum(rise, fall) / 10.0,
            np.clip(bend / 30.0, -2.0, 2.0),
            np.minimum(since_last_s - peak, 6.0),
            np.minimum(since_last_s, 2.0),
            gain,
            np.abs(track_lead) / 3.0,
            over,
            np.abs(track_lead) * over / 3.0,
            coherence,
            pairs,
            leaving,
            still,
            still**2 / 4.0,
            length**2,
            loud * gain,
            np.log(reads) * gain / 2.0,
            length * gain,
            width * gain,
            coherence * gain,
            over * gain,
            loud * length,
            still * gain,
            pace,
            loud**2,
            np.minimum(since_last_s, 2.0) * gain,
            np.clip(past, -10.0, 15.0) / 3.0,
            past_lead,
            past_lead * over,
            past_lead * loud,
            past_lead * np.log(reads) / 2.0,
        ],
        axis=1,
    )
    odd = np.stack(
        [
            np.clip(side_loudest[1] - side_loudest[0], -15.0, 15.0) / 10.0,
            centroid_lead,
            balance_shift,
            np.clip(slope, -4.0, 4.0),
            track_lead / 3.0,
            track_lead * over / 3.0,
            speed_lead,
            track_lead * loud / 3.0,
            track_lead * gain / 9.0,
            np.clip(slope, -4.0, 4.0) * over,
        ],
        axis=1,
    )
    return Figures(even, odd, middle)


def _levels(echoes: Echoes) -> tuple[Ints, Floats, Ints, Floats]:
    """Return hearing, time, side and mean level per BIN_S and antenna, sorted by hearing and time."""
    slot = np.floor(echoes.at_s / BIN_S).astype(np.int64)
    key = (echoes.row << 20) + ((slot + (1 << 18)) << 1) + echoes.side
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    many = np.bincount(index)
    at_s = np.bincount(index, weights=echoes.at_s) / many
    level = np.bincount(index, weights=echoes.rssi_dbm) / many
    return echoes.row[first], at_s, echoes.side[first], level


def _mean(
    total: Callable[[Floats], Floats],
    values: Floats,
    chosen: NDArray[np.bool_],
    otherwise: Floats | float = 0.0,
) -> Floats:
    """Return the mean per hearing of the chosen values."""
    many = total(chosen.astype(np.float64))
    return np.where(many > 0, total(values * chosen) / np.maximum(many, 1.0), otherwise)


def _stillness(row: Ints, level: Floats, side: Ints, rows: int) -> Floats:
    """Return how restless the levels are: log likelihood of a moving tag's spread over that of a still one's."""
    group = 2 * row + side
    many = np.maximum(np.bincount(group, minlength=2 * rows), 1)
    mean = np.bincount(group, weights=level, minlength=2 * rows) / many
    off = (level - mean[group]) ** 2
    each = off * (0.5 / STILL_DB**2 - 0.5 / RESTLESS_DB**2)
    free = np.maximum(many.reshape(rows, 2) - 1, 0).sum(axis=1)
    total = np.bincount(row, weights=each, minlength=rows) - free * np.log(RESTLESS_DB / STILL_DB)
    clipped: Floats = np.clip(total, -12.0, 25.0)
    return clipped / 5.0


def _tracks(
    row: Ints, at_s: Floats, side: Ints, level: Floats, rows: int
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return log likelihood ratios against lying still of a walk in, out and past, how sure it is over, and its pace.

    Who walks past the gate, along the wall, is level with both antennas at once.

    Every hypothesis is a pace and a time at the line; they are equally likely. The mean level at each
    antenna is free, as the tag's own strength and shadow are not known.
    """
    group = 2 * row + side
    order = np.argsort(group, kind="stable")
    group, t, r, s = group[order], at_s[order], level[order], side[order]
    present, starts, size = np.unique(group, return_index=True, return_counts=True)
    owner = present // 2
    cell = np.repeat(np.arange(len(present)), size)
    r = r - (np.add.reduceat(r, starts) / size)[cell]
    where = HALF_SPACING_M * (2.0 * s - 1.0)
    crossed = np.tile(CROSSED_S, len(PACES_M_S))[:, None]
    pace = np.repeat(PACES_M_S, len(CROSSED_S))[:, None]
    walked = pace * (t[None, :] - crossed)
    ends = np.searchsorted(owner, np.arange(rows))
    scores = []
    for sign in (1.0, -1.0, 0.0):
        apart = (walked - sign * where[None, :]) / NEAREST_M
        shape = -FALL_DB * np.log10(1.0 + apart * apart)
        shape_mean = np.add.reduceat(shape, starts, axis=1) / size
        fit = np.add.reduceat(shape * r, starts, axis=1)
        own = np.add.reduceat(shape * shape, starts, axis=1) - size * shape_mean**2
        gain = np.add.reduceat(2.0 * fit - own, ends, axis=1) / (2.0 * LEVEL_SPREAD_DB**2)
        scores.append(gain)
    inwards, outwards, past = scores
    best = np.maximum(inwards.max(axis=0), outwards.max(axis=0))
    chance = np.exp(inwards - best) + np.exp(outwards - best)
    over = (chance * (crossed < -0.2)).sum(axis=0) / chance.sum(axis=0)
    hypotheses = np.log(len(pace))
    return (
        np.logaddexp.reduce(inwards, axis=0) - hypotheses,
        np.logaddexp.reduce(outwards, axis=0) - hypotheses,
        np.logaddexp.reduce(past, axis=0) - hypotheses,
        over,
        (chance * pace).sum(axis=0) / chance.sum(axis=0),
    )


def _phases(echoes: Echoes, rows: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return coherence (centred), number of pairs (log), share of late leaving, and its lead inside over outside."""
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
    coherence = np.where(many > 0, (agree - 0.35) * np.sqrt(np.minimum(many, 16)) / 2.0, 0.0)
    near = (gap < NEAR_PAIR_S) & (gap > 0.004)
    twice = np.angle(np.exp(2j * turned[near]))
    speed = np.clip(twice / 2.0 / gap[near] * WAVE_M / (4.0 * np.pi), -2.0, 2.0)
    late = np.exp(at_s[near] / 0.7)
    row, side = row[near], side[near]
    per_side = np.zeros((2, rows))
    np.add.at(per_side, (side, row), speed * late)
    leaving = per_side.sum(axis=0)
    return (
        coherence,
        np.log1p(many) / 2.0,
        np.clip(leaving, -4.0, 4.0),
        np.clip(per_side[0] - per_side[1], -4.0, 4.0),
    )
