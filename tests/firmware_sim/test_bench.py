"""The wired store: in lockstep against the edge's drivers over null modems, and on real ptys."""

import asyncio
import contextlib
import csv
import socket
import threading
import time
import tomllib
from collections import defaultdict

import msgspec
import pytest
from llrpkit.exceptions import LLRPConnectionError
from llrpkit.reader import Reader as LlrpReader

from contract.errors import ConfigError, LinkError
from contract.wire import impinj_json
from edge.drivers import driver
from firmware_sim.bench import Broker, SimulatedStore, Stops, run_realtime, write_store_files
from firmware_sim.links.memory import NullModem
from firmware_sim.world.files import edge_devices
from firmware_sim.world.scenario import Reader, check_scenario, tagged_items
from firmware_sim.world.scenarios import built_in

START = 1_780_000_000_000
EMPTY = msgspec.structs.replace(built_in("default").behaviour, shoppers_per_h=0.0)


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scenario(name="busy", *, noise=False, **changes):
    return msgspec.structs.replace(built_in(name), noise=noise, **changes)


def lockstep(store, tmp_path, seconds):
    """Run a store against drivers configured as its own device file says; return device → reads."""
    modems = {}
    for device in edge_devices(store.scenario, tmp_path):
        if device["transport"] == "serial":
            spec = driver(device["driver"])
            settings = msgspec.convert(device.get("settings", {}), spec.settings)
            modems[device["id"]] = NullModem(
                store.serial_twins[device["id"]], spec.build(device["id"], settings), now=START
            )
    reads = defaultdict(list)
    store.power_up(START)
    for now in range(START + 50, START + 1000 * seconds + 1, 50):
        store.advance(now)
        for device, modem in modems.items():
            reads[device] += modem.step(50)
        for device, twin in store.mqtt_twins.items():
            reads[device] += [
                event for _, payload in twin.publish(now) for event in impinj_json.parse_payload(payload)
            ]
    return reads


def of(kind, reads):
    return [read for read in reads if type(read).__name__ == kind]


def test_lockstep_without_noise_tells_the_host_the_truth(tmp_path):
    store = SimulatedStore(scenario(), 2)
    reads = lockstep(store, tmp_path, 60)
    truth = store.world.truth
    items = {epc: zone for epc, _, zone in tagged_items(store.scenario)}
    window = {read.epc for read in of("TagRead", reads["reader-window"])}
    shelves = {event.epc for event in of("TagEvent", reads["reader-shelves"])}
    assert window >= {epc for epc, zone in items.items() if zone == "window"}
    assert window | shelves == set(items)
    last = of("CountRead", reads["counter-door"])[-1]
    assert (last.entered, last.left) == (truth.entered, truth.left)
    assert truth.entered > 10
    assert all(not of("RejectRead", of_device) for of_device in reads.values())


@pytest.mark.parametrize("noise", [False, True])
def test_scale_comes_to_rest_at_the_true_number_of_units(tmp_path, noise):
    behaviour = msgspec.structs.replace(scenario("busy").behaviour, tray_share=0.3, shoppers_per_h=400.0)
    store = SimulatedStore(scenario(noise=noise, behaviour=behaviour), 4)
    reads = lockstep(store, tmp_path, 60)
    truth = store.world.truth
    assert truth.tray_takes > 0
    weights = of("WeightRead", reads["scale-1"])
    stable = [read for read in weights if read.stable]
    assert 0.3 < len(stable) / len(weights) < 1.0
    settled = [read for read in stable if read.at <= START + 1_500]
    assert settled
    assert settled[-1].weight_g == pytest.approx(336.0, abs=3.0 if noise else 0.05)


def test_reader_is_silent_after_a_power_cycle_until_the_host_sets_it_up_again(tmp_path):
    store = SimulatedStore(scenario(behaviour=EMPTY), 1)
    lockstep(store, tmp_path, 3)
    reader = store.serial_twins["reader-window"]
    assert reader.transmitting
    store.power_up(START + 3_050)
    assert not reader.transmitting


def test_store_files_are_written_with_lines_in_the_same_folder(tmp_path):
    folder = tmp_path / "shop"
    written = write_store_files(scenario(), folder)
    assert sorted(path.name for path in written) == [
        "bindings.csv",
        "devices.toml",
        "products.csv",
        "store.toml",
    ]
    devices = tomllib.loads((folder / "devices.toml").read_text(encoding="utf-8"))["devices"]
    assert devices[0]["port"] == str(folder / "reader-window")
    assert len(list(csv.DictReader((folder / "bindings.csv").open(encoding="utf-8")))) == 60
    (tmp_path / "file").write_text("")
    with pytest.raises(LinkError, match="cannot be written"):
        write_store_files(scenario(), tmp_path / "file")


