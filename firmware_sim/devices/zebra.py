"""Twin of a Zebra reader with IoT Connector that publishes over MQTT.

One payload holds up to ``events_per_payload`` events, joined without a delimiter. A heartbeat goes out
every :data:`HEARTBEAT_MS`, tags or none, with a number of its own. Events wait in a bounded queue; while
the broker is away the oldest are lost, which shows in the numbers of those that follow. On the way an
event may be doubled, overtaken by the next one or lost, and a payload cut in two, by seeded chance.
"""

from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Final

import msgspec

from contract.wire import zebra_json
from firmware_sim.model import PublishingReaderTwin, Sighting

QUEUE_EVENTS: Final = 1_000
HEARTBEAT_MS: Final = 10_000


class ZebraMischief(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to reports between the reader's radio and the broker, each as a probability.

    Attributes:
        doubled: an event is sent twice.
        overtaken: an event changes places with the one behind it.
        lost: an event keeps its number and is not sent.
        cut: a payload is sent in two.
    """

    doubled: float = 0.0
    overtaken: float = 0.0
    lost: float = 0.0
    cut: float = 0.0


class ZebraTwin(PublishingReaderTwin):
    """One reader.

    Args:
        topic: where it publishes.
        hostname: what it calls itself, None for events without it.
        events_per_payload: how many events it joins.
        mischief: what goes wrong on the way.
        seed: of that chance.
        queue_events: how many events it keeps.

    Attributes:
        lost_events: events that got a number and were never published.
    """

    def __init__(
        self,
        *,
        topic: str,
        hostname: str | None = "FX9600F10AE0",
        events_per_payload: int = 1,
        mischief: ZebraMischief | None = None,
        seed: int = 0,
        queue_events: int = QUEUE_EVENTS,
    ) -> None:
        self._topic = topic
        self._hostname = hostname
        self._events_per_payload = events_per_payload
        self._mischief = mischief or ZebraMischief()
        self._chance = Random(seed)  # noqa: S311 - faults that repeat with their seed
        self._queue: deque[bytes] = deque()
        self._queue_events = queue_events
        self._event_num = 0
        self._next_heartbeat = 0
        self.lost_events = 0

    def restart(self) -> None:
        """Lose power: what waits is gone, and numbers begin again."""
        self.lost_events += len(self._queue)
        self._queue.clear()
        self._event_num = 0
        self._next_heartbeat = 0

    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """Queue one event per singulation."""
        for sighting in sightings:
            self._event_num += 1
            if self._happens(self._mischief.lost):
                self.lost_events += 1
                continue
            event = zebra_json.encode_event(
                zebra_json.TagEvent(
                    epc=sighting.epc,
                    mode="CUSTOM",
                    event_num=self._event_num,
                    antenna=sighting.antenna,
                    rssi_dbm=round(sighting.rssi_dbm),
                    phase_deg=round(sighting.phase_deg, 2),
                    frequency_khz=sighting.frequency_khz,
                    hostname=self._hostname,
                    timestamp=zebra_json.timestamp_text(now),
                )
            )
            self._queue.append(event)
            if self._happens(self._mischief.doubled):
                self._queue.append(event)
            if len(self._queue) > 1 and self._happens(self._mischief.overtaken):
                self._queue[-1], self._queue[-2] = self._queue[-2], self._queue[-1]
        while len(self._queue) > self._queue_events:
            self._queue.popleft()
            self.lost_events += 1

    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return what is due, as (topic, payload)."""
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_MS
            self._queue.append(zebra_json.encode_event(zebra_json.OtherEvent("heartbeat")))
        events = list(self._queue)
        self._queue.clear()
        due: list[bytes] = []
        for at in range(0, len(events), self._events_per_payload):
            payload = b"".join(events[at : at + self._events_per_payload])
            if self._happens(self._mischief.cut):
                middle = self._chance.randrange(1, len(payload))
                due += [payload[:middle], payload[middle:]]
            else:
                due.append(payload)
        return [(self._topic, payload) for payload in due]

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._chance.random() < probability
