"""Everything that is read from the ledger: functions of a connection that return plain rows.

The same functions serve the API (SQLAlchemy's async engine, through :meth:`Reader.read`) and programs
without a loop (:meth:`SyncReader.read`). One call is one snapshot: SQLite's WAL gives it, PostgreSQL
reads with REPEATABLE READ.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from sqlalchemy import Connection as Connection
from sqlalchemy import Row, and_, case, func, literal, or_, select
from sqlalchemy.exc import SQLAlchemyError

from contract.errors import LedgerError, NotFoundError
from hub.ledger import tables as t
from hub.ledger.catalogue import Naming
from hub.ledger.engine import first_line, open_async_engine, open_read_engine
from hub.projections.devices import StateReport
from hub.projections.items import IN_HAND_MS, MISSING, NEVER_SEEN_MS, NO_ZONE, PICKED, PRESENT, RECEIVED
from hub.projections.on_hand import ItemUnits, Movement, Tray
from hub.projections.trays import TrayState, now_on

T = TypeVar("T")

COMPUTING_THREADS: Final = 2


class Reader:
    """Reads for a program with an asyncio loop.

    :meth:`read` is for answers that are rows; what it does besides waiting for the database runs on the
    loop. :meth:`compute` is for answers that fold thousands of rows: all of it runs on a thread.
    """

    def __init__(self, database: str) -> None:
        self._engine = open_async_engine(database)
        self._computing = SyncReader(database, threads=COMPUTING_THREADS)
        self._threads = ThreadPoolExecutor(COMPUTING_THREADS, thread_name_prefix="ledger-reader")

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run ``query`` in one snapshot.

        Raises:
            LedgerError: the database failed.
        """
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(query)
        except SQLAlchemyError as error:
            raise LedgerError(f"the database cannot be read: {first_line(error)}") from error

    async def compute(self, query: Callable[[Connection], T]) -> T:
        """Run ``query`` in one snapshot on a thread.

        Raises:
            LedgerError: the database failed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._computing.read, query)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.to_thread(self._threads.shutdown)
        self._computing.close()
        await self._engine.dispose()


class SyncReader:
    """Reads for a program without a loop."""

    def __init__(self, database: str, *, threads: int = 0) -> None:
        self._engine = open_read_engine(database, threads=threads)

    def read(self, query: Callable[[Connection], T]) -> T:
        """Run ``query`` in one snapshot.

        Raises:
            LedgerError: the database failed.
        """
        try:
            with self._engine.connect() as connection:
                return query(connection)
        except SQLAlchemyError as error:
            raise LedgerError(f"the database cannot be read: {first_line(error)}") from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def position(connection: Connection) -> int:
    """Return the position of the last event."""
    return connection.scalar(select(func.max(t.events.c.position))) or 0


_SGTIN_96_DIGITS: Final = 24
_KIND_DIGITS: Final = 15


def kind_of(epc: Any) -> Any:
    """Return what of an EPC may name a product: all but an SGTIN's serial, nothing of other tags.

    The last 38 of SGTIN-96's 96 bits are the serial: nine hex digits and two bits of the tenth, which
    :class:`Naming` clears. SGTIN-198 (header 36) is rare and stays whole.
    """
    sgtin_96 = and_(func.length(epc) == _SGTIN_96_DIGITS, epc.like("30%"))
    other = or_(epc.like("30%"), epc.like("36%"))
    return case((sgtin_96, func.substr(epc, 1, _KIND_DIGITS)), (other, epc), else_=literal(""))


_KIND: Final = case((t.bindings.c.sku.is_(None), kind_of(t.items.c.epc)), else_=literal(""))
_WITH_BINDING: Final = t.items.outerjoin(t.bindings, t.bindings.c.epc == t.items.c.epc)
_PLACE: Final = case(
    (t.items.c.status == PICKED, literal(NO_ZONE)), else_=func.coalesce(t.items.c.zone, NO_ZONE)
)
_ANCHORED: Final = _WITH_BINDING.outerjoin(
    t.zone_anchors, and_(t.zone_anchors.c.store == t.items.c.store, t.zone_anchors.c.zone == _PLACE)
)
_KNOWN_MS: Final = case(
    (and_(t.items.c.status == RECEIVED, t.items.c.received_ms > t.items.c.key_ms), t.items.c.received_ms),
    (t.items.c.status == PICKED, t.items.c.key_ms + IN_HAND_MS),
    else_=t.items.c.key_ms,
)
_MAY_BE_MISSING: Final = t.items.c.status.in_((PRESENT, RECEIVED, PICKED))
_STATUS: Final = case(
    (and_(_MAY_BE_MISSING, t.zone_anchors.c.key_ms > _KNOWN_MS), literal(MISSING)), else_=t.items.c.status
)
"""The status as :func:`hub.projections.items.status_at` has it."""


def item_units(connection: Connection, store_id: str, names: Naming) -> list[ItemUnits]:
    """Return how many items of each SKU are in each zone and status; counted by the database.

    Items of a zone may be ``missing``; those in hand are all ``picked``.
    """
    c, bound = t.items.c, t.bindings.c.sku
    status = case((c.status == PICKED, c.status), else_=_STATUS).label("status_now")
    query = select(bound, _KIND.label("kind"), c.zone, status, func.count()).select_from(_ANCHORED)
    query = query.where(c.store == store_id)
    rows = connection.execute(query.group_by(bound, "kind", c.zone, "status_now")).all()
    return [
        ItemUnits(names.sku_of_item(sku, kind), zone, status, units)
        for sku, kind, zone, status, units in rows
    ]


def picks(connection: Connection, store_id: str, names: Naming, since_ms: int) -> dict[str | None, list[int]]:
    """Return SKU → when each of its items in hand was picked up, for items picked up from a time on."""
    c = t.items.c
    query = select(t.bindings.c.sku, _KIND, c.key_ms).select_from(_WITH_BINDING)
    where = (c.store == store_id, c.status == PICKED, c.key_ms >= since_ms)
    found: dict[str | None, list[int]] = {}
    for bound, kind, at_ms in connection.execute(query.where(*where)).all():
        found.setdefault(names.sku_of_item(bound, kind), []).append(at_ms)
    return found


def first_sightings(
    connection: Connection, store_id: str, names: Naming, since_ms: int
) -> dict[str | None, list[int]]:
    """Return SKU → when each of its items was first seen, for items first seen from a time on."""
    c = t.items.c
    query = select(t.bindings.c.sku, _KIND, c.first_seen_ms).select_from(_WITH_BINDING)
    where = (c.store == store_id, c.first_seen_ms >= since_ms, c.first_seen_ms != NEVER_SEEN_MS)
    seen: dict[str | None, list[int]] = {}
    for bound, kind, first_ms in connection.execute(query.where(*where)).all():
        seen.setdefault(names.sku_of_item(bound, kind), []).append(first_ms)
    return seen


def item_rows(
    connection: Connection,
    store_id: str,
    *,
    status: str | None = None,
    zone: str | None = None,
    epc: str | None = None,
    after: str = "",
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Return items of a store as stored, by EPC, with ``bound`` and ``kind`` for :class:`Naming`.

    ``status_now`` says which of them are missing, and ``status`` selects by it; those in hand are ``picked``
    too when they are missing.
    """
    c = t.items.c
    query = select(t.items, t.bindings.c.sku.label("bound"), _KIND.label("kind"), _STATUS.label("status_now"))
    query = query.select_from(_ANCHORED)
    query = query.where(c.store == store_id, c.epc > after, *_that_are(status, zone, epc))
    return connection.execute(query.order_by(c.epc).limit(limit)).all()


