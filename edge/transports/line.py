"""What the agent knows of a line: start, write, stop. The three callbacks go the other way.

``on_open()`` when the line is up, ``on_close(why)`` with one sentence when it cannot be opened or went
away (once per outage, not per try), ``on_bytes(data)`` for what came. They may be called from any
thread. A line opens itself again, with back-off, until it is stopped.
"""

from collections.abc import Iterator
from typing import Final, Protocol

FIRST_RETRY_S: Final = 0.5
MAX_RETRY_S: Final = 10.0


class Line(Protocol):
    """One device's line."""

    def start(self) -> None:
        """Open the line and keep it open. Called on the agent's loop."""

    def write(self, data: bytes) -> None:
        """Send; dropped while the line is closed, as on a real one."""

    async def stop(self) -> None:
        """Close the line for good."""


def pauses() -> Iterator[float]:
    """Yield how long to wait before each further try, in seconds: doubling up to a bound."""
    pause = FIRST_RETRY_S
    while True:
        yield pause
        pause = min(pause * 2, MAX_RETRY_S)
