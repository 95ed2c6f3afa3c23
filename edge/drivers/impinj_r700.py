"""Impinj R700 over MQTT or as a webhook: UHF RFID from a reader that reports by itself.

The reader is configured by its own web page or REST interface, region included; the driver only
listens. Each payload is one event, lines of events or an array of them.

A reader without tags in its field must show life in another way, or its zones go blind. As a webhook it
posts an empty array as a keep-alive, once a second in the recorded guide. Over MQTT switch the
``inventoryStatus`` events on in its event configuration, which tell of the inventory's start and end;
whether they also come regularly was not confirmed, so without tags the zones may go blind after
:attr:`~edge.driver.DriverSpec.silent_after_ms`. ``keepAliveIntervalSeconds`` in the reader's MQTT and HTTP-stream settings keeps the
connection and sends no event over MQTT. Impinj's own interface document was not reached.

The reader stamps its reports. Its time is used when it is near the time of arrival; a reader whose
clock was never set would otherwise date its reads years back.
"""

from contract.wire import impinj_json
from contract.wire.base import Reject
from edge.driver import Driver, DriverSpec
from edge.drivers._listening import ListeningSettings
from edge.model import Read, TagRead


class ImpinjR700Driver(Driver):
    """Listens to one reader."""

    def __init__(self, device: str, settings: ListeningSettings) -> None:
        super().__init__(device)
        self._settings = settings

    def connected(self, now: int) -> None:
        """Nothing to remember: every payload is whole."""

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Return the reads of one payload."""
        events = impinj_json.parse_payload(data)
        if not events:
            return [self._status("alive", now, "empty report")]
        return [read for event in events if (read := self._take(event, now)) is not None]

    def _take(self, event: impinj_json.Event | Reject, now: int) -> Read | None:
        match event:
            case Reject():
                return self._reject(event, now)
            case impinj_json.OtherEvent(event_type=event_type):
                return self._status("alive", now, event_type)
            case impinj_json.TagEvent(hostname=hostname):
                if hostname is not None and self._settings.hostname not in (None, hostname):
                    return None
                return TagRead(
                    device=self._device,
                    at=self._settings.time_of(event.at, now),
                    epc=event.epc,
                    antenna=event.antenna or 1,
                    rssi_dbm=event.rssi_dbm,
                    phase_deg=event.phase_deg,
                    frequency_khz=event.frequency_khz,
                    pc=event.pc,
                    tid=event.tid,
                )


EXAMPLES = (
    b'{"timestamp":"2024-05-01T10:00:00.123456789Z","eventType":"tagInventory",'
    b'"tagInventoryEvent":{"epc":"4oARkaUDAGXybMv_","antennaPort":1,"peakRssiCdbm":-5750}}\n'
    b'[{"timestamp":"2024-05-01T10:00:01Z","eventType":"tagInventory",'
    b'"tagInventoryEvent":{"epcHex":"8A450224","antennaPort":2}}]'
).splitlines()

DRIVER = DriverSpec(
    name="impinj_r700",
    title="Impinj R700, R720 (IoT device interface)",
    kind="rfid",
    transports=("mqtt", "http"),
    protocol="impinj_json",
    settings=ListeningSettings,
    build=ImpinjR700Driver,
    silent_after_ms=30_000,
    tier="silver",
    notes="Listens to the reader's own events; region and power are set on the reader.",
    examples=tuple(EXAMPLES),
)
