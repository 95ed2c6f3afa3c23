"""The simulated store, stepped by anyone at any pace.

``step(now)`` runs everything up to ``now`` in order of time: people's actions at their exact
milliseconds, readers and plates on fixed grids counted from the first step. So a run depends on scenario,
seed, start and what was asked of the world (stop, deliver), never on the size of the steps. Before the
first step nothing has a time; the first step opens the store.
"""

from functools import partial
from typing import Final

from contract.errors import ConfigError
from firmware_sim.model import Sighting
from firmware_sim.world.agenda import Agenda
from firmware_sim.world.chance import generator
from firmware_sim.world.epcs import opaque_epc, sgtin_96
from firmware_sim.world.floor import BuildField, Floor, GoodsIn, Sale
from firmware_sim.world.plate import SAMPLE_MS
from firmware_sim.world.radio import TICK_MS, build_field
from firmware_sim.world.scenario import Delivery, Product, Scenario, Surge, check_scenario
from firmware_sim.world.shopper import Shopper
from firmware_sim.world.truth.state import Truth

FIRST_DELIVERED_SERIAL: Final = 900_000
"""Serials of delivered tags, far from those of the opening stock."""


class World:
    """One store, its people and its physics.

    Args:
        scenario: what the store is made of; refused with a ConfigError when its parts do not fit.
        seed: everything random follows from it.
        build: makes the field of a reader, by default one that is ticked.
    """

    def __init__(self, scenario: Scenario, seed: int, build: BuildField = build_field) -> None:
        check_scenario(scenario)
        self.scenario = scenario
        self._seed = seed
        self._zones = {zone.id for zone in scenario.zones}
        self._tagged = {product.sku: product for product in scenario.products if product.tagged}
        self._goods_in: list[GoodsIn] = []
        self._floor = Floor(scenario, seed, build)
        self._agenda = Agenda()
        self._arrivals = generator(seed, "arrivals")
        self._shoppers = 0
        self._delivered = 0
        self._closing = False
        self._start: int | None = None
        self._now = 0

    @property
    def truth(self) -> Truth:
        """What really happened and where everything really is."""
        return self._floor.truth

    @property
    def now(self) -> int:
        """Time up to which the world has run."""
        return self._now

    @property
    def quiet(self) -> bool:
        """True when nobody is inside and nobody will come."""
        return self._closing and self.truth.occupancy == 0

    def step(self, now_ms: int) -> None:
        """Run everything up to ``now_ms``; an earlier time than the last changes nothing."""
        if self._start is None:
            self._open(now_ms)
        self._agenda.run_until(now_ms)
        self._now = max(self._now, now_ms)

    def stop_shoppers(self, now: int) -> None:
        """Let nobody in from ``now`` on; those inside finish what is in their hands and leave."""
        self.step(now)
        self._closing = True

    def deliver(self, sku: str, zone: str, units: int, now: int, *, encoded: bool = False) -> tuple[str, ...]:
        """Put new stock in a zone and return the EPCs of tagged items.

        They are tags with factory numbers, which the shop still has to bind to the SKU; or, ``encoded``,
        tags that carry the product's GTIN.

        Raises:
            ConfigError: this SKU cannot be put in this zone.
        """
        self.step(now)
        return self._put(sku, zone, units, now, encoded=encoded)

    def _put(self, sku: str, zone: str, units: int, now: int, *, encoded: bool) -> tuple[str, ...]:
        for plate in self._floor.plates.values():
            if plate.tray.sku == sku and plate.tray.zone == zone:
                self._floor.deliver_units(plate, units, now)
                return ()
        if zone not in self._zones or sku not in self._tagged:
            raise ConfigError(
                f"{units} of SKU {sku!r} cannot be put in zone {zone!r}; expected a tagged SKU, or a tray's own"
            )
        product = self._tagged[sku]
        epcs = tuple(
            self._new_tag(product, self._delivered + offset, encoded=encoded) for offset in range(units)
        )
        self._delivered += units
        for epc in epcs:
            self._floor.deliver(epc, sku, zone, now)
        return epcs

    def sightings(self, device: str, now: int) -> list[Sighting]:
        """Return what a reader's antennas singulated since the last call."""
        self.step(now)
        return self._floor.fields[device].fetch()

    def plate(self, device: str) -> tuple[float, bool]:
        """Return (weight in grams, stable) of a scale's last sample."""
        plate = self._floor.plates[device]
        return plate.weight_g, plate.stable

    def crossings(self, device: str) -> tuple[int, int]:
        """Return (entered, left) that a counter counted since the last call."""
        return self._floor.doors[device].fetch()

    def sales(self, now: int) -> list[Sale]:
        """Return the sales rung up since the last call."""
        self.step(now)
        due, self._floor.sales = self._floor.sales, []
        return due

    def goods_in(self, now: int) -> list[GoodsIn]:
        """Return the delivery notes of happenings since the last call."""
        self.step(now)
        due, self._goods_in = self._goods_in, []
        return due

    def _new_tag(self, product: Product, number: int, *, encoded: bool) -> str:
        if encoded and product.gtin:
            return sgtin_96(product.gtin, product.company_digits, FIRST_DELIVERED_SERIAL + number)
        return opaque_epc(f"delivery {number}")

    def _happen(self, happening: Surge | Delivery, now: int) -> None:
        if isinstance(happening, Delivery):
            epcs = self._put(happening.sku, happening.zone, happening.units, now, encoded=True)
            self._goods_in.append(
                GoodsIn(
                    receipt_id=f"delivery-{self._seed}-{now}",
                    store=self.scenario.store,
                    sku=happening.sku,
                    zone=happening.zone,
                    quantity=happening.units,
                    epcs=epcs,
                    received_at=now,
                )
            )
        else:
            self._surge(now, now + round(1000 * happening.for_s), happening.shoppers_per_h)

    def _surge(self, now: int, ends: int, shoppers_per_h: float) -> None:
        gap_ms = round(self._arrivals.exponential(3_600_000 / shoppers_per_h))
        if now + gap_ms < ends:
            self._agenda.at(now + gap_ms, self._admit_one)
            self._agenda.at(now + gap_ms, lambda then: self._surge(then, ends, shoppers_per_h))

    def _open(self, now: int) -> None:
        self._start = self._now = now
        self._floor.open(now)
        if self.scenario.behaviour.shoppers_per_h > 0:
            self._expect_shopper(now + round(1000 * self.scenario.behaviour.first_after_s))
        for happening in self.scenario.happenings:
            self._agenda.at(now + round(1000 * happening.at_s), partial(self._happen, happening))
        if any(field.ticks for field in self._floor.fields.values()):
            self._sense(now)
        if self._floor.plates:
            self._weigh(now)

    def _expect_shopper(self, now: int) -> None:
        gap_ms = self._arrivals.exponential(3_600_000 / self.scenario.behaviour.shoppers_per_h)
        self._agenda.at(now + round(gap_ms), self._admit)

    def _admit(self, now: int) -> None:
        if not self._closing:
            self._admit_one(now)
            self._expect_shopper(now)

    def _admit_one(self, now: int) -> None:
        if self._closing:
            return
        self._shoppers += 1
        chance = generator(self._seed, "shopper", str(self._shoppers))
        Shopper(self._shoppers, self._floor, self._agenda, chance, closing=lambda: self._closing).enter(now)

    def _sense(self, now: int) -> None:
        for field in self._floor.fields.values():
            field.tick(now)
        self._agenda.at(now + TICK_MS, self._sense)

    def _weigh(self, now: int) -> None:
        for plate in self._floor.plates.values():
            plate.sample(now)
        self._agenda.at(now + SAMPLE_MS, self._weigh)
