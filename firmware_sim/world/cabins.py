"""A clothes shop with fitting cabins, lived through once: who carried what where, as a course per garment.

    browse ─▶ pick 1 to 6 ─▶ queue if no cabin is free ─▶ into one cabin together ─▶ wear one after another
           ─▶ out together ─▶ till │ back on the shelf or rail │ return rail │ left in the cabin │ laid elsewhere

A rail stands behind the cabins' wall, so its garments are heard in the cabins; other shoppers pick, put back
and buy without trying on; staff clear cabins and take garments from the return rail past the cabins to
where they belong. The physics that devices sense of it is in :mod:`firmware_sim.world.radio.cabin_cycles`.

Figures (garments per session, dwell) are those of the project's behaviour model; what a till knows is a SKU,
and the EPC of some sales.
"""

import math
from bisect import bisect_right
from functools import partial
from typing import Final, NamedTuple

import msgspec
import numpy as np

from firmware_sim.world.agenda import Agenda
from firmware_sim.world.chance import generator
from firmware_sim.world.epcs import gtin_14, sgtin_96
from firmware_sim.world.truth.events import AnyTruthEvent, CarriedIn, CarriedOut, Picked, PutBack, Sold

COMPANY: Final = "9521234"
START: Final = 1_780_000_000_000

CABINS: Final = ("cabin-1", "cabin-2", "cabin-3")
SHELVES: Final = ("shelf-a", "shelf-b", "rail-wall")
"""Where garments are for sale; ``rail-wall`` stands behind the cabins' wall."""
RETURN_RAIL: Final = "return-rail"
TILL: Final = "till"
CORRIDOR: Final = "corridor"
FLOOR: Final = "floor"
AWAY: Final = "away"
PLACES: Final = (*SHELVES, RETURN_RAIL, *CABINS, TILL, CORRIDOR, FLOOR, AWAY)
"""Where a garment can be. The corridor is before the cabins' curtains; no antenna hears ``away``."""

HANGING: Final = 0
IN_HAND: Final = 1
WORN: Final = 2


class FittingBehaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people do.

    Attributes:
        fitters_per_h, browsers_per_h: shoppers who try on, and who do not.
        garments: shares of sessions with one garment, two, …; the mean is 2.5.
        pick_gap_s: from one pick to the next.
        at_shelf_s: how long a picked garment is still near its shelf.
        walk_s: on the way to the cabins, back, to the till.
        dwell_median_s, dwell_sigma, dwell_s: time in the cabin, log-normal within bounds.
        patience_s: whoever has waited for a cabin that long puts everything back.
        sold_share, shelf_share, rail_share, left_share: what becomes of a garment that was tried on: sold,
            put back where it came from, hung on the return rail, left in the cabin; else it is laid
            somewhere that no antenna hears.
        browser_buys_share: browsers' garments that are bought.
        hold_median_s, hold_sigma: how long browsers hold one.
        clear_s: after how long staff clear a cabin, or a garment from the return rail.
        till_s: at the till.
        sale_epc_share: sales of which the till knows the EPC.
    """

    fitters_per_h: float = 28.0
    browsers_per_h: float = 40.0
    garments: tuple[float, ...] = (0.27, 0.30, 0.22, 0.12, 0.06, 0.03)
    pick_gap_s: tuple[float, float] = (8.0, 40.0)
    at_shelf_s: tuple[float, float] = (1.0, 5.0)
    walk_s: tuple[float, float] = (6.0, 20.0)
    dwell_median_s: float = 240.0
    dwell_sigma: float = 0.5
    dwell_s: tuple[float, float] = (90.0, 720.0)
    patience_s: float = 240.0
    sold_share: float = 0.36
    shelf_share: float = 0.22
    rail_share: float = 0.28
    left_share: float = 0.06
    browser_buys_share: float = 0.2
    hold_median_s: float = 18.0
    hold_sigma: float = 0.8
    clear_s: tuple[float, float] = (180.0, 480.0)
    till_s: tuple[float, float] = (20.0, 45.0)
    sale_epc_share: float = 0.35


class Stay(NamedTuple):
    """Where a garment is from ``at`` on, and how."""

    at: int
    place: str
    mode: int


class Stood(NamedTuple):
    """Somebody who picks stands before a shelf."""

    at: int
    place: str


class Occupied(NamedTuple):
    """Somebody is in a cabin."""

    cabin: str
    start: int
    end: int


class TillSale(NamedTuple):
    """One unit as the till tells it."""

    at: int
    sale_id: str
    sku: str
    epc: str | None


class Garment:
    """One tagged item and its course."""

    def __init__(self, epc: str, sku: str, home: str, at: int) -> None:
        self.epc = epc
        self.sku = sku
        self.home = home
        self.stays = [Stay(at, home, HANGING)]
        self.free_from: int | None = at

    def be(self, place: str, mode: int, at: int) -> None:
        """Be somewhere from now on."""
        self.stays.append(Stay(at, place, mode))


class FittingShop:
    """The shop after ``minutes`` of arrivals and until the last shopper has left.

    Args:
        seed: everything random follows from it.
        minutes: how long shoppers come in.
        behaviour: what they do.
        tags_per_shelf: garments on each of the three shelves and rails.
        skus: how many products they are of.

    Attributes:
        garments: with their courses.
        truth: what happened, in order of time.
        stood, occupied: where people are, for the physics.
        sales: what the till told.
        start, end: of the run, in ms.
    """

    def __init__(
        self,
        seed: int,
        minutes: float,
        behaviour: FittingBehaviour | None = None,
        *,
        tags_per_shelf: int = 45,
        skus: int = 24,
    ) -> None:
        self.start = START
        self.truth: list[AnyTruthEvent] = []
        self.stood: list[Stood] = []
        self.occupied: list[Occupied] = []
        self.sales: list[TillSale] = []
        self._seed = seed
        self._behaviour = behaviour or FittingBehaviour()
        self._agenda = Agenda()
        self._closes = START + round(60_000 * minutes)
        self._free_cabins = list(CABINS)
        self._queue: list[_Visit] = []
        self._visits = 0
        self.garments = [
            self._garment(number, shelf, number % skus)
            for number, shelf in enumerate(shelf for shelf in SHELVES for _ in range(tags_per_shelf))
        ]
        for kind, per_h in (
            ("fitter", self._behaviour.fitters_per_h),
            ("browser", self._behaviour.browsers_per_h),
        ):
            self._arrive(kind, per_h, generator(seed, "arrivals", kind))
        while (next_at := self._agenda.next_at()) is not None:
            self._agenda.run_until(next_at)
        self.truth.sort(key=lambda event: event.at)
        last = max([self._closes, *(event.at for event in self.truth)])
        self.end = START + (last - START + 60_000) // 1000 * 1000

    def _garment(self, number: int, shelf: str, sku: int) -> Garment:
        epc = sgtin_96(gtin_14(COMPANY, f"{501 + sku:05}"), 7, 1000 + number)
        return Garment(epc, f"garment-{sku}", shelf, START)

    def _arrive(self, kind: str, per_h: float, chance: np.random.Generator) -> None:
        at = START + 90_000
        while per_h > 0 and (at := at + round(chance.exponential(3_600_000 / per_h))) < self._closes:
            self._visits += 1
            visit = _Visit(self._visits, kind, [], generator(self._seed, kind, str(self._visits)))
            wanted = 1 + int(visit.chance.choice(len(self._behaviour.garments), p=self._behaviour.garments))
            self._agenda.at(at, partial(self._pick, visit, wanted if kind == "fitter" else 1))

    def _pick(self, visit: "_Visit", wanted: int, now: int) -> None:
        shelf = SHELVES[int(visit.chance.integers(len(SHELVES)))]
        there = [
            garment
            for garment in self.garments
            if garment.free_from is not None
            and now - garment.free_from >= 15_000
            and garment.stays[-1].place == shelf
        ]
        if there:
            garment = there[int(visit.chance.integers(len(there)))]
            garment.free_from = None
            self.truth.append(
                Picked(at=now, shopper=visit.number, epc=garment.epc, sku=garment.sku, zone=shelf)
            )
            self.stood.append(Stood(now, shelf))
            garment.be(shelf, IN_HAND, now)
            garment.be(FLOOR, IN_HAND, now + _ms(visit.chance.uniform(*self._behaviour.at_shelf_s)))
            visit.held.append((garment, now))
        if len(visit.held) < wanted and there:
            self._agenda.at(
                self._later(visit, now, self._behaviour.pick_gap_s), partial(self._pick, visit, wanted)
            )
        elif not visit.held:
            return
        elif visit.kind == "fitter":
            self._agenda.at(
                self._later(visit, now, self._behaviour.walk_s), partial(self._come_to_cabins, visit)
            )
        else:
            behaviour = self._behaviour
            hold_s = behaviour.hold_median_s * math.exp(visit.chance.normal(0.0, behaviour.hold_sigma))
            self._agenda.at(now + _ms(max(6.0, min(300.0, hold_s))), partial(self._decide_browser, visit))

    def _decide_browser(self, visit: "_Visit", now: int) -> None:
        ((garment, picked_at),) = visit.held
        if visit.chance.random() < self._behaviour.browser_buys_share:
            self._agenda.at(
                self._later(visit, now, self._behaviour.walk_s), partial(self._to_till, visit, visit.held)
            )
        else:
            self._put_back(visit.number, garment, picked_at, garment.home, now)

    def _come_to_cabins(self, visit: "_Visit", now: int) -> None:
        for garment, _ in visit.held:
            garment.be(CORRIDOR, IN_HAND, now)
        self._queue.append(visit)
        visit.waits_since = now
        self._agenda.at(now + _ms(visit.chance.uniform(3.0, 8.0)), self._admit)
        self._agenda.at(now + _ms(self._behaviour.patience_s), partial(self._give_up, visit))

    def _admit(self, now: int) -> None:
        while self._queue and self._free_cabins and now - self._queue[0].waits_since >= 3_000:
            visit = self._queue.pop(0)
            cabin = self._free_cabins.pop(int(visit.chance.integers(len(self._free_cabins))))
            self._fit(visit, cabin, now)

    def _give_up(self, visit: "_Visit", now: int) -> None:
        if visit in self._queue:
            self._queue.remove(visit)
            self._disperse(visit, now, [("shelf", held) for held in visit.held])

    def _fit(self, visit: "_Visit", cabin: str, now: int) -> None:
        behaviour, chance = self._behaviour, visit.chance
        low, high = behaviour.dwell_s
        dwell_s = behaviour.dwell_median_s * math.exp(chance.normal(0.0, behaviour.dwell_sigma))
        ends = now + _ms(min(high, max(low, dwell_s)))
        hung_at = now + _ms(chance.uniform(4.0, 12.0))
        slots = np.linspace(hung_at, ends - 8_000, len(visit.held) + 1).round().astype(int).tolist()
        for (garment, _), begin, stop in zip(visit.held, slots[:-1], slots[1:], strict=True):
            self.truth.append(
                CarriedIn(at=now, shopper=visit.number, epc=garment.epc, sku=garment.sku, room=cabin)
            )
            garment.be(cabin, IN_HAND, now)
            garment.be(cabin, HANGING, hung_at)
            slack = stop - begin
            garment.be(cabin, WORN, begin + int(slack * chance.uniform(0.1, 0.25)))
            garment.be(cabin, HANGING, begin + int(slack * chance.uniform(0.7, 0.95)))
            garment.be(cabin, IN_HAND, ends - 5_000)
        self.occupied.append(Occupied(cabin, now, ends))
        self._agenda.at(ends, partial(self._leave_cabin, visit, cabin, now))

    def _leave_cabin(self, visit: "_Visit", cabin: str, since: int, now: int) -> None:
        behaviour, taken = self._behaviour, []
        for held in visit.held:
            fate = visit.chance.random()
            garment, picked_at = held
            if fate < behaviour.left_share:
                garment.be(cabin, HANGING, now)
                clear = partial(self._clear, visit.number, garment, picked_at, cabin, since)
                self._agenda.at(self._later(visit, now, behaviour.clear_s), clear)
                continue
            self._carry_out(visit.number, garment, cabin, since, now)
            garment.be(CORRIDOR, IN_HAND, now)
            shares = [behaviour.sold_share, behaviour.shelf_share, behaviour.rail_share]
            bounds = np.cumsum(shares) + behaviour.left_share
            taken.append((("till", "shelf", "rail", "elsewhere")[bisect_right(bounds.tolist(), fate)], held))
        self._agenda.at(now + _ms(visit.chance.uniform(8.0, 20.0)), partial(self._freed, cabin))
        self._disperse(visit, now + _ms(visit.chance.uniform(3.0, 6.0)), taken)

    def _freed(self, cabin: str, now: int) -> None:
        self._free_cabins.append(cabin)
        self._admit(now)

    def _carry_out(self, shopper: int, garment: Garment, cabin: str, since: int, now: int) -> None:
        self.truth.append(
            CarriedOut(
                at=now, shopper=shopper, epc=garment.epc, sku=garment.sku, room=cabin, carried_in_at=since
            )
        )

    def _clear(
        self, shopper: int, garment: Garment, picked_at: int, cabin: str, since: int, now: int
    ) -> None:
        """Staff take what was left in a cabin to the return rail."""
        self._carry_out(shopper, garment, cabin, since, now)
        garment.be(CORRIDOR, IN_HAND, now)
        chance = generator(self._seed, "clear", garment.epc, str(now))
        at = now + _ms(chance.uniform(4.0, 12.0))
        self._agenda.at(at, partial(self._put_back, shopper, garment, picked_at, RETURN_RAIL))

    def _disperse(self, visit: "_Visit", now: int, taken: list[tuple[str, tuple[Garment, int]]]) -> None:
        """What was taken out goes its ways: return rail first, then shelves, then the till."""
        at = now
        for fate, (garment, picked_at) in sorted(
            taken, key=lambda one: ("rail", "elsewhere", "shelf", "till").index(one[0])
        ):
            if fate == "rail":
                self._agenda.at(at, partial(self._put_back, visit.number, garment, picked_at, RETURN_RAIL))
                at += _ms(visit.chance.uniform(1.0, 3.0))
                continue
            garment.be(FLOOR, IN_HAND, at)
            if fate == "elsewhere":
                garment.be(AWAY, HANGING, self._later(visit, at, self._behaviour.walk_s))
            elif fate == "shelf":
                at = self._later(visit, at, self._behaviour.walk_s)
                self._agenda.at(at, partial(self._put_back, visit.number, garment, picked_at, garment.home))
        bought = [held for fate, held in taken if fate == "till"]
        if bought:
            self._agenda.at(
                self._later(visit, at, self._behaviour.walk_s), partial(self._to_till, visit, bought)
            )

    def _to_till(self, visit: "_Visit", bought: list[tuple[Garment, int]], now: int) -> None:
        leaves = self._later(visit, now, self._behaviour.till_s)
        paid = (now + leaves) // 2
        for line, (garment, picked_at) in enumerate(bought, 1):
            garment.be(TILL, IN_HAND, now)
            garment.be(AWAY, HANGING, leaves)
            sale_id = f"sale-{visit.number}"
            self.truth.append(
                Sold(
                    at=paid, shopper=visit.number, sale_id=sale_id, line=line, sku=garment.sku, quantity=1,
                    epc=garment.epc, zone=garment.home, picked_at=picked_at,
                )
            )  # fmt: skip
            known = visit.chance.random() < self._behaviour.sale_epc_share
            self.sales.append(
                TillSale(paid, f"{sale_id}-{line}", garment.sku, garment.epc if known else None)
            )

    def _put_back(self, shopper: int, garment: Garment, picked_at: int, zone: str, now: int) -> None:
        self.truth.append(
            PutBack(
                at=now, shopper=shopper, epc=garment.epc, sku=garment.sku, zone=zone,
                from_zone=garment.home, picked_at=picked_at,
            )
        )  # fmt: skip
        self.stood.append(Stood(now, zone))
        garment.be(zone, HANGING, now)
        if zone == RETURN_RAIL:
            chance = generator(self._seed, "staff", garment.epc, str(now))
            fetched = now + _ms(chance.uniform(*self._behaviour.clear_s))
            self._agenda.at(fetched, partial(self._fetch, garment, chance))
        else:
            garment.free_from = now

    def _fetch(self, garment: Garment, chance: np.random.Generator, now: int) -> None:
        """Staff take a garment from the return rail past the cabins to its shelf."""
        self.truth.append(Picked(at=now, shopper=0, epc=garment.epc, sku=garment.sku, zone=RETURN_RAIL))
        garment.be(CORRIDOR, IN_HAND, now)
        on_floor = now + _ms(chance.uniform(5.0, 15.0))
        garment.be(FLOOR, IN_HAND, on_floor)
        back = on_floor + _ms(chance.uniform(*self._behaviour.walk_s))
        self._agenda.at(back, partial(self._put_back, 0, garment, now, garment.home))

    def _later(self, visit: "_Visit", now: int, range_s: tuple[float, float]) -> int:
        return now + _ms(visit.chance.uniform(*range_s))


class _Visit:
    """One shopper with what is in the hands: (garment, picked at)."""

    def __init__(
        self, number: int, kind: str, held: list[tuple[Garment, int]], chance: np.random.Generator
    ) -> None:
        self.number = number
        self.kind = kind
        self.held = held
        self.chance = chance
        self.waits_since = 0


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
