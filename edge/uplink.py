"""Outbox → MQTT; deletes only on the hub's receipt.

:class:`Conversation` decides, without I/O and without a clock: ask for the receipt when a session
starts, send what comes after it within a window, and when nothing moves for a time-out ask again and,
on the answer, send once more from there. Time-outs double up to half a minute so that a slow hub is
not buried under repeats. :class:`Uplink` carries the decisions over paho (MQTT 3.1.1, QoS 1, clean
session: the outbox is the only memory that counts, and a PUBACK is not a receipt).
"""

import logging
import secrets
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Final, Protocol

import msgspec
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contract.errors import MessageError
from contract.ids import StreamId
from contract.messages import (
    Hello,
    Receipt,
    RowDigest,
    decode_receipt,
    encode,
    encode_envelope,
    encode_lost,
)
from contract.topics import QOS, StreamAddress, agent_topic, stream_topic
from edge.model import Parcel

log = logging.getLogger(__name__)

FIRST_TIMEOUT_MS: Final = 2_000
MAX_TIMEOUT_MS: Final = 30_000
MAX_QUEUED: Final = 2_000
"""Messages that paho may hold; what it refuses, the conversation sends again."""


class Queue(Protocol):
    """The part of the outbox that the conversation needs."""

    stream: StreamId
    next_seq: int
    receipt_seq: int

    def parcels(self, after: int, limit: int) -> list[Parcel]: ...  # noqa: D102
    def accept(self, receipt: Receipt) -> bool: ...  # noqa: D102
    def step_back(self, receipt_seq: int) -> None: ...  # noqa: D102
    def rows_in_doubt(self, limit: int = ...) -> tuple[RowDigest, ...]: ...  # noqa: D102
    def settle(self, same_until: int, asked_until: int, now: int) -> bool: ...  # noqa: D102


class Phase(Enum):
    """Where the conversation stands."""

    OFFLINE = "offline"
    ASKING = "asking"  # a hello is out; nothing is sent before its answer
    SENDING = "sending"
    DOUBTING = "doubting"  # the hub's copy of this stream may not be ours; digests are out


class Conversation:
    """What to publish, and when. See the module's opening paragraph.

    Args:
        queue: the outbox.
        store: store id.
        agent: agent id.
        window: observations that may be out without a receipt.
        nonces: makes the nonce of a hello; tests pass a counter.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        store: str,
        agent: str,
        window: int = 5_000,
        nonces: Callable[[], str] | None = None,
    ) -> None:
        self._queue = queue
        self._store = store
        self._agent = agent
        self._window = window
        self._nonces = nonces or (lambda: secrets.token_hex(6))
        self.phase = Phase.OFFLINE
        self._sent_until = 0
        self._nonce = ""
        self._asked_until = 0
        self._timeout_ms = FIRST_TIMEOUT_MS
        self._deadline = 0
        self.resends = 0

    @property
    def address(self) -> StreamAddress:
        """Store, agent and stream of what is being sent now."""
        return StreamAddress(self._store, self._agent, self._queue.stream)  # type: ignore[arg-type]

    def online(self, now: int) -> list[tuple[str, bytes]]:
        """A session has started; returns what to publish."""
        self._timeout_ms = FIRST_TIMEOUT_MS
        return self._ask(now)

    def offline(self) -> None:
        """The session has ended; what was sent without receipt will be sent again."""
        self.phase = Phase.OFFLINE

    def receive(self, topic: str, payload: bytes, now: int) -> list[tuple[str, bytes]]:
        """Take a receipt and return what to publish because of it; other streams' receipts are ignored."""
        if topic != stream_topic(self.address, "receipt") or self.phase is Phase.OFFLINE:
            return []
        try:
            receipt = decode_receipt(payload)
        except MessageError as error:
            log.warning("event=receipt_unreadable stream=%s reason=%s", self._queue.stream, error)
            return []
        answer = receipt.answers == self._nonce
        if self.phase is Phase.DOUBTING:
            if not answer or receipt.same_until is None:
                return []
            if not self._queue.settle(receipt.same_until, self._asked_until, now):
                return self._doubt(now)
            return self._ask(now)
        before = self._queue.receipt_seq
        if answer and receipt.seq < before:
            self._queue.step_back(receipt.seq)
            before = receipt.seq
        if not self._queue.accept(receipt):
            log.warning(
                "event=stream_in_doubt stream=%s next=%d receipt=%d",
                self._queue.stream,
                self._queue.next_seq,
                receipt.seq,
            )
            return self._doubt(now)
        if self._queue.receipt_seq > before:
            self._timeout_ms = FIRST_TIMEOUT_MS
            self._deadline = now + self._timeout_ms
        if self.phase is Phase.ASKING and answer:
            self.phase = Phase.SENDING
            if self._sent_until > self._queue.receipt_seq:
                self.resends += 1
            self._sent_until = self._queue.receipt_seq
            self._deadline = now + self._timeout_ms
        return []

    @property
    def _in_flight(self) -> int:
        return max(0, self._sent_until - self._queue.receipt_seq)

    def _timed_out(self, now: int) -> bool:
        """The deadline has passed, or is so far away that the clock must have been set back."""
        return not self._deadline - MAX_TIMEOUT_MS <= now < self._deadline

    def is_due(self, now: int) -> bool:
        """True when :meth:`due` would publish something; touches no disk."""
        if self.phase is Phase.OFFLINE:
            return False
        in_flight = self._in_flight
        if (self.phase is not Phase.SENDING or in_flight) and self._timed_out(now):
            return True
        unsent = self._queue.next_seq - 1 - max(self._sent_until, self._queue.receipt_seq)
        return self.phase is Phase.SENDING and unsent > 0 and in_flight < self._window

    def due(self, now: int) -> list[tuple[str, bytes]]:
        """Return what to publish now; call often."""
        if not self.is_due(now):
            return []
        in_flight = self._in_flight
        if (self.phase is not Phase.SENDING or in_flight) and self._timed_out(now):
            self._back_off()
            return self._doubt(now) if self.phase is Phase.DOUBTING else self._ask(now)
        self._sent_until = max(self._sent_until, self._queue.receipt_seq)
        if not in_flight:
            self._deadline = now + self._timeout_ms
        topic = stream_topic(self.address, "observations")
        published = []
        for parcel in self._queue.parcels(self._sent_until, self._window - in_flight):
            if parcel.lost is not None:
                payload = encode_lost(parcel.first_seq, parcel.last_seq, parcel.lost, sent_at=now)
            else:
                payload = encode_envelope(parcel.first_seq, list(parcel.lines), sent_at=now)
            published.append((topic, payload))
            self._sent_until = parcel.last_seq
        return published

    def _ask(self, now: int) -> list[tuple[str, bytes]]:
        self.phase = Phase.ASKING
        return self._hello(now, ())

    def _doubt(self, now: int) -> list[tuple[str, bytes]]:
        self.phase = Phase.DOUBTING
        rows = self._queue.rows_in_doubt()
        self._asked_until = rows[-1].seq if rows else self._queue.next_seq - 1
        return self._hello(now, rows)

    def _hello(self, now: int, rows: tuple[RowDigest, ...]) -> list[tuple[str, bytes]]:
        self._nonce = self._nonces()
        self._deadline = now + self._timeout_ms
        hello = Hello(nonce=self._nonce, next_seq=self._queue.next_seq, rows=rows)
        return [(stream_topic(self.address, "hello"), encode(hello))]

    def _back_off(self) -> None:
        self._timeout_ms = min(self._timeout_ms * 2, MAX_TIMEOUT_MS)


class BrokerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the broker is.

    Attributes:
        host: name or address.
        port: MQTT port.
        username: empty for none; the password comes from the environment (SHELFWISE_BROKER_PASSWORD).
        keepalive_s: MQTT keep-alive.
    """

    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 1883
    username: str = ""
    keepalive_s: Annotated[int, msgspec.Meta(ge=2, le=3_600)] = 15


class Uplink:
    """A paho client that hands everything over to the agent's loop and decides nothing.

    Args:
        settings: the broker.
        agent: agent id; the client id is the agent id and a random tail, so that a cloned card cannot
            throw the first one off.
        store: store id.
        on_change: called (on paho's thread) with True when a session is up, False when it ended.
        on_message: called (on paho's thread) with topic and payload.
        password: broker password, empty for none.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        store: str,
        agent: str,
        on_change: Callable[[bool], None],
        on_message: Callable[[str, bytes], None],
        password: str = "",
    ) -> None:
        self._settings = settings
        self._filters = [
            (f"{stream_topic(StreamAddress(store, agent, '+'), 'receipt')}", QOS),  # type: ignore[arg-type]
            (agent_topic(store, agent, "command"), QOS),
        ]
        self._on_change = on_change
        self._on_message = on_message
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{agent}-{secrets.token_hex(4)}",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.max_inflight_messages_set(200)
        # paho keeps what was not acknowledged, also over sessions that come and go.
        client.max_queued_messages_set(MAX_QUEUED)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        if settings.username:
            client.username_pw_set(settings.username, password or None)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        self._client = client

    def start(self) -> None:
        """Begin to connect; keeps trying for ever, with back-off."""
        self._client.connect_async(
            self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s
        )
        self._client.loop_start()

    def publish(self, messages: list[tuple[str, bytes]]) -> None:
        """Hand messages to paho while a session is up; what it does not deliver is sent again later."""
        if not self._client.is_connected():
            return
        for topic, payload in messages:
            self._client.publish(topic, payload, qos=QOS)

    def stop(self) -> None:
        """End the session and the network thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning(
                "event=broker_refused host=%s port=%d reason=%s",
                self._settings.host,
                self._settings.port,
                reason,
            )
            return
        client.subscribe(self._filters)

    def _subscribed(
        self,
        client: Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error(
                "event=subscription_refused host=%s port=%d reasons=%s effect=nothing_is_sent",
                self._settings.host,
                self._settings.port,
                [str(reason) for reason in reasons],
            )
            return
        log.info("event=broker_up host=%s port=%d", self._settings.host, self._settings.port)
        self._on_change(True)

    def _disconnected(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        log.warning(
            "event=broker_down host=%s port=%d reason=%s", self._settings.host, self._settings.port, reason
        )
        self._on_change(False)

    def _message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload))
