"""The port every way in has: batches of deliveries, acknowledged after the commit, and a way to answer.

A source collects until ``batch_ms`` after the first message, or until the message that brings the batch
to ``batch_max`` observations. It must hand a
message out again, in this process or the next, until its batch was acknowledged; handing it out twice
is harmless, because the recorder knows what it has.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Delivery(NamedTuple):
    """Topic and payload of one message; topics are MQTT topics whatever the broker calls them."""

    topic: str
    payload: bytes


class ReceivedBatch(NamedTuple):
    """Deliveries in the order they came, and what the source needs to acknowledge them.

    Attributes:
        first_s: monotonic time at which the first of them came.
        token: the source's own.
    """

    deliveries: Sequence[Delivery]
    first_s: float
    token: Any


class Backlog(NamedTuple):
    """What has come to the broker and is not in a batch yet, as far as the source knows.

    Attributes:
        messages: at the broker and in the source.
        age_s: age of the oldest of them when a batch was last taken; 0 when none waits.
        dropped: messages that the source itself threw away at its bound, since it was made.
    """

    messages: int
    age_s: float
    dropped: int


def observations_in(payload: bytes | bytearray) -> int:
    """Return how many observations a message seems to hold, at least 1: its lines without the header."""
    return payload.count(b"\n") or 1


class Source(Protocol):
    """A broker connection that reconnects by itself until it is closed."""

    @property
    def connected(self) -> bool:
        """True while the broker is there."""

    @property
    def backlog(self) -> Backlog:
        """What waits to be taken."""

    async def open(self) -> None:
        """Start connecting; returns at once, also when the broker is away."""

    async def next_batch(self) -> ReceivedBatch:
        """Wait for messages and return the next batch."""

    async def acknowledge(self, batch: ReceivedBatch) -> None:
        """Tell the broker that everything in the batch is committed or answered for."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Send an answer; while the broker is away it is dropped, the edge will ask again."""

    async def close(self) -> None:
        """Stop and disconnect; nothing unacknowledged is lost."""
