"""The pump over real brokers: every fact once, a receipt per stream, kills of hub and broker survived."""

import asyncio
import shutil
import threading
from contextlib import asynccontextmanager

import nats
import paho.mqtt.client as mqtt
import pytest

from contract.errors import LedgerError
from contract.messages import Hello, TagArrived, decode_receipt, encode, encode_envelope, encode_observation
from hub.ingest import jetstream
from hub.ingest.jetstream import JetStreamSource
from hub.ingest.mqtt import MqttSource
from hub.ingest.pump import Pump
from hub.ingest.source import ReceivedBatch
from hub.ledger.engine import UnavailableError, migrate, open_engine
from hub.ledger.reads import SyncReader, rows_of
from hub.ledger.writer import Writer
from hub.ledger.writer_thread import WriterThread

T0 = 1_790_000_000_000
TOPIC = "shelfwise/v1/popup-1/pi-1/x1"


async def wait_until(ask, within_s=20.0):
    for _ in range(round(within_s / 0.01)):
        if ask():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("waited in vain")


class Till:
    """An MQTT client that collects receipts."""

    def __init__(self, port):
        self.receipts = []
        self._changed = threading.Condition()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="pi-1", protocol=mqtt.MQTTv311)
        self.client.on_message = self._on_message
        self.client.on_connect = lambda client, *_: client.subscribe(f"{TOPIC}/receipt", 1)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self._subscribed = threading.Event()
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(5)

    def _on_message(self, _client, _userdata, message):
        with self._changed:
            self.receipts.append(decode_receipt(message.payload))
            self._changed.notify_all()

    async def receipt_of(self, seq, timeout_s=15.0):
        def wait():
            with self._changed:
                return self._changed.wait_for(lambda: any(r.seq >= seq for r in self.receipts), timeout_s)

        assert await asyncio.to_thread(wait), f"no receipt of {seq}: {self.receipts[-3:]}"

    def send(self, first, count):
        lines = [
            encode_observation(TagArrived(at=T0, device="r-1", epc=f"E2{seq:022X}", zone="shelf-a"))
            for seq in range(first, first + count)
        ]
        self.client.publish(f"{TOPIC}/observations", encode_envelope(first, lines, sent_at=T0), 1)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@asynccontextmanager
async def running(source, folder):
    engine = open_engine(str(folder / "hub.db"))
    migrate(engine)
    writer = WriterThread(Writer(engine))
    writer.start()
    pump = Pump(source, writer, lambda: T0)
    await source.open()
    task = asyncio.create_task(pump.run())
    try:
        await wait_until(lambda: source.connected)
        yield pump
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.close()
        await asyncio.to_thread(writer.stop)
        engine.dispose()


def sources(kind, broker):
    if kind == "jetstream":
        return JetStreamSource(f"nats://127.0.0.1:{broker.port}")
    return MqttSource(f"mqtt://127.0.0.1:{broker.mqtt_port}", client_id="hub")


@pytest.fixture(params=["jetstream", "mqtt"])
def broker_and_kind(request):
    name = "nats_server" if request.param == "jetstream" else "mosquitto_broker"
    return request.getfixturevalue(name), request.param


def stored(folder):
    reader = SyncReader(str(folder / "hub.db"))
    try:
        rows = reader.read(lambda c: rows_of(c, "streams", None, order=("id",)))
        count = reader.read(lambda c: c.exec_driver_sql("SELECT COUNT(*) FROM events").scalar())
    finally:
        reader.close()
    return rows[0]["receipt_seq"], count


def test_observations_are_committed_and_answered(broker_and_kind, tmp_path):
    broker, kind = broker_and_kind

    async def scene():
        async with running(sources(kind, broker), tmp_path) as pump:
            till = Till(broker.mqtt_port)
            try:
                for first in range(1, 101, 10):
                    till.send(first, 10)
                await till.receipt_of(100)
                till.client.publish(f"{TOPIC}/hello", encode(Hello(nonce="n-1", next_seq=101)), 1)
                await wait_until(lambda: any(receipt.answers == "n-1" for receipt in till.receipts))
            finally:
                till.close()
            assert pump.state.totals.observations == 100

    asyncio.run(scene())
    assert stored(tmp_path) == (100, 100)


