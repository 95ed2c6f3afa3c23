"""From belief to statements: picked up, put down, moved; a tag's statements alternate and are final.

A tag is picked up when "in a hand or away" outweighs "lies there" by ``leave_nats``; put down when "placed"
outweighs "away" by ``enter_nats`` and its zone is clear, or has been unclear for long; moved when another zone
explains its whole stay better by ``move_nats``. A tag that comes back so soon that its absence was never
certain is recognised by its new levels, and both events are told then.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from edge.sensing import tuning as t
from edge.sensing.belief import (
    AWAY,
    FLOOR,
    HAND,
    LIES,
    NOWHERE,
    PLACED,
    SHADED,
    STATES,
    Flags,
    Heard,
    Ints,
    Shop,
    Tags,
)
from edge.sensing.placement import zone_probability

REVIEW_EVERY: Final = 3
"""Cycles between two looks at whether tags are in the right zone."""

NEW: Final = 30.0
TURNS: Final = 4
"""Tags that have lain longer than so many cycles are looked at in turn, a share of them at a time."""


class Thresholds(msgspec.Struct, frozen=True):
    """How much evidence a statement takes, in nats; reads that make a new tag believable."""

    leave_nats: float
    enter_nats: float
    move_nats: float
    arrive_reads: int


class Verdicts(NamedTuple):
    """Rows of which something is told.

    Attributes:
        picked: (row, zone it left).
        put: (row, zone), also of tags never seen before.
        moved: (row, zone it left, zone).
        returned: (row, zone it left, zone): picked up and put back, both told now.
    """

    picked: list[tuple[int, int]]
    put: list[tuple[int, int]]
    moved: list[tuple[int, int, int]]
    returned: list[tuple[int, int, int]]


def decide(tags: Tags, shop: Shop, heard: Heard, turn: int, limits: Thresholds) -> tuple[Tags, Verdicts]:
    """Say what can be said after a cycle.

    Args:
        tags: after :func:`edge.sensing.belief.update`; its arrays are not changed.
        shop: likewise.
        heard: the cycle.
        turn: number of the cycle.
        limits: thresholds.
    """
    tags = tags.copied()
    here = tags.zone != NOWHERE
    # Somebody says that it lies there, and no reader has ever heard it there: its silence is nothing new.
    unheard = here & tags.planned & ~(tags.heard > 0.0).any(axis=1)
    tags.belief[unheard] = np.where(np.arange(STATES) == LIES, 1.0, FLOOR)
    tags.misses[unheard] = 0.0
    belief = tags.belief
    gone = belief[:, HAND] + belief[:, AWAY]
    lies = belief[:, LIES] + belief[:, SHADED]
    leaves = here & (belief[:, PLACED] <= gone)
    leaves &= np.log((gone + belief[:, PLACED]) / lies) > limits.leave_nats
    anew = here & ~leaves & (np.log(belief[:, PLACED] / (gone + lies)) > t.RETRO)
    # What was read a few times only has no look of its own yet that it could have lost: it is looked at afresh.
    known = tags.heard.max(axis=1) >= t.KNOWN_READS
    picked = [_pick(tags, int(row)) for row in np.nonzero(leaves)[0]]
    _gather(tags, heard, ~here)
    comes = ~here & (np.log(belief[:, PLACED] / gone) > limits.enter_nats)
    comes &= (tags.reads.sum(axis=1) >= limits.arrive_reads) | (tags.origin != NOWHERE)
    put = _put(tags, shop, np.nonzero(comes)[0])
    returned = [_return(tags, shop, heard, int(row)) for row in np.nonzero(anew)[0]]
    corrected = [(row, left, zone) for row, left, zone in returned if not known[row] and left != zone]
    returned = [one for one in returned if known[one[0]]]
    moved = _review(tags, shop, turn // REVIEW_EVERY, limits.move_nats) if turn % REVIEW_EVERY == 0 else []
    return tags, Verdicts(picked, put, [*corrected, *moved], returned)


def _forget_placement(tags: Tags, rows: Flags | int | Ints) -> None:
    for column in (tags.reads, tags.misses, tags.level_dbm, tags.heard):
        column[rows] = 0.0


def _pick(tags: Tags, row: int) -> tuple[int, int]:
    zone = int(tags.zone[row])
    tags.origin[row], tags.zone[row], tags.planned[row] = zone, NOWHERE, False
    _forget_placement(tags, row)
    tags.belief[row, [LIES, SHADED]] = 0.0
    return row, zone


def _gather(tags: Tags, heard: Heard, absent: Flags) -> None:
    """Collect what a tag looks like that may just have been put down; forget it when it was not."""
    rows = np.nonzero(absent & (tags.belief[:, PLACED] > 0.05))[0]
    read = heard.read[rows]
    tags.reads[rows] += read
    tags.misses[rows] += ~read & heard.alive
    tags.heard[rows] += read
    tags.level_dbm[rows] += np.where(
        read, (heard.rssi_dbm[rows] - tags.level_dbm[rows]) / np.maximum(tags.heard[rows], 1.0), 0.0
    )
    _forget_placement(tags, absent & (tags.belief[:, PLACED] < 0.01))


def _put(tags: Tags, shop: Shop, rows: Ints) -> list[tuple[int, int]]:
    if len(rows) == 0:
        return []
    probability = zone_probability(tags, shop, rows)
    tags.waited[rows] += 1
    patience = np.where(tags.origin[rows] == NOWHERE, t.NEW_PATIENCE, t.PATIENCE)
    ready = (probability.max(axis=1) >= t.SURE) | (tags.waited[rows] >= patience)
    told = []
    for row, zone in zip(rows[ready].tolist(), probability.argmax(axis=1)[ready].tolist(), strict=True):
        _lay(tags, row, zone)
        if tags.origin[row] == NOWHERE:
            tags.origin[row] = zone
        told.append((row, zone))
    return told


def _lay(tags: Tags, row: int, zone: int) -> None:
    tags.zone[row] = zone
    tags.belief[row] = np.where(np.arange(STATES) == LIES, 1.0, FLOOR)
    tags.cycles[row] = tags.waited[row] = 0.0


def _return(tags: Tags, shop: Shop, heard: Heard, row: int) -> tuple[int, int, int]:
    left = int(tags.zone[row])
    tags.origin[row], tags.planned[row] = left, False
    tags.reads[row], tags.misses[row] = heard.read[row], ~heard.read[row] & heard.alive
    tags.heard[row], tags.level_dbm[row] = heard.read[row], heard.rssi_dbm[row]
    probability = zone_probability(tags, shop, np.array([row]))[0]
    zone = int(probability.argmax()) if probability.max() >= t.LIKELY else left
    _lay(tags, row, zone)
    return row, left, zone


def _review(tags: Tags, shop: Shop, turn: int, move_nats: float) -> list[tuple[int, int, int]]:
    """Find tags whose stay another zone explains better."""
    due = (tags.cycles < NEW) | (np.arange(len(tags.zone)) % TURNS == turn % TURNS)
    known = (tags.zone != NOWHERE) & (tags.heard.sum(axis=1) >= 2.0) & (tags.cycles >= 3.0)
    rows = np.nonzero(due & known)[0]
    if len(rows) == 0:
        return []
    probability = zone_probability(tags, shop, rows)
    best, now = probability.argmax(axis=1), tags.zone[rows]
    index = np.arange(len(rows))
    better = np.log(probability[index, best] / np.maximum(probability[index, now], 1e-12)) > move_nats
    moved = []
    for row, left, zone in zip(
        rows[better].tolist(), now[better].tolist(), best[better].tolist(), strict=True
    ):
        tags.zone[row], tags.planned[row] = zone, False
        moved.append((row, left, zone))
    return moved
