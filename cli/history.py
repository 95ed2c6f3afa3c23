"""Nine days and a morning that a simulated pop-up has behind it, so that the demonstration opens on its tenth.

Writes observations and sales of the past days into a hub's database before the hub starts, through the
same code that records live ones. Figures follow an hourly profile and a seeded generator; every item of
the past arrived, was tried a few times and was sold, so that today's shelf is what the live devices see.
Everything here is simulated, and the store's name says so.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from contract.messages import (
    AnyObservation,
    PeopleCounted,
    TagArrived,
    TagPickedUp,
    TagPutBack,
    WeightChanged,
    encode_envelope,
    encode_observation,
)
from contract.topics import StreamAddress, stream_topic
from firmware_sim.world.epcs import sgtin_96
from firmware_sim.world.scenario import Product, Scenario
from hub.app import LocalHub
from hub.model import Sale

DAYS: Final = 9
PROFILE: Final = {11: 6, 12: 10, 13: 14, 14: 16, 15: 18, 16: 16, 17: 18, 18: 22, 19: 24, 20: 18, 21: 8}
"""People per opening hour of an ordinary day."""

SALES_PER_DAY: Final = (1, 4)
TRIES_PER_SALE: Final = 3
FIRST_SERIAL: Final = 500_000
LINES: Final = 400
BEFORE_SALE_MS: Final = 90_000
VISIT_MS: Final = 300_000
MARGIN_MS: Final = 600_000
"""The past ends ten minutes before the doors of the demonstration open."""


class _Day(NamedTuple):
    opens: int
    weekend: bool


def write_history(
    database: Path, folder: Path, scenario: Scenario, *, agent: str, now: int, seed: int
) -> int:
    """Fill an empty hub database with the past days; returns the number of observations.

    Args:
        database: the hub's file.
        folder: where the store's files are (store.toml, products.csv, bindings.csv).
        scenario: the store.
        agent: agent id whose stream carries the past.
        now: present time in ms; everything happens before it.
        seed: everything random follows from it.
    """
    clock = now
    hub = LocalHub(database, lambda: clock)
    hub.load_catalogue(
        stores=[folder / "store.toml"], products=folder / "products.csv", bindings=folder / "bindings.csv"
    )
    random = Random(seed)  # noqa: S311 - figures of a simulated shop
    observations: list[AnyObservation] = []
    sales: list[Sale] = []
    days = list(_past_days(scenario, now))
    until = now - MARGIN_MS
    for day in days:
        observations += _footfall(scenario, day, until, random)
    for product in scenario.products:
        stories = (
            _tagged(scenario, product, days, until, random)
            if product.tagged
            else _weighed(scenario, product, days, until, random)
        )
        for observation, sale in stories:
            if observation is not None:
                observations.append(observation)
            if sale is not None:
                sales.append(sale)
    observations.sort(key=lambda one: one.at)
    address = StreamAddress(scenario.store, agent, f"{agent}-past")  # type: ignore[arg-type]
    for first in range(0, len(observations), LINES):
        lines = [encode_observation(one) for one in observations[first : first + LINES]]
        hub.deliver(stream_topic(address, "observations"), encode_envelope(first + 1, lines, sent_at=now))
    if sales:
        hub.sell(scenario.store, sorted(sales, key=lambda sale: sale.at))
    hub.close()
    return len(observations)


def _past_days(scenario: Scenario, now: int) -> Iterator[_Day]:
    zone = ZoneInfo(scenario.timezone)
    today = datetime.fromtimestamp(now / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(DAYS, -1, -1):
        day = today - timedelta(days=back)
        yield _Day(round(day.replace(hour=10).timestamp() * 1000), day.weekday() >= 5)


def _footfall(scenario: Scenario, day: _Day, until: int, random: Random) -> Iterator[AnyObservation]:
    for counter in scenario.counters:
        for hour, people in PROFILE.items():
            expected = people * (1.5 if day.weekend else 1.0) / 4
            for quarter in range(4):
                entered = max(0, round(random.gauss(expected, expected**0.5)))
                at = day.opens + ((hour - 10) * 60 + quarter * 15 + random.randint(0, 9)) * 60_000
                if entered and at + VISIT_MS < until:
                    yield PeopleCounted(at=at, device=counter.device, line=counter.line, entered=entered)
                    yield PeopleCounted(
                        at=at + VISIT_MS, device=counter.device, line=counter.line, left=entered
                    )


def _moment(day: _Day, random: Random) -> int:
    hour = random.choices(list(PROFILE), weights=list(PROFILE.values()))[0]
    return day.opens + (hour - 10) * 3_600_000 + random.randint(0, 3_300_000)


def _tagged(
    scenario: Scenario, product: Product, days: list[_Day], until: int, random: Random
) -> Iterator[tuple[AnyObservation | None, Sale | None]]:
    """The stories of one product's items that are sold by now."""
    places = [
        (reader.device, int(port), zone)
        for reader in scenario.readers
        for port, zone in reader.antennas.items()
    ]
    serial = FIRST_SERIAL
    for number, day in enumerate(days):
        for _ in range(random.randint(*SALES_PER_DAY) + (1 if day.weekend else 0)):
            picked = _moment(day, random)
            sold = picked + random.randint(60_000, 240_000)
            if sold >= until:
                continue
            serial += 1
            epc = sgtin_96(product.gtin, product.company_digits, serial)
            device, antenna, zone = random.choice(places)
            yield (
                TagArrived(
                    at=days[0].opens - 1_800_000 + serial % 600 * 1000,
                    device=device,
                    epc=epc,
                    zone=zone,
                    antenna=antenna,
                    rssi_dbm=-52.0,
                ),
                None,
            )
            for _ in range(random.randint(0, TRIES_PER_SALE)):
                tried = _moment(days[random.randint(0, number)], random)
                if tried < day.opens:
                    back = tried + random.randint(9_000, 90_000)
                    yield TagPickedUp(at=tried, device=device, epc=epc, zone=zone), None
                    yield (
                        TagPutBack(
                            at=back,
                            device=device,
                            epc=epc,
                            zone=zone,
                            from_zone=zone,
                            picked_at=tried,
                            antenna=antenna,
                            rssi_dbm=-52.0,
                        ),
                        None,
                    )
            yield TagPickedUp(at=picked, device=device, epc=epc, zone=zone), _sale(product, serial, 1, sold)


