"""Recompute the read tables from the events, and check that the live ones equal the result.

Both run in one transaction of the writer: a rebuild empties and refills the tables, a verification does
the same, compares, and rolls back. Chunks bound the memory; the folds do not see where a chunk ends.
"""

from typing import Any, Final

from sqlalchemy import delete, select

from contract.messages import decode_observation
from hub.ledger import gate_tables as g
from hub.ledger import tables as t
from hub.ledger.writer import Transaction, Writer
from hub.model import HUB_STREAM, PARKED, AnyEvent, decode_hub_event
from hub.projections.batch import Batch

CHUNK: Final = 5000
READ_TABLES: Final = (*t.READ_TABLES, *g.READ_TABLES)
_MAX_DIFFERENCES: Final = 5


class _RolledBackError(Exception):
    """Ends a verification; carries what it found."""

    def __init__(self, differences: list[str]) -> None:
        self.differences = differences


def rebuild(transaction: Transaction) -> int:
    """Empty and refill the read tables; returns how many events there are."""
    connection = transaction.connection
    for table in READ_TABLES:
        connection.execute(delete(table))
    for table in t.LOGGED:
        connection.execute(delete(table).where(table.c.position > 0))
    connection.execute(delete(t.alerts).where(t.alerts.c.origin == "edge"))
    e, s = t.events.c, t.streams.c
    query = select(e.position, s.store, s.stream, e.seq, e.kind, e.body).join(t.streams, s.id == e.stream_id)
    position = count = 0
    while True:
        rows = connection.execute(query.where(e.position > position).order_by(e.position).limit(CHUNK)).all()
        if not rows:
            return count
        batch = Batch()
        for row in rows:
            if row.kind != PARKED:
                batch.add(row.store, row.stream, row.seq, row.position, _event(row.stream, row.body))
        transaction.merge(batch)
        position = rows[-1].position
        count += len(rows)


def _event(stream: str, body: str) -> AnyEvent:
    return decode_hub_event(body.encode()) if stream == HUB_STREAM else decode_observation(body.encode())


def snapshot(transaction: Transaction) -> dict[str, set[tuple[Any, ...]]]:
    """Return the rows of every read table."""
    found = {
        table.name: {tuple(row) for row in transaction.connection.execute(select(table))}
        for table in (*READ_TABLES, *t.LOGGED)
    }
    edge = select(t.alerts).where(t.alerts.c.origin == "edge")
    found["alerts"] = {tuple(row) for row in transaction.connection.execute(edge)}
    return found


def verify(writer: Writer) -> list[str]:
    """Return differences between the live read tables and the events, a sentence each; none is good."""

    def compare(transaction: Transaction) -> None:
        live = snapshot(transaction)
        rebuild(transaction)
        raise _RolledBackError(_differences(live, snapshot(transaction)))

    try:
        writer.run(compare)
    except _RolledBackError as ended:
        return ended.differences
    return []


def _differences(
    live: dict[str, set[tuple[Any, ...]]], rebuilt: dict[str, set[tuple[Any, ...]]]
) -> list[str]:
    sentences = []
    for name, rows in live.items():
        extra, missing = rows - rebuilt[name], rebuilt[name] - rows
        if extra or missing:
            shown = sorted(map(str, extra | missing))[:_MAX_DIFFERENCES]
            sentences.append(
                f"{name}: {len(extra)} rows the events do not give, {len(missing)} rows missing; {'; '.join(shown)}"
            )
    return sentences
