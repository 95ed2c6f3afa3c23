"""Codes of tills that the catalogue does not know, and what staff say they mean.

A mapping is looked up when figures are read, as bindings are, so it names past sales too.
"""

from typing import Any

from contract.errors import NotFoundError
from hub.ledger import catalogue, reads
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.services.sell import ConflictError


def unmapped(connection: Connection, store: str | None) -> list[dict[str, Any]]:
    """Return codes that sales and returns used and that name no product, the last used first."""
    names = catalogue.naming(connection)
    rows = [
        reads.as_dict(row)
        for row in reads.codes_sold(connection, store)
        if names.sku_of_code(row.code) not in names.catalogue
    ]
    return sorted(rows, key=lambda row: (-row["last_ms"], row["store"], row["code"]))


def map_code(
    transaction: Transaction, code: str, sku: str, *, by: str, replace: bool, now: int
) -> tuple[str, bool]:
    """Say which SKU a code means; returns the SKU it meant before (empty for none) and whether that changed.

    Raises:
        NotFoundError: the catalogue has no such SKU.
        ConflictError: the code is a SKU itself, or means another one and ``replace`` was not said.
    """
    products = catalogue.products(transaction.connection)
    if sku not in products:
        raise NotFoundError(f"SKU {sku!r} is not in the catalogue; load it first")
    if code in products:
        raise ConflictError(f"code {code!r} is a SKU of the catalogue and names itself")
    before = catalogue.codes(transaction.connection).get(code, "")
    if before == sku:
        return before, False
    if before and not replace:
        raise ConflictError(f"code {code!r} means {before!r} already; say replace=true to change that")
    transaction.put_code(code, sku, by, now)
    return before, True
