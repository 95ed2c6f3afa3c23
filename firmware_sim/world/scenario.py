"""A scenario: which store, what stands where, who comes and what they do. Readable from TOML.

A scenario is complete before a world is built from it: :func:`check_scenario` refuses one whose parts do
not fit (an antenna in a zone that does not exist, an EPC given twice) with a sentence that names the part.
Lengths are metres, times seconds unless the name says otherwise.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from contract.errors import ConfigError
from contract.ids import EpcHex, Slug
from contract.settings import read_settings
from firmware_sim.world.epcs import sgtin_96
from firmware_sim.world.families import COUNTERS, READERS, SCALES, Family
from firmware_sim.world.noise import CounterNoise, RadioNoise, ScaleNoise

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Metres = Annotated[float, msgspec.Meta(ge=0, le=1000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Units = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
ZoneKind = Literal["shelf", "mirror", "till", "backroom", "door"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a scenario: unknown keys are refused."""


class Zone(_Part, frozen=True, kw_only=True):
    """A rectangle of the floor plan."""

    id: Slug
    name: str
    name_zh: str = ""
    kind: ZoneKind = "shelf"
    x: Metres
    y: Metres
    w: Metres
    h: Metres

    def distance_m(self, other: "Zone") -> float:
        """Return the distance between the centres."""
        return float(
            (
                (self.x + self.w / 2 - other.x - other.w / 2) ** 2
                + (self.y + self.h / 2 - other.y - other.h / 2) ** 2
            )
            ** 0.5
        )


class Coupling(_Part, frozen=True, kw_only=True):
    """Mean RSSI of one zone's tags at one antenna, where the distance rule does not hold."""

    antenna: int
    zone: Slug
    rssi_dbm: float


class Reader(_Part, frozen=True, kw_only=True):
    """An RFID reader.

    Attributes:
        kind: family, one of :data:`~firmware_sim.world.families.READERS`.
        antennas: port ("1" …) → zone.
        coupling: exceptions to the distance rule of :class:`~firmware_sim.world.noise.RadioNoise`.
        line_reads_per_s: what its line carries at most.
        port: TCP port of an LLRP reader.
    """

    device: Slug
    kind: str
    antennas: dict[str, Slug]
    coupling: tuple[Coupling, ...] = ()
    line_reads_per_s: Annotated[float, msgspec.Meta(ge=20, le=1000)] = 200.0
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 5084

    def ports(self) -> dict[int, str]:
        """Return antenna → zone, lowest port first."""
        return {int(port): self.antennas[port] for port in sorted(self.antennas, key=int)}


class Tray(_Part, frozen=True, kw_only=True):
    """A scale under one untagged SKU.

    Attributes:
        kind: family, one of :data:`~firmware_sim.world.families.SCALES`.
        unit: what the scale shows.
    """

    device: Slug
    kind: str = "mt_sics"
    unit: str = "g"
    zone: Slug
    sku: Slug
    unit_weight_g: Annotated[float, msgspec.Meta(gt=0)]
    units: Units


class PeopleCounter(_Part, frozen=True, kw_only=True):
    """A people counter over a door.

    Attributes:
        kind: family, one of :data:`~firmware_sim.world.families.COUNTERS`.
        line: name of the door; counters of the same line see the same people, others see others.
        report_s: how often a counter that tells intervals or totals does so; a minute is the least that
            real ones are set to, less saves time.
    """

    device: Slug
    kind: str = "terabee"
    line: Slug = "1"
    report_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60.0


class Product(_Part, frozen=True, kw_only=True):
    """What the shop sells. A GTIN whose company prefix is given can number tags."""

    sku: Slug
    name: str
    name_zh: str = ""
    gtin: str = ""
    company_digits: int = 7
    price: float
    lead_time_days: int = 7
    case_pack: int = 1
    tagged: bool = True
    unit_weight_g: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Placement(_Part, frozen=True, kw_only=True):
    """Tagged items that lie in a zone at the start.

    Attributes:
        sku: None for tags that nobody has bound to a product.
        units: how many items get an SGTIN-96 of their product, serials from ``first_serial``.
        epcs: further items with these EPCs.
    """

    sku: Slug | None = None
    zone: Slug
    units: Units = 0
    first_serial: int = 1
    epcs: tuple[EpcHex, ...] = ()


