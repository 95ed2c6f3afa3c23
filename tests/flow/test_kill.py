"""Pulled plugs: SIGKILL of hub, edge agent and broker while events flow; nothing is lost, nothing doubled."""

import json
import time

import pytest

from cli.pictures import api_picture
from cli.truth import compare, truth_picture

KILLS = 5


def restart(child, pause_s=0.3):
    child.kill()
    time.sleep(pause_s)
    child.start()


@pytest.mark.flow
@pytest.mark.timeout(280)
def test_hub_edge_and_broker_killed_five_times_each(open_store, until, ledger, outbox):
    store = open_store("busy")
    store.start(noise=False, seed=5, quiet_after_s=60)
    until(lambda: ledger(store, "SELECT count(*) FROM events WHERE kind = 'tag_arrived'")[0][0] > 30)
    children = store.family.children
    for turn in range(KILLS):
        for name in ("hub", "edge", "broker"):
            restart(children[name], pause_s=0.2 + 0.3 * (turn % 3))
            time.sleep(2.5)
    until(lambda: all(child.alive for child in children.values()))
    until(store.client.is_ready, 30)
    until(lambda: json.loads(store.truth_file.read_text())["occupancy"] == 0, 120)

    def drained():
        meta = dict(outbox(store, "SELECT key, value FROM meta"))
        return int(meta["receipt_seq"]) >= int(meta["next_seq"]) - 1 and meta

    time.sleep(20)
    meta = until(drained, 60)
    (stream,) = ledger(store, "SELECT id, receipt_seq FROM streams WHERE stream = ?", meta["stream"])
    numbers = [
        seq for (seq,) in ledger(store, "SELECT seq FROM events WHERE stream_id = ? ORDER BY seq", stream[0])
    ]
    assert numbers == list(range(1, int(meta["next_seq"])))
    assert ledger(store, "SELECT count(*) FROM lost_ranges") == [(0,)]
    assert ledger(store, "SELECT count(*) FROM alerts") == [(0,)]

    arrivals = ledger(
        store,
        "SELECT json_extract(body, '$.epc'), count(*) FROM events WHERE kind = 'tag_arrived' GROUP BY 1",
    )
    assert [row for row in arrivals if row[1] > 1] == []
    blind = ledger(
        store,
        "SELECT count(*) FROM events WHERE kind = 'blind' AND json_extract(body, '$.reason') = 'agent_down'",
    )
    assert blind[0][0] >= KILLS
    sales = ledger(store, "SELECT count(*) FROM events WHERE kind = 'sale'")[0][0]
    truth = truth_picture(json.loads(store.truth_file.read_text()))
    assert sales == sum(truth.sold.values())
    differing = [row for row in compare(api_picture(store.client, store.store), truth) if not row.equal]
    assert differing == []
