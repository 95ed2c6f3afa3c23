"""The shop floor: the one place where items change hands.

Every change is told three times, in this order: to the truth (what happened), to the physics (what the
devices may sense of it) and, for a sale, to the till's queue. Shoppers act on the floor and on nothing
else.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from firmware_sim.world.chance import generator
from firmware_sim.world.door import Door
from firmware_sim.world.epcs import opaque_epc
from firmware_sim.world.plate import Plate
from firmware_sim.world.radio import RadioField, build_field
from firmware_sim.world.scenario import Product, Reader, Scenario, tagged_items
from firmware_sim.world.truth.events import (
    Delivered,
    Entered,
    Left,
    Picked,
    PutBack,
    Sold,
    TrayReturned,
    TrayTaken,
)
from firmware_sim.world.truth.state import Truth


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a receipt, as a till knows it: usually without the EPC."""

    sale_id: str
    line: int
    store: str
    sku: str
    quantity: int
    price: float
    sold_at: int
    epc: str | None = None


class GoodsIn(msgspec.Struct, frozen=True, kw_only=True):
    """What the delivery note of a happening says."""

    receipt_id: str
    store: str
    sku: str
    zone: str
    quantity: int
    epcs: tuple[str, ...]
    received_at: int


class HeldItem(NamedTuple):
    """A tagged item in a hand."""

    epc: str
    sku: str
    zone: str
    picked_at: int


class HeldUnits(NamedTuple):
    """Units from a tray in a hand."""

    plate: Plate
    weights_g: list[float]
    picked_at: int


BuildField = Callable[[Scenario, Reader, int], RadioField]


