"""M6E, R2000 and Chafon: driver and twin over a null modem, perfect, dribbling, lossy and noisy."""

import pytest

from contract.messages import SetAntennas, SetInventory, SetOutput, SetPower, SetRegion
from contract.wire import m6e
from edge.model import InputRead, RejectRead, StatusRead, TagRead
from firmware_sim.devices.chafon import ChafonTwin
from firmware_sim.devices.m6e import M6eTwin
from firmware_sim.devices.r2000 import R2000Twin
from firmware_sim.links.faults import DRIBBLE, PERFECT, FaultRates
from firmware_sim.links.memory import NullModem
from firmware_sim.model import Sighting

GLUED = FaultRates(max_chunk=50, glue=0.5)
LOSSY = FaultRates(drop=0.002, max_chunk=20)
NOISY = FaultRates(noise=0.01, flip=0.002, max_chunk=20)

TWINS = {
    "m6e": M6eTwin,
    "r2000": R2000Twin,
    "chafon18": lambda: ChafonTwin(model="18", scan_time_ms=300),
    "chafon288": ChafonTwin,
}
QUICK = {
    "r2000": {"reply_timeout_ms": 150},
    "chafon18": {"scan_time_ms": 300},
    "chafon288": {"scan_time_ms": 300},
}
each_reader = pytest.mark.parametrize("name", TWINS)
HEADS = {"m6e": "FF002204", "r2000": "04018930", "chafon18": "050001FB", "chafon288": "15000101"}


def epc_of(name, number):
    return f"{HEADS[name]}{number:016X}"


def pair(name, host, *, up=PERFECT, down=PERFECT, seed=0, **settings):
    twin = TWINS[name]()
    settings = {"region": "us", **QUICK.get(name, {}), **settings}
    reader = host(name, **settings)
    return twin, reader, NullModem(twin, reader, up=up, down=down, seed=seed)


def see_tags(modem, twin, name, numbers, *, hold_ms=60, antenna=1):
    """Show one tag after the other until the reader has had time to take it; return all reads."""
    reads = []
    for number in numbers:
        for _ in range(0, hold_ms, 10):
            twin.see([Sighting(epc=epc_of(name, number), antenna=antenna, rssi_dbm=-55.4)], modem.now)
            reads += modem.step(10)
    return reads + modem.run(1_500)


def distinct(reads):
    return list(dict.fromkeys(read.epc for read in reads if isinstance(read, TagRead)))


def hold(name):
    """How long a tag must stay to meet a round of the inventory."""
    return {"m6e": 40, "r2000": 150}.get(name, 800)


def errors(reads):
    return [read.detail for read in reads if isinstance(read, StatusRead) and read.what == "error"]


@each_reader
@pytest.mark.parametrize("rates", [PERFECT, DRIBBLE, GLUED])
def test_all_tags_in_order_on_a_clean_line(host, name, rates):
    twin, _, modem = pair(name, host, up=rates, down=rates)
    reads = modem.run(3_000)
    assert [read.what for read in reads if read.what == "started"] == ["started"]
    reads = see_tags(modem, twin, name, range(25), hold_ms=hold(name))
    assert distinct(reads) == [epc_of(name, number) for number in range(25)]
    assert not any(isinstance(read, RejectRead) for read in reads)
    rssi = {read.rssi_dbm for read in reads if isinstance(read, TagRead)}
    assert rssi == ({None} if name.startswith("chafon") else {-55.0})


@each_reader
@pytest.mark.parametrize("rates", [LOSSY, NOISY])
@pytest.mark.parametrize("seed", range(2))
def test_a_bad_line_loses_some_tags_and_invents_none(host, name, rates, seed):
    twin, _, modem = pair(name, host, up=rates, down=rates, seed=seed)
    reads = modem.run(6_000)
    reads += see_tags(modem, twin, name, range(100), hold_ms=hold(name))
    seen = distinct(reads)
    assert set(seen) <= {epc_of(name, number) for number in range(100)}
    assert seen == sorted(seen)
    assert len(seen) > 60
    assert any(isinstance(read, RejectRead) for read in reads)


