"""Tills: returns, codes that staff have mapped, what came in. The queue of commands."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("movements", sa.Column("of_sale", sa.Text(), nullable=True))
    op.create_table(
        "codes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("by_", sa.Text(), nullable=False),
        sa.Column("set_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("code"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "till_messages",
        sa.Column("till", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("till", "store", "message_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_till_messages_record", "till_messages", ["record_ms"])
    op.create_table(
        "till_orders",
        sa.Column("till", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("of_order", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("till", "store", "order_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_till_orders_changed", "till_orders", ["changed_ms"])
    op.create_index("ix_till_orders_state", "till_orders", ["state", "of_order"])
    op.create_table(
        "commands",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("by_", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sent", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("command_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_commands_next", "commands", ["state", "next_ms"])
    op.create_index("ix_commands_agent", "commands", ["store", "agent", "created_ms"])
