"""The hub's picture beside the ground truth, as rows that people and tests can read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from rich.table import Table


class Row(NamedTuple):
    """One figure on both sides."""

    what: str
    hub: int
    truth: int

    @property
    def equal(self) -> bool:
        """True when both sides say the same."""
        return self.hub == self.truth


class Picture(NamedTuple):
    """One side: units per (SKU, zone), units sold per SKU, people in and out (per line too), zone per EPC.

    SKU None stands for tags that are bound to no product.
    """

    on_hand: Mapping[tuple[str | None, str], int]
    sold: Mapping[str, int]
    entered: int
    left: int
    items: Mapping[str, str | None]
    lines: Mapping[str, tuple[int, int]] = MappingProxyType({})


def truth_picture(snapshot: Mapping[str, Any]) -> Picture:
    """Read a truth snapshot as the simulator writes it."""
    return Picture(
        on_hand={(row["sku"], row["zone"]): row["units"] for row in snapshot["on_hand"] if row["units"]},
        sold={row["sku"]: row["sold"] for row in snapshot["skus"] if row["sku"] is not None and row["sold"]},
        entered=snapshot["entered"],
        left=snapshot["left"],
        items=snapshot["items"],
        lines={row["line"]: (row["entered"], row["left"]) for row in snapshot["lines"]},
    )


def compare(hub: Picture, truth: Picture) -> list[Row]:
    """Return every figure of both sides."""
    places = sorted(
        set(hub.on_hand) | set(truth.on_hand), key=lambda key: (key[0] is None, key[0] or "", key[1])
    )
    rows = [
        Row(
            f"on-hand {sku or '(unbound tags)'} in {zone}",
            hub.on_hand.get((sku, zone), 0),
            truth.on_hand.get((sku, zone), 0),
        )
        for sku, zone in places
    ]
    rows += [
        Row(f"sold {sku}", hub.sold.get(sku, 0), truth.sold.get(sku, 0))
        for sku in sorted(set(hub.sold) | set(truth.sold))
    ]
    for line in sorted(set(hub.lines) | set(truth.lines)):
        ours, theirs = hub.lines.get(line, (0, 0)), truth.lines.get(line, (0, 0))
        rows += [
            Row(f"people {way} by line {line}", ours[at], theirs[at]) for at, way in enumerate(("in", "out"))
        ]
    return [*rows, Row("people in", hub.entered, truth.entered), Row("people out", hub.left, truth.left)]


def tag_zone_error(hub: Picture, truth: Picture) -> float:
    """Return the share of tags whose zone (or absence) the hub has wrong."""
    tags = set(hub.items) | set(truth.items)
    wrong = sum(hub.items.get(epc) != truth.items.get(epc) for epc in tags)
    return wrong / len(tags) if tags else 0.0


def as_table(rows: list[Row], title: str) -> Table:
    """Return both sides side by side."""
    table = Table("figure", "hub", "truth", "", title=title)
    for row in rows:
        table.add_row(row.what, str(row.hub), str(row.truth), "" if row.equal else "[red]differs[/red]")
    return table
