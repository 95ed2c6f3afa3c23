"""What is going to happen, at exact milliseconds.

A heap of (time, order of entry, action). Two actions of the same millisecond run in the order in which
they were entered, so a run never depends on how often the world is stepped.
"""

import heapq
from collections.abc import Callable

Action = Callable[[int], None]


class Agenda:
    """Actions in order of time."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._entered = 0

    def at(self, at: int, action: Action) -> None:
        """Enter an action; it is called with its own time."""
        heapq.heappush(self._heap, (at, self._entered, action))
        self._entered += 1

    def next_at(self) -> int | None:
        """Return the time of the first action, None when there is none."""
        return self._heap[0][0] if self._heap else None

    def run_until(self, now: int) -> None:
        """Run every action up to and including ``now``, also those entered on the way."""
        while self._heap and self._heap[0][0] <= now:
            at, _, action = heapq.heappop(self._heap)
            action(at)
