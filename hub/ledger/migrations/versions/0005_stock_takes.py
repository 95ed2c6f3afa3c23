"""Stock-takes: their batches, what approved ones anchor, and when items were received."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _order(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _text(name: str, *, null: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=null)


def _int(name: str, *, null: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=null)


def upgrade() -> None:
    op.create_table(
        "stock_takes",
        *(_text(name) for name in ("store", "stock_take_id", "state", "zones", "opened_by", "note")),
        _int("opened_ms"),
        _int("changed_ms"),
        _text("changed_by"),
        _int("position"),
        _int("closed_position", null=True),
        sa.PrimaryKeyConstraint("store", "stock_take_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_stock_takes_opened", "stock_takes", ["store", "position"])
    op.create_table(
        "stock_batches",
        *(_text(name) for name in ("store", "stock_take_id", "batch_id", "zone", "way")),
        _int("started_ms"),
        _int("counted_ms"),
        _text("by_"),
        _int("position"),
        sa.PrimaryKeyConstraint("store", "stock_take_id", "batch_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "zone_anchors",
        _text("store"),
        _text("zone"),
        _int("key_ms"),
        _order("key_stream"),
        _int("key_seq"),
        _text("stock_take_id"),
        sa.PrimaryKeyConstraint("store", "zone"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counts",
        _int("position"),
        _int("line"),
        _text("store"),
        _text("stock_take_id"),
        _text("sku"),
        _text("zone", null=True),
        _int("units"),
        _int("at_ms"),
        _int("expected"),
        _int("tray_units", null=True),
        _int("whole"),
        sa.PrimaryKeyConstraint("position", "line"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_counts_store", "counts", ["store"])
    op.add_column(
        "items", sa.Column("received_ms", sa.BigInteger(), server_default=sa.text("-1"), nullable=False)
    )
    _date_receipts()


def _date_receipts() -> None:
    """Give items the time of their receipt, which the ledger has had all along."""
    rows = op.get_bind().execute(
        sa.text(
            "SELECT s.store, e.body FROM events e JOIN streams s ON s.id = e.stream_id"
            " WHERE e.kind = 'goods_received' AND s.stream = 'hub'"
        )
    )
    latest: dict[tuple[str, str], int] = {}
    for (store, epc), at in _receipts(rows):
        latest[store, epc] = max(at, latest.get((store, epc), -1))
    update = sa.text("UPDATE items SET received_ms = :at WHERE store = :store AND epc = :epc")
    if latest:
        values = [{"store": store, "epc": epc, "at": at} for (store, epc), at in latest.items()]
        op.get_bind().execute(update, values)


def _receipts(rows: Iterable[Any]) -> Iterator[tuple[tuple[str, str], int]]:
    for store, body in rows:
        event = json.loads(body)
        for epc in event.get("epcs", ()):
            yield (store, epc), event["at"]
