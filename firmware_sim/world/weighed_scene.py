"""Weighed plates under the zones of a shelf scene: what load cells say of the same shoppers that a reader hears.

Every item has a weight of its own around its SKU's. What happened in the scene decides the load of each zone's
plate; hands come with each change, and without one as often as :class:`PlatesPlan` says. Physics:
:mod:`firmware_sim.world.load_cell`.
"""

from collections import Counter

import msgspec

from firmware_sim.world.chance import generator
from firmware_sim.world.load_cell import Grams, Hand, LoadCellNoise, Step, record, shelf_vibration
from firmware_sim.world.scenario import tagged_items
from firmware_sim.world.scenes import Scene
from firmware_sim.world.truth.events import Delivered, Picked, PutBack


class PlatesPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods and plates.

    Attributes:
        weight_g: range of the SKUs' weights, drawn uniformly: jewellery in its box.
        item_spread: standard deviation of units of one SKU, as a share.
        touches_per_h: hands on a plate that change nothing.
        readings_per_s: of each plate.
    """

    weight_g: tuple[float, float] = (40.0, 200.0)
    item_spread: float = 0.01
    touches_per_h: float = 60.0
    readings_per_s: int = 10


class PlatesRecording(msgspec.Struct, frozen=True):
    """What the plates of a scene say.

    Attributes:
        unit_weight_g: SKU → what a unit weighs on average.
        units: zone → SKU → units at the start.
        times_ms: of the readings; all plates are read together.
        readings_g: zone → readings of its plate.
    """

    unit_weight_g: dict[str, float]
    units: dict[str, dict[str, int]]
    times_ms: list[int]
    readings_g: dict[str, list[float]]


def weigh_scene(scene: Scene, seed: int, plan: PlatesPlan, noise: LoadCellNoise) -> PlatesRecording:
    """Return what a plate under each zone says of a scene that has been lived through."""
    chance = generator(seed, "plates")
    skus = sorted(product.sku for product in scene.scenario.products)
    weight_g = {sku: float(chance.uniform(*plan.weight_g)) for sku in skus}
    of_item: dict[str, float] = {}

    def item_g(epc: str, sku: str | None) -> float:
        if epc not in of_item:
            of_item[epc] = weight_g[sku or skus[0]] * (1.0 + float(chance.normal(0.0, plan.item_spread)))
        return of_item[epc]

    zones = [zone.id for zone in scene.scenario.zones]
    start_g = dict.fromkeys(zones, 0.0)
    units: dict[str, Counter[str]] = {zone: Counter() for zone in zones}
    for epc, sku, zone in tagged_items(scene.scenario):
        start_g[zone] += item_g(epc, sku)
        units[zone][sku or ""] += 1
    seconds = (scene.end - scene.start) / 1000
    steps: dict[str, list[Step]] = {zone: [] for zone in zones}
    hands: dict[str, list[Hand]] = {zone: [] for zone in zones}

    def reach(zone: str, at_s: float, grams: float) -> None:
        lasts_s = float(chance.uniform(*noise.hand_s))
        since_s = at_s - float(chance.uniform(0.4, 0.8)) * lasts_s
        hands[zone].append(Hand(max(0.0, since_s), since_s + lasts_s, float(chance.uniform(*noise.hand_g))))
        if grams:
            steps[zone].append(Step(at_s, since_s + lasts_s, grams))

    for event in scene.truth.events:
        at_s = (event.at - scene.start) / 1000
        match event:
            case Picked():
                reach(event.zone, at_s, -item_g(event.epc, event.sku))
            case PutBack():
                reach(event.zone, at_s, item_g(event.epc, event.sku))
            case Delivered():
                reach(event.zone, at_s, sum(item_g(epc, event.sku) for epc in event.epcs))
            case _:
                pass
    for zone in zones:
        for _ in range(int(chance.poisson(plan.touches_per_h * seconds / 3600))):
            reach(zone, float(chance.uniform(5.0, seconds - 5.0)), 0.0)
    vibration = shelf_vibration(noise, seed, seconds)
    readings: dict[str, Grams] = {
        zone: record(
            noise,
            seed,
            zone,
            start_g=start_g[zone],
            steps=sorted(steps[zone], key=lambda step: step.at_s),
            hands=hands[zone],
            vibration=vibration,
            readings_per_s=plan.readings_per_s,
        )
        for zone in zones
    }
    count = min(len(values) for values in readings.values())
    return PlatesRecording(
        weight_g,
        {zone: dict(own) for zone, own in units.items()},
        [scene.start + round(1000 * (number + 1) / plan.readings_per_s) for number in range(count)],
        {zone: values[:count].tolist() for zone, values in readings.items()},
    )
