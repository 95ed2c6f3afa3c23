"""Scale, counter, R700 and the paced line under all serial twins."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire import impinj_json, terabee
from firmware_sim.devices.impinj_r700 import ImpinjR700Twin
from firmware_sim.devices.mt_sics import MtSicsTwin
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.devices.terabee import TerabeeTwin
from firmware_sim.model import Sighting


def said(twin, until, *, start=0):
    return b"".join(twin.transmit(now) for now in range(start, until + 1, 5))


def asked(twin, command, now):
    twin.receive(command, now)
    return said(twin, now + 100, start=now)


def test_scale_answers():
    twin = MtSicsTwin(decimals=2)
    twin.load(100.0, stable=True, now=0)
    assert asked(twin, b"SI\r\n", 0) == b"S D     100.00 g\r\n"
    assert asked(twin, b"SI\r\n", 300) == b"S S     100.00 g\r\n"
    assert asked(twin, b"S\r\n", 500) == b"S S     100.00 g\r\n"
    assert asked(twin, b"T\r\n", 700) == b"T S     100.00 g\r\n"
    assert asked(twin, b"SI\n", 900) == b"S S       0.00 g\r\n"
    assert asked(twin, b"Z\r\n", 1_100) == b"Z A\r\n"
    assert asked(twin, b"I4\r\n", 1_300) == b'I4 A "1234567"\r\n'
    assert asked(twin, b"TAC\r\n", 1_500) == b"ES\r\n"
    assert asked(twin, b"nonsense\r\n", 1_700) == b"ES\r\n"
    assert asked(twin, b"@\r\n", 1_900) == b'I4 A "1234567"\r\n'
    assert asked(twin, b"SI\r\n", 2_100) == b"S S     100.00 g\r\n"


def test_scale_waits_for_a_stable_load_but_not_for_ever():
    twin = MtSicsTwin()
    twin.load(5.0, stable=False, now=0)
    twin.receive(b"S\r\n", 0)
    assert said(twin, 4_990) == b""
    assert said(twin, 5_100, start=4_995) == b"S I\r\n"


def test_scale_cannot_zero_a_load():
    twin = MtSicsTwin(capacity_g=1_000)
    twin.load(500.0, stable=True, now=0)
    assert asked(twin, b"ZI\r\n", 400) == b"Z +\r\n"


def test_scale_in_kilograms_and_with_echo():
    twin = MtSicsTwin(unit="kg", decimals=0, echo_si=True)
    twin.load(1_234.0, stable=True, now=0)
    assert asked(twin, b"SI\r\n", 400) == b"SI S      1.234 kg\r\n"


def test_scale_streams_ten_a_second_until_told_otherwise():
    twin = MtSicsTwin()
    twin.receive(b"SIR\r\n", 0)
    assert 10 <= said(twin, 1_000).count(b"\r\n") <= 11
    twin.receive(b"@\r\n", 1_005)
    assert said(twin, 2_000, start=1_005).count(b"S S") == 0


def test_a_power_cycle_ends_the_stream_and_shows_the_serial_number():
    twin = MtSicsTwin()
    twin.receive(b"SIR\r\n", 0)
    twin.power_cycle(10)
    assert said(twin, 1_000, start=10) == b'I4 A "1234567"\r\n'


def counts(raw):
    codec = terabee.TerabeeCodec()
    codec.feed(raw)
    return [frame for frame in iter(codec.next_frame, None) if isinstance(frame, terabee.Count)]


def test_counter_reports_each_crossing_and_each_second():
    twin = TerabeeTwin()
    assert counts(said(twin, 100)) == [terabee.Count(0, 0, 0)]
    twin.cross(entered=2, left=1, now=105)
    assert counts(said(twin, 1_000, start=105)) == [terabee.Count(2, 1, 1)]
    assert counts(said(twin, 3_150, start=1_005)) == [terabee.Count(2, 1, 1)] * 3
    twin.receive(terabee.encode(terabee.Command(terabee.RESET_COUNTERS)), 3_200)
    assert counts(said(twin, 3_300, start=3_200)) == [terabee.Count(0, 0, 0)]


@settings(deadline=None)
@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_counter_totals_are_sixteen_bit(entered, left):
    twin = TerabeeTwin(entered=entered, left=left, distances=False)
    assert counts(said(twin, 20)) == [terabee.Count(entered % 65_536, left % 65_536, entered - left)]


def test_r700_publishes_one_event_per_message_and_a_status_when_idle():
    twin = ImpinjR700Twin(topic="readers/a")
    sighting = Sighting(epc="E28011606000020A6681F23F", antenna=2, rssi_dbm=-61.25, phase_deg=90.0)
    assert [topic for topic, _ in twin.publish(0)] == ["readers/a"]
    twin.see([sighting, sighting], 1_700_000_000_000)
    due = twin.publish(1_700_000_000_050)
    assert len(due) == 2
    (event,) = impinj_json.parse_payload(due[0][1])
    assert (event.epc, event.antenna, event.rssi_dbm, event.at) == (
        sighting.epc,
        2,
        -61.25,
        1_700_000_000_000,
    )
    assert json.loads(due[0][1])["tagInventoryEvent"]["epc"] == "4oARYGAAAgpmgfI_"
    assert twin.publish(1_700_000_000_060) == []
    ((_, status),) = twin.publish(1_700_000_010_060)
    assert impinj_json.parse_payload(status) == [impinj_json.OtherEvent("inventoryStatus")]


def test_r700_keeps_the_newest_when_the_broker_is_away():
    twin = ImpinjR700Twin(topic="t", queue_events=10)
    twin.see([Sighting(epc=f"{number:04X}", antenna=1, rssi_dbm=-60) for number in range(25)], 0)
    assert [impinj_json.parse_payload(payload)[0].epc for _, payload in twin.publish(0)] == [
        f"{number:04X}" for number in range(15, 25)
    ]
    assert twin.dropped_events == 15


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), max_size=40),
    st.sampled_from([9_600, 115_200]),
)
def test_a_line_never_carries_more_than_its_rate(steps, baud):
    line, now, carried, offered = SerialLine(baud), 0, 0, 0
    for elapsed_ms, size in steps:
        line.answer(bytes(size), now)
        offered += size
        now += elapsed_ms
        carried += len(line.take(now))
        assert carried <= now * baud / 10_000
    carried += sum(len(line.take(now + later)) for later in range(0, 3_000, 100))
    assert carried == offered
    assert line.idle()


def test_a_line_does_not_save_up_idle_time():
    line = SerialLine(9_600)
    line.take(0)
    line.answer(bytes(100), 60_000)
    assert line.take(60_000) == b""
    assert len(line.take(60_010)) == 9


@pytest.mark.parametrize("frames", [10, 100, 1_000])
def test_a_full_line_drops_the_oldest_reports_only(frames):
    line = SerialLine(9_600, backlog_ms=500)
    line.answer(b"answer", 0)
    for number in range(frames):
        line.report(number.to_bytes(2, "big") * 12, 0)
    raw = b"".join(line.take(now) for now in range(0, 40_000, 50))
    assert raw[:6] == b"answer"
    kept = [int.from_bytes(raw[at : at + 2], "big") for at in range(6, len(raw), 24)]
    assert kept == list(range(frames - len(kept), frames))
    assert line.dropped_frames == frames - len(kept)
    assert len(kept) <= 20


def test_r700_webhook_posts_arrays_and_an_empty_one_as_keep_alive():
    twin = ImpinjR700Twin(topic="/devices/r700", webhook=True)
    assert twin.publish(0) == [("/devices/r700", b"[]")]
    assert twin.publish(500) == []
    twin.see([Sighting(epc="E280", antenna=1 + n % 4, rssi_dbm=-60.0) for n in range(150)], 600)
    posts = twin.publish(600)
    assert [len(json.loads(body)) for _, body in posts] == [100, 50]
    events = [event for _, body in posts for event in impinj_json.parse_payload(body)]
    assert [event.antenna for event in events] == [1 + n % 4 for n in range(150)]
    assert [now for now in range(700, 4_000, 100) if twin.publish(now)] == [1_600, 2_600, 3_600]
