"""Every family that can be named has a twin, a driver and a place in the edge's configuration."""

import tomllib

import msgspec
import pytest

from contract.errors import ConfigError
from edge.config import load_edge
from edge.drivers import drivers
from edge.model import TagRead
from firmware_sim.bench import SimulatedStore
from firmware_sim.links.memory import NullModem
from firmware_sim.model import LlrpReaderTwin, PublishingTwin, SerialTwin
from firmware_sim.twins import COUNTER_TWINS, READER_TWINS, SCALE_TWINS
from firmware_sim.world.families import COUNTERS, READERS, SCALES
from firmware_sim.world.files import devices_toml, edge_devices, scenario_toml
from firmware_sim.world.scenario import (
    PeopleCounter,
    Reader,
    Tray,
    check_scenario,
    parse_scenario,
    tagged_items,
)
from firmware_sim.world.scenarios import BUILT_IN, built_in

FAMILIES = {**READERS, **SCALES, **COUNTERS}
KINDS = {"serial": SerialTwin, "mqtt": PublishingTwin, "http": PublishingTwin, "llrp": LlrpReaderTwin}
START = 1_780_000_000_000


def default(**changes):
    return msgspec.structs.replace(built_in("default"), **changes)


def test_names_twins_and_drivers_agree():
    assert (set(READER_TWINS), set(SCALE_TWINS), set(COUNTER_TWINS)) == (
        set(READERS),
        set(SCALES),
        set(COUNTERS),
    )
    sensing = {name for name, spec in drivers().items() if spec.kind in ("rfid", "scale", "counter")}
    assert {family.driver for family in FAMILIES.values()} == sensing, "a driver without a twin"


def test_the_devices_scenario_has_every_family():
    scenario = built_in("devices")
    assert [reader.kind for reader in scenario.readers] == list(READERS)
    assert [tray.kind for tray in scenario.trays] == list(SCALES)
    assert [counter.kind for counter in scenario.counters] == list(COUNTERS)
    assert len({counter.line for counter in scenario.counters}) == len(COUNTERS)


def test_each_twin_is_on_the_line_its_family_has():
    store = SimulatedStore(built_in("devices"), 1)
    lines = {
        "serial": store.serial_twins,
        "mqtt": store.mqtt_twins,
        "http": store.http_twins,
        "llrp": store.llrp_twins,
    }
    parts = [(part.device, READERS[part.kind].line) for part in store.scenario.readers]
    parts += [(part.device, SCALES[part.kind].line) for part in store.scenario.trays]
    parts += [(part.device, COUNTERS[part.kind].line) for part in store.scenario.counters]
    for device, line in parts:
        assert isinstance(lines[line][device], KINDS[line])
    assert sum(map(len, lines.values())) == len(parts)


def test_the_edge_takes_the_configuration_and_each_serial_line_has_one_rate(tmp_path):
    scenario = built_in("devices")
    path = tmp_path / "edge.toml"
    path.write_text(
        '[agent]\nid = "pi-1"\nstore = "popup-1"\n' + devices_toml(scenario, tmp_path), encoding="utf-8"
    )
    edge = load_edge(path, {})
    twins = SimulatedStore(scenario, 1).serial_twins
    for device in edge.devices:
        if device.settings.transport == "serial":
            assert (device.settings.baud or device.spec.baud) == twins[device.settings.id].baud, device
        if device.spec.kind == "rfid" and "antennas" in device.spec.settings.__struct_fields__:
            wanted = {int(number) for number in device.settings.antennas}
            chosen = getattr(device.driver_settings, "antennas", None)
            assert not chosen or set(chosen) == wanted, device


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_scenario_survives_its_own_file(name):
    scenario = built_in(name)
    text = scenario_toml(scenario)
    assert tomllib.loads(text)["store"] == scenario.store
    assert parse_scenario(text, "scenario.toml") == scenario


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"readers": (Reader(device="r1", kind="gate", antennas={"1": "window"}),)},
            "reader 'r1' is of kind 'gate', which is not one of chafon18",
        ),
        (
            {"readers": (Reader(device="r1", kind="chafon18", antennas={"1": "window", "2": "shelf-a"}),)},
            "reader 'r1' is of kind 'chafon18', which has antenna 1 only",
        ),
        (
            {"readers": (Reader(device="r1", kind="r2000", antennas={"5": "window"}),)},
            "reader 'r1' is of kind 'r2000', which has antennas 1 to 4",
        ),
        (
            {
                "trays": (
                    Tray(
                        device="s1", kind="steelyard", zone="tray-1", sku="glass-beads", unit_weight_g=8.4, units=4
                    ),
                )
            },
            "tray 's1' is of kind 'steelyard', which is not one of and_scale",
        ),
        (
            {
                "trays": (
                    Tray(
                        device="s1", kind="hx711", unit="kg", zone="tray-1", sku="glass-beads",
                        unit_weight_g=8.4, units=4,
                    ),
                )
            },
            "tray 's1' is of kind 'hx711', which shows g, not 'kg'",
        ),
        (
            {"counters": (PeopleCounter(device="c1", kind="turnstile"),)},
            "counter 'c1' is of kind 'turnstile', which is not one of milesight",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_a_sentence(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        check_scenario(default(**changes))


def test_people_take_one_door_each_and_counters_of_one_line_see_the_same():
    counters = (
        PeopleCounter(device="north", line="north"),
        PeopleCounter(device="north-too", line="north"),
        PeopleCounter(device="south", line="south"),
    )
    crowd = msgspec.structs.replace(built_in("busy").behaviour, first_after_s=0.0)
    store = SimulatedStore(default(noise=False, counters=counters, behaviour=crowd), 3)
    seen = {counter.device: [0, 0] for counter in counters}
    world = store.world
    for now in range(START, START + 120_000, 500):
        world.step(now)
        for device, sums in seen.items():
            entered, left = world.crossings(device)
            sums[0] += entered
            sums[1] += left
    truth = world.truth.snapshot(world.now)
    lines = {row.line: [row.entered, row.left] for row in truth.lines}
    assert seen == {"north": lines["north"], "north-too": lines["north"], "south": lines["south"]}
    assert truth.entered == lines["north"][0] + lines["south"][0]
    assert min(lines["north"][0], lines["south"][0]) > 3


@pytest.mark.parametrize("kind", ["r2000", "chafon288"])
def test_antennas_that_take_turns_miss_no_tag_that_lies_there(kind, tmp_path):
    """No tag that nobody touches stays unread for the six seconds after which it would be taken for gone."""
    readers = (Reader(device="gate", kind=kind, antennas={"1": "shelf-a", "2": "shelf-b", "3": "window"}),)
    still = msgspec.structs.replace(built_in("default").behaviour, shoppers_per_h=0.0)
    scenario = default(noise=False, readers=readers, trays=(), counters=(), behaviour=still)
    store = SimulatedStore(scenario, 2)
    (device,) = edge_devices(scenario, tmp_path)
    spec = drivers()[device["driver"]]
    driver = spec.build("gate", msgspec.convert(device["settings"], spec.settings))
    modem = NullModem(store.serial_twins["gate"], driver, now=START)
    store.power_up(START)
    last = {}
    for now in range(START + 50, START + 300_000, 50):
        store.advance(now)
        for read in modem.step(50):
            if isinstance(read, TagRead):
                assert now - last.get(read.epc, now) < 6_000
                last[read.epc] = now
    assert set(last) == {epc for epc, _, _ in tagged_items(scenario)}
