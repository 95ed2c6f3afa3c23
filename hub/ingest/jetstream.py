"""Source on NATS JetStream: a stream on disk, a durable pull consumer, one acknowledgement per batch.

The stream keeps observations until they are acknowledged and a little longer: what lies behind the
acknowledged floor is in the ledger, is never read again, and is purged once it is worth it, so that the
broker's memory and a Pi's card hold a backlog and not a history. Beyond its byte bound it drops the oldest:
the hub sees that as a gap, refuses what follows and its receipt makes the edge send again, so the broker
may lose anything. The consumer acknowledges with policy ALL: a batch's last message covers those before it, as everything in a
batch was committed, recognised or answered; a refused gap too, as its receipt makes the edge send again.
Messages are pulled through a plain subscription with long
requests instead of nats-py's ``fetch``, whose work per message is several times as much.

At start the consumer is made anew behind its acknowledged floor, so messages that a killed hub had in
hand come at once and in order instead of after the acknowledgement timeout. Whenever the broker
reconnects, stream and consumer are ensured again, also on an emptied store directory.
"""

import asyncio
import contextlib
import json
import logging
import time
from typing import Any, Final

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from contract.topics import ROOT, stream_filter, to_subject, to_topic
from hub.addresses import redact
from hub.ingest.source import Backlog, Delivery, ReceivedBatch, observations_in

log = logging.getLogger(__name__)

STREAM: Final = "SHELFWISE"
DURABLE: Final = "hub"
ACK_WAIT_S: Final = 30
MAX_ACK_PENDING: Final = 20_000
REQUEST: Final = 4000
REQUEST_EXPIRES_S: Final = 20
MAX_BUFFERED: Final = 3 * REQUEST
MAX_BUFFERED_BYTES: Final = 64 * 1024 * 1024
KEPT_BYTES: Final = 64 * 1024
_MANY_BYTES: Final = 16 * 1024 * 1024
_LOOK_S: Final = 5.0
_RETRY_S: Final = 0.5
_PLAIN_LEAVES: Final = ("hello",)
_RESULT_SUBJECT: Final = to_subject(f"{ROOT}/+/+/result")


