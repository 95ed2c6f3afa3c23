"""Sell: record the lines of a sale. The same line told twice counts once; other content is refused.

A sale of a SKU nobody knows is recorded too: the money changed hands. It shows as unmapped until the
catalogue names the code.
"""

from collections.abc import Sequence

import msgspec

from contract.errors import LedgerError
from hub.ledger import reads
from hub.ledger.writer import Transaction
from hub.model import Sale


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


def sell(transaction: Transaction, store: str, lines: Sequence[Sale], now: int) -> Accepted:
    """Record sale lines, all or none.

    Raises:
        ConflictError: a line's name stands for other content.
    """
    new: dict[tuple[str, int], Sale] = {}
    repeats = 0
    for line in lines:
        key = (line.sale_id, line.line)
        before = new.get(key) or _recorded(transaction, store, line)
        if before is None:
            new[key] = line
        elif before == line:
            repeats += 1
        else:
            raise ConflictError(
                f"sale {line.sale_id!r} line {line.line} is recorded with other content; a correction is a new sale or an adjustment"
            )
    if new:
        transaction.append_own(store, list(new.values()), now)
    return Accepted(recorded=len(new), repeats=repeats, position=transaction.position())


def _recorded(transaction: Transaction, store: str, line: Sale) -> Sale | None:
    row = reads.movement(transaction.connection, store, "sold", line.sale_id, line.line)
    if row is None:
        return None
    return Sale(
        at=row.at_ms,
        sale_id=row.ref,
        line=row.line,
        code=row.code,
        quantity=row.quantity,
        price=row.price,
        epc=row.epc,
    )
