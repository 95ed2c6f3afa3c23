"""A shelf of weighed plates with several SKUs each, and what shoppers do at it.

Shoppers take one item or two, put items back on the same plate or, sometimes, on another, move items from
plate to plate, touch without taking, and lay down things that are no goods. Every unit has a weight of its
own. The script of half an hour is drawn first; :func:`watch_shelf` then gives what the load cells say of it
(:mod:`firmware_sim.world.load_cell`) and the truth as a list of events.
"""

from typing import Final, Literal

import msgspec
import numpy as np

from firmware_sim.world.chance import generator
from firmware_sim.world.load_cell import GRID_HZ, Grams, Hand, LoadCellNoise, Step, record, shelf_vibration

FIRST_S: Final = 10.0
Deed = Literal["take", "put_back", "move", "foreign"]


class ShelfPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The goods of a shelf and how busy it is.

    Attributes:
        plates: plates of the shelf.
        skus: SKUs in all, spread evenly over the plates.
        weight_g: range of the SKUs' weights, drawn uniformly.
        units: units of each SKU at the start.
        item_spread: standard deviation of units of one SKU, as a share.
        actions_per_h, touches_per_h: events per hour; touches change nothing.
        pause_s: least time between two actions at the shelf.
        double_share: actions with two items at once.
        put_back_share: actions that put something back, while somebody holds anything.
        misplaced_share: of these, on another plate.
        move_share: actions that carry an item from plate to plate.
        foreign_share: actions with a thing that is no goods.
        foreign_g: its weight.
        bought_share: chance at each action that the oldest item in hand is bought.
    """

    plates: int = 3
    skus: int = 12
    weight_g: tuple[float, float] = (40.0, 600.0)
    units: int = 10
    item_spread: float = 0.01
    actions_per_h: float = 240.0
    touches_per_h: float = 240.0
    pause_s: float = 2.5
    double_share: float = 0.12
    put_back_share: float = 0.4
    misplaced_share: float = 0.05
    move_share: float = 0.05
    foreign_share: float = 0.02
    foreign_g: tuple[float, float] = (30.0, 500.0)
    bought_share: float = 0.1


class ShelfEvent(msgspec.Struct, frozen=True):
    """What truly happened on one plate.

    Attributes:
        at_ms: when the hand let go.
        plate: which plate.
        deed: ``move`` stands on both plates.
        items: SKU and signed units; empty for a thing that is no goods.
        grams: change of the load.
    """

    at_ms: int
    plate: str
    deed: Deed
    items: tuple[tuple[str, int], ...]
    grams: float


class ShelfRecording(msgspec.Struct, frozen=True):
    """A shelf's half hour.

    Attributes:
        unit_weight_g: SKU → what a unit weighs on average.
        planogram: plate → SKU → units at the start.
        times_ms: of the readings; all plates are read together.
        readings_g: plate → readings.
        events: the truth, in order of time.
        loads_g: plate → true load at the end.
    """

    unit_weight_g: dict[str, float]
    planogram: dict[str, dict[str, int]]
    times_ms: list[int]
    readings_g: dict[str, list[float]]
    events: tuple[ShelfEvent, ...]
    loads_g: dict[str, float]


class _Unit(msgspec.Struct, frozen=True):
    sku: str
    grams: float


class _Script:
    """Draws what happens; keeps where every unit is."""

    def __init__(self, plan: ShelfPlan, noise: LoadCellNoise, seed: int, seconds: float) -> None:
        self._plan, self._noise, self._seconds = plan, noise, seconds
        self._chance = generator(seed, "shelf")
        names = [f"sku-{number:02d}" for number in range(1, plan.skus + 1)]
        self.weights_g = {name: float(self._chance.uniform(*plan.weight_g)) for name in names}
        self.plates = [f"plate-{number}" for number in range(1, plan.plates + 1)]
        self._corner = {plate: self._chance.uniform(*noise.corner_share) for plate in self.plates}
        self.on: dict[str, list[_Unit]] = {plate: [] for plate in self.plates}
        for index, name in enumerate(names):
            plate = self.plates[index * plan.plates // plan.skus]
            self.on[plate] += [self._unit(name) for _ in range(plan.units)]
        self.planogram = {plate: _count(units) for plate, units in self.on.items()}
        self.start_g = {plate: sum(unit.grams for unit in units) for plate, units in self.on.items()}
        self.in_hand: list[tuple[_Unit, str]] = []
        self.foreign: dict[str, float] = {}
        self.events: list[ShelfEvent] = []
        self.steps: dict[str, list[Step]] = {plate: [] for plate in self.plates}
        self.hands: dict[str, list[Hand]] = {plate: [] for plate in self.plates}

    def _unit(self, sku: str) -> _Unit:
        return _Unit(sku, self.weights_g[sku] * (1 + self._chance.normal(0, self._plan.item_spread)))

    def play(self) -> None:
        """Draw actions and touches until the time is over."""
        plan = self._plan
        rate_s = (plan.actions_per_h + plan.touches_per_h) / 3600
        touches = plan.touches_per_h / (plan.actions_per_h + plan.touches_per_h)
        now_s = FIRST_S
        while now_s < self._seconds - FIRST_S:
            if self._chance.random() < touches:
                free_s = self._reach(self._any_plate(), now_s)
            else:
                free_s = self._act(now_s)
            now_s = free_s + plan.pause_s
            now_s += self._chance.exponential(max(0.1, 1 / rate_s - plan.pause_s - 0.75))

    def _act(self, now_s: float) -> float:
        plan, chance = self._plan, self._chance
        if self.in_hand and chance.random() < plan.bought_share:
            self.in_hand.pop(0)
        drawn = chance.random()
        if drawn < plan.foreign_share:
            return self._lay_foreign(now_s)
        if drawn < plan.foreign_share + plan.move_share:
            return self._move(now_s)
        if self.in_hand and drawn < plan.foreign_share + plan.move_share + plan.put_back_share:
            return self._put_back(now_s)
        return self._take(now_s)

    def _any_plate(self) -> str:
        return self.plates[int(self._chance.integers(len(self.plates)))]

    def _stocked_plate(self) -> str:
        stocked = [plate for plate in self.plates if len(self.on[plate]) > 1]
        return stocked[int(self._chance.integers(len(stocked)))]

    def _take(self, now_s: float, deed: Deed = "take", plate: str = "") -> float:
        plate = plate or self._stocked_plate()
        count = 2 if deed == "take" and self._chance.random() < self._plan.double_share else 1
        units = [
            self.on[plate].pop(int(self._chance.integers(len(self.on[plate]))))
            for _ in range(min(count, len(self.on[plate])))
        ]
        self.in_hand += [(unit, plate) for unit in units]
        return self._step(plate, now_s, units, -1, deed)

    def _put_back(self, now_s: float) -> float:
        plan, chance = self._plan, self._chance
        unit, plate = self.in_hand.pop(int(chance.integers(len(self.in_hand))))
        units = [unit]
        again = [pair for pair in self.in_hand if pair[1] == plate]
        if again and chance.random() < plan.double_share:
            self.in_hand.remove(again[0])
            units.append(again[0][0])
        if chance.random() < plan.misplaced_share:
            plate = self._any_plate()
        self.on[plate] += units
        return self._step(plate, now_s, units, +1, "put_back")

    def _move(self, now_s: float) -> float:
        source = self._stocked_plate()
        free_s = self._take(now_s, "move", source)
        unit, _ = self.in_hand.pop()
        others = [plate for plate in self.plates if plate != source] or [source]
        target = others[int(self._chance.integers(len(others)))]
        self.on[target].append(unit)
        return self._step(target, free_s + self._chance.uniform(0.8, 3.0), [unit], +1, "move")

    def _lay_foreign(self, now_s: float) -> float:
        if self.foreign:
            plate, grams = self.foreign.popitem()
            return self._step(plate, now_s, [_Unit("", grams)], -1, "foreign")
        plate = self._any_plate()
        self.foreign[plate] = float(self._chance.uniform(*self._plan.foreign_g))
        return self._step(plate, now_s, [_Unit("", self.foreign[plate])], +1, "foreign")

    def _reach(self, plate: str, now_s: float) -> float:
        free_s = now_s + float(self._chance.uniform(*self._noise.hand_s))
        self.hands[plate].append(Hand(now_s, free_s, float(self._chance.uniform(*self._noise.hand_g))))
        return free_s

    def _step(self, plate: str, now_s: float, units: list[_Unit], sign: int, deed: Deed) -> float:
        free_s = self._reach(plate, now_s)
        at_s = now_s + float(self._chance.uniform(0.4, 0.8)) * (free_s - now_s)
        true_g = sign * sum(unit.grams for unit in units)
        corner = 1 + float(self._chance.uniform(-1, 1)) * self._corner[plate]
        self.steps[plate].append(Step(at_s, free_s, true_g * corner))
        items = tuple((sku, sign * count) for sku, count in sorted(_count(units).items()) if sku)
        self.events.append(ShelfEvent(round(free_s * 1000), plate, deed, items, true_g))
        return free_s


def watch_shelf(
    plan: ShelfPlan,
    noise: LoadCellNoise,
    seed: int,
    *,
    minutes: float,
    readings_per_s: int = 10,
    start_ms: int = 0,
) -> ShelfRecording:
    """Return what a shelf's load cells say in a time, and what truly happened."""
    seconds = minutes * 60
    script = _Script(plan, noise, seed, seconds)
    script.play()
    vibration = shelf_vibration(noise, seed, seconds)
    readings: dict[str, Grams] = {
        plate: record(
            noise,
            seed,
            plate,
            start_g=script.start_g[plate],
            steps=script.steps[plate],
            hands=script.hands[plate],
            vibration=vibration,
            readings_per_s=readings_per_s,
        )
        for plate in script.plates
    }
    count = vibration.size // (GRID_HZ // readings_per_s)
    times = start_ms + np.round(np.arange(1, count + 1) * 1000 / readings_per_s).astype(int)
    return ShelfRecording(
        unit_weight_g=script.weights_g,
        planogram=script.planogram,
        times_ms=times.tolist(),
        readings_g={plate: values.tolist() for plate, values in readings.items()},
        events=tuple(
            msgspec.structs.replace(event, at_ms=start_ms + event.at_ms)
            for event in sorted(script.events, key=lambda event: event.at_ms)
        ),
        loads_g={
            plate: sum(unit.grams for unit in script.on[plate]) + script.foreign.get(plate, 0.0)
            for plate in script.plates
        },
    )


def _count(units: list[_Unit]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for unit in units:
        counted[unit.sku] = counted.get(unit.sku, 0) + 1
    return counted
