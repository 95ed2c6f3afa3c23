"""Twin of an Impinj R700: one JSON event per MQTT message, or arrays of them as a webhook posts them.

Events wait in a bounded queue; while the other side is away the oldest are lost, and counted. An empty
field is silent for :data:`STATUS_EVERY_MS` and then says that its inventory runs; the webhook posts an
empty array every :data:`KEEP_ALIVE_MS` instead.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from contract.wire import impinj_json
from firmware_sim.model import PublishingReaderTwin, Sighting

QUEUE_EVENTS: Final = 1_000
STATUS_EVERY_MS: Final = 10_000
KEEP_ALIVE_MS: Final = 1_000
BATCH_EVENTS: Final = 100
STATUS_EVENT: Final = "inventoryStatus"


class ImpinjR700Twin(PublishingReaderTwin):
    """One reader.

    Args:
        topic: where it publishes; the path of a webhook.
        hostname: what it calls itself.
        webhook: publish arrays of events.
        queue_events: how many events it keeps.
    """

    def __init__(
        self,
        *,
        topic: str,
        hostname: str = "impinj-14-2f-f4",
        webhook: bool = False,
        queue_events: int = QUEUE_EVENTS,
    ) -> None:
        self._topic = topic
        self._hostname = hostname
        self._webhook = webhook
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
        events = list(self._queue)
        self._queue.clear()
        if self._webhook:
            self._next_status = now + KEEP_ALIVE_MS
            batches = [events[at : at + BATCH_EVENTS] for at in range(0, len(events), BATCH_EVENTS)]
            return [(self._topic, b"[" + b",".join(batch) + b"]") for batch in batches or [[]]]
        self._next_status = now + STATUS_EVERY_MS
        status = impinj_json.encode_event(impinj_json.OtherEvent(STATUS_EVENT))
        return [(self._topic, payload) for payload in events or [status]]
