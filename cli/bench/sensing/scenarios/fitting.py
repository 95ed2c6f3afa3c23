"""``fitting-wall``: three fitting cabins with a rail behind their wall, and people who try on.

Shoppers come for the minutes asked for; the run lasts until the last one has left. A try-on is told when the
method says it has started, within a minute of the garment being carried in. ``session_f1`` is over pairs of
garments that were, or are said to be, in one session.
"""

from itertools import combinations
from typing import Any, Final

import numpy as np

from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.loudest_beam import LoudestBeam
from cli.bench.sensing.matching import match
from contract.messages import TryOnStarted
from edge.model import Place, Read, StatusRead, TagRead
from edge.sensing.try_on import sense_try_ons
from edge.sensing.try_on_state import TryOnSettings, TryOnState
from firmware_sim.world.cabins import CABINS, FittingShop
from firmware_sim.world.radio.cabin_cycles import ANTENNAS, READERS, CabinRadio, Cycle
from firmware_sim.world.truth.events import CarriedIn

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
Told = tuple[str, int, str, str]
"""EPC, when it was told, room, session."""


def run(method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    """Run one method and score it."""
    shop = FittingShop(seed, conditions.minutes)
    radio = CabinRadio(shop, seed, rician=conditions.radio == "rician")
    told = _loudest(shop, radio) if method == "max-rssi" else _stage(shop, radio)
    true = {(event.epc, event.at): event for event in shop.truth if isinstance(event, CarriedIn)}
    said = {(epc, at): (room, session) for epc, at, room, session in told}
    found = match(true, said, TOLERANCE_MS, TOLERANCE_MS)
    right = sum(said[one][0] == true[event].room for event, one in found.pairs)  # type: ignore[index]
    both = either = 0
    for (event, one), (other_event, other) in combinations(found.pairs, 2):
        first, second = true[event], true[other_event]  # type: ignore[index]
        together = (first.shopper, first.at) == (second.shopper, second.at)
        grouped = said[one][1] == said[other][1]  # type: ignore[index]
        both += 2 * (together and grouped)
        either += together + grouped
    return {
        "try_on": {
            "precision": found.precision,
            "recall": found.recall,
            "f1": found.f1,
            "right_room": right / len(found.pairs) if found.pairs else None,
            "session_f1": both / either if either else None,
        }
    }


def _stage(shop: FittingShop, radio: CabinRadio) -> list[Told]:
    state, settings, told = TryOnState(), TryOnSettings(rooms=CABINS), []
    for cycle in radio.run():
        state, observations = sense_try_ons(
            state, _reads(shop, cycle), cycle.now, place=PLACE, settings=settings
        )
        told += [
            (one.epc, cycle.now, one.room, one.session)
            for one in observations
            if isinstance(one, TryOnStarted)
        ]
    return told


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
    rule, told = LoudestBeam(len(shop.garments), len(ANTENNAS), cabins), []
    for cycle in radio.run():
        started, _ = rule.step(cycle.heard.tag, cycle.heard.antenna, cycle.heard.rssi_dbm)
        for tag in started.tolist():
            room = ANTENNAS[rule.trying[tag]]
            told.append((shop.garments[tag].epc, cycle.now, room, f"{room}-{cycle.now // 10_000}"))
    return told


CONTESTS: Final = {"fitting-wall": Contest(methods=("shelfwise", "max-rssi"), run=run)}
