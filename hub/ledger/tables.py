"""The schema, once: events and what is kept beside them, the catalogue, and the read tables.

Truth is ``events`` (with ``streams`` and ``lost_ranges`` for the numbers that have no content). Tables
in :data:`READ_TABLES` are folds of it and nothing else: they can be emptied and rebuilt. Positions are
given by the one writer in commit order, so a reader that has seen position *p* has seen everything
below it.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub.model import OPEN_STATES

metadata: Final = MetaData()

Key = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer that is SQLite's rowid where it is the primary key."""


def text_column(name: str, *, key: bool = False, null: bool = False) -> "Column[str]":
    """A text."""
    return Column(name, Text, primary_key=key, nullable=null)


def order_column(name: str) -> "Column[str]":
    """A text that both databases sort by its bytes."""
    return Column(name, Text().with_variant(Text(collation="C"), "postgresql"), nullable=False)


def int_column(
    name: str, *, key: bool = False, null: bool = False, default: str | None = None
) -> "Column[int]":
    """A 64-bit integer."""
    return Column(
        name,
        BigInteger,
        primary_key=key,
        nullable=null,
        autoincrement=False,
        server_default=text(default) if default else None,
    )


def real_column(name: str, *, null: bool = False) -> "Column[float]":
    """A floating-point number."""
    return Column(name, Float(53), nullable=null)


streams: Final = Table(
    "streams",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=False),
    text_column("store"),
    text_column("agent"),
    text_column("stream"),
    int_column("receipt_seq"),
    int_column("receipt_digest", null=True),
    int_column("repeats"),
    int_column("refused"),
    int_column("lost"),
    int_column("opened_ms"),
    int_column("last_record_ms"),
    UniqueConstraint("store", "agent", "stream", name="uq_streams_name"),
)

events: Final = Table(
    "events",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    int_column("stream_id"),
    int_column("seq"),
    int_column("digest"),
    text_column("kind"),
    int_column("event_ms"),
    int_column("record_ms"),
    text_column("body"),
    UniqueConstraint("stream_id", "seq", name="uq_events_seq"),
)

lost_ranges: Final = Table(
    "lost_ranges",
    metadata,
    int_column("stream_id", key=True),
    int_column("first_seq", key=True),
    int_column("last_seq"),
    text_column("reason"),
    int_column("record_ms"),
    sqlite_with_rowid=False,
)

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=False),
    text_column("store", null=True),
    text_column("topic"),
    int_column("seq", null=True),
    text_column("device", null=True),
    text_column("reason"),
    text_column("detail"),
    Column("payload", LargeBinary, nullable=False),
    int_column("record_ms"),
)

alerts: Final = Table(
    "alerts",
    metadata,
    text_column("store", key=True),
    text_column("code", key=True),
    text_column("stream", key=True),
    int_column("seq", key=True),
    text_column("origin"),
    text_column("device"),
    text_column("text"),
    int_column("at_ms"),
    int_column("count", default="1"),
    int_column("last_record_ms"),
    sqlite_with_rowid=False,
)

command_results: Final = Table(
    "command_results",
    metadata,
    text_column("store", key=True),
    text_column("agent", key=True),
    text_column("command_id", key=True),
    text_column("device"),
    text_column("outcome"),
    text_column("detail"),
    int_column("at_ms"),
    int_column("record_ms"),
    sqlite_with_rowid=False,
)

stores: Final = Table(
    "stores",
    metadata,
    text_column("store", key=True),
    text_column("name"),
    text_column("name_zh", null=True),
    text_column("time_zone"),
    text_column("opens"),
    text_column("closes"),
    text_column("currency"),
)

zones: Final = Table(
    "zones",
    metadata,
    text_column("store", key=True),
    text_column("zone", key=True),
    text_column("name"),
    text_column("name_zh", null=True),
    text_column("kind"),
    real_column("x"),
    real_column("y"),
    real_column("w"),
    real_column("h"),
)

products: Final = Table(
    "products",
    metadata,
    text_column("sku", key=True),
    text_column("name"),
    text_column("name_zh", null=True),
    text_column("gtin", null=True),
    real_column("unit_weight_g", null=True),
    int_column("case_pack"),
    real_column("lead_time_days"),
    real_column("price", null=True),
    Index("ix_products_gtin", "gtin", unique=True),
)

labels_shown: Final = Table(
    "labels_shown",
    metadata,
    text_column("store", key=True),
    text_column("mac", key=True),
    int_column("key_ms"),
    order_column("key_stream"),
    int_column("key_seq"),
    text_column("device"),
    text_column("sku"),
    text_column("price"),
    text_column("currency"),
    sqlite_with_rowid=False,
)

bindings: Final = Table(
    "bindings",
    metadata,
    text_column("epc", key=True),
    text_column("sku", null=True),
    text_column("way"),
    text_column("by_"),
    int_column("bound_ms"),
    int_column("position"),
    sqlite_with_rowid=False,
)
"""Which SKU each EPC stands for; null once it was unbound. Rows at position 0 come from before the log."""

