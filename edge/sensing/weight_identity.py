"""Which goods a step of a plate with several SKUs was: a posterior over multisets of items.

A step is explained by goods taken from or put on the plate (one to three items, each unit a little off its
SKU's weight), by things that were weighed before and go or come again (they weigh what they weighed), or by
something that is no goods of the shelf. Each explanation has a prior: how likely so many items at once are,
which SKUs lie on this plate by its plan and by what was seen there, and how many units are believed there.
Explanations that mean the same items are added up.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations, combinations_with_replacement
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.sensing.weight_settings import WeightSettings

SMALL_CATALOGUE: Final = 12
"""Up to this many SKUs three items at once are considered, two otherwise."""
PAIRED_THINGS: Final = 24
RECENT_S: Final = 300.0
LEAST_RETURN: Final = 0.05
THING_LEAVES: Final = 0.3
LEAST: Final = 1e-6

Items: TypeAlias = tuple[tuple[str, int], ...]
"""SKU and units, by SKU; empty for what is no goods of the shelf."""


class Thing(msgspec.Struct, frozen=True, array_like=True):
    """Something that was weighed when it left a plate or was laid on one.

    Attributes:
        grams: what it weighed.
        at: when.
        device: the plate.
        guesses: what it may be, the likeliest first, with probabilities.
        booked: its step was told as known, so that stock followed it.
    """

    grams: float
    at: int
    device: str
    guesses: tuple[tuple[Items, float], ...]
    booked: bool


class Answer(msgspec.Struct, frozen=True):
    """One explanation of a step.

    Attributes:
        items: what it was.
        probability: of these items, over all explanations that mean them.
        things: positions of the things that came or went, when the likeliest such explanation says so.
    """

    items: Items
    probability: float
    things: tuple[int, ...] = ()


class Goods(msgspec.Struct, frozen=True):
    """The SKUs that may lie on a plate.

    Attributes:
        skus: names, sorted.
        unit_weight_g: of each.
        shares: prior of each to be the one that is touched; sums to one.
        units: believed on the plate, None where nobody knows.
    """

    skus: tuple[str, ...]
    unit_weight_g: tuple[float, ...]
    shares: tuple[float, ...]
    units: tuple[int | None, ...]


def explain_taking(
    grams: float, error_g: float, goods: Goods, laid: Sequence[Thing], settings: WeightSettings
) -> list[Answer]:
    """Return what a loss of ``grams`` (positive) may have been, the likeliest first.

    Args:
        grams: how much lighter the plate is.
        error_g: standard deviation by the readings' noise.
        goods: what may lie there.
        laid: things on the plate that stock does not know.
        settings: priors and spreads.
    """
    things = THING_LEAVES if laid else 0.0
    found = _Explanations(grams, error_g, settings)
    found.add_goods(goods, 1.0 - things - settings.unknown_share, counted=True)
    found.add_things(laid, [1.0] * len(laid), things)
    found.add_unknown(goods)
    return found.answers()


def explain_putting(
    grams: float,
    error_g: float,
    goods: Goods,
    away: Sequence[Thing],
    device: str,
    now: int,
    settings: WeightSettings,
) -> list[Answer]:
    """Return what a gain of ``grams`` may have been, the likeliest first.

    Args:
        grams: how much heavier the plate is.
        error_g: standard deviation by the readings' noise.
        goods: what may be put there.
        away: what left the plates of this shelf and may come back.
        device: this plate; goods come back to where they were, or are moved on at once.
        now: ms.
        settings: priors and spreads.
    """
    known = 1.0 - settings.new_share - settings.unknown_share if away else 0.0
    found = _Explanations(grams, error_g, settings)
    found.add_goods(goods, 1.0 - known - settings.unknown_share, counted=False)
    weights = [_return_weight(thing, device, now, settings) for thing in away]
    found.add_things(away, weights, known)
    found.add_parts(away, weights, known, goods)
    found.add_unknown(goods)
    return found.answers()


def _return_weight(thing: Thing, device: str, now: int, settings: WeightSettings) -> float:
    age_ms = max(0, now - thing.at)
    weight = max(LEAST_RETURN, math.exp(-age_ms / (1000 * RECENT_S)))
    if thing.device != device and age_ms > settings.move_ms:
        weight *= settings.elsewhere_share
    return weight


class _Explanations:
    """Collects log weights of explanations of one step."""

    def __init__(self, grams: float, error_g: float, settings: WeightSettings) -> None:
        self._grams, self._settings = grams, settings
        self._variance = error_g**2 + settings.step_error_g**2 + (settings.place_share * grams) ** 2
        self._sums: dict[Items, float] = {}
        self._best: dict[Items, tuple[float, tuple[int, ...]]] = {}

    def _add(self, items: Items, weight: float, things: tuple[int, ...] = ()) -> None:
        if weight > 0.0:
            self._sums[items] = self._sums.get(items, 0.0) + weight
            if weight > self._best.get(items, (0.0, ()))[0]:
                self._best[items] = (weight, things)

    def _density(self, mean_g: float, variance: float) -> float:
        return math.exp(-0.5 * (self._grams - mean_g) ** 2 / variance) / math.sqrt(2 * math.pi * variance)

    def add_goods(self, goods: Goods, share: float, *, counted: bool) -> None:
        """Units of the plate's SKUs; ``counted`` when there must be as many on the plate."""
        settings = self._settings
        counts, log_ways = _multisets(
            len(goods.skus), 3 if len(goods.skus) <= SMALL_CATALOGUE else 2, settings.size_nats
        )
        weights_g = np.asarray(goods.unit_weight_g)
        means = counts @ weights_g
        variances = self._variance + counts @ (settings.item_spread * weights_g) ** 2
        logs = log_ways + counts @ np.log(np.maximum(goods.shares, LEAST))
        logs += -0.5 * (self._grams - means) ** 2 / variances - 0.5 * np.log(2 * np.pi * variances)
        if counted:
            believed = np.array([np.inf if units is None else units for units in goods.units])
            logs -= settings.stock_nats * (counts > believed).any(axis=1)
        for row in np.flatnonzero(logs > logs.max() - 20.0):
            items = tuple(
                (goods.skus[column], int(counts[row, column])) for column in np.flatnonzero(counts[row])
            )
            self._add(items, share * math.exp(logs[row]))

    def add_things(self, things: Sequence[Thing], weights: Sequence[float], share: float) -> None:
        """One thing, or two at once, that were weighed before."""
        if not things:
            return
        total = sum(weights)
        pairs = math.exp(-self._settings.size_nats)
        for index, thing in enumerate(things):
            density = self._density(thing.grams, 2 * self._variance)
            for items, probability in thing.guesses:
                self._add(items, share * weights[index] / total * density * probability, (index,))
        recent = range(max(0, len(things) - PAIRED_THINGS), len(things))
        for one, other in combinations(recent, 2):
            density = self._density(things[one].grams + things[other].grams, 3 * self._variance)
            weight = share * pairs * 2 * weights[one] * weights[other] / total**2 * density
            if weight > 0.0:
                for items, p in things[one].guesses:
                    for more, q in things[other].guesses:
                        self._add(_together(items, more), weight * p * q, (one, other))

    def add_parts(
        self, things: Sequence[Thing], weights: Sequence[float], share: float, goods: Goods
    ) -> None:
        """One item of a thing that was several at once."""
        total, weight_g = sum(weights), dict(zip(goods.skus, goods.unit_weight_g, strict=True))
        for index, thing in enumerate(things):
            for items, probability in thing.guesses:
                units = sum(count for _, count in items)
                if units < 2:
                    continue
                for sku, count in items:
                    mean_g = weight_g.get(sku)
                    if mean_g is None:
                        continue
                    density = self._density(
                        mean_g, self._variance + (self._settings.item_spread * mean_g) ** 2
                    )
                    part = share * weights[index] / total * probability * count / units
                    self._add(((sku, 1),), part * density, (index,))

    def add_unknown(self, goods: Goods) -> None:
        """Anything as heavy as up to two of the heaviest SKU, or as this step."""
        widest_g = max(2 * max(goods.unit_weight_g, default=0.0), self._grams)
        self._add((), self._settings.unknown_share / widest_g)

    def answers(self) -> list[Answer]:
        """Return what was collected, as probabilities."""
        total = sum(self._sums.values())
        return [
            Answer(items, weight / total, self._best[items][1])
            for items, weight in sorted(self._sums.items(), key=lambda pair: (-pair[1], pair[0]))
        ]