class JetStreamSource:
    """See :class:`hub.ingest.source.Source`."""

    def __init__(
        self,
        url: str,
        *,
        batch_ms: int = 10,
        batch_max: int = 5_000,
        max_bytes: int = 256 * 1024 * 1024,
        request_expires_s: float = REQUEST_EXPIRES_S,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._url = url
        self._expires_s = request_expires_s
        self._batch_s = batch_ms / 1000
        self._batch_max = batch_max
        self._max_bytes = max_bytes
        self._kept_bytes = kept_bytes
        self._client = Client()
        self._buffer: list[Msg] = []
        self._buffered_observations = 0
        self._buffered_bytes = 0
        self._message_bytes = 1_000.0
        self._pending = 0
        self._age_s = 0.0
        self._dropped = 0
        self.requests = 0
        self._arrived = asyncio.Event()
        self._stale = asyncio.Event()
        self._inbox = ""
        self._outstanding = 0
        self._requested_s = 0.0
        self._keeper: asyncio.Task[None] | None = None
        self._fresh_start = True
        self._ready = False

    @property
    def connected(self) -> bool:
        """True while the broker is there and the consumer stands."""
        return self._ready and self._client.is_connected

    @property
    def backlog(self) -> Backlog:
        """What waits at the broker, as its last message or consumer said, and here."""
        waiting = self._pending + len(self._buffer)
        return Backlog(messages=waiting, age_s=self._age_s if waiting else 0.0, dropped=self._dropped)

    async def open(self) -> None:
        """Start connecting."""
        self._keeper = asyncio.create_task(self._keep(), name="jetstream-keeper")

    async def close(self) -> None:
        """Disconnect without waiting for a broker that is away."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._client.is_connected or self._client.is_reconnecting:
            with contextlib.suppress(TimeoutError, nats.errors.Error, OSError):
                await asyncio.wait_for(self._client.close(), 2)

    async def next_batch(self) -> ReceivedBatch:
        """Wait for messages and return the next batch."""
        loop = asyncio.get_running_loop()
        while not self._buffer:
            self._arrived.clear()
            await self._arrived.wait()
        first_s = loop.time()
        if self._batch_s:
            await self._wait_for_more(first_s + self._batch_s)
        messages = self._cut()
        deliveries = [Delivery(to_topic(message.subject), message.data) for message in messages]
        stored = [message.reply for message in messages if message.reply]
        if stored:
            self._look_at(stored[0], stored[-1])
        await self._request_more()
        return ReceivedBatch(deliveries, first_s, stored[-1] if stored else None)

    def _cut(self) -> list[Msg]:
        """Take the first messages up to the batch's bound out of the buffer."""
        observations = size = count = 0
        for message in self._buffer:
            count += 1
            observations += observations_in(message.data)
            size += len(message.data)
            if observations >= self._batch_max:
                break
        messages = self._buffer[:count]
        del self._buffer[:count]
        self._buffered_observations -= observations
        self._buffered_bytes -= size
        self._message_bytes += 0.1 * (size / count - self._message_bytes)
        return messages

    def _look_at(self, first: str, last: str) -> None:
        """Learn from JetStream's acknowledgement subjects when the first came and what is still to come.

        ``$JS.ACK.[domain.account.]stream.consumer.delivered.stream_seq.consumer_seq.time_ns.pending[.token]``
        (NATS ADR-15).
        """
        stored_ns, _ = _time_and_pending(first)
        _, self._pending = _time_and_pending(last)
        self._age_s = max(0.0, (time.time_ns() - stored_ns) / 1e9)

    async def _wait_for_more(self, deadline_s: float) -> None:
        loop = asyncio.get_running_loop()
        while self._buffered_observations < self._batch_max:
            left = deadline_s - loop.time()
            if left <= 0:
                return
            await asyncio.sleep(min(left, 0.002))

    async def acknowledge(self, batch: ReceivedBatch) -> None:
        """Acknowledge the last JetStream message, and with it all before."""
        if batch.token:
            await self.publish_subject(batch.token, b"+ACK")

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish an answer; dropped while the broker is away."""
        await self.publish_subject(to_subject(topic), payload)

    async def publish_subject(self, subject: str, payload: bytes) -> None:
        """Publish to a subject; dropped while the broker is away."""
        if self._client.is_connected:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._client.publish(subject, payload)

    async def _keep(self) -> None:
        """Connect, then make and re-make the consumer whenever it is in doubt."""
        await self._connect()
        while True:
            self._stale.clear()
            try:
                await self._ensure()
            except (nats.errors.Error, APIError, OSError, TimeoutError) as error:
                self._ready = False
                log.warning("event=jetstream_not_ready error=%r", str(error) or type(error).__name__)
                await asyncio.sleep(_RETRY_S)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stale.wait(), _LOOK_S)
                self._outstanding = 0
                await asyncio.sleep(_RETRY_S)

    async def _connect(self) -> None:
        while True:
            try:
                await self._client.connect(
                    self._url,
                    name="shelfwise-hub",
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    ping_interval=10,
                    max_outstanding_pings=2,
                    connect_timeout=2,
                    pending_size=16 * 1024 * 1024,
                    disconnected_cb=self._on_disconnect,
                    reconnected_cb=self._on_reconnect,
                    error_cb=_on_error,
                )
            except (nats.errors.Error, OSError, TimeoutError) as error:
                log.warning("event=broker_unreachable url=%s error=%r", redact(self._url), str(error))
                await asyncio.sleep(_RETRY_S)
                self._client = Client()
                continue
            log.info("event=broker_connected")
            await self._subscribe()
            return

    async def _subscribe(self) -> None:
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(
            self._inbox, cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        for leaf in _PLAIN_LEAVES:
            await self._client.subscribe(to_subject(stream_filter(leaf)), cb=self._on_plain)
        await self._client.subscribe(_RESULT_SUBJECT, cb=self._on_plain)

    async def _on_disconnect(self) -> None:
        self._ready = False
        log.warning("event=broker_lost")

    async def _on_reconnect(self) -> None:
        log.info("event=broker_back")
        self._stale.set()

    async def _on_message(self, message: Msg) -> None:
        if message.reply:
            self._outstanding -= 1
            self._put(message)
            return
        headers = message.headers or {}
        status = headers.get("Status", "")
        unserved = headers.get("Nats-Pending-Messages", "")
        self._outstanding = max(0, self._outstanding - int(unserved)) if unserved.isdigit() else 0
        if status not in ("404", "408"):
            log.warning("event=consumer_status status=%s text=%r", status, headers.get("Description", ""))
            self._stale.set()
        else:
            await self._request_more()

    async def _on_plain(self, message: Msg) -> None:
        """Take a hello or a result; one too many is dropped, the agent asks again."""
        if len(self._buffer) >= 2 * MAX_BUFFERED or self._buffered_bytes >= 2 * MAX_BUFFERED_BYTES:
            self._dropped += 1
            return
        self._put(Msg(_client=self._client, subject=message.subject, data=message.data))

    def _put(self, message: Msg) -> None:
        self._buffer.append(message)
        self._buffered_observations += observations_in(message.data)
        self._buffered_bytes += len(message.data)
        self._arrived.set()

    async def _request_more(self) -> None:
        """Keep one long request open; ask for the next when half of it has come.

        A request is for fewer messages when they are large, so that what comes fits the buffer's bound.
        """
        now = asyncio.get_running_loop().time()
        forgotten = now - self._requested_s > 2 * self._expires_s
        count = max(10, min(REQUEST, int(_MANY_BYTES / self._message_bytes)))
        if (
            not self._ready
            or len(self._buffer) >= MAX_BUFFERED
            or self._buffered_bytes >= MAX_BUFFERED_BYTES
            or (self._outstanding > count // 2 and not forgotten)
        ):
            return
        self._outstanding = (0 if forgotten else self._outstanding) + count
        self._requested_s = now
        self.requests += 1
        request = json.dumps({"batch": count, "expires": round(self._expires_s * 1e9)}).encode()
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{DURABLE}", request, reply=self._inbox
            )

    async def _ensure(self) -> None:
        """Make sure stream and consumer exist as configured, then pull."""
        api = self._client.jetstream(timeout=3)
        config = StreamConfig(
            name=STREAM,
            subjects=[to_subject(stream_filter("observations"))],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            storage=StorageType.FILE,
            max_bytes=self._max_bytes,
        )
        try:
            stored_bytes = (await api.stream_info(STREAM)).state.bytes
        except NotFoundError:
            await api.add_stream(config)
            stored_bytes = 0
            log.info("event=stream_created stream=%s", STREAM)
        floor = await self._floor(api)
        if floor and stored_bytes > self._kept_bytes:
            await api.purge_stream(STREAM, seq=floor + 1)
        if floor is None or self._fresh_start:
            if floor is not None:
                await api.delete_consumer(STREAM, DURABLE)
            await api.add_consumer(STREAM, _consumer(floor or 0))
        self._fresh_start = False
        self._ready = True
        await self._request_more()

    async def _floor(self, api: Any) -> int | None:
        """Return the stream sequence up to which all is acknowledged, None without a consumer."""
        try:
            known = await api.consumer_info(STREAM, DURABLE)
        except NotFoundError:
            return None
        self._pending = int(known.num_pending or 0)
        return int(known.ack_floor.stream_seq) if known.ack_floor is not None else 0


def _consumer(floor: int) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=DURABLE,
        ack_policy=AckPolicy.ALL,
        ack_wait=ACK_WAIT_S,
        max_ack_pending=MAX_ACK_PENDING,
        max_waiting=64,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE if floor else DeliverPolicy.ALL,
        opt_start_seq=floor + 1 if floor else None,
        inactive_threshold=0,
    )


def _time_and_pending(reply: str) -> tuple[int, int]:
    tokens = reply.split(".")
    at = 7 if len(tokens) == 9 else 9
    return int(tokens[at]), int(tokens[at + 1])


async def _on_error(error: Exception) -> None:
    log.debug("event=nats_error error=%r", str(error))
