"""The starter rule for what to order, version 1. Pure.

*quantity = mean daily sales × lead time × 1.2 − inventory position*, where the inventory position is
on-hand + on-order + in-transit: subtracting on-hand alone orders the same need again every day until the
goods arrive. The result is rounded up to whole units and then to whole cases; nothing is ordered at or
below zero. A SKU and store has at most one open order. Stock that lies in a zone nobody can see is no
ground for an automatic order.

Mean daily sales are units sold in the window divided by the window's length in days: from the store's
first known moment to now, at least one day (an hour's luck is no daily rate) and at most 28.
"""

import math
from typing import Final

import msgspec

from contract.errors import PlanningError

RULE: Final = "starter"
VERSION: Final = 1
COVER: Final = 1.2
WINDOW_DAYS: Final = 28
DAY_MS: Final = 86_400_000


class ReorderInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Every figure the rule uses.

    Attributes:
        sold_units: units sold in the window.
        window_days: the window's length.
        on_order: units ordered and not yet sent; ``in_transit``: units under way.
        open_order: name of the open order, empty for none.
    """

    sold_units: int
    window_days: float
    lead_time_days: float
    case_pack: int
    on_hand: int
    on_order: int = 0
    in_transit: int = 0
    open_order: str = ""
    uncertain: bool = False


class Reorder(msgspec.Struct, frozen=True, kw_only=True):
    """What the rule says.

    Attributes:
        quantity: 0 for no order.
        reason: ``below_need``, ``enough_stock``, ``no_sales``, ``open_order`` or ``blind_zone``.
        constraint: what bound the quantity: ``case_pack``, ``whole_units`` or nothing.
        need: units the rule wants to have, before the inventory position is subtracted.
    """

    quantity: int
    reason: str
    constraint: str
    need: float
    mean_daily_sales: float
    inventory_position: int


def window_days(first_ms: int | None, now: int) -> float:
    """Return the length of the sales window."""
    elapsed = 0.0 if first_ms is None else (now - first_ms) / DAY_MS
    return min(float(WINDOW_DAYS), max(1.0, elapsed))


def reorder(inputs: ReorderInputs) -> Reorder:
    """Decide what to order of one SKU for one store.

    Raises:
        PlanningError: a figure the rule cannot use.
    """
    if inputs.case_pack < 1 or inputs.lead_time_days < 0 or inputs.window_days <= 0 or inputs.sold_units < 0:
        raise PlanningError(
            f"case_pack {inputs.case_pack}, lead_time_days {inputs.lead_time_days}, window_days {inputs.window_days}, "
            f"sold_units {inputs.sold_units}: expected case_pack of 1 or more, a window above 0 and nothing negative"
        )
    mean = inputs.sold_units / inputs.window_days
    need = mean * inputs.lead_time_days * COVER
    position = inputs.on_hand + inputs.on_order + inputs.in_transit
    # Nine decimals: 10 × 3 × 1.2 must not become 37 units because of binary fractions.
    missing = round(need - position, 9)
    units = max(0, math.ceil(missing))
    cases = math.ceil(units / inputs.case_pack) * inputs.case_pack
    constraint = "case_pack" if cases != units else "whole_units" if units and units != missing else ""
    reason = "below_need" if units else "no_sales" if inputs.sold_units == 0 else "enough_stock"
    if units and inputs.open_order:
        cases, reason, constraint = 0, "open_order", "one_open_order"
    elif units and inputs.uncertain:
        cases, reason, constraint = 0, "blind_zone", "blind_zone"
    return Reorder(
        quantity=cases,
        reason=reason,
        constraint=constraint,
        need=need,
        mean_daily_sales=mean,
        inventory_position=position,
    )
