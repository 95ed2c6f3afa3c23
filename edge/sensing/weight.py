"""What lies on weighed trays: steps from one settled weight to the next.

A plate with several SKUs is judged by its dispersion (:mod:`edge.sensing.weight_settling`), and each step is
explained by the goods of its shelf (:mod:`edge.sensing.weight_plates`). The rest of this file is about trays
with one SKU, or none: how many units lie there.

Strategy. A reading is settled when the plate has been quiet for ``settle_ms``: every reading flagged
stable by the scale, or all within a narrow range. The step from the previous settled weight, divided
by the unit weight, is taken for whole units when it fits; a step that fits no whole number is reported
without units and edits nothing. Small differences are drift and pull the reference after them, so an
absolute weight is never trusted (drift and creep are the users' main complaint about load cells).
"""

from statistics import median
from typing import Final

import msgspec

from contract.messages import AnyObservation, WeightChanged
from edge.model import Place, Read, Tray, WeightRead
from edge.sensing.weight_identity import Thing
from edge.sensing.weight_plates import PlateState, Shelf, tell_step
from edge.sensing.weight_settings import WeightSettings as WeightSettings
from edge.sensing.weight_settling import settle

MAX_WINDOW: Final = 40
MIN_READINGS: Final = 3
SLOW_MS: Final = 2_500
"""A scale that is asked a few times a second by a busy machine gives fewer readings in ``settle_ms``; its last
three decide then, as long as they are from within this time."""


