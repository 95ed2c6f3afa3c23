"""Till webhooks: one line per line of a sale or a return, and what was no line."""

from collections.abc import Callable, Iterator
from typing import Final

from cli.decoding import lines
from cli.decoding.lines import Line
from contract.wire import shopify, square
from contract.wire.base import Reject
from contract.wire.till import Notice, TillReport


def _lines(report: TillReport) -> Iterator[Line]:
    for entry in report.entries:
        match entry:
            case Reject():
                yield lines.reject(entry)
            case Notice(what=what, detail=detail):
                yield lines.status(what, detail)
            case _:
                yield {
                    "kind": "sale",
                    "sale_id": entry.sale_id,
                    "line": entry.line,
                    "code": entry.code,
                    "quantity": entry.quantity,
                    "price": entry.price,
                    "sold_at": entry.sold_at,
                    "store": entry.store,
                }


PROTOCOLS: Final[dict[str, Callable[[bytes], Iterator[Line]]]] = {
    "shopify": lambda capture: _lines(shopify.parse_webhook(capture)),
    "square": lambda capture: _lines(square.parse_webhook(capture)),
}
