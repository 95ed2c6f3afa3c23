"""Tell waiting readers that something was committed, without telling them what.

A reader remembers the count it last saw and waits for a greater one; a burst of commits wakes it once.
Nothing is queued, so a slow reader costs nothing and reads on from its own position.
"""

import asyncio


class Signals:
    """A counter of commits that coroutines of one loop can wait on."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()
        self.closed = False

    def committed(self) -> None:
        """Something was committed."""
        self.count += 1
        self._event.set()
        self._event = asyncio.Event()

    def close(self) -> None:
        """The hub is stopping: wake everybody for the last time."""
        self.closed = True
        self.committed()

    async def wait(self, seen: int, timeout_s: float) -> bool:
        """Wait until the count differs from ``seen``; False when the time ran out first."""
        if self.count != seen or self.closed:
            return True
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return False
        return True
