"""What is believed of every tag, and one antenna cycle of evidence: a Bayes filter over numpy arrays.

Five states per tag. LIES: where it was put, read as often and as loud as it has been. SHADED: the same, but a body
hides it. HAND: lifted, still near. AWAY. PLACED: put down again somewhere, as loud as tags of some zone are.
What a placed tag looks like to each antenna is its own **fingerprint**: a read rate (beta) and a level
(normal), learned under the hypothesis that it still lies there, from what its zone's other tags look like.

**Common mode.** A body before a zone weakens all its tags at an antenna together. Per zone and antenna a
small hidden Markov chain over attenuations is followed; each tag is judged with its own contribution left
out, so that one silent tag does not explain itself away. A tag that others say is hidden moves to SHADED,
whose silence proves nothing; a body that has just come raises the prior of a lift.

An antenna whose reader gave no sign of life in the cycle says nothing: blindness is no absence.

Method: forward filtering of a hidden Markov model (Rabiner, Proc. IEEE 77(2), 1989); common-mode
normalisation of RFID reads as in docs/sensing.md. Shapes: N tags, A antennas, Z zones, G attenuations.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.sensing import tuning as t

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LIES, SHADED, HAND, AWAY, PLACED = range(5)
STATES: Final = 5
NOWHERE: Final = -1
FLOOR: Final = 1e-9
MOST_SILENCE: Final = -float(np.log1p(-t.MOST_READ))


class Tags(NamedTuple):
    """One row per tag.

    Attributes:
        belief: [N, 5] probability of each state.
        reads, misses: [N, A] cycles in which it was and was not read, forgotten over MEMORY.
        level_dbm, heard: [N, A] mean level and how many cycles it stands on, at most LEVEL_MEMORY.
        offset_db: [N] how much louder than others of its zone.
        settled: [N] cycles for which it has lain anywhere.
        zone: [N] where it is told to be, NOWHERE in no zone.
        origin: [N] where it was picked up, NOWHERE if never.
        planned: [N] its zone was told from outside.
        cycles: [N] since it was put down.
        waited: [N] cycles for which its zone has been undecided.
        hidden: [N] share of its reads that bodies were believed to take.
    """

    belief: Floats
    reads: Floats
    misses: Floats
    level_dbm: Floats
    heard: Floats
    offset_db: Floats
    settled: Floats
    zone: Ints
    origin: Ints
    planned: Flags
    cycles: Floats
    waited: Floats
    hidden: Floats

    def last_zone(self) -> Ints:
        """Return where each tag is or was picked up; any zone for one that never lay anywhere."""
        zones: Ints = np.maximum(np.where(self.zone == NOWHERE, self.origin, self.zone), 0)
        return zones

    def taken(self, rows: Ints | Flags) -> "Tags":
        """Return some of the rows, as arrays of their own."""
        return Tags._make(column[rows] for column in self)

    def copied(self) -> "Tags":
        """Return the same rows in arrays that may be written to."""
        return Tags._make(column.copy() for column in self)

    def joined(self, more: "Tags") -> "Tags":
        """Return these rows with more behind them."""
        return Tags._make(np.concatenate(pair) for pair in zip(self, more, strict=True))


class Shop(NamedTuple):
    """What all tags share.

    Attributes:
        level_dbm: [Z, A] mean level of a zone's tags at an antenna.
        doubt_db2: [Z, A] variance of that level, as long as no tag of the zone has told it.
        rate: [Z, A] how often they are read in a cycle.
        spread_db2: [A] variance of a lying tag's reads around its level.
        bodies: [G, Z, A] probability of each attenuation.
        came: [Z] how surely somebody has just come, fading.
    """

    level_dbm: Floats
    doubt_db2: Floats
    rate: Floats
    spread_db2: Floats
    bodies: Floats
    came: Floats


class Heard(NamedTuple):
    """One antenna cycle.

    Attributes:
        read: [N, A] read at least once.
        rssi_dbm: [N, A] mean of these reads, 0 where there was none.
        alive: [A] the antenna's reader gave a sign of life.
        lift: [Z] factor on the prior of a lift, from other sensors.
    """

    read: Flags
    rssi_dbm: Floats
    alive: Flags
    lift: Floats


class Expected(NamedTuple):
    """What a lying tag should look like, and how bodies change that.

    Attributes:
        keep: [N, A] read probability without a body.
        level_dbm, spread_db2: [N, A] of a read without a body.
        fit: [N, A] log-likelihood of this cycle's level, over all attenuations that others speak of.
        block_db: [N, A] mean attenuation, at most 0.
        lost: [N, A] share of reads that bodies and interference take.
        shaded: [N, A] share that bodies alone take; a tag that a body hides stays hidden.
    """

    keep: Floats
    level_dbm: Floats
    spread_db2: Floats
    fit: Floats
    block_db: Floats
    lost: Floats
    shaded: Floats


def new_tags(count: int, antennas: int) -> Tags:
    """Return rows of tags of which nothing is known."""
    belief = np.zeros((count, STATES))
    belief[:, AWAY] = 1.0
    grid = np.zeros((count, antennas))
    column = np.zeros(count)
    nowhere = np.full(count, NOWHERE, dtype=np.int64)
    return Tags(
        belief, grid, grid.copy(), grid.copy(), grid.copy(), column, column.copy(), nowhere, nowhere.copy(),
        np.zeros(count, dtype=bool), column.copy(), column.copy(), column.copy(),
    )  # fmt: skip


def new_shop(own: Flags) -> Shop:
    """Return what is assumed before anything was heard.

    Args:
        own: [Z, A] the antenna belongs to the zone.
    """
    zones, antennas = own.shape
    elsewhere = min(0.15, 0.5 / max(1, antennas))
    bodies = np.full((len(t.BLOCKS_DB), zones, antennas), 0.02)
    bodies[0] = 1.0 - bodies[1:].sum(axis=0)
    return Shop(
        np.where(own, -54.0, -70.0),
        np.full((zones, antennas), t.UNKNOWN_DB**2),
        np.where(own, 1.0 - 0.5 ** (1.0 / np.maximum(own.sum(axis=1, keepdims=True), 1)), elsewhere),
        np.full(antennas, t.LEAST_SPREAD_DB**2),
        bodies,
        np.zeros(zones),
    )


def update(tags: Tags, shop: Shop, heard: Heard, *, fingerprint: bool = True) -> tuple[Tags, Shop]:
    """Fold one antenna cycle into what is believed.

    Args:
        tags: what is believed of each.
        shop: what is believed of all.
        heard: the cycle.
        fingerprint: judge a tag by its own history; without, by that of its zone.
    """
    here = tags.zone != NOWHERE
    expected, bodies = _expect(tags, shop, heard, here, fingerprint=fingerprint)
    zones = np.arange(len(shop.rate))
    nearest = shop.rate.argmax(axis=1)
    came = np.maximum(
        np.clip(shop.bodies[0, zones, nearest] - bodies[0, zones, nearest], 0.0, 1.0),
        t.ARRIVAL_FADES * shop.came,
    )
    shop = shop._replace(bodies=bodies, came=came)
    evidence = _evidence(tags, shop, heard, here, expected)
    rate = -np.log1p(-expected.keep)
    hidden = (expected.shaded * rate).sum(axis=1) / np.maximum(rate.sum(axis=1), FLOOR)
    belief = _predict(tags, shop, heard, hidden)
    belief *= np.exp(evidence - evidence.max(axis=1, keepdims=True))
    belief = np.maximum(belief / belief.sum(axis=1, keepdims=True), FLOOR)
    idle = ~here & ~heard.read.any(axis=1) & (tags.belief[:, AWAY] > 0.999)
    belief[idle] = FLOOR
    belief[idle, AWAY] = 1.0
    tags = tags._replace(belief=belief, hidden=hidden)
    return _learn(tags, shop, heard, here, expected)


def _expect(
    tags: Tags, shop: Shop, heard: Heard, here: Flags, *, fingerprint: bool
) -> tuple[Expected, Floats]:
    """Return what each tag should look like, and how surely which bodies stand where."""
    zone = tags.last_zone()
    of_zone = np.clip(shop.rate[zone], t.SELDOM, 0.97)
    own = 1.0 if fingerprint else 0.0
    reads = own * tags.reads + t.PRIOR_CYCLES * of_zone
    rate = np.clip(reads / (own * (tags.reads + tags.misses) + t.PRIOR_CYCLES), t.LEAST_READ, t.MOST_READ)
    per_cycle = -np.log1p(-rate)
    drawn = t.TEMPLATE_DB**2 + shop.doubt_db2[zone]
    trust = own * tags.heard * drawn / (tags.heard * drawn + shop.spread_db2)
    level = trust * tags.level_dbm + (1.0 - trust) * (shop.level_dbm[zone] + tags.offset_db[:, None])
    spread = shop.spread_db2 + drawn * (1.0 - trust)
    block = t.BLOCKS_DB[:, None, None]
    usual = answers(level, t.SLOPE_DB)
    reach = np.minimum(answers(level + block, t.SLOPE_DB - 0.15 * block) / np.maximum(usual, 0.02), 1.0)
    left = reach * t.BLOCKS_SHARE[:, None, None]
    fewer = per_cycle * left
    wide = spread + (0.2 * block) ** 2 + np.where(block < 0.0, 1.5, 0.0)
    fits = -0.5 * np.minimum((heard.rssi_dbm - level - block) ** 2 / wide, t.OUTLIER) - 0.5 * np.log(wide)
    word = np.where(
        heard.read,
        np.log(np.clip(-np.expm1(-fewer), 1e-3, t.MOST_READ)) + fits,
        -np.minimum(fewer, MOST_SILENCE),
    )
    word = np.clip(word - word[0], -6.0, 6.0) * heard.alive
    present = np.where(here, tags.belief[:, LIES] + tags.belief[:, SHADED], 0.0)
    members = np.zeros((len(shop.rate), len(zone)))
    members[zone[here], np.nonzero(here)[0]] = present[here]
    # What one tag says today would excuse it tomorrow; so a zone listens to tags as far as it has others.
    company = members.sum(axis=1)
    listens = np.maximum(1.0 - 1.0 / np.maximum(company, 1.0), 0.0)
    word = word * listens[zone][:, None]
    posterior = np.log(_bodies_ahead(shop.bodies)) + np.matmul(members[None], word)
    others = posterior[:, zone, :] - word * present[None, :, None]
    weights = _normalised(others)
    bodies = np.maximum(_normalised(posterior), 1e-4)
    keep = np.clip(rate, 1e-3, t.MOST_READ)
    return (
        Expected(
            keep,
            level,
            spread,
            np.log((weights * np.exp(np.maximum(fits, -20.0))).sum(axis=0)),
            (weights * block).sum(axis=0),
            1.0 - (weights * left).sum(axis=0),
            1.0 - (weights * reach).sum(axis=0),
        ),
        bodies,
    )


def answers(level_dbm: Floats, slope_db: Any) -> Floats:
    """Return the probability that a tag at this level is energised."""
    probability: Floats = 1.0 / (1.0 + np.exp(-(level_dbm - t.SENSITIVITY_DBM) / slope_db))
    return probability


def _bodies_ahead(bodies: Floats) -> Floats:
    """Predict the attenuations by one cycle."""
    ahead = np.empty_like(bodies)
    some = len(bodies) - 1
    ahead[0] = bodies[0] * (1.0 - t.BODY_COMES) + (1.0 - bodies[0]) * t.BODY_GOES
    stay = 1.0 - t.BODY_GOES
    ahead[1:] = (
        0.8 * stay * bodies[1:] + (0.2 * stay * bodies[1:].sum(axis=0) + t.BODY_COMES * bodies[0]) / some
    )
    return ahead


def _normalised(logarithms: Floats) -> Floats:
    shares = np.exp(logarithms - logarithms.max(axis=0))
    total: Floats = shares / shares.sum(axis=0)
    return total


def _evidence(tags: Tags, shop: Shop, heard: Heard, here: Flags, expected: Expected) -> Floats:
    """Return the log-likelihood of the cycle under each state, [N, 5]; a dead antenna adds nothing."""
    read, x, keep = heard.read, heard.rssi_dbm, expected.keep
    lies = np.where(read, np.log(keep) + expected.fit, np.log1p(-keep * (1.0 - expected.lost)))
    lies = np.maximum(lies, np.where(read, -12.0, -4.2))
    seldom = np.clip(0.25 * keep, 0.01, 0.3)
    shaded = np.where(
        read,
        np.log(seldom)
        - 0.5 * np.minimum((x - expected.level_dbm + 12.0) ** 2 / 49.0, t.OUTLIER)
        - np.log(7.0),
        np.log1p(-seldom),
    )
    away = np.where(
        read,
        np.log(t.STRAY)
        - 0.5 * np.minimum((x - t.STRAY_DBM) ** 2 / t.STRAY_DB**2, t.OUTLIER)
        - np.log(t.STRAY_DB),
        np.log1p(-t.STRAY),
    )
    # However odd a read is, it is no evidence that a lying tag is not there at all.
    away = np.where(read & here[:, None], np.minimum(away, lies - 0.5), away)
    in_hand = -t.HAND_READS * -np.log1p(-keep)
    odd = (
        np.log(np.clip(1.0 - np.exp(in_hand), 0.01, 1.0))
        - 0.5
        * np.minimum(
            (x - expected.level_dbm + t.HAND_DB - expected.block_db) ** 2 / t.HAND_SPREAD_DB**2, t.OUTLIER
        )
        - np.log(t.HAND_SPREAD_DB)
    )
    # A body shifts a tag's level for seconds on end; that must not add up to a hand.
    nobody = shop.bodies[0][tags.last_zone()]
    odd = np.where(odd > lies, lies + nobody**2 * (odd - lies), odd)
    hand = np.where(read, odd, in_hand)
    somewhere = _placed(tags, shop, heard)
    parts = [lies, shaded, hand, away]
    return np.stack([*((part * heard.alive).sum(axis=1) for part in parts), somewhere], axis=1)


def _placed(tags: Tags, shop: Shop, heard: Heard) -> Floats:
    """Return the log-likelihood of a tag that lies in some zone or other, [N]."""
    rate = np.clip(shop.rate, t.SELDOM, 0.97)[None]
    level = shop.level_dbm[None] + tags.offset_db[:, None, None]
    spread = (t.TEMPLATE_DB**2 + shop.doubt_db2 + shop.spread_db2)[None]
    word = np.where(
        heard.read[:, None, :],
        np.log(rate)
        - 0.5 * np.minimum((heard.rssi_dbm[:, None, :] - level) ** 2 / spread, t.OUTLIER)
        - 0.5 * np.log(spread),
        np.log1p(-rate),
    )
    per_zone = (word * heard.alive).sum(axis=2)
    # Which antennas have heard it since it may have been put down says which zones are meant.
    since = np.where((tags.zone == NOWHERE)[:, None], tags.reads, 0.0) @ np.log(rate[0]).T
    meant = np.exp(since - since.max(axis=1, keepdims=True))
    per_zone = per_zone + np.log(np.maximum(meant / meant.sum(axis=1, keepdims=True), 1e-6))
    best = per_zone.max(axis=1)
    likelihood: Floats = best + np.log(np.exp(per_zone - best[:, None]).sum(axis=1))
    return likelihood


def _predict(tags: Tags, shop: Shop, heard: Heard, hidden: Floats) -> Floats:
    """Return what is believed before the cycle's evidence."""
    zone = tags.last_zone()
    lift = np.minimum(t.LIFT * (t.LIFT_QUIET + t.LIFT_WITH_BODY * shop.came[zone]) * heard.lift[zone], 0.2)
    shade = np.minimum(t.SHADED_MORE * hidden + np.clip(hidden - tags.hidden, 0.0, 0.7), 0.75) + t.SLIPS
    ends = t.SHADED_ENDS * (1.0 - hidden) + t.SHADED_LEAKS
    old = tags.belief
    lies, shaded, hand, away, placed = old.T
    new = np.empty_like(old)
    new[:, LIES] = lies * (1.0 - lift - t.SLIPS - shade) + hand * t.HAND_BACK + shaded * ends
    new[:, SHADED] = np.maximum(shaded * (1.0 - ends - lift), 0.0) + lies * shade
    new[:, HAND] = hand * (1.0 - t.HAND_BACK - t.HAND_LEAVES - t.HAND_PUTS) + (lies + shaded + placed) * lift
    returns = np.where(tags.origin == NOWHERE, t.APPEARS, t.RETURNS)
    new[:, AWAY] = away * (1.0 - returns) + hand * t.HAND_LEAVES + placed * t.LIFT / 3.0
    new[:, PLACED] = (
        placed * (1.0 - t.LIFT * 4.0 / 3.0) + away * returns + hand * t.HAND_PUTS + lies * t.SLIPS
    )
    # A tag that is told to be nowhere has no old place to lie in.
    nowhere = tags.zone == NOWHERE
    new[nowhere, PLACED] += new[nowhere, LIES] + new[nowhere, SHADED]
    new[nowhere, LIES] = new[nowhere, SHADED] = 0.0
    never = tags.origin == NOWHERE
    new[never, AWAY] += new[never, HAND]
    new[never, HAND] = 0.0
    return new


