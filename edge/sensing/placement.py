"""Which zone a tag was put into, and what the tags of each zone look like to each antenna.

A placement has one level per antenna, drawn once: reads tell the level ever more exactly, but they are no
independent votes for a zone. So a zone's likelihood is that of a whole stay: what each antenna heard, mean
level and share of cycles, or that it heard nothing, given the level there; integrated over the levels that
the placement may have drawn and over the strength of the tag, which is common to all antennas. A weak tag
that its own antenna hardly hears is not taken for a strong one of the next zone, because the next antenna
is silent. Prior: where it was picked up, or where a planogram or stock-take says.

Zones are calibrated from the tags that have lain in them for a while; no measurement walk is needed.
"""

from typing import Final

import numpy as np

from edge.sensing import tuning as t
from edge.sensing.belief import LIES, NOWHERE, Flags, Floats, Ints, Shop, Tags, answers

LONG: Final = 20.0
"""Cycles after which a placement counts as settled."""

KNOWN: Final = 30.0
MOST_EVIDENCE: Final = 15.0
RATE_CYCLES: Final = 10.0
"""How often a tag is read is worth no more cycles than these; a placement's silence is drawn once, too."""

LEAST_SILENCE: Final = (np.log1p(-0.98), np.log1p(-t.SELDOM))
"""Log-probability that a cycle passes without a read: bounds."""

GRID_DB: Final = 1.5
LEVELS_DB: Final = np.arange(-21.0, 10.0, 3.0)
STRENGTHS_DB: Final = np.arange(-15.0, 7.0, 3.0)
"""How much louder than usual a tag may be at an antenna, and everywhere."""


def _bell(distance: Floats, spread: float) -> Floats:
    weight = np.exp(-0.5 * (distance / spread) ** 2)
    shares: Floats = weight / weight.sum(axis=0)
    return shares


SHADOWS: Final = _bell(LEVELS_DB[:, None] - STRENGTHS_DB, t.SHADOW_DB)
"""[levels, strengths] probability of a level at one antenna."""


def zone_probability(tags: Tags, shop: Shop, rows: Ints) -> Floats:
    """Return the probability of each zone for some tags that lie somewhere, [len(rows), Z]."""
    word = _heard_at(tags, shop, rows)
    best = word.max(axis=3, keepdims=True)
    of_strength = (best + np.log(np.exp(word - best) @ SHADOWS)).sum(axis=2)
    of_strength += _strength_prior(tags, rows)[:, None, :]
    most = of_strength.max(axis=(1, 2), keepdims=True)
    per_zone = np.log(np.exp(of_strength - most).sum(axis=2) + 1e-300) + _prior(tags, rows, len(shop.rate))
    shares = np.exp(per_zone - per_zone.max(axis=1, keepdims=True))
    probability: Floats = shares / shares.sum(axis=1, keepdims=True)
    return probability


def _heard_at(tags: Tags, shop: Shop, rows: Ints) -> Floats:
    """Return the log-likelihood of what each antenna heard, had the tag these levels, [rows, Z, A, LEVELS_DB].

    Reads tell the level; how often there are any, or that there are none, tells it too.
    """
    count = tags.heard[rows][:, None, :, None]
    usual = shop.level_dbm[:, :, None]
    level = usual + LEVELS_DB + tags.offset_db[rows][:, None, None, None]
    variance = shop.doubt_db2[:, :, None] + shop.spread_db2[:, None] / np.maximum(count, 0.5) + GRID_DB**2
    distance = tags.level_dbm[rows][:, None, :, None] - level
    word = np.where(count > 0.0, -0.5 * (distance**2 / variance + np.log(variance)), 0.0)
    reads, misses = tags.reads[rows], tags.misses[rows]
    cycles = (reads + misses)[:, None, :, None]
    rate = (reads + 0.3) / (reads + misses + 0.6)
    certain = (rate * np.log(rate) + (1.0 - rate) * np.log1p(-rate))[:, None, :, None]
    reach = np.minimum(answers(level, t.SLOPE_DB) / np.maximum(answers(usual, t.SLOPE_DB), 0.02), 1.5)
    silence = np.log1p(-np.clip(shop.rate, t.SELDOM, 0.98))[:, :, None] * reach
    silence = np.clip(silence, *LEAST_SILENCE)
    rate = rate[:, None, :, None]
    surprise = certain - rate * np.log(-np.expm1(silence)) - (1.0 - rate) * silence
    worth = np.minimum(cycles, RATE_CYCLES) / (1.0 + shop.doubt_db2[:, :, None] / t.UNKNOWN_DB**2)
    likelihood: Floats = np.maximum(word - worth * surprise, -MOST_EVIDENCE)
    return likelihood


