"""The scenarios that come with the simulator: the pop-up store of 璃光 Liuguang, hand-made glass jewellery.

``default`` is an ordinary hour, ``calm`` the same with a steady sixty shoppers an hour, ``busy`` a crush
in which three minutes bring well over sixty picks and ten sales. ``devices`` is a larger store in which every
zone is read by another make of reader, trays lie on five makes of scales, and six makes of counters hang over
six doors. GTINs lie in GS1's prefix 952, which is
kept for demonstrations.
"""

from typing import Final

import msgspec

from contract.errors import ConfigError
from firmware_sim.world.epcs import gtin_14, opaque_epc
from firmware_sim.world.scenario import (
    Behaviour,
    Delivery,
    PeopleCounter,
    Placement,
    Product,
    Reader,
    Scenario,
    Surge,
    Tray,
    Zone,
)

COMPANY: Final = "9521234"
SERIES: Final = (
    ("ocean-heart", "Ocean Heart", "海洋之心", 268.0),
    ("vintage-glaze", "Vintage Glaze", "复古琉璃", 328.0),
    ("starry-river", "Starry River", "星河碎片", 298.0),
    ("morning-mist", "Morning Mist", "晨雾", 198.0),
    ("autumn-maple", "Autumn Maple", "秋枫", 238.0),
    ("moon-shadow", "Moon Shadow", "月影", 358.0),
)
UNITS: Final = {"window": 3, "shelf-a": 3, "shelf-b": 3}
"""Items per series and zone with an SGTIN; one more per series carries a factory number."""

ZONES: Final = (
    Zone(id="door", name="Door", name_zh="门口", kind="door", x=0.0, y=2.0, w=0.6, h=1.2),
    Zone(id="window", name="Window", name_zh="橱窗", kind="shelf", x=0.2, y=0.0, w=1.6, h=0.6),
    Zone(id="shelf-a", name="Shelf A", name_zh="A 架", kind="shelf", x=2.6, y=0.0, w=1.4, h=0.5),
    Zone(id="shelf-b", name="Shelf B", name_zh="B 架", kind="shelf", x=4.4, y=0.0, w=1.4, h=0.5),
    Zone(id="tray-1", name="Bead tray", name_zh="琉璃珠托盘", kind="shelf", x=5.2, y=1.6, w=0.5, h=0.5),
    Zone(id="back-room", name="Back room", name_zh="库房", kind="backroom", x=6.6, y=0.0, w=1.6, h=1.8),
    Zone(id="mirror", name="Mirror", name_zh="试戴镜", kind="mirror", x=2.6, y=4.2, w=1.2, h=0.4),
    Zone(id="till", name="Till", name_zh="收银台", kind="till", x=4.6, y=3.8, w=1.2, h=0.8),
)


def default() -> Scenario:
    """Return an ordinary hour at the pop-up store."""
    products = [
        Product(
            sku=sku,
            name=name,
            name_zh=name_zh,
            gtin=gtin_14(COMPANY, f"{101 + index:05}"),
            price=price,
            case_pack=2,
        )
        for index, (sku, name, name_zh, price) in enumerate(SERIES)
    ]
    beads = Product(
        sku="glass-beads",
        name="Glass Beads",
        name_zh="琉璃珠",
        gtin=gtin_14(COMPANY, "00201"),
        price=18.0,
        lead_time_days=5,
        case_pack=20,
        tagged=False,
        unit_weight_g=8.4,
    )
    items: list[Placement] = []
    for index, (sku, *_) in enumerate(SERIES):
        serial = 1001
        for zone, units in UNITS.items():
            items.append(Placement(sku=sku, zone=zone, units=units, first_serial=serial))
            serial += units
        items.append(
            Placement(
                sku=sku, zone=list(UNITS)[index % len(UNITS)], epcs=(opaque_epc(f"{sku} factory number"),)
            )
        )
    items.append(Placement(zone="shelf-b", epcs=(opaque_epc("staff badge"),)))
    return Scenario(
        store="popup-1",
        name="Liuguang pop-up",
        name_zh="璃光快闪店",
        zones=ZONES,
        products=(*products, beads),
        items=tuple(items),
        readers=(
            Reader(device="reader-window", kind="m100", antennas={"1": "window"}),
            Reader(device="reader-shelves", kind="impinj_r700", antennas={"1": "shelf-a", "2": "shelf-b"}),
        ),
        trays=(Tray(device="scale-1", zone="tray-1", sku="glass-beads", unit_weight_g=8.4, units=40),),
        counters=(PeopleCounter(device="counter-door", line="1"),),
    )


def busy(scenario: Scenario) -> Scenario:
    """Return the scenario with a crush of shoppers who pick at once and put back soon."""
    crush = Behaviour(
        shoppers_per_h=1500.0,
        first_after_s=5.0,
        actions_per_visit=3.0,
        browse_s=(1.0, 4.0),
        tray_share=0.08,
        hold_median_s=16.0,
        hold_sigma=0.35,
        hold_max_s=30.0,
        buy_share=0.22,
        elsewhere_share=0.15,
    )
    return msgspec.structs.replace(scenario, behaviour=crush)


def calm(scenario: Scenario) -> Scenario:
    """Return the scenario with about sixty shoppers an hour who take their time."""
    steady = Behaviour(shoppers_per_h=60.0, actions_per_visit=2.0, browse_s=(10.0, 90.0))
    return msgspec.structs.replace(scenario, behaviour=steady)


