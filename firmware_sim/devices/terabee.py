"""Twin of a Terabee people counter: totals since power-up at each crossing and once a second.

Totals are 16-bit and wrap; power loss and the documented reset command set them to zero. Distance
frames, which the device streams all the time, are sent every :data:`DISTANCE_EVERY_MS`.
"""

from typing import Final

from contract.wire import terabee
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import CounterTwin

COUNT_EVERY_MS: Final = 1_000
DISTANCE_EVERY_MS: Final = 200
FREE_MM: Final = 1_450
U16: Final = 0x10000
I32: Final = 0x80000000


class TerabeeTwin(CounterTwin):
    """One counter.

    Args:
        sensor_id: sent in count frames when not None.
        entered: total at the start, for a device that has been running.
        left: likewise.
        distances: stream distance frames.
    """

    def __init__(
        self, *, sensor_id: int | None = None, entered: int = 0, left: int = 0, distances: bool = True
    ) -> None:
        self.baud = terabee.BAUD
        self._sensor_id = sensor_id
        self._distances = distances
        self._line = SerialLine(self.baud)
        self._start(0, entered, left)

    def _start(self, now: int, entered: int, left: int) -> None:
        self._codec = terabee.TerabeeCodec(with_sensor_id=self._sensor_id is not None)
        self._line.clear()
        self._entered, self._left = entered, left
        self._next_count = self._next_distance = now

    def power_cycle(self, now: int) -> None:
        """Lose the totals."""
        self._start(now, 0, 0)

    def cross(self, *, entered: int, left: int, now: int) -> None:
        """Count people and report the new totals."""
        self._entered += entered
        self._left += left
        self._report(now)

    def receive(self, data: bytes, now: int) -> None:
        """Obey the reset command; parameter queries are not modelled."""
        self._codec.feed(data)
        while (frame := self._codec.next_frame()) is not None:
            if isinstance(frame, terabee.Command) and frame.body == terabee.RESET_COUNTERS:
                self._entered = self._left = 0
                self._report(now)

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left the counter's UART."""
        if now >= self._next_count:
            self._report(now)
        if self._distances and now >= self._next_distance:
            self._next_distance = now + DISTANCE_EVERY_MS
            self._line.report(terabee.encode(terabee.Distance(FREE_MM, FREE_MM)), now)
        return self._line.take(now)

    def _report(self, now: int) -> None:
        self._next_count = now + COUNT_EVERY_MS
        balance = (self._entered - self._left + I32) % (2 * I32) - I32
        count = terabee.Count(self._entered % U16, self._left % U16, balance, self._sensor_id)
        self._line.answer(terabee.encode(count), now)
