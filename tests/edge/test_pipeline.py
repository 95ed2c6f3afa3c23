"""The pipeline: bytes of all devices become stored observations; a restart repeats nothing and tells what was not seen."""

import msgspec
import pytest

from contract.messages import (
    AnchorTags,
    AnyObservation,
    Blind,
    DeviceHealth,
    Disagreement,
    GateBatch,
    PeopleCounted,
    Rejected,
    SetOutput,
    SetRegion,
    TagArrived,
    TagPickedUp,
    TagPutBack,
    TryOnEnded,
    TryOnStarted,
    WeightChanged,
    decode_observation,
)
from edge.config import load_edge
from edge.model import InputRead, TagRead
from edge.outbox import Outbox
from edge.pipeline import Pipeline, SensingState
from edge.sensing.arrays import unpack_array
from edge.sensing.presence_state import (
    told_zone,
)

START = 1_800_000_000_000
TAG = bytes.fromhex("BB02220011C9340030751FEB705C5904E3D50D703A76EF7E")
NO_TAG = bytes.fromhex("BB01FF000115167E")
R700 = b'{"timestamp":"2026-11-22T08:00:00Z","eventType":"tagInventory","tagInventoryEvent":{"epcHex":"E28011606000020400000001","antennaPort":2,"peakRssiCdbm":-5000}}'

CONFIG = """
[agent]
id = "pi-1"
store = "popup-1"
[[devices]]
id = "reader-1"
driver = "m100"
transport = "serial"
port = "/dev/null"
settings = { region = "cn900" }
antennas = { 1 = "window" }
[[devices]]
id = "r700"
driver = "impinj_r700"
transport = "mqtt"
topic = "r"
antennas = { 2 = "shelf-b" }
[[devices]]
id = "scale-1"
driver = "mt_sics"
transport = "serial"
port = "/dev/null"
tray = { zone = "tray-1", sku = "beads", unit_weight_g = 8.4 }
[[devices]]
id = "door"
driver = "terabee"
transport = "serial"
port = "/dev/null"
"""

STAFF = "30751FEB705C5904E3D50D70"
"""The EPC of TAG."""

DOORWAY = """
[[doorways]]
line = "beams"
device = "reader-1"
outer = 1
inner = 2
"""


class Shop:
    config = CONFIG

    def __init__(self, folder, more=""):
        (folder / "edge.toml").write_text(self.config + more, encoding="utf-8")
        self.folder, self.now = folder, START
        self.start()

    def start(self):
        edge = load_edge(self.folder / "edge.toml", {})
        self.outbox = Outbox(edge.outbox_path, agent="pi-1")
        self.pipeline = Pipeline(edge, self.outbox)
        self.pipeline.start(self.now)
        for device in ("reader-1", "r700", "scale-1", "door"):
            self.pipeline.line_opened(device, self.now)

    def run(self, seconds, *, tag=True, units=40):
        for _ in range(seconds * 4):
            self.now += 250
            self.pipeline.receive("reader-1", TAG if tag else NO_TAG, self.now)
            self.pipeline.receive("r700", R700, self.now)
            self.pipeline.receive("scale-1", f"S S {units * 8.4:10.2f} g\r\n".encode(), self.now)
            self.pipeline.tick(self.now)
        return self

    def crash_and_start(self, after_s):
        self.outbox.close()
        self.now += after_s * 1000
        self.start()

    def of(self, kind):
        lines = [line for parcel in self.outbox.parcels(0, 10_000) for line in parcel.lines]
        return [o for line in lines if isinstance(o := decode_observation(line), kind)]


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path)
    yield shop
    shop.outbox.close()


def test_every_device_leads_to_observations(shop):
    shop.run(10).run(15, tag=False, units=39)
    assert {o.epc: o.zone for o in shop.of(TagArrived)} == {
        "30751FEB705C5904E3D50D70": "window",
        "E28011606000020400000001": "shelf-b",
    }
    assert [o.zone for o in shop.of(TagPickedUp)] == ["window"]
    assert [(o.units, o.delta_units) for o in shop.of(WeightChanged)] == [(40, 0), (39, -1)]


