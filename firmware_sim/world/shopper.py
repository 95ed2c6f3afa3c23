"""One visit, from the door to the door.

    enter ─▶ browse ─▶ pick ─▶ hold ─▶ put back (here or elsewhere) ─▶ browse …
                         │        └──▶ till ─▶ sold ─▶ leave
                         └ nothing left to do, or the shop is closing ─▶ leave

A shopper holds one thing at a time, owns a generator and enters every next step in the agenda when the
present one is done. Closing lets a shopper finish what is in the hand and start nothing new.
"""

import math
from collections.abc import Callable

import numpy as np

from firmware_sim.world.agenda import Agenda
from firmware_sim.world.floor import Floor, HeldItem, HeldUnits
from firmware_sim.world.plate import REACH_MS, Plate
from firmware_sim.world.scenario import Behaviour

HAND_GAP_MS = 3_000
"""Two hands over one plate are at least this far apart."""


class Shopper:
    """A person in the store."""

    def __init__(
        self,
        number: int,
        floor: Floor,
        agenda: Agenda,
        chance: np.random.Generator,
        *,
        closing: Callable[[], bool],
    ) -> None:
        self.number = number
        self._floor = floor
        self._agenda = agenda
        self._chance = chance
        self._closing = closing
        self._wants = max(1, int(chance.poisson(self._behaviour.actions_per_visit)))

    @property
    def _behaviour(self) -> Behaviour:
        return self._floor.scenario.behaviour

    def enter(self, now: int) -> None:
        """Come in."""
        self._floor.enter(self.number, now)
        self._browse(now)

    def _browse(self, now: int) -> None:
        zones = self._floor.shelves
        if zones:
            self._floor.stand_before(zones[int(self._chance.integers(len(zones)))], now)
        self._agenda.at(self._later(now, self._behaviour.browse_s), self._choose)

    def _choose(self, now: int) -> None:
        if self._closing() or self._wants == 0:
            self._agenda.at(self._later(now, self._behaviour.leave_s), self._leave)
            return
        self._wants -= 1
        plates = list(self._floor.plates.values())
        if plates and self._chance.random() < self._behaviour.tray_share:
            self._over_plate(plates[int(self._chance.integers(len(plates)))], now, self._take_units)
            return
        pickable = self._floor.pickable(now)
        if not pickable:
            self._browse(now)
            return
        held = self._floor.pick(self.number, pickable[int(self._chance.integers(len(pickable)))], now)
        self._agenda.at(now + self._hold_ms(), lambda at: self._decide(held, at))

    def _over_plate(self, plate: Plate, now: int, move: Callable[[Plate, int], None]) -> None:
        """Reach over a plate as soon as no other hand is there, and move units ``REACH_MS`` later."""
        start = max(now, plate.free_at)
        plate.free_at = start + 2 * REACH_MS + HAND_GAP_MS
        self._agenda.at(start, plate.reach)
        self._agenda.at(start + REACH_MS, lambda at: move(plate, at))

    def _take_units(self, plate: Plate, now: int) -> None:
        wanted = 2 if self._chance.random() < self._behaviour.tray_two_share else 1
        units = min(wanted, plate.units)
        if units == 0 or self._closing():
            self._browse(now)
            return
        held = self._floor.take_units(self.number, plate, units, now)
        self._agenda.at(now + self._hold_ms(), lambda at: self._decide(held, at))

    def _decide(self, held: HeldItem | HeldUnits, now: int) -> None:
        behaviour = self._behaviour
        fate = self._chance.random()
        if fate < behaviour.buy_share:
            earliest = held.picked_at + round(1000 * behaviour.sale_after_s)
            self._agenda.at(max(earliest, self._later(now, behaviour.till_s)), lambda at: self._pay(held, at))
        elif isinstance(held, HeldUnits):
            self._over_plate(held.plate, now, lambda _, at: self._return_units(held, at))
        else:
            others = [zone for zone in self._floor.shelves if zone != held.zone]
            zone = held.zone
            if others and fate < behaviour.buy_share + behaviour.elsewhere_share:
                zone = others[int(self._chance.integers(len(others)))]
            self._floor.put_back(self.number, held, zone, now)
            self._browse(now)

    def _return_units(self, held: HeldUnits, now: int) -> None:
        self._floor.return_units(self.number, held, now)
        self._browse(now)

    def _pay(self, held: HeldItem | HeldUnits, now: int) -> None:
        self._floor.sell(self.number, held, now)
        after_s = self._behaviour.restock_after_s
        if after_s is not None and isinstance(held, HeldItem):
            self._agenda.at(
                self._later(now, after_s), lambda at: self._floor.restock(held.sku, held.zone, at)
            )
        self._agenda.at(self._later(now, self._behaviour.leave_s), self._leave)

    def _leave(self, now: int) -> None:
        self._floor.leave(self.number, now)

    def _hold_ms(self) -> int:
        behaviour = self._behaviour
        hold_s = behaviour.hold_median_s * math.exp(self._chance.normal(0.0, behaviour.hold_sigma))
        return round(1000 * max(behaviour.min_absent_s, min(behaviour.hold_max_s, hold_s)))

    def _later(self, now: int, range_s: tuple[float, float]) -> int:
        return now + round(1000 * self._chance.uniform(*range_s))
