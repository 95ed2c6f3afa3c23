"""How many units lie on a tray: steps from one settled weight to the next.

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

MAX_WINDOW: Final = 40
MIN_READINGS: Final = 3
SLOW_MS: Final = 2_500
"""A scale that is asked a few times a second by a busy machine gives fewer readings in ``settle_ms``; its last
three decide then, as long as they are from within this time."""


class WeightSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of the weight stage.

    Attributes:
        settle_ms: how long the plate must be quiet.
        doubt_ms: … before a step that fits no whole number is believed; a hand or a slow cell may still move it.
        quiet_g: range of readings that still counts as quiet, when the scale gives no stable flag.
        min_step_units: a smaller step, in units, is drift.
        fit_units: how far from a whole number a step of one unit may be.
        fit_share: … growing by this share of the step.
        drift_gain: how much of a small difference the reference takes over per settled reading.
        min_step_g: smallest step on a tray without a unit weight.
    """

    settle_ms: int = 500
    doubt_ms: int = 3_000
    quiet_g: float = 1.5
    min_step_units: float = 0.4
    fit_units: float = 0.3
    fit_share: float = 0.01
    drift_gain: float = 0.05
    min_step_g: float = 15.0


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
    """State of the stage: device → tray."""

    trays: dict[str, TrayState] = {}


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
    for read in reads:
        if isinstance(read, WeightRead) and read.device in place.trays:
            known = trays.get(read.device, TrayState())
            trays[read.device], observation = _weigh(known, read, place.trays[read.device], settings)
            if observation is not None:
                observations.append(observation)
    return WeightState(trays), observations


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
