"""LLRP driver: what it wants of the reader, and what it makes of the line's records."""

import msgspec
import pytest

from contract.messages import SetAntennas, SetInventory, SetOutput, SetPower, SetRegion, Tare
from contract.wire import llrp_session
from contract.wire.llrp import TagReport
from contract.wire.llrp_session import InputReport, KeptAlive, ReaderHello, ReaderState, Refused, pack
from edge.drivers.llrp import MAX_AGE_MS
from edge.model import InputRead, RejectRead, StatusRead, TagRead

NOW = 1_800_000_000_000
HELLO = ReaderHello(NOW * 1_000, "Impinj", "us")


def tag(at=None, **fields):
    return TagReport(
        "E28011606000020D2A412182", 2, -60.5, first_seen_us=None if at is None else at * 1_000, **fields
    )


def wanted(host, now=NOW):
    data = host.poll(now)
    return llrp_session.unpack_wanted(data) if data else None


@pytest.fixture
def host(build):
    made = build("llrp", now=NOW, region="us")
    made.receive(pack([HELLO, ReaderState("started")]), NOW)
    return made


def test_the_wanted_configuration_is_told_once_and_again_after_a_reconnect(build):
    host = build("llrp", region="eu", power_dbm=21.5, antennas=[1, 3], tags_per_report=5, keep_alive_s=1)
    assert wanted(host) == llrp_session.Wanted(
        region="eu", power_dbm=21.5, antennas=(1, 3), tags_per_report=5, keep_alive_ms=1_000
    )
    assert wanted(host) is None
    host.connected(NOW)
    assert wanted(host).region == "eu"


def test_commands_change_what_is_wanted(build):
    host = build("llrp")
    assert "set its region first" in host.act(SetInventory(running=True), NOW)
    for action in (
        SetRegion(region="jp"), SetPower(power_dbm=10), SetAntennas(antennas=(2,)), SetInventory(running=False),
        SetOutput(port=1, on=True), SetOutput(port=2, on=False),
    ):  # fmt: skip
        assert host.act(action, NOW) == ""
    now = wanted(host)
    assert (now.region, now.power_dbm, now.antennas, now.running) == ("jp", 10, (2,), False)
    assert now.outputs == {1: True, 2: False}
    assert "does not know" in host.act(Tare(), NOW)


def test_a_report_becomes_a_read(host):
    report = tag(NOW, phase_deg=90.0, frequency_khz=903_250, reads=3, pc="3000", tid="E280")
    assert host.receive(pack([report]), NOW) == [
        TagRead(
            device="dev-1", at=NOW, epc=report.epc, antenna=2, rssi_dbm=-60.5, phase_deg=90.0,
            frequency_khz=903_250, reads=3, pc="3000", tid="E280",
        )
    ]  # fmt: skip


@pytest.mark.parametrize("ahead_ms", [0, -1_700_000_000_000, 3_600_000])
def test_reports_are_dated_by_their_distance_from_the_readers_clock(build, ahead_ms):
    host = build("llrp", now=NOW)
    host.receive(pack([ReaderHello((NOW + ahead_ms) * 1_000, "", "us")]), NOW)
    reads = host.receive(pack([tag(NOW + ahead_ms + seen) for seen in (4_600, 4_800, 5_000)]), NOW + 5_000)
    assert [read.at - NOW for read in reads] == [4_600, 4_800, 5_000]


def test_a_drifting_clock_is_followed(host):
    for minute in range(600):
        now = NOW + 60_000 * minute
        drift = 20 * minute  # a clock that loses 20 ms a minute
        (read,) = host.receive(pack([tag(now - drift)]), now)
        assert now - read.at <= 40


def test_a_clock_that_is_set_while_running_costs_no_read(host):
    for step in range(0, 200_000, 1_000):
        now = NOW + step
        shown = now if step < 60_000 else now + 40_000_000 if step < 120_000 else now - 40_000_000
        (read,) = host.receive(pack([tag(shown)]), now)
        assert isinstance(read, TagRead)
        assert now - MAX_AGE_MS <= read.at <= now


def test_reports_from_before_the_connection_are_told_and_not_counted(host):
    reads = host.receive(pack([tag(NOW - 300_000), tag(NOW - 2_000), tag(NOW + 100)]), NOW + 100)
    assert [type(read) for read in reads] == [TagRead, StatusRead]
    assert (reads[1].what, reads[1].detail) == (
        "alive",
        "2 reports from before the connection are not counted",
    )


def test_a_reader_that_counts_from_power_up_is_dated_by_arrival(build):
    host = build("llrp", now=NOW)
    host.receive(pack([ReaderHello(None, "", "us")]), NOW)
    assert host.receive(pack([tag()]), NOW + 5)[0].at == NOW + 5


@pytest.mark.parametrize("what", ["no_region", "stopped"])
def test_keep_alives_of_a_reader_that_senses_nothing_do_not_make_it_see(host, what):
    host.receive(pack([ReaderState(what, "for a reason")]), NOW)
    records = [
        KeptAlive(),
        ReaderState("alive", "antenna 2 is connected"),
        ReaderState("error", "antenna 3 is disconnected"),
    ]
    told = {(read.what, read.detail) for read in host.receive(pack(records), NOW)}
    assert told == {(what, "for a reason")}
    host.receive(pack([ReaderState("started")]), NOW)
    assert host.receive(pack([KeptAlive()]), NOW)[0].what == "alive"
    (error,) = host.receive(pack([ReaderState("error", "antenna 3 is disconnected")]), NOW)
    assert (error.what, error.detail) == ("error", "antenna 3 is disconnected")


def test_before_the_inventory_has_started_nothing_is_seen(build):
    host = build("llrp", now=NOW)
    assert {read.what for read in host.receive(pack([HELLO, KeptAlive()]), NOW)} == {"line_open"}


def test_inputs_are_reads(host):
    assert host.receive(pack([InputReport(3, True), InputReport(3, False, (NOW - 50) * 1_000)]), NOW) == [
        InputRead(device="dev-1", at=NOW, port=3, high=True),
        InputRead(device="dev-1", at=NOW - 50, port=3, high=False),
    ]


def test_what_the_line_refused_is_refused_with_its_reason(host):
    (read,) = host.receive(pack([Refused("length", b"\xf0", "too long")]), NOW)
    assert read == RejectRead(device="dev-1", at=NOW, reason="length", raw=b"\xf0", detail="too long")


def test_a_bad_record_spoils_only_itself(host):
    packed = msgspec.msgpack.encode(
        [msgspec.to_builtins(tag()), [99], [1, 5], "x", msgspec.to_builtins(KeptAlive())]
    )
    assert [getattr(read, "reason", type(read).__name__) for read in host.receive(packed, NOW)] == [
        "TagRead", "unknown", "value", "value", "StatusRead",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("country", "standard", "frequencies", "region"),
    [
        (840, 1, (), "us"), (276, 2, (), "eu"), (156, 0, (920_625, 924_375), "cn900"), (156, 0, (840_625, 844_375), "cn800"),
        (410, 9, (), "kr"), (392, 6, (), "jp"), (356, 0, (), "in"), (36, 5, (), "au"), (554, 0, (), "nz"),
        (0, 1, (), "us"), (0, 2, (), "eu"), (999, 9, (), "kr"), (0, 0, (), None), (344, 7, (), None),
    ],
)  # fmt: skip
def test_regions_by_country_first_and_by_standard_then(country, standard, frequencies, region):
    assert llrp_session.region_of(country, standard, frequencies) == region
