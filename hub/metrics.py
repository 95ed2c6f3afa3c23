"""Counters and gauges of the hub in the Prometheus text format."""

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from hub.services.record import Counts

_BUCKETS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class HubMetrics:
    """One registry per hub, so that several can live in one process."""

    def __init__(
        self,
        lag_s: Callable[[], float],
        queued: Callable[[], float],
        backlog: Callable[[], float],
        dropped: Callable[[], float],
    ) -> None:
        self._registry = CollectorRegistry()
        self._counters = {
            "observations": self._counter("observations", "Observations committed"),
            "repeats": self._counter("repeats", "Observations the ledger had already"),
            "gaps": self._counter("gaps", "Envelopes refused because earlier numbers are missing"),
            "conflicts": self._counter("conflicts", "Envelopes with other content under a used number"),
            "lost": self._counter("lost", "Numbers that came without content"),
            "dead_letters": self._counter("dead_letters", "Messages and lines that could not be read"),
        }
        self._batch_seconds = Histogram(
            "shelfwise_batch_seconds",
            "First message to acknowledgement",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        for name, text, ask in (
            ("lag_seconds", "Age of the oldest message not committed", lag_s),
            ("writes_queued", "Jobs waiting for the writer", queued),
            ("backlog_messages", "Messages that no batch has taken yet, at the broker and here", backlog),
            ("source_dropped", "Messages the source threw away at its bound", dropped),
        ):
            Gauge(f"shelfwise_{name}", text, registry=self._registry).set_function(ask)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"shelfwise_{name}", text, registry=self._registry)

    def on_batch(self, counts: Counts, seconds: float) -> None:
        """Count a committed batch."""
        for name, counter in self._counters.items():
            counter.inc(getattr(counts, name))
        self._batch_seconds.observe(seconds)

    def render(self) -> tuple[bytes, str]:
        """Return the text and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
