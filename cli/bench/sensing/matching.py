"""Which told event stands for which true one.

Greedy, in order of truth: a true event takes the earliest unused told event of the same key that lies
within the tolerance. A told event that nobody takes is false, a true one that finds none is missed. Times
are when the method told it, not when it says it happened: a late answer costs.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable
from statistics import median

import msgspec

Event = tuple[Hashable, int]


class Matching(msgspec.Struct, frozen=True):
    """The outcome.

    Attributes:
        pairs: (true, told) events, each (key, ms).
        missed: true events without a told one.
        false: told events without a true one.
    """

    pairs: tuple[tuple[Event, Event], ...]
    missed: tuple[Event, ...]
    false: tuple[Event, ...]

    @property
    def precision(self) -> float | None:
        """Share of told events that are true; None when none was told."""
        told = len(self.pairs) + len(self.false)
        return len(self.pairs) / told if told else None

    @property
    def recall(self) -> float | None:
        """Share of true events that were told; None when there was none."""
        true = len(self.pairs) + len(self.missed)
        return len(self.pairs) / true if true else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None when nothing happened and nothing was told."""
        total = 2 * len(self.pairs) + len(self.missed) + len(self.false)
        return 2 * len(self.pairs) / total if total else None

    @property
    def delays_s(self) -> list[float]:
        """Told minus true time of each pair, in seconds."""
        return [(told[1] - true[1]) / 1000 for true, told in self.pairs]

    @property
    def delay_p50_s(self) -> float | None:
        """Median delay; None without a pair."""
        return median(self.delays_s) if self.pairs else None


def match(true: Iterable[Event], told: Iterable[Event], before_ms: int, after_ms: int) -> Matching:
    """Pair events of equal keys.

    Args:
        true: what happened: (key, ms).
        told: what a method said: (key, ms at which it said so).
        before_ms: how much earlier than the truth it may be told.
        after_ms: how much later.
    """
    waiting: defaultdict[Hashable, list[int]] = defaultdict(list)
    for key, at in sorted(told, key=lambda event: event[1]):
        waiting[key].append(at)
    pairs, missed = [], []
    for key, at in sorted(true, key=lambda event: event[1]):
        times = waiting.get(key, [])
        first = bisect_left(times, at - before_ms)
        if first < len(times) and times[first] <= at + after_ms:
            pairs.append(((key, at), (key, times.pop(first))))
        else:
            missed.append((key, at))
    false = [(key, at) for key, times in waiting.items() for at in times]
    return Matching(tuple(pairs), tuple(missed), tuple(sorted(false, key=lambda event: event[1])))
