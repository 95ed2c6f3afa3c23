"""Where RFID and weight of a zone told different things; units on plates with several SKUs."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "disagreements",
        sa.Column("store", sa.Text(), primary_key=True),
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("rfid_units", sa.BigInteger(), nullable=False),
        sa.Column("weight_units", sa.BigInteger(), nullable=True),
        sa.Column("weight_g", sa.Float(53), nullable=True),
        sa.Column("epcs", sa.Text(), nullable=False),
        sa.Column("skus", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_disagreements_at", "disagreements", ["store", "at_ms"])
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "plate_units",
        sa.Column("store", sa.Text(), primary_key=True),
        sa.Column("device", sa.Text(), primary_key=True),
        sa.Column("sku", sa.Text(), primary_key=True),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("weight_g", sa.Float(53), nullable=False),
        sa.Column("key_ms", sa.BigInteger(), nullable=False),
        sa.Column("key_stream", ordered, nullable=False),
        sa.Column("key_seq", sa.BigInteger(), nullable=False),
        sa.Column("anchor_units", sa.BigInteger(), nullable=False),
        sa.Column("anchor_ms", sa.BigInteger(), nullable=False),
        sa.Column("anchor_stream", ordered, nullable=False),
        sa.Column("anchor_seq", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
