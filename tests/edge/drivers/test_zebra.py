"""Zebra driver: pieces of events, their numbers, its time; and the twin on the other end."""

import pytest

from contract.wire import zebra_json
from edge.model import RejectRead, StatusRead, TagRead
from firmware_sim.devices.zebra import HEARTBEAT_MS, ZebraMischief, ZebraTwin
from firmware_sim.model import Sighting

NOW = 1_700_000_000_000


def report(number=None, at=NOW, **fields):
    return zebra_json.encode_event(
        zebra_json.TagEvent(epc="E280", event_num=number, timestamp=zebra_json.timestamp_text(at), **fields)
    )


def errors(reads):
    return [read.detail for read in reads if isinstance(read, StatusRead) and read.what == "error"]


def test_an_event_that_is_cut_across_payloads_is_one_read(build):
    host = build("zebra")
    whole = report(7)
    for at in range(1, len(whole)):
        assert host.receive(whole[:at], NOW) == []
        (read,) = host.receive(whole[at:], NOW)
        assert isinstance(read, TagRead)


def test_an_event_behind_half_a_one_still_counts(build):
    host = build("zebra")
    assert host.receive(report(7)[:60], NOW) == []
    reads = host.receive(report(8), NOW)
    assert [type(read) for read in reads] == [RejectRead, TagRead]


def test_what_is_no_event_is_told_at_once(build):
    (read,) = build("zebra").receive(b"offline", NOW)
    assert (read.reason, read.raw) == ("noise", b"offline")


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([1, 2, 3], []),
        ([1, 2, 5], ["gap: 2 events were lost before event 5"]),
        ([1, 3], ["gap: 1 event was lost before event 3"]),
        ([5, 5, 6, 6], []),
        ([5, 7, 6, 8], ["gap: 1 event was lost before event 7"]),
        ([900, 1, 2, 3], []),
        ([900, 1, 2, 5], ["gap: 2 events were lost before event 5"]),
        ([70_000], []),
        ([None, 5, None, 6], []),
    ],
)
def test_gaps_in_the_numbers_are_told_and_repeats_are_none(build, numbers, told):
    host = build("zebra")
    reads = [read for number in numbers for read in host.receive(report(number), NOW)]
    assert errors(reads) == told
    assert sum(isinstance(read, TagRead) for read in reads) == len(numbers)


def test_a_new_session_counts_anew(build):
    host = build("zebra")
    host.receive(report(5), NOW)
    host.connected(NOW)
    assert errors(host.receive(report(50), NOW)) == []


def test_the_readers_time_counts_when_it_is_near(build):
    host = build("zebra", max_skew_s=10)
    times = [host.receive(report(at=at), NOW)[0].at for at in (NOW - 10_000, NOW - 10_001, NOW + 10_000, 0)]
    assert times == [NOW - 10_000, NOW, NOW + 10_000, NOW]


def test_events_of_another_reader_are_not_taken_nor_counted(build):
    host = build("zebra", hostname="FX1")
    host.receive(report(1, hostname="FX1"), NOW)
    host.receive(report(90, hostname="FX2"), NOW)
    assert errors(host.receive(report(2, hostname="FX1"), NOW)) == []


def test_heartbeats_and_empty_reports_show_life(build):
    host = build("zebra")
    (read,) = host.receive(b'{"type":"heartbeat","data":{},"eventNum":372}', 5)
    assert read == StatusRead(device="dev-1", at=5, what="alive", detail="heartbeat")
    assert host.receive(b"[]", 5) == [StatusRead(device="dev-1", at=5, what="alive", detail="empty report")]


SEEN = [Sighting(epc=f"E280{number:04X}", antenna=1 + number % 4, rssi_dbm=-60.4) for number in range(200)]


def played(host, twin, sightings=SEEN):
    reads = []
    for number, sighting in enumerate(sightings):
        now = NOW + 50 * number
        twin.see([sighting], now)
        for _, payload in twin.publish(now):
            reads += host.receive(payload, now)
    return reads


@pytest.mark.parametrize("events_per_payload", [1, 3, 50])
def test_the_twin_is_read_as_it_saw(build, events_per_payload):
    twin = ZebraTwin(topic="store/fx", events_per_payload=events_per_payload)
    twin.see(SEEN, NOW)
    reads = [read for _, payload in twin.publish(NOW) for read in build("zebra").receive(payload, NOW)]
    tags = [(read.epc, read.antenna, read.rssi_dbm) for read in reads if isinstance(read, TagRead)]
    assert tags == [(seen.epc, seen.antenna, -60.0) for seen in SEEN]


def test_the_twin_beats_without_tags(build):
    twin, host = ZebraTwin(topic="store/fx"), build("zebra")
    beats = [
        read
        for now in range(0, 60_000, 50)
        for _, body in twin.publish(now)
        for read in host.receive(body, now)
    ]
    assert len(beats) == 60_000 // HEARTBEAT_MS
    assert {read.what for read in beats} == {"alive"}


def test_doubled_overtaken_and_cut_reports_are_no_gaps(build):
    mischief = ZebraMischief(doubled=0.2, overtaken=0.2, cut=0.5)
    twin = ZebraTwin(topic="store/fx", events_per_payload=4, mischief=mischief, seed=3)
    host, reads = build("zebra"), []
    for now in range(NOW, NOW + 5_000, 50):
        twin.see(SEEN[:7], now)
        for _, payload in twin.publish(now):
            reads += host.receive(payload, now)
    assert not any(isinstance(read, RejectRead) for read in reads)
    assert {read.epc for read in reads if isinstance(read, TagRead)} == {seen.epc for seen in SEEN[:7]}
    assert all("1 event was" in told for told in errors(reads))


def test_lost_reports_are_counted_to_the_last_one(build):
    twin = ZebraTwin(topic="store/fx", mischief=ZebraMischief(lost=0.1), seed=4)
    reads = played(build("zebra"), twin)
    assert twin.lost_events > 5
    counted = sum(int(told.split()[1]) for told in errors(reads))
    first = next(read.epc for read in reads if isinstance(read, TagRead))
    assert counted == twin.lost_events - int(first[4:], 16)
