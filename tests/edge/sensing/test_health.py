"""Health: believed while useful reads come, blind in between, and every blind span is told."""

import msgspec

from contract.messages import Blind, DeviceHealth, Rejected
from edge.model import InputRead, Place, RejectRead, StatusRead, TagRead
from edge.sensing.health import HealthState, restart_health, sense_health

PLACE = Place(zones={("r1", 1): "shelf-a"}, trays={}, lines={}, silent_after_ms={"r1": 10_000})
START = 1_800_000_000_000


class Bench:
    def __init__(self):
        self.state, self.now, self.seen = HealthState(), START, []

    def run(self, seconds, *reads):
        for _ in range(seconds):
            self.now += 1_000
            stamped = [msgspec.structs.replace(read, at=self.now) for read in reads]
            self.state, news = sense_health(self.state, stamped, self.now, place=PLACE)
            self.seen += news
        return self

    def of(self, kind):
        return [o for o in self.seen if isinstance(o, kind)]


READ = TagRead(device="r1", at=0, epc="00" * 12)
OPEN = StatusRead(device="r1", at=0, what="line_open")
CLOSED = StatusRead(device="r1", at=0, what="line_closed", detail="unplugged")


def test_useful_reads_make_it_ok_and_it_is_repeated_once_a_minute():
    bench = Bench().run(1, OPEN).run(130, READ)
    states = [o.state for o in bench.of(DeviceHealth)]
    assert states[0] == "silent"
    assert set(states[1:]) == {"ok"}
    assert len(states) == 4
    assert bench.of(DeviceHealth)[-1].zones == ("shelf-a",)


def test_an_open_line_without_useful_reads_is_silent_and_the_span_is_told():
    bench = Bench().run(5, READ)
    last_read = bench.now
    bench.run(30).run(1, READ)
    assert "silent" in [o.state for o in bench.of(DeviceHealth)]
    span = bench.of(Blind)[-1]
    assert (span.since, span.at, span.reason, span.zones) == (
        last_read,
        bench.now,
        "device_silent",
        ("shelf-a",),
    )


def test_a_lost_line_is_offline_with_the_reason():
    bench = Bench().run(5, READ).run(1, CLOSED)
    assert bench.of(DeviceHealth)[-1].state == "offline"
    assert bench.of(DeviceHealth)[-1].detail == "unplugged"
    bench.run(20).run(1, OPEN, READ)
    assert bench.of(Blind)[-1].reason == "device_offline"


def test_time_the_agent_was_down_is_blind_for_every_device():
    bench = Bench().run(5, READ)
    down_at = bench.now
    _, news = restart_health(bench.state, down_at + 60_000, place=PLACE)
    assert [(o.since, o.at, o.reason) for o in news] == [(down_at, down_at + 60_000, "agent_down")]


def test_every_reject_is_counted_by_device_and_reason():
    rejects = [
        RejectRead(device="r1", at=START, reason=r, raw=b"\x01\x02")
        for r in ["noise"] * 700 + ["checksum"] * 300
    ]
    _, news = sense_health(HealthState(), rejects, START, place=PLACE)
    counted = {o.reason: (o.count, o.sample) for o in news if isinstance(o, Rejected)}
    assert counted == {"noise": (700, "0102"), "checksum": (300, "0102")}


def test_a_reader_that_answers_but_does_not_transmit_is_silent_and_says_why():
    bench = Bench().run(5, READ).run(20, StatusRead(device="r1", at=0, what="no_region"))
    assert bench.of(DeviceHealth)[-1].state == "silent"
    assert "no_region" in bench.of(DeviceHealth)[-1].detail


def test_a_fault_that_comes_and_goes_is_told_every_few_seconds_not_at_each_report():
    bench = Bench().run(1, OPEN).run(5, READ)
    fault = StatusRead(device="r1", at=0, what="error", detail="overload")
    before = len(bench.of(DeviceHealth))
    for _ in range(25):
        bench.run(1, fault).run(1, READ)
    told = bench.of(DeviceHealth)[before:]
    assert 2 <= len(told) <= 11
    assert "error: overload" in {report.detail for report in told}
    bench.run(10, READ)
    assert bench.of(DeviceHealth)[-1].detail == ""


def test_a_photo_eye_does_not_make_a_reader_see_that_may_not_transmit():
    no_region = StatusRead(device="r1", at=0, what="no_region", detail="no region is configured")
    bench = Bench().run(1, OPEN).run(60, InputRead(device="r1", at=0, port=1, high=True), no_region)
    assert "ok" not in {o.state for o in bench.of(DeviceHealth)}
    assert bench.of(DeviceHealth)[-1].detail == "no_region: no region is configured"
