"""The one place that writes to the ledger: what a transaction may do, and groups of jobs that run in one.

A **job** is a function of a :class:`Transaction`. Jobs of a group commit together (``synchronous=FULL``);
each runs in its own savepoint, so a job that is refused or fails leaves no trace and its neighbours
stand. If the commit itself fails, everything is rolled back, caches are cleared and the jobs are run
again singly, so that one of them cannot take the others down.

Caches (stream rows, the next position) live as long as the transactions they mirror succeed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from contract.errors import LedgerError
from contract.messages import digest_line
from contract.topics import StreamAddress
from hub.ledger import gate_reads, gate_writes
from hub.ledger import gate_tables as g
from hub.ledger import side_tables as side
from hub.ledger import tables as t
from hub.ledger.engine import UnavailableError, first_line
from hub.ledger.statements import ROWS_AT_ONCE, Statements, compile_statements
from hub.model import HUB_AGENT, HUB_STREAM, AnyHubEvent, Product, Store, encode_hub_event
from hub.projections.batch import Batch

T = TypeVar("T")
Rows = Sequence[tuple[Any, ...]]

_LOOKUP: Final = 500


class StreamState:
    """What the writer knows of one stream; mirrors a row of ``streams``."""

    __slots__ = (
        "address", "changed", "id", "last_record_ms", "lost", "opened_ms", "receipt_digest", "receipt_seq", "refused", "repeats",
    )  # fmt: skip

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.id: int = row[0]
        self.address = StreamAddress(*row[1:4])
        self.receipt_seq: int = row[4]
        self.receipt_digest: int | None = row[5]
        self.repeats: int = row[6]
        self.refused: int = row[7]
        self.lost: int = row[8]
        self.opened_ms: int = row[9]
        self.last_record_ms: int = row[10]
        self.changed = False

    def row(self) -> tuple[Any, ...]:
        """Return the table row."""
        return (
            self.id, *self.address, self.receipt_seq, self.receipt_digest, self.repeats, self.refused, self.lost,
            self.opened_ms, self.last_record_ms,
        )  # fmt: skip


class _Cache:
    """What survives from one successful transaction to the next."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.streams: dict[StreamAddress, StreamState] = {}
        self.next_stream: int | None = None
        self.next_position: int | None = None
        self.next_dead_letter: int | None = None


