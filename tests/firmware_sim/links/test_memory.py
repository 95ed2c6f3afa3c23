"""Twin and driver over a null modem: perfect, dribbling, lossy and noisy."""

from random import Random

import pytest

from contract.messages import SetInventory, Tare
from edge.model import StatusRead, TagRead
from firmware_sim.devices.m100 import M100Twin
from firmware_sim.devices.mt_sics import MtSicsTwin
from firmware_sim.devices.terabee import TerabeeTwin
from firmware_sim.links.faults import DRIBBLE, PERFECT, FaultRates, FaultyBytes
from firmware_sim.links.memory import NullModem
from firmware_sim.model import SerialTwin, Sighting

GLUED = FaultRates(max_chunk=50, glue=0.5)
LOSSY = FaultRates(drop=0.002, max_chunk=20)
NOISY = FaultRates(noise=0.01, flip=0.002, max_chunk=20)


def epc_of(number):
    return f"3034BBAA7EDD{number:012X}"


def see_tags(modem, twin, rounds, *, every_ms=10):
    """Let a tag be seen every so often and return all reads."""
    reads = []
    for number in range(rounds):
        twin.see([Sighting(epc=epc_of(number), antenna=1, rssi_dbm=-55.4)], modem.now)
        reads += modem.step(every_ms)
    return reads + modem.run(1_000)


@pytest.mark.parametrize("dialect", ["bb", "aa"])
@pytest.mark.parametrize("rates", [PERFECT, DRIBBLE, GLUED])
def test_m100_all_tags_in_order_on_a_clean_line(host, sensed, dialect, rates):
    twin = M100Twin(dialect=dialect)
    modem = NullModem(twin, host("m100", region="eu"), up=rates, down=rates)
    modem.run(3_000)
    assert twin.transmitting
    tags = sensed(see_tags(modem, twin, 300))
    assert [tag.epc for tag in tags] == [epc_of(number) for number in range(300)]
    assert {(tag.rssi_dbm, tag.pc) for tag in tags} == {(-55.0, "3000")}
    assert twin.dropped_sightings == 0


@pytest.mark.parametrize("rates", [LOSSY, NOISY])
@pytest.mark.parametrize("seed", range(3))
def test_m100_on_a_bad_line_loses_some_tags_and_invents_none(host, sensed, rates, seed):
    twin = M100Twin()
    modem = NullModem(twin, host("m100", region="eu"), up=rates, down=rates, seed=seed)
    modem.run(5_000)
    assert twin.transmitting
    reads = see_tags(modem, twin, 500)
    seen = [tag.epc for tag in sensed(reads)]
    sent = {epc_of(number) for number in range(500)}
    assert set(seen) <= sent
    assert seen == sorted(seen)
    assert len(seen) > 350
    assert any(not isinstance(read, TagRead | StatusRead) for read in reads)


def test_m100_does_not_transmit_without_a_region(host):
    twin = M100Twin()
    modem = NullModem(twin, host("m100"))
    reads = []
    for _ in range(1_000):
        reads += modem.step(10)
        assert not twin.transmitting
    assert {read.what for read in reads} == {"no_region"}
    assert len(reads) >= 5


def test_m100_comes_back_after_a_power_cycle(host, sensed):
    twin = M100Twin()
    modem = NullModem(twin, host("m100", region="kr", stall_ms=2_000))
    modem.run(1_000)
    twin.power_cycle(modem.now)
    assert not twin.transmitting
    assert sensed(see_tags(modem, twin, 10)) == []
    modem.run(3_000)
    assert twin.transmitting
    assert twin.region == 0x06
    assert len(sensed(see_tags(modem, twin, 10))) == 10


def test_m100_stops_on_command(host, sensed):
    twin, reader = M100Twin(), host("m100", region="eu")
    modem = NullModem(twin, reader)
    modem.run(1_000)
    reader.act(SetInventory(running=False), modem.now)
    modem.run(1_000)
    assert not twin.transmitting
    assert sensed(see_tags(modem, twin, 10)) == []


def test_m100_too_many_tags_lose_the_oldest_and_keep_the_rate(host, sensed):
    twin = M100Twin()
    modem = NullModem(twin, host("m100", region="eu"))
    modem.run(1_000)
    sightings = [Sighting(epc=epc_of(number), antenna=1, rssi_dbm=-60) for number in range(1_000)]
    twin.see(sightings, modem.now)
    tags = sensed(modem.run(2_000))
    assert len(tags) + twin.dropped_sightings >= 1_000
    assert 200 <= len(tags) <= 245
    assert tags[-1].epc == epc_of(999)


def test_reconnecting_loses_at_most_the_frame_on_the_line(host, sensed):
    twin = M100Twin()
    modem = NullModem(twin, host("m100", region="eu"))
    modem.run(1_000)
    reads = see_tags(modem, twin, 50)
    reads += modem.reconnect()
    modem.run(1_000)
    reads += see_tags(modem, twin, 50)
    assert len(sensed(reads)) == 100


