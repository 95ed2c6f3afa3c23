"""The ledger as of version 0.1."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), server_default=sa.text("1"), autoincrement=False, nullable=False),
        sa.Column("last_record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("store", "code", "stream", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bindings",
        sa.Column("epc", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("epc"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "blind_spans",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("zones", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "stream", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "command_results",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("store", "agent", "command_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dead_letters",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("store", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "decisions",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("constraint_", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("read_position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index("ix_decisions_sku", ["store", "sku", "position"], unique=False)

    op.create_table(
        "device_rejects",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("store", "device", "reason"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "device_states",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("key_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_stream", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("key_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("zones", sa.Text(), nullable=False),
        sa.Column("reads", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rejects", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "device", "state"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("stream_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("stream_id", "seq", name="uq_events_seq"),
    )
    op.create_table(
        "footfall",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("bucket_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entered", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("left_", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("store", "line", "bucket_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "heat",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("bucket_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("picked_up", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("put_back", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("arrived", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("store", "zone", "bucket_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "items",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("epc", sa.Text(), nullable=False),
        sa.Column("key_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_stream", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("key_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("picked_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("first_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("store", "epc"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lost_ranges",
        sa.Column("stream_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "first_seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "movements",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("epc", sa.Text(), nullable=True),
        sa.Column("price", sa.Float(precision=53), nullable=True),
        sa.Column("epcs", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("store", "kind", "ref", "line", name="uq_movements_ref"),
    )
    with op.batch_alter_table("movements", schema=None) as batch_op:
        batch_op.create_index("ix_movements_at", ["store", "kind", "at_ms"], unique=False)

    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by_", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "uq_orders_open",
            ["store", "sku"],
            unique=True,
            sqlite_where=sa.text("state IN ('proposed', 'approved', 'sent', 'in_transit')"),
            postgresql_where=sa.text("state IN ('proposed', 'approved', 'sent', 'in_transit')"),
        )

    op.create_table(
        "products",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=True),
        sa.Column("gtin", sa.Text(), nullable=True),
        sa.Column("unit_weight_g", sa.Float(precision=53), nullable=True),
        sa.Column("case_pack", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lead_time_days", sa.Float(precision=53), nullable=False),
        sa.Column("price", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("sku"),
    )
    with op.batch_alter_table("products", schema=None) as batch_op:
        batch_op.create_index("ix_products_gtin", ["gtin"], unique=True)

    op.create_table(
        "stores",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("opens", sa.Text(), nullable=False),
        sa.Column("closes", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store"),
    )
    op.create_table(
        "streams",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("receipt_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("receipt_digest", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("repeats", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("refused", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lost", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("store", "agent", "stream", name="uq_streams_name"),
    )
    op.create_table(
        "trays",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("weight_g", sa.Float(precision=53), nullable=False),
        sa.Column("key_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_stream", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("key_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("anchor_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("anchor_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "anchor_stream", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("anchor_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("store", "device"),
    )
    op.create_table(
        "try_ons",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epc", sa.Text(), nullable=False),
        sa.Column("from_zone", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("picked_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "stream", "seq"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("try_ons", schema=None) as batch_op:
        batch_op.create_index("ix_try_ons_at", ["store", "ended_ms"], unique=False)

    op.create_table(
        "zones",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("x", sa.Float(precision=53), nullable=False),
        sa.Column("y", sa.Float(precision=53), nullable=False),
        sa.Column("w", sa.Float(precision=53), nullable=False),
        sa.Column("h", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("store", "zone"),
    )
