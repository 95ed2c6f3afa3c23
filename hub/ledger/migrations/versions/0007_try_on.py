"""Try-ons in fitting rooms, and where items arrived or moved to."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

CHUNK = 5000


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False)


def _int(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def upgrade() -> None:
    placements = op.create_table(
        "placements",
        _text("store"),
        _text("stream"),
        _int("seq"),
        _text("epc"),
        _text("zone"),
        _int("at_ms"),
        sa.PrimaryKeyConstraint("store", "stream", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_placements_at", "placements", ["store", "at_ms"])
    op.create_table(
        "fitting_trials",
        _text("store"),
        _text("epc"),
        _int("started_ms"),
        _text("session"),
        _text("room"),
        _int("ended_ms"),
        _int("worn"),
        sa.Column("probability", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("store", "epc", "started_ms", "session", "room"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fitting_trials_started", "fitting_trials", ["store", "started_ms"])
    rows = _placements()
    while chunk := list(islice(rows, CHUNK)):
        op.bulk_insert(placements, chunk)


def _placements() -> Iterator[dict[str, Any]]:
    """Yield where items arrived and moved to before there was a table of it."""
    query = sa.text(
        "SELECT e.position, s.store, s.stream, e.seq, e.body FROM events e JOIN streams s ON s.id = e.stream_id"
        " WHERE e.position > :after AND e.kind IN ('tag_arrived', 'tag_moved') ORDER BY e.position LIMIT :limit"
    )
    after = 0
    while rows := op.get_bind().execute(query, {"after": after, "limit": CHUNK}).all():
        for position, store, stream, seq, body in rows:
            event = json.loads(body)
            yield {
                "store": store, "stream": stream, "seq": seq,
                "epc": event["epc"], "zone": event["zone"], "at_ms": event["at"],
            }  # fmt: skip
            after = position
