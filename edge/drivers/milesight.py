"""Milesight VS125, VS133-P, VS135-P and VS121-P: people counts as JSON over MQTT or HTTP.

Totals count where there are any, else what a crossing triggers, else intervals, and never two of them for
the same line. VS121-P tells how many people are there; that is a status here.
"""

import msgspec

from contract.wire import milesight_json
from edge.driver import DriverSpec
from edge.drivers._payload_counter import MaxSkewS, PayloadCounterDriver
from edge.model import Read


class MilesightSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Milesight counter with a network port.

    Attributes:
        trigger_totals: line_trigger_data carries totals; false where it says how many crossed just now.
        swap: the sensor's "in" is the way out.
        max_skew_s: take the counter's time when it differs from the time of arrival by this at most.
    """

    trigger_totals: bool = True
    swap: bool = False
    max_skew_s: MaxSkewS = 3_600


class MilesightDriver(PayloadCounterDriver):
    """Host side of one counter."""

    def __init__(self, device: str, settings: MilesightSettings) -> None:
        self._trigger_totals = settings.trigger_totals
        super().__init__(device, swap=settings.swap, max_skew_s=settings.max_skew_s)

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Read one payload."""
        return self._reads(milesight_json.parse_payload(data, trigger_totals=self._trigger_totals), now)


def _example(block: str, **figures: int) -> bytes:
    times = {"start_time": "2026-07-31T20:30:00-00:00", "end_time": "2026-07-31T20:31:00-00:00"}
    lines = [{"line": 1, "line_name": "Line1", "total": figures}]
    return msgspec.json.encode({"device_info": {"device_sn": "6537F2"}, "time_info": times, block: lines})


DRIVER = DriverSpec(
    name="milesight",
    title="Milesight VS125, VS133-P, VS135-P, VS121-P",
    kind="counter",
    transports=("mqtt", "http"),
    protocol="milesight_json",
    settings=MilesightSettings,
    build=MilesightDriver,
    silent_after_ms=300_000,
    tier="silver",
    notes="Totals before triggers before intervals; what a trigger's figures mean is not certain.",
    examples=(
        _example("line_total_data", in_counted=8442, out_counted=15583),
        _example("line_trigger_data", **{"in": 27, "out": 27}),
        _example("line_periodic_data", **{"in": 5, "out": 7}),
    ),
)
