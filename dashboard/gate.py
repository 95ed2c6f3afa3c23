"""What only the gate page shows: batches with their verdicts, and announced goods. See ``dashboard.set_up``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboard.client import HubClient, HubUnreachableError
from dashboard.set_up import Source
from dashboard.snapshot import part, record, records

BATCHES_ASKED: Final = 30
NOTICES_ASKED: Final = 20
LISTS: Final = ("unexpected", "undecided", "missing", "expected", "by_carton", "other_way", "turned")
"""What a person has to look at first."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What came through a gate, in figures; ``counts`` has tags and units per list of the verdict."""

    batch_id: str
    gate: str
    direction: str | None
    ended_ms: int
    state: str
    light: str | None
    notice_id: str | None
    counts: Mapping[str, int]
    confirmed_ms: int | None


@dataclass(frozen=True, slots=True)
class GateTag:
    """A tag of a batch and what it stands for; ``sscc`` for a carton's."""

    epc: str
    sku: str | None
    name: str | None
    name_zh: str | None
    sscc: str | None


@dataclass(frozen=True, slots=True)
class FullBatch:
    """A batch with every tag, per list of its verdict."""

    head: Batch
    tags: Mapping[str, tuple[GateTag, ...]]
    missing_units: Mapping[str, int]
    by_carton_units: Mapping[str, int]
    missing_cartons: tuple[str, ...]

    @property
    def in_doubt(self) -> tuple[GateTag, ...]:
        """Tags that need a person's word."""
        return (*self.tags["unexpected"], *self.tags["undecided"])

    def units(self, accepted: frozenset[str]) -> int:
        """Return how many units are booked when these tags of those in doubt count; a carton is no unit."""
        sure = (*self.tags["expected"], *self.tags["by_carton"])
        chosen = [tag for tag in self.in_doubt if tag.epc in accepted]
        return sum(tag.sscc is None for tag in (*sure, *chosen)) + sum(self.by_carton_units.values())


@dataclass(frozen=True, slots=True)
class Notice:
    """Announced goods, and how many of them are still open."""

    notice_id: str
    gate: str
    direction: str
    units: int
    open_units: int


def parse_batches(answer: Any) -> tuple[Batch, ...]:
    """Return the batches of a page. Raises HubUnreachableError."""
    return records(Batch, part(answer, "batches"))


def parse_batch(answer: Any) -> FullBatch:
    """Return a batch with every tag. Raises HubUnreachableError."""
    return FullBatch(
        head=record(Batch, answer),
        tags={name: records(GateTag, part(answer, name)) for name in LISTS},
        missing_units=_units(part(answer, "missing_units")),
        by_carton_units=_units(part(answer, "by_carton_units")),
        missing_cartons=tuple(str(sscc) for sscc in part(answer, "missing_cartons")),
    )


def _units(answer: Any) -> dict[str, int]:
    if not isinstance(answer, dict):
        raise HubUnreachableError(f"the hub's answer is {type(answer).__name__}: expected units by SKU")
    return {str(sku): int(count) for sku, count in answer.items()}


def one_batch(batch_id: str) -> Source[FullBatch]:
    """Return the question for one batch."""

    def read(client: HubClient, store: str) -> FullBatch:
        return parse_batch(client.gate_batch(store, batch_id))

    return Source(f"gate_batch {batch_id}", 1_000, read)


BATCHES: Final = Source(
    "gate_batches",
    1_000,
    lambda client, store: parse_batches(client.gate_batches(store, limit=BATCHES_ASKED)),
)
NOTICES: Final = Source(
    "gate_notices", 3_000, lambda client, store: records(Notice, client.expected(store, limit=NOTICES_ASKED))
)
