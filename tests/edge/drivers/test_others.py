"""MT-SICS, Terabee and R700 drivers: their conversations and reads."""

import pytest

from contract.messages import SetInventory, Tare
from contract.wire import impinj_json, terabee
from edge.model import CountRead, StatusRead, WeightRead
from firmware_sim.devices.impinj_r700 import ImpinjR700Twin


def test_the_stream_is_asked_for_and_asked_again(build):
    host = build("mt_sics")
    assert host.poll(1_000) == b"SIR\r\n"
    assert [now for now in range(1_050, 6_000, 50) if host.poll(now)] == [3_000, 5_000]
    for now in range(6_000, 12_000, 100):
        host.receive(b"S S     100.00 g\r\n", now)
        assert host.poll(now) == b""


def test_noise_does_not_count_as_the_stream(build):
    host = build("mt_sics")
    host.poll(1_000)
    host.receive(b"#\r\n", 2_900)
    assert host.poll(3_000) == b"SIR\r\n"


@pytest.mark.parametrize(("setting", "command"), [("tare", b"T\r\n"), ("zero", b"Z\r\n")])
def test_tare(build, setting, command):
    host = build("mt_sics", tare=setting)
    host.poll(1_000)
    assert host.act(Tare(), 1_100) == ""
    assert host.poll(1_150) == command
    assert host.poll(1_200) == b""
    assert "does not know" in host.act(SetInventory(running=True), 1_200)


def test_scale_lines(build):
    host = build("mt_sics")
    lines = (
        b"S D       1.50 kg\r\nSI S       2.00 g\r\nS +\r\nS -\r\nES\r\nS I\r\nS L\r\nT S     100.00 g\r\n"
    )
    reads = host.receive(lines, 9)
    assert reads[:2] == [
        WeightRead(device="dev-1", at=9, weight_g=1500.0, stable=False),
        WeightRead(device="dev-1", at=9, weight_g=2.0, stable=True),
    ]
    assert [(read.what, read.detail) for read in reads[2:]] == [
        ("error", "S: overload"),
        ("error", "S: underload"),
        ("error", "the scale reports a syntax error (ES)"),
        ("alive", "S I"),
        ("error", "the scale refuses S"),
        ("alive", "T S     100.00 g"),
    ]


@pytest.mark.parametrize(("swap", "entered", "left"), [(False, 42, 37), (True, 37, 42)])
def test_counts(build, swap, entered, left):
    host = build("terabee", swap=swap)
    assert host.receive(terabee.encode(terabee.Count(42, 37, 5)), 7) == [
        CountRead(device="dev-1", at=7, line="1", entered=entered, left=left, cumulative=True)
    ]
    assert host.poll(8) == b""


def test_the_sensor_id_is_a_setting(build):
    raw = terabee.encode(terabee.Count(4, 7, -3, 0x12345))
    (read,) = build("terabee", with_sensor_id=True).receive(raw, 7)
    assert (read.entered, read.left) == (4, 7)
    assert not any(isinstance(read, CountRead) for read in build("terabee").receive(raw + raw, 7))


def test_distances_show_life_once_a_second(build):
    host = build("terabee")
    raw = terabee.encode(terabee.Distance(1450, 820))
    assert len([now for now in range(0, 3_000, 100) if host.receive(raw, now)]) == 3


def report(at, **fields):
    timestamp = impinj_json.timestamp_text(at)
    return impinj_json.encode_event(impinj_json.TagEvent(epc="E280", timestamp=timestamp, **fields))


def test_the_readers_time_counts_when_it_is_near(build):
    host = build("impinj_r700", max_skew_s=10)
    now = 1_700_000_000_000
    assert [host.receive(report(at), now)[0].at for at in (now - 10_000, now - 10_001, now + 10_000, 0)] == [
        now - 10_000,
        now,
        now + 10_000,
        now,
    ]


def test_events_of_another_reader_are_not_taken(build):
    host = build("impinj_r700", hostname="impinj-1")
    assert host.receive(report(0, hostname="impinj-2"), 0) == []
    assert len(host.receive(report(0, hostname="impinj-1"), 0)) == 1
    assert len(host.receive(report(0), 0)) == 1


def test_other_events_and_empty_reports_show_life(build):
    host = build("impinj_r700")
    assert host.receive(b"[]", 5) == [StatusRead(device="dev-1", at=5, what="alive", detail="empty report")]
    (read,) = host.receive(b'{"eventType":"inventoryStatus"}', 5)
    assert read.detail == "inventoryStatus"


def test_the_webhook_of_a_reader_without_tags_keeps_it_alive(build):
    host, twin = build("impinj_r700"), ImpinjR700Twin(topic="/devices/r700", webhook=True)
    reads = [
        read
        for now in range(0, 5_000, 100)
        for _, body in twin.publish(now)
        for read in host.receive(body, now)
    ]
    assert [(read.at, read.what) for read in reads] == [(at, "alive") for at in range(0, 5_000, 1_000)]
