"""Receive and dispatch goods and adjust stock: facts by people, recorded once per name."""

from collections.abc import Sequence

from contract.errors import NotFoundError
from hub.ledger import catalogue, reads
from hub.ledger.writer import Transaction
from hub.model import Adjusted, GoodsDispatched, GoodsReceived
from hub.projections.on_hand import StockLine
from hub.services.bindings import receipt_bindings
from hub.services.sell import Accepted, ConflictError
from hub.services.stock import stock


def receive(transaction: Transaction, store: str, lines: Sequence[GoodsReceived], now: int) -> Accepted:
    """Record lines of a delivery note, all or none. The same line again counts once; listed EPCs are bound.

    Raises:
        ConflictError: a line's name stands for other content, or EPCs and quantity disagree.
    """
    new: dict[tuple[str, int], GoodsReceived] = {}
    repeats = 0
    for line in lines:
        if line.epcs and len(set(line.epcs)) != line.quantity:
            raise ConflictError(
                f"receipt {line.receipt_id!r} line {line.line} lists {len(set(line.epcs))} different EPCs for {line.quantity} units"
            )
        key = (line.receipt_id, line.line)
        row = reads.movement(transaction.connection, store, "received", *key)
        seen = new.get(key)
        if row is None and seen is None:
            new[key] = line
        elif seen == line or (row is not None and _same_receipt(row, line)):
            repeats += 1
        else:
            raise ConflictError(
                f"receipt {line.receipt_id!r} line {line.line} is recorded with other content"
            )
    if new:
        listed = [(line.code, line.epcs) for line in new.values() if line.epcs]
        bindings, alerts = receipt_bindings(transaction, store, listed, now)
        transaction.append_own(store, [*new.values(), *bindings], now)
        transaction.note_alerts(alerts)
    return Accepted(recorded=len(new), repeats=repeats, position=transaction.position())


def _same_receipt(row: object, line: GoodsReceived) -> bool:
    stored = tuple(getattr(row, name) for name in ("code", "quantity", "at_ms", "zone", "epcs"))
    return stored == (line.code, line.quantity, line.at, line.zone, len(line.epcs))


def dispatch_goods(
    transaction: Transaction, store: str, lines: Sequence[GoodsDispatched], now: int
) -> Accepted:
    """Record lines of goods that left, all or none. The same line again counts once.

    Raises:
        ConflictError: a line's name stands for other content.
    """
    new: dict[tuple[str, int], GoodsDispatched] = {}
    for line in lines:
        key = (line.dispatch_id, line.line)
        row = reads.movement(transaction.connection, store, "dispatched", *key)
        if row is None:
            new[key] = line
        elif (row.code, row.quantity, row.at_ms, row.epcs) != (
            line.code,
            line.quantity,
            line.at,
            len(line.epcs),
        ):
            raise ConflictError(f"dispatch {key[0]!r} line {key[1]} is recorded with other content")
    if new:
        transaction.append_own(store, list(new.values()), now)
    return Accepted(recorded=len(new), repeats=len(lines) - len(new), position=transaction.position())


def adjust(transaction: Transaction, store: str, adjustment: Adjusted, now: int) -> Accepted:
    """Record a correction. With ``counted`` the quantity is what brings on-hand to that figure.

    A stock-take names a zone to re-anchor that zone only, or none to re-anchor the store's total.

    Raises:
        ConflictError: the adjustment's name stands for other content.
        NotFoundError: the store is not known.
    """
    row = reads.movement(transaction.connection, store, "adjusted", adjustment.adjustment_id, 1)
    if row is not None:
        same = (row.code, row.zone) == (adjustment.code, adjustment.zone)
        if not same or (adjustment.counted is None and row.quantity != adjustment.quantity):
            raise ConflictError(f"adjustment {adjustment.adjustment_id!r} is recorded with other content")
        return Accepted(recorded=0, repeats=1, position=transaction.position())
    if adjustment.counted is not None:
        now_there = _on_hand(transaction, store, adjustment, now)
        adjustment = Adjusted(
            at=adjustment.at,
            adjustment_id=adjustment.adjustment_id,
            code=adjustment.code,
            quantity=adjustment.counted - now_there,
            zone=adjustment.zone,
            reason=adjustment.reason or "stock_take",
            counted=adjustment.counted,
        )
    transaction.append_own(store, [adjustment], now)
    return Accepted(recorded=1, repeats=0, position=transaction.position())


def _on_hand(transaction: Transaction, store: str, adjustment: Adjusted, now: int) -> int:
    try:
        lines = stock(transaction.connection, store, now).lines
    except NotFoundError:
        lines = []
    names = catalogue.naming(transaction.connection)
    sku = names.sku_of_code(adjustment.code)
    line: StockLine | None = next((line for line in lines if line.sku == sku), None)
    if line is None:
        return 0
    if adjustment.zone is None:
        return line.total
    return sum(zone.units for zone in line.zones if zone.zone == adjustment.zone)