@each_reader
def test_nothing_is_transmitted_without_a_region(host, name):
    twin, _, modem = pair(name, host, region=None)
    reads = []
    for _ in range(1_000):
        reads += modem.step(10)
        assert not twin.transmitting
    assert {read.what for read in reads} == {"no_region"}
    assert len(reads) >= 5


@each_reader
@pytest.mark.parametrize("seed", range(3))
def test_on_a_terrible_line_the_field_is_on_only_with_the_region(host, name, seed):
    terrible = FaultRates(drop=0.03, noise=0.03, flip=0.01, max_chunk=5)
    twin, _, modem = pair(name, host, up=terrible, down=terrible, seed=seed, region="cn900")
    wanted = {"m6e": 0x06, "r2000": 0x03}.get(name, bytes.fromhex("1142"))
    was_on = False
    for _ in range(6_000):
        modem.step(10)
        was_on = was_on or twin.transmitting
        assert not twin.transmitting or twin.region == wanted
    assert was_on


@each_reader
def test_it_comes_back_after_a_power_cycle(host, name):
    twin, _, modem = pair(name, host, stall_ms=2_000)
    modem.run(3_000)
    twin.power_cycle(modem.now)
    modem.run(6_000)
    assert len(distinct(see_tags(modem, twin, name, range(3), hold_ms=hold(name)))) == 3


@each_reader
def test_it_stops_and_goes_on_by_command(host, name):
    twin, reader, modem = pair(name, host)
    modem.run(3_000)
    assert reader.act(SetInventory(running=False), modem.now) == ""
    modem.run(4_000)
    for _ in range(300):
        twin.see([Sighting(epc=epc_of(name, 1), antenna=1, rssi_dbm=-50)], modem.now)
        assert distinct(modem.step(10)) == []
        assert not twin.transmitting
    assert reader.act(SetInventory(running=True), modem.now) == ""
    modem.run(4_000)
    assert distinct(see_tags(modem, twin, name, [2], hold_ms=hold(name))) == [epc_of(name, 2)]


@each_reader
def test_region_and_power_reach_the_reader(host, name):
    twin, reader, modem = pair(name, host)
    modem.run(3_000)
    reader.act(SetRegion(region="cn900"), modem.now)
    reader.act(SetPower(power_dbm=12), modem.now)
    modem.run(5_000)
    if name.startswith("chafon"):
        assert (twin.band, twin.power_dbm) == (1, 12)
    else:
        power = twin.power_cdbm / 100 if name == "m6e" else twin.power_dbm
        assert (twin.region, power) == ({"m6e": 6, "r2000": 3}[name], 12)


@pytest.mark.parametrize("name", ["m6e", "r2000", "chafon288"])
def test_each_chosen_antenna_is_read_and_no_other(host, name):
    twin, reader, modem = pair(name, host)
    modem.run(3_000)
    assert reader.act(SetAntennas(antennas=(2, 4)), modem.now) == ""
    modem.run(4_000)
    reads = []
    for _ in range(400):
        twin.see(
            [Sighting(epc=epc_of(name, port), antenna=port, rssi_dbm=-50) for port in (1, 2, 3, 4)],
            modem.now,
        )
        reads += modem.step(10)
    pairs = {(read.epc, read.antenna) for read in reads if isinstance(read, TagRead)}
    assert pairs == {(epc_of(name, port), port) for port in (2, 4)}


@pytest.mark.parametrize(("name", "port"), [("m6e", 2), ("r2000", 3), ("chafon288", 2)])
def test_an_output_is_switched_during_the_inventory_which_goes_on(host, name, port):
    twin, reader, modem = pair(name, host)
    modem.run(3_000)
    assert reader.act(SetOutput(port=port, on=True), modem.now) == ""
    modem.run(4_000)
    assert (twin.outputs >> port - 1 & 1) if name == "chafon288" else twin.outputs[port]
    assert distinct(see_tags(modem, twin, name, [2], hold_ms=hold(name))) == [epc_of(name, 2)]
    assert reader.act(SetOutput(port=port, on=False), modem.now) == ""
    modem.run(4_000)
    assert not ((twin.outputs >> port - 1 & 1) if name == "chafon288" else twin.outputs[port])


