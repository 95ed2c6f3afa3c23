"""The writer's thread: a bounded queue of jobs, committed in groups.

Jobs that queue up within a few milliseconds commit together. A caller's future resolves after the commit,
never before.
"""

import logging
import queue
import threading
import time
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeVar

from contract.errors import ShelfwiseError
from hub.ledger.engine import UnavailableError
from hub.ledger.writer import Job, Writer

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_QUEUED: Final = 1000
GROUP_WINDOW_S: Final = 0.002
MAX_GROUP: Final = 64


class _Queued(Generic[T]):
    """A job and the future of whoever waits for it."""

    def __init__(self, job: Job[T]) -> None:
        self.job = job
        self.future: Future[T] = Future()


class WriterThread:
    """The writer on its own thread, fed through a bounded queue.

    Attributes:
        failing: what the database said, while the last group could not be written; else None.
        groups: how many groups of jobs were run.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._queue: queue.Queue[_Queued[Any] | None] = queue.Queue(MAX_QUEUED)
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._closing = False
        self.last_commit_s = 0.0
        self.failing: str | None = None
        self.groups = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, refuse what comes later, and join the thread."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    @property
    def waiting(self) -> int:
        """How many jobs wait in the queue."""
        return self._queue.qsize()

    def submit(self, job: Job[T]) -> "Future[T]":
        """Queue a job; its future resolves after the commit.

        Raises:
            UnavailableError: the writer is stopping, or its queue is full.
        """
        if self._closing:
            raise UnavailableError("the ledger is closing and takes no more writes")
        queued = _Queued(job)
        try:
            self._queue.put_nowait(queued)
        except queue.Full:
            raise UnavailableError(
                f"the ledger's queue is full ({MAX_QUEUED} writes are waiting); try again shortly"
            ) from None
        return queued.future

    def _run(self) -> None:
        open_for_work = True
        while open_for_work:
            group, open_for_work = self._collect()
            group = [queued for queued in group if queued.future.set_running_or_notify_cancel()]
            if group:
                self._commit(group)

    def _collect(self) -> tuple[list[_Queued[Any]], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        group = [first]
        deadline = time.monotonic() + GROUP_WINDOW_S
        while len(group) < MAX_GROUP:
            try:
                queued = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if queued is None:
                return group, False
            group.append(queued)
        return group, True

    def _commit(self, group: list[_Queued[Any]]) -> None:
        started = time.perf_counter()
        try:
            outcomes = self._writer.run_group([queued.job for queued in group])
        except Exception as error:
            log.exception("event=writer_failed jobs=%d", len(group))
            outcomes = [error] * len(group)
        self.last_commit_s = time.perf_counter() - started
        self._judge(outcomes)
        for queued, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                if not isinstance(outcome, ShelfwiseError):
                    log.error("event=job_failed error=%r", outcome, exc_info=outcome)
                queued.future.set_exception(outcome)
            else:
                queued.future.set_result(outcome)

    def _judge(self, outcomes: list[Any]) -> None:
        """Notice when the database begins and ceases to fail; a job that refuses says nothing about it."""
        errors = [outcome for outcome in outcomes if isinstance(outcome, UnavailableError)]
        failing = str(errors[0]) if errors else None
        if failing is not None and self.failing is None:
            log.error("event=ledger_failing error=%r", failing)
        elif failing is None and self.failing is not None:
            log.warning("event=ledger_recovered")
        self.failing = failing
        self.groups += 1