def count_items(connection: Connection, store_id: str, *, status: str | None, zone: str | None) -> int:
    """Return how many items of a store there are."""
    where = (t.items.c.store == store_id, *_that_are(status, zone, None))
    return connection.scalar(select(func.count()).select_from(_ANCHORED).where(*where)) or 0


def _that_are(status: str | None, zone: str | None, epc: str | None) -> list[Any]:
    c = t.items.c
    with_status: Any = c.status if status == PICKED else _STATUS
    wanted = ((with_status, status), (c.zone, zone), (c.epc, epc))
    return [column == value for column, value in wanted if value is not None]


def tray_states(connection: Connection, store_id: str) -> list[tuple[str, TrayState]]:
    """Return (device, state) of every tray of a store, and of every SKU on a plate with several."""
    c, p = t.trays.c, t.plate_units.c
    trays = connection.execute(select(t.trays).where(c.store == store_id)).all()
    plates = connection.execute(select(t.plate_units).where(p.store == store_id)).all()
    return now_on(
        [(row.device, TrayState(*row[2:])) for row in trays],
        [(row.device, TrayState(row.zone, row.sku, *row[4:])) for row in plates],
    )


def tray_list(connection: Connection, store_id: str, names: Naming) -> list[Tray]:
    """Return what lies on the trays and plates of a store, in the order of :func:`tray_states`."""
    return [tray_of(device, state, names) for device, state in tray_states(connection, store_id)]