class Transaction:
    """What a job may do. Valid only while the job runs."""

    def __init__(self, connection: Connection, statements: Statements, cache: _Cache) -> None:
        self.connection = connection
        self._sql = statements
        self._cache = cache

    def stream(self, address: StreamAddress, now: int) -> StreamState:
        """Return the state of a stream, which is opened if the ledger does not know it."""
        state = self._cache.streams.get(address)
        if state is None:
            state = self._load_stream(address, now)
            self._cache.streams[address] = state
        return state

    def _load_stream(self, address: StreamAddress, now: int) -> StreamState:
        c = t.streams.c
        where = (c.store == address.store, c.agent == address.agent, c.stream == address.stream)
        row = self.connection.execute(select(t.streams).where(*where)).first()
        if row is not None:
            return StreamState(tuple(row))
        if self._cache.next_stream is None:
            self._cache.next_stream = (self.connection.scalar(select(func.max(c.id))) or 0) + 1
        state = StreamState((self._cache.next_stream, *address, 0, None, 0, 0, 0, now, now))
        self._cache.next_stream += 1
        self._many(self._sql.stream, [state.row()])
        return state

    def save_streams(self, states: Iterable[StreamState]) -> None:
        """Write back the stream states that a job changed."""
        self._many(self._sql.stream, [state.row() for state in states])

    def next_positions(self, count: int) -> int:
        """Reserve ``count`` ledger positions and return the first."""
        if self._cache.next_position is None:
            self._cache.next_position = self.position() + 1
        first = self._cache.next_position
        self._cache.next_position += count
        return first

    def position(self) -> int:
        """Return the position of the last event in the ledger, 0 when it is empty."""
        return self.connection.scalar(select(func.max(t.events.c.position))) or 0

    def digests(self, stream_id: int, first_seq: int, last_seq: int) -> dict[int, int]:
        """Return the digests of stored events of a stream by seq."""
        c = t.events.c
        where = (c.stream_id == stream_id, c.seq.between(first_seq, last_seq))
        return {row.seq: row.digest for row in self.connection.execute(select(c.seq, c.digest).where(*where))}

    def digests_of(self, stream_id: int, seqs: Sequence[int]) -> dict[int, int]:
        """Return the digests of the named events of a stream by seq."""
        c = t.events.c
        found: dict[int, int] = {}
        for start in range(0, len(seqs), _LOOKUP):
            where = (c.stream_id == stream_id, c.seq.in_(seqs[start : start + _LOOKUP]))
            rows = self.connection.execute(select(c.seq, c.digest).where(*where))
            found |= {row.seq: row.digest for row in rows}
        return found

    def append_events(self, rows: Rows, batch: Batch) -> None:
        """Store events (rows in table order) and merge what they fold to."""
        self._run_of(self._sql.event_rows, self._sql.event, rows)
        self.merge(batch)

    def append_lost(self, rows: Rows) -> None:
        """Store ranges of numbers that have no content."""
        self._many(self._sql.lost_range, rows)

    def append_dead_letters(self, rows: Rows, *, keep: int) -> None:
        """Park input nobody could read; only the newest ``keep`` stay. Ids count all that ever came."""
        if not rows:
            return
        c = t.dead_letters.c
        if self._cache.next_dead_letter is None:
            self._cache.next_dead_letter = (self.connection.scalar(select(func.max(c.id))) or 0) + 1
        first = self._cache.next_dead_letter
        self._cache.next_dead_letter += len(rows)
        numbered = [(first + index, *row) for index, row in enumerate(rows)]
        self._many(self._sql.dead_letter, numbered[-keep:])
        self.connection.execute(delete(t.dead_letters).where(c.id < self._cache.next_dead_letter - keep))

    def note_alerts(self, rows: Rows) -> None:
        """Store alerts; the same one again is counted."""
        self._many(self._sql.alert, rows)

    def note_command_results(self, rows: Rows) -> None:
        """Store what agents did with commands, also with those this hub did not send."""
        self._many(self._sql.command_result, rows)
        c = side.commands.c
        for store, agent, command_id, _device, outcome, detail, _at_ms, record_ms in rows:
            where = (c.command_id == command_id, c.store == store, c.agent == agent)
            values = {"state": outcome, "detail": detail, "changed_ms": record_ms}
            self.connection.execute(update(side.commands).where(*where).values(values))

    def put_label(self, row: tuple[Any, ...]) -> None:
        """Store what a label is for and what was sent to it (in table order)."""
        self._many(self._sql.label, [row])

    def drop_label(self, store: str, mac: str) -> bool:
        """Forget what a label is for; False when it was for nothing."""
        c = side.labels.c
        gone = self.connection.execute(delete(side.labels).where(c.store == store, c.mac == mac))
        return gone.rowcount > 0

    def put_command(self, row: tuple[Any, ...], *, forget_before: int) -> None:
        """Queue a command (in table order) and forget old ones that are closed."""
        self._many(self._sql.command, [row])
        c = side.commands.c
        old = (c.created_ms < forget_before, side.IS_CLOSED)
        self.connection.execute(delete(side.commands).where(*old))

    def change_command(self, command_id: str, **values: Any) -> None:
        """Change columns of a command that has no result yet; one that has is left alone."""
        c = side.commands.c
        where = (c.command_id == command_id, side.IS_OPEN)
        self.connection.execute(update(side.commands).where(*where).values(values))

    def put_code(self, code: str, sku: str, by: str, now: int) -> None:
        """Store which SKU a code means."""
        self._many(self._sql.codes, [(code, sku, by, now)])
        self._judge_gates({})

    def note_till_message(self, row: tuple[Any, ...], *, forget_before: int) -> None:
        """Remember a till's message (in table order) and forget old ones."""
        self._many(self._sql.till_message, [row])
        c = side.till_messages.c
        self.connection.execute(delete(side.till_messages).where(c.record_ms < forget_before))

    def put_till_order(self, row: tuple[Any, ...], *, forget_before: int) -> None:
        """Store where a till's order stands (in table order) and forget old ones."""
        self._many(self._sql.till_order, [row])
        c = side.till_orders.c
        self.connection.execute(delete(side.till_orders).where(c.changed_ms < forget_before))

    def append_own(self, store: str, events: Sequence[AnyHubEvent], now: int) -> list[int]:
        """Store facts of the hub itself in the store's own stream and return their positions."""
        state = self.stream(StreamAddress(store, HUB_AGENT, HUB_STREAM), now)  # type: ignore[arg-type]
        first = self.next_positions(len(events))
        rows, batch = [], Batch()
        for index, event in enumerate(events):
            line = encode_hub_event(event)
            seq = state.receipt_seq + 1
            digest = digest_line(line)
            kind = str(event.__struct_config__.tag)
            rows.append((first + index, state.id, seq, digest, kind, event.at, now, line.decode()))
            batch.add(store, HUB_STREAM, seq, first + index, event)
            state.receipt_seq, state.receipt_digest = seq, digest
        state.last_record_ms = now
        self.append_events(rows, batch)
        self.save_streams([state])
        return [row[0] for row in rows]

    def touch(self) -> None:
        """Write something that changes nothing, to see whether the database can be written."""
        self.connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

    def put_catalogue(
        self, stores: Iterable[Store], products: Iterable[Product], bindings: Mapping[str, str]
    ) -> None:
        """Store catalogue rows; rows of the same key are replaced, a store's zones as a whole.

        Bindings given here are from before the log: no event tells of them. See ``hub.services.bindings``.
        """
        for store in stores:
            self.connection.execute(delete(t.zones).where(t.zones.c.store == store.store))
            names = [column.name for column in t.stores.columns]
            self._many(self._sql.stores, [tuple(getattr(store, name) for name in names)])
            rows = [(store.store, z.zone, z.name, z.name_zh, z.kind, z.x, z.y, z.w, z.h) for z in store.zones]
            self._many(self._sql.zones, rows)
            self.connection.execute(delete(g.gates).where(g.gates.c.store == store.store))
            gates = [msgspec.structs.astuple(gate) for gate in store.gates]
            self._many(self._sql.gates, [(store.store, *gate) for gate in gates])
        columns = [column.name for column in t.products.columns]
        self._many(
            self._sql.products, [tuple(getattr(product, name) for name in columns) for product in products]
        )
        self._many(self._sql.bindings, [(epc, sku, "file", "", 0, 0) for epc, sku in bindings.items()])
        self._judge_gates({})

    def merge(self, batch: Batch) -> None:
        """Merge a folded batch into the read tables."""
        sql = self._sql
        self._many(sql.items, [key + state for key, state in batch.items.items()])
        self._many(sql.trays, [key + state for key, state in batch.trays.items()])
        self._many(sql.plate_units, [key + state.of_plate() for key, state in batch.plates.items()])
        self._many(sql.heat, [(*key, *sums) for key, sums in batch.heat.items()])
        self._many(sql.footfall, [key + added for key, added in batch.footfall.items()])
        self._many(sql.device_states, [key + row for key, row in batch.device_states.items()])
        self._many(sql.device_rejects, [key + row for key, row in batch.device_rejects.items()])
        self._run_of(sql.try_on_rows, sql.try_ons, batch.try_ons)
        self._run_of(sql.placement_rows, sql.placements, batch.placements)
        trials = batch.fitting_trials.items()
        self._many(sql.fitting_trials, [(store, *key, *state) for (store, key), state in trials])
        self._many(sql.blind_spans, batch.blind_spans)
        self._many(sql.alert, batch.alerts)
        self._many(sql.movements, batch.movements)
        self._many(sql.bindings, [(epc, *row) for epc, row in batch.bindings.items()])
        self._many(sql.tid_bindings, [(tid, *row) for tid, row in batch.tid_bindings.items()])
        self._run_of(sql.binding_log_rows, sql.binding_log, batch.binding_log)
        self._many(sql.scans, [key + row for key, row in batch.scans.items()])
        self._many(sql.presented, [key + row for key, row in batch.presented.items()])
        self._many(sql.labels_shown, [key + row for key, row in batch.labels_shown.items()])
        self._many(sql.stock_takes, batch.stock_takes)
        self._many(sql.stock_take_change, batch.stock_take_changes)
        self._many(sql.stock_batches, batch.stock_batches)
        self._many(sql.zone_anchors, [key + row for key, row in batch.zone_anchors.items()])
        self._many(sql.counts, batch.counts)
        self._many(sql.disagreements, batch.disagreements)
        self._many(sql.decisions, [_decision_row(*row) for row in batch.decisions])
        self._many(sql.orders, batch.orders)
        self._many(sql.order_change, batch.order_changes)
        self._many(sql.gate_parts, [key + row for key, row in batch.gate_parts.items()])
        self._many(sql.gate_notices, batch.notices)
        self._many(sql.gate_notice_change, batch.notice_changes)
        self._many(sql.gate_confirmations, batch.gate_confirmations)
        if batch.gates or batch.bindings:
            self._judge_gates(batch.gates, renamed=bool(batch.bindings))

    def _judge_gates(self, touched: Mapping[tuple[str, str], set[str]], *, renamed: bool = True) -> None:
        """Compute the verdicts of touched gates anew; of all that wait, when tags may have other names now."""
        every = dict(touched)
        if renamed:
            every = {key: set() for key in gate_reads.waiting_gates(self.connection)} | every
        for (store, gate), batch_ids in sorted(every.items()):
            rows = gate_writes.refresh(self.connection, store, gate, batch_ids)
            self._many(self._sql.gate_verdicts, rows)

    def _run_of(self, statement_of_rows: str, statement: str, rows: Rows) -> None:
        """Execute with as many rows at once as the first statement takes, and the rest singly."""
        whole = len(rows) - len(rows) % ROWS_AT_ONCE
        for start in range(0, whole, ROWS_AT_ONCE):
            values = chain.from_iterable(rows[start : start + ROWS_AT_ONCE])
            self.connection.exec_driver_sql(statement_of_rows, tuple(values))
        self._many(statement, rows[whole:])

    def _many(self, statement: str, rows: Rows) -> None:
        if rows:
            self.connection.exec_driver_sql(statement, list(rows))


