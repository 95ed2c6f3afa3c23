"""The only file that wires the hub: ledger, services, sources and API.

:class:`LocalHub` is the hub without network, for a simulation in lockstep: deliver a message, get the
receipts. :func:`run` is the program: API, source, writer and the replan schedule in one process, stopped
by SIGTERM or SIGINT within a few seconds.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn

from contract.errors import ShelfwiseError
from hub.api.application import create_application
from hub.api.context import HubContext
from hub.config import HubSettings
from hub.ingest.jetstream import JetStreamSource
from hub.ingest.mqtt import MqttSource
from hub.ingest.pump import Pump
from hub.ingest.source import Source
from hub.ledger.catalogue import store_names
from hub.ledger.engine import UnavailableError, migrate, open_engine
from hub.ledger.reads import Reader, SyncReader
from hub.ledger.rebuild import verify
from hub.ledger.side_reads import stores_with_labels
from hub.ledger.writer import Transaction, Writer
from hub.ledger.writer_thread import WriterThread
from hub.metrics import HubMetrics
from hub.services.catalogue import load, read_catalogue
from hub.services.commands import dispatch, is_due
from hub.services.health import Health
from hub.services.labels import labels_due, plan_labels
from hub.services.record import Counts, Delivery, park_undigestible, record
from hub.services.replan import Planned, commit_plan, plan
from hub.services.sell import Accepted, SaleEvent, sell
from hub.services.signals import Signals
from hub.services.stock import STALE_AFTER_MS, Stock, stock
from hub.services.till_signatures import TillSecrets
from hub.services.visits import Footfall, Item, footfall, items

log = logging.getLogger(__name__)

PROBE_IDLE_S: Final = 15.0
PROBE_FAILING_S: Final = 2.0
DISPATCH_S: Final = 0.25
LABELS_S: Final = 10.0
GC_THRESHOLDS: Final = (10_000, 20, 50)
"""Objects that await the first search for cycles, and how many searches make one of the next age.

