"""The conversation with the hub: over any link, however lossy, the hub ends with every row once."""

from itertools import count, pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from contract.messages import (
    Alert,
    Receipt,
    TagArrived,
    decode_hello,
    decode_observation,
    digest_line,
    encode,
    split_envelope,
)
from contract.topics import parse_stream_topic, stream_topic
from edge.outbox import Outbox
from edge.uplink import MAX_QUEUED, MAX_TIMEOUT_MS, BrokerSettings, Conversation, Phase, Uplink


class HubModel:
    """What the house says a hub does, in thirty lines and without a database."""

    def __init__(self):
        self.streams: dict[str, dict[int, bytes]] = {}
        self.refused = 0

    def take(self, topic, payload):
        address, leaf = parse_stream_topic(topic)
        rows = self.streams.setdefault(address.stream, {})
        receipt = Receipt(seq=len(rows), digest=digest_line(rows[len(rows)]) if rows else None)
        if leaf == "hello":
            hello = decode_hello(payload)
            same = hello.rows[0].seq - 1 if hello.rows else None
            for row in hello.rows:
                if row.seq not in rows or digest_line(rows[row.seq]) != row.digest:
                    break
                same = row.seq
            if not hello.rows:
                same = len(rows) if hello.next_seq > len(rows) + 1 else hello.next_seq - 1
            receipt = Receipt(seq=receipt.seq, digest=receipt.digest, answers=hello.nonce, same_until=same)
        else:
            envelope = split_envelope(payload)
            numbered = dict(zip(count(envelope.header.first_seq), envelope.lines, strict=False))
            conflict = next((s for s, line in numbered.items() if s in rows and rows[s] != line), None)
            if conflict is not None:
                receipt = Receipt(seq=receipt.seq, digest=receipt.digest, conflict_seq=conflict)
            elif envelope.header.first_seq > len(rows) + 1:
                self.refused += 1
            else:
                rows.update(numbered)
                receipt = Receipt(seq=len(rows), digest=digest_line(rows[len(rows)]))
        return stream_topic(address, "receipt"), encode(receipt)


def arrived(n):
    return TagArrived(at=1_800_000_000_000 + n, device="r1", epc=f"{n:024X}", zone="shelf-a")


def nonces():
    numbers = count()
    return lambda: f"n{next(numbers)}"


def talk(box, hub, *, until_ms=3_000_000, lose=lambda: False, session=None, on_step=lambda now: None):
    """Run the conversation in steps of 100 ms over a link that loses messages both ways."""
    session = session or Conversation(box, store="s", agent="a", nonces=nonces())
    outgoing = session.online(0)
    for now in range(0, until_ms, 100):
        on_step(now)
        outgoing += session.due(now)
        sent, outgoing = outgoing, []
        for topic, payload in sent:
            if lose():
                continue
            answer = hub.take(topic, payload)
            if not lose():
                outgoing += session.receive(*answer, now)
        if not box.waiting and not outgoing and session.phase is Phase.SENDING and now > 20_000:
            break
    return session


def facts(hub):
    return [
        o
        for rows in hub.streams.values()
        for _, line in sorted(rows.items())
        if not isinstance(o := decode_observation(line), Alert)
    ]


