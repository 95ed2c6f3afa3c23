"""Shelf labels: which product each is for, what it should show, what was sent, and what it confirmed.

The **confirmed** price is a fold of what labels said (``label_shown``); what was sent is a memory of the
queue of commands. The two are never mixed: a screen shows the confirmed one. Each round queues at most
:data:`PER_ROUND` commands per store, so that a new price list does not drown the radio.
"""

from typing import Any, Final, NamedTuple

from contract.errors import NotFoundError
from contract.messages import SetLabel
from hub.ledger import catalogue, side_reads
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.model import Product
from hub.projections.label_plan import Face, Sent, must_send, note_text, price_text, state_of
from hub.services.commands import CommandOrder, queue
from hub.services.sell import ConflictError
from hub.services.stock import STALE_AFTER_MS, stock

PER_ROUND: Final = 20
EXPIRES_MS: Final = 10 * 60_000
MAX_NAME: Final = 200


class Assignment(NamedTuple):
    """Which product a label is for, and which agent's device reaches it."""

    mac: str
    sku: str
    agent: str
    device: str
    language: str
    by: str


class _Label(NamedTuple):
    """One label: its row, and what it should show, was sent and confirmed."""

    row: Any
    product: Product | None
    wanted: Face | None
    note: str
    sent: Sent | None
    confirmed: Face | None


def assign(transaction: Transaction, store: str, wanted: Assignment, now: int) -> None:
    """Say which product a label is for; what was sent to it before is remembered.

    Raises:
        NotFoundError: the store or the SKU is not known.
    """
    connection = transaction.connection
    catalogue.store(connection, store)
    if wanted.sku not in catalogue.products(connection):
        raise NotFoundError(f"SKU {wanted.sku!r} is not in the catalogue; load it first")
    known = next((row for row in side_reads.labels(connection, store) if row.mac == wanted.mac), None)
    told: tuple[Any, ...] = (None,) * 5
    if known is not None:
        told = (known.sent_sku, known.sent_price, known.sent_note, known.command_id, known.sent_ms)
    transaction.put_label(
        (store, wanted.mac, wanted.sku, wanted.agent, wanted.device, wanted.language, wanted.by, now, *told)
    )


def _labels(connection: Connection, store: str, now: int, stale_after_ms: int) -> list[_Label]:
    found = stock(connection, store, now, stale_after_ms=stale_after_ms)
    currency = catalogue.store(connection, store).currency
    lines = {line.sku: line for line in found.lines}
    confirmed = side_reads.labels_shown(connection, store)
    labels = []
    for row in side_reads.labels(connection, store):
        product, line = found.products.get(row.sku), lines.get(row.sku)
        wanted = None
        if product is not None and product.price is not None:
            wanted = Face(row.sku, price_text(product.price, currency), currency)
        note = note_text(line.total, uncertain=line.uncertain) if line is not None else ""
        sent = None
        if row.sent_ms is not None:
            sent = Sent(row.sent_sku, row.sent_price, row.sent_note, row.sent_ms, row.command_state or "")
        shown = confirmed.get(row.mac)
        face = None if shown is None else Face(shown.sku, shown.price, shown.currency)
        labels.append(_Label(row, product, wanted, note, sent, face))
    return labels


def labels_due(
    connection: Connection, store: str, now: int, *, stale_after_ms: int = STALE_AFTER_MS
) -> list[_Label]:
    """Return labels that are to be told now, at most :data:`PER_ROUND`; those longest untold first."""
    due = [
        label
        for label in _labels(connection, store, now, stale_after_ms)
        if label.wanted is not None and must_send(label.wanted, label.note, label.sent, label.confirmed, now)
    ]
    return sorted(due, key=lambda label: (label.sent.at_ms if label.sent else 0, label.row.mac))[:PER_ROUND]


def plan_labels(
    transaction: Transaction, store: str, now: int, *, stale_after_ms: int = STALE_AFTER_MS
) -> int:
    """Queue a command for every label that is due; returns how many."""
    queued = 0
    for label in labels_due(transaction.connection, store, now, stale_after_ms=stale_after_ms):
        row, product, wanted = label.row, label.product, label.wanted
        assert product is not None
        assert wanted is not None
        name = product.name_zh if row.language == "zh-CN" and product.name_zh else product.name
        action = SetLabel(
            mac=row.mac,
            sku=wanted.sku,
            name=name[:MAX_NAME],
            price=wanted.price,
            currency=wanted.currency,
            note=label.note,
        )
        order = CommandOrder(
            store=store,
            agent=row.agent,
            device=row.device,
            action=action,
            expires_ms=now + EXPIRES_MS,
            by="labels",
        )
        try:
            command = queue(transaction, order, now)
        except ConflictError:
            # The agent has as many open commands as it may have; the next round tries again.
            continue
        transaction.put_label((*row[:8], wanted.sku, wanted.price, label.note, command.command_id, now))
        queued += 1
    return queued


def listed(connection: Connection, store: str, now: int, *, stale_after_ms: int) -> list[dict[str, Any]]:
    """Return every label of a store, those that only reported included.

    Raises:
        NotFoundError: the store is not known.
    """
    labels = _labels(connection, store, now, stale_after_ms)
    confirmed = side_reads.labels_shown(connection, store)
    told = []
    for label in labels:
        row, shown = label.row, confirmed.pop(label.row.mac, None)
        told.append(
            {
                **{name: getattr(row, name) for name in ("mac", "sku", "agent", "device", "language")},
                "name": label.product.name if label.product else None,
                "name_zh": label.product.name_zh if label.product else None,
                "state": state_of(label.wanted, label.sent, label.confirmed),
                "wanted_price": label.wanted.price if label.wanted else None,
                "wanted_note": label.note,
                "sent_price": row.sent_price,
                "sent_ms": row.sent_ms,
                "command_state": row.command_state,
                "detail": row.command_detail or "",
                **_confirmed(shown),
            }
        )
    nothing = dict.fromkeys(
        (
            "sku",
            "agent",
            "language",
            "name",
            "name_zh",
            "wanted_price",
            "sent_price",
            "sent_ms",
            "command_state",
        )
    )
    for mac, shown in sorted(confirmed.items()):
        told.append(
            {
                **nothing, "mac": mac, "device": shown.device, "state": "unassigned", "wanted_note": "", "detail": "",
                **_confirmed(shown),
            }
        )  # fmt: skip
    return told


def _confirmed(shown: Any) -> dict[str, Any]:
    return {
        "confirmed_sku": shown.sku if shown is not None else None,
        "confirmed_price": shown.price if shown is not None else None,
        "confirmed_currency": shown.currency if shown is not None else None,
        "confirmed_ms": shown.key_ms if shown is not None else None,
    }