Cycles lie about until the first number is reached, some 200 bytes each, so it bounds what the process
holds for nothing. Recording a batch leaves next to no cycles, whatever its size.
"""

Clock = Callable[[], int]
"""Returns milliseconds since 1970-01-01 UTC."""


class LocalHub:
    """The hub's core in the calling thread; every delivery commits before it returns."""

    def __init__(self, db_path: Path | str, clock: Clock, *, stale_after_ms: int = STALE_AFTER_MS) -> None:
        self._clock = clock
        self._stale_after_ms = stale_after_ms
        self._engine = open_engine(str(db_path))
        migrate(self._engine)
        self.writer = Writer(self._engine)
        self.reader = SyncReader(str(db_path))

    def deliver(self, topic: str, payload: bytes) -> list[Delivery]:
        """Commit one message and return the answers (topic, payload)."""
        return self.deliver_batch([(topic, payload)])

    def deliver_batch(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Commit messages together and return the answers."""
        now = self._clock()
        try:
            return self.writer.run(lambda transaction: record(transaction, deliveries, now)).replies
        except UnavailableError:
            raise
        except ShelfwiseError:
            return [
                reply
                for delivery in deliveries
                for reply in self.writer.run(partial(park_undigestible, delivery=delivery, now=now)).replies
            ]

    def sell(self, store: str, lines: Sequence[SaleEvent]) -> Accepted:
        """Record lines of sales and returns."""
        return self.writer.run(lambda transaction: sell(transaction, store, lines, self._clock()))

    def load_catalogue(
        self, *, stores: Sequence[Path] = (), products: Path | None = None, bindings: Path | None = None
    ) -> None:
        """Load store, product and binding files."""
        catalogue = read_catalogue(stores=stores, products=products, bindings=bindings)
        self.writer.run(lambda transaction: load(transaction, catalogue, self._clock()))

    def replan(self, store: str) -> Planned:
        """Plan a store and commit the decisions."""
        now, stale = self._clock(), self._stale_after_ms
        planned = self.reader.read(lambda connection: plan(connection, store, now, stale_after_ms=stale))
        return self.writer.run(
            lambda transaction: commit_plan(transaction, planned, now, stale_after_ms=stale)
        )

    def tell_labels(self, store: str) -> int:
        """Queue commands for labels that do not show what they should; returns how many."""
        now, stale = self._clock(), self._stale_after_ms
        return self.writer.run(lambda transaction: plan_labels(transaction, store, now, stale_after_ms=stale))

    def dispatch(self) -> list[Delivery]:
        """Return the commands (topic, payload) that are to be published now."""
        return self.writer.run(lambda transaction: dispatch(transaction, self._clock()))

    def stock(self, store: str) -> Stock:
        """Return a store's on-hand."""
        now, stale = self._clock(), self._stale_after_ms
        return self.reader.read(lambda connection: stock(connection, store, now, stale_after_ms=stale))

    def footfall(self, store: str) -> Footfall:
        """Return people in and out of the present business day."""
        return self.reader.read(lambda connection: footfall(connection, store, None, self._clock()))

    def items(self, store: str) -> list[Item]:
        """Return every item of a store."""
        return self.reader.read(lambda connection: items(connection, store))

    def verify(self) -> list[str]:
        """Compare the read tables with what the events say; return the differences."""
        return verify(self.writer)

    def close(self) -> None:
        """Close the database."""
        self.reader.close()
        self._engine.dispose()


def wall_clock() -> int:
    """Return the present time in ms since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def open_source(settings: HubSettings) -> Source:
    """Return the source that the broker's address asks for."""
    if settings.broker.startswith(("mqtt://", "mqtts://")):
        return MqttSource(
            settings.broker,
            client_id=settings.client_id,
            batch_ms=settings.batch_ms,
            batch_max=settings.batch_max,
        )
    return JetStreamSource(
        settings.broker,
        batch_ms=settings.batch_ms,
        batch_max=settings.batch_max,
        max_bytes=settings.stream_max_bytes,
    )


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the hub stops its parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class RunningHub:
    """All parts of the hub in one process, on one loop and one writer thread."""

    def __init__(
        self,
        settings: HubSettings,
        clock: Clock,
        source: Source,
        heartbeat: Callable[[], None] | None = None,
        till_secrets: TillSecrets | None = None,
    ) -> None:
        self._settings = settings
        self._heartbeat = heartbeat
        self._clock = clock
        self._engine = open_engine(settings.database)
        migrate(self._engine)
        writer = Writer(self._engine)
        catalogue = read_catalogue(
            stores=[Path(name) for name in settings.stores],
            products=Path(settings.products) if settings.products else None,
            bindings=Path(settings.bindings) if settings.bindings else None,
        )
        writer.run(lambda transaction: load(transaction, catalogue, clock()))
        self.writer = WriterThread(writer)
        self.source = source
        self._reader = Reader(settings.database)
        self._signals = Signals()
        self._metrics = HubMetrics(
            self._lag_s,
            queued=lambda: float(self.writer.waiting),
            backlog=lambda: float(source.backlog.messages),
            dropped=lambda: float(source.backlog.dropped),
        )
        self.pump = Pump(source, self.writer, clock, self._on_batch)
        context = HubContext(
            reader=self._reader,
            writer=self.writer,
            clock=clock,
            health=self.health,
            signals=self._signals,
            metrics=self._metrics.render,
            stale_after_ms=settings.stale_after_s * 1000,
            till_secrets=till_secrets or TillSecrets(),
        )
        self.application = create_application(context)
        self._tasks: list[asyncio.Task[None]] = []
        self._rounds: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    def _on_batch(self, counts: Counts, seconds: float) -> None:
        self._metrics.on_batch(counts, seconds)
        self._signals.committed()

    def _lag_s(self) -> float:
        started = self.pump.state.oldest_waiting_s
        in_hand = 0.0 if started is None else max(0.0, time.monotonic() - started)
        return max(in_hand, self.source.backlog.age_s)

    def health(self) -> Health:
        """Return the state of the parts."""
        failing = self.writer.failing or self.pump.state.failing
        return Health(
            writable=failing is None,
            broker_connected=self.source.connected,
            lag_s=self._lag_s(),
            max_lag_s=self._settings.max_lag_s,
            backlog=self.source.backlog.messages,
            detail=failing or "",
        )

    async def start(self) -> None:
        """Start writer, source and pump."""
        self.writer.start()
        await self.source.open()
        self._tasks.append(asyncio.create_task(self.pump.run(), name="pump"))
        self._tasks.append(asyncio.create_task(self._probe_for_ever(), name="probe"))
        if self._settings.replan_minutes:
            self._tasks.append(asyncio.create_task(self._replan_for_ever(), name="replan"))
        for name, period_s, act in (
            ("dispatch", DISPATCH_S, self.dispatch),
            ("labels", LABELS_S, self.tell_labels),
        ):
            self._rounds.append(asyncio.create_task(self._until_closed(name, period_s, act), name=name))

    async def _probe_for_ever(self) -> None:
        """Write now and then while nobody else does, so that readiness knows of a database that fails.

        The heart beats only after the writer has answered, be it with a refusal: starting anew mends a
        writer that hangs, not a full disk.
        """
        answered = True
        while True:
            if answered and self._heartbeat is not None:
                self._heartbeat()
            groups = self.writer.groups
            await asyncio.sleep(PROBE_FAILING_S if self.writer.failing else PROBE_IDLE_S)
            if self.writer.groups == groups:
                # The writer itself notes and logs a failure.
                with contextlib.suppress(ShelfwiseError):
                    await asyncio.wrap_future(self.writer.submit(Transaction.touch))
            answered = self.writer.groups != groups

    async def _until_closed(self, name: str, period_s: float, act: Callable[[], Awaitable[None]]) -> None:
        """Act now and after every period.

        It ends by itself when the hub closes: a read that is cancelled halfway keeps psycopg's connection
        from ever closing.
        """
        while not self._closing.is_set():
            try:
                await act()
            except ShelfwiseError as error:
                log.warning("event=%s_failed error=%r", name, str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), period_s)

    async def dispatch(self) -> None:
        """Publish what is due now."""
        now, connected = self._clock(), self.source.connected
        if not await self._reader.read(partial(is_due, now=now, connected=connected)):
            return
        job = partial(dispatch, now=now, connected=connected)
        for topic, payload in await asyncio.wrap_future(self.writer.submit(job)):
            await self.source.publish(topic, payload)

    async def tell_labels(self) -> None:
        """Queue commands for labels that do not show what they should."""
        stale = self._settings.stale_after_s * 1000
        for store in await self._reader.compute(stores_with_labels):
            now = self._clock()
            if await self._reader.compute(partial(labels_due, store=store, now=now, stale_after_ms=stale)):
                job = partial(plan_labels, store=store, now=now, stale_after_ms=stale)
                await asyncio.wrap_future(self.writer.submit(job))

    async def _replan_for_ever(self) -> None:
        stale = self._settings.stale_after_s * 1000
        while True:
            await asyncio.sleep(self._settings.replan_minutes * 60)
            try:
                for store in await self._reader.read(store_names):
                    now = self._clock()
                    planned = await self._reader.compute(
                        partial(plan, store=store, now=now, stale_after_ms=stale)
                    )
                    job = partial(commit_plan, planned=planned, now=now, stale_after_ms=stale)
                    outcome = await asyncio.wrap_future(self.writer.submit(job))
                    self._signals.committed()
                    log.info(
                        "event=replanned store=%s decided=%d ordered=%d",
                        store,
                        outcome.decided,
                        outcome.ordered,
                    )
            except ShelfwiseError as error:
                log.warning("event=replan_failed error=%r", str(error))

    def quiet(self) -> None:
        """End event streams, so that the API can close."""
        self._signals.close()

    async def stop(self) -> None:
        """Stop taking messages, flush, close."""
        self._signals.close()
        self._closing.set()
        await asyncio.gather(*self._rounds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.source.close()
        await asyncio.to_thread(self.writer.stop)
        await self._reader.close()
        self._engine.dispose()


async def serve(
    settings: HubSettings,
    clock: Clock = wall_clock,
    heartbeat: Callable[[], None] | None = None,
    till_secrets: TillSecrets | None = None,
) -> None:
    """Run the hub until SIGTERM or SIGINT; ``heartbeat`` is called while loop and writer answer."""
    hub = RunningHub(settings, clock, open_source(settings), heartbeat, till_secrets)
    config = uvicorn.Config(
        hub.application,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        lifespan="off",
    )
    server = _Server(config)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await hub.start()
    serving = asyncio.create_task(server.serve(), name="api")
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        log.info("event=stopping")
    finally:
        waiting.cancel()
        server.should_exit = True
        hub.quiet()
        await serving
        await hub.stop()


def run(
    settings: HubSettings,
    *,
    heartbeat: Callable[[], None] | None = None,
    till_secrets: TillSecrets | None = None,
) -> None:
    """Run the hub's program; returns when it was told to stop. See :func:`serve` for ``heartbeat``."""
    # What is there now stays; without this a search for garbage would search all of it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    asyncio.run(serve(settings, heartbeat=heartbeat, till_secrets=till_secrets))
