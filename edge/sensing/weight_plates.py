"""Plates with several SKUs: what lay there, what was taken, what came back.

A settled step (:mod:`edge.sensing.weight_settling`) is explained by :mod:`edge.sensing.weight_identity`. A
likeliest answer that leads clearly is told as items, and units follow it; anything else is told with its
candidates and edits nothing. What left is remembered with its weight, as it may come back: on the same
plate, or within seconds on another one of the same shelf, which is a move. Something that was not
recognised when it came is recognised when it goes, as it weighs the same, and the other way round; such a
pair edits nothing either. Which SKUs are taken from a plate becomes its habit and speaks for them next time.

Units are never negative. They are known from the file (``units``), if the first weight agrees with it, or
when the plate starts empty.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from contract.messages import Candidate, ItemStep, WeightChanged
from edge.model import Tray
from edge.sensing.weight_identity import (
    Answer,
    Goods,
    Items,
    Thing,
    explain_putting,
    explain_taking,
    shares_of,
)
from edge.sensing.weight_settings import WeightSettings
from edge.sensing.weight_settling import Settled, Settling

MAX_AWAY: Final = 64
MAX_LAID: Final = 16
MAX_SEEN_UNITS: Final = 200.0
GUESSES: Final = 3
LEAST_PROBABILITY: Final = 0.01
TARE_SHARE: Final = 0.002


class PlateState(msgspec.Struct, frozen=True, array_like=True):
    """What is believed of one plate.

    Attributes:
        settling: its readings.
        units: SKU → units on it, only of those that are known.
        seen: SKU → units seen to be taken from it.
        laid: things on it that stock does not know.
    """

    settling: Settling = Settling()
    units: dict[str, int] = {}
    seen: dict[str, float] = {}
    laid: tuple[Thing, ...] = ()


class Shelf(msgspec.Struct, frozen=True):
    """The plates of one zone.

    Attributes:
        zone: their zone.
        trays: device → tray, those with several SKUs.
    """

    zone: str
    trays: Mapping[str, Tray]

    @property
    def unit_weight_g(self) -> dict[str, float]:
        """SKU → weight of a unit, of all plates, by SKU."""
        found = {item.sku: item.unit_weight_g for tray in self.trays.values() for item in tray.items}
        return dict(sorted(found.items()))


def tell_step(
    plates: Mapping[str, PlateState],
    away: tuple[Thing, ...],
    step: Settled,
    device: str,
    shelf: Shelf,
    settings: WeightSettings,
) -> tuple[PlateState, tuple[Thing, ...], WeightChanged]:
    """Return plate, things away from the shelf, and what to tell, after a step of one of the shelf's plates."""
    plate = plates.get(device, PlateState())
    if step.first:
        return _first(plate, away, step, device, shelf, settings)
    away = tuple(thing for thing in away if step.at - thing.at <= settings.forget_ms)
    goods = _goods(plates, device, shelf, settings)
    grams, taking = abs(step.step_g), step.step_g < 0
    if taking:
        answers = explain_taking(grams, step.error_g, goods, plate.laid, settings)
        pool, sign = plate.laid, -1
    else:
        answers = explain_putting(grams, step.error_g, goods, away, device, step.at, settings)
        pool, sign = away, +1
    best = answers[0]
    matched = [pool[index] for index in best.things]
    sure = _leads(answers, settings.margin_nats) and bool(best.items)
    if matched and (taking or not all(thing.booked for thing in matched)):
        sure = False
    rest = tuple(thing for index, thing in enumerate(pool) if index not in best.things)
    guesses = _guesses(answers)
    units, seen = dict(plate.units), dict(plate.seen)
    if sure:
        _book(units, best.items, sign)
    if taking:
        if not matched:
            _note_seen(seen, guesses)
        laid = rest
        away = (*away, Thing(grams, step.at, device, guesses, sure))[-MAX_AWAY:]
    elif matched:
        laid = plate.laid if sure else (*plate.laid, Thing(grams, step.at, device, guesses, booked=False))
        away = (*rest, *_remainder(matched, best, grams, sure=sure))
    else:
        laid = plate.laid if sure else (*plate.laid, Thing(grams, step.at, device, guesses, booked=False))
    if not taking and sure:
        for sku, count in best.items:
            seen[sku] = seen.get(sku, 0.0) + 0.5 * count
    moved_from = _moved_from(matched, device, step.at, settings) if not taking else None
    changed = WeightChanged(
        at=step.at,
        device=device,
        zone=shelf.zone,
        sku=None,
        weight_g=round(step.grams, 2),
        delta_g=round(step.step_g, 2),
        items=_item_steps(best.items, sign, units) if sure else (),
        candidates=()
        if sure
        else tuple(
            Candidate(round(probability, 3), _item_steps(items, sign, {})) for items, probability in guesses
        ),
        moved_from=moved_from,
    )
    return PlateState(plate.settling, units, seen, laid[-MAX_LAID:]), away, changed


