"""Sale lines as JSON, for tills without a make of their own here.

One line ``{"sale_id", "line", "sold_at", "sku" or "gtin", "quantity", "price", "epc", "store", "till"}``, a
list of them, or ``{"lines": […]}``. ``line_no`` is another word for ``line``; ``quantity`` below zero is a
return. ``store`` and ``till`` are informative: which store it is, the address says. One bad line refuses the
message, so that a sale is recorded whole or not at all.
"""

from typing import Any

import msgspec

from contract.errors import FrameError, MessageError
from contract.ids import parse_epc
from contract.wire.base import Reject
from contract.wire.till import (
    MAX_LINES,
    MAX_UNITS,
    Entry,
    Number,
    SaleLine,
    Text,
    TillReport,
    code_of,
    moment,
    plain,
    price_of,
    read_entry,
    read_json,
    refused,
    units_of,
)


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sale_id: Text
    sold_at: Text
    line: int | None = None
    line_no: int | None = None
    sku: Text | None = None
    gtin: Text | None = None
    quantity: Number = 1
    price: Number | None = None
    epc: Text | None = None
    store: Text | None = None
    till: Text | None = None


def parse_lines(body: bytes) -> TillReport:
    """Read one message."""
    try:
        value = read_json(body)
        values = value.get("lines", [value]) if isinstance(value, dict) else value
        if not isinstance(values, list) or not 1 <= len(values) <= MAX_LINES:
            return refused("value", body, f"expected one line, or a list of 1 to {MAX_LINES} of them")
    except FrameError as error:
        return refused(error.reason, body, error.detail)
    entries = tuple(read_entry(number, one, _line) for number, one in enumerate(values, 1))
    wrong = tuple(entry for entry in entries if isinstance(entry, Reject))
    return TillReport(state="refused" if wrong else "sold", entries=wrong or entries)


def _line(value: Any) -> Entry:
    line = msgspec.convert(value, _Line)
    name = line.line if line.line is not None else line.line_no
    if name is not None and not 1 <= name <= 100_000:
        raise FrameError("value", f"line {name} is not from 1 to 100000")
    if (line.sku is None) == (line.gtin is None):
        raise FrameError("value", "say either sku or gtin")
    quantity = units_of(line.quantity, least=-MAX_UNITS)
    if quantity == 0:
        raise FrameError("value", "quantity 0 is neither a sale nor a return")
    return SaleLine(
        sale_id=plain("sale_id", line.sale_id),
        line=name or 1,
        code=code_of(line.sku, line.gtin),
        quantity=quantity,
        price=price_of(line.price),
        sold_at=line.sold_at,
        at=moment("sold_at", line.sold_at),
        store=line.store,
        epc=_epc(line.epc),
    )


def _epc(text: str | None) -> str | None:
    try:
        return None if text is None else parse_epc(text)
    except MessageError as error:
        raise FrameError("value", error.detail) from error