def test_after_a_crash_no_tag_arrives_twice_and_the_time_between_was_blind(shop):
    shop.run(20)
    down_at = shop.now
    shop.crash_and_start(after_s=120)
    shop.run(20)
    assert len(shop.of(TagArrived)) == 2
    assert len(shop.of(WeightChanged)) == 1
    blind = [o for o in shop.of(Blind) if o.reason == "agent_down"]
    assert {o.device for o in blind} == {"reader-1", "r700", "scale-1", "door"}
    for span in blind:
        assert span.at == down_at + 120_000
    assert max(o.since for o in blind) >= down_at - 5_250


def test_people_who_came_while_the_agent_was_down_are_counted(shop):
    from contract.wire.terabee import Count, encode

    def count(entered, left):
        return encode(Count(entered=entered, left=left, balance=entered - left))

    shop.pipeline.receive("door", count(10, 8), shop.now)
    shop.run(2)
    shop.crash_and_start(after_s=60)
    shop.pipeline.receive("door", count(13, 9), shop.now)
    shop.run(2)
    assert [(o.entered, o.left) for o in shop.of(PeopleCounted)] == [(3, 1)]


def test_a_command_reaches_its_device_and_an_unknown_device_is_told(shop):
    assert shop.pipeline.act("reader-1", SetRegion(region="eu"), shop.now) == ""
    assert "does not know" in shop.pipeline.act("door", SetRegion(region="eu"), shop.now)
    assert shop.pipeline.act("nobody", SetRegion(region="eu"), shop.now) is None


def test_a_suspect_clock_marks_what_it_dated(shop):
    for _ in range(20):
        shop.now += 250
        shop.pipeline.receive("reader-1", TAG, shop.now)
        shop.pipeline.tick(shop.now, suspect=True)
    assert shop.of(TagArrived)[0].suspect


def test_while_the_disk_is_full_observations_wait_and_are_stored_later(shop):
    shop.run(2)
    pages = shop.outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    shop.outbox._connection.execute(f"PRAGMA max_page_count = {pages}")
    before = len(shop.of(TagArrived))
    for _ in range(60):
        shop.now += 60_000
        shop.pipeline.tick(shop.now)
    shop.outbox._connection.execute("PRAGMA max_page_count = 1000000")
    shop.run(5)
    assert len(shop.of(TagArrived)) >= max(before, 2)
    numbers = [seq for p in shop.outbox.parcels(0, 100_000) for seq in range(p.first_seq, p.last_seq + 1)]
    assert numbers == list(range(1, shop.outbox.next_seq))


def test_the_last_pass_stores_the_state_even_when_nothing_happened(shop):
    shop.run(10)
    shop.now += 100
    assert shop.pipeline.sense(shop.now) is None
    batch = shop.pipeline.sense(shop.now, last=True)
    assert batch is not None
    shop.pipeline.save(batch, shop.now)
    state = msgspec.msgpack.decode(
        shop.outbox.checkpoint("sensing"), type=SensingState, dec_hook=unpack_array
    )
    assert state.health.now == shop.now


def test_a_clock_that_is_set_back_begins_every_span_anew(shop):
    shop.run(20)
    shop.pipeline.receive("reader-1", TAG, shop.now)  # still dated by the old clock
    shop.now -= 3_600_000
    seen = len(shop.of(DeviceHealth))
    shop.pipeline.tick(shop.now, suspect=True)
    for _ in range(40):
        shop.now += 500
        shop.pipeline.tick(shop.now, suspect=True)
    after = [o for o in shop.of(DeviceHealth)[seen:] if o.device == "reader-1"]
    assert after[-1].state == "silent"
    assert all(o.at <= shop.now for o in after)
    assert not any(o.suspect for o in shop.of(TagPickedUp))
    shop.run(20)
    assert [o for o in shop.of(DeviceHealth) if o.device == "reader-1"][-1].state == "ok"


def test_a_driver_that_raises_stops_no_other_device_and_its_input_is_kept(shop, monkeypatch, caplog):
    def broken(data, now):
        raise ZeroDivisionError("a driver of somebody else")

    monkeypatch.setattr(shop.pipeline._drivers["door"], "receive", broken)
    shop.pipeline.receive("door", b"boom", shop.now)
    shop.pipeline.receive("door", b"boom", shop.now)
    shop.run(10)
    assert len(shop.of(TagArrived)) == 2
    rejected = [o for o in shop.of(Rejected) if o.device == "door"]
    assert {(o.reason, o.sample) for o in rejected} == {("driver_error", b"boom".hex().upper())}
    assert ("door", "driver_error", b"boom") in [row[1:] for row in shop.outbox.dead_letters()]
    assert caplog.text.count("event=driver_failed") == 1


