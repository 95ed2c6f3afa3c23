"""Cloned cards and restored files, with a real broker, a real hub and real agents: every fact counts once.

Facts are put into outbox files while their agents do not run, each with an EPC of its own, so that the
ledger can be asked for every single one of them.
"""

import shutil
import time

import pytest

from cli.children import Child, shelfwise
from contract.messages import TagArrived
from edge.outbox import Outbox

AGENT = "pi-1"
COUNTED = """
SELECT json_extract(body, '$.epc'), count(*) FROM events WHERE kind = 'tag_arrived' GROUP BY 1 ORDER BY 1
"""


def epcs(first, count):
    return [f"E2801160600002{number:010X}" for number in range(first, first + count)]


def put(path, names):
    """Store one arrival per EPC, as an agent would; returns its stream and the last number."""
    outbox = Outbox(path, agent=AGENT)
    at = time.time_ns() // 1_000_000
    outbox.commit([TagArrived(at=at, device="reader", epc=epc, zone="window") for epc in names])
    found = outbox.stream, outbox.next_seq - 1
    outbox.close()
    return found


@pytest.fixture
def shop(open_store):
    """Broker and hub of a store, and a function that starts an agent on an outbox file of its own."""
    store = open_store("default")
    store.start_broker()
    store.start_hub()
    store.family.wait_for("the hub", store.client.is_ready, 30)

    def start_agent(name):
        folder = store.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "edge.toml").write_text(
            f'[agent]\nid = "{AGENT}"\nstore = "{store.store}"\n[broker]\nport = {store.mqtt_port}\n'
            '[[devices]]\nid = "reader"\ndriver = "m100"\ntransport = "serial"\nport = "no-such-port"\n'
            'antennas = { 1 = "window" }\n'
        )
        command = shelfwise("edge", "run", "--config", str(folder / "edge.toml"))
        return store.family.start(Child(name, command, store.folder / f"{name}.log"))

    return store, start_agent


def outbox_of(store, name):
    folder = store.folder / name
    folder.mkdir(exist_ok=True)
    return folder / "outbox.db"


def drained(path):
    """Return the outbox's stream when the hub has everything of it, else None."""
    outbox = Outbox(path, agent=AGENT)
    waiting, stream = outbox.waiting, outbox.stream
    outbox.close()
    return None if waiting else stream


def alert_codes(store):
    return [alert["code"] for alert in store.client.get(f"/v1/stores/{store.store}/alerts")]


@pytest.mark.flow
def test_a_cloned_card_opens_a_new_stream_and_no_fact_of_either_is_lost_or_doubled(shop, until, ledger):
    store, start_agent = shop
    original, clone = outbox_of(store, "original"), outbox_of(store, "clone")
    put(original, epcs(0, 20))
    agent = start_agent("original")
    until(lambda: drained(original))
    agent.stop()
    put(original, epcs(100, 30))
    shutil.copy(original, clone)
    stream, _ = put(original, epcs(200, 10))
    assert put(clone, epcs(300, 12))[0] == stream
    start_agent("original")
    start_agent("clone")
    wanted = [(epc, 1) for epc in epcs(0, 20) + epcs(100, 30) + epcs(200, 10) + epcs(300, 12)]
    until(lambda: len(ledger(store, COUNTED)) >= len(wanted), 60)
    streams = {until(lambda: drained(original)), until(lambda: drained(clone))}
    assert ledger(store, COUNTED) == wanted
    assert len(streams) == 2
    known = {name for (name,) in ledger(store, "SELECT stream FROM streams")}
    assert streams | {stream} <= known
    assert "stream_replaced" in alert_codes(store)
    assert ledger(store, "SELECT count(*) FROM lost_ranges") == [(0,)]
    # Both go on: what they say of their reader arrives from two streams.
    told = "SELECT count(DISTINCT stream_id) FROM events WHERE kind = 'device_health'"
    assert ledger(store, told)[0][0] >= 2


@pytest.mark.flow
def test_an_older_outbox_that_is_restored_goes_on_in_a_new_stream(shop, until, ledger):
    store, start_agent = shop
    path = outbox_of(store, "agent")
    put(path, epcs(0, 50))
    shutil.copy(path, store.folder / "older.db")
    put(path, epcs(100, 10))
    agent = start_agent("agent")
    old = until(lambda: drained(path))
    agent.stop()
    for tail in ("", "-wal", "-shm"):
        (path.parent / f"outbox.db{tail}").unlink(missing_ok=True)
    shutil.copy(store.folder / "older.db", path)
    assert put(path, epcs(200, 5))[0] == old
    start_agent("agent")
    wanted = [(epc, 1) for epc in epcs(0, 50) + epcs(100, 10) + epcs(200, 5)]
    until(lambda: len(ledger(store, COUNTED)) >= len(wanted), 60)
    assert until(lambda: drained(path)) != old
    assert ledger(store, COUNTED) == wanted
    assert "stream_replaced" in alert_codes(store)


@pytest.mark.flow
def test_an_older_ledger_under_a_running_edge_is_told_what_it_has_lost_and_the_stream_goes_on(
    shop, until, ledger
):
    store, start_agent = shop
    path = outbox_of(store, "agent")
    put(path, epcs(0, 20))
    agent = start_agent("agent")
    until(lambda: drained(path))
    agent.stop()
    hub = store.family.children["hub"]
    hub.stop()
    shutil.copy(store.folder / "hub.db", store.folder / "older.db")
    hub.start()
    put(path, epcs(100, 10))
    start_agent("agent")
    until(lambda: len(ledger(store, COUNTED)) == 30)
    until(lambda: drained(path))
    hub.stop()
    for tail in ("", "-wal", "-shm"):
        (store.folder / f"hub.db{tail}").unlink(missing_ok=True)
    shutil.copy(store.folder / "older.db", store.folder / "hub.db")
    hub.start()
    until(store.client.is_ready, 30)
    # The agent runs all the time; a restart of the broker makes it say hello at once.
    broker = store.family.children["broker"]
    broker.stop()
    broker.start()
    lost = until(lambda: ledger(store, "SELECT first_seq, last_seq, reason FROM lost_ranges"), 60)
    assert lost[0][2] == "hub_restored"
    assert lost[0][1] - lost[0][0] + 1 >= 10
    store.family.children["agent"].stop()
    put(path, epcs(200, 5))
    start_agent("agent")
    until(lambda: len(ledger(store, COUNTED)) == 25, 60)
    assert ledger(store, COUNTED) == [(epc, 1) for epc in epcs(0, 20) + epcs(200, 5)]
    numbers = {
        number
        for (number,) in ledger(
            store,
            "SELECT seq FROM events JOIN streams ON streams.id = stream_id WHERE agent != 'hub'",
        )
    }
    assert numbers
    assert not numbers & set(range(lost[0][0], lost[0][1] + 1))
