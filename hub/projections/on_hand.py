"""On-hand, defined once. Pure sums over what is known, so that no order of arrival can change them.

**Tagged SKU** (at least one item of it is known, or was received by EPC). In a zone: its items present
or received there, plus adjustments of that zone. ``unplaced``: items in hand (picked) or received to no
zone, minus units sold, plus units brought back, plus adjustments without zone. The total is therefore *items
known − sold + returned + adjusted*. An item that left through a gate is none of them until it is seen again;
units that left without an EPC are taken off ``unplaced``. A sale needs no matching item: whichever item it took, the sum is the same, and when that item
leaves later nothing changes. Units received by quantity are ``expected`` until new EPCs are seen; each new
EPC consumes one, so goods never count twice.

**Untagged SKU on a tray.** On its own shelf the weight wins. The book starts at the tray's first whole
weight and follows goods received and dispatched, sales, returns and adjustments after it; what the book has and the tray has
not is ``unplaced`` (in hand, in the back room). The total is the larger of the two.

**Untagged SKU without tray.** The book alone: received − dispatched − sold + returned + adjusted.

An EPC that no binding and no product's GTIN explains is an item all the same, under SKU None.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from hub.projections.devices import ZoneState
from hub.projections.items import DISPATCHED, PICKED


class ItemUnits(NamedTuple):
    """How many items of a SKU are in one zone and status; the SKU is what they resolve to now."""

    sku: str | None
    zone: str | None
    status: str
    units: int


class Tray(NamedTuple):
    """A tray and what lies on it."""

    device: str
    zone: str
    sku: str | None
    units: int
    weight_g: float
    anchor_units: int
    anchor_ms: int


class Movement(NamedTuple):
    """A sale, a return, a receipt of goods or an adjustment, resolved to a SKU."""

    kind: str
    sku: str
    quantity: int
    at_ms: int
    zone: str | None
    epcs: int


class ZoneUnits(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU in one zone; ``uncertain`` while the zone cannot be seen."""

    zone: str
    units: int
    uncertain: bool = False


class StockLine(msgspec.Struct, frozen=True, kw_only=True):
    """On-hand of one SKU in one store.

    Attributes:
        sku: None for items nobody can name.
        mapped: false for a code that sales or receipts used and the catalogue does not know.
        total: Σ zones + unplaced + expected.
        dispatched: units that left through a gate.
        sold: units sold, those that came back included; they are ``returned``.
    """

    sku: str | None
    tagged: bool
    mapped: bool
    zones: tuple[ZoneUnits, ...]
    unplaced: int
    expected: int
    total: int
    received: int
    sold: int
    returned: int
    adjusted: int
    uncertain: bool
    dispatched: int = 0


class _Sums:
    """What one SKU has, before it becomes a line."""

    def __init__(self) -> None:
        self.items: list[ItemUnits] = []
        self.trays: list[Tray] = []
        self.movements: list[Movement] = []
        self.first_seen_ms: Sequence[int] = ()


def _of(sums: dict[str | None, _Sums], sku: str | None) -> _Sums:
    own = sums.get(sku)
    if own is None:
        own = sums[sku] = _Sums()
    return own


def on_hand(
    skus: Sequence[str],
    items: Iterable[ItemUnits],
    trays: Iterable[Tray],
    movements: Iterable[Movement],
    zone_states: Mapping[str, ZoneState],
    first_seen_ms: Mapping[str | None, Sequence[int]],
) -> list[StockLine]:
    """Return a line for every SKU of the catalogue and every code that anything refers to.

    ``first_seen_ms`` has, per SKU, when each item was first seen, at least since the SKU's first receipt
    by quantity.
    """
    sums: dict[str | None, _Sums] = {sku: _Sums() for sku in skus}
    for item in items:
        _of(sums, item.sku).items.append(item)
    for tray in trays:
        _of(sums, tray.sku).trays.append(tray)
    for movement in movements:
        _of(sums, movement.sku).movements.append(movement)
    for sku, own in sums.items():
        own.first_seen_ms = first_seen_ms.get(sku, ())
    known = set(skus)
    return [
        _line(sku, own, zone_states, mapped=sku in known)
        for sku, own in sorted(sums.items(), key=lambda pair: (pair[0] is None, pair[0] or ""))
    ]


