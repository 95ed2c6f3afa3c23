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
    "turn_lead",
    "turn_lead_over",
    "turn_lead_reads",
    "turn_lead_track",
    "past_lead_track",
    "stirred",
    "stirred_track",
    "track_squared",
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
LOOK_S: Final = 0.25
LOOK_GAP_S: Final = 0.12
"""Reads on one channel this close share their multipath: they are one look."""

SPEED_STEP_M_S: Final = 0.2
SPEEDS_M_S: Final = np.arange(-13, 14) * SPEED_STEP_M_S
PHASE_TRUST: Final = 1.5
"""Concentration of twice the phase around its course; less than free sight would allow."""

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
ASIDE_M: Final = 1.2
TURN_M: Final = 0.9
PAST_M: Final = 1.5
PAST_PACE: Final = 1.5
"""Who passes along the wall is not slowed by a door."""

BEAM_DEG: Final = 32.5
BACK_DB: Final = 15.0
FALL_DB: Final = 15.0
"""Level before an antenna of a portal: - FALL_DB x log10(1 + (along / NEAREST_M)^2), a patch across the way."""


_STILL: Final = len(SPEEDS_M_S) // 2
_TURN_PER_S: Final = 8.0 * np.pi * SPEEDS_M_S / WAVE_M
"""Twice the phase turns by this, for each speed: 4 pi per wave, doubled."""


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
        crossed_s: when it was on the line, if it walked through; as middle_s.
    """

    even: Floats
    odd: Floats
    middle_s: Floats
    crossed_s: Floats


def figures(echoes: Echoes, since_last_s: Floats) -> Figures:
    """Compute all figures of all hearings.

    Args:
        echoes: at least one read of each hearing.
        since_last_s: [hearing]: time from the last read to now.
    """
    rows = len(since_last_s)
    reads = np.bincount(echoes.row, minlength=rows)
    looks = _looks(echoes)
    row, at_s, side, level = looks.row, looks.at_s, looks.side, looks.level_dbm
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
    tracks = _tracks(looks, rows)
    over = tracks.over
    track_gain = np.logaddexp(tracks.inwards, tracks.outwards) - np.log(2.0)
    track_lead = np.clip(tracks.inwards - tracks.outwards, -15.0, 15.0)
    past_lead = np.clip(tracks.past - track_gain, -10.0, 10.0) / 2.0
    turn_lead = np.clip(tracks.turned - track_gain, -10.0, 10.0) / 2.0
    stirred = np.log1p(total(looks.speed.max(axis=1)))
    coherence, pairs, leaving, speed_lead = _phases(echoes, rows)
    loud = (loudest + 60.0) / 10.0
    length = np.log(0.3 - first)
    gain = np.clip(track_gain, -10.0, 25.0) / 3.0
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
            tracks.pace,
            loud**2,
            np.minimum(since_last_s, 2.0) * gain,
            np.clip(tracks.past, -10.0, 25.0) / 3.0,
            past_lead,
            past_lead * over,
            past_lead * loud,
            past_lead * np.log(reads) / 2.0,
            turn_lead,
            turn_lead * over,
            turn_lead * np.log(reads) / 2.0,
            turn_lead * gain / 3.0,
            past_lead * gain / 3.0,
            stirred,
            stirred * gain / 3.0,
            gain**2 / 3.0,
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
    return Figures(even, odd, middle, tracks.crossed_s)


class _Looks(NamedTuple):
    """What an antenna heard of a tag in one go; reads this close share their multipath.

    Attributes:
        row, side, at_s: as in :class:`Echoes`.
        level_dbm: mean.
        speed: [look, SPEEDS_M_S]: log likelihood of each radial speed, against standing still.
    """

    row: Ints
    at_s: Floats
    side: Ints
    level_dbm: Floats
    speed: Floats


def _looks(echoes: Echoes) -> _Looks:
    """Return looks, sorted by hearing and time."""
    row, at_s, channel = echoes.row, echoes.at_s, echoes.channel
    fresh = np.ones(len(row), dtype=bool)
    fresh[1:] = (row[1:] != row[:-1]) | (channel[1:] != channel[:-1]) | (np.diff(at_s) > LOOK_GAP_S)
    start = np.maximum.accumulate(np.where(fresh, np.arange(len(row)), 0))
    slot = np.floor((at_s - at_s[start]) / LOOK_S).astype(np.int64)
    fresh[1:] |= slot[1:] != slot[:-1]
    index = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    many = np.diff(np.append(first, len(row)))
    told = ~np.isnan(echoes.phase_rad)
    angle = 2.0 * np.where(told, echoes.phase_rad, 0.0)
    turn = np.exp(1j * (angle[:, None] - (at_s - at_s[first][index])[:, None] * _TURN_PER_S[None, :]))
    turn[~told] = 0.0
    strength = PHASE_TRUST * np.abs(np.add.reduceat(turn, first, axis=0))
    likely = np.log(np.i0(strength))
    return _Looks(
        row[first],
        np.add.reduceat(at_s, first) / many,
        echoes.side[first],
        np.add.reduceat(echoes.rssi_dbm, first) / many,
        likely - likely[:, [_STILL]],
    )


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


class _Tracks(NamedTuple):
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


def _tracks(looks: _Looks, rows: int) -> _Tracks:
    """Compare straight walks, each a pace and a time at the line, all equally likely.

    The mean level at each antenna is free, as the tag's own strength and shadow are not known.
    """
    order = np.argsort(2 * looks.row + looks.side, kind="stable")
    group = (2 * looks.row + looks.side)[order]
    t, r, side = looks.at_s[order], looks.level_dbm[order], looks.side[order]
    speed = looks.speed[order]
    present, starts, size = np.unique(group, return_index=True, return_counts=True)
    owner = present // 2
    r = r - (np.add.reduceat(r, starts) / size)[np.repeat(np.arange(len(present)), size)]
    where = HALF_SPACING_M * (2.0 * side - 1.0)
    crossed = np.tile(CROSSED_S, len(PACES_M_S))[:, None]
    pace = np.repeat(PACES_M_S, len(CROSSED_S))[:, None]
    walked = pace * (t[None, :] - crossed)
    back = TURN_M + np.abs(walked)
    ends = np.searchsorted(owner, np.arange(rows))
    look = np.arange(len(t)) * len(SPEEDS_M_S)
    spoken = bool(speed.any())

    def score(shape: Floats, radial: Floats) -> Floats:
        """Weigh courses [hypothesis, look]: level up to a constant in dB, and growth of the distance in m/s."""
        mean = np.add.reduceat(shape, starts, axis=1) / size
        fit = np.add.reduceat(shape * (2.0 * r - shape), starts, axis=1) + size * mean**2
        gain: Floats = np.add.reduceat(fit, ends, axis=1) / (2.0 * LEVEL_SPREAD_DB**2)
        if spoken:
            step = np.clip(np.rint(radial / SPEED_STEP_M_S).astype(np.int64) + _STILL, 0, 2 * _STILL)
            heard = np.add.reduceat(speed.ravel()[look + step], starts, axis=1)
            gain = gain + np.add.reduceat(heard, ends, axis=1)
        return gain

    def along(apart: Floats, growth: Floats) -> Floats:
        """Weigh courses along the way: distance from the antenna's axis, and its growth."""
        shape = -FALL_DB * np.log10(1.0 + (apart / NEAREST_M) ** 2)
        return score(shape, growth * apart / np.sqrt(apart**2 + ASIDE_M**2))

    def across(behind: Floats, growth: Floats) -> Floats:
        """Weigh courses along the wall: distance behind both antennas, and its growth."""
        square = behind**2 + PAST_M**2
        angle = np.degrees(np.arctan2(PAST_M, -behind))
        shape = -10.75 * np.log10(square) - np.minimum(3.0 * (angle / BEAM_DEG) ** 2, BACK_DB)
        return score(shape, growth * behind / np.sqrt(square))

    inwards = along(walked - where, pace)
    outwards = along(walked + where, pace)
    strolled = PAST_PACE * walked
    past = np.concatenate([across(strolled, PAST_PACE * pace), across(-strolled, -PAST_PACE * pace)])
    away = pace * np.sign(walked)
    turned = np.concatenate([along(back + where, away), along(back - where, away)])
    best = np.maximum(inwards.max(axis=0), outwards.max(axis=0))
    chance = np.exp(inwards - best) + np.exp(outwards - best)
    chance /= chance.sum(axis=0)
    many = np.log(len(pace))
    return _Tracks(
        inwards=np.logaddexp.reduce(inwards, axis=0) - many,
        outwards=np.logaddexp.reduce(outwards, axis=0) - many,
        past=np.logaddexp.reduce(past, axis=0) - many - np.log(2.0),
        turned=np.logaddexp.reduce(turned, axis=0) - many - np.log(2.0),
        over=(chance * (crossed < -0.2)).sum(axis=0),
        crossed_s=(chance * crossed).sum(axis=0),
        pace=(chance * pace).sum(axis=0),
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