@pytest.mark.parametrize("name", ["r2000", "chafon288"])
def test_a_photo_eye_is_heard_between_rounds(host, name):
    twin, _, modem = pair(name, host, inputs=True)
    modem.run(3_000)
    if name == "r2000":
        twin.inputs[1] = True
    else:
        twin.input_high = True
    reads = [read for read in modem.run(2_000) if isinstance(read, InputRead) and read.port == 1]
    assert reads[-1].high
    assert not any(errors([read]) for read in reads)


def test_m6e_photo_eye_comes_with_the_tags(host):
    twin, _, modem = pair("m6e", host, inputs=[3])
    modem.run(3_000)
    reads = see_tags(modem, twin, "m6e", range(3))
    twin.inputs[3] = True
    reads += see_tags(modem, twin, "m6e", range(3))
    assert [(read.port, read.high) for read in reads if isinstance(read, InputRead)] == [
        (3, False),
        (3, True),
    ]


def test_m6e_warnings_are_told(host):
    twin, _, modem = pair("m6e", host)
    modem.run(3_000)
    twin.warn(m6e.TEMPERATURE_LIMIT, modem.now)
    assert errors(modem.run(500)) == ["too hot, transmits less (status 0504)"]


def test_m6e_tags_of_the_time_after_stop_are_still_told(host):
    twin, reader, modem = pair("m6e", host)
    modem.run(3_000)
    reader.act(SetInventory(running=False), modem.now)
    reads = see_tags(modem, twin, "m6e", range(10), hold_ms=50)
    assert len(distinct(reads)) == 10
    assert not twin.transmitting


def test_m6e_keeps_the_lines_rate(host):
    twin, _, modem = pair("m6e", host)
    modem.run(3_000)
    sightings = [Sighting(epc=epc_of("m6e", number), antenna=1, rssi_dbm=-60) for number in range(1_000)]
    twin.see(sightings, modem.now)
    seen = distinct(modem.run(2_000))
    assert len(seen) + twin.dropped_sightings >= 1_000
    assert 100 <= len(seen) <= 125
    assert seen[-1] == epc_of("m6e", 999)


def test_r2000_a_missing_antenna_is_told_and_the_other_one_read(host):
    twin = R2000Twin(missing=frozenset({2}))
    modem = NullModem(twin, host("r2000", region="us", antennas=[1, 2]))
    reads = modem.run(3_000)
    reads += see_tags(modem, twin, "r2000", range(5), hold_ms=600)
    assert set(errors(reads)) == {"inventory on antenna 2: antenna missing (code 22)"}
    assert len(distinct(reads)) == 5


def test_chafon_a_missing_antenna_is_told_and_the_other_one_read(host):
    twin = ChafonTwin(missing=frozenset({2}))
    modem = NullModem(twin, host("chafon288", region="us", antennas=[1, 2], scan_time_ms=300))
    reads = modem.run(3_000)
    reads += see_tags(modem, twin, "chafon288", range(5), hold_ms=1_200)
    assert set(errors(reads)) == {"inventory: antenna error (status F8)"}
    assert len(distinct(reads)) == 5


@pytest.mark.parametrize("name", ["chafon18", "chafon288"])
def test_chafon_many_tags_come_in_several_frames(host, name):
    twin, _, modem = pair(name, host)
    reads = modem.run(2_000)
    shelf = [Sighting(epc=epc_of(name, number), antenna=1, rssi_dbm=-50) for number in range(40)]
    for _ in range(200):
        twin.see(shelf, modem.now)
        reads += modem.step(10)
    assert sorted(distinct(reads)) == [epc_of(name, number) for number in range(40)]
    assert errors(reads) == []


@each_reader
def test_reconnecting_goes_on(host, name):
    twin, _, modem = pair(name, host)
    modem.run(3_000)
    reads = see_tags(modem, twin, name, range(3), hold_ms=hold(name))
    reads += modem.reconnect()
    modem.run(5_000)
    reads += see_tags(modem, twin, name, range(3, 6), hold_ms=hold(name))
    assert len(distinct(reads)) == 6