tid_bindings: Final = Table(
    "tid_bindings",
    metadata,
    text_column("tid", key=True),
    text_column("sku", null=True),
    text_column("way"),
    text_column("by_"),
    int_column("bound_ms"),
    int_column("position"),
    sqlite_with_rowid=False,
)

binding_log: Final = Table(
    "binding_log",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    text_column("store"),
    int_column("at_ms"),
    text_column("epc", null=True),
    text_column("tid", null=True),
    text_column("sku", null=True),
    text_column("way"),
    text_column("by_"),
    text_column("code"),
    Index("ix_binding_log_store", "store", "position"),
    Index("ix_binding_log_epc", "epc"),
)

scans: Final = Table(
    "scans",
    metadata,
    text_column("store", key=True),
    text_column("stream", key=True),
    text_column("device"),
    text_column("code"),
    int_column("at_ms"),
    int_column("seq"),
    sqlite_with_rowid=False,
)

presented: Final = Table(
    "presented",
    metadata,
    text_column("store", key=True),
    text_column("stream", key=True),
    text_column("epc", key=True),
    text_column("tid", key=True),
    text_column("device"),
    int_column("at_ms"),
    int_column("seq"),
    Index("ix_presented_at", "store", "at_ms"),
    sqlite_with_rowid=False,
)

items: Final = Table(
    "items",
    metadata,
    text_column("store", key=True),
    text_column("epc", key=True),
    int_column("key_ms"),
    order_column("key_stream"),
    int_column("key_seq"),
    text_column("zone", null=True),
    text_column("status"),
    int_column("picked_ms", null=True),
    int_column("first_seen_ms"),
    int_column("received_ms", default="-1"),
    sqlite_with_rowid=False,
)

trays: Final = Table(
    "trays",
    metadata,
    text_column("store", key=True),
    text_column("device", key=True),
    text_column("zone"),
    text_column("sku", null=True),
    int_column("units"),
    real_column("weight_g"),
    int_column("key_ms"),
    order_column("key_stream"),
    int_column("key_seq"),
    int_column("anchor_units"),
    int_column("anchor_ms"),
    order_column("anchor_stream"),
    int_column("anchor_seq"),
)

plate_units: Final = Table(
    "plate_units",
    metadata,
    text_column("store", key=True),
    text_column("device", key=True),
    text_column("sku", key=True),
    text_column("zone"),
    int_column("units"),
    real_column("weight_g"),
    int_column("key_ms"),
    order_column("key_stream"),
    int_column("key_seq"),
    int_column("anchor_units"),
    int_column("anchor_ms"),
    order_column("anchor_stream"),
    int_column("anchor_seq"),
    sqlite_with_rowid=False,
)
"""As ``trays``, for plates with several SKUs."""

movements: Final = Table(
    "movements",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    text_column("store"),
    text_column("kind"),
    text_column("ref"),
    int_column("line"),
    text_column("code"),
    int_column("quantity"),
    int_column("at_ms"),
    text_column("zone", null=True),
    text_column("epc", null=True),
    real_column("price", null=True),
    int_column("epcs"),
    text_column("of_sale", null=True),
    UniqueConstraint("store", "kind", "ref", "line", name="uq_movements_ref"),
    Index("ix_movements_at", "store", "kind", "at_ms"),
)

footfall: Final = Table(
    "footfall",
    metadata,
    text_column("store", key=True),
    text_column("line", key=True),
    int_column("bucket_ms", key=True),
    int_column("entered"),
    int_column("left_"),
    int_column("entered_milli", default="0"),
    int_column("left_milli", default="0"),
    int_column("turned", default="0"),
    int_column("staff_entered", default="0"),
    int_column("staff_left", default="0"),
    sqlite_with_rowid=False,
)

heat: Final = Table(
    "heat",
    metadata,
    text_column("store", key=True),
    text_column("zone", key=True),
    int_column("bucket_ms", key=True),
    int_column("picked_up"),
    int_column("put_back"),
    int_column("arrived"),
    sqlite_with_rowid=False,
)

try_ons: Final = Table(
    "try_ons",
    metadata,
    text_column("store", key=True),
    text_column("stream", key=True),
    int_column("seq", key=True),
    text_column("epc"),
    text_column("from_zone"),
    text_column("zone"),
    int_column("picked_ms"),
    int_column("ended_ms"),
    text_column("outcome"),
    Index("ix_try_ons_at", "store", "ended_ms"),
    sqlite_with_rowid=False,
)

placements: Final = Table(
    "placements",
    metadata,
    text_column("store", key=True),
    text_column("stream", key=True),
    int_column("seq", key=True),
    text_column("epc"),
    text_column("zone"),
    int_column("at_ms"),
    Index("ix_placements_at", "store", "at_ms"),
    sqlite_with_rowid=False,
)
"""Where items arrived or moved to; with the put-backs in ``try_ons``, all that was ever put down."""

