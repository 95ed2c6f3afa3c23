"""People in and out: sums per counting line and quarter of an hour, and what follows from them.

A quarter is the coarsest bucket from which local hours can be built in every time zone in use.
Occupancy within a business day is the running difference of the sums, held at zero where a counter
missed people coming in.
"""

from collections.abc import Iterable
from typing import Final

BUCKET_MS: Final = 15 * 60_000
MAX_PER_REPORT: Final = 1_000_000


def bucket_of(at: int) -> int:
    """Return the start of the quarter hour that holds ``at``."""
    return at - at % BUCKET_MS


def plausible(count: int) -> int:
    """Bound one report, so that a broken counter cannot overflow a sum."""
    return min(count, MAX_PER_REPORT)


def occupancy(steps: Iterable[tuple[int, int]]) -> list[int]:
    """Return people inside after each (entered, left) step, starting from nobody, never negative."""
    inside, course = 0, []
    for entered, left in steps:
        inside = max(0, inside + entered - left)
        course.append(inside)
    return course


def conversion(transactions: int, entered: int) -> float | None:
    """Return sales per person who came in, None when nobody did."""
    return transactions / entered if entered > 0 else None
