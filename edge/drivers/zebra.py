"""Zebra FX7500, FX9600, FXR90 and ATR7000 with IoT Connector: UHF RFID readers that report by themselves.

The reader is configured by its own web page or REST interface, region included; the driver only listens.
A payload is an event, several of them, or a piece of one: an object that is cut across MQTT payloads or
TCP chunks is put together again.

The reader numbers its tag events. A jump of that number means that events were lost on the way, and is
reported as an error with how many; a number that comes again or late is none, and one far below the
highest means that the reader has restarted. Heartbeats (``heartbeat`` in the reader's event
configuration, every ten seconds in the recorded logs) keep the zones of a reader without tags alive, so
leave them on. What the reader's clock says is used when it is near the time of arrival. Not run on real
hardware.
"""

from typing import Final

from contract.wire import zebra_json
from edge.driver import DriverSpec, StreamDriver
from edge.drivers._listening import ListeningSettings
from edge.model import Read, TagRead

LATE_EVENTS: Final = 100
"""An event whose number is lower by up to this was overtaken; by more, the reader counts anew."""


class ZebraDriver(StreamDriver[zebra_json.Event]):
    """Listens to one reader."""

    def __init__(self, device: str, settings: ListeningSettings) -> None:
        self._settings = settings
        self._highest: int | None = None
        super().__init__(device)

    def _codec_for_line(self) -> zebra_json.ZebraCodec:
        return zebra_json.ZebraCodec()

    def _begin(self, now: int) -> None:  # noqa: ARG002 - nothing is timed from here
        self._highest = None

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Return the reads of a payload, and account for what follows its last object."""
        reads = super().receive(data, now)
        if isinstance(self._codec, zebra_json.ZebraCodec) and not self._codec.inside:
            reads += self.disconnected(now)
            if not reads:
                return [self._status("alive", now, "empty report")]
        return reads

    def _take(self, frame: zebra_json.Event, now: int) -> list[Read]:
        if isinstance(frame, zebra_json.OtherEvent):
            return [self._status("alive", now, frame.event_type)]
        if frame.hostname is not None and self._settings.hostname not in (None, frame.hostname):
            return []
        tag = TagRead(
            device=self._device,
            at=self._settings.time_of(frame.at, now),
            epc=frame.epc,
            antenna=frame.antenna or 1,
            rssi_dbm=frame.rssi_dbm,
            phase_deg=frame.phase_deg,
            frequency_khz=frame.frequency_khz,
            reads=frame.reads,
            pc=frame.pc,
            tid=frame.tid,
        )
        lost = self._lost_before(frame.event_num)
        if not lost:
            return [tag]
        events = "event was" if lost == 1 else "events were"
        return [tag, self._status("error", now, f"gap: {lost} {events} lost before event {frame.event_num}")]

    def _lost_before(self, number: int | None) -> int:
        """Return how many events are missing before this one."""
        if number is None:
            return 0
        highest = self._highest
        if highest is None or number < highest - LATE_EVENTS:
            self._highest = number
            return 0
        self._highest = max(highest, number)
        return max(0, number - highest - 1)


EXAMPLES = (
    b'{"data":{"antenna":1,"channel":866.3,"eventNum":16511,"format":"epc",'
    b'"idHex":"e28011700000020d2a412182","peakRssi":-60,"phase":-170.4800567626953,"reads":1},'
    b'"timestamp":"2026-03-28T07:20:13.028+0000","type":"CUSTOM"}\n'
    b'[{"data":{"CRC":"518e","PC":"3000","antenna":1,"channel":927.25,"eventNum":16512,'
    b'"format":"epc","idHex":"ad99160040aac99525000025","peakRssi":-54,"phase":0.0,"reads":9},'
    b'"timestamp":"2023-02-24T10:14:42.851+0000","type":"INVENTORY"}'
).splitlines()

DRIVER = DriverSpec(
    name="zebra",
    title="Zebra FX7500, FX9600, FXR90, ATR7000 (IoT Connector)",
    kind="rfid",
    transports=("mqtt", "http", "tcp"),
    protocol="zebra_json",
    settings=ListeningSettings,
    build=ZebraDriver,
    silent_after_ms=30_000,
    tier="silver",
    notes="Listens to the reader's own events, leave its heartbeat on; lost events are told by their numbers.",
    examples=tuple(EXAMPLES),
)
