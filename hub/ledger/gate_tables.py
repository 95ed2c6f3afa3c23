"""Tables of gates: what is there by configuration, and folds of batches, notices and confirmations.

``gate_verdicts`` has one row per batch. It is computed from the other tables and from what tags stand for, by
:mod:`hub.ledger.gate_writes`, whenever one of them changes; so it can be emptied and computed anew like them.
"""

from typing import Final

from sqlalchemy import Column, Index, Integer, Table

from hub.ledger import tables as t

gates: Final = Table(
    "gates",
    t.metadata,
    t.text_column("store", key=True),
    t.text_column("gate", key=True),
    t.text_column("name"),
    t.text_column("name_zh", null=True),
    t.text_column("zone", null=True),
    t.text_column("device", null=True),
    Column("ok_output", Integer, nullable=True),
    Column("doubt_output", Integer, nullable=True),
)

gate_parts: Final = Table(
    "gate_parts",
    t.metadata,
    t.text_column("store", key=True),
    t.text_column("batch_id", key=True),
    t.int_column("part", key=True),
    t.text_column("gate"),
    t.int_column("key_ms"),
    t.order_column("key_stream"),
    t.int_column("key_seq"),
    t.text_column("device"),
    t.int_column("started_ms"),
    t.int_column("parts"),
    t.int_column("strays"),
    t.int_column("suspect"),
    t.text_column("body"),
    sqlite_with_rowid=False,
)

gate_notices: Final = Table(
    "gate_notices",
    t.metadata,
    t.text_column("store", key=True),
    t.text_column("notice_id", key=True),
    t.text_column("gate"),
    t.text_column("direction"),
    t.text_column("state"),
    t.text_column("by_"),
    t.int_column("told_ms"),
    t.int_column("changed_ms"),
    t.int_column("position"),
    t.text_column("body"),
    Index("ix_gate_notices_state", "store", "gate", "state", "position"),
    sqlite_with_rowid=False,
)

gate_confirmations: Final = Table(
    "gate_confirmations",
    t.metadata,
    t.text_column("store", key=True),
    t.text_column("batch_id", key=True),
    t.text_column("gate"),
    t.text_column("notice_id", null=True),
    t.int_column("at_ms"),
    t.text_column("by_"),
    t.int_column("position"),
    t.text_column("body"),
    Index("ix_gate_confirmations_notice", "store", "notice_id"),
    sqlite_with_rowid=False,
)

gate_verdicts: Final = Table(
    "gate_verdicts",
    t.metadata,
    t.text_column("store", key=True),
    t.text_column("batch_id", key=True),
    t.text_column("gate"),
    t.int_column("started_ms"),
    t.int_column("ended_ms"),
    t.text_column("stream"),
    t.text_column("device"),
    t.int_column("strays"),
    t.int_column("suspect"),
    t.text_column("state"),
    t.text_column("light"),
    t.text_column("body"),
    Index("ix_gate_verdicts_gate", "store", "gate", "ended_ms", "batch_id"),
    Index("ix_gate_verdicts_state", "state", "store", "gate"),
    Index("ix_gate_verdicts_ended", "store", "ended_ms", "batch_id"),
    sqlite_with_rowid=False,
)

READ_TABLES: Final = (gate_parts, gate_notices, gate_confirmations, gate_verdicts)