def _together(one: Items, other: Items) -> Items:
    units: dict[str, int] = dict(one)
    for sku, count in other:
        units[sku] = units.get(sku, 0) + count
    return tuple(sorted(units.items()))


@lru_cache(maxsize=64)
def _multisets(skus: int, most: int, size_nats: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return counts (rows of multisets, columns of SKUs) and the log prior of each but for its SKUs' shares."""
    rows, logs = [], []
    scale = math.log(sum(math.exp(-size_nats * extra) for extra in range(most)))
    for size in range(1, most + 1):
        for chosen in combinations_with_replacement(range(skus), size):
            counts = [0] * skus
            for index in chosen:
                counts[index] += 1
            ways = math.factorial(size) / math.prod(math.factorial(count) for count in counts)
            rows.append(counts)
            logs.append(math.log(ways) - size_nats * (size - 1) - scale)
    return np.array(rows, dtype=float), np.array(logs)


def shares_of(
    device: str,
    planned: Mapping[str, Sequence[str]],
    seen: Mapping[str, Mapping[str, float]],
    *,
    habit_units: float,
    misplaced: float,
) -> dict[str, float]:
    """Return how likely each SKU of a shelf is the one that is touched on a plate; sums to one.

    Every SKU is touched as often as any other, on plates where it lies. Where that is, the plan says, and
    what was seen: a SKU that was often taken from one plate is unlikely on another.

    Args:
        device: the plate.
        planned: plate → its SKUs by plan.
        seen: plate → SKU → units that were seen to be taken there.
        habit_units: how many seen units a plan is worth; less for a SKU that it has on several plates.
        misplaced: share of goods that lie on plates for which they are not planned.
    """
    weights: dict[str, float] = {}
    for sku in sorted({sku for skus in planned.values() for sku in skus}):
        homes = sum(sku in skus for skus in planned.values())
        others = len(planned) - homes
        elsewhere = misplaced if others else 0.0
        here = (1.0 - elsewhere) / homes if sku in planned[device] else elsewhere / others
        known = sum(counts.get(sku, 0.0) for counts in seen.values())
        own = seen.get(device, {}).get(sku, 0.0)
        worth = habit_units / homes
        weights[sku] = (worth * here + own) / (worth + known)
    total = sum(weights.values())
    return {sku: weight / total for sku, weight in weights.items()}
