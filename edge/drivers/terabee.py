"""Terabee TeraRanger Evo People Counter and Swipe Plus: people crossing a line, on a serial line.

The device talks by itself: a count frame at each crossing, with totals since power-up, and distances in
between. Totals go on as they are; resets and the 16-bit wrap are found where deltas are made. Distance
frames only show that the device is alive, and do so once a second at most.
"""

import msgspec

from contract.wire import terabee
from contract.wire.base import Reject
from edge.model import CountRead, Driver, DriverSpec, Read, RejectRead, StatusRead

ALIVE_EVERY_MS = 1_000


class TerabeeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Terabee counter.

    Attributes:
        with_sensor_id: count frames carry the four-byte sensor id (People Counter manual of 2021).
        swap: the sensor hangs the other way round: its "in" is the way out.
    """

    with_sensor_id: bool = False
    swap: bool = False


class TerabeeDriver(Driver):
    """Host side of one counter; it sends nothing."""

    def __init__(self, device: str, settings: TerabeeSettings) -> None:
        self._device = device
        self._settings = settings
        self.connected(0)

    def connected(self, now: int) -> None:  # noqa: ARG002 - nothing is timed from here
        """Forget half a frame."""
        self._codec = terabee.TerabeeCodec(with_sensor_id=self._settings.with_sensor_id)
        self._next_alive: int | None = None

    def disconnected(self, now: int) -> list[Read]:
        """Account for half a frame."""
        left = self._codec.close()
        return [] if left is None else [self._reject(left, now)]

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Decode the frames that came."""
        self._codec.feed(data)
        reads: list[Read] = []
        while (frame := self._codec.next_frame()) is not None:
            match frame:
                case Reject():
                    reads.append(self._reject(frame, now))
                case terabee.Count(entered=entered, left=left):
                    if self._settings.swap:
                        entered, left = left, entered
                    reads.append(
                        CountRead(
                            device=self._device, at=now, line="1", entered=entered, left=left, cumulative=True
                        )
                    )
                case terabee.Distance():
                    if self._next_alive is None or now >= self._next_alive:
                        self._next_alive = now + ALIVE_EVERY_MS
                        reads.append(
                            StatusRead(device=self._device, at=now, what="alive", detail="distances")
                        )
                case terabee.Command():
                    raw = terabee.encode(frame)
                    reads.append(
                        RejectRead(
                            device=self._device,
                            at=now,
                            reason="unknown",
                            raw=raw,
                            detail="an echo of a command",
                        )
                    )
        return reads

    def _reject(self, reject: Reject, now: int) -> RejectRead:
        return RejectRead(
            device=self._device, at=now, reason=reject.reason, raw=reject.raw, detail=reject.detail
        )


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
)
