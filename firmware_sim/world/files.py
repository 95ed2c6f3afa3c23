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

from firmware_sim.world.scenario import Scenario, tagged_items

PRODUCT_COLUMNS: Final = (
    "sku", "name", "name_zh", "gtin", "price", "case_pack", "lead_time_days", "unit_weight_g",
)  # fmt: skip
READER_REGION: Final = "cn900"


def reader_topic(scenario: Scenario, device: str) -> str:
    """Return the MQTT topic on which a reader that publishes by itself reports."""
    return f"readers/{scenario.store}/{device}"


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
        device: dict[str, Any] = {"id": reader.device, "driver": reader.kind}
        if reader.kind == "m100":
            device |= {
                "transport": "serial",
                "port": str(lines / reader.device),
                "settings": {"region": READER_REGION},
            }
        elif reader.kind == "llrp":
            device |= {
                "transport": "llrp",
                "address": f"127.0.0.1:{reader.port}",
                "settings": {"region": READER_REGION},
            }
        else:
            device |= {"transport": "mqtt", "topic": reader_topic(scenario, reader.device)}
        devices.append(device | {"antennas": dict(reader.antennas)})
    for tray in scenario.trays:
        plate = {"zone": tray.zone, "sku": tray.sku, "unit_weight_g": tray.unit_weight_g}
        devices.append(
            {
                "id": tray.device,
                "driver": "mt_sics",
                "transport": "serial",
                "port": str(lines / tray.device),
                "tray": plate,
            }
        )
    for counter in scenario.counters:
        port = str(lines / counter.device)
        devices.append(
            {
                "id": counter.device,
                "driver": "terabee",
                "transport": "serial",
                "port": port,
                "line": counter.line,
            }
        )
    return devices


def devices_toml(scenario: Scenario, lines: PurePath) -> str:
    """Return the ``[[devices]]`` tables of the edge's configuration."""
    return "\n".join(_table("[[devices]]", device) for device in edge_devices(scenario, lines))


def _table(header: str, values: Mapping[str, object]) -> str:
    return "\n".join([header, *(f"{key} = {_value(value)}" for key, value in values.items()), ""])


def _value(value: object) -> str:
    """Return a TOML value; a JSON text of printable characters is a TOML basic string too."""
    if isinstance(value, Mapping):
        return (
            "{ "
            + ", ".join(f"{json.dumps(str(key))} = {_value(inner)}" for key, inner in value.items())
            + " }"
        )
    return json.dumps(value, ensure_ascii=False)


def _csv(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
