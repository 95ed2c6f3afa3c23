"""Tables beside the ledger: what the hub remembers of its dealings with tills, agents and labels.

They are no folds and no truth; a rebuild leaves them alone. Each is bounded by age or by number.
"""

from typing import Final

from sqlalchemy import Column, Index, LargeBinary, Table

from hub.ledger import tables as t

codes: Final = Table(
    "codes",
    t.metadata,
    t.text_column("code", key=True),
    t.text_column("sku"),
    t.text_column("by_"),
    t.int_column("set_ms"),
    sqlite_with_rowid=False,
)

till_messages: Final = Table(
    "till_messages",
    t.metadata,
    t.text_column("till", key=True),
    t.text_column("store", key=True),
    t.text_column("message_id", key=True),
    t.text_column("state"),
    t.text_column("detail"),
    t.int_column("record_ms"),
    Index("ix_till_messages_record", "record_ms"),
    sqlite_with_rowid=False,
)

till_orders: Final = Table(
    "till_orders",
    t.metadata,
    t.text_column("till", key=True),
    t.text_column("store", key=True),
    t.text_column("order_id", key=True),
    t.text_column("of_order", null=True),
    t.int_column("version"),
    t.text_column("state"),
    t.text_column("detail"),
    Column("body", LargeBinary, nullable=True),
    t.int_column("changed_ms"),
    Index("ix_till_orders_changed", "changed_ms"),
    Index("ix_till_orders_state", "state", "of_order"),
    sqlite_with_rowid=False,
)

commands: Final = Table(
    "commands",
    t.metadata,
    t.text_column("command_id", key=True),
    t.text_column("store"),
    t.text_column("agent"),
    t.text_column("device"),
    t.text_column("action"),
    t.text_column("state"),
    t.text_column("detail"),
    t.text_column("by_"),
    t.int_column("created_ms"),
    t.int_column("expires_ms"),
    t.int_column("sent"),
    t.int_column("next_ms"),
    t.int_column("changed_ms"),
    Index("ix_commands_next", "state", "next_ms"),
    Index("ix_commands_agent", "store", "agent", "created_ms"),
    sqlite_with_rowid=False,
)

IS_OPEN: Final = commands.c.state.in_(("queued", "sent"))
"""Whether a command has no result yet. Made once: each ``in_`` leaves a cycle for the garbage collector."""

IS_CLOSED: Final = commands.c.state.not_in(("queued", "sent"))
"""The opposite of :data:`IS_OPEN`."""

labels: Final = Table(
    "labels",
    t.metadata,
    t.text_column("store", key=True),
    t.text_column("mac", key=True),
    t.text_column("sku"),
    t.text_column("agent"),
    t.text_column("device"),
    t.text_column("language"),
    t.text_column("by_"),
    t.int_column("set_ms"),
    t.text_column("sent_sku", null=True),
    t.text_column("sent_price", null=True),
    t.text_column("sent_note", null=True),
    t.text_column("command_id", null=True),
    t.int_column("sent_ms", null=True),
    sqlite_with_rowid=False,
)