def _learn(tags: Tags, shop: Shop, heard: Heard, here: Flags, expected: Expected) -> tuple[Tags, Shop]:
    """Learn fingerprints under the hypothesis that a tag lies; where a body stands, hardly anything."""
    zone = tags.last_zone()
    free = shop.bodies[0][zone]
    lies = (here & (tags.belief[:, LIES] > 0.05))[:, None] & heard.alive
    share = np.where(lies, free, 0.0)
    fades = 1.0 - share / t.MEMORY
    deviation = heard.rssi_dbm - expected.level_dbm - expected.block_db
    fits = heard.read & lies & (np.abs(deviation) < 3.0 * np.sqrt(expected.spread_db2) + 3.0)
    gain = np.where(fits, np.where(free > 0.7, 1.0, 0.15), 0.0)
    count = np.minimum(tags.heard + gain, t.LEVEL_MEMORY)
    level = tags.level_dbm + np.where(
        fits, (heard.rssi_dbm - expected.block_db - tags.level_dbm) * gain / np.maximum(count, FLOOR), 0.0
    )
    tags = tags._replace(
        reads=tags.reads * fades + share * heard.read,
        misses=tags.misses * fades + share * ~heard.read,
        level_dbm=level,
        heard=count,
        cycles=tags.cycles + 1.0,
        settled=tags.settled + here,
    )
    sure = fits & (count >= 8.0) & (free > 0.9) & (tags.belief[:, LIES] > 0.9)[:, None]
    known = sure.sum(axis=0)
    squares = np.where(sure, np.minimum(deviation**2, 9.0 * shop.spread_db2), 0.0).sum(axis=0)
    target = np.where(known > 0, squares / np.maximum(known, 1), shop.spread_db2)
    spread = shop.spread_db2 + np.minimum(0.002 * known, 0.2) * (1.03 * target - shop.spread_db2)
    spread = np.clip(spread, t.LEAST_SPREAD_DB**2, t.MOST_SPREAD_DB**2)
    return tags, shop._replace(spread_db2=spread)