class Behaviour(_Part, frozen=True, kw_only=True):
    """What shoppers do.

    Attributes:
        shoppers_per_h: arrivals, exponential gaps.
        first_after_s: nobody comes before this time.
        actions_per_visit: mean number of times a shopper picks something (Poisson, at least one).
        browse_s: range of the time before each of them.
        tray_share: share of them at a tray.
        tray_two_share: share of those that take two units.
        hold_median_s, hold_sigma, hold_max_s: how long an item is in the hand, log-normal.
        min_absent_s: and at least this long.
        min_present_s: an item that was put back lies at least this long.
        buy_share, elsewhere_share: what becomes of it: bought, put back in another zone; else put back.
        sale_after_s: a sale is rung up at least this long after the pick.
        till_s: range of the way to the till.
        leave_s: range of the way to the door.
        restock_after_s: range after which staff put a new item where a sold one lay; None for never.
    """

    shoppers_per_h: Annotated[float, msgspec.Meta(ge=0, le=20_000)] = 60.0
    first_after_s: Seconds = 10.0
    actions_per_visit: Annotated[float, msgspec.Meta(ge=0, le=100)] = 2.0
    browse_s: tuple[Seconds, Seconds] = (5.0, 60.0)
    tray_share: Share = 0.15
    tray_two_share: Share = 0.2
    hold_median_s: Seconds = 18.0
    hold_sigma: Annotated[float, msgspec.Meta(ge=0, le=3)] = 0.8
    hold_max_s: Seconds = 40.0
    min_absent_s: Seconds = 15.0
    min_present_s: Seconds = 10.0
    buy_share: Share = 0.18
    elsewhere_share: Share = 0.12
    sale_after_s: Annotated[float, msgspec.Meta(ge=20, le=3600)] = 20.0
    till_s: tuple[Seconds, Seconds] = (3.0, 8.0)
    leave_s: tuple[Seconds, Seconds] = (3.0, 6.0)
    restock_after_s: tuple[Seconds, Seconds] | None = None


class Surge(_Part, frozen=True, kw_only=True, tag_field="what", tag="surge"):
    """More shoppers for a while, beside those who come anyway."""

    at_s: Seconds
    for_s: Seconds
    shoppers_per_h: Annotated[float, msgspec.Meta(gt=0, le=20_000)]


class Delivery(_Part, frozen=True, kw_only=True, tag_field="what", tag="delivery"):
    """New stock is put in a zone; the supplier has encoded the tags with the product's GTIN."""

    at_s: Seconds
    sku: Slug
    zone: Slug
    units: Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Hours(_Part, frozen=True, kw_only=True):
    """Opening hours in local time, the same every day."""

    opens: str = "10:00"
    closes: str = "22:00"


class Scenario(_Part, frozen=True, kw_only=True):
    """Everything a world is made of, besides its seed.

    Attributes:
        noise: radio and load cells are noisy; without it each tag is read by its own antenna only, at
            -50 dBm, and weights are exact.
        counter_errors: people counters miss and double; separate, so that footfall can stay exact.
    """

    store: Slug
    name: str
    name_zh: str = ""
    timezone: str = "Asia/Shanghai"
    currency: str = "CNY"
    hours: Hours = Hours()
    zones: tuple[Zone, ...]
    products: tuple[Product, ...]
    items: tuple[Placement, ...] = ()
    readers: tuple[Reader, ...] = ()
    trays: tuple[Tray, ...] = ()
    counters: tuple[PeopleCounter, ...] = ()
    behaviour: Behaviour = Behaviour()
    happenings: tuple[Surge | Delivery, ...] = ()
    noise: bool = True
    counter_errors: bool = False
    radio: RadioNoise = RadioNoise()
    scale: ScaleNoise = ScaleNoise()
    counter: CounterNoise = CounterNoise()


