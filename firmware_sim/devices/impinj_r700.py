"""Twin of an Impinj R700 that publishes over MQTT: one JSON event per message.

Events wait in a bounded queue; while the broker is away the oldest are lost, and counted. An empty
field is silent for :data:`STATUS_EVERY_MS` and then says that its inventory runs.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from contract.wire import impinj_json
from firmware_sim.model import MqttReaderTwin, Sighting

QUEUE_EVENTS: Final = 1_000
STATUS_EVERY_MS: Final = 10_000
STATUS_EVENT: Final = "inventoryStatus"


class ImpinjR700Twin(MqttReaderTwin):
    """One reader.

    Args:
        topic: where it publishes.
        hostname: what it calls itself.
        queue_events: how many events it keeps.
    """

    def __init__(
        self, *, topic: str, hostname: str = "impinj-14-2f-f4", queue_events: int = QUEUE_EVENTS
    ) -> None:
        self._topic = topic
        self._hostname = hostname
        self._queue: deque[bytes] = deque()
        self._queue_events = queue_events
        self._next_status = 0
        self.dropped_events = 0

    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """Queue one event per singulation."""
        for sighting in sightings:
            event = impinj_json.TagEvent(
                epc=sighting.epc,
                antenna=sighting.antenna,
                rssi_dbm=sighting.rssi_dbm,
                phase_deg=sighting.phase_deg,
                frequency_khz=sighting.frequency_khz,
                hostname=self._hostname,
                timestamp=impinj_json.timestamp_text(now),
            )
            self._queue.append(impinj_json.encode_event(event))
        while len(self._queue) > self._queue_events:
            self._queue.popleft()
            self.dropped_events += 1

    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return what is due, as (topic, payload)."""
        if not self._queue and now < self._next_status:
            return []
        if not self._queue:
            self._queue.append(impinj_json.encode_event(impinj_json.OtherEvent(STATUS_EVENT)))
        self._next_status = now + STATUS_EVERY_MS
        due = [(self._topic, payload) for payload in self._queue]
        self._queue.clear()
        return due
