"""Answers about try-ons: per SKU, for the store, and session by session.

A store in which a fitting room has ever told a try-on counts those; a store without one counts hands
(:mod:`hub.projections.try_on`). Touches are hands in both.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Any, Final

import msgspec

from hub.ledger import catalogue, try_on_reads
from hub.ledger.reads import Connection
from hub.projections.business_day import Span
from hub.projections.try_on import WORN_NOT_KNOWN, Outcome, Traces, outcomes
from hub.services.days import day_of
from hub.services.sold_items import SoldItems, sold_items

_ENDS: Final = ("returned", "sold", "unknown", "open")


class TryOns(msgspec.Struct, frozen=True, kw_only=True):
    """Try-ons of one SKU on one business day.

    Attributes:
        unknown: neither sold nor returned within half an hour.
        open: not decided yet.
        touches: in hand for less than a try-on takes; no try-ons.
        conversion: sold per try-on that is decided; None while none is.
    """

    sku: str | None
    try_ons: int
    returned: int
    sold: int
    unknown: int
    open: int
    touches: int
    conversion: float | None


class TryOnDay(msgspec.Struct, frozen=True, kw_only=True):
    """Try-ons of a store on one business day; figures as those of :class:`TryOns`.

    Attributes:
        rooms: whether fitting rooms told them.
    """

    store: str
    date: str
    span: Span
    rooms: bool
    try_ons: int
    returned: int
    sold: int
    unknown: int
    open: int
    touches: int
    conversion: float | None


class TriedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a session; ``worn`` is None when the edge could not see it."""

    epc: str
    sku: str | None
    started_ms: int
    ended_ms: int | None
    worn: bool | None
    outcome: Outcome


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What was in one fitting room together."""

    session: str
    room: str
    items: list[TriedItem]


def try_ons(connection: Connection, store: str, day: date | None, now: int) -> list[TryOns]:
    """Return try-ons per SKU of a business day, most tried first. Raises NotFoundError."""
    _found, _chosen, span = day_of(connection, store, day, now)
    lines = _per_sku(connection, store, span, now)
    return sorted(lines, key=lambda line: (-line.try_ons, line.sku or ""))


def try_on_day(connection: Connection, store: str, day: date | None, now: int) -> TryOnDay:
    """Return the try-ons of a store on a business day. Raises NotFoundError."""
    _found, chosen, span = day_of(connection, store, day, now)
    lines = _per_sku(connection, store, span, now)
    sums = Counter({name: sum(getattr(line, name) for line in lines) for name in (*_ENDS, "touches")})
    return TryOnDay(
        store=store,
        date=chosen.isoformat(),
        span=span,
        rooms=try_on_reads.has_fitting_rooms(connection, store, span.end_ms),
        **_figures(sums),
    )


def sessions(connection: Connection, store: str, day: date | None, now: int) -> list[Session]:
    """Return what was in the fitting rooms on a business day, oldest first. Raises NotFoundError."""
    _found, _chosen, span = day_of(connection, store, day, now)
    names = catalogue.naming(connection)
    tried = _tried(connection, store, span, now, names, sold_items(connection, store, names))
    ordered = sorted(tried, key=lambda pair: (pair[0].session, pair[0].room, pair[1].started_ms, pair[1].epc))
    found = [
        Session(session=session, room=room, items=[item for _, item in own])
        for (session, room), own in groupby(ordered, key=lambda pair: (pair[0].session, pair[0].room))
    ]
    return sorted(found, key=lambda one: (one.items[0].started_ms, one.room, one.session))


def _per_sku(connection: Connection, store: str, span: Span, now: int) -> list[TryOns]:
    names = catalogue.naming(connection)
    sold = sold_items(connection, store, names)
    rooms = try_on_reads.has_fitting_rooms(connection, store, span.end_ms)
    counts: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
    for row in try_on_reads.put_backs(connection, store, *span):
        if row.outcome == "touch":
            counts[names.sku_of_item(row.bound, row.kind)]["touches"] += 1
        elif row.outcome == "returned" and not rooms:
            counts[names.sku_of_item(row.bound, row.kind)]["returned"] += 1
    if rooms:
        for _, item in _tried(connection, store, span, now, names, sold):
            counts[item.sku][item.outcome] += 1
    else:
        for label in sold.labels.values():
            if span.start_ms <= label.unit.sold_ms < span.end_ms:
                counts[label.sku]["sold"] += 1
    return [TryOns(sku=sku, **_figures(own)) for sku, own in counts.items()]


def _figures(counts: Counter[str]) -> dict[str, Any]:
    decided = counts["returned"] + counts["sold"] + counts["unknown"]
    return {
        **{name: counts[name] for name in (*_ENDS, "touches")},
        "try_ons": decided + counts["open"],
        "conversion": counts["sold"] / decided if decided else None,
    }


def _tried(
    connection: Connection,
    store: str,
    span: Span,
    now: int,
    names: catalogue.Naming,
    sold: SoldItems,
) -> list[tuple[Any, TriedItem]]:
    """Return each try-on that a fitting room told in a span, as its row and with its outcome."""
    rows = try_on_reads.fitting_trials(connection, store, *span)
    trials = {trial.key: (trial, row) for row in rows for trial in [try_on_reads.trial_of(row)]}
    epcs = {key.epc for key in trials}
    ends = outcomes(
        (trial for trial, _ in trials.values()), _traces(connection, store, span, epcs, sold), now
    )
    return [
        (
            row,
            TriedItem(
                epc=key.epc,
                sku=names.sku_of_item(row.bound, row.kind),
                started_ms=key.started_ms,
                ended_ms=trial.ended_ms,
                worn=None if row.worn == WORN_NOT_KNOWN else bool(row.worn),
                outcome=ends[key],
            ),
        )
        for key, (trial, row) in trials.items()
        if key.started_ms < span.end_ms
    ]


def _traces(
    connection: Connection, store: str, span: Span, epcs: set[str], sold: SoldItems
) -> Mapping[str, Traces]:
    put_down, picked_up = try_on_reads.steps(connection, store, *span)
    down: defaultdict[str, list[int]] = defaultdict(list)
    up: defaultdict[str, list[int]] = defaultdict(list)
    for steps, of in ((put_down, down), (picked_up, up)):
        for epc, at in steps:
            if epc in epcs:
                of[epc].append(at)
    for epc in epcs & sold.picked_ms.keys():
        up[epc].append(sold.picked_ms[epc])
    return {epc: Traces(down[epc], up[epc], sold.sold_ms(epc)) for epc in epcs}
