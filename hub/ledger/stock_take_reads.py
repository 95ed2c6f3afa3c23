"""Reads about stock-takes, and of what the approved ones anchor."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select

from contract.errors import NotFoundError
from contract.messages import TagArrived, TagMoved, TagPickedUp, TagPutBack, WeightChanged
from hub.ledger import reads
from hub.ledger import tables as t
from hub.ledger.catalogue import Naming
from hub.model import StockCounted, StockTakeClosed, decode_hub_event
from hub.projections.anchors import NOTHING_COUNTED, Anchors, Count
from hub.projections.items import IN_HAND_MS, TagEvent

_TAG_KINDS: Final = ("tag_arrived", "tag_moved", "tag_picked_up", "tag_put_back")
_TAG_EVENT: Final = msgspec.json.Decoder(TagArrived | TagMoved | TagPickedUp | TagPutBack)
_WEIGHT: Final = msgspec.json.Decoder(WeightChanged)


def anchors(connection: Connection, store: str, names: Naming) -> Anchors:
    """Return what approved stock-takes of a store anchor."""
    z, c = t.zone_anchors.c, t.counts.c
    zones = {
        row.zone: row.key_ms for row in connection.execute(select(z.zone, z.key_ms).where(z.store == store))
    }
    figures: list[Any] = [c.stock_take_id, c.sku, c.zone, c.units, c.at_ms, c.expected, c.tray_units, c.whole]
    rows = connection.execute(select(*figures).where(c.store == store).order_by(c.position, c.line)).all()
    counts = [
        Count(take, names.sku_of_code(sku), zone, units, at_ms, expected, tray_units, bool(whole))
        for take, sku, zone, units, at_ms, expected, tray_units, whole in rows
    ]
    if not zones and not counts:
        return NOTHING_COUNTED
    picks = reads.picks(connection, store, names, min(zones.values()) - IN_HAND_MS) if zones else {}
    return Anchors(zones, counts, picks)


def stock_take(connection: Connection, store: str, stock_take_id: str) -> Row[Any]:
    """Return one stock-take.

    Raises:
        NotFoundError: the store has none of that name.
    """
    c = t.stock_takes.c
    where = (c.store == store, c.stock_take_id == stock_take_id)
    row = connection.execute(select(t.stock_takes).where(*where)).first()
    if row is None:
        raise NotFoundError(f"stock-take {stock_take_id!r} is not known in store {store!r}")
    return row


def has_stock_take(connection: Connection, store: str, stock_take_id: str) -> bool:
    """Tell whether the store has a stock-take of that name."""
    c = t.stock_takes.c
    where = (c.store == store, c.stock_take_id == stock_take_id)
    return connection.execute(select(c.state).where(*where)).first() is not None


def stock_takes(connection: Connection, store: str, limit: int) -> Sequence[Row[Any]]:
    """Return the stock-takes of a store, the last opened first."""
    c = t.stock_takes.c
    query = select(t.stock_takes).where(c.store == store).order_by(c.position.desc())
    return connection.execute(query.limit(limit)).all()


def batches(connection: Connection, store: str, stock_take_id: str) -> Sequence[Row[Any]]:
    """Return the batches of a stock-take in the order they came."""
    c = t.stock_batches.c
    where = (c.store == store, c.stock_take_id == stock_take_id)
    return connection.execute(select(t.stock_batches).where(*where).order_by(c.position)).all()


def counted(connection: Connection, store: str, stock_take_id: str) -> list[StockCounted]:
    """Return the batches of a stock-take as they were told, in the order they came."""
    b, e = t.stock_batches.c, t.events.c
    query = select(e.body).join(t.stock_batches, b.position == e.position)
    query = query.where(b.store == store, b.stock_take_id == stock_take_id).order_by(e.position)
    found = [decode_hub_event(row.body.encode()) for row in connection.execute(query)]
    return [event for event in found if isinstance(event, StockCounted)]


def variance(connection: Connection, closed_position: int) -> StockTakeClosed:
    """Return what a stock-take found, as it was closed."""
    query = select(t.events.c.body).where(t.events.c.position == closed_position)
    event = decode_hub_event(connection.execute(query).scalar_one().encode())
    assert isinstance(event, StockTakeClosed)
    return event


def tag_events_since(connection: Connection, store: str, since_ms: int) -> list[TagEvent]:
    """Return what happened to tags of a store from a moment on, by time."""
    e, s = t.events.c, t.streams.c
    query = select(e.body).join(t.streams, s.id == e.stream_id)
    query = query.where(s.store == store, e.kind.in_(_TAG_KINDS), e.event_ms >= since_ms)
    rows = connection.execute(query.order_by(e.event_ms, s.stream, e.seq)).all()
    return [_TAG_EVENT.decode(row.body) for row in rows]


def tray_units_at(connection: Connection, store: str, device: str, sku: str | None, at_ms: int) -> int:
    """Return the units of a SKU that a tray or plate said last before a moment, 0 before its first weight."""
    e, s = t.events.c, t.streams.c
    query = select(e.body).join(t.streams, s.id == e.stream_id)
    query = query.where(s.store == store, e.kind == "weight_changed", e.event_ms < at_ms)
    for row in connection.execute(query.order_by(e.event_ms.desc(), s.stream.desc(), e.seq.desc())):
        event = _WEIGHT.decode(row.body)
        if event.device != device:
            continue
        if event.units is not None:
            return event.units if event.sku == sku else 0
        for item in event.items:
            if item.sku == sku and item.on_plate is not None:
                return item.on_plate
    return 0


def zone_devices(connection: Connection, store: str) -> list[tuple[str, str, str]]:
    """Return (agent, device, zones) of every device as it reported last, zones parted by blanks."""
    s = t.streams.c
    agents = {
        row.stream: row.agent for row in connection.execute(select(s.stream, s.agent).where(s.store == store))
    }
    latest: dict[str, Any] = {}
    for report in reads.state_reports(connection, store):
        known = latest.get(report.device)
        if known is None or report[2:5] > known[2:5]:
            latest[report.device] = report
    return [
        (agents[one.key_stream], device, one.zones)
        for device, one in sorted(latest.items())
        if one.key_stream in agents
    ]
