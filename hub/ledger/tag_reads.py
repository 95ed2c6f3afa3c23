"""Reads about tags and what they stand for: bindings, their log, enrolment stations, duplicates."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, func, select

from hub.ledger import tables as t
from hub.model import EVERY_STORE

_LOOKUP: Final = 500


def bound(connection: Connection, epcs: Sequence[str]) -> dict[str, Row[Any]]:
    """Return the bindings of EPCs that have a row, unbound ones included."""
    return _bound(connection, t.bindings, epcs)


def bound_tids(connection: Connection, tids: Sequence[str]) -> dict[str, Row[Any]]:
    """Return the bindings of TIDs that have a row, unbound ones included."""
    return _bound(connection, t.tid_bindings, tids)


def _bound(connection: Connection, table: Table, keys: Sequence[str]) -> dict[str, Row[Any]]:
    (key,) = table.primary_key.columns
    found: dict[str, Row[Any]] = {}
    for start in range(0, len(keys), _LOOKUP):
        rows = connection.execute(select(table).where(key.in_(keys[start : start + _LOOKUP])))
        found |= {row[0]: row for row in rows}
    return found


def binding_log(
    connection: Connection, store: str, *, epc: str | None, before: int | None, limit: int
) -> Sequence[Row[Any]]:
    """Return what tags were bound to in a store, and for all stores together, the newest first."""
    c = t.binding_log.c
    where: list[Any] = [c.store.in_((store, EVERY_STORE))]
    if epc is not None:
        where.append(c.epc == epc)
    if before is not None:
        where.append(c.position < before)
    query = select(t.binding_log).where(*where).order_by(c.position.desc())
    return connection.execute(query.limit(limit)).all()


def bound_twice(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Return log rows of EPCs that were bound to more than one SKU, by EPC and time."""
    c = t.binding_log.c
    several = (
        select(c.epc)
        .where(c.epc.is_not(None), c.sku.is_not(None))
        .group_by(c.epc)
        .having(func.count(c.sku.distinct()) > 1)
        .order_by(c.epc)
        .limit(limit)
    )
    query = select(t.binding_log).where(c.epc.in_(several), c.sku.is_not(None))
    return connection.execute(query.order_by(c.epc, c.position)).all()


def shared_epcs(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Return (EPC, TID, store, device, time) of EPCs that were presented by more than one chip."""
    c = t.presented.c
    several = (
        select(c.epc).where(c.tid != "").group_by(c.epc).having(func.count(c.tid.distinct()) > 1)
    ).order_by(c.epc)
    columns: list[Any] = [c.epc, c.tid, c.store, c.device]
    figures: list[Any] = [*columns, func.max(c.at_ms).label("at_ms")]
    query = (
        select(*figures)
        .where(c.epc.in_(several.limit(limit)), c.tid != "")
        .group_by(c.epc, c.tid, c.store, c.device)
    )
    return connection.execute(query.order_by(c.epc, c.tid)).all()


def in_two_stores(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Return items that are present in more than one store, by EPC."""
    c = t.items.c
    several = select(c.epc).where(c.status == "present").group_by(c.epc).having(func.count() > 1)
    columns: list[Any] = [c.epc, c.store, c.zone, c.key_stream, c.key_ms]
    query = select(*columns).where(c.status == "present", c.epc.in_(several.order_by(c.epc).limit(limit)))
    return connection.execute(query.order_by(c.epc, c.store)).all()


def recent_tag_events(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Return the last events that place a tag or take it away, in commit order."""
    e, s = t.events.c, t.streams.c
    kinds = ("tag_arrived", "tag_moved", "tag_put_back", "tag_picked_up")
    query = (
        select(e.position, s.store, s.stream, e.body)
        .join(t.streams, s.id == e.stream_id)
        .where(e.kind.in_(kinds))
        .order_by(e.position.desc())
        .limit(limit)
    )
    return list(reversed(connection.execute(query).all()))


def scans(connection: Connection, store: str, streams: Sequence[str] | None = None) -> Sequence[Row[Any]]:
    """Return the last scan of each stream, with its agent, the newest first."""
    c, s = t.scans.c, t.streams.c
    columns: list[Any] = [c.stream, s.agent, c.device, c.code, c.at_ms, c.seq]
    query = select(*columns).join(t.streams, (s.store == c.store) & (s.stream == c.stream))
    where: list[Any] = [c.store == store]
    if streams is not None:
        where.append(c.stream.in_(streams))
    return connection.execute(query.where(*where).order_by(c.at_ms.desc())).all()


def presented(connection: Connection, store: str, since_ms: int, limit: int) -> Sequence[Row[Any]]:
    """Return tags presented since a moment, with their agent, the newest first."""
    c, s = t.presented.c, t.streams.c
    columns: list[Any] = [c.stream, s.agent, c.epc, c.tid, c.device, c.at_ms, c.seq]
    query = select(*columns).join(t.streams, (s.store == c.store) & (s.stream == c.stream))
    where = (c.store == store, c.at_ms >= since_ms)
    return connection.execute(query.where(*where).order_by(c.at_ms.desc(), c.epc).limit(limit)).all()
