"""Which sale took which item: the labels of :mod:`hub.projections.labels` over what the ledger knows now.

One definition for items, try-ons and conversion, so that no sale is counted twice.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hub.ledger import catalogue, reads, try_on_reads
from hub.ledger.reads import Connection
from hub.projections.items import PICKED
from hub.projections.labels import PickedItem, SaleUnits, SoldUnit, label_sold, still_sold
from hub.projections.try_on import in_hand_since


class SoldLabel(NamedTuple):
    """The sale that most likely took a picked item, and the item's SKU."""

    unit: SoldUnit
    sku: str | None


class SoldItems(NamedTuple):
    """Items in hand and sales.

    Attributes:
        labels: EPC → the sale that most likely took the picked item.
        picked_ms: EPC → when it was picked up, of all items in hand.
        named_ms: EPC → times of sales that named it and were not brought back.
    """

    labels: Mapping[str, SoldLabel]
    picked_ms: Mapping[str, int]
    named_ms: Mapping[str, Sequence[int]]

    def sold_ms(self, epc: str) -> list[int]:
        """Return when an item was sold, as far as sales tell."""
        label = self.labels.get(epc)
        return [*self.named_ms.get(epc, ()), *([label.unit.sold_ms] if label is not None else [])]


def sold_items(connection: Connection, store: str, names: catalogue.Naming) -> SoldItems:
    """Return which sales took which items of a store."""
    picked: dict[str | None, list[PickedItem]] = {}
    sku_of: dict[str, str | None] = {}
    picked_ms: dict[str, int] = {}
    last = try_on_reads.last_trials(connection, store)
    for row in reads.item_rows(connection, store, status=PICKED):
        sku = names.sku_of_item(row.bound, row.kind)
        sku_of[row.epc] = sku
        picked_ms[row.epc] = row.picked_ms or 0
        since_ms = in_hand_since(picked_ms[row.epc], last.get(row.epc))
        picked.setdefault(sku, []).append(PickedItem(since_ms, row.epc, row.zone or ""))
    sold, returned = (_by_sku(connection, store, names, kind) for kind in ("sold", "returned"))
    labels: dict[str, SoldUnit] = {}
    named_ms: defaultdict[str, list[int]] = defaultdict(list)
    for sku, sales in sold.items():
        own = picked.get(sku, [])
        if returned.get(sku):
            sales = still_sold(sales, returned[sku])
        for sale in sales:
            if sale.epc is not None:
                named_ms[sale.epc].append(sale.at_ms)
        units = (
            SoldUnit(sale.at_ms, sale.ref, sale.line, unit, sale.epc)
            for sale in sales
            for unit in range(min(sale.units, len(own)))
        )
        labels |= label_sold(units, own)
    return SoldItems({epc: SoldLabel(unit, sku_of[epc]) for epc, unit in labels.items()}, picked_ms, named_ms)


def _by_sku(
    connection: Connection, store: str, names: catalogue.Naming, kind: str
) -> dict[str, list[SaleUnits]]:
    lines: dict[str, list[SaleUnits]] = {}
    for row in reads.movement_rows(connection, store, kind):
        units = SaleUnits(row.at_ms, row.ref, row.line, row.quantity, row.epc, row.of_sale)
        lines.setdefault(names.sku_of_code(row.code), []).append(units)
    return lines
