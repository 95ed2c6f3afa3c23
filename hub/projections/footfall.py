"""People in and out: sums per counting line and quarter of an hour, and what follows from them.

A quarter is the coarsest bucket from which local hours can be built in every time zone in use.
Occupancy within a business day is the running difference of the sums, held at zero where a counter
missed people coming in. It starts anew when the store closes; what the day's sums leave over then is the
counter's error, and is told as the residual.

Raw counts, estimates, who turned round and staff are sums of their own. Estimates are kept in thousandths
of a person, because sums of integers are the same in every order.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from contract.messages import PeopleCounted

BUCKET_MS: Final = 15 * 60_000
MAX_PER_REPORT: Final = 1_000_000


def bucket_of(at: int) -> int:
    """Return the start of the quarter hour that holds ``at``."""
    return at - at % BUCKET_MS


def plausible(count: int) -> int:
    """Bound one report, so that a broken counter cannot overflow a sum."""
    return min(count, MAX_PER_REPORT)


class Sums(NamedTuple):
    """What was counted on one line in one quarter of an hour.

    Attributes:
        entered, left_: raw counts.
        entered_milli, left_milli: how many people those are on average, in thousandths; the raw count where
            the counter gives no estimate.
        turned: came into the doorway and went back.
        staff_entered, staff_left: of the raw counts.
    """

    entered: int = 0
    left_: int = 0
    entered_milli: int = 0
    left_milli: int = 0
    turned: int = 0
    staff_entered: int = 0
    staff_left: int = 0


def sums_of(event: PeopleCounted) -> Sums:
    """Return what one report adds; there are never more staff than people."""
    entered, left = plausible(event.entered), plausible(event.left)
    staff_entered = min(event.staff, entered)
    return Sums(
        entered=entered,
        left_=left,
        entered_milli=_milli(event.estimated_entered, entered),
        left_milli=_milli(event.estimated_left, left),
        turned=plausible(event.turned),
        staff_entered=staff_entered,
        staff_left=min(event.staff - staff_entered, left),
    )


def add(one: Sums, other: Sums) -> Sums:
    """Return both together."""
    return Sums(*(a + b for a, b in zip(one, other, strict=True)))


def _milli(estimate: float | None, count: int) -> int:
    return 1000 * count if estimate is None else round(1000 * estimate)


def occupancy(steps: Iterable[tuple[int, int]]) -> list[int]:
    """Return people inside after each (entered, left) step, starting from nobody, never negative."""
    inside, course = 0, []
    for entered, left in steps:
        inside = max(0, inside + entered - left)
        course.append(inside)
    return course


def conversion(transactions: int, customers: int) -> float | None:
    """Return sales per person, staff apart, who came in; None when nobody did."""
    return transactions / customers if customers > 0 else None
