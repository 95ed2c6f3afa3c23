"""Reads about try-ons: put-backs, try-ons in fitting rooms, and what else is known of the items concerned.

Functions of a connection, like :mod:`hub.ledger.reads`. ``bound`` and ``kind`` of a row are for
:class:`~hub.ledger.catalogue.Naming`.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, case, literal, or_, select

from hub.ledger import tables as t
from hub.ledger.reads import kind_of
from hub.projections.items import DISPATCHED, PICKED
from hub.projections.try_on import GOES_ON_MS, LONGEST_TRIAL_MS, RESTS_MS, WINDOW_MS, Trial, TrialKey

_SETTLED_MS: Final = LONGEST_TRIAL_MS + WINDOW_MS + RESTS_MS
"""So long after its start nothing changes a try-on's outcome any more."""


def put_backs(connection: Connection, store_id: str, since_ms: int, until_ms: int) -> Sequence[Row[Any]]:
    """Return put-backs in a span of time with how each was judged."""
    c, bindings = t.try_ons.c, t.bindings
    unbound = case((bindings.c.sku.is_(None), kind_of(c.epc)), else_=literal(""))
    query = select(t.try_ons, bindings.c.sku.label("bound"), unbound.label("kind"))
    query = query.select_from(t.try_ons.outerjoin(bindings, bindings.c.epc == c.epc))
    query = query.where(c.store == store_id, c.ended_ms >= since_ms, c.ended_ms < until_ms)
    return connection.execute(query.order_by(c.ended_ms, c.stream, c.seq)).all()


def has_fitting_rooms(connection: Connection, store_id: str, until_ms: int) -> bool:
    """Tell whether a fitting room of this store has told a try-on before a time."""
    c = t.fitting_trials.c
    where = (c.store == store_id, c.started_ms < until_ms)
    return connection.execute(select(c.epc).where(*where).limit(1)).first() is not None


def fitting_trials(connection: Connection, store_id: str, since_ms: int, until_ms: int) -> Sequence[Row[Any]]:
    """Return try-ons in fitting rooms that started in a span of time or may bound one that did, oldest first."""
    c, bindings = t.fitting_trials.c, t.bindings
    unbound = case((bindings.c.sku.is_(None), kind_of(c.epc)), else_=literal(""))
    query = select(t.fitting_trials, bindings.c.sku.label("bound"), unbound.label("kind"))
    query = query.select_from(t.fitting_trials.outerjoin(bindings, bindings.c.epc == c.epc))
    query = query.where(c.store == store_id, c.started_ms >= since_ms, c.started_ms < until_ms + _SETTLED_MS)
    return connection.execute(query.order_by(c.started_ms, c.epc, c.session, c.room)).all()


def trial_of(row: Row[Any]) -> Trial:
    """Return a row of ``fitting_trials`` as the fold knows it."""
    key = TrialKey(row.epc, row.started_ms, row.session, row.room)
    return Trial(key, None if row.ended_ms == GOES_ON_MS else row.ended_ms)


def last_trials(connection: Connection, store_id: str) -> dict[str, Trial]:
    """Return EPC → its last try-on, of the items in hand."""
    c, items = t.fitting_trials.c, t.items
    query = select(t.fitting_trials).join(items, and_(items.c.store == c.store, items.c.epc == c.epc))
    query = query.where(c.store == store_id, items.c.status == PICKED)
    rows = connection.execute(query.order_by(c.started_ms, c.session, c.room)).all()
    return {row.epc: trial_of(row) for row in rows}


def steps(
    connection: Connection, store_id: str, since_ms: int, until_ms: int
) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return where items were put down, and picked up, as (EPC, ms), as far as it matters for try-ons of a span.

    Of pick-ups those are known that a put-back followed; the items in hand know their own. What left through a
    gate was picked up by then.
    """
    until_ms += _SETTLED_MS
    c, p = t.try_ons.c, t.placements.c
    query = select(c.epc, c.picked_ms, c.ended_ms).where(
        c.store == store_id, c.ended_ms >= since_ms, or_(c.ended_ms < until_ms, c.picked_ms < until_ms)
    )
    back = connection.execute(query).all()
    where = (p.store == store_id, p.at_ms >= since_ms, p.at_ms < until_ms)
    placed = connection.execute(select(p.epc, p.at_ms).where(*where)).all()
    put_down = [(epc, at) for epc, _, at in back] + [(epc, at) for epc, at in placed]
    f, i = t.fitting_trials.c, t.items.c
    gone = select(i.epc, i.key_ms).join(t.fitting_trials, and_(f.store == i.store, f.epc == i.epc)).distinct()
    tried = (i.store == store_id, f.started_ms >= since_ms, f.started_ms < until_ms)
    left = connection.execute(gone.where(*tried, i.status == DISPATCHED)).all()
    return put_down, [(epc, at) for epc, at, _ in back] + [(epc, at) for epc, at in left]
