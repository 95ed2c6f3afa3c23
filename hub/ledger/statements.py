"""The writer's statements, compiled once per database to plain strings for ``executemany``.

Rows go to the driver as tuples in column order; SQLAlchemy's per-execution work would cost more than
SQLite itself. How a delta merges with a stored row is written here once, as Core expressions: a
register by key, a sum, or a set whose members are never inserted twice.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Dialect, Table, and_, bindparam, case, func, or_, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from hub.ledger import gate_tables as g
from hub.ledger import side_tables as side
from hub.ledger import tables as t
from hub.projections import footfall, try_on

ROWS_AT_ONCE: Final = 250
"""Rows of a statement named ``…_rows``."""


class Statements(NamedTuple):
    """SQL text of everything that is written in bulk."""

    stream: str
    event: str
    event_rows: str
    lost_range: str
    dead_letter: str
    alert: str
    items: str
    trays: str
    plate_units: str
    heat: str
    footfall: str
    device_states: str
    device_rejects: str
    try_ons: str
    try_on_rows: str
    placements: str
    placement_rows: str
    fitting_trials: str
    blind_spans: str
    movements: str
    stock_takes: str
    stock_take_change: str
    stock_batches: str
    zone_anchors: str
    counts: str
    disagreements: str
    decisions: str
    orders: str
    order_change: str
    command_result: str
    stores: str
    zones: str
    products: str
    bindings: str
    tid_bindings: str
    binding_log: str
    binding_log_rows: str
    scans: str
    presented: str
    labels_shown: str
    gates: str
    gate_parts: str
    gate_notices: str
    gate_notice_change: str
    gate_confirmations: str
    gate_verdicts: str
    label: str
    codes: str
    till_message: str
    till_order: str
    command: str


def compile_statements(backend: str) -> Statements:
    """Return the statements for ``sqlite`` or ``postgresql``."""
    write = _Compiler(backend)
    return Statements(
        stream=write.upsert(
            t.streams,
            replace=("receipt_seq", "receipt_digest", "repeats", "refused", "lost", "last_record_ms"),
        ),
        event=write.insert(t.events),
        event_rows=write.insert_rows(t.events),
        lost_range=write.insert(t.lost_ranges),
        dead_letter=write.insert(t.dead_letters),
        alert=write.upsert(t.alerts, add=("count",), greatest=("last_record_ms",)),
        items=write.register(
            t.items, ("zone", "status", "picked_ms"), least=("first_seen_ms",), greatest=("received_ms",)
        ),
        trays=write.trays(t.trays, ("zone", "sku", "units", "weight_g")),
        plate_units=write.trays(t.plate_units, ("zone", "units", "weight_g")),
        heat=write.upsert(t.heat, add=("picked_up", "put_back", "arrived")),
        footfall=write.upsert(t.footfall, add=footfall.Sums._fields),
        device_states=write.register(t.device_states, ("zones", "reads", "rejects", "detail")),
        device_rejects=write.upsert(t.device_rejects, add=("count",), greatest=("last_ms",)),
        try_ons=write.insert(t.try_ons),
        try_on_rows=write.insert_rows(t.try_ons),
        placements=write.insert(t.placements),
        placement_rows=write.insert_rows(t.placements),
        fitting_trials=write.upsert(t.fitting_trials, greatest=try_on.TrialState._fields),
        blind_spans=write.insert(t.blind_spans),
        movements=write.insert(t.movements),
        stock_takes=write.insert(t.stock_takes),
        stock_take_change=write.stock_take_change(),
        stock_batches=write.insert(t.stock_batches),
        zone_anchors=write.register(t.zone_anchors, ("stock_take_id",)),
        counts=write.insert(t.counts),
        disagreements=write.insert(t.disagreements),
        decisions=write.insert(t.decisions),
        orders=write.insert(t.orders),
        order_change=write.order_change(),
        command_result=write.upsert(t.command_results, replace=("outcome", "detail", "at_ms", "record_ms")),
        stores=write.replace(t.stores),
        zones=write.replace(t.zones),
        products=write.replace(t.products),
        bindings=write.replace(t.bindings),
        tid_bindings=write.replace(t.tid_bindings),
        binding_log=write.insert(t.binding_log),
        binding_log_rows=write.insert_rows(t.binding_log),
        scans=write.latest(t.scans),
        presented=write.latest(t.presented),
        labels_shown=write.register(t.labels_shown, ("device", "sku", "price", "currency")),
        gates=write.replace(g.gates),
        gate_parts=write.register(
            g.gate_parts, ("gate", "device", "started_ms", "parts", "strays", "suspect", "body")
        ),
        gate_notices=write.insert(g.gate_notices),
        gate_notice_change=write.gate_notice_change(),
        gate_confirmations=write.insert(g.gate_confirmations),
        gate_verdicts=write.replace(g.gate_verdicts),
        label=write.replace(side.labels),
        codes=write.replace(side.codes),
        till_message=write.replace(side.till_messages),
        till_order=write.replace(side.till_orders),
        command=write.insert(side.commands),
    )


_KEY: Final = ("key_ms", "key_stream", "key_seq")


class _Compiler:
    """Builds statements with positional parameters in column order."""

    def __init__(self, backend: str) -> None:
        self._dialect: Dialect = (
            PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
            if backend == "postgresql"
            else sqlite.dialect(paramstyle="qmark")
        )
        self._insert: Any = postgresql.insert if backend == "postgresql" else sqlite.insert
        self._greatest: Any = func.greatest if backend == "postgresql" else func.max
        self._least: Any = func.least if backend == "postgresql" else func.min

    def _values(self, table: Table) -> Any:
        return self._insert(table).values({column.name: bindparam(column.name) for column in table.columns})

    def _text(self, statement: Any, names: list[str]) -> str:
        compiled = statement.compile(dialect=self._dialect)
        assert compiled.positiontup == names, f"parameters of {compiled} are not in the order {names}"
        return str(compiled)

    def _finish(self, table: Table, statement: Any) -> str:
        return self._text(statement, [column.name for column in table.columns])

    def insert(self, table: Table) -> str:
        return self._finish(table, self._values(table))

    def insert_rows(self, table: Table) -> str:
        """One statement for ROWS_AT_ONCE rows.

        Python's sqlite3 gives up and takes back the interpreter lock once per execution. Beside a busy
        event loop that costs more than the insertion itself, so a long run of rows goes in few executions.
        """
        head, word, row = self.insert(table).partition(" VALUES ")
        return head + word + ", ".join([row] * ROWS_AT_ONCE)

    def replace(self, table: Table) -> str:
        return self.upsert(
            table, replace=tuple(column.name for column in table.columns if not column.primary_key)
        )

    def upsert(
        self,
        table: Table,
        *,
        replace: tuple[str, ...] = (),
        add: tuple[str, ...] = (),
        greatest: tuple[str, ...] = (),
    ) -> str:
        statement = self._values(table)
        new = statement.excluded
        changes: dict[str, Any] = {name: new[name] for name in replace}
        changes |= {name: table.c[name] + new[name] for name in add}
        changes |= {name: self._greatest(table.c[name], new[name]) for name in greatest}
        return self._finish(
            table, statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)
        )

    def register(
        self,
        table: Table,
        values: tuple[str, ...],
        *,
        least: tuple[str, ...] = (),
        greatest: tuple[str, ...] = (),
    ) -> str:
        """Latest key wins; columns in ``least`` and ``greatest`` keep that value whoever wins."""
        statement = self._values(table)
        new = statement.excluded
        newer = _newer(new, table)
        if not least and not greatest:
            changes: dict[str, Any] = {name: new[name] for name in (*_KEY, *values)}
            where = newer
        else:
            changes = {name: case((newer, new[name]), else_=table.c[name]) for name in (*_KEY, *values)}
            changes |= {name: self._least(table.c[name], new[name]) for name in least}
            changes |= {name: self._greatest(table.c[name], new[name]) for name in greatest}
            beyond = [new[name] < table.c[name] for name in least]
            where = or_(newer, *beyond, *(new[name] > table.c[name] for name in greatest))
        return self._finish(
            table,
            statement.on_conflict_do_update(
                index_elements=list(table.primary_key), set_=changes, where=where
            ),
        )

    def latest(self, table: Table) -> str:
        """The row with the greatest number in its stream stands."""
        statement = self._values(table)
        new = statement.excluded
        changes = {column.name: new[column.name] for column in table.columns if not column.primary_key}
        return self._finish(
            table,
            statement.on_conflict_do_update(
                index_elements=list(table.primary_key), set_=changes, where=new["seq"] > table.c.seq
            ),
        )

    def trays(self, table: Table, figures: tuple[str, ...]) -> str:
        """The figures of the last key stand, and the units of the first as anchor."""
        statement = self._values(table)
        new = statement.excluded
        newer = _newer(new, table)
        anchor = ("anchor_ms", "anchor_stream", "anchor_seq")
        earlier = tuple_(*(new[name] for name in anchor)) < tuple_(*(table.c[name] for name in anchor))
        last = (*figures, *_KEY)
        changes = {name: case((newer, new[name]), else_=table.c[name]) for name in last}
        changes |= {
            name: case((earlier, new[name]), else_=table.c[name]) for name in ("anchor_units", *anchor)
        }
        return self._finish(
            table, statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)
        )

    def order_change(self) -> str:
        table = t.orders
        statement = (
            table.update()
            .where(and_(table.c.order_id == bindparam("id")))
            .values(state=bindparam("to"), changed_ms=bindparam("at"), by_=bindparam("who"))
        )
        return self._text(statement, ["to", "at", "who", "id"])

    def gate_notice_change(self) -> str:
        table = g.gate_notices
        statement = (
            table.update()
            .where(and_(table.c.store == bindparam("of"), table.c.notice_id == bindparam("id")))
            .values(state=bindparam("to"), changed_ms=bindparam("at"), by_=bindparam("who"))
        )
        return self._text(statement, ["to", "who", "at", "of", "id"])

    def stock_take_change(self) -> str:
        table = t.stock_takes
        closed = func.coalesce(
            bindparam("closed", type_=table.c.closed_position.type), table.c.closed_position
        )
        statement = (
            table.update()
            .where(and_(table.c.store == bindparam("of"), table.c.stock_take_id == bindparam("id")))
            .values(
                state=bindparam("to"), changed_ms=bindparam("at"), changed_by=bindparam("who"), closed_position=closed
            )
        )  # fmt: skip
        return self._text(statement, ["to", "at", "who", "closed", "of", "id"])


def _newer(new: Any, table: Table) -> ColumnElement[bool]:
    return tuple_(*(new[name] for name in _KEY)) > tuple_(*(table.c[name] for name in _KEY))