def popup() -> Scenario:
    """Return the demonstration: an hour of the pop-up's tenth day with a delivery and a surge in its first minutes."""
    scenario = default()
    return msgspec.structs.replace(
        scenario,
        name="Liuguang pop-up, day 10 (simulated)",
        name_zh="璃光快闪店 第10天（模拟）",
        behaviour=Behaviour(
            shoppers_per_h=240.0,
            first_after_s=2.0,
            actions_per_visit=2.5,
            browse_s=(4.0, 25.0),
            buy_share=0.06,
        ),
        happenings=(
            Delivery(at_s=75.0, sku="ocean-heart", zone="shelf-a", units=6),
            Surge(at_s=150.0, for_s=90.0, shoppers_per_h=900.0),
            Delivery(at_s=1200.0, sku="vintage-glaze", zone="shelf-b", units=6),
            Surge(at_s=1800.0, for_s=120.0, shoppers_per_h=600.0),
            Delivery(at_s=2400.0, sku="autumn-maple", zone="window", units=4),
        ),
    )


SHELVES: Final = (
    ("m100", 1),
    ("m6e", 2),
    ("r2000", 2),
    ("chafon18", 1),
    ("chafon288", 2),
    ("impinj_r700", 2),
    ("impinj_webhook", 1),
    ("zebra", 1),
    ("llrp", 2),
)
"""Family and number of shelves of each reader."""

TRAYS: Final = (
    ("mt_sics", "g", 8.4),
    ("and_scale", "g", 12.6),
    ("ohaus", "kg", 21.0),
    ("kern", "g", 9.5),
    ("hx711", "g", 30.0),
)
"""Family, unit shown and unit weight of each scale."""

DOORS: Final = ("terabee", "modbus_counter", "xovis", "milesight", "milesight_lora", "roode")
BASELINES_S: Final = 75.0
"""Nobody comes before each counter has told a first total, from which the edge counts on."""


def devices() -> Scenario:
    """Return a store with one of every device family."""
    base = default()
    zones: list[Zone] = []
    readers: list[Reader] = []
    items: list[Placement] = []
    serial = 1001
    for row, (kind, shelves) in enumerate(SHELVES):
        name = kind.replace("_", "-")
        own = [f"{name}-{number}" for number in range(1, shelves + 1)]
        for column, zone in enumerate(own):
            zones.append(Zone(id=zone, name=zone, x=1.0 + 4.0 * column, y=3.0 * row, w=1.4, h=0.5))
            for sku, *_ in SERIES:
                items.append(Placement(sku=sku, zone=zone, units=1, first_serial=serial))
                serial += 1
        antennas = {str(number): zone for number, zone in enumerate(own, 1)}
        readers.append(Reader(device=f"reader-{name}", kind=kind, antennas=antennas))
    items.append(Placement(zone="m6e-1", epcs=(opaque_epc("staff badge"),)))
    products = [product for product in base.products if product.tagged]
    trays: list[Tray] = []
    for number, (kind, unit, weight_g) in enumerate(TRAYS):
        name = kind.replace("_", "-")
        zones.append(Zone(id=f"tray-{name}", name=f"Tray {kind}", x=11.0, y=2.0 * number, w=0.5, h=0.5))
        products.append(
            Product(
                sku=f"beads-{name}",
                name=f"Beads on {kind}",
                gtin=gtin_14(COMPANY, f"{301 + number:05}"),
                price=18.0,
                case_pack=20,
                tagged=False,
                unit_weight_g=weight_g,
            )
        )
        trays.append(
            Tray(
                device=f"scale-{name}",
                kind=kind,
                unit=unit,
                zone=f"tray-{name}",
                sku=f"beads-{name}",
                unit_weight_g=weight_g,
                units=40,
            )
        )
    counters: list[PeopleCounter] = []
    for number, kind in enumerate(DOORS):
        name = kind.replace("_", "-")
        zones.append(Zone(id=f"door-{name}", name=f"Door {kind}", kind="door", x=14.0, y=3.0 * number, w=0.6, h=1.2))  # fmt: skip
        counters.append(PeopleCounter(device=f"counter-{name}", kind=kind, line=f"door-{name}"))
    return msgspec.structs.replace(
        base,
        name="One of every device",
        name_zh="各式设备",
        zones=(*zones, *(zone for zone in ZONES if zone.kind in ("mirror", "till", "backroom"))),
        products=tuple(products),
        items=tuple(items),
        readers=tuple(readers),
        trays=tuple(trays),
        counters=tuple(counters),
        behaviour=Behaviour(
            shoppers_per_h=240.0,
            first_after_s=BASELINES_S,
            actions_per_visit=3.0,
            browse_s=(4.0, 25.0),
            tray_share=0.3,
        ),
    )


BUILT_IN: Final = {
    "popup": "day 10 of the pop-up: live shoppers, a delivery after a minute, a surge after two and a half",
    "default": "an ordinary hour at the pop-up store",
    "busy": "three minutes with over sixty picks and ten sales",
    "calm": "an hour with about sixty shoppers",
    "devices": "one of every device family: nine makes of readers, five of scales, six of counters",
}


def built_in(name: str) -> Scenario:
    """Return a scenario by name.

    Raises:
        ConfigError: no scenario has this name.
    """
    match name:
        case "default":
            return default()
        case "busy":
            return busy(default())
        case "popup":
            return popup()
        case "calm":
            return calm(default())
        case "devices":
            return devices()
    raise ConfigError(f"scenario {name!r} is neither one of {', '.join(BUILT_IN)} nor a file")
