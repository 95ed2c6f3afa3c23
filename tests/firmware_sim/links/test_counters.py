"""Counter twins and their drivers: what crossed is what is counted, whatever is repeated, lost or reset."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire import modbus_rtu
from edge.model import CountRead, Place, RejectRead, StatusRead
from edge.sensing.footfall import FootfallState, sense_footfall
from edge.sensing.signals import EnrolmentSettings, SignalState, sense_signals
from firmware_sim.devices.modbus_counter import ModbusCounterTwin
from firmware_sim.devices.publishing_counter import MilesightLoraTwin, MilesightTwin, RoodeTwin, XovisTwin
from firmware_sim.links.faults import FaultRates
from firmware_sim.links.memory import NullModem

START = 1_780_000_020_000
MINUTE = 60_000
PLACE = Place(zones={}, trays={}, lines={}, silent_after_ms={})
BAD_LINE = FaultRates(drop=0.002, flip=0.002, noise=0.002, max_chunk=7, glue=0.3)

PUBLISHING = {
    "xovis": lambda: XovisTwin(),
    "xovis repeats": lambda: XovisTwin(repeat_every=2),
    "milesight": lambda: MilesightTwin(entered=500, left=400),
    "milesight intervals": lambda: MilesightTwin(totals=False),
    "milesight_lora": lambda: MilesightLoraTwin(),
    "milesight_lora intervals": lambda: MilesightLoraTwin(totals=False, repeat_every=2),
    "roode": lambda: RoodeTwin(),
}


class Door:
    """Footfall over reads, with a checkpoint after each pass."""

    def __init__(self):
        self._state = FootfallState()
        self.entered = self.left = 0

    def count(self, reads, now):
        self._state, news = sense_footfall(self._state, reads, now, place=PLACE)
        self._state = msgspec.msgpack.decode(msgspec.msgpack.encode(self._state), type=FootfallState)
        self.entered += sum(o.entered for o in news)
        self.left += sum(o.left for o in news)


def deliver(twin, driver, now):
    return [read for topic, payload in twin.publish(now) for read in driver.receive_on(topic, payload, now)]


def follow(twin, driver, door, crossings, start=START):
    """Run minutes in which so many people cross; return all reads."""
    reads, now = [], start
    for entered, left in crossings:
        twin.cross(entered=entered, left=left, now=now + 30_000)
        for at in range(now + 30_000, now + MINUTE + 1, 10_000):
            new = deliver(twin, driver, at)
            door.count(new, at)
            reads += new
        now += MINUTE
    return reads


@pytest.mark.parametrize("name", PUBLISHING)
@settings(deadline=None, max_examples=25)
@given(crossings=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12))
def test_everybody_counts_once(host, name, crossings):
    twin, driver, door = PUBLISHING[name](), host(name.split()[0]), Door()
    twin.power_cycle(START - MINUTE)
    driver.connected(START - MINUTE)
    if name in ("milesight", "milesight_lora"):
        follow(twin, driver, door, [(0, 0)], START - MINUTE)
    else:
        door.count(deliver(twin, driver, START - 5_000), START - 5_000)
    reads = follow(twin, driver, door, crossings)
    assert (door.entered, door.left) == tuple(map(sum, zip(*crossings, strict=True)))
    assert not [read for read in reads if isinstance(read, RejectRead | StatusRead) and not is_life(read)]


def is_life(read):
    return isinstance(read, StatusRead) and read.what in ("alive", "started")


def test_a_count_happened_when_the_sensor_says(host):
    twin, driver = XovisTwin(), host("xovis")
    twin.power_cycle(START)
    twin.cross(entered=1, left=0, now=START)
    (count,) = [r for r in deliver(twin, driver, START + MINUTE + 7_000) if isinstance(r, CountRead)]
    assert count.at == START + MINUTE
    far = host("xovis", max_skew_s=5)
    twin.cross(entered=1, left=0, now=START + MINUTE)
    (count,) = [r for r in deliver(twin, far, START + 3 * MINUTE) if isinstance(r, CountRead)]
    assert count.at == START + 3 * MINUTE


def test_lost_packages_are_told_and_repeats_are_not(host):
    twin, driver, door = XovisTwin(repeat_every=1, package=10), host("xovis"), Door()
    twin.power_cycle(START)
    follow(twin, driver, door, [(1, 0)])
    for _ in range(3):
        twin.lose_package()
    reads = follow(twin, driver, door, [(1, 0)], START + MINUTE)
    _, alerts = sense_signals(SignalState(), reads, START, place=PLACE, settings=EnrolmentSettings())
    assert [(alert.code, alert.text) for alert in alerts] == [
        ("reports_lost", "3 packages were lost before number 14")
    ]
    assert door.entered == 2


def test_a_sensor_that_numbers_anew_has_lost_nothing(host):
    driver, door = host("xovis"), Door()
    for package in (5_000, 1):
        twin, start = XovisTwin(package=package), START + package * MINUTE
        twin.power_cycle(start)
        reads = follow(twin, driver, door, [(1, 0)], start)
        assert not [read for read in reads if isinstance(read, StatusRead) and read.what == "gap"]
    assert door.entered == 2


def test_logics_may_be_chosen(host):
    twin = XovisTwin(name="With Staff")
    driver = host("xovis", lines=["main-entrance"])
    twin.power_cycle(START)
    twin.cross(entered=1, left=0, now=START)
    reads = deliver(twin, driver, START + MINUTE)
    assert not [read for read in reads if isinstance(read, CountRead)]
    assert reads


@pytest.mark.parametrize("name", ["milesight", "milesight_lora"])
def test_a_reset_of_totals_loses_nobody_and_invents_nobody(host, name):
    twin, driver, door = PUBLISHING[name](), host(name), Door()
    twin.power_cycle(START - MINUTE)
    follow(twin, driver, door, [(0, 0), (7, 5)], START - MINUTE)
    twin.power_cycle(START + MINUTE)
    follow(twin, driver, door, [(2, 1)], START + MINUTE)
    assert (door.entered, door.left) == (9, 6)


def test_totals_switched_on_later_do_not_count_twice(host):
    driver, door = host("milesight"), Door()
    intervals, totals = MilesightTwin(totals=False), MilesightTwin(entered=100, left=100)
    for twin in (intervals, totals):
        twin.power_cycle(START)
    follow(intervals, driver, door, [(3, 0)])
    follow(totals, driver, door, [(2, 0)], START + MINUTE)
    follow(intervals, driver, door, [(9, 9)], START + 2 * MINUTE)
    assert (door.entered, door.left) == (3, 0)
    follow(totals, driver, door, [(9, 9)], START + 3 * MINUTE)
    assert (door.entered, door.left) == (12, 9)


def test_one_total_at_a_time_makes_a_pair(host):
    driver = host("milesight_lora")
    only_in, only_out = bytes.fromhex("03D248000000"), bytes.fromhex("04D2C8000000")
    assert [type(read) for read in driver.receive(only_in, 1)] == [StatusRead]
    (count,) = driver.receive(only_out, 2)
    assert (count.entered, count.left) == (72, 200)


def test_a_roode_that_reconnects_counts_nobody_again(host):
    twin, driver, door = RoodeTwin(), host("roode"), Door()
    door.count(deliver(twin, driver, START), START)
    twin.cross(entered=1, left=0, now=START + 5_000)
    door.count(deliver(twin, driver, START + 5_000), START + 5_000)
    twin.reconnect()
    reads = deliver(twin, driver, START + 9_000)
    door.count(reads, START + 9_000)
    assert "a direction that was told before" in [read.detail for read in reads]
    twin.cross(entered=0, left=1, now=START + 20_000)
    door.count(deliver(twin, driver, START + 20_000), START + 20_000)
    assert (door.entered, door.left) == (1, 1)


def test_roode_statuses(host):
    driver = host("roode")
    assert [read.what for read in driver.receive_on("roode/status", b"offline", 1)] == ["stopped"]
    assert [read.what for read in driver.receive_on("roode/debug", b"[D][x]", 1)] == ["alive"]
    (read,) = driver.receive_on("roode/number/x/command", b"3", 1)
    assert (read.reason, read.raw) == ("unknown", b"3")


@pytest.mark.parametrize("name", ["xovis", "milesight", "milesight_lora", "roode"])
def test_the_sensor_may_hang_the_other_way_round(host, name):
    twin, door, driver = PUBLISHING[name](), Door(), host(name, swap=True)
    twin.power_cycle(START - MINUTE)
    door.count(deliver(twin, driver, START - MINUTE - 5_000), START - MINUTE - 5_000)
    follow(twin, driver, door, [(0, 0), (3, 1)], START - MINUTE)
    assert (door.entered, door.left) == (1, 3)


# --- Modbus RTU --------------------------------------------------------------------------------------------


def modbus(host, twin, **options):
    driver_settings = options.pop("settings", {})
    driver = host("modbus_counter", **driver_settings)
    return driver, NullModem(twin, driver, now=START, **options)


def step_until(modem, door, until):
    reads = []
    while modem.now < until:
        new = modem.step(50)
        door.count(new, modem.now)
        reads += new
    return reads


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize(
    ("twin_options", "map_settings"),
    [
        ({}, {}),
        (
            {"unit": 17, "address": 265, "bits": 16},
            {"unit": 17, "address": 265, "bits": 16, "count": 2, "out_at": 1},
        ),
        ({"entered": 2**32 - 3, "left": 2**32 - 1}, {"function": 4}),
        ({"bits": 16, "entered": 2**16 - 3}, {"bits": 16, "count": 2, "out_at": 1}),
    ],
)
def test_totals_are_read_by_any_map(host, echo, twin_options, map_settings):
    twin, door = ModbusCounterTwin(echo=echo, **twin_options), Door()
    _, modem = modbus(host, twin, settings=map_settings)
    step_until(modem, door, START + 3_000)
    twin.cross(entered=7, left=5, now=modem.now)
    reads = step_until(modem, door, START + 6_000)
    assert (door.entered, door.left) == (7, 5)
    assert {type(read) for read in reads} == {CountRead}


def test_low_word_first_and_one_way(host):
    driver = host("modbus_counter", words="low_first", count=2, out_at=None)
    (read,) = driver.receive(modbus_rtu.encode(modbus_rtu.Response(1, 3, (5, 1))), 1)
    assert (read.entered, read.left) == (65_541, 0)


@pytest.mark.parametrize(
    "wrong", [{"count": 3}, {"in_at": 3}, {"bits": 16, "out_at": 4}, {"address": 65_533}]
)
def test_a_map_beyond_its_registers_is_refused(host, wrong):
    with pytest.raises(msgspec.ValidationError, match="expected at least"):
        host("modbus_counter", **wrong)


def test_a_reset_and_a_bad_line_lose_nobody(host):
    twin, door = ModbusCounterTwin(), Door()
    _, modem = modbus(host, twin, up=BAD_LINE, down=BAD_LINE, seed=3)
    reads = step_until(modem, door, START + 10_000)
    for _ in range(40):
        twin.cross(entered=2, left=1, now=modem.now)
        reads += step_until(modem, door, modem.now + 3_000)
    assert (door.entered, door.left) == (80, 40)
    twin.power_cycle(modem.now)
    twin.cross(entered=1, left=0, now=modem.now)
    reads += step_until(modem, door, modem.now + 10_000)
    assert (door.entered, door.left) == (81, 40)
    assert any(isinstance(read, RejectRead) for read in reads)


def test_a_mute_device_is_asked_less_and_less(host):
    twin, door = ModbusCounterTwin(), Door()
    driver, modem = modbus(host, twin, settings={"max_wait_ms": 2_000})
    step_until(modem, door, START + 2_000)
    twin.mute = True
    modem.bytes_sent_down = b""
    step_until(modem, door, START + 32_000)
    asked = len(modem.bytes_sent_down) // modbus_rtu.REQUEST_SIZE
    assert 10 <= asked <= 15
    twin.mute = False
    twin.cross(entered=4, left=0, now=modem.now)
    step_until(modem, door, START + 40_000)
    assert door.entered == 4
    assert driver.disconnected(modem.now) == []


def test_half_an_answer_does_not_hide_the_next_one(host):
    driver = host("modbus_counter")
    driver.connected(0)
    answer = modbus_rtu.encode(modbus_rtu.Response(1, 3, (0, 42, 0, 37)))
    assert driver.poll(0)
    assert driver.receive(b"\x01\x03\xfa" + answer[:4], 100) == []
    asked_at = next(now for now in range(150, 5_000, 50) if driver.poll(now))
    reads = driver.receive(answer, asked_at + 20)
    assert [type(read) for read in reads] == [RejectRead, CountRead]
    assert (reads[0].reason, reads[0].raw) == ("truncated", b"\x01\x03\xfa" + answer[:4])


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (modbus_rtu.Response(2, 3, (0, 1, 0, 1)), "unknown"),
        (modbus_rtu.Response(1, 4, (0, 1, 0, 1)), "unknown"),
        (modbus_rtu.Response(1, 3, (0, 1)), "unknown"),
        (modbus_rtu.Request(1, 3, 0, 4), "unknown"),
    ],
)
def test_other_talk_on_the_line_is_no_count(host, frame, reason):
    driver = host("modbus_counter")
    (read,) = driver.receive(modbus_rtu.encode(frame), 1)
    assert (read.reason, read.raw) == (reason, modbus_rtu.encode(frame))


def test_an_exception_is_told(host):
    twin, door = ModbusCounterTwin(address=100), Door()
    _, modem = modbus(host, twin)
    (read, *_) = step_until(modem, door, START + 2_000)
    assert (read.what, read.detail) == ("error", "the device answers: illegal data address (code 02)")