@pytest.mark.parametrize(
    ("section", "arrived"),
    [
        ('company_prefixes = ["4717276"]', {"window", "shelf-b"}),
        ('company_prefixes = ["4717276"]\nkeep_undecodable = false', {"window"}),
        ('company_prefixes = ["0614141"]', {"shelf-b"}),
        ('company_prefixes = ["0614141"]\nkeep_undecodable = false', set()),
    ],
)
def test_tags_of_other_companies_are_counted_and_nothing_else(tmp_path, section, arrived):
    shop = Shop(tmp_path, f"[epc]\n{section}\n").run(20)
    assert {o.zone for o in shop.of(TagArrived)} == arrived
    dropped = {zone for zone, device in (("window", "reader-1"), ("shelf-b", "r700")) if zone not in arrived}
    assert {device for device, count in shop.pipeline.filtered.items() if count == 80} == {
        {"window": "reader-1", "shelf-b": "r700"}[zone] for zone in dropped
    }
    assert {o.device: o.state for o in shop.of(DeviceHealth)}["reader-1"] == "ok", "its reader is not silent"
    assert shop.of(Rejected) == []
    assert shop.outbox.dead_letters() == []
    shop.outbox.close()


def test_a_stock_take_anchors_tags_of_the_agents_own_zones_and_survives_a_restart(tmp_path):
    shop = Shop(tmp_path)
    ours, foreign = "E28011606000020400000001", "E28011606000020400000002"
    action = AnchorTags(zones={ours: "shelf-b", foreign: "shelf-z"}, taken_at=START)
    shop.pipeline.tick(shop.now)
    assert shop.pipeline.act("nobody", action, shop.now) is None
    assert shop.pipeline.act("scale-1", action, shop.now) == "", (
        "it is for the agent, whichever device it names"
    )
    shop.pipeline.tick(shop.now)
    assert told_zone(shop.pipeline.state.presence, ours) == "shelf-b"
    assert foreign not in shop.pipeline.state.presence.rows
    shop.outbox.close()
    shop.start()
    assert told_zone(shop.pipeline.state.presence, ours) == "shelf-b"
    shop.outbox.close()


def test_staff_tags_are_in_no_zone_and_never_leave_the_edge(tmp_path):
    shop = Shop(tmp_path, f'[footfall]\nstaff_epcs = ["{STAFF}"]\n{DOORWAY}').run(20)
    assert {o.zone for o in shop.of(TagArrived)} == {"shelf-b"}
    assert {o.device: o.state for o in shop.of(DeviceHealth)}["reader-1"] == "ok", "its reader is not silent"
    assert all(
        STAFF.encode() not in line for parcel in shop.outbox.parcels(0, 10_000) for line in parcel.lines
    )
    shop.outbox.close()


@pytest.mark.parametrize("section", ["", '[epc]\ncompany_prefixes = ["0614141"]\n'])
def test_a_crossing_waits_over_a_restart_for_the_staff_tag_that_marks_it(tmp_path, section):
    shop = Shop(tmp_path, f'{section}[footfall]\nstaff_epcs = ["{STAFF}"]\n{DOORWAY}')
    for after, port, high in ((0, 1, True), (180, 2, True), (320, 1, False), (500, 2, False)):
        shop.pipeline._reads.append(InputRead(device="reader-1", at=START + after, port=port, high=high))
    shop.now += 600
    shop.pipeline.sense(shop.now)
    shop.pipeline.save(shop.pipeline.sense(shop.now, last=True), shop.now)
    assert shop.of(PeopleCounted) == []
    shop.crash_and_start(1)
    shop.run(5)
    [told] = shop.of(PeopleCounted)
    assert (told.line, told.at, told.entered, told.staff) == ("beams", START + 500, 1, 1)
    shop.outbox.close()


