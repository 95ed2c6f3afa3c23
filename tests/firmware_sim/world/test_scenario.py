"""Scenarios: read from TOML, checked, EPCs as GS1 has them, files a shop would have."""

import csv
import io
import tomllib
from pathlib import PurePosixPath

import msgspec
import pytest
from epcpy import hex_to_tag_encodable
from hypothesis import given
from hypothesis import strategies as st

from contract.epc import decode_epc
from contract.errors import ConfigError, MessageError
from firmware_sim.world.epcs import gtin_14, opaque_epc, sgtin_96
from firmware_sim.world.files import (
    bindings_csv,
    devices_toml,
    edge_devices,
    products_csv,
    store_files,
    store_toml,
)
from firmware_sim.world.scenario import Placement, Reader, check_scenario, parse_scenario, tagged_items
from firmware_sim.world.scenarios import BUILT_IN, built_in

SMALL = """
store = "shop-9"
name = "Shop 9"
noise = false
zones = [{ id = "shelf", name = "Shelf", x = 1, y = 1.5, w = 1, h = 0.5 }]
readers = [{ device = "reader", kind = "m100", antennas = { 1 = "shelf" } }]

[[products]]
sku = "ring"
name = "Ring"
gtin = "09521234001010"
price = 120

[[items]]
sku = "ring"
zone = "shelf"
units = 4

[behaviour]
shoppers_per_h = 600
min_absent_s = 12

[radio]
ghost_share = 0.001
"""


def test_a_small_file_is_a_scenario():
    scenario = parse_scenario(SMALL, "shop.toml")
    assert scenario.behaviour.min_absent_s == 12.0
    assert scenario.radio.ghost_share == 0.001
    assert scenario.readers[0].ports() == {1: "shelf"}
    assert [zone for _, _, zone in tagged_items(scenario)] == ["shelf"] * 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("shoppers_per_h", "shopers_per_h", "shoppers_per_h"),
        ("min_absent_s = 12", 'min_absent_s = "long"', "min_absent_s"),
        ('{ 1 = "shelf" }', '{ 1 = "attic" }', "'attic', which is not one of shelf"),
        ('{ 1 = "shelf" }', '{ 2 = "shelf" }', "antenna 1 only"),
        ('{ 1 = "shelf" }', '{ a = "shelf" }', "numbered from 1"),
        ('sku = "ring"\nzone', 'sku = "rung"\nzone', "SKU 'rung' is not one of the products ring"),
        ("09521234001010", "09521234001011", "check digit"),
        ("noise = false", "noise = ", "not valid TOML"),
        ('device = "reader"', 'device = "Reader 1"', "device"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_that_names_the_fault(old, new, said):
    assert old in SMALL
    with pytest.raises(ConfigError) as refusal:
        parse_scenario(SMALL.replace(old, new, 1), "shop.toml")
    assert said in str(refusal.value)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_scenarios_fit(name):
    check_scenario(built_in(name))


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "devices"])
def test_scenarios_of_the_pop_up_have_a_stock_of_about_sixty_tags(name):
    scenario = built_in(name)
    items = list(tagged_items(scenario))
    assert len(items) == 61
    assert sum(product.tagged for product in scenario.products) == 6
    assert [zone for _, sku, zone in items if sku is None] == ["shelf-b"]
    assert {zone for _, _, zone in items} == {"window", "shelf-a", "shelf-b"}


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigError, match="neither one of popup, default, busy, calm, devices nor a file"):
        built_in("quiet")


def test_repeated_epc_and_device_are_refused():
    scenario = built_in("default")
    twice = msgspec.structs.replace(scenario, items=(*scenario.items, scenario.items[0]))
    with pytest.raises(ConfigError, match=r"EPC '30.*given 2 times"):
        check_scenario(twice)
    other = Reader(device="scale-1", kind="m100", antennas={"1": "till"})
    with pytest.raises(ConfigError, match="device 'scale-1' is given 2 times"):
        check_scenario(msgspec.structs.replace(scenario, readers=(*scenario.readers, other)))
    nameless = Placement(zone="shelf-a", units=2)
    with pytest.raises(ConfigError, match="need 'epcs', not 'units'"):
        check_scenario(msgspec.structs.replace(scenario, items=(nameless,)))


