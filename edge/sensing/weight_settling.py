"""From readings of a plate to steps between its quiet weights.

Strategy. Readings within 80 ms are averaged, so that a fast scale's readings shake no more than a slow one's.
The averages of the last 0.4 s are judged by their dispersion: the plate is quiet when their range is small beside the plate's own noise and the means of the window's halves agree. Quiet
for long enough, its weight is the median. A difference to the reference that is too small for any item is
drift, creep or temperature, and pulls the reference after it; a larger one is a step. The noise is
learned from the plate itself: a low quantile of the differences of successive readings, so that hands and
vibration do not count.

How often readings come hardly matters, and how they are cut into passes not at all: judgements are made at
times of readings. A scale that is asked rarely is judged by its last three.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Final

import msgspec

from edge.sensing.weight_settings import WeightSettings

HOP_MS: Final = 80
"""Short enough for a scale that reads ten times a second, long enough to even out 12 Hz."""
MIN_READINGS: Final = 3
SLOW_MS: Final = 2_500
"""A scale that is asked a few times a second gives fewer readings in the window; its last three decide
then, as long as they are from within this time."""
MAX_READINGS: Final = 200
NOISE_QUANTILE: Final = 0.2
NOISE_STEP: Final = 0.02
FIRST_NOISE_G: Final = 0.5
LEAST_NOISE_G: Final = 0.02
SD_OF_DIFFERENCE: Final = 1.4826 / math.sqrt(2.0)


class Settling(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one plate's readings.

    Attributes:
        means: the latest averages: (at, grams).
        open_g: readings since the last average.
        read_at: the last reading.
        judged_at: when the last average ended and the window was judged.
        quiet_since: when the window was first quiet, 0 while it is not.
        reference_g: the weight that steps are measured from, None before the plate was ever quiet.
        noise_g: standard deviation of the readings of a quiet plate.
    """

    means: tuple[tuple[int, float], ...] = ()
    open_g: tuple[float, ...] = ()
    read_at: int = 0
    judged_at: int = 0
    quiet_since: int = 0
    reference_g: float | None = None
    noise_g: float = FIRST_NOISE_G


class Settled(msgspec.Struct, frozen=True):
    """The plate settled at another weight.

    Attributes:
        at: when that was certain.
        grams: the weight now.
        step_g: … less the reference; the whole weight when there was none (``first``).
        error_g: standard deviation of the step by the readings' noise.
    """

    at: int
    grams: float
    step_g: float
    error_g: float
    first: bool


def settle(
    plate: Settling, readings: Sequence[tuple[int, float]], lightest_g: float, settings: WeightSettings
) -> tuple[Settling, list[Settled]]:
    """Fold readings (at, grams) into the state; return it with the steps that settled.

    Args:
        plate: state.
        readings: in order of time; one that is older than the last is left out.
        lightest_g: the lightest item that may lie here.
        settings: thresholds.
    """
    known, waiting = list(plate.means), list(plate.open_g)
    read_at, judged_at, quiet_since = plate.read_at, plate.judged_at, plate.quiet_since
    reference_g, noise_g = plate.reference_g, plate.noise_g
    steps: list[Settled] = []
    for at, grams in readings:
        if at <= read_at:
            continue
        if at - read_at > HOP_MS:
            waiting = []
        read_at = at
        waiting.append(grams)
        if at - judged_at < HOP_MS:
            continue
        elapsed_s, judged_at = min(at - judged_at, SLOW_MS) / 1000, at
        known.append((at, fmean(waiting)))
        waiting = []
        known = _recent(known, at, settings.window_ms + settings.stable_ms)
        window = _recent(known, at, settings.window_ms)
        if len(window) < MIN_READINGS or 2 * (at - window[0][0]) < settings.window_ms:
            quiet_since = 0
            continue
        values = [value for _, value in window]
        noise_g = _learn(noise_g, values)
        limit_g = max(settings.quiet_noises * noise_g, settings.quiet_range_g)
        if not _is_quiet(values, limit_g):
            quiet_since = 0
            continue
        quiet_since = quiet_since or at
        if at - quiet_since < settings.stable_ms:
            continue
        settled_g = median(value for seen, value in known if seen > quiet_since - settings.window_ms)
        step_g = settled_g - (reference_g or 0.0)
        error_g = noise_g * math.sqrt(2.0 / len(values))
        if reference_g is None:
            steps.append(Settled(at, settled_g, settled_g, error_g, first=True))
            reference_g = settled_g
        elif abs(step_g) >= max(settings.step_share * lightest_g, limit_g):
            steps.append(Settled(at, settled_g, step_g, error_g, first=False))
            reference_g = settled_g
        else:
            reference_g += (1.0 - math.exp(-elapsed_s / settings.rebase_s)) * step_g
    now = Settling(tuple(known), tuple(waiting), read_at, judged_at, quiet_since, reference_g, noise_g)
    return now, steps


def _recent(readings: list[tuple[int, float]], at: int, span_ms: int) -> list[tuple[int, float]]:
    """Return the readings of a span, or the last three of a slow scale."""
    inside = [reading for reading in readings if at - reading[0] < span_ms]
    if len(inside) <= MIN_READINGS:
        inside = [reading for reading in readings[-MIN_READINGS - 1 :] if at - reading[0] < SLOW_MS]
    return inside[-MAX_READINGS:]


def _is_quiet(values: list[float], limit_g: float) -> bool:
    half = len(values) // 2
    return (
        max(values) - min(values) <= limit_g
        and abs(fmean(values[:half]) - fmean(values[half:])) <= limit_g / 2
    )


def _learn(noise_g: float, values: list[float]) -> float:
    """Return the noise after one more window: a running quantile, up a little, down a little more."""
    seen_g = SD_OF_DIFFERENCE * median(abs(later - earlier) for earlier, later in pairwise(values))
    share = NOISE_QUANTILE if seen_g > noise_g else NOISE_QUANTILE - 1.0
    return max(LEAST_NOISE_G, noise_g * (1.0 + NOISE_STEP * share))