DRESS = "E28011606000020400000001"
FITTING = '[try_on]\nrooms = ["cabin"]\n'


class FittingShop(Shop):
    """Reader r700 hears a rail at port 2 and a cabin at port 3."""

    config = CONFIG.replace('{ 2 = "shelf-b" }', '{ 2 = "shelf-b", 3 = "cabin" }')

    def wear(self, seconds, heard, *, restart_every=0):
        """Let the dress be heard: port → cdBm."""
        for second in range(seconds):
            if restart_every and second % restart_every == restart_every - 1:
                self.outbox.close()
                self.start()
            for _ in range(4):
                self.now += 250
                for port, level in heard.items():
                    read = R700.replace(b'"antennaPort":2', f'"antennaPort":{port}'.encode())
                    self.pipeline.receive("r700", read.replace(b"-5000", str(level).encode()), self.now)
                self.pipeline.receive("r700", R700.replace(b"0001", b"0002"), self.now)
                self.pipeline.tick(self.now)
        return self

    def told(self, *kinds):
        return [o for o in self.of(kinds) if getattr(o, "epc", "") == DRESS]


ON_RAIL, IN_CABIN = {2: -5000, 3: -7000}, {2: -6400, 3: -5100}


@pytest.mark.parametrize("restart_every", [0, 25])
def test_a_try_on_is_told_once_and_its_tag_is_on_no_shelf_meanwhile(tmp_path, restart_every):
    shop = FittingShop(tmp_path, FITTING)
    shop.wear(90, ON_RAIL).wear(120, IN_CABIN, restart_every=restart_every)
    shop.wear(60, ON_RAIL, restart_every=restart_every)
    started, ended = shop.told(TryOnStarted, TryOnEnded)
    assert (started.room, started.device, ended.session) == ("cabin", "r700", started.session)
    assert ended.started_at == started.at
    assert [(type(o), o.zone) for o in shop.told(TagArrived, TagPickedUp, TagPutBack)] == [
        (TagArrived, "shelf-b"),
        (TagPickedUp, "shelf-b"),
        (TagPutBack, "shelf-b"),
    ]
    shop.outbox.close()


def test_a_crash_in_the_middle_of_a_try_on_neither_ends_nor_repeats_it(tmp_path):
    shop = FittingShop(tmp_path, FITTING)
    shop.wear(90, ON_RAIL).wear(60, IN_CABIN)
    shop.crash_and_start(after_s=600)
    shop.wear(60, IN_CABIN)
    assert len(shop.told(TryOnStarted, TryOnEnded)) == 1
    shop.wear(60, ON_RAIL)
    assert [type(o) for o in shop.told(TryOnStarted, TryOnEnded)] == [TryOnStarted, TryOnEnded]
    shop.outbox.close()


def test_a_fitting_room_is_no_shelf(tmp_path):
    """Without the section the same reads are a tag that moved to a zone named cabin."""
    for more, zones in ((FITTING, {"shelf-b"}), ("", {"shelf-b", "cabin"})):
        folder = tmp_path / str(len(more))
        folder.mkdir()
        shop = FittingShop(folder, more).wear(70, ON_RAIL).wear(60, {3: -5100})
        seen = {o.zone for o in shop.told(*AnyObservation.__args__) if hasattr(o, "zone")}
        assert seen == zones
        shop.outbox.close()


FUSED = """
[[devices]]
id = "plate"
driver = "mt_sics"
transport = "serial"
port = "/dev/null"
tray = { zone = "window", sku = "ring", unit_weight_g = 20.0, tagged = true, gtin = "7312345678903" }
"""


class WeighedShop(Shop):
    """The plate lies under the zone of reader-1 and loses a unit after 90 s; its tag stays where it was."""

    def __init__(self, folder):
        super().__init__(folder, FUSED)
        self.pipeline.line_opened("plate", self.now)

    def weigh(self, seconds, units):
        for _ in range(seconds * 4):
            self.pipeline.receive("plate", f"S S {units * 20.0:10.2f} g\r\n".encode(), self.now + 250)
            self.run_quarter()
        return self

    def run_quarter(self):
        self.now += 250
        self.pipeline.receive("reader-1", TAG, self.now)
        self.pipeline.tick(self.now)


