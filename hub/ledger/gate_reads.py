"""Reads about gates: batches with their verdicts, notices, confirmations. Functions of a connection."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select, tuple_

from hub.ledger import gate_tables as g
from hub.ledger import tables as t
from hub.model import GateConfirmed, GoodsNoticed
from hub.projections.gate import Batch, Part, join

_LOOKUP: Final = 500
_CONFIRMED: Final = msgspec.json.Decoder(GateConfirmed)
_NOTICE: Final = msgspec.json.Decoder(GoodsNoticed)


def known(connection: Connection) -> dict[str, list[str]]:
    """Return store → gates that its file names, that have reported, or that something is expected at."""
    found: dict[str, set[str]] = {}
    for table in (g.gates, g.gate_verdicts, g.gate_notices):
        for store, gate in connection.execute(select(table.c.store, table.c.gate).distinct()):
            found.setdefault(store, set()).add(gate)
    return {store: sorted(gates) for store, gates in found.items()}


def batches(connection: Connection, store: str, batch_ids: Collection[str]) -> dict[str, Batch]:
    """Return batches with their parts joined, by id."""
    c = g.gate_parts.c
    wanted = sorted(batch_ids)
    parts: dict[str, dict[int, Part]] = {}
    for start in range(0, len(wanted), _LOOKUP):
        where = (c.store == store, c.batch_id.in_(wanted[start : start + _LOOKUP]))
        for row in connection.execute(select(g.gate_parts).where(*where)):
            parts.setdefault(row.batch_id, {})[row.part] = Part(*row[3:])
    return {batch_id: join(batch_id, own) for batch_id, own in parts.items()}


def verdict_rows(
    connection: Connection, store: str, *, gate: str | None, before: tuple[int, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Return batches with their verdicts, the newest first; ``before`` is where the page before ended."""
    c = g.gate_verdicts.c
    where: list[Any] = [c.store == store]
    if gate is not None:
        where.append(c.gate == gate)
    if before is not None:
        where.append(tuple_(c.ended_ms, c.batch_id) < before)
    query = select(g.gate_verdicts).where(*where).order_by(c.ended_ms.desc(), c.batch_id.desc())
    return connection.execute(query.limit(limit)).all()


def verdicts_of(connection: Connection, batch_id: str, store: str | None) -> Sequence[Row[Any]]:
    """Return the batch of an id, in one store or in each that has one."""
    c = g.gate_verdicts.c
    where = [c.batch_id == batch_id]
    if store is not None:
        where.append(c.store == store)
    return connection.execute(select(g.gate_verdicts).where(*where).order_by(c.store)).all()


def newest(connection: Connection, store: str, gate: str, limit: int) -> dict[str, int]:
    """Return batch → when it ended, of a gate's newest batches."""
    c = g.gate_verdicts.c
    query = select(c.batch_id, c.ended_ms).where(c.store == store, c.gate == gate)
    rows = connection.execute(query.order_by(c.ended_ms.desc(), c.batch_id.desc()).limit(limit))
    return {row.batch_id: row.ended_ms for row in rows}


def unconfirmed(connection: Connection, store: str, gate: str) -> list[str]:
    """Return the ids of a gate's batches that have a verdict and no confirmation."""
    c = g.gate_verdicts.c
    where = (c.store == store, c.gate == gate, c.state.in_(("waiting", "incomplete")))
    return list(connection.scalars(select(c.batch_id).where(*where)))


def waiting_gates(connection: Connection) -> list[tuple[str, str]]:
    """Return (store, gate) of gates with batches that nobody has confirmed."""
    c = g.gate_verdicts.c
    query = select(c.store, c.gate).where(c.state.in_(("waiting", "incomplete"))).distinct()
    return [(row.store, row.gate) for row in connection.execute(query)]


def confirmed(connection: Connection, store: str, batch_ids: Collection[str]) -> dict[str, GateConfirmed]:
    """Return the confirmations of batches, by id."""
    c = g.gate_confirmations.c
    wanted = sorted(batch_ids)
    found: dict[str, GateConfirmed] = {}
    for start in range(0, len(wanted), _LOOKUP):
        where = (c.store == store, c.batch_id.in_(wanted[start : start + _LOOKUP]))
        for row in connection.execute(select(c.batch_id, c.body).where(*where)):
            found[row.batch_id] = _CONFIRMED.decode(row.body)
    return found


def confirmations_of(
    connection: Connection, store: str, notice_ids: Collection[str]
) -> dict[str, list[GateConfirmed]]:
    """Return notice → the confirmations of batches that were compared with it."""
    c = g.gate_confirmations.c
    wanted = sorted(notice_ids)
    found: dict[str, list[GateConfirmed]] = {}
    for start in range(0, len(wanted), _LOOKUP):
        where = (c.store == store, c.notice_id.in_(wanted[start : start + _LOOKUP]))
        rows = connection.execute(select(c.notice_id, c.body).where(*where).order_by(c.position))
        for row in rows:
            found.setdefault(row.notice_id, []).append(_CONFIRMED.decode(row.body))
    return found


def notice_row(connection: Connection, store: str, notice_id: str) -> Row[Any] | None:
    """Return one notice as stored."""
    c = g.gate_notices.c
    where = (c.store == store, c.notice_id == notice_id)
    return connection.execute(select(g.gate_notices).where(*where)).first()


def notice_rows(
    connection: Connection,
    store: str,
    *,
    gate: str | None = None,
    state: str | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Return notices of a store, the newest first."""
    c = g.gate_notices.c
    given = ((c.gate, gate), (c.state, state))
    where = [c.store == store, *(column == value for column, value in given if value is not None)]
    query = select(g.gate_notices).where(*where).order_by(c.position.desc())
    return connection.execute(query.limit(limit)).all()


def notice_of(row: Row[Any]) -> GoodsNoticed:
    """Return the event of a notice's row."""
    return _NOTICE.decode(row.body)


def agent_of(connection: Connection, store: str, stream: str) -> str | None:
    """Return the agent that a stream is of."""
    c = t.streams.c
    return connection.scalar(select(c.agent).where(c.store == store, c.stream == stream))