class TrayState(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one tray.

    Attributes:
        reference_g: last settled weight, None before the first.
        units: whole units, None when not known.
        window: the latest readings: (at, weight_g, stable).
        quiet_since: when the plate became quiet, 0 while it is not.
    """

    reference_g: float | None = None
    units: int | None = None
    window: tuple[tuple[int, float, bool], ...] = ()
    quiet_since: int = 0


class WeightState(msgspec.Struct, frozen=True):
    """State of the stage.

    Attributes:
        trays: device → tray with one SKU or none.
        plates: device → plate with several SKUs.
        away: zone → what left the plates of this shelf and may come back.
    """

    trays: dict[str, TrayState] = {}
    plates: dict[str, PlateState] = {}
    away: dict[str, tuple[Thing, ...]] = {}


def sense_weight(
    state: WeightState,
    reads: list[Read],
    now: int,
    *,
    place: Place,
    settings: WeightSettings,
) -> tuple[WeightState, list[AnyObservation]]:
    """Fold scale readings into the state; return it with the steps that settled."""
    trays = dict(state.trays)
    observations: list[AnyObservation] = []
    on_plates: dict[str, list[tuple[int, float]]] = {}
    for read in reads:
        if not isinstance(read, WeightRead) or read.device not in place.trays:
            continue
        tray = place.trays[read.device]
        if tray.items:
            on_plates.setdefault(read.device, []).append((read.at, read.weight_g))
            continue
        known = trays.get(read.device, TrayState())
        trays[read.device], observation = _weigh(known, read, tray, settings)
        if observation is not None:
            observations.append(observation)
    if not on_plates:
        return WeightState(trays, state.plates, state.away), observations
    plates, away, steps = _sense_plates(state, on_plates, place, settings)
    return WeightState(trays, plates, away), observations + steps


def _sense_plates(
    state: WeightState,
    readings: dict[str, list[tuple[int, float]]],
    place: Place,
    settings: WeightSettings,
) -> tuple[dict[str, PlateState], dict[str, tuple[Thing, ...]], list[AnyObservation]]:
    """Settle each plate, then explain the steps of all in order of time, as goods move between plates."""
    plates, away = dict(state.plates), dict(state.away)
    steps = []
    for device, values in readings.items():
        shelf = shelf_of(place, place.trays[device].zone)
        plate = plates.get(device, PlateState())
        settling, settled = settle(plate.settling, values, min(shelf.unit_weight_g.values()), settings)
        plates[device] = msgspec.structs.replace(plate, settling=settling)
        steps += [(step.at, device, shelf, step) for step in settled]
    observations: list[AnyObservation] = []
    for _at, device, shelf, step in sorted(steps, key=lambda step: step[:2]):
        plates[device], away[shelf.zone], changed = tell_step(
            plates, away.get(shelf.zone, ()), step, device, shelf, settings
        )
        observations.append(changed)
    return plates, away, observations


def unsettled(state: WeightState) -> list[str]:
    """Return the scales whose plate is known and not quiet now."""
    trays = [
        name for name, tray in state.trays.items() if tray.reference_g is not None and not tray.quiet_since
    ]
    plates = [name for name, plate in state.plates.items() if not plate.settling.quiet_since]
    return sorted(trays + [name for name in plates if state.plates[name].settling.reference_g is not None])


def shelf_of(place: Place, zone: str) -> Shelf:
    """Return the plates with several SKUs that stand in a zone."""
    trays = {device: tray for device, tray in place.trays.items() if tray.items and tray.zone == zone}
    return Shelf(zone, trays)


def _weigh(
    tray: TrayState, read: WeightRead, place: Tray, settings: WeightSettings
) -> tuple[TrayState, WeightChanged | None]:
    window = (*tray.window[-MAX_WINDOW:], (read.at, read.weight_g, read.stable))
    settling = tuple(sample for sample in window if read.at - sample[0] <= settings.settle_ms)
    if len(settling) < MIN_READINGS:
        settling = tuple(sample for sample in window[-MIN_READINGS:] if read.at - sample[0] <= SLOW_MS)
    window = settling
    long_enough = len(window) >= MIN_READINGS and window[-1][0] - window[0][0] >= settings.settle_ms * 0.7
    if not long_enough or not _is_quiet(window, place, settings):
        return TrayState(tray.reference_g, tray.units, window), None
    quiet_since = tray.quiet_since or window[0][0]
    settled = float(median(weight for _, weight, _ in window))
    if tray.reference_g is None:
        units = _whole(settled, place, settings)
        observation = _changed(read, place, settled, settled, units, 0 if units is not None else None)
        return TrayState(settled, units, window, quiet_since), observation
    step = settled - tray.reference_g
    smallest = (
        settings.min_step_g if place.unit_weight_g is None else settings.min_step_units * place.unit_weight_g
    )
    if abs(step) < smallest:
        return TrayState(tray.reference_g + settings.drift_gain * step, tray.units, window, quiet_since), None
    delta = _whole(step, place, settings)
    if delta is None and place.unit_weight_g is not None and read.at - quiet_since < settings.doubt_ms:
        return TrayState(tray.reference_g, tray.units, window, quiet_since), None
    units = tray.units
    if delta is not None:
        units = _whole(settled, place, settings) if units is None else units + delta
    if units is not None and units < 0:
        units = _whole(max(settled, 0.0), place, settings)
    return TrayState(settled, units, window, quiet_since), _changed(
        read, place, settled, step, units if delta is not None else None, delta
    )


def _is_quiet(window: tuple[tuple[int, float, bool], ...], place: Tray, settings: WeightSettings) -> bool:
    weights = [weight for _, weight, _ in window]
    spread = max(weights) - min(weights)
    narrow = (
        settings.quiet_g if place.unit_weight_g is None else min(settings.quiet_g, 0.25 * place.unit_weight_g)
    )
    return spread <= narrow or (all(stable for _, _, stable in window) and spread <= 4 * narrow)


def _whole(weight_g: float, place: Tray, settings: WeightSettings) -> int | None:
    """Return the whole number of units that a weight stands for, None when it fits none."""
    if place.unit_weight_g is None:
        return None
    units = weight_g / place.unit_weight_g
    nearest = round(units)
    return (
        nearest
        if abs(units - nearest) <= min(0.45, settings.fit_units + settings.fit_share * abs(units))
        else None
    )


def _changed(
    read: WeightRead, place: Tray, weight_g: float, delta_g: float, units: int | None, delta_units: int | None
) -> WeightChanged:
    return WeightChanged(
        at=read.at,
        device=read.device,
        zone=place.zone,
        sku=place.sku,
        weight_g=round(weight_g, 2),
        delta_g=round(delta_g, 2),
        units=None if units is None else max(units, 0),
        delta_units=delta_units,
    )