def _weighed(
    scenario: Scenario, product: Product, days: list[_Day], until: int, random: Random
) -> Iterator[tuple[AnyObservation | None, Sale | None]]:
    """The past of a tray: every sale took units off it, down to what lies on it today."""
    for tray in (tray for tray in scenario.trays if tray.sku == product.sku):
        moments = sorted(_moment(day, random) for day in days for _ in range(random.randint(2, 6)))
        moments = [at for at in moments if at + BEFORE_SALE_MS < until]
        units = tray.units + len(moments)
        unit_g = tray.unit_weight_g

        def weighed(
            at: int,
            units: int,
            delta: int,
            device: str = tray.device,
            zone: str = tray.zone,
            unit_g: float = unit_g,
        ) -> WeightChanged:
            return WeightChanged(
                at=at,
                device=device,
                zone=zone,
                sku=product.sku,
                weight_g=round(units * unit_g, 2),
                delta_g=round(delta * unit_g, 2),
                units=units,
                delta_units=delta,
            )

        yield weighed(days[0].opens - 1_800_000, units, 0), None
        for number, at in enumerate(moments):
            units -= 1
            yield weighed(at, units, -1), _sale(product, number, 1, at + BEFORE_SALE_MS)


def _sale(product: Product, number: int, quantity: int, at: int) -> Sale:
    return Sale(
        at=at,
        sale_id=f"past-{product.sku}-{number}",
        line=1,
        code=product.sku,
        quantity=quantity,
        price=product.price,
    )
