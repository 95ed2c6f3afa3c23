"""What became of what was tried on: the truth, the hub's answer, and that of a rule without memory.

The hub's answer comes from its own folds: a batch of the observations and sales, the labels of sales, and the
outcomes of :mod:`hub.projections.try_on`. The rule beside it calls a try-on sold when anything of its SKU is
sold within the window, or returned when the tag was loudest at one shelf for a minute, whichever is first.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from contract.messages import AnyObservation
from firmware_sim.world.cabins import FittingShop, TillSale
from firmware_sim.world.truth.events import CarriedIn, CarriedOut, Picked, PutBack, Sold
from hub.model import Sale
from hub.projections.batch import Batch
from hub.projections.items import PICKED
from hub.projections.labels import PickedItem, SoldUnit, label_sold
from hub.projections.try_on import (
    GOES_ON_MS,
    RESTS_MS,
    WINDOW_MS,
    Outcome,
    Traces,
    Trial,
    TrialKey,
    in_hand_since,
    outcomes,
)

STORE = "s"


class Tried(NamedTuple):
    """A try-on as a method tells it."""

    epc: str
    started_ms: int
    ended_ms: int


def true_outcomes(shop: FittingShop) -> dict[tuple[str, int], Outcome]:
    """Return (EPC, carried in at) → what became of it, by what people did."""
    carried_in: defaultdict[str, list[int]] = defaultdict(list)
    picked: defaultdict[str, list[int]] = defaultdict(list)
    ends: defaultdict[str, list[tuple[int, Outcome]]] = defaultdict(list)
    for event in shop.truth:
        if isinstance(event, CarriedIn):
            carried_in[event.epc].append(event.at)
        elif isinstance(event, Picked):
            picked[event.epc].append(event.at)
    for event in shop.truth:
        if isinstance(event, Sold) and event.epc is not None:
            ends[event.epc].append((event.at, "sold"))
        elif isinstance(event, PutBack):
            after = bisect_right(picked[event.epc], event.at)
            lifted = picked[event.epc][after : after + 1]
            if not lifted or lifted[0] - event.at >= RESTS_MS:
                ends[event.epc].append((event.at, "returned"))
    found: dict[tuple[str, int], Outcome] = {}
    for event in shop.truth:
        if isinstance(event, CarriedOut):
            again = bisect_right(carried_in[event.epc], event.carried_in_at)
            until = min([event.at + WINDOW_MS, *carried_in[event.epc][again : again + 1]])
            own = [outcome for at, outcome in ends[event.epc] if event.at <= at < until]
            found[event.epc, event.carried_in_at] = own[0] if own else "unknown"
    return found


def hub_outcomes(
    told: Sequence[AnyObservation], sales: Iterable[TillSale], sku_of: Mapping[str, str], now: int
) -> dict[TrialKey, Outcome]:
    """Return what the hub makes of an edge's observations and the till's sales."""
    batch = Batch()
    for seq, event in enumerate(told, 1):
        batch.add(STORE, "edge", seq, seq, event)
    for seq, one in enumerate(sales, len(told) + 1):
        sale = Sale(at=one.at, sale_id=one.sale_id, line=1, code=one.sku, quantity=1, epc=one.epc)
        batch.add(STORE, "hub", seq, seq, sale)
    trials = [
        Trial(key, None if state.ended_ms == GOES_ON_MS else state.ended_ms)
        for (_, key), state in sorted(batch.fitting_trials.items())
    ]
    last = {trial.key.epc: trial for trial in trials}
    in_hand: defaultdict[str, list[PickedItem]] = defaultdict(list)
    down: defaultdict[str, list[int]] = defaultdict(list)
    up: defaultdict[str, list[int]] = defaultdict(list)
    for (_, epc), state in batch.items.items():
        if state.status == PICKED:
            since_ms = in_hand_since(state.key_ms, last.get(epc))
            in_hand[sku_of[epc]].append(PickedItem(since_ms, epc, state.zone or ""))
            up[epc].append(state.key_ms)
    for _, _, _, epc, _, _, picked_ms, ended_ms, _ in batch.try_ons:
        up[epc].append(picked_ms)
        down[epc].append(ended_ms)
    for _, _, _, epc, _, at_ms in batch.placements:
        down[epc].append(at_ms)
    units: defaultdict[str, list[SoldUnit]] = defaultdict(list)
    for position, _, _, ref, line, code, _, at_ms, _, epc, *_ in batch.movements:
        units[code].append(SoldUnit(at_ms, f"{ref}-{position}", line, 0, epc))
    sold: defaultdict[str, list[int]] = defaultdict(list)
    for sku, own in units.items():
        for unit in own:
            if unit.epc is not None:
                sold[unit.epc].append(unit.sold_ms)
        for epc, unit in label_sold(own, in_hand[sku]).items():
            sold[epc].append(unit.sold_ms)
    traces = {trial.key.epc: Traces(*(of[trial.key.epc] for of in (down, up, sold))) for trial in trials}
    return outcomes(trials, traces, now)


def naive_outcome(tried: Tried, rested_at: Sequence[int], sales: Iterable[TillSale], sku: str) -> Outcome:
    """Return what a rule without memory makes of one try-on.

    Args:
        tried: the try-on.
        rested_at: when the tag had been loudest at one shelf for a minute.
        sales: all of them; who bought what is not asked.
        sku: of the tag.
    """
    until = tried.ended_ms + WINDOW_MS
    ends: list[tuple[int, Outcome]] = [
        (sale.at, "sold")
        for sale in sales
        if (sale.epc == tried.epc or (sale.epc is None and sale.sku == sku))
        and tried.ended_ms - RESTS_MS <= sale.at < until
    ]
    ends += [(at, "returned") for at in rested_at if tried.ended_ms <= at < until]
    return min(ends)[1] if ends else "unknown"