def tray_of(device: str, state: TrayState, names: Naming) -> Tray:
    """Return a tray as on-hand takes it."""
    sku = names.sku_of_code(state.sku) if state.sku else None
    figures = (state.units, state.weight_g, state.anchor_units, state.anchor_ms)
    return Tray(device, state.zone, sku, *figures)


def movement_list(connection: Connection, store_id: str, names: Naming) -> list[Movement]:
    """Return sales, goods received and adjustments of a store."""
    c = t.movements.c
    query = select(c.kind, c.code, c.quantity, c.at_ms, c.zone, c.epcs).where(c.store == store_id)
    return [
        Movement(kind, names.sku_of_code(code), quantity, at, zone, epcs)
        for kind, code, quantity, at, zone, epcs in connection.execute(query.order_by(c.position)).all()
    ]


def movement_rows(
    connection: Connection, store_id: str, kind: str, *, since_ms: int = 0, until_ms: int | None = None
) -> Sequence[Row[Any]]:
    """Return movements of one kind in a span of time, oldest first."""
    c = t.movements.c
    query = select(t.movements).where(c.store == store_id, c.kind == kind, c.at_ms >= since_ms)
    if until_ms is not None:
        query = query.where(c.at_ms < until_ms)
    return connection.execute(query.order_by(c.at_ms, c.position)).all()


def movement(connection: Connection, store_id: str, kind: str, ref: str, line: int) -> Row[Any] | None:
    """Return one movement by its name."""
    c = t.movements.c
    return connection.execute(
        select(t.movements).where(c.store == store_id, c.kind == kind, c.ref == ref, c.line == line)
    ).first()


def has_movement(connection: Connection, store_id: str, kind: str, ref: str) -> bool:
    """Tell whether there is a movement of this kind under this name, whatever its line."""
    c = t.movements.c
    where = (c.store == store_id, c.kind == kind, c.ref == ref)
    return connection.execute(select(c.position).where(*where).limit(1)).first() is not None


def codes_sold(connection: Connection, store_id: str | None) -> Sequence[Row[Any]]:
    """Return each code that sales and returns used, per store, with lines, units and when."""
    c = t.movements.c
    where: list[Any] = [c.kind.in_(("sold", "returned"))]
    if store_id is not None:
        where.append(c.store == store_id)
    figures: list[Any] = [
        func.count().label("lines"),
        func.sum(c.quantity).label("units"),
        func.min(c.at_ms).label("first_ms"),
        func.max(c.at_ms).label("last_ms"),
    ]
    return connection.execute(select(c.store, c.code, *figures).where(*where).group_by(c.store, c.code)).all()


def state_reports(connection: Connection, store_id: str) -> list[StateReport]:
    """Return the latest report of each device in each state."""
    columns = [column for column in t.device_states.columns if column.name != "store"]
    return [
        StateReport(*row)
        for row in connection.execute(select(*columns).where(t.device_states.c.store == store_id))
    ]


