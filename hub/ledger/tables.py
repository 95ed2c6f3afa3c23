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


def _text(name: str, *, key: bool = False, null: bool = False) -> "Column[str]":
    return Column(name, Text, primary_key=key, nullable=null)


def _order(name: str) -> "Column[str]":
    return Column(name, Text().with_variant(Text(collation="C"), "postgresql"), nullable=False)


def _int(name: str, *, key: bool = False, null: bool = False, default: str | None = None) -> "Column[int]":
    return Column(
        name,
        BigInteger,
        primary_key=key,
        nullable=null,
        autoincrement=False,
        server_default=text(default) if default else None,
    )


def _real(name: str, *, null: bool = False) -> "Column[float]":
    return Column(name, Float(53), nullable=null)


streams: Final = Table(
    "streams",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=False),
    _text("store"),
    _text("agent"),
    _text("stream"),
    _int("receipt_seq"),
    _int("receipt_digest", null=True),
    _int("repeats"),
    _int("refused"),
    _int("lost"),
    _int("opened_ms"),
    _int("last_record_ms"),
    UniqueConstraint("store", "agent", "stream", name="uq_streams_name"),
)

events: Final = Table(
    "events",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    _int("stream_id"),
    _int("seq"),
    _int("digest"),
    _text("kind"),
    _int("event_ms"),
    _int("record_ms"),
    _text("body"),
    UniqueConstraint("stream_id", "seq", name="uq_events_seq"),
)

lost_ranges: Final = Table(
    "lost_ranges",
    metadata,
    _int("stream_id", key=True),
    _int("first_seq", key=True),
    _int("last_seq"),
    _text("reason"),
    _int("record_ms"),
    sqlite_with_rowid=False,
)

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=False),
    _text("store", null=True),
    _text("topic"),
    _int("seq", null=True),
    _text("device", null=True),
    _text("reason"),
    _text("detail"),
    Column("payload", LargeBinary, nullable=False),
    _int("record_ms"),
)

alerts: Final = Table(
    "alerts",
    metadata,
    _text("store", key=True),
    _text("code", key=True),
    _text("stream", key=True),
    _int("seq", key=True),
    _text("origin"),
    _text("device"),
    _text("text"),
    _int("at_ms"),
    _int("count", default="1"),
    _int("last_record_ms"),
    sqlite_with_rowid=False,
)

command_results: Final = Table(
    "command_results",
    metadata,
    _text("store", key=True),
    _text("agent", key=True),
    _text("command_id", key=True),
    _text("device"),
    _text("outcome"),
    _text("detail"),
    _int("at_ms"),
    _int("record_ms"),
    sqlite_with_rowid=False,
)

stores: Final = Table(
    "stores",
    metadata,
    _text("store", key=True),
    _text("name"),
    _text("name_zh", null=True),
    _text("time_zone"),
    _text("opens"),
    _text("closes"),
    _text("currency"),
)

zones: Final = Table(
    "zones",
    metadata,
    _text("store", key=True),
    _text("zone", key=True),
    _text("name"),
    _text("name_zh", null=True),
    _text("kind"),
    _real("x"),
    _real("y"),
    _real("w"),
    _real("h"),
)

products: Final = Table(
    "products",
    metadata,
    _text("sku", key=True),
    _text("name"),
    _text("name_zh", null=True),
    _text("gtin", null=True),
    _real("unit_weight_g", null=True),
    _int("case_pack"),
    _real("lead_time_days"),
    _real("price", null=True),
    Index("ix_products_gtin", "gtin", unique=True),
)

bindings: Final = Table(
    "bindings",
    metadata,
    _text("epc", key=True),
    _text("sku"),
    sqlite_with_rowid=False,
)

codes: Final = Table(
    "codes",
    metadata,
    _text("code", key=True),
    _text("sku"),
    _text("by_"),
    _int("set_ms"),
    sqlite_with_rowid=False,
)

till_messages: Final = Table(
    "till_messages",
    metadata,
    _text("till", key=True),
    _text("store", key=True),
    _text("message_id", key=True),
    _text("state"),
    _text("detail"),
    _int("record_ms"),
    Index("ix_till_messages_record", "record_ms"),
    sqlite_with_rowid=False,
)

