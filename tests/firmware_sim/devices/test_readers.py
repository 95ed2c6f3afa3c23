"""The M6E, R2000 and Chafon twins as a host sees them."""

import pytest

from contract.wire import chafon, m6e, m6e_tags, r2000
from firmware_sim.devices.chafon import ChafonTwin
from firmware_sim.devices.m6e import M6eTwin
from firmware_sim.devices.r2000 import R2000Twin
from firmware_sim.model import Sighting


def tag(epc="000000000000000000001545", antenna=1, rssi_dbm=-60.2, **more):
    return Sighting(epc=epc, antenna=antenna, rssi_dbm=rssi_dbm, **more)


def said(twin, codec, until, *, start=0):
    """Collect the twin's frames until a time, asking every 5 ms."""
    frames = []
    for now in range(start, until + 1, 5):
        codec.feed(twin.transmit(now))
        frames += iter(codec.next_frame, None)
    return frames


def tell(twin, encode, *commands, now=0):
    for command in commands:
        twin.receive(encode(command), now)


def m6e_said(twin, until, *, start=0):
    return said(twin, m6e.M6eCodec("module"), until, start=start)


@pytest.fixture
def streaming():
    twin = M6eTwin()
    tell(twin, m6e.encode, m6e.set_region(0x08), m6e.SET_GEN2, m6e.START)
    m6e_said(twin, 20)
    return twin


def test_m6e_power_up_has_no_region_and_no_field():
    twin = M6eTwin()
    tell(twin, m6e.encode, m6e.START)
    (refusal,) = m6e_said(twin, 50)
    assert (refusal.opcode, refusal.status, twin.transmitting) == (m6e.CONTINUOUS, 0x010B, False)
    tell(twin, m6e.encode, m6e.set_region(0x08), m6e.START, now=60)
    assert [reply.status for reply in m6e_said(twin, 100, start=60)] == [0, 0x0401]
    assert not twin.transmitting


def test_m6e_settings_are_acknowledged_kept_and_lost_with_power():
    twin = M6eTwin()
    tell(
        twin, m6e.encode, m6e.set_region(0x09), m6e.SET_GEN2, m6e.set_power(12.5), m6e.set_antennas((1, 3)),
        m6e.set_output(2, on=True), m6e.Command(m6e.GET_INPUTS, b"\x01"), m6e.Command(m6e.VERSION),
    )  # fmt: skip
    answers = m6e_said(twin, 50)
    assert [reply.opcode for reply in answers] == [0x97, 0x93, 0x92, 0x91, 0x96, 0x66, 0x03]
    assert {reply.status for reply in answers} == {0}
    assert answers[5].data.hex() == "01010000020101030000040000"
    assert (twin.region, twin.power_cdbm, twin.antennas, twin.outputs) == (0x09, 1_250, (1, 3), {2: True})
    twin.power_cycle(60)
    assert (twin.region, twin.antennas, twin.outputs) == (None, (1,), {})


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (m6e.set_region(0x63), 0x010B),
        (m6e.set_power(33), 0x0103),
        (m6e.set_antennas((7,)), 0x0105),
        (m6e.set_output(9, on=True), 0x0105),
        (m6e.Command(0x28), 0x0105),
    ],
)
def test_m6e_refuses_what_it_cannot_do(command, status):
    twin = M6eTwin()
    tell(twin, m6e.encode, command)
    assert [reply.status for reply in m6e_said(twin, 50)] == [status]


def test_m6e_streams_the_published_record(streaming):
    streaming.inputs = dict.fromkeys((1, 2, 3, 4), True)
    streaming.see([tag(frequency_khz=923_200)], 295)
    (report,) = m6e_said(streaming, 400, start=295)
    assert m6e.encode(report).hex().upper() == (
        "FF2822000010001B01FF0101C4110E16400000012700000500000F00803000000000000000000000001545E94A561D"
    )


def test_m6e_says_the_published_answers(streaming):
    (keep_alive,) = m6e_said(streaming, 1_100, start=900)
    assert m6e.encode(keep_alive).hex().upper() == "FF0022040084E0"
    fresh = M6eTwin()
    tell(fresh, m6e.encode, m6e.set_region(0x08), m6e.SET_GEN2, m6e.START)
    assert m6e.encode(m6e_said(fresh, 50)[-1]).hex().upper() == "FF002F0000514D"