fitting_trials: Final = Table(
    "fitting_trials",
    metadata,
    text_column("store", key=True),
    text_column("epc", key=True),
    int_column("started_ms", key=True),
    text_column("session", key=True),
    text_column("room", key=True),
    int_column("ended_ms"),
    int_column("worn"),
    real_column("probability"),
    Index("ix_fitting_trials_started", "store", "started_ms"),
    sqlite_with_rowid=False,
)
"""Try-ons in fitting rooms; columns that are no key only grow."""

device_states: Final = Table(
    "device_states",
    metadata,
    text_column("store", key=True),
    text_column("device", key=True),
    text_column("state", key=True),
    int_column("key_ms"),
    order_column("key_stream"),
    int_column("key_seq"),
    text_column("zones"),
    int_column("reads"),
    int_column("rejects"),
    text_column("detail"),
    sqlite_with_rowid=False,
)

device_rejects: Final = Table(
    "device_rejects",
    metadata,
    text_column("store", key=True),
    text_column("device", key=True),
    text_column("reason", key=True),
    int_column("count"),
    int_column("last_ms"),
    sqlite_with_rowid=False,
)

blind_spans: Final = Table(
    "blind_spans",
    metadata,
    text_column("store", key=True),
    text_column("stream", key=True),
    int_column("seq", key=True),
    text_column("device"),
    int_column("since_ms"),
    int_column("until_ms"),
    text_column("zones"),
    text_column("reason"),
    sqlite_with_rowid=False,
)

disagreements: Final = Table(
    "disagreements",
    metadata,
    text_column("store", key=True),
    text_column("stream", key=True),
    int_column("seq", key=True),
    text_column("zone"),
    text_column("device"),
    text_column("why"),
    int_column("since_ms"),
    int_column("at_ms"),
    int_column("rfid_units"),
    int_column("weight_units", null=True),
    real_column("weight_g", null=True),
    text_column("epcs"),
    text_column("skus"),
    Index("ix_disagreements_at", "store", "at_ms"),
    sqlite_with_rowid=False,
)
"""``epcs`` parted by blanks; ``skus`` a JSON list, as a SKU may hold blanks."""

stock_takes: Final = Table(
    "stock_takes",
    metadata,
    text_column("store", key=True),
    text_column("stock_take_id", key=True),
    text_column("state"),
    text_column("zones"),
    text_column("opened_by"),
    text_column("note"),
    int_column("opened_ms"),
    int_column("changed_ms"),
    text_column("changed_by"),
    int_column("position"),
    int_column("closed_position", null=True),
    Index("ix_stock_takes_opened", "store", "position"),
    sqlite_with_rowid=False,
)
"""``closed_position`` is where the variance stands."""

stock_batches: Final = Table(
    "stock_batches",
    metadata,
    text_column("store", key=True),
    text_column("stock_take_id", key=True),
    text_column("batch_id", key=True),
    text_column("zone"),
    text_column("way"),
    int_column("started_ms"),
    int_column("counted_ms"),
    text_column("by_"),
    int_column("position"),
    sqlite_with_rowid=False,
)

zone_anchors: Final = Table(
    "zone_anchors",
    metadata,
    text_column("store", key=True),
    text_column("zone", key=True),
    int_column("key_ms"),
    order_column("key_stream"),
    int_column("key_seq"),
    text_column("stock_take_id"),
    sqlite_with_rowid=False,
)
"""Since when each zone's tags are known from a count; zone "" is what is in no zone."""

counts: Final = Table(
    "counts",
    metadata,
    int_column("position", key=True),
    int_column("line", key=True),
    text_column("store"),
    text_column("stock_take_id"),
    text_column("sku"),
    text_column("zone", null=True),
    int_column("units"),
    int_column("at_ms"),
    int_column("expected"),
    int_column("tray_units", null=True),
    int_column("whole"),
    Index("ix_counts_store", "store"),
    sqlite_with_rowid=False,
)

decisions: Final = Table(
    "decisions",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    text_column("store"),
    text_column("sku"),
    int_column("at_ms"),
    text_column("order_id", null=True),
    int_column("quantity"),
    text_column("rule"),
    int_column("rule_version"),
    text_column("reason"),
    text_column("constraint_"),
    text_column("inputs"),
    int_column("read_position"),
    Index("ix_decisions_sku", "store", "sku", "position"),
)

_OPEN: Final = text("state IN (" + ", ".join(f"'{state}'" for state in OPEN_STATES) + ")")

orders: Final = Table(
    "orders",
    metadata,
    text_column("order_id", key=True),
    text_column("store"),
    text_column("sku"),
    int_column("quantity"),
    text_column("state"),
    int_column("decided_ms"),
    int_column("changed_ms"),
    text_column("by_"),
    Index("uq_orders_open", "store", "sku", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)


READ_TABLES: Final = (
    items, trays, plate_units, movements, footfall, heat, try_ons, placements, fitting_trials, device_states, device_rejects, blind_spans,
    decisions, orders,
    binding_log, scans, presented, labels_shown, stock_takes, stock_batches, zone_anchors, counts,
    disagreements,
)  # fmt: skip

LOGGED: Final = (bindings, tid_bindings)
"""Folds too, but for their rows at position 0, which a rebuild keeps."""