def tagged_items(scenario: Scenario) -> Iterator[tuple[str, str | None, str]]:
    """Yield (epc, sku, zone) of every tag that is in the store at the start, in a fixed order."""
    products = {product.sku: product for product in scenario.products}
    for placement in scenario.items:
        for offset in range(placement.units):
            if placement.sku is None:
                raise ConfigError(f"items in zone {placement.zone!r} without an SKU need 'epcs', not 'units'")
            product = products[placement.sku]
            epc = sgtin_96(product.gtin, product.company_digits, placement.first_serial + offset)
            yield epc, placement.sku, placement.zone
        for epc in placement.epcs:
            yield epc, placement.sku, placement.zone


def parse_scenario(text: str, file: str) -> Scenario:
    """Read a scenario from TOML.

    Args:
        text: the file's content.
        file: its name, for messages.

    Raises:
        ConfigError: not TOML, a key is unknown or of the wrong type, or the parts do not fit.
    """
    try:
        mapping = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    scenario = read_settings(Scenario, mapping, file=file, section="")
    check_scenario(scenario)
    return scenario


def check_scenario(scenario: Scenario) -> None:
    """Refuse a scenario whose parts do not fit.

    Raises:
        ConfigError: the first misfit, in one sentence.
    """
    zones = {zone.id for zone in scenario.zones}
    products = {product.sku: product for product in scenario.products}
    named: list[tuple[str, str]] = [("tray", tray.zone) for tray in scenario.trays]
    named += [("items", placement.zone) for placement in scenario.items]
    for reader in scenario.readers:
        if not reader.antennas or not all(port.isdecimal() and int(port) > 0 for port in reader.antennas):
            raise ConfigError(f"reader {reader.device!r} needs antennas numbered from 1")
        last = _family("reader", reader.device, reader.kind, READERS).antennas
        if max(map(int, reader.antennas)) > last:
            has = "antenna 1 only" if last == 1 else f"antennas 1 to {last}"
            raise ConfigError(f"reader {reader.device!r} is of kind {reader.kind!r}, which has {has}")
        named += [(f"reader {reader.device!r}", zone) for zone in reader.antennas.values()]
        named += [(f"coupling of {reader.device!r}", coupling.zone) for coupling in reader.coupling]
    named += [("a delivery", one.zone) for one in scenario.happenings if isinstance(one, Delivery)]
    for what, zone in named:
        if zone not in zones:
            raise ConfigError(f"{what} names zone {zone!r}, which is not one of {', '.join(sorted(zones))}")
    for sku in (
        [tray.sku for tray in scenario.trays]
        + [placement.sku for placement in scenario.items if placement.sku]
        + [one.sku for one in scenario.happenings if isinstance(one, Delivery)]
    ):
        if sku not in products:
            raise ConfigError(f"SKU {sku!r} is not one of the products {', '.join(sorted(products))}")
    for tray in scenario.trays:
        units = _family("tray", tray.device, tray.kind, SCALES).units
        if tray.unit not in units:
            raise ConfigError(
                f"tray {tray.device!r} is of kind {tray.kind!r}, which shows {' or '.join(units)}, not {tray.unit!r}"
            )
        if products[tray.sku].tagged:
            raise ConfigError(f"tray {tray.device!r} carries {tray.sku!r}, which is a tagged product")
    for counter in scenario.counters:
        _family("counter", counter.device, counter.kind, COUNTERS)
    devices: list[str] = [reader.device for reader in scenario.readers]
    devices += [tray.device for tray in scenario.trays] + [counter.device for counter in scenario.counters]
    _refuse_repeats("LLRP port", (str(reader.port) for reader in scenario.readers if reader.kind == "llrp"))
    _refuse_repeats("zone", (zone.id for zone in scenario.zones))
    _refuse_repeats("product", (product.sku for product in scenario.products))
    _refuse_repeats("device", devices)
    _refuse_repeats("tray SKU", (tray.sku for tray in scenario.trays))
    _refuse_repeats(
        "antenna zone", (zone for reader in scenario.readers for zone in reader.antennas.values())
    )
    _refuse_repeats("EPC", (epc for epc, _, _ in tagged_items(scenario)))


def _family(what: str, device: str, kind: str, families: Mapping[str, Family]) -> Family:
    if kind not in families:
        raise ConfigError(
            f"{what} {device!r} is of kind {kind!r}, which is not one of {', '.join(sorted(families))}"
        )
    return families[kind]


def _refuse_repeats(kind: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ConfigError(f"{kind} {name!r} is given {count} times, expected once")
