"""What the screen knows of a store at one moment: read-only figures parsed from the hub's answers.

A snapshot is immutable and shared by all viewers. Parsing is strict about what the screen uses and blind
to the rest, so that a newer hub may say more; an answer that lacks a field is an error in one sentence,
raised here and nowhere later. Times are integer milliseconds since 1970-01-01 UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from dashboard.client import HubUnreachableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Zone:
    """A rectangle of the floor plan; sizes in metres, y grows away from the shop window."""

    zone: str
    name: str
    name_zh: str | None
    kind: str
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, slots=True)
class Store:
    """A store with its plan."""

    store: str
    name: str
    name_zh: str | None
    time_zone: str
    currency: str
    zones: tuple[Zone, ...]
    gates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ZoneUnits:
    """Units of a SKU in a zone."""

    zone: str
    units: int
    uncertain: bool


@dataclass(frozen=True, slots=True)
class StockLine:
    """On-hand of one SKU; ``sku`` is None for items nothing names."""

    sku: str | None
    name: str | None
    name_zh: str | None
    price: float | None
    mapped: bool
    zones: tuple[ZoneUnits, ...]
    unplaced: int
    expected: int
    total: int
    received: int
    sold: int
    adjusted: int
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Footfall:
    """People of the business day; ``hours`` counts the local hours with a report."""

    date: str
    entered: int
    left: int
    occupancy: int
    peak_occupancy: int
    transactions: int
    hours: int


@dataclass(frozen=True, slots=True)
class Heat:
    """Hands on the goods of a zone, today."""

    zone: str
    picked_up: int
    put_back: int


@dataclass(frozen=True, slots=True)
class Device:
    """A device, how it is, and the zones it sees with their states."""

    device: str
    state: str
    reported_ms: int
    heard_ms: int | None
    zones: Mapping[str, str]
    detail: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know."""

    code: str
    device: str
    text: str
    at_ms: int
    count: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order and how far it is."""

    order_id: str
    sku: str
    quantity: int
    state: str
    decided_ms: int
    changed_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision to order or not, with every figure the rule used and what bound it."""

    position: int
    sku: str
    at_ms: int
    order_id: str | None
    quantity: int
    rule: str
    rule_version: int
    reason: str
    constraint: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One tagged item."""

    epc: str
    sku: str | None
    name: str | None
    name_zh: str | None
    zone: str | None
    status: str
    changed_ms: int | None


@dataclass(frozen=True, slots=True)
class Label:
    """A shelf label: the price it confirmed to show, and whether that is the one it should show."""

    mac: str
    sku: str | None
    state: str
    confirmed_sku: str | None
    confirmed_price: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the pages draw.

    Attributes:
        position: ledger position of the stock figures.
        recent: pick-ups and put-backs per zone in the last minutes, as far as this screen has watched.
        recent_since_ms: when watching began, while that is less than the whole span ago; else None.
        seen_ms: SKU → when one of its items last changed place; only of the items read so far.
    """

    store: Store
    position: int
    zone_states: Mapping[str, str]
    lines: tuple[StockLine, ...]
    footfall: Footfall
    heat: tuple[Heat, ...]
    devices: tuple[Device, ...]
    alerts: tuple[Alert, ...]
    orders: tuple[Order, ...]
    decisions: tuple[Decision, ...]
    labels: tuple[Label, ...] = ()
    recent: Mapping[str, int] = field(default_factory=dict)
    recent_since_ms: int | None = None
    seen_ms: Mapping[str, int] = field(default_factory=dict)


def record(kind: type[T], row: Any, **given: Any) -> T:
    """Return a record of the fields its class names, ``given`` ones first.

    Raises:
        HubUnreachableError: the answer lacks a field.
    """
    try:
        values = {one.name: row[one.name] for one in fields(kind) if one.name not in given}  # type: ignore[arg-type]
    except (KeyError, TypeError) as error:
        raise HubUnreachableError(
            f"the hub's answer is no {kind.__name__}: expected a field {error}"
        ) from error
    return kind(**values, **given)


def records(kind: type[T], rows: Any) -> tuple[T, ...]:
    """Return a record for each row. Raises HubUnreachableError."""
    if not isinstance(rows, list):
        raise HubUnreachableError(
            f"the hub's answer is {type(rows).__name__}: expected a list of {kind.__name__}"
        )
    return tuple(record(kind, row) for row in rows)


def part(answer: Any, name: str) -> Any:
    """Return a field of an answer. Raises HubUnreachableError when it is not there."""
    try:
        return answer[name]
    except (KeyError, TypeError) as error:
        raise HubUnreachableError(f"the hub's answer has no field {name!r}") from error


def mapping(answer: Any) -> dict[str, str]:
    """Return an answer that must be an object of words. Raises HubUnreachableError."""
    if not isinstance(answer, dict):
        raise HubUnreachableError(f"the hub's answer is {type(answer).__name__}: expected an object")
    return {str(key): str(value) for key, value in answer.items()}


def parse_stores(answer: Any) -> tuple[Store, ...]:
    """Return the stores of a ``/v1/stores`` answer. Raises HubUnreachableError."""
    if not isinstance(answer, list):
        raise HubUnreachableError(f"the hub's answer is {type(answer).__name__}: expected a list of stores")
    return tuple(
        record(Store, row, zones=records(Zone, part(row, "zones")), gates=_texts(row.get("gates", ())))
        for row in answer
    )


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in values) if isinstance(values, list | tuple) else ()


def parse_lines(answer: Any) -> tuple[StockLine, ...]:
    """Return the lines of a ``/stock`` answer. Raises HubUnreachableError."""
    return tuple(
        record(StockLine, row, zones=records(ZoneUnits, part(row, "zones"))) for row in part(answer, "lines")
    )


def parse_footfall(answer: Any) -> Footfall:
    """Return a ``/footfall`` answer. Raises HubUnreachableError."""
    return record(Footfall, answer, hours=len(part(answer, "hours")))