def test_nothing_is_sent_before_the_hub_has_said_where_it_stands(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a")
    box.commit([arrived(1)])
    session = Conversation(box, store="s", agent="a")
    ((topic, _),) = session.online(0)
    assert topic.endswith("/hello")
    assert session.due(100) == []
    box.close()


def test_a_puback_is_no_receipt_rows_stay_until_the_hub_answers(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a")
    box.commit([arrived(1)])
    hub = HubModel()
    session = Conversation(box, store="s", agent="a", nonces=nonces())
    answer = hub.take(*session.online(0)[0])
    session.receive(*answer, 0)
    assert len(session.due(10)) == 1
    assert box.waiting == 1
    box.close()


def test_time_outs_double_and_are_bounded(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a")
    box.commit([arrived(1)])
    session = Conversation(box, store="s", agent="a", nonces=nonces())
    session.online(0)
    asked = [now for now in range(0, 300_000, 100) if session.due(now)]
    gaps = [b - a for a, b in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == MAX_TIMEOUT_MS
    box.close()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), loss=st.sampled_from([0.0, 0.2, 0.4]))
def test_over_a_lossy_link_every_row_arrives_once_and_in_order(tmp_path_factory, seed, loss):
    random = Random(seed)
    box = Outbox(tmp_path_factory.mktemp("box") / "o.db", agent="a")
    hub = HubModel()
    written = 0

    def on_step(now):
        nonlocal written
        if written < 60 and random.random() < 0.2:
            size = random.randint(1, 5)
            box.commit([arrived(written + i) for i in range(size)])
            written += size

    talk(box, hub, lose=lambda: random.random() < loss, on_step=on_step)
    assert box.waiting == 0
    box.close()
    assert facts(hub) == [arrived(n) for n in range(written)]


def test_a_cloned_outbox_opens_a_new_stream_and_no_fact_is_dropped_or_doubled(tmp_path):
    box = Outbox(tmp_path / "a.db", agent="a")
    box.commit([arrived(n) for n in range(5)])
    box.close()
    (tmp_path / "b.db").write_bytes((tmp_path / "a.db").read_bytes())
    hub = HubModel()
    first, clone = Outbox(tmp_path / "a.db", agent="a"), Outbox(tmp_path / "b.db", agent="a")
    first.commit([arrived(n) for n in range(100, 110)])
    clone.commit([arrived(n) for n in range(200, 204)])
    stream = first.stream
    talk(first, hub)
    talk(clone, hub)
    assert first.stream == stream
    assert clone.stream != stream
    assert sorted(o.at for o in facts(hub)) == sorted(
        arrived(n).at for n in [*range(5), *range(100, 110), *range(200, 204)]
    )
    alerts = [decode_observation(line) for line in hub.streams[clone.stream].values()]
    assert alerts[0].code == "stream_replaced"
    first.close()
    clone.close()


def test_a_restored_older_outbox_opens_a_new_stream_without_repeating_what_the_hub_has(tmp_path):
    box = Outbox(tmp_path / "a.db", agent="a")
    box.commit([arrived(n) for n in range(5)])
    box.close()
    image = (tmp_path / "a.db").read_bytes()
    box = Outbox(tmp_path / "a.db", agent="a")
    box.commit([arrived(n) for n in range(5, 9)])
    hub = HubModel()
    talk(box, hub)
    box.close()
    (tmp_path / "a.db").write_bytes(image)
    restored = Outbox(tmp_path / "a.db", agent="a")
    talk(restored, hub)
    restored.commit([arrived(50)])
    talk(restored, hub)
    assert facts(hub) == [arrived(n) for n in [*range(9), 50]]
    restored.close()


def test_a_hub_that_forgot_what_it_receipted_gets_a_lost_range_and_the_stream_goes_on(tmp_path):
    box = Outbox(tmp_path / "a.db", agent="a")
    box.commit([arrived(n) for n in range(6)])
    talk(box, HubModel())
    box.commit([arrived(n) for n in range(6, 9)])
    session = Conversation(box, store="s", agent="a", nonces=nonces())
    ((_, hello),) = session.online(0)
    answer = Receipt(seq=2, digest=None, answers=decode_hello(hello).nonce)
    session.receive(stream_topic(session.address, "receipt"), encode(answer), 0)
    sent = [split_envelope(payload).header for _, payload in session.due(100)]
    assert [(h.first_seq, h.last_seq, h.lost) for h in sent] == [(3, 6, "hub_restored"), (7, 9, None)]
    box.close()


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["wait", "commit", "answer", "back", "offline", "online"]), max_size=40),
    window=st.integers(1, 6),
)
def test_is_due_says_exactly_when_something_would_be_published_and_the_window_is_kept(
    tmp_path_factory, steps, window
):
    box = Outbox(tmp_path_factory.mktemp("box") / "o.db", agent="a")
    hub = HubModel()
    session = Conversation(box, store="s", agent="a", nonces=nonces(), window=window)
    now, sent = 10_000_000, []
    for number, step in enumerate(steps):
        if step == "wait":
            now += 1_500
        elif step == "back":
            now -= 1_000_000
        elif step == "commit":
            box.commit([arrived(number * 10 + i) for i in range(4)])
        elif step == "offline":
            session.offline()
        elif step == "online":
            sent = session.online(now)
        elif sent:
            for answer in [hub.take(*message) for message in sent]:
                session.receive(*answer, now)
        expected = session.is_due(now)
        fresh = session.due(now)
        assert bool(fresh) == expected
        sent = fresh or sent
        ends = [split_envelope(p).header.last_seq for topic, p in fresh if topic.endswith("/observations")]
        assert all(end <= box.receipt_seq + window for end in ends)
    box.close()


def test_a_clock_that_is_set_back_does_not_stop_the_conversation(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a")
    session = Conversation(box, store="s", agent="a", nonces=nonces())
    session.online(1_800_000_000_000)
    assert session.due(1_800_000_000_100) == []
    ((topic, _),) = session.due(1_800_000_000_100 - 3_600_000)
    assert topic.endswith("/hello")
    box.close()


@pytest.fixture
def uplink():
    changes = []
    made = Uplink(
        BrokerSettings(port=1), store="s", agent="a", on_change=changes.append, on_message=lambda *rest: None
    )
    return made, changes


def test_without_a_session_nothing_is_queued_in_paho(uplink):
    made, _ = uplink
    made.publish([("t", b"x")] * 100)
    assert len(made._client._out_messages) == 0


def test_what_a_dead_session_leaves_in_paho_is_bounded(uplink, monkeypatch):
    made, _ = uplink
    monkeypatch.setattr(made._client, "is_connected", lambda: True)
    made.publish([("t", b"x")] * (MAX_QUEUED + 500))
    assert len(made._client._out_messages) == MAX_QUEUED


def test_a_refused_subscription_is_no_session(uplink, caplog):
    made, changes = uplink
    granted, refused = (
        ReasonCode(PacketTypes.SUBACK, "Granted QoS 1"),
        ReasonCode(PacketTypes.SUBACK, "Unspecified error"),
    )
    made._subscribed(made._client, None, 1, [granted, refused], None)
    assert changes == []
    assert "subscription_refused" in caplog.text
    made._subscribed(made._client, None, 2, [granted, granted], None)
    assert changes == [True]