def _first(
    plate: PlateState,
    away: tuple[Thing, ...],
    step: Settled,
    device: str,
    shelf: Shelf,
    settings: WeightSettings,
) -> tuple[PlateState, tuple[Thing, ...], WeightChanged]:
    """Believe the file's units if the plate weighs what they weigh, or none at all on an empty plate."""
    items = shelf.trays[device].items
    lightest_g = min(item.unit_weight_g for item in items)
    expected_g = sum(item.unit_weight_g * (item.units or 0) for item in items)
    spread_g = settings.item_spread * math.sqrt(
        sum((item.units or 0) * item.unit_weight_g**2 for item in items)
    )
    doubt_g = settings.step_share * lightest_g + 4 * spread_g + TARE_SHARE * expected_g
    units: dict[str, int] = {}
    if abs(step.grams) < settings.step_share * lightest_g:
        units = {item.sku: 0 for item in items}
    elif abs(step.grams - expected_g) <= doubt_g:
        units = {item.sku: item.units for item in items if item.units is not None}
    changed = WeightChanged(
        at=step.at,
        device=device,
        zone=shelf.zone,
        sku=None,
        weight_g=round(step.grams, 2),
        delta_g=round(step.grams, 2),
        items=tuple(ItemStep(sku, 0, count) for sku, count in sorted(units.items())),
    )
    return PlateState(plate.settling, units, plate.seen, plate.laid), away, changed


def _goods(plates: Mapping[str, PlateState], device: str, shelf: Shelf, settings: WeightSettings) -> Goods:
    weights = shelf.unit_weight_g
    units = plates[device].units if device in plates else {}
    shares = shares_of(
        device,
        {name: [item.sku for item in tray.items] for name, tray in shelf.trays.items()},
        {name: plate.seen for name, plate in plates.items() if name in shelf.trays},
        habit_units=settings.habit_units,
        misplaced=settings.misplaced_share,
    )
    return Goods(
        tuple(weights),
        tuple(weights.values()),
        tuple(shares[sku] for sku in weights),
        tuple(units.get(sku) for sku in weights),
    )


def _leads(answers: list[Answer], margin_nats: float) -> bool:
    return len(answers) == 1 or answers[0].probability >= math.exp(margin_nats) * answers[1].probability


def _guesses(answers: list[Answer]) -> tuple[tuple[Items, float], ...]:
    return tuple(
        (answer.items, answer.probability)
        for answer in answers[:GUESSES]
        if answer.probability >= LEAST_PROBABILITY
    )


def _book(units: dict[str, int], items: Items, sign: int) -> None:
    """Let known units follow; an SKU that nobody counted stays unknown."""
    for sku, count in items:
        if sku in units:
            units[sku] = max(0, units[sku] + sign * count)


def _item_steps(items: Items, sign: int, units: Mapping[str, int]) -> tuple[ItemStep, ...]:
    return tuple(ItemStep(sku, sign * count, units.get(sku)) for sku, count in items)


def _note_seen(seen: dict[str, float], guesses: tuple[tuple[Items, float], ...]) -> None:
    """Learn what is taken from a plate, each guess by its probability; old habits fade."""
    for items, probability in guesses:
        for sku, count in items:
            seen[sku] = seen.get(sku, 0.0) + probability * count
    total = sum(seen.values())
    if total > MAX_SEEN_UNITS:
        for sku in seen:
            seen[sku] *= MAX_SEEN_UNITS / total


def _remainder(matched: list[Thing], best: Answer, grams: float, *, sure: bool) -> tuple[Thing, ...]:
    """Return what is still away when one item of several came back."""
    if len(matched) != 1 or not best.items:
        return ()
    thing = matched[0]
    came = sum(count for _, count in best.items)
    for items, _ in thing.guesses:
        held = dict(items)
        if sum(held.values()) <= came:
            return ()
        for sku, count in best.items:
            held[sku] = held.get(sku, 0) - count
        if min(held.values()) >= 0:
            left = tuple((sku, count) for sku, count in sorted(held.items()) if count)
            return (
                Thing(thing.grams - grams, thing.at, thing.device, ((left, 1.0),), thing.booked and sure),
            )
    return ()


def _moved_from(matched: list[Thing], device: str, at: int, settings: WeightSettings) -> str | None:
    sources = {thing.device for thing in matched if at - thing.at <= settings.move_ms}
    return next(iter(sources)) if len(matched) == 1 and sources - {device} else None