@pytest.mark.parametrize("rates", [PERFECT, DRIBBLE, GLUED])
def test_scale_settles_then_is_stable(host, sensed, rates):
    twin = MtSicsTwin()
    modem = NullModem(twin, host("mt_sics"), up=rates, down=rates)
    modem.run(1_000)
    twin.load(1_234.5, stable=True, now=modem.now)
    weights = sensed(modem.run(2_000))
    loaded = [read for read in weights if read.weight_g == 1_234.5]
    assert [read.stable for read in loaded] == sorted(read.stable for read in loaded)
    assert not loaded[0].stable
    assert loaded[-1].stable
    assert 17 <= len(weights) <= 21


@pytest.mark.parametrize("seed", range(3))
def test_scale_on_a_lossy_line_reports_no_wrong_weight_with_strict_width(host, sensed, seed):
    twin = MtSicsTwin()
    rates = FaultRates(drop=0.005, max_chunk=5)
    modem = NullModem(twin, host("mt_sics", strict_width=True), up=rates, seed=seed)
    twin.load(1_234.5, stable=True, now=0)
    weights = {read.weight_g for read in sensed(modem.run(60_000))}
    assert weights <= {0.0, 1_234.5}
    assert 1_234.5 in weights
    assert modem.up_faults.dropped > 10


def test_tare_and_overload(host, sensed):
    twin, scale = MtSicsTwin(capacity_g=2_000), host("mt_sics")
    modem = NullModem(twin, scale)
    twin.load(500, stable=True, now=modem.now)
    modem.run(1_000)
    scale.act(Tare(), modem.now)
    modem.run(500)
    assert sensed(modem.run(500))[-1].weight_g == 0.0
    twin.load(450, stable=True, now=modem.now)
    assert sensed(modem.run(1_000))[-1].weight_g == -50.0
    twin.load(9_999, stable=True, now=modem.now)
    assert any(
        read.what == "error" and "overload" in read.detail
        for read in modem.run(500)
        if isinstance(read, StatusRead)
    )


@pytest.mark.parametrize("rates", [PERFECT, DRIBBLE, GLUED, FaultRates(noise=0.02, max_chunk=9)])
@pytest.mark.parametrize("sensor_id", [None, 7])
def test_counter_totals_arrive(host, sensed, rates, sensor_id):
    twin = TerabeeTwin(sensor_id=sensor_id)
    modem = NullModem(twin, host("terabee", with_sensor_id=sensor_id is not None), up=rates)
    random = Random(3)
    entered = left = 0
    for _ in range(20):
        come, go = random.randint(0, 2), random.randint(0, 2)
        entered, left = entered + come, left + go
        twin.cross(entered=come, left=go, now=modem.now)
        modem.run(250)
    last = sensed(modem.run(3_000))[-1]
    assert (last.entered, last.left, last.cumulative) == (entered, left, True)


def test_counter_wraps_and_resets(host, sensed):
    twin = TerabeeTwin(entered=65_535)
    modem = NullModem(twin, host("terabee"))
    assert sensed(modem.run(500))[-1].entered == 65_535
    twin.cross(entered=2, left=0, now=modem.now)
    assert sensed(modem.run(500))[-1].entered == 1
    twin.power_cycle(modem.now)
    assert sensed(modem.run(500))[-1].entered == 0


def test_faults_repeat_with_their_seed():
    rates = FaultRates(drop=0.1, flip=0.1, noise=0.1, max_chunk=4, glue=0.2)
    data = bytes(range(256)) * 4
    first, second, other = (FaultyBytes(rates, seed=seed) for seed in (1, 1, 2))
    assert first.apply(data) + first.flush() == second.apply(data) + second.flush()
    assert b"".join(other.apply(data) + other.flush()) != data
    assert min(first.dropped, first.flipped, first.added) > 0


def test_a_perfect_line_changes_nothing():
    assert FaultyBytes().apply(b"abc") == [b"abc"]
    assert FaultyBytes(DRIBBLE).apply(b"abc") == [b"a", b"b", b"c"]


class Unpaced(SerialTwin):
    """A twin that sends and hears everything at once."""

    baud = 9_600

    def __init__(self):
        self.heard = []

    def power_cycle(self, now):
        pass

    def receive(self, data, now):
        self.heard.append((now, data))

    def transmit(self, now):
        return bytes(960) if now == 10 else b""


class Listener:
    def connected(self, now):
        self.heard = []

    def poll(self, now):
        return bytes(96) if now == 10 else b""

    def receive(self, data, now):
        self.heard.append((now, len(data)))
        return []

    def disconnected(self, now):
        return []


def test_the_line_paces_both_directions_whatever_its_ends_do():
    twin, listener = Unpaced(), Listener()
    NullModem(twin, listener).run(1_200)
    assert listener.heard[-1][0] == pytest.approx(1_000, abs=20)
    assert all(size <= 10 for _, size in listener.heard)
    assert twin.heard[-1][0] == pytest.approx(100, abs=20)
