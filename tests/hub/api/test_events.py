"""Server-sent events: where they begin, what wakes them, that a slow reader costs nothing."""

import asyncio
from functools import partial

import pytest

from contract.messages import TagArrived, encode_envelope, encode_observation
from hub.api import events
from hub.ledger.engine import migrate, open_engine
from hub.ledger.reads import Reader
from hub.ledger.writer import Writer
from hub.services.record import record
from hub.services.signals import Signals

T0 = 1_790_000_000_000
TOPIC = "shelfwise/v1/popup-1/pi-1/x1/observations"


class Context:
    """As much of the hub's context as the stream uses."""

    def __init__(self, reader, signals):
        self.read = reader.read
        self.signals = signals


class Scene:
    def __init__(self, writer, reader):
        self.writer, self.signals = writer, Signals()
        self.context = Context(reader, self.signals)
        self.next_seq = 1

    async def commit(self, count):
        lines = [
            encode_observation(TagArrived(at=T0, device="r-1", epc=f"E2{n:022X}", zone="a"))
            for n in range(self.next_seq, self.next_seq + count)
        ]
        payload = encode_envelope(self.next_seq, lines, sent_at=T0)
        self.next_seq += count
        job = partial(record, deliveries=[(TOPIC, payload)], now=T0)
        await asyncio.to_thread(self.writer.run, job)
        self.signals.committed()

    async def open(self, **query):
        options = {"position": None, "last_event_id": None, **query}
        answer = await events.get_events("popup-1", self.context, **options)
        stream = answer.body_iterator
        assert await anext(stream) == ": shelfwise\n\n"
        return stream


def play(tmp_path, scene):
    async def run():
        engine = open_engine(str(tmp_path / "hub.db"))
        migrate(engine)
        reader = Reader(str(tmp_path / "hub.db"))
        play = Scene(Writer(engine), reader)
        try:
            await play.commit(3)
            async with asyncio.timeout(20):
                await scene(play)
        finally:
            await reader.close()
            engine.dispose()

    asyncio.run(run())


def ids(chunks):
    return [int(chunk.split("\n")[0].removeprefix("id: ")) for chunk in chunks]


async def take(stream, count):
    return ids([await anext(stream) for _ in range(count)])


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ({"position": 0}, 1),
        ({"position": 2}, 3),
        ({"position": 2, "last_event_id": "1"}, 2),
        ({"position": 2, "last_event_id": "one"}, 3),
        ({"position": 2, "last_event_id": "9" * 40}, 3),
        ({}, 4),
    ],
)
def test_where_a_stream_begins(tmp_path, query, first):
    async def scene(play):
        stream = await play.open(**query)
        await play.commit(1)
        assert await take(stream, 5 - first) == list(range(first, 5))

    play(tmp_path, scene)


def test_a_silent_store_gets_heartbeats_and_a_commit_wakes_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.02)

    async def scene(play):
        stream = await play.open()
        assert await anext(stream) == ": heartbeat\n\n"
        await play.commit(1)
        chunk = await anext(stream)
        assert ids([chunk]) == [4]

    play(tmp_path, scene)


def test_a_slow_reader_misses_nothing_and_holds_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "PAGE", 5)

    async def scene(play):
        slow = await play.open(position=0)
        assert await take(slow, 1) == [1]
        for _ in range(10):
            await play.commit(4)
        assert await take(slow, 42) == list(range(2, 44))

    play(tmp_path, scene)


def test_a_closing_hub_ends_every_stream(tmp_path):
    async def scene(play):
        stream = await play.open()
        ending = asyncio.create_task(anext(stream, "end"))
        await asyncio.sleep(0)
        play.signals.close()
        assert await ending == "end"

    play(tmp_path, scene)
