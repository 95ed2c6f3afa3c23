"""The transmit side of a UART: bytes leave at the line's rate, and frames that cannot wait are dropped.

A real module keeps few reports. When more are made than the line carries, the oldest that have not
begun to leave are lost, and counted here. Answers to commands are never dropped.
"""

from collections import deque
from typing import Final

BITS_PER_BYTE: Final = 10
"""8N1: start bit, eight data bits, stop bit."""


class SerialLine:
    """Frames in, paced bytes out.

    Args:
        baud: line rate.
        backlog_ms: droppable frames wait for this much line time at most.
    """

    def __init__(self, baud: int, backlog_ms: int = 500) -> None:
        self.dropped_frames = 0
        self._bytes_per_ms = baud / BITS_PER_BYTE / 1000
        self._backlog_bytes = int(self._bytes_per_ms * backlog_ms)
        self.clear()

    def clear(self) -> None:
        """Forget everything that has not left."""
        self._leaving = bytearray()
        self._answers: deque[bytes] = deque()
        self._reports: deque[bytes] = deque()
        self._report_bytes = 0
        self._credit = 0.0
        self._at: int | None = None

    def idle(self) -> bool:
        """Return whether nothing waits to leave."""
        return not (self._leaving or self._answers or self._reports)

    def answer(self, frame: bytes, now: int) -> None:
        """Send a frame that must not be lost."""
        self._wake(now)
        self._answers.append(frame)

    def report(self, frame: bytes, now: int) -> None:
        """Send a frame that gives way to newer ones when the line is too slow."""
        self._wake(now)
        self._reports.append(frame)
        self._report_bytes += len(frame)
        while self._report_bytes > self._backlog_bytes and len(self._reports) > 1:
            self._report_bytes -= len(self._reports.popleft())
            self.dropped_frames += 1

    def drop_reports(self) -> None:
        """Forget the reports that have not begun to leave."""
        self._reports.clear()
        self._report_bytes = 0

    def take(self, now: int) -> bytes:
        """Return the bytes that left since the last call."""
        if self._at is None or self.idle():
            self._at = None
            return b""
        self._credit += max(0, now - self._at) * self._bytes_per_ms
        self._at = now
        count = int(self._credit)
        while len(self._leaving) < count and (self._answers or self._reports):
            self._leaving += self._answers.popleft() if self._answers else self._next_report()
        left = bytes(self._leaving[:count])
        del self._leaving[:count]
        self._credit -= len(left)
        if self.idle():
            self._at, self._credit = None, 0.0
        return left

    def _next_report(self) -> bytes:
        frame = self._reports.popleft()
        self._report_bytes -= len(frame)
        return frame

    def _wake(self, now: int) -> None:
        if self._at is None:
            self._at, self._credit = now, 0.0
