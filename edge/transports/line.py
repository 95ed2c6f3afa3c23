"""What the agent knows of a line: start, write, stop. The three callbacks go the other way.

``on_open()`` when the line is up, ``on_close(why)`` with one sentence when it cannot be opened or went
away (once per outage, not per try), ``on_bytes(data)`` for what came. They may be called from any
thread. A line opens itself again, with back-off, until it is stopped.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

FIRST_RETRY_S: Final = 0.5
MAX_RETRY_S: Final = 10.0
STEADY_S: Final = 5.0


class Line(Protocol):
    """One device's line."""

    def start(self) -> None:
        """Open the line and keep it open. Called on the agent's loop."""

    def write(self, data: bytes) -> None:
        """Send; dropped while the line is closed, as on a real one."""

    async def stop(self) -> None:
        """Close the line for good."""


class Ended(NamedTuple):
    """What follows from the end of one try.

    Attributes:
        news: the reason was not told before.
        tell: the agent must hear of it: it is news, or a line that was open has gone.
        pause_s: how long to wait before the next try.
    """

    news: bool
    tell: bool
    pause_s: float


class Outage:
    """Judges one ended try after the other: each outage is told once, and no line is hammered.

    A line that was open for less than :data:`STEADY_S` counts as failed: the next pause is longer, and the
    same reason is no news.
    """

    def __init__(self) -> None:
        self._waits, self._told = pauses(), ""

    def ended(self, why: str, *, was_open: bool, lasted_s: float) -> Ended:
        """Take note of a try that ended with ``why`` after ``lasted_s``."""
        if was_open and lasted_s >= STEADY_S:
            self._waits, self._told = pauses(), ""
        news, self._told = why != self._told, why
        return Ended(news, was_open or news, next(self._waits))


def pauses() -> Iterator[float]:
    """Yield how long to wait before each further try, in seconds: doubling up to a bound."""
    pause = FIRST_RETRY_S
    while True:
        yield pause
        pause = min(pause * 2, MAX_RETRY_S)