def _strength_prior(tags: Tags, rows: Ints) -> Floats:
    """Return log priors of a tag's strength, [rows, STRENGTHS_DB]; after a stay it is known better."""
    new = (1.0 - t.WEAK_SHARE) * _bell(STRENGTHS_DB, t.TAG_DB)
    new += t.WEAK_SHARE * _bell(STRENGTHS_DB + t.WEAK_DB, t.TAG_DB)
    known = _bell(STRENGTHS_DB, t.KNOWN_TAG_DB)
    settled = (tags.settled[rows] > KNOWN)[:, None]
    prior: Floats = np.log(np.where(settled, known, new) + 1e-9)
    return prior


def _prior(tags: Tags, rows: Ints, zones: int) -> Floats:
    """Return log priors; a tag of which nothing is known may be anywhere."""
    prior = np.zeros((len(rows), zones))
    origin = tags.origin[rows]
    known = np.nonzero(origin != NOWHERE)[0]
    surely = np.where(tags.planned[rows][known], t.PLANNED_ZONE, t.SAME_ZONE)
    prior[known] = np.log((1.0 - surely) / max(1, zones - 1))[:, None]
    prior[known, origin[known]] = np.log(surely)
    return prior


def calibrate(tags: Tags, shop: Shop) -> tuple[Tags, Shop]:
    """Learn what zones look like from settled tags, and how strong these tags are."""
    settled = (tags.zone != NOWHERE) & (tags.belief[:, LIES] > 0.9) & (tags.cycles > LONG)
    if not settled.any():
        return tags, shop
    level, rate, doubt = shop.level_dbm.copy(), shop.rate.copy(), shop.doubt_db2.copy()
    for zone in range(len(rate)):
        rows = settled & (tags.zone == zone)
        if rows.any():
            count = (tags.heard[rows] >= 3.0).sum(axis=0)
            doubt[zone] = np.where(
                count > 0, np.minimum(doubt[zone], t.UNKNOWN_DB**2 / (1 + 10 * count)), doubt[zone]
            )
            level[zone], rate[zone] = _zone_look(tags, rows, level[zone], rate[zone])
    rows = np.nonzero(settled)[0]
    heard = tags.heard[rows] >= 3.0
    rest = np.where(heard, tags.level_dbm[rows] - level[tags.zone[rows]], 0.0).sum(axis=1)
    antennas = heard.sum(axis=1)
    shrunk = rest / np.maximum(antennas, 1) * antennas / (antennas + 2.0)
    offset = tags.offset_db.copy()
    offset[rows] += np.where(antennas > 0, 0.2 * (shrunk - offset[rows]), 0.0)
    return tags._replace(offset_db=offset), shop._replace(level_dbm=level, doubt_db2=doubt, rate=rate)


def _zone_look(tags: Tags, rows: Flags, level: Floats, rate: Floats) -> tuple[Floats, Floats]:
    heard = tags.heard[rows] >= 3.0
    count = heard.sum(axis=0)
    total = np.where(heard, tags.level_dbm[rows] - tags.offset_db[rows][:, None], 0.0).sum(axis=0)
    reads = tags.reads[rows].sum(axis=0)
    share = reads / np.maximum(reads + tags.misses[rows].sum(axis=0), 1.0)
    members = int(rows.sum())
    return (
        np.where(count > 0, (total + 2.0 * level) / (count + 2.0), level),
        (share * members + 2.0 * rate) / (members + 2.0),
    )