@given(
    digits=st.integers(6, 12),
    number=st.integers(0, 10**12 - 1),
    indicator=st.sampled_from("0123456789"),
    serial=st.integers(0, 2**38 - 1),
)
def test_sgtin_96_agrees_with_epcpy(digits, number, indicator, serial):
    text = f"{number:012}"
    company, item = text[:digits], text[digits:]
    gtin = gtin_14(company, item, indicator)
    epc = sgtin_96(gtin, digits, serial)
    assert hex_to_tag_encodable(epc).epc_uri == f"urn:epc:id:sgtin:{company}.{indicator}{item}.{serial}"
    assert decode_epc(epc).gtin == gtin


@pytest.mark.parametrize(
    ("gtin", "digits", "serial"),
    [
        ("9521234001013", 7, 1),
        ("09521234001010", 5, 1),
        ("09521234001010", 7, 2**38),
        ("09521234001010", 7, -1),
    ],
)
def test_sgtin_96_refuses_what_does_not_fit(gtin, digits, serial):
    with pytest.raises(ConfigError):
        sgtin_96(gtin, digits, serial)


def test_opaque_epcs_have_no_gs1_meaning_and_are_stable():
    assert opaque_epc("staff badge") == opaque_epc("staff badge") != opaque_epc("other")
    with pytest.raises(MessageError) as refusal:
        decode_epc(opaque_epc("staff badge"))
    assert refusal.value.reason == "not_gs1"


def test_store_file_tells_the_floor_plan():
    store = tomllib.loads(store_toml(built_in("default")))
    assert store["store"]["id"] == "popup-1"
    assert store["store"]["timezone"] == "Asia/Shanghai"
    assert [zone["id"] for zone in store["zones"]] == [zone.id for zone in built_in("default").zones]
    assert store["zones"][1] == {
        "id": "window", "name": "Window", "name_zh": "橱窗", "kind": "shelf", "x": 0.2, "y": 0.0, "w": 1.6, "h": 0.6,
    }  # fmt: skip


def test_catalogue_and_bindings_name_every_product_and_every_bound_tag():
    scenario = built_in("default")
    products = list(csv.DictReader(io.StringIO(products_csv(scenario))))
    assert [row["sku"] for row in products][-1] == "glass-beads"
    assert products[0]["name_zh"] == "海洋之心"
    assert [row["unit_weight_g"] for row in products] == [""] * 6 + ["8.4"]
    bindings = {row["epc"]: row["sku"] for row in csv.DictReader(io.StringIO(bindings_csv(scenario)))}
    assert bindings == {epc: sku for epc, sku, _ in tagged_items(scenario) if sku is not None}
    gtins = {row["sku"]: row["gtin"] for row in products}
    assert (
        sum(epc.startswith("30") and decode_epc(epc).gtin == gtins[sku] for epc, sku in bindings.items())
        == 54
    )


def test_edge_devices_name_lines_topics_and_zones():
    scenario, lines = built_in("default"), PurePosixPath("/run/shop lines")
    devices = tomllib.loads(devices_toml(scenario, lines))["devices"]
    assert devices == edge_devices(scenario, lines)
    by_id = {device["id"]: device for device in devices}
    assert by_id["reader-window"] == {
        "id": "reader-window",
        "driver": "m100",
        "transport": "serial",
        "port": "/run/shop lines/reader-window",
        "settings": {"region": "cn900"},
        "antennas": {"1": "window"},
    }
    assert by_id["reader-shelves"]["topic"] == "readers/popup-1/reader-shelves"
    assert by_id["scale-1"]["tray"] == {"zone": "tray-1", "sku": "glass-beads", "unit_weight_g": 8.4}
    assert by_id["counter-door"]["line"] == "1"
    assert set(store_files(scenario, lines)) == {"store.toml", "products.csv", "bindings.csv", "devices.toml"}
