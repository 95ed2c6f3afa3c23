"""Terabee TeraRanger Evo People Counter and Swipe Plus: people crossing a line, on a serial line.

The device talks by itself: a count frame at each crossing, with totals since power-up, and distances in
between. Totals go on as they are; resets and the 16-bit wrap are found where deltas are made. Distance
frames only show that the device is alive, and do so once a second at most.
"""

import msgspec

from contract.wire import terabee
from edge.driver import DriverSpec, StreamDriver
from edge.model import CountRead, Read

ALIVE_EVERY_MS = 1_000


class TerabeeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Terabee counter.

    Attributes:
        with_sensor_id: count frames carry the four-byte sensor id (People Counter manual of 2021).
        swap: the sensor hangs the other way round: its "in" is the way out.
    """

    with_sensor_id: bool = False
    swap: bool = False


class TerabeeDriver(StreamDriver[terabee.Frame]):
    """Host side of one counter; it sends nothing."""

    def __init__(self, device: str, settings: TerabeeSettings) -> None:
        self._settings = settings
        self._next_alive: int | None = None
        super().__init__(device)

    def _codec_for_line(self) -> terabee.TerabeeCodec:
        return terabee.TerabeeCodec(with_sensor_id=self._settings.with_sensor_id)

    def _begin(self, now: int) -> None:  # noqa: ARG002 - nothing is timed from here
        self._next_alive = None

    def _take(self, frame: terabee.Frame, now: int) -> list[Read]:
        match frame:
            case terabee.Count(entered=entered, left=left):
                if self._settings.swap:
                    entered, left = left, entered
                return [
                    CountRead(
                        device=self._device, at=now, line="1", entered=entered, left=left, cumulative=True
                    )
                ]
            case terabee.Distance():
                if self._next_alive is not None and now < self._next_alive:
                    return []
                self._next_alive = now + ALIVE_EVERY_MS
                return [self._status("alive", now, "distances")]
            case terabee.Command():
                return [self._unknown(terabee.encode(frame), now, "an echo of a command")]


DRIVER = DriverSpec(
    name="terabee",
    title="Terabee TeraRanger Evo People Counter, Swipe Plus",
    kind="counter",
    transports=("serial",),
    protocol="terabee",
    settings=TerabeeSettings,
    build=TerabeeDriver,
    silent_after_ms=10_000,
    baud=terabee.BAUD,
    tier="bronze",
    notes="Totals since power-up; byte order after the manual's commands, not verified on a device.",
    examples=(terabee.encode(terabee.Count(42, 37, 5)), terabee.encode(terabee.Count(65_535, 0, -1))),
    unknown=terabee.encode(terabee.Command(terabee.RESET_COUNTERS)),
)
