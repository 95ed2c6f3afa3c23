"""The only file that wires the hub: ledger, services, sources and API.

:class:`LocalHub` is the hub without network, for a simulation in lockstep: deliver a message, get the
receipts. :func:`run` is the program: API, source, writer and the replan schedule in one process, stopped
by SIGTERM or SIGINT within a few seconds.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import uvicorn

from contract.errors import LedgerError, ShelfwiseError
from hub.api.application import create_application
from hub.api.context import HubContext
from hub.config import HubSettings
from hub.ingest.jetstream import JetStreamSource
from hub.ingest.mqtt import MqttSource
from hub.ingest.pump import Pump
from hub.ingest.source import Source
from hub.ledger.engine import migrate, open_engine
from hub.ledger.reads import Reader, SyncReader, store_names
from hub.ledger.rebuild import verify
from hub.ledger.writer import Writer, WriterThread
from hub.metrics import HubMetrics
from hub.model import Sale
from hub.services.catalogue import load, read_catalogue
from hub.services.health import Health
from hub.services.record import Counts, Delivery, park_undigestible, record
from hub.services.replan import Planned, commit_plan, plan
from hub.services.sell import Accepted, sell
from hub.services.signals import Signals
from hub.services.stock import Stock, stock
from hub.services.visits import Footfall, Item, footfall, items

log = logging.getLogger(__name__)

Clock = Callable[[], int]
"""Returns milliseconds since 1970-01-01 UTC."""


class LocalHub:
    """The hub's core in the calling thread; every delivery commits before it returns."""

    def __init__(self, db_path: Path | str, clock: Clock) -> None:
        self._clock = clock
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
        except LedgerError:
            raise
        except ShelfwiseError:
            return [
                reply
                for delivery in deliveries
                for reply in self.writer.run(partial(park_undigestible, delivery=delivery, now=now)).replies
            ]

    def sell(self, store: str, lines: Sequence[Sale]) -> Accepted:
        """Record sale lines."""
        return self.writer.run(lambda transaction: sell(transaction, store, lines, self._clock()))

    def load_catalogue(
        self, *, stores: Sequence[Path] = (), products: Path | None = None, bindings: Path | None = None
    ) -> None:
        """Load store, product and binding files."""
        catalogue = read_catalogue(stores=stores, products=products, bindings=bindings)
        self.writer.run(lambda transaction: load(transaction, catalogue))

    def replan(self, store: str) -> Planned:
        """Plan a store and commit the decisions."""
        planned = self.reader.read(lambda connection: plan(connection, store, self._clock()))
        return self.writer.run(lambda transaction: commit_plan(transaction, planned, self._clock()))

    def stock(self, store: str) -> Stock:
        """Return a store's on-hand."""
        return self.reader.read(lambda connection: stock(connection, store, self._clock()))

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

    def __init__(self, settings: HubSettings, clock: Clock, source: Source) -> None:
        self._settings = settings
        self._clock = clock
        self._engine = open_engine(settings.database)
        migrate(self._engine)
        writer = Writer(self._engine)
        catalogue = read_catalogue(
            stores=[Path(name) for name in settings.stores],
            products=Path(settings.products) if settings.products else None,
            bindings=Path(settings.bindings) if settings.bindings else None,
        )
        writer.run(lambda transaction: load(transaction, catalogue))
        self.writer = WriterThread(writer)
        self.source = source
        self._reader = Reader(settings.database)
        self._signals = Signals()
        self._metrics = HubMetrics(self._lag_s, lambda: float(self.writer.waiting))
        self.pump = Pump(source, self.writer, clock, self._on_batch)
        context = HubContext(
            reader=self._reader,
            writer=self.writer,
            clock=clock,
            health=self.health,
            signals=self._signals,
            metrics=self._metrics.render,
            stale_after_ms=settings.stale_after_s * 1000,
        )
        self.application = create_application(context)
        self._tasks: list[asyncio.Task[None]] = []

    def _on_batch(self, counts: Counts, seconds: float) -> None:
        self._metrics.on_batch(counts, seconds)
        self._signals.committed()

    def _lag_s(self) -> float:
        started = self.pump.state.oldest_waiting_s
        return 0.0 if started is None else max(0.0, time.monotonic() - started)

    def health(self) -> Health:
        """Return the state of the parts."""
        failing = self.pump.state.failing
        return Health(
            writable=failing is None,
            broker_connected=self.source.connected,
            lag_s=self._lag_s(),
            max_lag_s=self._settings.max_lag_s,
            detail=failing or "",
        )

    async def start(self) -> None:
        """Start writer, source and pump."""
        self.writer.start()
        await self.source.open()
        self._tasks.append(asyncio.create_task(self.pump.run(), name="pump"))
        if self._settings.replan_minutes:
            self._tasks.append(asyncio.create_task(self._replan_for_ever(), name="replan"))

    async def _replan_for_ever(self) -> None:
        stale = self._settings.stale_after_s * 1000
        while True:
            await asyncio.sleep(self._settings.replan_minutes * 60)
            try:
                for store in await self._reader.read(store_names):
                    now = self._clock()
                    planned = await self._reader.read(
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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.source.close()
        await asyncio.to_thread(self.writer.stop)
        await self._reader.close()
        self._engine.dispose()


async def serve(settings: HubSettings, clock: Clock = wall_clock) -> None:
    """Run the hub until SIGTERM or SIGINT."""
    hub = RunningHub(settings, clock, open_source(settings))
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


def run(settings: HubSettings) -> None:
    """Run the hub's program; returns when it was told to stop."""
    asyncio.run(serve(settings))
