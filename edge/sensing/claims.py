"""Exactly so many of these tags are gone: what a weighed removal says about tags.

A plate tells that a unit of some SKU left a zone, and when. One of the SKU's tags is the one, each as likely as
another; from then on their silence and their reads decide between them, instead of each against the small
prior of a lift. So a tag that is read every other second is known to be gone after a few seconds of silence,
and the others need not be doubted.

Strategy. A removal opens a **claim** on the tags that may be meant. Each cycle, after the filter has judged every
tag by itself, the claim is settled anew: odds of the claimed tags are weighed against each other and against
"none of them", and their sum is kept at the units that are gone. What a tag's odds were made of before the
plate moved is not counted: no more than the silence since then can speak for it. The claim ends when its units
have been told, or after ``CLAIM_MS``.

Method: recursive Bayes over exclusive hypotheses (data association with one target). A removal that the reader had
noticed before is no claim.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from contract.epc import identify
from edge.model import Removal
from edge.sensing import tuning as t
from edge.sensing.belief import HAND, LIES, NOWHERE, SHADED, Floats, Ints, Tags

CLAIM_MS: Final = 30_000
ALREADY_MS: Final = 10_000
"""A pick-up that was told this long before the plate moved, at most, is the same event."""
MAX_CLAIMS: Final = 32
MOST: Final = 0.98


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """A removal whose tags are not known yet.

    Attributes:
        removal: what was weighed.
        units: how many are still to be told.
        none: probability that no tag is meant.
        shares: EPC → probability that it is gone; before the first settling, its prior.
        settled: there was a first settling.
    """

    removal: Removal
    units: int
    none: float
    shares: dict[str, float]
    settled: bool = False


def settle_claims(
    claims: Sequence[Claim],
    removals: Sequence[Removal],
    tags: Tags,
    rows: Mapping[str, int],
    picked_at: Ints,
    lift: Mapping[str, float],
    end: int,
    cycle_ms: int,
) -> list[Claim]:
    """Open what is due, let go what is too old, and write what follows into ``tags.belief``; returns what is open.

    Args:
        claims: open.
        removals: due, at most ``end`` old.
        tags: after the cycle's update; written to.
        rows: EPC → row.
        picked_at: [N] when each was last told to be picked up, in ms.
        lift: zone → prior of a lift per cycle that the filter used.
        end: of the cycle, in ms.
        cycle_ms: its length.
    """
    still = [claim for claim in claims if end - claim.removal.at <= CLAIM_MS]
    zones = list(lift)
    for removal in removals:
        if removal.zone in lift and end - removal.at <= CLAIM_MS:
            opened = open_claim(removal, tags, rows, zones.index(removal.zone), picked_at, still)
            still += [] if opened is None else [opened]
    return [
        settle_claim(
            claim,
            tags,
            rows,
            max(1, (end - claim.removal.since) // cycle_ms),
            lift[claim.removal.zone],
        )
        for claim in still[-MAX_CLAIMS:]
    ]


def close_claims(
    claims: Sequence[Claim], picked: Sequence[str], tags: Tags, rows: Mapping[str, int], lift: float
) -> tuple[Claim, ...]:
    """Return what is still open after some tags were told to be picked up."""
    after = [told(claim, picked, tags, rows, lift) for claim in claims]
    return tuple(claim for claim in after if claim is not None)


def open_claim(
    removal: Removal,
    tags: Tags,
    rows: Mapping[str, int],
    zone: int,
    picked_at: Ints,
    others: Sequence[Claim],
) -> Claim | None:
    """Return a claim on the tags of a zone that may be meant; None when there is nothing left to find.

    Args:
        removal: what was weighed.
        tags: what is believed.
        rows: EPC → row.
        zone: number of the removal's zone.
        picked_at: [N] when each was last told to be picked up, in ms.
        others: open claims; what they claim is not claimed twice.
    """
    taken = {epc for claim in others for epc in claim.shares}
    named = {gtin for gtin, _ in removal.goods if gtin is not None}
    unnamed = any(gtin is None for gtin, _ in removal.goods)
    heard = np.any(tags.heard > 0.0, axis=1)
    already = 0
    found: dict[str | None, list[str]] = {}
    for epc, row in rows.items():
        lies = tags.zone[row] == zone
        if not lies and (tags.zone[row] != NOWHERE or tags.origin[row] != zone):
            continue
        gtin = gtin_of(epc)
        if gtin not in named and gtin is not None:
            if not unnamed:
                continue
            gtin = None
        if not lies:
            already += picked_at[row] >= removal.since - ALREADY_MS
        elif heard[row] and epc not in taken:
            found.setdefault(gtin, []).append(epc)
    units = removal.units - int(already)
    if units <= 0:
        return None
    shares: dict[str, float] = {}
    for gtin, expected in removal.goods:
        own, nameless = found.get(gtin, []), [] if gtin is None else found.get(None, [])
        each = expected / max(len(own) + t.NAMELESS * len(nameless), t.NAMELESS)
        for epcs, weight in ((own, each), (nameless, t.NAMELESS * each)):
            for epc in epcs:
                shares[epc] = shares.get(epc, 0.0) + weight
    return Claim(removal, units, t.UNTAGGED * units, shares) if shares else None


def settle_claim(claim: Claim, tags: Tags, rows: Mapping[str, int], cycles: int, lift: float) -> Claim:
    """Weigh the claimed tags against each other and write what follows into ``tags.belief``.

    Args:
        claim: open.
        tags: after the cycle's update; may be written to.
        rows: EPC → row.
        cycles: since the plate moved, up to the end of this one.
        lift: prior of a lift per cycle that the filter used.
    """
    epcs = [epc for epc in claim.shares if epc in rows]
    index = np.array([rows[epc] for epc in epcs], dtype=np.int64)
    shares = np.array([claim.shares[epc] for epc in epcs])
    lies = tags.belief[index][:, [LIES, SHADED]].sum(axis=1)
    odds = (1.0 - lies) / lies
    if claim.settled:
        weight = odds * (1.0 - shares)
    else:
        weight = shares * np.minimum(odds / lift, _silence(tags, index, cycles))
    total = weight.sum() + claim.none
    gone = np.minimum(claim.units * weight / total, MOST)
    set_gone(tags, index, gone)
    return msgspec.structs.replace(
        claim,
        none=float(claim.units * claim.none / total),
        shares=dict(zip(epcs, gone.tolist(), strict=True)),
        settled=True,
    )


def told(
    claim: Claim, picked: Sequence[str], tags: Tags, rows: Mapping[str, int], lift: float
) -> Claim | None:
    """Return the claim without tags that were told to be picked up; None when all its units have been.

    The tags that were not the ones lie there as before.
    """
    found = [epc for epc in picked if epc in claim.shares]
    if not found:
        return claim
    shares = {epc: share for epc, share in claim.shares.items() if epc not in found}
    units = claim.units - len(found)
    if units > 0 and shares:
        return msgspec.structs.replace(claim, units=units, shares=shares)
    index = np.array([rows[epc] for epc in shares if epc in rows], dtype=np.int64)
    set_gone(tags, index, np.minimum(np.array([shares[epc] for epc in shares if epc in rows]), lift))
    return None


def set_gone(tags: Tags, rows: Ints, gone: Floats) -> None:
    """Give "lifted, away or put down anew" this probability, and leave the rest of the belief in proportion."""
    belief = tags.belief[rows]
    lies = belief[:, [LIES, SHADED]].sum(axis=1)
    belief[:, [LIES, SHADED]] *= ((1.0 - gone) / lies)[:, None]
    belief[:, HAND:] *= (gone / (1.0 - lies))[:, None]
    tags.belief[rows] = belief


def gtin_of(epc: str) -> str | None:
    """Return the GTIN that an EPC carries, None for none."""
    identity = identify(epc)
    return None if identity is None else identity.gtin


def _silence(tags: Tags, rows: Ints, cycles: int) -> Floats:
    """Return how much likelier silence since the plate moved is of a tag that is gone."""
    cycles_seen = tags.reads[rows] + tags.misses[rows]
    rate = np.clip((tags.reads[rows] + 0.5) / (cycles_seen + 1.0), 0.0, t.MOST_READ)
    unread: Floats = np.prod(1.0 - rate, axis=1)
    likelier: Floats = np.maximum(unread, 0.01) ** -float(cycles)
    return likelier