def test_real_time_run_makes_lines_follows_the_truth_and_cleans_up(tmp_path):
    crowd = msgspec.structs.replace(scenario().behaviour, first_after_s=0.0, shoppers_per_h=20_000.0)
    store = SimulatedStore(scenario(behaviour=crowd), 1)
    stops, folder, truth_path = Stops(), tmp_path / "lines", tmp_path / "out" / "truth.json"
    arguments = {"folder": folder, "broker": Broker(port=9), "on_sales": lambda sales: None, "stops": stops}
    thread = threading.Thread(
        target=run_realtime, args=(store,), kwargs={**arguments, "truth_path": truth_path, "seconds": 20}
    )
    thread.start()
    deadline = time.monotonic() + 10
    while store.world.truth.entered < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    lines = sorted(path.name for path in folder.iterdir())
    stops.everything.set()
    thread.join(10)
    assert not thread.is_alive()
    assert lines == ["counter-door", "reader-window", "scale-1"]
    assert list(folder.iterdir()) == []
    snapshot = msgspec.json.decode(truth_path.read_bytes())
    assert snapshot["entered"] == store.world.truth.entered >= 3
    events = [
        msgspec.json.decode(line)
        for line in (tmp_path / "out" / "truth.events.jsonl").read_bytes().splitlines()
    ]
    assert len(events) == len(store.world.truth.events)
    assert events[0]["kind"] == "entered"


def test_real_time_run_hands_over_every_sale_and_closes_the_door(tmp_path):
    """A store without devices and a clock that leaps make minutes pass in a few turns of the loop."""
    beads = msgspec.structs.replace(scenario().behaviour, tray_share=1.0, buy_share=0.6)
    store = SimulatedStore(scenario(behaviour=beads, readers=(), counters=()), 1)
    moments = iter(range(START, START + 10**9, 20_000))
    store.serial_twins.clear()
    sales = []
    run_realtime(
        store,
        folder=tmp_path,
        broker=Broker(port=9),
        on_sales=sales.extend,
        stops=Stops(),
        seconds=300,
        shoppers_seconds=120,
        clock=lambda: next(moments),
    )
    assert len(sales) == store.world.truth.sales > 3
    assert store.world.quiet


def test_a_run_that_cannot_make_its_lines_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LinkError, match="cannot be made"):
        run_realtime(
            SimulatedStore(scenario(), 1),
            folder=tmp_path / "file",
            broker=Broker(port=9),
            on_sales=lambda sales: None,
            stops=Stops(),
        )


def test_an_llrp_reader_of_a_running_store_reports_what_lies_at_its_antennas(tmp_path, unused_port):
    reader = Reader(device="gate", kind="llrp", antennas={"1": "shelf-a", "2": "shelf-b"}, port=unused_port)
    store = SimulatedStore(scenario(behaviour=EMPTY, readers=(reader,), counters=(), trays=()), 1)
    stops = Stops()
    arguments = {"folder": tmp_path / "lines", "broker": Broker(port=9), "on_sales": lambda sales: None}
    thread = threading.Thread(
        target=run_realtime, args=(store,), kwargs={**arguments, "stops": stops, "seconds": 20}
    )
    thread.start()

    async def read():
        async with LlrpReader("127.0.0.1", unused_port) as client:
            return [tag async for tag in client.inventory(duration=2.0)]

    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(LLRPConnectionError):
                tags = asyncio.run(read())
                break
            time.sleep(0.05)
    finally:
        stops.everything.set()
        thread.join(10)
    lying = {epc: zone for epc, _, zone in tagged_items(store.scenario)}
    assert len(tags) > 20
    assert {lying[tag.epc_hex.upper()] for tag in tags} == {"shelf-a", "shelf-b"}
    assert all(reader.antennas[str(tag.antenna)] == lying[tag.epc_hex.upper()] for tag in tags)


def test_two_llrp_readers_need_two_ports():
    readers = tuple(
        Reader(device=f"gate-{zone}", kind="llrp", antennas={"1": zone}) for zone in ("shelf-a", "shelf-b")
    )
    with pytest.raises(ConfigError, match="LLRP port '5084' is given 2 times"):
        check_scenario(scenario(readers=readers))
