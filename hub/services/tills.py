"""Take a till's message into the ledger: each line once, however often and in whatever order it is told.

Three things keep a line from counting twice: the message's own id, the order's version where the till counts
them, and the line's name in the ledger. The first two save work; the third holds even when both are lost.
An order that was recorded stays recorded: what comes later about it can add lines and never changes one.

A message that cannot be read is parked as a dead letter and refused. Of an order in which single lines
cannot be read, the others are recorded and those are parked.

The **inbox** (``till_orders``) says where each order stands: ``recorded``, ``open``, ``cancelled``, ``test``,
``to_fetch`` (complete, but its lines are only at the vendor; nothing here fetches them), ``waiting`` (goods
put back of an order that was never counted; recorded as soon as it is) or ``ignored``. It is a memory and no
truth: what it forgets after 90 days, the ledger's line names still hold.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from contract.wire import generic_till, shopify, square
from contract.wire.base import Reject
from contract.wire.till import SaleLine, TillReport
from hub.ledger import reads, side_reads
from hub.ledger.writer import Transaction
from hub.services.record import MAX_DEAD_LETTERS, MAX_PARKED_BYTES
from hub.services.sell import event_of, recorded
from hub.services.till_signatures import Till

MEMORY_MS: Final = 90 * 24 * 3_600_000
RECORDED: Final = "recorded"
WAITING: Final = "waiting"
OUTDATED: Final = "outdated"

_READ: Final[dict[Till, Callable[[bytes], TillReport]]] = {
    "shopify": shopify.parse_webhook,
    "square": square.parse_webhook,
    "generic": generic_till.parse_lines,
}


class TillMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a till, its signature checked.

    Attributes:
        message_id: the till's own id of the message, None where it has none.
        topic: what the till calls it, None where it does not say.
    """

    till: Till
    store: str
    body: bytes
    message_id: str | None = None
    topic: str | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message.

    Attributes:
        state: of the order, as in the inbox; ``outdated`` for an old version, ``refused`` for what nobody can read.
        repeat: the message itself had come before.
        recorded: lines that are new.
        repeats: lines the ledger had already.
        refused: lines nobody could read; they are parked.
        detail: why, for a person.
    """

    state: str
    order_id: str | None = None
    repeat: bool = False
    recorded: int = 0
    repeats: int = 0
    refused: int = 0
    detail: str = ""


def read_message(message: TillMessage) -> TillReport:
    """Return what a message says."""
    if message.till == "shopify":
        return shopify.parse_webhook(message.body, message.topic)
    return _READ[message.till](message.body)


def take(transaction: Transaction, message: TillMessage, now: int) -> Taken:
    """Take a message; never raises for what is in it."""
    known = _known_message(transaction, message)
    if known is not None:
        return Taken(state=known.state, repeat=True, detail=known.detail)
    report = read_message(message)
    taken = _take_report(transaction, message, report, now)
    if report.rejects:
        _park(transaction, message, report.rejects, now)
    if message.message_id is not None:
        row = (message.till, message.store, message.message_id, taken.state, taken.detail, now)
        transaction.note_till_message(row, forget_before=now - MEMORY_MS)
    return taken


def _known_message(transaction: Transaction, message: TillMessage) -> Any:
    if message.message_id is None:
        return None
    return side_reads.till_message(transaction.connection, message.till, message.store, message.message_id)


def _take_report(transaction: Transaction, message: TillMessage, report: TillReport, now: int) -> Taken:
    detail = "; ".join(_words(entry) for entry in report.entries if not isinstance(entry, SaleLine))[:500]
    if report.state == "refused" or (report.rejects and not report.lines):
        return Taken(state="refused", order_id=report.order_id, refused=len(report.rejects), detail=detail)
    known = None
    if report.order_id is not None:
        known = side_reads.till_order(transaction.connection, message.till, message.store, report.order_id)
        if known is not None and known.version > report.version:
            return Taken(state=OUTDATED, order_id=report.order_id, detail=f"version {known.version} is known")
    state: str = RECORDED if report.state in ("sold", "returned") else report.state
    if _waits(transaction, message.store, report):
        state = WAITING
    if known is not None and known.state == RECORDED:
        state = RECORDED
    new, repeats = _record(transaction, message.store, report, now) if state == RECORDED else (0, 0)
    if report.order_id is not None:
        body = message.body if state == WAITING else None
        row = (
            message.till,
            message.store,
            report.order_id,
            report.of_order,
            report.version,
            state,
            detail,
            body,
        )
        transaction.put_till_order((*row, now), forget_before=now - MEMORY_MS)
        if state == RECORDED and report.of_order is None:
            _take_waiting(transaction, message, report.order_id, now)
    return Taken(
        state=state,
        order_id=report.order_id,
        recorded=new,
        repeats=repeats,
        refused=len(report.rejects),
        detail=detail,
    )


def _words(entry: Any) -> str:
    if isinstance(entry, Reject):
        return entry.detail
    return f"{entry.what}: {entry.detail}" if entry.detail else str(entry.what)


def _waits(transaction: Transaction, store: str, report: TillReport) -> bool:
    if not report.only_if_sold or report.of_order is None:
        return False
    return not reads.has_movement(transaction.connection, store, "sold", report.of_order)


def _record(transaction: Transaction, store: str, report: TillReport, now: int) -> tuple[int, int]:
    """Record the lines that are new; return how many are, and how many are not."""
    new = {}
    for line in report.lines:
        name = (line.sale_id, line.line)
        if name not in new and recorded(transaction, store, name) is None:
            new[name] = event_of(
                name,
                at=line.at,
                code=line.code,
                quantity=line.quantity,
                price=line.price,
                epc=line.epc,
                of_sale=report.of_order,
            )
    if new:
        transaction.append_own(store, list(new.values()), now)
    return len(new), len(report.lines) - len(new)


def _take_waiting(transaction: Transaction, message: TillMessage, order_id: str, now: int) -> None:
    """The order counts now, so what was put back of it counts too."""
    for row in side_reads.till_orders_of(
        transaction.connection, message.till, message.store, order_id, WAITING
    ):
        waiting = TillMessage(till=message.till, store=message.store, body=row.body)
        _take_report(transaction, waiting, read_message(waiting), now)


def _park(transaction: Transaction, message: TillMessage, rejects: Sequence[Reject], now: int) -> None:
    topic = f"pos/{message.till}/{message.store}"
    rows = [
        (message.store, topic, None, None, one.reason, _plain(one.detail), (one.raw or message.body)[:MAX_PARKED_BYTES], now)
        for one in rejects
    ]  # fmt: skip
    transaction.append_dead_letters(rows, keep=MAX_DEAD_LETTERS)


def _plain(text: str) -> str:
    return text.replace("\0", "?").encode("utf-8", "replace").decode()[:500]
