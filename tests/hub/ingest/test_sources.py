"""The pump over real brokers: every fact once, a receipt per stream, kills of hub and broker survived."""

import asyncio
import shutil
import threading
from contextlib import asynccontextmanager

import paho.mqtt.client as mqtt
import pytest

from contract.messages import Hello, TagArrived, decode_receipt, encode, encode_envelope, encode_observation
from hub.ingest.jetstream import JetStreamSource
from hub.ingest.mqtt import MqttSource
from hub.ingest.pump import Pump
from hub.ledger.engine import migrate, open_engine
from hub.ledger.reads import SyncReader, rows_of
from hub.ledger.writer import Writer, WriterThread

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
