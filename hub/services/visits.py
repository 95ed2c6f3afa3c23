"""Answers about people and items: footfall, heat, items and which sale took them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from hub.ledger import catalogue, reads
from hub.ledger.reads import Connection
from hub.projections import footfall as fold
from hub.projections.business_day import Span, closing_ms, local_hour
from hub.projections.items import MISSING, NEVER_SEEN_MS, PICKED
from hub.services.days import day_of
from hub.services.sold_items import SoldLabel, sold_items

SOLD: Final = "sold"
"""Status of a picked item that a sale most likely took; a label, not a state of the register."""


class FootfallHour(msgspec.Struct, frozen=True, kw_only=True):
    """One local hour."""

    hour: str
    entered: int
    left: int


class FootfallLine(msgspec.Struct, frozen=True, kw_only=True):
    """One counting line, for example a door.

    Attributes:
        residual: entered less left of the day, once the store has closed; what the counter got wrong.
    """

    line: str
    entered: int
    left: int
    estimated_entered: float
    estimated_left: float
    turned: int
    staff: int
    residual: int | None


class Footfall(msgspec.Struct, frozen=True, kw_only=True):
    """People of one business day.

    Attributes:
        entered, left: raw counts, with staff.
        estimated_entered, estimated_left: how many people those are on average.
        turned: came into a doorway and went back.
        staff: of the raw counts, in and out.
        occupancy: people inside; it starts anew when the store closes.
        residual: entered less left of the day, once the store has closed.
        conversion: transactions per customer who came in, staff apart; None while nobody did.
    """

    store: str
    date: str
    span: Span
    entered: int
    left: int
    estimated_entered: float
    estimated_left: float
    turned: int
    staff: int
    residual: int | None
    occupancy: int
    peak_occupancy: int
    transactions: int
    conversion: float | None
    hours: list[FootfallHour]
    lines: list[FootfallLine]


class HeatCell(msgspec.Struct, frozen=True, kw_only=True):
    """How lively one zone was on one business day."""

    zone: str
    picked_up: int
    put_back: int
    arrived: int


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One tagged item.

    Attributes:
        status: ``present``, ``picked``, ``received``, or ``sold`` for a picked item that a sale most likely took.
    """

    epc: str
    sku: str | None
    name: str | None
    name_zh: str | None
    zone: str | None
    status: str
    picked_ms: int | None
    first_seen_ms: int | None
    changed_ms: int | None
    sale_id: str | None


def footfall(connection: Connection, store: str, day: date | None, now: int) -> Footfall:
    """Return people in and out of a business day. Raises NotFoundError."""
    found, chosen, span = day_of(connection, store, day, now)
    steps: dict[int, fold.Sums] = {}
    lines: dict[str, fold.Sums] = {}
    hours: dict[str, fold.Sums] = {}
    day_sums = fold.Sums()
    for row in reads.buckets(connection, "footfall", store, *span):
        sums = fold.Sums(*(getattr(row, name) for name in fold.Sums._fields))
        hour = local_hour(found, row.bucket_ms)
        steps[row.bucket_ms] = fold.add(steps.get(row.bucket_ms, fold.Sums()), sums)
        lines[row.line] = fold.add(lines.get(row.line, fold.Sums()), sums)
        hours[hour] = fold.add(hours.get(hour, fold.Sums()), sums)
        day_sums = fold.add(day_sums, sums)
    closes = closing_ms(found, chosen)
    closed = now >= closes
    while_open, after = (
        fold.occupancy((steps[at].entered, steps[at].left_) for at in sorted(steps) if (at >= closes) == late)
        for late in (False, True)
    )
    course = after if closed else while_open
    sales = reads.movement_rows(connection, store, "sold", since_ms=span.start_ms, until_ms=span.end_ms)
    transactions = len({row.ref for row in sales})
    return Footfall(
        store=store,
        date=chosen.isoformat(),
        span=span,
        entered=day_sums.entered,
        left=day_sums.left_,
        estimated_entered=day_sums.entered_milli / 1000,
        estimated_left=day_sums.left_milli / 1000,
        turned=day_sums.turned,
        staff=day_sums.staff_entered + day_sums.staff_left,
        residual=_residual(day_sums, closed=closed),
        occupancy=course[-1] if course else 0,
        peak_occupancy=max(while_open + after, default=0),
        transactions=transactions,
        conversion=fold.conversion(transactions, day_sums.entered - day_sums.staff_entered),
        hours=[
            FootfallHour(hour=name, entered=sums.entered, left=sums.left_)
            for name, sums in sorted(hours.items(), key=lambda entry: datetime.fromisoformat(entry[0]))
        ],
        lines=[
            FootfallLine(
                line=name,
                entered=sums.entered,
                left=sums.left_,
                estimated_entered=sums.entered_milli / 1000,
                estimated_left=sums.left_milli / 1000,
                turned=sums.turned,
                staff=sums.staff_entered + sums.staff_left,
                residual=_residual(sums, closed=closed),
            )
            for name, sums in sorted(lines.items())
        ],
    )