def test_m6e_keeps_alive_once_a_second(streaming):
    assert len(m6e_said(streaming, 5_050, start=25)) == 5


def test_m6e_stops_late_and_answers_when_it_is_done(streaming):
    tell(streaming, m6e.encode, m6e.STOP, m6e.set_region(0x01), now=100)
    streaming.see([tag()], 700)
    frames = m6e_said(streaming, 1_295, start=700)
    assert [type(frame) for frame in frames if frame != m6e.Reply(0x22, 0x0400)] == [m6e_tags.TagReport]
    assert streaming.transmitting
    (answer,) = m6e_said(streaming, 1_400, start=1_300)
    assert (answer, streaming.transmitting, streaming.region) == (m6e.Reply(0x2F, 0, b"\x02"), False, 0x08)
    streaming.see([tag()], 1_500)
    assert m6e_said(streaming, 4_000, start=1_500) == []


def test_m6e_hears_only_its_chosen_antennas(streaming):
    streaming.see([tag(antenna=2)], 50)
    assert m6e_said(streaming, 200, start=50) == []


def test_m6e_warns(streaming):
    streaming.warn(m6e.HIGH_RETURN_LOSS, 50)
    assert m6e_said(streaming, 200, start=50) == [m6e.Reply(0x22, 0x0505)]


def r2000_said(twin, until, *, start=0):
    return said(twin, r2000.R2000Codec("reader"), until, start=start)


@pytest.fixture
def reader():
    twin = R2000Twin()
    tell(twin, r2000.encode, r2000.set_region("us"))
    r2000_said(twin, 20)
    return twin


def test_r2000_obeys_and_refuses():
    twin = R2000Twin()
    tell(
        twin, r2000.encode, r2000.Command(r2000.FIRMWARE), r2000.set_region("eu"), r2000.set_power(20),
        r2000.set_antenna(3), r2000.set_output(4, on=True), r2000.Command(r2000.GET_INPUTS),
        r2000.Command(r2000.SET_POWER, b"\x30"), r2000.Command(r2000.SET_ANTENNA, b"\x07"),
        r2000.Command(r2000.SET_REGION, b"\x09\x00\x05"), r2000.set_output(1, on=True),
        r2000.Command(r2000.FIRMWARE, address=9),
    )  # fmt: skip
    answers = [(reply.code, reply.data.hex()) for reply in r2000_said(twin, 100)]
    assert answers == [
        (0x72, "0109"), (0x78, "10"), (0x76, "10"), (0x74, "10"), (0x61, "10"), (0x60, "0000"),
        (0x76, "48"), (0x74, "47"), (0x78, "49"), (0x61, "41"),
    ]  # fmt: skip
    assert (twin.region, twin.channels, twin.power_dbm, twin.antenna) == (2, (2, 5), 20, 3)
    twin.power_cycle(200)
    assert (twin.region, twin.antenna, twin.outputs[4]) == (2, 1, False)


def test_r2000_says_the_published_answers(reader):
    tell(reader, r2000.encode, r2000.Command(r2000.FIRMWARE, address=1), r2000.set_antenna(1), now=30)
    assert [r2000.encode(frame).hex().upper() for frame in r2000_said(reader, 60, start=30)] == [
        "A00501720109DE",
        "A004017410D7",
    ]


def test_r2000_reports_the_recorded_tag_and_ends_its_round(reader):
    tell(reader, r2000.encode, r2000.Command(r2000.REAL_TIME, b"\x01"), now=30)
    assert reader.transmitting
    seen = tag("E2004074850A0103163070E1", rssi_dbm=-75.3, frequency_khz=913_000)
    reader.see([seen, tag(antenna=2)], 40)
    frames = r2000_said(reader, 200, start=40)
    assert r2000.encode(frames[0]).hex().upper() == "A0130189743000E2004074850A0103163070E13629"
    assert frames[1:] == [r2000.RoundEnd(r2000.REAL_TIME, 1, 16, 1)]
    assert not reader.transmitting
    reader.see([seen], 300)
    assert r2000_said(reader, 500, start=300) == []


