"""Xovis 3D sensors, firmware 5: logics pushed over HTTP or published over MQTT.

Each record of a logic is an interval and counts once. Live data shows that the sensor is alive; its line
crossings are people whom the logics count too. A sensor usually has several logics; ``lines`` names those
that count, where some count the same people (with and without staff, for example). A ``line`` in the device's
configuration names all that count together.
"""

import msgspec

from contract.wire import xovis_json
from contract.wire.base import Reject
from contract.wire.counting import Frame, LineCount
from edge.driver import DriverSpec
from edge.drivers._payload_counter import MaxSkewS, PayloadCounterDriver
from edge.model import Read


class XovisSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Xovis sensor.

    Attributes:
        lines: take these logics only, by their names as ids (``main-entrance``); empty for all of them.
        swap: forward is the way out.
        max_skew_s: take the sensor's time when it differs from the time of arrival by this at most.
    """

    lines: tuple[str, ...] = ()
    swap: bool = False
    max_skew_s: MaxSkewS = 3_600


class XovisDriver(PayloadCounterDriver):
    """Host side of one sensor."""

    def __init__(self, device: str, settings: XovisSettings) -> None:
        self._lines = frozenset(settings.lines)
        super().__init__(device, swap=settings.swap, max_skew_s=settings.max_skew_s)

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Read one push."""
        frames = xovis_json.parse_payload(data)
        reads = self._reads((frame for frame in frames if self._is_mine(frame)), now)
        return reads or [self._status("alive", now, "a push for other lines")]

    def _is_mine(self, frame: Frame | Reject) -> bool:
        return not (self._lines and isinstance(frame, LineCount)) or frame.line in self._lines


def _example(package: int, entered: int, left: int) -> bytes:
    counts = [{"name": "fw", "value": entered}, {"name": "bw", "value": left}]
    record = {"from": "2026-03-12T11:59:00Z", "to": "2026-03-12T12:00:00Z", "counts": counts}
    logics = [{"id": 1, "name": "Main Entrance", "records": [record]}]
    info = {"version": "5.0", "id": package, "agent_id": 1000}
    return msgspec.json.encode({"logics_data": {"package_info": info, "logics": logics}})


DRIVER = DriverSpec(
    name="xovis",
    title="Xovis PC series, firmware 5",
    kind="counter",
    transports=("http", "mqtt"),
    protocol="xovis_json",
    settings=XovisSettings,
    build=XovisDriver,
    silent_after_ms=300_000,
    tier="bronze",
    notes="Logics push as JSON; intervals by logic; lost packages are reported. Vendor manual not seen.",
    examples=(_example(41, 4, 2), _example(42, 0, 3)),
)
