"""Try-ons: an item in hand long enough to be tried and short enough to still be one visit.

A put-back 8 to 300 s after the pick-up is a try-on that ended ``returned``; shorter is a ``touch``,
longer is none (the item was carried about or the tag was shaded). An item picked up and then sold is a
try-on that ended ``sold``, see :mod:`hub.projections.labels`.
"""

from typing import Final, Literal

SHORTEST_S: Final = 8
LONGEST_S: Final = 300

Outcome = Literal["touch", "returned", "too_long"]


def outcome_of(picked_ms: int, put_back_ms: int) -> Outcome:
    """Classify a put-back by its dwell; a put-back before its pick-up (clocks) is a touch."""
    dwell_ms = put_back_ms - picked_ms
    if dwell_ms < SHORTEST_S * 1000:
        return "touch"
    if dwell_ms <= LONGEST_S * 1000:
        return "returned"
    return "too_long"
