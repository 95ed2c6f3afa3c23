"""Which picked item did a sale take? A label, computed from what is known now; no sum depends on it.

Per SKU: a sale that names its EPC takes that item. Then, in order of sale time, each unit sold takes
the most recent pick at or before the sale, else the next pick after it. Units that came back are taken
off first: they are in the store, whatever became of them there. It is a pure function of the
sets of sales and picked items, so any interleaving gives the same labels; an item seen on a shelf again
is no longer picked, and its sale finds another.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple


class PickedItem(NamedTuple):
    """A picked-up item of one SKU. Sorts by pick time, then EPC."""

    picked_ms: int
    epc: str
    zone: str


class SoldUnit(NamedTuple):
    """One unit of a sale line. Sorts by sale time, then name."""

    sold_ms: int
    sale_id: str
    line: int
    unit: int
    epc: str | None


class SaleUnits(NamedTuple):
    """How many units of one SKU a sale line sold, or a return line brought back."""

    at_ms: int
    ref: str
    line: int
    units: int
    epc: str | None
    of_sale: str | None = None


def still_sold(sales: Iterable[SaleUnits], returns: Iterable[SaleUnits]) -> list[SaleUnits]:
    """Return the sales without the units that came back.

    A return takes from the sale it names, else from the latest at or before it, else from the earliest;
    what it brings back beyond all sales takes nothing.
    """
    left = sorted(sales, key=lambda one: one[:3])
    for back in sorted(returns, key=lambda one: one[:3]):
        units = back.units
        for index in sorted(range(len(left)), key=lambda index: _likely(left[index], back)):
            taken = min(units, left[index].units)
            left[index] = left[index]._replace(units=left[index].units - taken)
            units -= taken
            if not units:
                break
    return [sale for sale in left if sale.units]


def _likely(sale: SaleUnits, back: SaleUnits) -> tuple[bool, bool, bool, int]:
    """Sorts the sale that a return most likely belongs to first."""
    later = sale.at_ms > back.at_ms
    return (
        back.epc is None or sale.epc != back.epc,
        back.of_sale is None or sale.ref != back.of_sale,
        later,
        sale.at_ms if later else -sale.at_ms,
    )


def label_sold(sales: Iterable[SoldUnit], picked: Iterable[PickedItem]) -> dict[str, SoldUnit]:
    """Return EPC → the unit sold that most likely took it."""
    free = sorted(picked)
    labels: dict[str, SoldUnit] = {}
    open_units: list[SoldUnit] = []
    by_epc = {item.epc: item for item in free}
    for unit in sorted(sales, key=lambda unit: unit[:4]):
        item = by_epc.get(unit.epc) if unit.epc is not None else None
        if item is not None and item.epc not in labels:
            labels[item.epc] = unit
            free.remove(item)
        elif unit.epc is None:
            open_units.append(unit)
    for unit in open_units:
        if not free:
            break
        after = bisect_right(free, unit.sold_ms, key=lambda item: item.picked_ms)
        item = free.pop(after - 1 if after > 0 else 0)
        labels[item.epc] = unit
    return labels
