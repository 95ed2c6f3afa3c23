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
  still, tried for each of several paces, and the same for either direction (:mod:`.gate_tracks`).
- Phase: successive reads on one channel agree while a tag lies still. It is compared modulo half a turn,
  because many readers cannot tell a phase from its opposite. When reads are close enough for it, the
  difference is a radial speed: towards the antenna before the tag is level with it, away from it afterwards.

Features after published work on portals (Keller et al. 2010, Ma et al. 2018); constants are reasoned.
"""

from typing import Final, NamedTuple

import numpy as np

from edge.sensing.gate_looks import Echoes, Floats, Ints, looks, phases
from edge.sensing.gate_tracks import tracks

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
STILL_DB: Final = 1.8
RESTLESS_DB: Final = 4.5


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
    heard = looks(echoes)
    row, at_s, side, level = heard.row, heard.at_s, heard.side, heard.level_dbm
    starts = np.searchsorted(row, np.arange(rows))
    count = np.bincount(row, minlength=rows)
    group = side * rows + row

    def total(values: Floats) -> Floats:
        sums: Floats = np.add.reduceat(values, starts)
        return sums

    def by_side(values: Floats) -> Floats:
        sums = np.bincount(group, weights=values, minlength=2 * rows)
        return sums.reshape(2, rows).astype(np.float64, copy=False)

    loudest = np.maximum.reduceat(level, starts)
    side_loudest = np.full(2 * rows, QUIET_DBM)
    np.maximum.at(side_loudest, group, level)
    outer, inner = side_loudest.reshape(2, rows)
    mean = total(level) / count
    spread = np.sqrt(total((level - mean[row]) ** 2) / count)
    energy = 10.0 ** ((level - loudest[row]) / 15.0)
    sign = 2.0 * side - 1.0
    weight = total(energy)
    middle = total(energy * at_s) / weight
    apart = at_s - middle[row]
    width = np.sqrt(total(energy * apart**2) / weight) + 0.1
    balance = total(energy * sign) / weight
    slope = np.clip(
        total(energy * apart * (sign - balance[row]))
        / np.sqrt(np.maximum(total((energy * apart) ** 2), 1e-6) * np.maximum(1.0 - balance**2, 0.1)),
        -4.0,
        4.0,
    )
    side_energy, side_middle = by_side(energy), by_side(energy * at_s)
    side_middle /= np.maximum(side_energy, 1e-9)
    centroid_lead = np.where(
        side_energy.min(axis=0) > 0, np.clip((side_middle[1] - side_middle[0]) / width, -2.0, 2.0), 0.0
    )
    first = at_s[starts]
    part = (at_s - first[row]) / np.maximum(-first[row], 0.2)
    early, late = part < 0.25, part >= 0.75
    many_early, many_late = total(early * 1.0), total(late * 1.0)
    balance_shift = _mean(total(sign * late), many_late) - _mean(total(sign * early), many_early)
    rise = loudest - _mean(total(level * early), many_early, loudest)
    fall = loudest - _mean(total(level * late), many_late, loudest)
    centred = part - (total(part) / count)[row]
    square = centred**2 - (total(centred**2) / count)[row]
    bend = total(square * (level - mean[row])) / (total(square**2) + 0.05)
    peak = np.maximum.reduceat(np.where(level >= loudest[row] - 1e-9, at_s, -60.0), starts)
    walks = tracks(heard, rows)
    over = walks.over
    track_gain = np.logaddexp(walks.inwards, walks.outwards) - np.log(2.0)
    track_lead = np.clip(walks.inwards - walks.outwards, -15.0, 15.0)
    past_lead = np.clip(walks.past - track_gain, -10.0, 10.0) / 2.0
    turn_lead = np.clip(walks.turned - track_gain, -10.0, 10.0) / 2.0
    stirred = np.log1p(
        np.bincount(row[heard.spoken], weights=heard.speed.max(axis=1, initial=0.0), minlength=rows)
    )
    phase = phases(echoes, rows)
    many = np.log(np.bincount(echoes.row, minlength=rows))
    since_last = np.minimum(since_last_s, 2.0)
    loud = (loudest + 60.0) / 10.0
    length = np.log(0.3 - first)
    gain = np.clip(track_gain, -10.0, 25.0) / 3.0
    still = _stillness(row, level, side, rows)
    even = np.stack(
        [
            many,
            loud,
            (mean + 60.0) / 10.0,
            spread / 3.0,
            (np.minimum(outer, inner) + 65.0) / 10.0,
            length,
            np.abs(inner - outer) / 10.0,
            np.abs(centroid_lead),
            width,
            np.abs(balance_shift),
            np.abs(slope),
            rise / 10.0,
            fall / 10.0,
            np.minimum(rise, fall) / 10.0,
            np.clip(bend / 30.0, -2.0, 2.0),
            np.minimum(since_last_s - peak, 6.0),
            since_last,
            gain,
            np.abs(track_lead) / 3.0,
            over,
            np.abs(track_lead) * over / 3.0,
            phase.coherence,
            phase.pairs,
            phase.leaving,
            still,
            still**2 / 4.0,
            length**2,
            loud * gain,
            many * gain / 2.0,
            length * gain,
            width * gain,
            phase.coherence * gain,
            over * gain,
            loud * length,
            still * gain,
            walks.pace,
            loud**2,
            since_last * gain,
            np.clip(walks.past, -10.0, 25.0) / 3.0,
            past_lead,
            past_lead * over,
            past_lead * loud,
            past_lead * many / 2.0,
            turn_lead,
            turn_lead * over,
            turn_lead * many / 2.0,
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
            np.clip(inner - outer, -15.0, 15.0) / 10.0,
            centroid_lead,
            balance_shift,
            slope,
            track_lead / 3.0,
            track_lead * over / 3.0,
            phase.speed_lead,
            track_lead * loud / 3.0,
            track_lead * gain / 9.0,
            slope * over,
        ],
        axis=1,
    )
    return Figures(even, odd, middle, walks.crossed_s)


def _mean(sums: Floats, many: Floats, otherwise: Floats | float = 0.0) -> Floats:
    return np.where(many > 0, sums / np.maximum(many, 1.0), otherwise)


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
