"""From source to ledger and back: take a batch, commit it, acknowledge it, publish its receipts.

The next batch is collected while the writer commits this one. A commit that fails for the database's
sake (disk full, server away) is tried again for as long as it takes, unacknowledged; one that fails for
its content's sake is cut into single messages, and the one at fault is parked.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from contract.errors import MessageError
from hub.ingest.source import ReceivedBatch, Source
from hub.ledger.engine import UnavailableError
from hub.ledger.writer import Transaction
from hub.ledger.writer_thread import WriterThread
from hub.services.record import Counts, Delivery, Recorded, park_undigestible, record

log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


class PumpState(msgspec.Struct):
    """What the pump has done, for metrics and readiness.

    Attributes:
        oldest_waiting_s: loop time at which the batch now being committed began, None when idle.
    """

    totals: Counts = msgspec.field(default_factory=Counts)
    batches: int = 0
    last_batch_s: float = 0.0
    oldest_waiting_s: float | None = None
    failing: str | None = None


class Pump:
    """Moves batches until it is cancelled."""

    def __init__(
        self,
        source: Source,
        writer: WriterThread,
        clock: Callable[[], int],
        on_batch: Callable[[Counts, float], None] | None = None,
    ) -> None:
        self._source = source
        self._writer = writer
        self._clock = clock
        self._on_batch = on_batch
        self.state = PumpState()

    async def run(self) -> None:
        """Take, commit, acknowledge, answer; for ever."""
        loop = asyncio.get_running_loop()
        upcoming = asyncio.create_task(self._source.next_batch())
        try:
            while True:
                batch = await upcoming
                upcoming = asyncio.create_task(self._source.next_batch())
                self.state.oldest_waiting_s = batch.first_s
                await self._handle(batch)
                self.state.oldest_waiting_s = None
                self._count(loop.time() - batch.first_s)
        finally:
            upcoming.cancel()

    async def _handle(self, batch: ReceivedBatch) -> None:
        outcomes = await self._commit(batch.deliveries)
        await self._source.acknowledge(batch)
        self._last = [outcome.counts for outcome in outcomes]
        for outcome in outcomes:
            for topic, payload in outcome.replies:
                await self._source.publish(topic, payload)

    def _count(self, seconds: float) -> None:
        totals = self.state.totals
        for counts in self._last:
            for name in Counts.__struct_fields__:
                setattr(totals, name, getattr(totals, name) + getattr(counts, name))
            if self._on_batch is not None:
                self._on_batch(counts, seconds)
        self.state.batches += 1
        self.state.last_batch_s = seconds

    async def _commit(self, deliveries: Sequence[Delivery]) -> list[Recorded]:
        """Commit a batch; returns its outcome, or outcomes when it had to be cut up."""
        now = self._clock()
        try:
            return [await self._write(lambda transaction: record(transaction, deliveries, now))]
        except Exception:
            log.exception("event=batch_refused messages=%d", len(deliveries))
        outcomes = []
        for delivery in deliveries:
            try:
                outcomes.append(await self._write(partial(record, deliveries=[delivery], now=now)))
            except Exception:
                log.exception("event=message_unstorable topic=%s", delivery[0])
                outcomes.append(await self._park(delivery, now))
        return outcomes

    async def _park(self, delivery: Delivery, now: int) -> Recorded:
        try:
            return await self._write(lambda transaction: park_undigestible(transaction, delivery, now))
        except MessageError:
            # Neither topic nor header can be read, so there is no number to account for.
            return Recorded([], Counts())

    async def _write(self, job: Callable[[Transaction], Recorded]) -> Recorded:
        """Submit until the database takes it; errors of the content are raised."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                outcome = await asyncio.wrap_future(self._writer.submit(job))
            except UnavailableError as error:
                if self.state.failing is None:
                    log.error("event=ledger_failing error=%r", str(error))
                self.state.failing = str(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                if self.state.failing is not None:
                    log.warning("event=ledger_recovered")
                self.state.failing = None
                return outcome
