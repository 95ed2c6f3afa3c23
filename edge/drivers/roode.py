"""Roode on ESPHome: entries and exits over MQTT; subscribe to ``PREFIX/#``.

Each direction that is published is one crossing, with two exceptions: what the broker had retained (the
transport drops that) and what ESPHome says again when it has connected. So a direction that follows the
device's ``online`` within ``restated_ms`` counts nobody. The device's own people counter is an occupancy that
users may set; it is a status.

Between crossings it says nothing by itself. A sensor that tells something every minute, such as ``wifi_signal``
of example configurations, keeps a quiet door from being taken for a silent device.
"""

from typing import Annotated, Final

import msgspec

from contract.wire import roode
from contract.wire.base import Reject
from contract.wire.counting import Frame, LineCount, Word
from edge.driver import DriverSpec
from edge.drivers._payload_counter import PayloadCounterDriver
from edge.model import Read

LOGS: Final = "/debug"


class RoodeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Roode counter.

    Attributes:
        restated_ms: a direction that comes so soon after the device came online is an old one.
        swap: the sensor hangs the other way round: an Entry is a way out.
    """

    restated_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 2_000
    swap: bool = False


class RoodeDriver(PayloadCounterDriver):
    """Host side of one counter."""

    def __init__(self, device: str, settings: RoodeSettings) -> None:
        self._restated_ms = settings.restated_ms
        self._crossings_from = 0
        super().__init__(device, swap=settings.swap, max_skew_s=0)

    def receive_on(self, topic: str, data: bytes, now: int) -> list[Read]:
        """Read one message."""
        if topic.endswith(LOGS):
            return [self._status("alive", now, "log")]
        frames = roode.parse_message(topic, data)
        return self._reads(frames, now) or [self._unknown(data, now, f"topic {topic!r} is not a state")]

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Read lines of ``TOPIC PAYLOAD``, as a bridge without topics sends them."""
        return self._reads(roode.parse_capture(data), now)

    def _read(self, frame: Frame | Reject, now: int) -> list[Read]:
        match frame:
            case Word(what=roode.ONLINE):
                self._crossings_from = now + self._restated_ms
                return [self._status("started", now, "online")]
            case Word(what=roode.OFFLINE):
                return [self._status("stopped", now, "offline")]
            case LineCount() if now < self._crossings_from:
                return [self._status("alive", now, "a direction that was told before")]
            case _:
                return super()._read(frame, now)


DRIVER = DriverSpec(
    name="roode",
    title="Roode people counter (VL53L1X on ESPHome)",
    kind="counter",
    transports=("mqtt",),
    protocol="roode",
    settings=RoodeSettings,
    build=RoodeDriver,
    silent_after_ms=120_000,
    tier="bronze",
    notes="Counts Entry and Exit; MQTT must be added to Roode's configuration. Topic: PREFIX/#.",
    examples=(
        b"roode/text_sensor/roode_last_direction/state Entry",
        b"roode/text_sensor/roode_last_direction/state Exit",
    ),
)
