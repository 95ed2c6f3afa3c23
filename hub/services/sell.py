"""Sell and take back: record lines of sales and returns. The same line told twice counts once; other content is refused.

A sale of a SKU nobody knows is recorded too: the money changed hands. It shows as unmapped until the
catalogue names the code.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from contract.errors import LedgerError
from hub.ledger import reads
from hub.ledger.writer import Transaction
from hub.model import Returned, Sale

SaleEvent: TypeAlias = Sale | Returned


class ConflictError(LedgerError):
    """The ledger holds something else under this name, or the step is not allowed from here."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command's lines.

    Attributes:
        recorded: new lines.
        repeats: lines the ledger had already, word for word.
        position: ledger position after it.
    """

    recorded: int
    repeats: int
    position: int


def sell(transaction: Transaction, store: str, lines: Sequence[SaleEvent], now: int) -> Accepted:
    """Record lines of sales and returns, all or none.

    Raises:
        ConflictError: a line's name stands for other content.
    """
    new: dict[tuple[str, int], SaleEvent] = {}
    repeats = 0
    for line in lines:
        name = name_of(line)
        before = new.get(name) or recorded(transaction, store, name)
        if before is None:
            new[name] = line
        elif before == line:
            repeats += 1
        else:
            raise ConflictError(
                f"sale {name[0]!r} line {name[1]} is recorded with other content; a correction is a new sale or an adjustment"
            )
    if new:
        transaction.append_own(store, list(new.values()), now)
    return Accepted(recorded=len(new), repeats=repeats, position=transaction.position())


def name_of(line: SaleEvent) -> tuple[str, int]:
    """Return what names a line; sales and returns share their names."""
    return (line.sale_id if isinstance(line, Sale) else line.return_id), line.line


def event_of(
    name: tuple[str, int],
    *,
    at: int,
    code: str,
    quantity: int,
    price: float | None,
    epc: str | None,
    of_sale: str | None = None,
) -> SaleEvent:
    """Return the event of a line: a return when its quantity is below zero."""
    ref, line = name
    if quantity > 0:
        return Sale(at=at, sale_id=ref, line=line, code=code, quantity=quantity, price=price, epc=epc)
    return Returned(
        at=at, return_id=ref, line=line, code=code, quantity=-quantity, price=price, epc=epc, of_sale=of_sale
    )


def recorded(transaction: Transaction, store: str, name: tuple[str, int]) -> SaleEvent | None:
    """Return the line the ledger has under this name."""
    for kind, sign in (("sold", 1), ("returned", -1)):
        row = reads.movement(transaction.connection, store, kind, *name)
        if row is not None:
            return event_of(
                name,
                at=row.at_ms,
                code=row.code,
                quantity=sign * row.quantity,
                price=row.price,
                epc=row.epc,
                of_sale=row.of_sale,
            )
    return None
