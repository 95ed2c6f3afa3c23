"""The M100 twin as a host sees it."""

import pytest

from contract.wire import m100
from firmware_sim.devices.m100 import M100Twin
from firmware_sim.model import Sighting

TAG = Sighting(epc="30751FEB705C5904E3D50D70", antenna=1, rssi_dbm=-55.2)


def said(twin, until, *, start=0):
    """Collect the twin's frames until a time, asking every 5 ms."""
    codec, frames = m100.M100Codec(), []
    for now in range(start, until + 1, 5):
        codec.feed(twin.transmit(now))
        while (frame := codec.next_frame()) is not None:
            frames.append(frame)
    return frames


def tell(twin, *commands, now=0):
    for command in commands:
        twin.receive(m100.encode(command), now)


@pytest.fixture
def polling():
    twin = M100Twin()
    tell(twin, m100.set_region("eu"), m100.multi_poll())
    said(twin, 20)
    return twin


def test_power_up_has_no_region_and_no_field():
    twin = M100Twin()
    assert not twin.transmitting
    tell(twin, m100.Command(m100.GET_REGION), m100.multi_poll(), m100.Command(m100.SINGLE_POLL))
    assert said(twin, 50) == [
        m100.Response(m100.GET_REGION, b"\x00"),
        *[m100.ErrorReply(m100.BAD_COMMAND)] * 2,
    ]
    assert not twin.transmitting


def test_settings_are_acknowledged_and_kept():
    twin = M100Twin()
    tell(
        twin,
        m100.set_region("us"),
        m100.set_power(12.5),
        m100.Command(m100.GET_REGION),
        m100.Command(m100.GET_POWER),
    )
    assert [(frame.code, frame.parameter.hex()) for frame in said(twin, 50)] == [
        (0x07, "00"),
        (0xB6, "00"),
        (0x08, "02"),
        (0xB7, "04e2"),
    ]
    twin.power_cycle(60)
    assert (twin.region, twin.power_cdbm) == (None, 2600)


def test_its_name_is_the_recorded_one():
    twin = M100Twin()
    tell(twin, m100.Command(m100.MODULE_INFORMATION, b"\x00"))
    (frame,) = said(twin, 50)
    assert m100.encode(frame).hex().upper() == "BB01030010004D31303020323664426D2056312E30927E"


def test_an_unknown_region_is_refused():
    twin = M100Twin()
    tell(twin, m100.Command(m100.SET_REGION, b"\x63"), m100.Command(m100.SET_REGION, b""))
    assert said(twin, 50) == [m100.ErrorReply(m100.BAD_COMMAND)] * 2
    assert twin.region is None


def test_a_tag_is_the_documented_frame(polling):
    polling.see([Sighting(epc=TAG.epc, antenna=1, rssi_dbm=-55.2)], 25)
    (frame,) = [frame for frame in said(polling, 60, start=25) if isinstance(frame, m100.TagNotification)]
    raw = m100.encode(frame)
    assert raw.hex().upper().startswith("BB02220011C9300030751FEB705C5904E3D50D70")


def test_no_tag_replies_come_about_every_100_ms(polling):
    frames = said(polling, 1_020, start=20)
    assert set(frames) == {m100.ErrorReply(m100.NO_TAG)}
    assert 9 <= len(frames) <= 11


def test_stop_ends_everything(polling):
    polling.see([TAG] * 50, 30)
    tell(polling, m100.Command(m100.STOP), now=31)
    assert m100.Response(m100.STOP, b"\x00") in said(polling, 100, start=31)
    polling.see([TAG], 110)
    assert said(polling, 500, start=110) == []


def test_rounds_run_out():
    twin = M100Twin()
    tell(twin, m100.set_region("eu"), m100.multi_poll(3))
    twin.see([TAG] * 5, 1)
    assert not twin.transmitting
    assert sum(isinstance(frame, m100.TagNotification) for frame in said(twin, 100)) == 3


def test_the_other_dialect_is_not_understood():
    twin = M100Twin(dialect="aa")
    tell(twin, m100.set_region("eu"))
    assert said(twin, 50) == []
    tell(twin, m100.set_region("eu", "aa"), now=60)
    assert [frame.dialect for frame in said(twin, 100, start=60)] == ["aa"]