def _residual(sums: fold.Sums, *, closed: bool) -> int | None:
    return sums.entered - sums.left_ if closed else None


def heat(connection: Connection, store: str, day: date | None, now: int) -> list[HeatCell]:
    """Return how lively each zone was on a business day. Raises NotFoundError."""
    _found, _chosen, span = day_of(connection, store, day, now)
    cells: dict[str, tuple[int, int, int]] = {}
    for row in reads.buckets(connection, "heat", store, *span):
        picked, back, arrived = cells.get(row.zone, (0, 0, 0))
        cells[row.zone] = (picked + row.picked_up, back + row.put_back, arrived + row.arrived)
    return [
        HeatCell(zone=zone, picked_up=p, put_back=b, arrived=a) for zone, (p, b, a) in sorted(cells.items())
    ]


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the items that match, by EPC.

    Attributes:
        total: how many match in all.
        next_after: EPC after which the next page begins, None on the last.
    """

    total: int
    items: list[Item]
    next_after: str | None


class ItemFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items are asked for; empty and None match all.

    Attributes:
        q: part of EPC, SKU or name, in any case.
    """

    q: str = ""
    status: str | None = None
    zone: str | None = None
    sku: str | None = None
    epc: str | None = None

    @property
    def names(self) -> bool:
        """True when only the catalogue can tell whether an item matches."""
        return bool(self.q) or self.sku is not None

    def matches(self, item: Item) -> bool:
        """Judge what the database did not."""
        if self.sku is not None and item.sku != self.sku:
            return False
        wanted = self.q.casefold()
        return any(
            wanted in (text or "").casefold() for text in (item.epc, item.sku, item.name, item.name_zh)
        )


def items(connection: Connection, store: str) -> list[Item]:
    """Return every item of a store, by EPC. Raises NotFoundError."""
    return find_items(connection, store, ItemFilter(), after="", limit=None).items


def find_items(
    connection: Connection, store: str, wanted: ItemFilter, *, after: str, limit: int | None
) -> ItemPage:
    """Return a page of the items that match. Raises NotFoundError.

    The database filters and cuts the page where it can: sold is a label that only picked items carry, and
    names are the catalogue's.
    """
    catalogue.store(connection, store)
    names = catalogue.naming(connection)
    labels = sold_items(connection, store, names).labels
    status = {SOLD: PICKED, MISSING: None}.get(wanted.status or "", wanted.status)
    judged_here = wanted.names or wanted.status == MISSING or status == PICKED
    rows = reads.item_rows(
        connection,
        store,
        status=status,
        zone=wanted.zone,
        epc=wanted.epc,
        after="" if judged_here else after,
        limit=None if judged_here or limit is None else limit + 1,
    )
    if not judged_here:
        page = [_item(row, names, labels) for row in rows[:limit]]
        total = (
            len(rows)
            if limit is None
            else reads.count_items(connection, store, status=status, zone=wanted.zone)
        )
        return ItemPage(total=total, items=page, next_after=_next(page, rows, limit))
    found = [
        item
        for item in (_item(row, names, labels) for row in rows)
        if (wanted.status is None or item.status == wanted.status) and wanted.matches(item)
    ]
    rest = [item for item in found if item.epc > after]
    page = rest[:limit]
    return ItemPage(total=len(found), items=page, next_after=_next(page, rest, limit))


def _next(page: list[Item], rest: Sequence[object], limit: int | None) -> str | None:
    return page[-1].epc if limit is not None and len(rest) > limit else None


def _item(row: Any, names: catalogue.Naming, labels: Mapping[str, SoldLabel]) -> Item:
    sku = names.sku_of_item(row.bound, row.kind)
    product = names.catalogue.get(sku) if sku is not None else None
    label = labels.get(row.epc)
    return Item(
        epc=row.epc,
        sku=sku,
        name=product.name if product else None,
        name_zh=product.name_zh if product else None,
        zone=row.zone,
        status=SOLD if label is not None else row.status_now,
        picked_ms=row.picked_ms,
        first_seen_ms=None if row.first_seen_ms == NEVER_SEEN_MS else row.first_seen_ms,
        changed_ms=None if row.key_ms < 0 else row.key_ms,
        sale_id=label.unit.sale_id if label is not None else None,
    )