def test_r2000_fails_without_region_and_on_a_missing_antenna():
    twin = R2000Twin(missing=frozenset({1}))
    tell(twin, r2000.encode, r2000.Command(r2000.REAL_TIME, b"\x01"))
    assert [reply.result for reply in r2000_said(twin, 50)] == [0x11]
    tell(twin, r2000.encode, r2000.set_region("us"), r2000.Command(r2000.REAL_TIME, b"\x01"), now=60)
    assert [reply.result for reply in r2000_said(twin, 100, start=60)] == [0x10, 0x22]
    assert not twin.transmitting


def test_r2000_phase_bytes_do_not_change_the_epc():
    twin = R2000Twin(with_phase=True)
    tell(twin, r2000.encode, r2000.set_region("us"), r2000.Command(r2000.REAL_TIME, b"\x01"))
    twin.see([tag()], 10)
    report = next(frame for frame in r2000_said(twin, 200) if isinstance(frame, r2000.TagReport))
    assert (report.epc.hex(), len(report.phase)) == ("000000000000000000001545", 2)


def chafon_said(twin, until, *, start=0, model="288"):
    return said(twin, chafon.ChafonCodec(model, "reader"), until, start=start)


def test_chafon_obeys_and_refuses():
    twin = ChafonTwin()
    tell(
        twin, chafon.encode, chafon.set_region(chafon.BANDS["288"]["eu"]), chafon.set_power(30),
        chafon.set_outputs(2), chafon.Request(chafon.GET_INPUTS), chafon.set_power(31),
        chafon.Request(chafon.SET_REGION, b"\x02\x05"), chafon.Request(0x25, b"\x05"), chafon.INVENTORY_18,
    )  # fmt: skip
    answers = [(reply.command, reply.status, reply.data.hex()) for reply in chafon_said(twin, 200)]
    assert answers == [
        (0x22, 0, ""), (0x2F, 0, ""), (0x46, 0, ""), (0x47, 0, "20"), (0x2F, 0xFF, ""), (0x22, 0xFF, ""),
        (0x00, 0xFE, ""), (0x01, 0xFD, ""),
    ]  # fmt: skip
    assert (twin.band, twin.power_dbm, twin.outputs) == (4, 30, 2)


def test_chafon_information_is_the_published_answer():
    twin = ChafonTwin()
    tell(twin, chafon.encode, chafon.set_region(chafon.BANDS["288"]["eu"]), chafon.Request(0x21))
    raw = chafon.encode(chafon_said(twin, 100)[1]).hex().upper()
    assert raw == "1100210000160C034E001E0A01000000E651"


def test_chafon_answers_in_frames_each_tag_once():
    twin = ChafonTwin()
    tell(twin, chafon.encode, chafon.inventory_288(2, scan_time_ms=300))
    assert twin.transmitting
    for now in range(10, 300, 10):
        twin.see([tag(f"{number:024X}", antenna=2) for number in range(14)] + [tag(antenna=1)], now)
        tell(twin, chafon.encode, chafon.inventory_288(1), now=now)
    frames = chafon_said(twin, 1_000, start=300)
    assert [(frame.status, frame.antenna, len(frame.tags)) for frame in frames] == [
        (3, 2, 6),
        (3, 2, 6),
        (1, 2, 2),
    ]
    assert [int(read.epc.hex(), 16) for frame in frames for read in frame.tags] == list(range(14))
    assert not twin.transmitting


def test_chafon_says_the_published_tag_and_no_tag():
    twin = ChafonTwin(model="18", scan_time_ms=300)
    tell(twin, chafon.encode, chafon.INVENTORY_18)
    twin.see([tag("475458260720000000000001")], 100)
    (frame,) = chafon_said(twin, 500, model="18")
    assert chafon.encode(frame).hex().upper() == "13000101010C475458260720000000000001D6C1"
    tell(twin, chafon.encode, chafon.INVENTORY_18, now=600)
    (frame,) = chafon_said(twin, 1_000, start=600, model="18")
    assert chafon.encode(frame).hex().upper() == "050001FBF23D"


def test_chafon_without_tags_names_its_antenna():
    twin = ChafonTwin(missing=frozenset({3}))
    tell(twin, chafon.encode, chafon.inventory_288(1, scan_time_ms=300))
    (frame,) = chafon_said(twin, 400)
    assert chafon.encode(frame).hex().upper() == "0700010101001E4B"
    tell(twin, chafon.encode, chafon.inventory_288(3), now=500)
    assert chafon_said(twin, 600, start=500) == [chafon.Reply(0x01, 0xF8)]
    twin.power_cycle(700)
    assert not twin.transmitting