class Floor:
    """Items, fixtures and devices of one store."""

    def __init__(self, scenario: Scenario, seed: int, build: BuildField = build_field) -> None:
        self.scenario = scenario
        self.fields = {reader.device: build(scenario, reader, seed) for reader in scenario.readers}
        scale = scenario.scale if scenario.noise else None
        self.plates = {tray.device: Plate(tray, scale, seed) for tray in scenario.trays}
        errors = scenario.counter if scenario.counter_errors else None
        self.doors = {counter.device: Door(counter, errors, seed) for counter in scenario.counters}
        self.sales: list[Sale] = []
        self.shelves = sorted({zone for reader in scenario.readers for zone in reader.antennas.values()})
        self._products: dict[str, Product] = {product.sku: product for product in scenario.products}
        self._items = list(tagged_items(scenario))
        self._lying: dict[str, tuple[str, str, int]] = {}
        self._lines = sorted({counter.line for counter in scenario.counters}) or ["door"]
        self._ways = generator(seed, "ways")
        self._sales_made = 0
        self._restocked = 0
        self.truth = Truth(self._items, ((tray.sku, tray.zone, tray.units) for tray in scenario.trays))

    def open(self, now: int) -> None:
        """Put every item in its place."""
        for epc, sku, zone in self._items:
            self._lie(epc, sku, zone, now)

    def enter(self, shopper: int, now: int) -> None:
        """A shopper comes in."""
        line = self._cross(inwards=True, now=now)
        self.truth.record(Entered(at=now, line=line, shopper=shopper))

    def leave(self, shopper: int, now: int) -> None:
        """A shopper goes out."""
        line = self._cross(inwards=False, now=now)
        self.truth.record(Left(at=now, line=line, shopper=shopper))

    def _cross(self, *, inwards: bool, now: int) -> str:
        """A shopper takes one of the doors, each as likely as another; its counters see that."""
        line = self._lines[int(self._ways.integers(len(self._lines)))]
        for door in self.doors.values():
            if door.line == line:
                door.cross(inwards=inwards, now=now)
        return line

    def stand_before(self, zone: str, now: int, *, picking: bool = False) -> None:
        """A shopper stands before a zone."""
        for field in self.fields.values():
            field.stand_before(zone, now, picking=picking)

    def pickable(self, now: int) -> list[str]:
        """Return the EPCs that a shopper may pick: bound to a product and not put down just now."""
        min_present_ms = round(1000 * self.scenario.behaviour.min_present_s)
        return [epc for epc, (_, _, since) in self._lying.items() if now - since >= min_present_ms]

    def pick(self, shopper: int, epc: str, now: int) -> HeldItem:
        """Take a tagged item."""
        sku, zone, _ = self._lying.pop(epc)
        self.truth.record(Picked(at=now, shopper=shopper, epc=epc, sku=sku, zone=zone))
        for field in self.fields.values():
            field.lift(epc, now)
        self.stand_before(zone, now, picking=True)
        return HeldItem(epc, sku, zone, now)

    def put_back(self, shopper: int, held: HeldItem, zone: str, now: int) -> None:
        """Put a tagged item down."""
        self.truth.record(
            PutBack(
                at=now,
                shopper=shopper,
                epc=held.epc,
                sku=held.sku,
                zone=zone,
                from_zone=held.zone,
                picked_at=held.picked_at,
            )
        )
        self._lie(held.epc, held.sku, zone, now)

    def take_units(self, shopper: int, plate: Plate, units: int, now: int) -> HeldUnits:
        """Take units off a tray."""
        tray = plate.tray
        self.truth.record(
            TrayTaken(at=now, shopper=shopper, device=tray.device, zone=tray.zone, sku=tray.sku, units=units)
        )
        return HeldUnits(plate, plate.remove(units, now), now)

    def return_units(self, shopper: int, held: HeldUnits, now: int) -> None:
        """Put units back on their tray."""
        tray, units = held.plate.tray, len(held.weights_g)
        self.truth.record(
            TrayReturned(
                at=now, shopper=shopper, device=tray.device, zone=tray.zone, sku=tray.sku, units=units
            )
        )
        held.plate.add(held.weights_g, now)

    def sell(self, shopper: int, held: HeldItem | HeldUnits, now: int) -> None:
        """Ring up what a shopper holds."""
        self._sales_made += 1
        sale_id = f"{self.scenario.store}-{now}-{self._sales_made}"
        if isinstance(held, HeldItem):
            sku, quantity, epc, zone = held.sku, 1, held.epc, held.zone
        else:
            sku, quantity, epc, zone = held.plate.tray.sku, len(held.weights_g), None, held.plate.tray.zone
        self.truth.record(
            Sold(
                at=now, shopper=shopper, sale_id=sale_id, line=1, sku=sku, quantity=quantity, epc=epc, zone=zone, picked_at=held.picked_at
            )
        )  # fmt: skip
        price = self._products[sku].price
        self.sales.append(
            Sale(
                sale_id=sale_id,
                line=1,
                store=self.scenario.store,
                sku=sku,
                quantity=quantity,
                price=price,
                sold_at=now,
            )
        )

    def restock(self, sku: str, zone: str, now: int) -> None:
        """Staff put a new item, with a factory number, where a sold one lay."""
        self._restocked += 1
        self.deliver(opaque_epc(f"restocked {self._restocked}"), sku, zone, now)

    def deliver(self, epc: str, sku: str, zone: str, now: int) -> None:
        """Put a new tagged item in a zone."""
        self.truth.record(Delivered(at=now, sku=sku, zone=zone, units=1, epcs=(epc,)))
        self._lie(epc, sku, zone, now)

    def deliver_units(self, plate: Plate, units: int, now: int) -> None:
        """Put new units on a tray."""
        plate.reach(now)
        self.truth.record(Delivered(at=now, sku=plate.tray.sku, zone=plate.tray.zone, units=units))
        plate.deliver(units, now)

    def _lie(self, epc: str, sku: str | None, zone: str, now: int) -> None:
        if sku is not None:
            self._lying[epc] = (sku, zone, now)
        for field in self.fields.values():
            field.place(epc, zone, now)
