"""What a shop would have: store, products and bindings for the hub, devices for the edge. Text only.

The hub is told only what a shop knows: floor plan, catalogue and which EPC was stuck on which product. It
is not told where the items lie. Paths and topics of the simulated lines are part of the edge's text.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, Final

import msgspec

from firmware_sim.world.families import COUNTERS, READERS, SCALES, Family
from firmware_sim.world.scenario import Scenario, tagged_items

PRODUCT_COLUMNS: Final = (
    "sku", "name", "name_zh", "gtin", "price", "case_pack", "lead_time_days", "unit_weight_g",
)  # fmt: skip
READER_REGION: Final = "cn900"


def report_address(scenario: Scenario, device: str, family: Family) -> str:
    """Return the MQTT topic or HTTP path under which a device that publishes by itself reports."""
    return f"/devices/{device}" if family.line == "http" else f"readers/{scenario.store}/{device}"


def store_files(scenario: Scenario, lines: PurePath) -> dict[str, str]:
    """Return file name → content: store.toml, products.csv, bindings.csv, devices.toml.

    Args:
        scenario: the store.
        lines: folder in which the serial lines will appear, named by device id.
    """
    return {
        "store.toml": store_toml(scenario),
        "products.csv": products_csv(scenario),
        "bindings.csv": bindings_csv(scenario),
        "devices.toml": devices_toml(scenario, lines),
    }


def store_toml(scenario: Scenario) -> str:
    """Return store, opening hours and floor plan."""
    store = {
        "id": scenario.store,
        "name": scenario.name,
        "name_zh": scenario.name_zh,
        "timezone": scenario.timezone,
        "currency": scenario.currency,
        "opens": scenario.hours.opens,
        "closes": scenario.hours.closes,
    }
    tables = [_table("[store]", store)]
    for zone in scenario.zones:
        keys = ("id", "name", "name_zh", "kind", "x", "y", "w", "h")
        tables.append(_table("[[zones]]", {key: getattr(zone, key) for key in keys}))
    return "\n".join(tables)


def products_csv(scenario: Scenario) -> str:
    """Return the catalogue."""
    return _csv(
        PRODUCT_COLUMNS,
        ([getattr(product, column) for column in PRODUCT_COLUMNS] for product in scenario.products),
    )


def bindings_csv(scenario: Scenario) -> str:
    """Return EPC and SKU of every bound tag."""
    return _csv(("epc", "sku"), ([epc, sku] for epc, sku, _ in tagged_items(scenario) if sku is not None))


def edge_devices(scenario: Scenario, lines: PurePath) -> list[dict[str, Any]]:
    """Return the ``devices`` of the edge's configuration."""
    devices: list[dict[str, Any]] = []
    for reader in scenario.readers:
        family = READERS[reader.kind]
        device = _edge_device(scenario, reader.device, family, lines)
        if family.line == "llrp":
            device["address"] = f"127.0.0.1:{reader.port}"
        settings: dict[str, Any] = {"region": READER_REGION} if family.needs_region else {}
        if family.tells_antennas:
            settings["antennas"] = list(reader.ports())
        if settings:
            device["settings"] = settings
        devices.append(device | {"antennas": dict(reader.antennas)})
    for tray in scenario.trays:
        plate = {"zone": tray.zone, "sku": tray.sku, "unit_weight_g": tray.unit_weight_g}
        devices.append(_edge_device(scenario, tray.device, SCALES[tray.kind], lines) | {"tray": plate})
    for counter in scenario.counters:
        device = _edge_device(scenario, counter.device, COUNTERS[counter.kind], lines)
        devices.append(device | {"line": counter.line})
    return devices


def _edge_device(scenario: Scenario, device: str, family: Family, lines: PurePath) -> dict[str, Any]:
    """Return what every device has: who it is and how it is reached."""
    keys: dict[str, Any] = {"id": device, "driver": family.driver, "transport": family.line, **family.config}
    address = report_address(scenario, device, family)
    match family.line:
        case "serial":
            keys["port"] = str(lines / device)
        case "mqtt":
            keys["topic"] = address + family.levels
        case "http":
            keys["path"] = address
    return keys


def devices_toml(scenario: Scenario, lines: PurePath) -> str:
    """Return the ``[[devices]]`` tables of the edge's configuration."""
    return "\n".join(_table("[[devices]]", device) for device in edge_devices(scenario, lines))


def scenario_toml(scenario: Scenario) -> str:
    """Return a scenario as :func:`~firmware_sim.world.scenario.parse_scenario` reads it."""
    return _table("", msgspec.to_builtins(scenario))


def _table(header: str, values: Mapping[str, object]) -> str:
    return "\n".join([header, *(f"{key} = {_value(value)}" for key, value in values.items()), ""])


def _value(value: object) -> str:
    """Return a TOML value; a JSON text of printable characters is a TOML basic string too.

    TOML has no null: a key without a value is left out.
    """
    if isinstance(value, Mapping):
        pairs = (
            f"{json.dumps(str(key))} = {_value(inner)}" for key, inner in value.items() if inner is not None
        )
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _csv(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
