"""The M100 ladder: nothing is transmitted before the region stands."""

import pytest

from contract.messages import SetInventory, SetPower, SetRegion, Tare
from contract.wire import m100
from edge.model import StatusRead, TagRead

TAG = bytes.fromhex("BB02220011C9340030751FEB705C5904E3D50D703A76EF7E")
NO_TAG = m100.encode(m100.ErrorReply(m100.NO_TAG))


def answer(code, parameter=b"\x00", dialect="bb"):
    return m100.encode(m100.Response(code, parameter, dialect))


def sent(raw):
    codec = m100.M100Codec()
    codec.feed(raw)
    return [(frame.code, frame.parameter.hex()) for frame in iter(codec.next_frame, None)]


def climb(host, now=1_000):
    commands = []
    for code in (m100.STOP, m100.SET_REGION, m100.SET_POWER):
        commands += sent(host.poll(now))
        host.receive(answer(code), now)
    return commands + sent(host.poll(now))


def test_stop_region_power_then_poll(build):
    host = build("m100", region="eu", power_dbm=23.5)
    assert climb(host) == [(0x28, ""), (0x07, "03"), (0xB6, "092e"), (0x27, "22ffff")]


def test_no_inventory_before_the_answers(build):
    host = build("m100", region="us")
    seen = []
    for now in range(1_000, 20_000, 50):
        seen += [code for code, _ in sent(host.poll(now))]
        if now == 10_000:
            host.receive(answer(m100.STOP), now)
    assert set(seen) == {m100.STOP, m100.SET_REGION}
    assert seen.count(m100.SET_REGION) == 20


def test_a_refused_region_is_an_error_and_never_polls(build):
    host = build("m100", region="us")
    host.poll(1_000)
    host.receive(answer(m100.STOP), 1_000)
    host.poll(1_000)
    (read,) = host.receive(answer(m100.SET_REGION, b"\x01"), 1_100)
    assert (read.what, read.detail) == ("error", "region was answered with 01")
    (read,) = host.receive(m100.encode(m100.ErrorReply(m100.BAD_COMMAND)), 1_100)
    assert read.what == "error"
    assert {code for now in range(1_100, 9_000, 50) for code, _ in sent(host.poll(now))} == {m100.SET_REGION}


def test_without_a_region_it_stays_alive_and_quiet(build):
    host = build("m100")
    assert sent(host.poll(1_000)) == [(m100.STOP, "")]
    (read,) = host.receive(answer(m100.STOP), 1_010)
    assert read.what == "no_region"
    seen = []
    for now in range(1_050, 9_050, 50):
        for code, _ in sent(host.poll(now)):
            seen.append(code)
            (read,) = host.receive(answer(code, b"\x00M100 26dBm V1.0"), now)
            assert read == StatusRead(device="dev-1", at=now, what="no_region", detail="M100 26dBm V1.0")
    assert seen == [m100.MODULE_INFORMATION] * 4


def test_a_module_that_polls_without_a_region_is_stopped_again(build):
    host = build("m100")
    host.poll(1_000)
    host.receive(answer(m100.STOP), 1_000)
    host.poll(1_000)
    (read,) = host.receive(TAG, 1_500)
    assert isinstance(read, TagRead)
    assert sent(host.poll(1_550)) == [(m100.STOP, "")]


def test_tags_become_reads(build):
    host = build("m100", region="eu")
    climb(host)
    tag, none = host.receive(TAG + NO_TAG, 2_000)
    assert tag == TagRead(
        device="dev-1", at=2_000, epc="30751FEB705C5904E3D50D70", antenna=1, rssi_dbm=-55.0, pc="3400"
    )
    assert none == StatusRead(device="dev-1", at=2_000, what="alive")


def test_a_tag_without_epc_is_refused(build):
    (read,) = build("m100", region="eu").receive(m100.encode(m100.TagNotification(-60, 0, b"")), 1_000)
    assert read.reason == "value"


def test_silence_starts_over_and_no_tag_replies_are_not_silence(build):
    host = build("m100", region="eu", stall_ms=3_000)
    climb(host)
    for now in range(1_050, 10_000, 100):
        assert host.poll(now) == b""
        host.receive(NO_TAG, now)
    quiet = [sent(host.poll(now)) for now in range(10_000, 13_050, 50)]
    assert [commands for commands in quiet if commands] == [[(m100.STOP, "")]]


@pytest.mark.parametrize("dialect", ["bb", "aa"])
def test_auto_finds_the_dialect(build, dialect):
    host = build("m100", region="eu")
    heads = []
    for now in range(1_000, 4_000, 50):
        raw = host.poll(now)
        if raw:
            heads.append(raw[0])
        if raw and raw[0] == m100.MARKS[dialect][0]:
            host.receive(answer(sent(raw)[0][0], dialect=dialect), now)
    assert heads[-1] == m100.MARKS[dialect][0]
    assert heads.count(m100.MARKS[dialect][0]) >= 4
    assert len(set(heads[2:])) == 1


def test_a_new_region_and_power_go_through_the_ladder(build):
    host = build("m100", region="eu")
    climb(host)
    assert host.act(SetRegion(region="us"), 2_000) == ""
    assert host.act(SetPower(power_dbm=10), 2_000) == ""
    assert climb(host, 2_000) == [(0x28, ""), (0x07, "02"), (0xB6, "03e8"), (0x27, "22ffff")]


def test_inventory_stops_and_starts(build):
    host = build("m100", region="eu")
    climb(host)
    assert host.act(SetInventory(running=False), 2_000) == ""
    assert sent(host.poll(2_000)) == [(m100.STOP, "")]
    (read,) = host.receive(answer(m100.STOP), 2_000)
    assert read.what == "stopped"
    later = {code for now in range(2_000, 20_000, 50) for code, _ in sent(host.poll(now))}
    assert later == {m100.MODULE_INFORMATION}
    assert host.act(SetInventory(running=True), 20_000) == ""
    assert climb(host, 20_000)[-1] == (0x27, "22ffff")


def test_inventory_without_a_region_is_refused(build):
    host = build("m100")
    assert "set its region first" in host.act(SetInventory(running=True), 1_000)
    assert host.act(Tare(), 1_000) == "this device does not know Tare"
