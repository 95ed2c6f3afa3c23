"""What the routers are given: reads, writes, the clock and the hub's state. Made by ``hub.app``."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Request

from hub.ledger.reads import Connection, Reader
from hub.ledger.writer import Job
from hub.services.health import Health
from hub.services.signals import Signals
from hub.services.till_signatures import TillSecrets

T = TypeVar("T")


class Submits(Protocol):
    """Takes jobs; a writer thread."""

    def submit(self, job: Job[T]) -> "Future[T]":
        """Queue a job; its future resolves after the commit."""


class HubContext:
    """Everything an operation may use."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Submits,
        clock: Callable[[], int],
        health: Callable[[], Health],
        signals: Signals,
        metrics: Callable[[], tuple[bytes, str]],
        stale_after_ms: int,
        till_secrets: TillSecrets,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.clock = clock
        self.health = health
        self.signals = signals
        self.metrics = metrics
        self.stale_after_ms = stale_after_ms
        self.till_secrets = till_secrets

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a read in one snapshot."""
        return await self._reader.read(query)

    async def compute(self, query: Callable[[Connection], T]) -> T:
        """Run a read that folds many rows in one snapshot, away from the loop."""
        return await self._reader.compute(query)

    async def write(self, job: Job[T]) -> T:
        """Run a job on the writer and wait for its commit."""
        outcome = await asyncio.wrap_future(self._writer.submit(job))
        self.signals.committed()
        return outcome


def _context(request: Request) -> HubContext:
    context = request.app.state.context
    assert isinstance(context, HubContext)
    return context


Hub = Annotated[HubContext, Depends(_context)]
