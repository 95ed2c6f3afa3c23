"""The store's true state: a fold of the truth events.

Invariants, asserted at every event: no count is negative; an item is in one zone, in one hand or sold;
for each SKU, on the shelves + in hand + sold = at the start + delivered. Tags that are bound to no
product are counted under SKU None.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from firmware_sim.world.truth.events import (
    AnyTruthEvent,
    Delivered,
    Entered,
    Left,
    Picked,
    PutBack,
    Sold,
    TrayReturned,
    TrayTaken,
)


class OnHand(msgspec.Struct, frozen=True):
    """Units of one SKU in one zone."""

    sku: str | None
    zone: str
    units: int


class SkuTruth(msgspec.Struct, frozen=True):
    """Where the units of one SKU are, and where they came from."""

    sku: str | None
    start: int
    delivered: int
    on_hand: int
    in_hand: int
    sold: int


class LineTruth(msgspec.Struct, frozen=True):
    """People who crossed one line."""

    line: str
    entered: int
    left: int


class TruthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The true state at one time.

    Attributes:
        items: epc → zone, None while it is in a hand or sold.
        picks: tagged items picked so far; tray_takes likewise for trays.
    """

    at: int
    entered: int
    left: int
    lines: list[LineTruth]
    occupancy: int
    picks: int
    tray_takes: int
    sales: int
    on_hand: list[OnHand]
    skus: list[SkuTruth]
    items: dict[str, str | None]


class Truth:
    """Event log and the state that follows from it."""

    def __init__(
        self, items: Iterable[tuple[str, str | None, str]], untagged: Iterable[tuple[str, str, int]]
    ) -> None:
        """Start with tagged items (epc, sku, zone) and untagged units (sku, zone, units)."""
        self.events: list[AnyTruthEvent] = []
        self.on_hand: Counter[tuple[str | None, str]] = Counter()
        self.in_hand: Counter[str | None] = Counter()
        self.sold: Counter[str | None] = Counter()
        self.start: Counter[str | None] = Counter()
        self.delivered: Counter[str | None] = Counter()
        self.entered = 0
        self.left = 0
        self._crossed: Counter[tuple[str, bool]] = Counter()
        self.picks = 0
        self.tray_takes = 0
        self.sales = 0
        self._zones: dict[str, str | None] = {}
        for epc, sku, zone in items:
            self._zones[epc] = zone
            self.on_hand[sku, zone] += 1
            self.start[sku] += 1
        for sku, zone, units in untagged:
            self.on_hand[sku, zone] += units
            self.start[sku] += units

    def item_zone(self, epc: str) -> str | None:
        """Return the zone an item lies in; None while it is in a hand, sold or unknown."""
        return self._zones.get(epc)

    @property
    def occupancy(self) -> int:
        """People inside."""
        return self.entered - self.left

    def total(self, sku: str | None) -> int:
        """Return what is accounted for: on the shelves + in hand + sold."""
        shelves = sum(units for (owner, _), units in self.on_hand.items() if owner == sku)
        return shelves + self.in_hand[sku] + self.sold[sku]

    def record(self, event: AnyTruthEvent) -> None:
        """Append an event and fold it into the state."""
        self.events.append(event)
        match event:
            case Entered(line=line):
                self.entered += 1
                self._crossed[line, True] += 1
            case Left(line=line):
                self.left += 1
                self._crossed[line, False] += 1
                assert self.left <= self.entered, "more people left than entered"
            case Picked(epc=epc, sku=sku, zone=zone):
                assert self._zones[epc] == zone, "an item was picked where it was not"
                self._zones[epc] = None
                self.picks += 1
                self._take(sku, zone, 1)
            case PutBack(epc=epc, sku=sku, zone=zone):
                assert self._zones[epc] is None, "an item was put back that lay on a shelf"
                self._zones[epc] = zone
                self._give(sku, zone, 1)
            case TrayTaken(sku=sku, zone=zone, units=units):
                self.tray_takes += 1
                self._take(sku, zone, units)
            case TrayReturned(sku=sku, zone=zone, units=units):
                self._give(sku, zone, units)
            case Sold(sku=sku, quantity=quantity):
                self.sales += 1
                self.in_hand[sku] -= quantity
                assert self.in_hand[sku] >= 0, "more was sold than was in hand"
                self.sold[sku] += quantity
            case Delivered(sku=sku, zone=zone, units=units, epcs=epcs):
                self.on_hand[sku, zone] += units
                self.delivered[sku] += units
                self._zones.update(dict.fromkeys(epcs, zone))

    def snapshot(self, at: int) -> TruthSnapshot:
        """Return the state as it is now, labelled with ``at``."""
        skus = sorted(set(self.start) | set(self.delivered), key=lambda sku: (sku is None, sku or ""))
        shelves: Counter[str | None] = Counter()
        for (sku, _), units in self.on_hand.items():
            shelves[sku] += units
        return TruthSnapshot(
            at=at,
            entered=self.entered,
            left=self.left,
            lines=[
                LineTruth(line, self._crossed[line, True], self._crossed[line, False])
                for line in sorted({line for line, _ in self._crossed})
            ],
            occupancy=self.occupancy,
            picks=self.picks,
            tray_takes=self.tray_takes,
            sales=self.sales,
            on_hand=[
                OnHand(sku, zone, units)
                for (sku, zone), units in sorted(
                    self.on_hand.items(), key=lambda row: (row[0][0] or "", row[0][1])
                )
            ],
            skus=[
                SkuTruth(
                    sku, self.start[sku], self.delivered[sku], shelves[sku], self.in_hand[sku], self.sold[sku]
                )
                for sku in skus
            ],
            items=dict(self._zones),
        )

    def _take(self, sku: str | None, zone: str, units: int) -> None:
        self.on_hand[sku, zone] -= units
        self.in_hand[sku] += units
        assert self.on_hand[sku, zone] >= 0, "more was taken than was there"

    def _give(self, sku: str | None, zone: str, units: int) -> None:
        self.in_hand[sku] -= units
        self.on_hand[sku, zone] += units
        assert self.in_hand[sku] >= 0, "more was put back than was in hand"
