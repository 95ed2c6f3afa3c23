"""Source on any MQTT 3.1.1 or 5 broker: paho with manual acknowledgement, a fixed client id and a kept session.

QoS 1 messages are acknowledged one by one after their batch is committed, so the broker keeps what a
killed hub had in hand and sends it again. What a broker sends ahead of acknowledgements is its in-flight
window; MQTT 3.1.1 cannot bound it from here. Beyond :data:`MAX_QUEUED` messages or
:data:`MAX_QUEUED_BYTES` the newest is dropped, counted, and acknowledged so that the window does not
fill up with it: without a receipt the edge sends it again. paho runs its own network thread; messages
cross to the loop through ``call_soon_threadsafe`` and nothing else is shared.
"""

import asyncio
import contextlib
import logging
from typing import Any, Final
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contract.errors import ConfigError
from contract.topics import QOS, ROOT, stream_filter
from hub.addresses import redact
from hub.ingest.source import Backlog, Delivery, ReceivedBatch, observations_in

log = logging.getLogger(__name__)

_FILTERS: Final = (stream_filter("observations"), stream_filter("hello"), f"{ROOT}/+/+/result")
_KEEPALIVE_S: Final = 30
MAX_QUEUED: Final = 5_000
MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024


class MqttSource:
    """See :class:`hub.ingest.source.Source`."""

    def __init__(self, url: str, *, client_id: str, batch_ms: int = 10, batch_max: int = 5_000) -> None:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise ConfigError(f"broker {redact(url)!r} names no host; expected mqtt://host:port")
        self._host, self._port = parts.hostname, parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        self._batch_s, self._batch_max = batch_ms / 1000, batch_max
        self._queue: asyncio.Queue[MQTTMessage] = asyncio.Queue()
        self._queued_bytes = 0
        self._dropped = 0
        self._dropping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connected = False
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )  # fmt: skip
        if parts.username is not None:
            client.username_pw_set(parts.username, parts.password)
        if parts.scheme == "mqtts":
            client.tls_set()
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 5)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client

    @property
    def connected(self) -> bool:
        """True while the broker is there."""
        return self._connected

    @property
    def backlog(self) -> Backlog:
        """What waits here; what waits at the broker it does not say."""
        return Backlog(messages=self._queue.qsize(), age_s=0.0, dropped=self._dropped)

    async def open(self) -> None:
        """Start paho's thread, which connects and reconnects."""
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(self._host, self._port, keepalive=_KEEPALIVE_S)
        self._client.loop_start()

    async def close(self) -> None:
        """Disconnect and stop the thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def next_batch(self) -> ReceivedBatch:
        """Wait for messages and return the next batch."""
        loop = asyncio.get_running_loop()
        messages = [await self._take()]
        first_s, held = loop.time(), observations_in(messages[0].payload)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(first_s + self._batch_s):
                while held < self._batch_max:
                    messages.append(await self._take())
                    held += observations_in(messages[-1].payload)
        deliveries = [Delivery(message.topic, bytes(message.payload)) for message in messages]
        return ReceivedBatch(deliveries, first_s, messages)

    async def _take(self) -> MQTTMessage:
        message = await self._queue.get()
        self._queued_bytes -= len(message.payload)
        return message

    async def acknowledge(self, batch: ReceivedBatch) -> None:
        """Acknowledge every message of the batch."""
        for message in batch.token:
            self._client.ack(message.mid, message.qos)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish an answer; dropped while the broker is away."""
        if self._connected:
            self._client.publish(topic, payload, qos=QOS)

    def _on_connect(
        self,
        client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning("event=broker_refused reason=%s", reason)
            return
        client.subscribe([(name, QOS) for name in _FILTERS])
        self._connected = True
        log.info("event=broker_connected")

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._connected:
            log.warning("event=broker_lost reason=%s", reason)
        self._connected = False

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._accept, message)

    def _accept(self, message: MQTTMessage) -> None:
        full = self._queue.qsize() >= MAX_QUEUED or self._queued_bytes >= MAX_QUEUED_BYTES
        if full != self._dropping:
            self._dropping = full
            log.warning("event=%s dropped=%d", "queue_full" if full else "queue_has_room", self._dropped)
        if full:
            self._dropped += 1
            self._client.ack(message.mid, message.qos)
            return
        self._queued_bytes += len(message.payload)
        self._queue.put_nowait(message)
