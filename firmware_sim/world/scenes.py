"""The shelf scenes of the scoreboard: stores of one reader, whose difficulty is known.

``jewel-dense`` is 400 tags before four antennas of a reader that singulates 300 a second, so that a tag is
read in about every second cycle. ``jewel-sparse`` is 60 of them, read in nearly every cycle. ``rail-body``
is 200 garments before two antennas with somebody in front every half minute. ``neighbour-move`` has zones
that overlap by 8 to 12 dB and shoppers who put back elsewhere. Physics: :mod:`firmware_sim.world.noise`.
Shoppers come as often as gives each scene its picks: about 60, 105, 75 and 75 in half an hour.
"""

from typing import Final, NamedTuple

import msgspec

from contract.errors import ConfigError
from firmware_sim.world.epcs import gtin_14
from firmware_sim.world.noise import RadioNoise
from firmware_sim.world.radio.cycles import CycleRadio, RicianRadio
from firmware_sim.world.radio.timeline import Timeline
from firmware_sim.world.scenario import (
    Behaviour,
    Coupling,
    Placement,
    Product,
    Reader,
    Scenario,
    Zone,
    tagged_items,
)
from firmware_sim.world.scenarios import COMPANY
from firmware_sim.world.truth.state import Truth
from firmware_sim.world.world import World

DEVICE: Final = "reader"
PRODUCTS: Final = 10
PICKS_PER_VISIT: Final = 2.14
"""Mean of a Poisson number of wishes with mean 2, none taken for one."""

RADIO: Final = RadioNoise(
    reads_per_s=300.0,
    dwell_ms=250,
    cross_read_share=1.0,
    duplicate_share=0.0,
    long_dropouts_per_day=0.0,
    visitor_block_sigma=0.3,
)


class Scene(NamedTuple):
    """A store that has been lived through, before its reader has seen any of it.

    Attributes:
        scenario: what it is made of.
        radio: makes the cycles; to be run once.
        truth: what happened.
        start: of the run, in ms.
        end: likewise.
    """

    scenario: Scenario
    radio: CycleRadio
    truth: Truth
    start: int
    end: int


SCENES: Final = ("jewel-dense", "jewel-sparse", "rail-body", "neighbour-move")
START: Final = 1_780_000_000_000


def shelf_scenario(name: str, overrides: dict[str, float] | None = None) -> Scenario:
    """Return the scenario of a scene.

    Args:
        name: one of SCENES.
        overrides: ``reads_per_s``, ``gap_db`` (own zone above the one beside it), ``tags``.

    Raises:
        ConfigError: there is no such scene or parameter.
    """
    if name not in SCENES:
        raise ConfigError(f"there is no scene {name!r}; known are {', '.join(SCENES)}")
    vary = dict(overrides or {})
    tags, antennas, picks_per_h, elsewhere = {
        "jewel-dense": (400, 4, 122.0, 0.12),
        "jewel-sparse": (60, 4, 210.0, 0.12),
        "rail-body": (200, 2, 150.0, 0.12),
        "neighbour-move": (120, 4, 150.0, 0.30),
    }[name]
    tags = int(vary.pop("tags", tags))
    radio = msgspec.structs.replace(RADIO, reads_per_s=vary.pop("reads_per_s", RADIO.reads_per_s))
    if "gap_db" in vary:
        radio = msgspec.structs.replace(radio, adjacent_dbm=radio.own_dbm - vary.pop("gap_db"))
    if name == "rail-body":
        radio = msgspec.structs.replace(radio, visitor_block_every_s=(35.0, 35.0))
    if vary:
        raise ConfigError(
            f"scene {name!r} has no parameter {next(iter(vary))!r}; expected reads_per_s, gap_db or tags"
        )
    zones = tuple(
        Zone(id=f"shelf-{index + 1}", name=f"Shelf {index + 1}", x=1.6 * index, y=0.0, w=1.4, h=0.5)
        for index in range(antennas)
    )
    coupling = (
        [
            Coupling(antenna=near + 1, zone=zones[far].id, rssi_dbm=radio.own_dbm - gap_db)
            for left, gap_db in enumerate((8.0, 12.0, 10.0))
            for near, far in ((left, left + 1), (left + 1, left))
        ]
        if name == "neighbour-move" and "gap_db" not in (overrides or {})
        else []
    )
    each, rest = divmod(tags, antennas)
    products = tuple(
        Product(
            sku=f"sku-{index}", name=f"SKU {index}", gtin=gtin_14(COMPANY, f"{301 + index:05}"), price=99.0
        )
        for index in range(PRODUCTS)
    )
    items = []
    for index, zone in enumerate(zones):
        units = each + (index < rest)
        for product in range(PRODUCTS):
            share = units // PRODUCTS + (product < units % PRODUCTS)
            serial = 1 + 1000 * index
            items.append(Placement(sku=f"sku-{product}", zone=zone.id, units=share, first_serial=serial))
    return Scenario(
        store="scene",
        name=name,
        zones=zones,
        products=products,
        items=tuple(items),
        readers=(
            Reader(
                device=DEVICE,
                kind="impinj_r700",
                antennas={str(index + 1): zone.id for index, zone in enumerate(zones)},
                coupling=tuple(coupling),
            ),
        ),
        behaviour=Behaviour(
            shoppers_per_h=picks_per_h / PICKS_PER_VISIT,
            first_after_s=90.0,
            hold_max_s=300.0,
            min_absent_s=1.0,
            tray_share=0.0,
            buy_share=0.40,
            elsewhere_share=elsewhere,
            restock_after_s=(60.0, 300.0),
        ),
        radio=radio,
    )


def live_through(scenario: Scenario, seed: int, minutes: float, *, rician: bool = False) -> Scene:
    """Let a store of one reader live for some minutes.

    Args:
        scenario: with one reader.
        seed: everything random follows from it.
        minutes: how long.
        rician: use the second radio model.
    """
    timelines: list[Timeline] = []

    def build(_scenario: Scenario, _reader: Reader, _seed: int) -> Timeline:
        timelines.append(Timeline())
        return timelines[-1]

    world = World(scenario, seed, build)
    end = START + round(minutes * 60) * 1000
    world.step(START)
    world.step(end)
    model = RicianRadio if rician else CycleRadio
    radio = model(timelines[0], scenario.readers[0], scenario.zones, scenario.radio, seed)
    return Scene(scenario, radio, world.truth, START, end)


def planogram(scenario: Scenario) -> dict[str, str]:
    """Return EPC → zone of everything that lies in the store at the start."""
    return {epc: zone for epc, _, zone in tagged_items(scenario)}