def _decision_row(position: int, store: str, event: Any) -> tuple[Any, ...]:
    inputs = msgspec.json.encode(event.inputs, order="sorted").decode()
    return (
        position, store, event.sku, event.at, event.order_id, event.quantity, event.rule, event.rule_version,
        event.reason, event.constraint, inputs, event.position,
    )  # fmt: skip


Job = Callable[[Transaction], T]


class Writer:
    """Runs jobs in transactions, in the calling thread. One at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._statements = compile_statements(engine.dialect.name)
        self._cache = _Cache()

    def run(self, job: Job[T]) -> T:
        """Run one job and commit.

        Raises:
            LedgerError: the database failed; nothing of the job was stored.
            ShelfwiseError: the job itself refused.
        """
        (outcome,) = self.run_group([job])
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    def run_group(self, jobs: Sequence[Job[Any]]) -> list[Any]:
        """Run jobs in one transaction; an outcome is a job's result or the exception it ended with."""
        try:
            return self._attempt(jobs)
        except SQLAlchemyError as error:
            self._cache.clear()
            if len(jobs) == 1:
                return [_translate(error)]
        return [self.run_group([job])[0] for job in jobs]

    def _attempt(self, jobs: Sequence[Job[Any]]) -> list[Any]:
        outcomes: list[Any] = []
        with self._engine.begin() as connection:
            transaction = Transaction(connection, self._statements, self._cache)
            for job in jobs:
                savepoint = connection.begin_nested()
                try:
                    outcomes.append(job(transaction))
                    savepoint.commit()
                except Exception as error:  # noqa: BLE001 - handed to whoever waits for this job
                    savepoint.rollback()
                    self._cache.clear()
                    outcomes.append(_translate(error))
        return outcomes


def _translate(error: Exception) -> Exception:
    if isinstance(error, SQLAlchemyError):
        # The content is at fault, so that trying again would be in vain; anything else may pass.
        kind = LedgerError if isinstance(error, DataError | IntegrityError) else UnavailableError
        translated = kind(f"the database refused: {first_line(error)}")
        translated.__cause__ = error
        return translated
    return error
