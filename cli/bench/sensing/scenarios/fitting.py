"""``fitting-wall``: three fitting cabins with a rail behind their wall, and people who try on.

Shoppers come for the minutes asked for; the run lasts until the last one has left. A try-on is told when the
method says it has started, within a minute of the garment being carried in. ``session_f1`` is over pairs of
garments that were, or are said to be, in one session. ``outcome`` is the share of those try-ons of which the
method says rightly whether they ended sold, returned or neither within half an hour; it is judged after
that time, with the sales as the till told them.

``shelfwise`` is what the edge and the hub run: try-ons, presence without what is being tried on, and the
hub's folds. ``max-rssi`` follows the loudest beam, and believes every sale of the same product.
"""

from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np

from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.loudest_beam import LoudestBeam
from cli.bench.sensing.matching import match
from cli.bench.sensing.outcomes import Tried, hub_outcomes, naive_outcome, true_outcomes
from contract.messages import AnyObservation, TryOnStarted
from edge.model import Place, Read, StatusRead, TagRead
from edge.sensing.presence import PresenceSettings, sense_presence
from edge.sensing.presence_state import PresenceState
from edge.sensing.try_on import sense_try_ons
from edge.sensing.try_on_state import TryOnSettings, TryOnState, reads_outside
from firmware_sim.world.cabins import CABINS, FittingShop
from firmware_sim.world.radio.cabin_cycles import ANTENNAS, READERS, CabinRadio, Cycle
from firmware_sim.world.truth.events import CarriedIn
from hub.projections.try_on import WINDOW_MS, Outcome, TrialKey

TOLERANCE_MS: Final = 60_000
PORTS: Final = {
    antenna: (name, port) for name, ports in READERS.items() for port, antenna in enumerate(ports, 1)
}
PLACE: Final = Place(
    zones={PORTS[antenna]: zone for antenna, zone in enumerate(ANTENNAS)},
    trays={},
    lines={},
    silent_after_ms={},
)
SHELVES: Final = PLACE.without(CABINS)


class Told(NamedTuple):
    """A try-on as a method told it, ``at`` when."""

    epc: str
    at: int
    room: str
    session: str
    outcome: Outcome


def run(method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    """Run one method and score it."""
    shop = FittingShop(seed, conditions.minutes)
    radio = CabinRadio(shop, seed, rician=conditions.radio == "rician")
    told = _loudest(shop, radio) if method == "max-rssi" else _stage(shop, radio)
    true = {(event.epc, event.at): event for event in shop.truth if isinstance(event, CarriedIn)}
    said = {(one.epc, one.at): one for one in told}
    found = match(true, said, TOLERANCE_MS, TOLERANCE_MS)
    pairs = [(true[event], said[one]) for event, one in found.pairs]  # type: ignore[index]
    right = sum(one.room == event.room for event, one in pairs)
    became = true_outcomes(shop)
    ended = sum(one.outcome == became[event.epc, event.at] for event, one in pairs)
    both = either = 0
    for (first, one), (second, other) in combinations(pairs, 2):
        together = (first.shopper, first.at) == (second.shopper, second.at)
        grouped = one.session == other.session
        both += 2 * (together and grouped)
        either += together + grouped
    return {
        "try_on": {
            "precision": found.precision,
            "recall": found.recall,
            "f1": found.f1,
            "right_room": right / len(pairs) if pairs else None,
            "session_f1": both / either if either else None,
            "outcome": ended / len(pairs) if pairs else None,
        }
    }


def _stage(shop: FittingShop, radio: CabinRadio) -> list[Told]:
    try_ons, presence = TryOnState(), PresenceState()
    rooms, zones = TryOnSettings(rooms=CABINS), PresenceSettings()
    observations: list[AnyObservation] = []
    starts: list[tuple[TryOnStarted, int]] = []
    for cycle in radio.run():
        reads = _reads(shop, cycle)
        try_ons, tried = sense_try_ons(try_ons, reads, cycle.now, place=PLACE, settings=rooms)
        outside = reads_outside(reads, try_ons)
        presence, tags = sense_presence(presence, outside, cycle.now, place=SHELVES, settings=zones)
        starts += [(one, cycle.now) for one in tried if isinstance(one, TryOnStarted)]
        observations += [*tags, *tried]
    sku_of = {garment.epc: garment.sku for garment in shop.garments}
    outcomes = hub_outcomes(observations, shop.sales, sku_of, shop.end + 2 * WINDOW_MS)
    return [
        Told(one.epc, at, one.room, one.session, outcomes[TrialKey(one.epc, one.at, one.session, one.room)])
        for one, at in starts
    ]


def _reads(shop: FittingShop, cycle: Cycle) -> list[Read]:
    reads: list[Read] = [
        StatusRead(device=name, at=cycle.now, what="alive") for name in READERS if name not in cycle.silent
    ]
    for tag, antenna, at, rssi, count in zip(*(column.tolist() for column in cycle.heard), strict=True):
        device, port = PORTS[antenna]
        reads.append(
            TagRead(
                device=device, antenna=port, at=at, epc=shop.garments[tag].epc, rssi_dbm=rssi, reads=count
            )
        )
    return reads


def _loudest(shop: FittingShop, radio: CabinRadio) -> list[Told]:
    cabins = np.array([ANTENNAS.index(cabin) for cabin in CABINS])
    rule = LoudestBeam(len(shop.garments), len(ANTENNAS), cabins)
    begun: dict[int, tuple[int, str]] = {}
    over: list[tuple[int, int, str, int]] = []
    rested: dict[int, list[int]] = {}
    for cycle in radio.run():
        started, ended = rule.step(cycle.heard.tag, cycle.heard.antenna, cycle.heard.rssi_dbm)
        over += [(tag, *begun.pop(tag), cycle.now) for tag in ended.tolist()]
        begun |= {tag: (cycle.now, ANTENNAS[rule.trying[tag]]) for tag in started.tolist()}
        for tag in rule.rested.tolist():
            rested.setdefault(tag, []).append(cycle.now)
    over += [(tag, at, room, shop.end) for tag, (at, room) in begun.items()]
    told = []
    for tag, at, room, until in over:
        garment = shop.garments[tag]
        tried = Tried(garment.epc, at, until)
        outcome = naive_outcome(tried, rested.get(tag, []), shop.sales, garment.sku)
        told.append(Told(garment.epc, at, room, f"{room}-{at // 10_000}", outcome))
    return told


CONTESTS: Final = {"fitting-wall": Contest(methods=("shelfwise", "max-rssi"), run=run)}
