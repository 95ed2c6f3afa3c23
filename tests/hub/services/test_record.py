"""What becomes of an envelope: new, repeat, gap, clone, lost, unreadable. On both databases."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.messages import (
    DeviceHealth,
    Hello,
    RowDigest,
    decode_receipt,
    digest_line,
    encode,
    encode_envelope,
    encode_lost,
    encode_observation,
)
from hub.app import LocalHub
from hub.ledger import reads
from hub.model import Product, Sale

T0 = 1_790_000_000_000


def dead_letters(hub):
    return hub.reader.read(lambda c: reads.rows_of(c, "dead_letters", None, order=("id",)))


def stream(hub):
    return hub.reader.read(lambda c: reads.rows_of(c, "streams", "popup-1", order=("id",)))[0]


def units(hub):
    return sum(line.total for line in hub.stock("popup-1").lines)


def test_new_lines_are_counted_and_answered(hub, edge, arrived):
    receipt = edge.send(arrived(1), arrived(2))
    assert receipt.seq == 2
    assert receipt.digest == digest_line(encode_observation(arrived(2)))
    assert units(hub) == 2


def test_a_repeat_has_no_effect_and_the_same_receipt(hub, edge, arrived):
    first = edge.send(arrived(1), arrived(2))
    assert edge.send(arrived(1), arrived(2), first=1) == first
    assert stream(hub)["repeats"] == 2
    assert units(hub) == 2


def test_an_overlap_stores_only_what_is_new(hub, edge, arrived):
    edge.send(arrived(1), arrived(2))
    assert edge.send(arrived(2), arrived(3), first=2).seq == 3
    assert units(hub) == 3


def test_a_gap_is_refused_whole(hub, edge, arrived):
    edge.send(arrived(1))
    assert edge.send(arrived(3), first=3).seq == 1
    assert stream(hub)["refused"] == 1
    assert units(hub) == 1


def test_other_content_under_a_used_number_is_a_conflict_and_nothing_is_stored(hub, edge, arrived):
    edge.send(arrived(1), arrived(2))
    receipt = edge.send(arrived(1), arrived(9), arrived(10), first=1)
    assert (receipt.seq, receipt.conflict_seq) == (2, 2)
    assert units(hub) == 2
    (alert,) = hub.reader.read(lambda c: reads.rows_of(c, "alerts", "popup-1", order=("seq",)))
    assert (alert["code"], alert["seq"]) == ("stream_conflict", 2)


def test_a_conflict_within_one_batch_is_noticed_too(hub, edge, arrived):
    topic = f"{edge.topic}/observations"
    first, other = (encode_envelope(1, [encode_observation(arrived(n))], sent_at=T0) for n in (1, 2))
    ((_, answer),) = hub.deliver_batch([(topic, first), (topic, other)])
    assert decode_receipt(answer).conflict_seq == 1


def test_an_unreadable_line_is_parked_and_its_neighbours_stand(hub, edge, arrived):
    bad = b'{"kind":"tag_arrived","device":"r-7","at":1}'
    receipt = edge.send(arrived(1), bad, arrived(2), bad)
    assert (receipt.seq, receipt.digest) == (4, digest_line(bad))
    letters = dead_letters(hub)
    assert [(one["seq"], one["device"], one["reason"], one["payload"]) for one in letters] == [
        (2, "r-7", "bad_observation", bad),
        (4, "r-7", "bad_observation", bad),
    ]
    assert units(hub) == 2
    assert edge.send(bad, first=4).seq == 4
    assert len(dead_letters(hub)) == 2


def test_nul_in_a_text_is_parked_because_no_database_stores_it(hub, edge):
    receipt = edge.send(b'{"kind":"alert","at":1,"device":"a","code":"x\\u0000y"}')
    assert receipt.seq == 1
    assert dead_letters(hub)[0]["reason"] == "bad_observation"


def test_lost_numbers_advance_the_receipt_without_digest(hub, edge, arrived):
    edge.send(arrived(1))
    receipt = edge.raw(encode_lost(2, 5, "outbox_full", sent_at=T0))
    assert (receipt.seq, receipt.digest) == (5, None)
    assert stream(hub)["lost"] == 4
    assert edge.raw(encode_lost(2, 5, "outbox_full", sent_at=T0)).seq == 5
    assert edge.raw(encode_lost(4, 7, "outbox_full", sent_at=T0)).seq == 7
    assert stream(hub)["lost"] == 6
    assert edge.send(arrived(2), first=8).seq == 8


def test_a_wrong_number_of_lines_is_parked_whole_and_counts_as_received(hub, edge, arrived):
    payload = encode_envelope(1, [encode_observation(arrived(1))], sent_at=T0) + b"\n{}"
    assert edge.raw(payload).seq == 1
    assert dead_letters(hub)[0]["reason"] == "bad_range"
    assert hub.stock("popup-1").lines == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\n",
        b"{}",
        b"\xff\xfe",
        b'{"first_seq":2,"last_seq":1,"sent_at":1}',
        b"[" * 100_000,
        b"x" * 600_000,
    ],
)
def test_an_unreadable_envelope_is_parked_without_number(hub, edge, payload):
    assert hub.deliver(f"{edge.topic}/observations", payload) == []
    (letter,) = dead_letters(hub)
    assert letter["seq"] is None
    assert letter["payload"] == payload[:4096]


@pytest.mark.parametrize(
    "topic",
    ["", "a/b", "shelfwise/v1/S/a/x/observations", "shelfwise/v1/s/a/x/other", "shelfwise/v1/s/\0/x/hello"],
)
def test_a_topic_nobody_reads_is_parked(hub, topic):
    assert hub.deliver(topic, b"{}") == []
    assert len(dead_letters(hub)) == 1


def test_a_hello_is_answered_from_what_is_committed(hub, edge, arrived):
    lines = [encode_observation(arrived(n)) for n in (1, 2, 3)]
    edge.send(*lines)
    rows = tuple(RowDigest(seq, digest_line(line)) for seq, line in enumerate(lines, 1))
    answer = edge.raw(encode(Hello(nonce="n-1", next_seq=4, rows=rows)), "hello")
    assert (answer.seq, answer.answers, answer.same_until) == (3, "n-1", 3)
    other = (*rows[:2], RowDigest(3, 0))
    assert edge.raw(encode(Hello(nonce="n-2", next_seq=4, rows=other)), "hello").same_until == 2
    strange = (RowDigest(2, 0),)
    assert edge.raw(encode(Hello(nonce="n-3", next_seq=4, rows=strange)), "hello").same_until == 1
    assert edge.raw(encode(Hello(nonce="n-4", next_seq=4)), "hello").same_until is None


def test_dead_letters_are_bounded_and_counted_in_total(sqlite_hub, edge_of, monkeypatch):
    monkeypatch.setattr("hub.services.record.MAX_DEAD_LETTERS", 5)
    edge = edge_of(sqlite_hub)
    for _ in range(4):
        edge.send(*[b"?"] * 3)
    letters = dead_letters(sqlite_hub)
    assert [letter["seq"] for letter in letters] == [8, 9, 10, 11, 12]
    assert sqlite_hub.reader.read(reads.dead_letter_total) == 12


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.builds(
                lambda n, b: b'{"first_seq":%d,"last_seq":%d,"sent_at":1}\n' % (n, n) + b,
                st.integers(1, 3),
                st.binary(max_size=60),
            ),
        ),
        max_size=6,
    )
)
def test_nothing_a_payload_contains_raises(sqlite_hub, payloads):
    for payload in payloads:
        for leaf in ("observations", "hello"):
            sqlite_hub.deliver(f"shelfwise/v1/popup-1/pi-1/fuzz/{leaf}", payload)
        sqlite_hub.deliver("shelfwise/v1/popup-1/pi-1/result", payload)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.binary(max_size=300),
    topic=st.sampled_from(["pi-1/fuzz/observations", "pi-1/fuzz/hello", "pi-1/result", "pi-1/other"]),
)
def test_bytes_that_are_no_message_are_parked(sqlite_hub, payload, topic):
    before = sqlite_hub.reader.read(reads.dead_letter_total)
    assert sqlite_hub.deliver(f"shelfwise/v1/popup-1/{topic}", payload) == []
    assert sqlite_hub.reader.read(reads.dead_letter_total) == before + 1
    assert dead_letters(sqlite_hub)[-1]["payload"] == payload


def test_replanning_uses_the_configured_stale_limit(tmp_path, arrived, edge_of):
    now = [T0]
    hub = LocalHub(tmp_path / "hub.db", lambda: now[0], stale_after_ms=1_000)
    try:
        hub.writer.run(
            lambda tx: tx.put_catalogue([], [Product(sku="ring", name="Ring")], {arrived(1).epc: "ring"})
        )
        ok = DeviceHealth(at=T0, device="r-1", state="ok", zones=("shelf-a",))
        edge_of(hub).send(ok, arrived(1))
        hub.sell("popup-1", [Sale(at=T0, sale_id="s", line=1, code="ring", quantity=9)])
        now[0] += 2_000
        assert hub.stock("popup-1").zone_states == {"shelf-a": "stale"}
        planned = hub.replan("popup-1")
        assert (planned.decided, planned.ordered, planned.outdated) == (1, 0, 0)
    finally:
        hub.close()