def test_a_plate_that_lost_what_the_reader_still_hears_is_a_disagreement_and_no_pick(tmp_path):
    shop = WeighedShop(tmp_path)
    shop.weigh(90, 3).weigh(90, 2)
    (doubt,) = shop.of(Disagreement)
    assert (doubt.zone, doubt.device, doubt.why) == ("window", "plate", "weight_only")
    assert (doubt.rfid_units, doubt.weight_units, doubt.skus) == (0, -1, ("ring",))
    assert shop.of(TagPickedUp) == []
    shop.weigh(90, 2)
    assert len(shop.of(Disagreement)) == 1
    shop.outbox.close()


def test_what_lies_across_a_restart_is_not_compared(tmp_path):
    shop = WeighedShop(tmp_path)
    shop.weigh(90, 3).weigh(10, 2)
    shop.crash_and_start(after_s=5)
    shop.pipeline.line_opened("plate", shop.now)
    shop.weigh(200, 2)
    assert shop.of(Disagreement) == []
    shop.outbox.close()


GATE = """
[[gates]]
id = "exit"
device = "reader-1"
outside = [2]
inside = [3]
carries = "items"
moved_prior = 0.3
ok_output = 4
doubt_output = 5
"""


def carried(crossed):
    """Reads of a tag that is carried in: loud at antenna 2, then at antenna 3."""
    return [
        TagRead(
            device="reader-1",
            at=crossed + at,
            epc="30751FEB705C5904E3D50D99",
            antenna=2 + (at // 200) % 2,
            rssi_dbm=-52.0 - 12.0 * abs(at / 1000 - (-0.4, 0.4)[(at // 200) % 2]),
        )
        for at in range(-1_400, 1_401, 40)
    ]


def test_a_gate_tells_a_batch_over_a_restart_and_lights_its_answer(tmp_path, monkeypatch):
    shop = Shop(tmp_path, GATE)
    switched = []

    def watch():
        monkeypatch.setattr(
            shop.pipeline._drivers["reader-1"], "act", lambda action, now: switched.append(action) or ""
        )

    watch()
    waiting = carried(START + 3_000)
    for step in range(120):
        shop.now += 100
        if step == 25:
            shop.pipeline.save(shop.pipeline.sense(shop.now, last=True), shop.now)
            shop.crash_and_start(0)
            watch()
        shop.pipeline._reads += [read for read in waiting if read.at <= shop.now]
        waiting = [read for read in waiting if read.at > shop.now]
        shop.pipeline.tick(shop.now)
    [batch] = shop.of(GateBatch)
    assert [(one.epc, one.direction) for one in batch.passages] == [("30751FEB705C5904E3D50D99", "in")]
    assert (batch.gate, batch.started_at < START + 2_500) == ("exit", True), "it began before the restart"
    assert [(wish.port, wish.on) for wish in switched] == [(4, True), (5, False), (4, False), (5, False)]
    shop.outbox.close()


def test_a_reader_without_outputs_is_told_of_once_and_the_batch_stands(tmp_path, caplog):
    shop = Shop(tmp_path, GATE)
    for start in (3_000, 14_000):
        waiting = carried(START + start)
        while shop.now < START + start + 10_000:
            shop.now += 100
            shop.pipeline._reads += [read for read in waiting if read.at <= shop.now]
            waiting = [read for read in waiting if read.at > shop.now]
            shop.pipeline.tick(shop.now)
    assert len(shop.of(GateBatch)) == 2
    assert caplog.text.count("gate_light_refused device=reader-1 port=4") == 1
    shop.outbox.close()


def test_a_command_takes_the_lights_from_the_gate(tmp_path):
    shop = Shop(tmp_path, GATE)
    shop.pipeline.tick(shop.now + 100)
    lit = msgspec.structs.replace(shop.pipeline.state.gate.gates["exit"], lights_off_at=shop.now + 5_000)
    gates = type(shop.pipeline.state.gate)({"exit": lit})
    shop.pipeline._state = msgspec.structs.replace(shop.pipeline.state, gate=gates)
    shop.pipeline.act("reader-1", SetOutput(port=4, on=True), shop.now)
    assert shop.pipeline.state.gate.gates["exit"].lights_off_at == 0
    shop.outbox.close()
