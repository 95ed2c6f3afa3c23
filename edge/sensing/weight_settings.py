"""Settings of the weight stage: the section ``[weight]`` of an agent's file."""

from typing import Annotated

import msgspec


class WeightSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of the weight stage.

    Trays with one SKU:

    Attributes:
        settle_ms: how long the plate must be quiet.
        doubt_ms: … before a step that fits no whole number is believed; a hand or a slow cell may still move it.
        quiet_g: range of readings that still counts as quiet, when the scale gives no stable flag.
        min_step_units: a smaller step, in units, is drift.
        fit_units: how far from a whole number a step of one unit may be.
        fit_share: … growing by this share of the step.
        drift_gain: how much of a small difference the reference takes over per settled reading.
        min_step_g: smallest step on a tray without a unit weight.
        window_ms: plates with several SKUs: span in which readings must lie close together.
        stable_ms: … for how long they must.
        quiet_noises: … how close: this many times the plate's own noise,
        quiet_range_g: … or this, if that is more.
        step_share: a step smaller than this share of the lightest SKU is drift.
        rebase_s: how quickly the reference follows drift, creep and temperature while the plate is quiet.
        item_spread: standard deviation of units of one SKU, as a share of their weight.
        step_error_g: error of a step besides the noise of its readings.
        place_share: error of a step by where on the plate the item lay, as a share.
        size_nats: how much less likely each further item in one hand is.
        stock_nats: how much less likely units are that nobody believes on the plate.
        new_share: goods put on a plate that nobody is known to have taken off this shelf.
        elsewhere_share: how likely goods come back to another plate than theirs, beside their own.
        unknown_share: steps by things that are no goods of this shelf.
        misplaced_share: goods of the shelf's other plates that lie on this one.
        habit_units: the plan of a shelf weighs as much as this many observed units of a SKU, divided by
            the plates that it is planned for.
        margin_nats: a likeliest answer that leads by less is not told as known.
        move_ms: how soon after it left one plate an item lands on another to count as moved.
        forget_ms: after this long nobody is believed to bring an item back.
    """

    settle_ms: int = 500
    doubt_ms: int = 3_000
    quiet_g: float = 1.5
    min_step_units: float = 0.4
    fit_units: float = 0.3
    fit_share: float = 0.01
    drift_gain: float = 0.05
    min_step_g: float = 15.0
    window_ms: Annotated[int, msgspec.Meta(ge=100, le=2_000)] = 400
    stable_ms: Annotated[int, msgspec.Meta(ge=0, le=5_000)] = 350
    quiet_noises: Annotated[float, msgspec.Meta(gt=0)] = 5.5
    quiet_range_g: Annotated[float, msgspec.Meta(gt=0)] = 6.0
    step_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.4
    rebase_s: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    item_spread: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.01
    step_error_g: Annotated[float, msgspec.Meta(gt=0)] = 0.8
    place_share: Annotated[float, msgspec.Meta(ge=0, le=0.1)] = 0.0015
    size_nats: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    stock_nats: Annotated[float, msgspec.Meta(ge=0)] = 5.0
    new_share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.1
    elsewhere_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    unknown_share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.02
    misplaced_share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.02
    habit_units: Annotated[float, msgspec.Meta(gt=0)] = 0.6
    margin_nats: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    move_ms: Annotated[int, msgspec.Meta(ge=0)] = 5_000
    forget_ms: Annotated[int, msgspec.Meta(ge=0)] = 7_200_000
