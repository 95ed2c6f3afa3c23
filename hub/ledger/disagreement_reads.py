"""Reads about disagreements of RFID and weight.

One is **open** as long as its zone has not been counted since: an approved stock-take settles what is there.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from hub.ledger import tables as t
from hub.projections.items import NO_ZONE


def disagreements(
    connection: Connection,
    store: str,
    *,
    zone: str | None,
    since_ms: int,
    only_open: bool,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return disagreements of a store with ``counted_ms``, when their zone was counted last; newest first."""
    d, a, c = t.disagreements.c, t.zone_anchors.c, t.counts.c
    by_tags = (
        select(func.max(a.key_ms)).where(a.store == store, a.zone.in_((d.zone, NO_ZONE))).scalar_subquery()
    )
    by_units = select(func.max(c.at_ms)).where(c.store == store, c.zone == d.zone).scalar_subquery()
    query = select(t.disagreements, by_tags.label("tags_ms"), by_units.label("units_ms"))
    query = query.where(d.store == store, d.at_ms >= since_ms)
    if zone is not None:
        query = query.where(d.zone == zone)
    if only_open:
        query = query.where(
            or_(by_tags.is_(None), by_tags < d.at_ms), or_(by_units.is_(None), by_units < d.at_ms)
        )
    return connection.execute(query.order_by(d.at_ms.desc(), d.stream, d.seq.desc()).limit(limit)).all()