def heard(connection: Connection, store_id: str) -> dict[str, int]:
    """Return stream → when it was last heard."""
    c = t.streams.c
    return {
        row.stream: row.last_record_ms
        for row in connection.execute(select(c.stream, c.last_record_ms).where(c.store == store_id))
    }


def rows_of(
    connection: Connection,
    table: str,
    store_id: str | None,
    *,
    order: Sequence[str],
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return rows of one table, of one store or of all, newest first where ``order`` starts with ``-``."""
    source = t.metadata.tables[table]
    query = select(source)
    if store_id is not None:
        query = query.where(source.c.store == store_id)
    for name in order:
        column = source.c[name.lstrip("-")]
        query = query.order_by(column.desc() if name.startswith("-") else column)
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]


def as_dict(row: Row[Any]) -> dict[str, Any]:
    """Return a row by column name."""
    return row._asdict()


def buckets(
    connection: Connection, table: str, store_id: str, since_ms: int, until_ms: int
) -> Sequence[Row[Any]]:
    """Return rows of a bucketed table in a span of time, oldest first."""
    source = t.metadata.tables[table]
    c = source.c
    query = select(source).where(c.store == store_id, c.bucket_ms >= since_ms, c.bucket_ms < until_ms)
    return connection.execute(query.order_by(c.bucket_ms)).all()


def events_after(connection: Connection, store_id: str, after: int, limit: int) -> list[Any]:
    """Return events of a store that stand after a position, in commit order."""
    e, s = t.events.c, t.streams.c
    query = (
        select(e.position, s.agent, s.stream, e.seq, e.kind, e.event_ms, e.record_ms, e.body)
        .join(t.streams, s.id == e.stream_id)
        .where(s.store == store_id, e.position > after)
        .order_by(e.position)
        .limit(limit)
    )
    return list(connection.execute(query))


def order(connection: Connection, order_id: str) -> Row[Any]:
    """Return one order.

    Raises:
        NotFoundError: there is none of that name.
    """
    row = connection.execute(select(t.orders).where(t.orders.c.order_id == order_id)).first()
    if row is None:
        raise NotFoundError(f"order {order_id!r} is not known")
    return row


def orders(connection: Connection, store_id: str, states: Iterable[str] = ()) -> Sequence[Row[Any]]:
    """Return orders of a store, newest first."""
    c = t.orders.c
    query = select(t.orders).where(c.store == store_id)
    wanted = list(states)
    if wanted:
        query = query.where(c.state.in_(wanted))
    return connection.execute(query.order_by(c.decided_ms.desc(), c.order_id)).all()


def decisions(
    connection: Connection, store_id: str, *, sku: str | None, limit: int, before: int | None = None
) -> Sequence[Row[Any]]:
    """Return decisions of a store, newest first."""
    c = t.decisions.c
    query = select(t.decisions).where(c.store == store_id)
    if sku is not None:
        query = query.where(c.sku == sku)
    if before is not None:
        query = query.where(c.position < before)
    return connection.execute(query.order_by(c.position.desc()).limit(limit)).all()


def first_event_ms(connection: Connection, store_id: str) -> int | None:
    """Return when the store first did anything the ledger knows of."""
    heat, people, moves = t.heat.c, t.footfall.c, t.movements.c
    firsts = [
        connection.scalar(select(func.min(heat.bucket_ms)).where(heat.store == store_id)),
        connection.scalar(select(func.min(people.bucket_ms)).where(people.store == store_id)),
        connection.scalar(select(func.min(moves.at_ms)).where(moves.store == store_id, moves.kind == "sold")),
    ]
    known = [first for first in firsts if first is not None]
    return min(known) if known else None


def dead_letter_total(connection: Connection) -> int:
    """Return how many dead letters ever came."""
    return connection.scalar(select(func.max(t.dead_letters.c.id))) or 0