def test_what_came_while_the_hub_was_away_is_taken_when_it_is_back(broker_and_kind, tmp_path):
    broker, kind = broker_and_kind

    async def scene():
        till = Till(broker.mqtt_port)
        try:
            async with running(sources(kind, broker), tmp_path):
                till.send(1, 10)
                await till.receipt_of(10)
            for first in range(11, 61, 10):
                till.send(first, 10)
            async with running(sources(kind, broker), tmp_path):
                await till.receipt_of(60)
        finally:
            till.close()

    asyncio.run(scene())
    assert stored(tmp_path) == (60, 60)


@pytest.mark.parametrize("emptied", [False, True])
def test_a_killed_broker_is_found_again_even_with_an_empty_store(nats_server, tmp_path, emptied):
    async def scene():
        async with running(JetStreamSource(f"nats://127.0.0.1:{nats_server.port}"), tmp_path) as pump:
            till = Till(nats_server.mqtt_port)
            till.send(1, 10)
            await till.receipt_of(10)
            till.close()
            nats_server.kill()
            if emptied:
                shutil.rmtree(nats_server.folder / "store")
            await asyncio.to_thread(nats_server.start)
            await wait_until(lambda: pump._source.connected)
            till = Till(nats_server.mqtt_port)
            till.send(11, 10)
            await till.receipt_of(20)
            till.close()

    asyncio.run(scene())
    assert stored(tmp_path) == (20, 20)


def test_an_idle_source_asks_once_per_expiry_and_then_still_delivers(nats_server, tmp_path):
    async def scene():
        source = JetStreamSource(f"nats://127.0.0.1:{nats_server.port}", request_expires_s=0.2)
        async with running(source, tmp_path):
            before = source.requests
            await asyncio.sleep(2)
            asked = source.requests - before
            till = Till(nats_server.mqtt_port)
            till.send(1, 10)
            await till.receipt_of(10)
            till.close()
            return asked

    assert 3 <= asyncio.run(scene()) <= 15


def test_what_is_acknowledged_is_purged_and_what_waits_is_not(nats_server, tmp_path, monkeypatch):
    monkeypatch.setattr(jetstream, "_LOOK_S", 0.2)
    url = f"nats://127.0.0.1:{nats_server.port}"

    async def until(is_so):
        client = await nats.connect(url)
        try:
            for _ in range(400):
                if is_so((await client.jetstream().stream_info(jetstream.STREAM)).state):
                    return
                await asyncio.sleep(0.05)
            raise AssertionError("the stream did not get there within 20 s")
        finally:
            await client.close()

    async def scene():
        till = Till(nats_server.mqtt_port)
        try:
            async with running(JetStreamSource(url, kept_bytes=1_000), tmp_path):
                for first in range(1, 401, 10):
                    till.send(first, 10)
                await till.receipt_of(400)
                await until(lambda state: state.bytes <= 1_000)
            for first in range(401, 441, 10):
                till.send(first, 10)
            await until(lambda state: state.messages >= 4)
            async with running(JetStreamSource(url, kept_bytes=1_000), tmp_path):
                await till.receipt_of(440)
        finally:
            till.close()

    asyncio.run(asyncio.wait_for(scene(), 30))
    assert stored(tmp_path) == (440, 440)


def test_the_backlog_tells_what_waits_at_the_broker(nats_server, tmp_path):
    async def scene():
        source = JetStreamSource(f"nats://127.0.0.1:{nats_server.port}", batch_max=10)
        await source.open()
        try:
            await wait_until(lambda: source.connected)
            assert source.backlog == (0, 0.0, 0)
            till = Till(nats_server.mqtt_port)
            for first in range(1, 101, 10):
                till.send(first, 10)
            batch = await source.next_batch()
            assert len(batch.deliveries) == 1, "a batch is bounded by observations, not by messages"
            await wait_until(lambda: len(source._buffer) == 9)
            assert source.backlog.messages >= 9
            assert 0 < source.backlog.age_s < 30
            for _ in range(9):
                batch = await source.next_batch()
            await source.acknowledge(batch)
            assert source.backlog == (0, 0.0, 0)
            till.close()
        finally:
            await source.close()

    asyncio.run(scene())


