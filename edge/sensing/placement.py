"""Which zone a tag was put into, and what the tags of each zone look like to each antenna.

A placement has one level per antenna, drawn once: reads tell the level ever more exactly, but they are no
independent votes for a zone. So a zone's likelihood is that of the mean levels of the whole stay, with the
spread between placements in it, and not a product over reads. The tag's own strength is common to all
antennas and integrated out. Prior: where it was picked up, or where a planogram or stock-take says.

Zones are calibrated from the tags that have lain in them for a while; no measurement walk is needed.
"""

from typing import Final

import numpy as np

from edge.sensing import tuning as t
from edge.sensing.belief import LIES, NOWHERE, Flags, Floats, Ints, Shop, Tags

LONG: Final = 20.0
"""Cycles after which a placement counts as settled."""

KNOWN: Final = 30.0
MOST_RATE_EVIDENCE: Final = 4.0


def zone_probability(tags: Tags, shop: Shop, rows: Ints) -> Floats:
    """Return the probability of each zone for some tags that lie somewhere, [len(rows), Z]."""
    count = tags.heard[rows][:, None, :]
    distance = tags.level_dbm[rows][:, None, :] - shop.level_dbm[None] - tags.offset_db[rows][:, None, None]
    variance = t.SHADOW_DB**2 + shop.doubt_db2[None] + shop.spread_db2 / np.maximum(count, 0.5)
    weight = np.where(count > 0.0, 1.0 / variance, 0.0)
    tag = np.where(tags.settled[rows] > KNOWN, t.KNOWN_TAG_DB**2, t.TAG_DB**2)[:, None]
    common = (weight * distance).sum(axis=2) ** 2 / (1.0 / tag + weight.sum(axis=2))
    squares = (weight * distance**2).sum(axis=2) - common
    word = -0.5 * np.minimum(squares, 30.0)
    word -= 0.5 * np.where(count > 0.0, np.log(variance), 0.0).sum(axis=2)
    reads, misses = tags.reads[rows][:, None, :], tags.misses[rows][:, None, :]
    cycles = reads + misses
    rate = (reads + 0.3) / (cycles + 0.6)
    usual = np.clip(shop.rate[None], t.SELDOM, 0.98)
    surprise = rate * np.log(rate / usual) + (1.0 - rate) * np.log((1.0 - rate) / (1.0 - usual))
    word -= np.minimum(np.minimum(cycles, 8.0) * surprise, MOST_RATE_EVIDENCE).sum(axis=2)
    word += _prior(tags, rows, len(shop.rate))
    shares = np.exp(word - word.max(axis=1, keepdims=True))
    probability: Floats = shares / shares.sum(axis=1, keepdims=True)
    return probability


def _prior(tags: Tags, rows: Ints, zones: int) -> Floats:
    """Return log priors; a tag of which nothing is known may be anywhere."""
    prior = np.full((len(rows), zones), np.log(0.1 / max(1, zones - 1)))
    origin = tags.origin[rows]
    known = np.nonzero(origin != NOWHERE)[0]
    prior[known, origin[known]] = np.log(np.where(tags.planned[rows][known], t.PLANNED_ZONE, t.SAME_ZONE))
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
