"""Stock-takes as the hub tells them: the open ones, and the last ones with what they found."""

from dataclasses import dataclass
from typing import Any, Final

from dashboard.client import HubClient, HubUnreachableError
from dashboard.set_up import Source
from dashboard.snapshot import part, record

ASKED: Final = 20
DETAILED: Final = 3


@dataclass(frozen=True, slots=True)
class VarianceLine:
    """One SKU in one zone; zone is None for units in hand or nobody knows where."""

    sku: str | None
    name: str | None
    name_zh: str | None
    zone: str | None
    expected: int
    counted: int | None
    difference: int | None
    moved: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misplaced: tuple[str, ...]
    value: float | None


@dataclass(frozen=True, slots=True)
class StockTake:
    """A stock-take; lines and value from the closing on."""

    stock_take_id: str
    state: str
    zones: tuple[str, ...]
    opened_by: str
    opened_ms: int
    changed_by: str
    changed_ms: int
    not_counted: tuple[str, ...]
    value: float | None
    lines: tuple[VarianceLine, ...] = ()


def parse(row: Any) -> StockTake:
    """Return a stock-take of a list or on its own. Raises HubUnreachableError."""
    totals = part(row, "totals")
    lines = row.get("lines", []) if isinstance(row, dict) else []
    return record(
        StockTake,
        row,
        zones=_texts(row, "zones"),
        not_counted=_texts(row, "not_counted"),
        value=totals.get("value") if isinstance(totals, dict) else None,
        lines=tuple(_line(line) for line in lines) if isinstance(lines, list) else (),
    )


def _line(row: Any) -> VarianceLine:
    misplaced = part(row, "misplaced")
    return record(
        VarianceLine,
        row,
        missing=_texts(row, "missing"),
        unexpected=_texts(row, "unexpected"),
        misplaced=tuple(str(part(one, "epc")) for one in misplaced) if isinstance(misplaced, list) else (),
    )


def _texts(row: Any, name: str) -> tuple[str, ...]:
    value = part(row, name)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _read(client: HubClient, store: str) -> tuple[StockTake, ...]:
    rows = client.stock_takes(store, limit=ASKED)
    if not isinstance(rows, list):
        raise HubUnreachableError(
            f"the hub's answer is {type(rows).__name__}: expected a list of stock-takes"
        )
    takes = [parse(row) for row in rows]
    # One that waits for an approval comes with its variance, however old it is.
    waiting = [one.stock_take_id for one in takes if one.state == "closed"]
    posted = [one.stock_take_id for one in takes if one.state == "approved"]
    detailed = {*waiting[:DETAILED], *posted[:1]}
    return tuple(
        parse(client.stock_take(store, one.stock_take_id)) if one.stock_take_id in detailed else one
        for one in takes
    )


STOCK_TAKES: Final = Source("stock_takes", 3_000, _read)
