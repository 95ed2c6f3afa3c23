"""What only the set-up page shows: codes without a product, tags and stations, duplicates, shelf labels.

Each :class:`Source` is one question to the hub with its own period. The poller asks it only while somebody
looks at it, so that these answers, some of them costly for the hub, cost nothing otherwise. What is parsed
here obeys the rules of ``dashboard.snapshot``: immutable, shared, strict about what the screen uses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from dashboard.client import HubClient, HubUnreachableError
from dashboard.snapshot import part, record, records

T_co = TypeVar("T_co", covariant=True)

LOG_ENTRIES: Final = 30
DUPLICATES_ASKED: Final = 50


@dataclass(frozen=True, slots=True)
class WaitingCode:
    """A till's code that names no product, and what was sold or returned under it."""

    code: str
    lines: int
    units: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class TillOrder:
    """An order whose lines only its till's vendor knows."""

    till: str
    order_id: str


@dataclass(frozen=True, slots=True)
class PresentedTag:
    """A tag seen on an enrolment antenna lately, and what it stands for."""

    epc: str
    tid: str | None
    device: str
    presented_ms: int
    sku: str | None
    name: str | None
    name_zh: str | None
    way: str | None
    bound_ms: int | None


@dataclass(frozen=True, slots=True)
class Station:
    """An enrolment station; ``open`` says that its last scan still counts, ``sku`` what that scan names."""

    agent: str
    scanner: str | None
    code: str | None
    scanned_ms: int | None
    open: bool
    sku: str | None
    name: str | None
    name_zh: str | None
    tags: tuple[PresentedTag, ...]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the commissioning log; ``sku`` is None when the tag was unbound."""

    at_ms: int
    epc: str | None
    tid: str | None
    sku: str | None
    way: str
    by: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An EPC that is not one tag; ``kind`` and the fields of ``found`` are the hub's words."""

    kind: str
    epc: str
    found: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ShelfLabel:
    """A shelf label: the price it should show, and what it itself confirmed to show, and when."""

    mac: str
    sku: str | None
    name: str | None
    name_zh: str | None
    agent: str | None
    device: str | None
    language: str | None
    state: str
    wanted_price: str | None
    confirmed_sku: str | None
    confirmed_price: str | None
    confirmed_currency: str | None
    confirmed_ms: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Source(Generic[T_co]):
    """A question to the hub that is asked while somebody looks.

    Attributes:
        name: tells it from the others.
        period_ms: how often it is asked.
        read: asks it about a store. Raises HubUnreachableError.
    """

    name: str
    period_ms: int
    read: Callable[[HubClient, str], T_co]


@dataclass(frozen=True, slots=True)
class Part(Generic[T_co]):
    """The last answer to a source's question.

    Attributes:
        value: None before the first answer.
        version: goes up whenever the value differs.
        age_s: seconds since that answer, None before the first one.
        fault: why there was no answer the last time, empty when there was.
    """

    value: T_co | None = None
    version: int = 0
    age_s: float | None = None
    fault: str = ""


def parse_stations(answer: Any) -> tuple[Station, ...]:
    """Return the stations of an ``/enrolment`` answer. Raises HubUnreachableError."""
    if not isinstance(answer, list):
        raise HubUnreachableError(f"the hub's answer is {type(answer).__name__}: expected a list of stations")
    return tuple(record(Station, row, tags=records(PresentedTag, part(row, "tags"))) for row in answer)


def parse_duplicates(answer: Any) -> tuple[Duplicate, ...]:
    """Return the duplicates of every kind the hub looks for. Raises HubUnreachableError."""
    if not isinstance(answer, dict):
        raise HubUnreachableError(f"the hub's answer is {type(answer).__name__}: expected an object of kinds")
    found = []
    for kind, rows in answer.items():
        for row in rows if isinstance(rows, list) else ():
            where = part(row, "found")
            told = tuple(one for one in where if isinstance(one, dict)) if isinstance(where, list) else ()
            found.append(Duplicate(str(kind), str(part(row, "epc")), told))
    return tuple(found)


def _agents(client: HubClient, store: str) -> tuple[str, ...]:
    return tuple(sorted({str(part(row, "agent")) for row in client.streams(store)}))


CODES: Final = Source("codes", 2_000, lambda client, store: records(WaitingCode, client.unmapped(store)))
TO_FETCH: Final = Source("to_fetch", 10_000, lambda client, store: records(TillOrder, client.to_fetch(store)))
STATIONS: Final = Source("stations", 500, lambda client, store: parse_stations(client.enrolment(store)))
LOG: Final = Source(
    "log", 2_000, lambda client, store: records(LogEntry, client.commissioning(store, limit=LOG_ENTRIES))
)
DUPLICATES: Final = Source(
    "duplicates", 15_000, lambda client, _: parse_duplicates(client.duplicates(limit=DUPLICATES_ASKED))
)
LABELS: Final = Source("labels", 3_000, lambda client, store: records(ShelfLabel, client.labels(store)))
AGENTS: Final = Source("agents", 15_000, _agents)