till_orders: Final = Table(
    "till_orders",
    metadata,
    _text("till", key=True),
    _text("store", key=True),
    _text("order_id", key=True),
    _text("of_order", null=True),
    _int("version"),
    _text("state"),
    _text("detail"),
    Column("body", LargeBinary, nullable=True),
    _int("changed_ms"),
    Index("ix_till_orders_changed", "changed_ms"),
    Index("ix_till_orders_state", "state", "of_order"),
    sqlite_with_rowid=False,
)

items: Final = Table(
    "items",
    metadata,
    _text("store", key=True),
    _text("epc", key=True),
    _int("key_ms"),
    _order("key_stream"),
    _int("key_seq"),
    _text("zone", null=True),
    _text("status"),
    _int("picked_ms", null=True),
    _int("first_seen_ms"),
    sqlite_with_rowid=False,
)

trays: Final = Table(
    "trays",
    metadata,
    _text("store", key=True),
    _text("device", key=True),
    _text("zone"),
    _text("sku", null=True),
    _int("units"),
    _real("weight_g"),
    _int("key_ms"),
    _order("key_stream"),
    _int("key_seq"),
    _int("anchor_units"),
    _int("anchor_ms"),
    _order("anchor_stream"),
    _int("anchor_seq"),
)

movements: Final = Table(
    "movements",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    _text("store"),
    _text("kind"),
    _text("ref"),
    _int("line"),
    _text("code"),
    _int("quantity"),
    _int("at_ms"),
    _text("zone", null=True),
    _text("epc", null=True),
    _real("price", null=True),
    _int("epcs"),
    _text("of_sale", null=True),
    UniqueConstraint("store", "kind", "ref", "line", name="uq_movements_ref"),
    Index("ix_movements_at", "store", "kind", "at_ms"),
)

footfall: Final = Table(
    "footfall",
    metadata,
    _text("store", key=True),
    _text("line", key=True),
    _int("bucket_ms", key=True),
    _int("entered"),
    _int("left_"),
    sqlite_with_rowid=False,
)

heat: Final = Table(
    "heat",
    metadata,
    _text("store", key=True),
    _text("zone", key=True),
    _int("bucket_ms", key=True),
    _int("picked_up"),
    _int("put_back"),
    _int("arrived"),
    sqlite_with_rowid=False,
)

try_ons: Final = Table(
    "try_ons",
    metadata,
    _text("store", key=True),
    _text("stream", key=True),
    _int("seq", key=True),
    _text("epc"),
    _text("from_zone"),
    _text("zone"),
    _int("picked_ms"),
    _int("ended_ms"),
    _text("outcome"),
    Index("ix_try_ons_at", "store", "ended_ms"),
    sqlite_with_rowid=False,
)

device_states: Final = Table(
    "device_states",
    metadata,
    _text("store", key=True),
    _text("device", key=True),
    _text("state", key=True),
    _int("key_ms"),
    _order("key_stream"),
    _int("key_seq"),
    _text("zones"),
    _int("reads"),
    _int("rejects"),
    _text("detail"),
    sqlite_with_rowid=False,
)

device_rejects: Final = Table(
    "device_rejects",
    metadata,
    _text("store", key=True),
    _text("device", key=True),
    _text("reason", key=True),
    _int("count"),
    _int("last_ms"),
    sqlite_with_rowid=False,
)

blind_spans: Final = Table(
    "blind_spans",
    metadata,
    _text("store", key=True),
    _text("stream", key=True),
    _int("seq", key=True),
    _text("device"),
    _int("since_ms"),
    _int("until_ms"),
    _text("zones"),
    _text("reason"),
    sqlite_with_rowid=False,
)

decisions: Final = Table(
    "decisions",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    _text("store"),
    _text("sku"),
    _int("at_ms"),
    _text("order_id", null=True),
    _int("quantity"),
    _text("rule"),
    _int("rule_version"),
    _text("reason"),
    _text("constraint_"),
    _text("inputs"),
    _int("read_position"),
    Index("ix_decisions_sku", "store", "sku", "position"),
)

_OPEN: Final = text("state IN (" + ", ".join(f"'{state}'" for state in OPEN_STATES) + ")")

orders: Final = Table(
    "orders",
    metadata,
    _text("order_id", key=True),
    _text("store"),
    _text("sku"),
    _int("quantity"),
    _text("state"),
    _int("decided_ms"),
    _int("changed_ms"),
    _text("by_"),
    Index("uq_orders_open", "store", "sku", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)


READ_TABLES: Final = (
    items, trays, movements, footfall, heat, try_ons, device_states, device_rejects, blind_spans, decisions, orders,
)  # fmt: skip
