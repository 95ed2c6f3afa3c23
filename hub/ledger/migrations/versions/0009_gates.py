"""Gates: what came through, what was expected, what was confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "gates",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=True),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("ok_output", sa.Integer(), nullable=True),
        sa.Column("doubt_output", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("store", "gate"),
    )
    op.create_table(
        "gate_parts",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("key_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_stream", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("key_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("strays", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("suspect", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "batch_id", "part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gate_notices",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by_", sa.Text(), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "notice_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_gate_notices_state", "gate_notices", ["store", "gate", "state", "position"])
    op.create_table(
        "gate_confirmations",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("notice_id", sa.Text(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by_", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "batch_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_gate_confirmations_notice", "gate_confirmations", ["store", "notice_id"])
    op.create_table(
        "gate_verdicts",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("strays", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("suspect", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("light", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "batch_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_gate_verdicts_ended", "gate_verdicts", ["store", "ended_ms", "batch_id"])
    op.create_index("ix_gate_verdicts_gate", "gate_verdicts", ["store", "gate", "ended_ms", "batch_id"])
    op.create_index("ix_gate_verdicts_state", "gate_verdicts", ["state", "store", "gate"])
