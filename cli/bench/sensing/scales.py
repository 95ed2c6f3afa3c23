"""Baselines for weighed shelves, as they are found in the field: what is told as soon as the weight moves."""

from collections import deque
from statistics import fmean, median
from typing import Final

import msgspec

SHORT_MS: Final = 200
LONG_MS: Final = 1_000
MOVED_G: Final = 20.0
SETTLED_MS: Final = 400
SETTLED_RANGE_G: Final = 40.0
SETTLED_STEP_G: Final = 10.0


class Told(msgspec.Struct, frozen=True):
    """A step that a method tells: when, on which plate, by how much, and what it was."""

    at_ms: int
    plate: str
    grams: float
    items: tuple[tuple[str, int], ...]
    ambiguous: bool = False


def nearest_sku(grams: float, unit_weight_g: dict[str, float]) -> tuple[tuple[str, int], ...]:
    """Return one unit of the SKU whose weight is nearest."""
    sku = min(unit_weight_g, key=lambda name: (abs(unit_weight_g[name] - abs(grams)), name))
    return ((sku, -1 if grams < 0 else 1),)


def moving_average_difference(
    plate: str, times_ms: list[int], readings_g: list[float], unit_weight_g: dict[str, float]
) -> list[Told]:
    """Tell a step whenever the short moving average leaves the long one by more than 20 g.

    It is told again only after the two have met.
    """
    told: list[Told] = []
    window: deque[tuple[int, float]] = deque()
    armed = True
    for at_ms, grams in zip(times_ms, readings_g, strict=True):
        window.append((at_ms, grams))
        while at_ms - window[0][0] >= LONG_MS:
            window.popleft()
        short = [value for seen, value in window if at_ms - seen < SHORT_MS]
        long = [value for seen, value in window if at_ms - seen >= SHORT_MS]
        if not long:
            continue
        difference_g = fmean(short) - fmean(long)
        if armed and abs(difference_g) > MOVED_G:
            told.append(Told(at_ms, plate, difference_g, nearest_sku(difference_g, unit_weight_g)))
        armed = abs(difference_g) <= MOVED_G
    return told


def settle_step_10(
    plate: str, times_ms: list[int], readings_g: list[float], unit_weight_g: dict[str, float]
) -> list[Told]:
    """Tell a step of more than 10 g between two spans of 0.4 s with a range below 40 g; the nearest SKU it is."""
    told: list[Told] = []
    window: deque[tuple[int, float]] = deque()
    reference_g: float | None = None
    for at_ms, grams in zip(times_ms, readings_g, strict=True):
        window.append((at_ms, grams))
        while at_ms - window[0][0] >= SETTLED_MS:
            window.popleft()
        values = [value for _, value in window]
        if len(values) < 4 or max(values) - min(values) > SETTLED_RANGE_G:
            continue
        settled_g = median(values)
        if reference_g is None:
            reference_g = settled_g
        step_g = settled_g - reference_g
        if abs(step_g) > SETTLED_STEP_G:
            told.append(Told(at_ms, plate, step_g, nearest_sku(step_g, unit_weight_g)))
            reference_g = settled_g
        else:
            reference_g += 0.2 * step_g
    return told