def test_a_full_mqtt_queue_drops_counts_acknowledges_and_recovers(monkeypatch):
    monkeypatch.setattr("hub.ingest.mqtt.MAX_QUEUED", 3)

    async def scene():
        source = MqttSource("mqtt://127.0.0.1:1", client_id="hub", batch_ms=0, batch_max=1)
        acknowledged = []
        monkeypatch.setattr(source._client, "ack", lambda mid, qos: acknowledged.append(mid))
        for mid in range(1, 6):
            message = mqtt.MQTTMessage(mid, b"shelfwise/v1/s/a/x/observations")
            message.payload = b"{}\n{}"
            source._accept(message)
        assert source.backlog == (3, 0.0, 2)
        assert acknowledged == [4, 5]
        taken = [await source.next_batch() for _ in range(3)]
        assert [batch.token[0].mid for batch in taken] == [1, 2, 3]
        source._accept(message)
        assert source.backlog == (1, 0.0, 2)
        await source.next_batch()
        assert source._queued_bytes == 0

    asyncio.run(scene())


class ScriptedSource:
    """Hands out batches, and notes what was acknowledged."""

    connected = True

    def __init__(self, *batches):
        self._batches = list(batches)
        self.acknowledged = []
        self.answers = []

    async def next_batch(self):
        if not self._batches:
            await asyncio.Event().wait()
        return ReceivedBatch(self._batches.pop(0), asyncio.get_running_loop().time(), None)

    async def acknowledge(self, batch):
        self.acknowledged.append(batch)

    async def publish(self, topic, payload):
        self.answers.append(decode_receipt(payload).seq)


def envelope(first, *lines):
    return (f"{TOPIC}/observations", encode_envelope(first, list(lines), sent_at=T0))


def pumped(folder, source, spoil, until):
    """Run a pump whose writer's transactions may be spoilt; return what it said while it failed."""
    said = []

    async def scene():
        engine = open_engine(str(folder / "hub.db"))
        migrate(engine)
        writer = WriterThread(Writer(engine))
        original = writer._writer.run_group
        writer._writer.run_group = lambda jobs: spoil(jobs, original)
        writer.start()
        pump = Pump(source, writer, lambda: T0)
        task = asyncio.create_task(pump.run())
        try:
            async with asyncio.timeout(20):
                while not until():
                    if pump.state.failing and pump.state.failing not in said:
                        said.append(pump.state.failing)
                    await asyncio.sleep(0.005)
            assert pump.state.failing is None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.to_thread(writer.stop)
            engine.dispose()

    asyncio.run(scene())
    return said


def arrival(number):
    return encode_observation(TagArrived(at=T0, device="r-1", epc=f"E2{number:022X}", zone="shelf-a"))


def test_a_full_disk_holds_the_batch_unacknowledged_until_there_is_room(tmp_path):
    source = ScriptedSource([envelope(1, arrival(1))])
    tries = []

    def spoil(jobs, original):
        tries.append(len(source.acknowledged))
        return [UnavailableError("disk is full")] * len(jobs) if len(tries) < 4 else original(jobs)

    assert pumped(tmp_path, source, spoil, lambda: source.answers == [1]) == ["disk is full"]
    assert tries[:4] == [0, 0, 0, 0]
    assert stored(tmp_path) == (1, 1)


def test_a_message_the_database_refuses_for_its_content_does_not_block_the_others(tmp_path):
    source = ScriptedSource([envelope(1, arrival(1)), envelope(2, arrival(666)), envelope(3, arrival(3))])

    def spoil(jobs, original):
        def guarded(job):
            def run(transaction):
                outcome = job(transaction)
                poison = transaction.connection.exec_driver_sql(
                    "SELECT count(*) FROM items WHERE epc LIKE '%29A'"
                ).scalar()
                if poison:
                    raise LedgerError("the database refused: out of range")
                return outcome

            return run

        return original([guarded(job) for job in jobs])

    pumped(tmp_path, source, spoil, lambda: 3 in source.answers)
    assert stored(tmp_path) == (3, 2)
    reader = SyncReader(str(tmp_path / "hub.db"))
    (letter,) = reader.read(lambda c: rows_of(c, "dead_letters", None, order=("id",)))
    assert (letter["seq"], letter["reason"]) == (2, "unstorable")
    reader.close()