def _line(sku: str | None, own: _Sums, states: Mapping[str, ZoneState], *, mapped: bool) -> StockLine:
    received = sold = returned = adjusted = dispatched = 0
    if own.movements:
        received, sold, returned, adjusted, dispatched = (_sum(own.movements, kind) for kind in _KINDS)
    tagged = bool(own.items) or any(movement.epcs for movement in own.movements)
    if tagged or sku is None:
        zones, unplaced, expected = _tagged(own, sold - returned)
    elif own.trays:
        zones, unplaced, expected = *_on_trays(own), 0
    else:
        zones, unplaced, expected = _booked(own.movements, received - sold + returned - dispatched)
    placed = tuple(
        ZoneUnits(zone=zone, units=units, uncertain=states.get(zone, "seen") != "seen")
        for zone, units in sorted(zones.items())
    )
    return StockLine(
        sku=sku,
        tagged=tagged,
        mapped=mapped,
        zones=placed,
        unplaced=unplaced,
        expected=expected,
        total=sum(zones.values()) + unplaced + expected,
        received=received,
        sold=sold,
        returned=returned,
        adjusted=adjusted,
        uncertain=any(zone.uncertain for zone in placed),
        dispatched=dispatched,
    )


_KINDS: Final = ("received", "sold", "returned", "adjusted", "dispatched")


def _sum(movements: Iterable[Movement], kind: str, after_ms: int = -1) -> int:
    return sum(
        movement.quantity for movement in movements if movement.kind == kind and movement.at_ms > after_ms
    )


def _tagged(own: _Sums, gone: int) -> tuple[dict[str, int], int, int]:
    zones, unplaced = _adjustments(own.movements)
    unplaced -= gone + sum(one.quantity for one in own.movements if one.kind == "dispatched" and not one.epcs)
    for item in own.items:
        if item.status == DISPATCHED:
            continue
        if item.status == PICKED or item.zone is None:
            unplaced += item.units
        else:
            zones[item.zone] = zones.get(item.zone, 0) + item.units
    for tray in own.trays:
        zones[tray.zone] = zones.get(tray.zone, 0) + tray.units
    return zones, unplaced, expected_units(own.movements, own.first_seen_ms)


def _adjustments(movements: Iterable[Movement]) -> tuple[dict[str, int], int]:
    zones: dict[str, int] = {}
    unplaced = 0
    for movement in movements:
        if movement.kind == "adjusted":
            if movement.zone is None:
                unplaced += movement.quantity
            else:
                zones[movement.zone] = zones.get(movement.zone, 0) + movement.quantity
    return zones, unplaced


def expected_units(movements: Iterable[Movement], first_seen_ms: Iterable[int]) -> int:
    """Return units received by quantity that no newly seen EPC has consumed yet.

    Receipts and first sightings are gone through in order of time; a sighting before any open receipt
    consumes nothing, as that item was in the store already.
    """
    steps = [
        (movement.at_ms, 0, movement.quantity)
        for movement in movements
        if movement.kind == "received" and not movement.epcs
    ]
    if not steps:
        return 0
    steps += [(at_ms, 1, -1) for at_ms in first_seen_ms]
    waiting = 0
    for _at, _order, change in sorted(steps):
        waiting = max(0, waiting + change)
    return waiting


def _on_trays(own: _Sums) -> tuple[dict[str, int], int]:
    zones: dict[str, int] = {}
    for tray in own.trays:
        zones[tray.zone] = zones.get(tray.zone, 0) + tray.units
    anchor_ms = min(tray.anchor_ms for tray in own.trays)
    book = sum(tray.anchor_units for tray in own.trays)
    book += _sum(own.movements, "received", anchor_ms) - _sum(own.movements, "sold", anchor_ms)
    book += _sum(own.movements, "returned", anchor_ms) + _sum(own.movements, "adjusted", anchor_ms)
    book -= _sum(own.movements, "dispatched", anchor_ms)
    return zones, max(0, book - sum(zones.values()))


def _booked(movements: Sequence[Movement], net: int) -> tuple[dict[str, int], int, int]:
    zones, unplaced = _adjustments(movements)
    for movement in movements:
        if movement.kind == "received" and movement.zone is not None:
            zones[movement.zone] = zones.get(movement.zone, 0) + movement.quantity
            net -= movement.quantity
    return zones, unplaced + net, 0
