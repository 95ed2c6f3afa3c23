"""Lines the hub cannot read are parked and the stream goes on; and the same edge works with mosquitto."""

import sqlite3
import time

import pytest

from contract.messages import TagArrived, digest_line
from edge.outbox import Outbox

FUTURE = b'{"kind":"shelf_cleaned","at":1795255200000,"device":"broom-1"}'
GARBAGE = bytes(range(0x80, 0xA0))
EPC = "E28011606000020400000001"


def arrival(number):
    at = time.time_ns() // 1_000_000
    return TagArrived(at=at, device="reader-window", epc=f"{EPC[:-4]}{number:04X}", zone="window")


def put(path, before, lines, after):
    """Store arrivals, then lines as they are, then arrivals; returns how many rows there are."""
    outbox = Outbox(path, agent="pi-1")
    outbox.commit(before)
    with sqlite3.connect(path) as connection:
        for seq, line in enumerate(lines, start=outbox.next_seq):
            connection.execute("INSERT INTO rows VALUES (?, ?, ?, 0)", (seq, line, digest_line(line)))
        connection.execute(
            "UPDATE meta SET value = ? WHERE key = 'next_seq'", (outbox.next_seq + len(lines),)
        )
    connection.close()
    outbox.close()
    outbox = Outbox(path, agent="pi-1")
    outbox.commit(after)
    waiting = outbox.waiting
    outbox.close()
    return waiting


def receipted(outbox, store):
    return int(dict(outbox(store, "SELECT key, value FROM meta"))["receipt_seq"])


@pytest.mark.flow
def test_lines_that_the_hub_cannot_read_are_parked_and_what_follows_them_arrives(
    open_store, until, ledger, outbox
):
    store = open_store("default")
    count = put(
        store.folder / "outbox.db", [arrival(1), arrival(2)], [FUTURE, GARBAGE], [arrival(3), arrival(4)]
    )
    assert count == 6
    store.start_broker()
    store.start_hub()
    store.family.wait_for("the hub", store.client.is_ready, 30)
    store.start_edge()
    until(lambda: receipted(outbox, store) >= count)
    assert outbox(store, "SELECT count(*) FROM rows WHERE seq <= 6") == [(0,)]
    found = ledger(store, "SELECT seq FROM events WHERE kind = 'tag_arrived' ORDER BY seq")
    assert found == [(1,), (2,), (5,), (6,)]
    letters = store.client.get("/v1/dead-letters")
    assert letters["total"] == 2
    payloads = {bytes(payload) for (payload,) in ledger(store, "SELECT payload FROM dead_letters")}
    assert payloads == {FUTURE, GARBAGE}
    assert ledger(store, "SELECT count(*) FROM lost_ranges") == [(0,)]


@pytest.mark.flow
def test_the_same_edge_works_with_mosquitto(open_store, mosquitto_broker, until, ledger, outbox):
    store = open_store("default")
    hub, edge = store.folder / "hub.toml", store.folder / "edge.toml"
    hub.write_text(
        hub.read_text().replace(
            f"nats://127.0.0.1:{store.nats_port}", f"mqtt://127.0.0.1:{mosquitto_broker.port}"
        )
    )
    edge.write_text(edge.read_text().replace(f"port = {store.mqtt_port}", f"port = {mosquitto_broker.port}"))
    count = put(store.folder / "outbox.db", [arrival(1)], [FUTURE], [arrival(2)])
    store.start_hub()
    store.family.wait_for("the hub", store.client.is_ready, 30)
    store.start_edge()
    until(lambda: receipted(outbox, store) >= count)
    assert ledger(store, "SELECT count(*) FROM events WHERE kind = 'tag_arrived'") == [(2,)]
    assert ledger(store, "SELECT count(*) FROM dead_letters") == [(1,)]
    mosquitto_broker.kill()
    time.sleep(0.5)
    mosquitto_broker.start()
    before = receipted(outbox, store)
    store.family.children["edge"].stop()
    put(store.folder / "outbox.db", [arrival(3)], [], [])
    store.start_edge()
    until(lambda: receipted(outbox, store) > before)
    until(lambda: ledger(store, "SELECT count(*) FROM events WHERE kind = 'tag_arrived'") == [(3,)])
