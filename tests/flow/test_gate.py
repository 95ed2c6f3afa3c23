"""Goods through a dock: from the reader's reports over the edge's stage to what a person books in the hub."""

import pytest

from contract.messages import GateBatch, encode_envelope, encode_observation
from edge.config import gate_coefficients
from edge.model import TagRead
from edge.sensing.gate import GateSettings, GateState, sense_gates
from firmware_sim.world.portal import INNER, OUTER, START, gate_scene
from firmware_sim.world.portal_radio import gate_reads
from hub.app import LocalHub
from hub.model import Gate, GoodsNoticed, NoticeLine, Product, Store, Zone
from hub.services import gates, notices

STORE = "popup-1"
TICK_MS = 100
QUIET_MS = 20_000
DOCK = GateSettings(id="dock", device="portal", outside=(OUTER,), inside=(INNER,))


def told_by_the_edge(reads):
    """Yield what the stage tells, tick by tick."""
    state, waiting = GateState(), sorted(reads, key=lambda read: read.reported, reverse=True)
    for now in range(START, waiting[0].reported + QUIET_MS, TICK_MS):
        fresh = []
        while waiting and waiting[-1].reported <= now:
            read = waiting.pop()
            fresh.append(
                TagRead(
                    device="portal", at=read.at, epc=read.epc, antenna=read.antenna, rssi_dbm=read.rssi_dbm,
                    phase_deg=read.phase_deg, frequency_khz=read.frequency_khz,
                )
            )  # fmt: skip
        state, told, _ = sense_gates(state, fresh, now, gates=(DOCK,), coefficients=gate_coefficients())
        yield from told


def announced(hub, epcs, direction):
    lines = tuple(NoticeLine(epc=epc) for epc in sorted(epcs))
    notice = GoodsNoticed(
        at=START, notice_id=f"note-{direction}", gate="dock", direction=direction, lines=lines
    )
    hub.writer.run(lambda tx: notices.announce(tx, STORE, [notice], START))


@pytest.mark.flow
def test_announced_goods_that_were_carried_through_a_dock_are_booked_and_what_stands_beside_is_not(tmp_path):
    reads, truth = gate_reads(gate_scene("dock-stray"), 3, 2.0)
    went = {"in": set(), "out": set()}
    for one in truth.through:
        if one.direction != "turned":
            went[one.direction].add(one.epc)
    beside = {one.epc for one in truth.strayed}
    assert (len(went["in"]) > 10, len(went["out"]) > 5, len(beside) > 20) == (True, True, True)

    hub = LocalHub(tmp_path / "hub.db", lambda: START)
    store = Store(store=STORE, zones=(Zone(zone="back"),), gates=(Gate(gate="dock", zone="back"),))
    bindings = dict.fromkeys({one.epc for one in truth.through} | beside, "box")
    hub.writer.run(lambda tx: tx.put_catalogue([store], [Product(sku="box", name="Box")], bindings))
    for direction, epcs in went.items():
        announced(hub, epcs, direction)

    batches = [one for one in told_by_the_edge(reads) if isinstance(one, GateBatch)]
    for seq, batch in enumerate(batches, 1):
        envelope = encode_envelope(seq, [encode_observation(batch)], sent_at=START)
        for _ in range(2):
            hub.deliver(f"shelfwise/v1/{STORE}/pi-1/x1/observations", envelope)
    for batch in batches:
        found = hub.reader.read(lambda c, name=batch.batch_id: gates.one(c, STORE, name))
        doubtful = {tag["epc"] for kind in ("unexpected", "undecided") for tag in found[kind]}
        accept = frozenset(doubtful & went[found["direction"]])
        word = gates.Word(by="li", accept=accept, reject=frozenset(doubtful - accept))
        for repeat in (False, True):
            done = hub.writer.run(
                lambda tx, name=batch.batch_id, word=word: gates.confirm(tx, name, STORE, word, START)
            )
            assert done.repeat == repeat

    status = {item.epc: item.status for item in hub.items(STORE)}
    told = {(one.direction, one.epc) for batch in batches for one in batch.passages}
    right = {way: {epc for epc in epcs if (way, epc) in told} for way, epcs in went.items()}
    assert min(map(len, right.values())) > 5, "how many are told at all is for the scoreboard"
    received, dispatched = right["in"], right["out"]
    assert status == dict.fromkeys(received, "received") | dict.fromkeys(dispatched, "dispatched")
    for way, epcs in went.items():
        notice = hub.reader.read(lambda c, way=way: notices.one(c, STORE, f"note-{way}"))
        assert set(notice["open_epcs"]) == epcs - right[way]
    [line] = [line for line in hub.stock(STORE).lines if line.sku == "box"]
    assert (line.total, line.received, line.dispatched) == (len(received), len(received), len(dispatched))
    assert hub.verify() == []
    hub.close()
