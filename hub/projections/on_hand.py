"""On-hand, defined once. Pure sums over what is known, so that no order of arrival can change them.

**Tagged SKU** (at least one item of it is known, or was received by EPC). In a zone: its items present
or received there, plus adjustments of that zone. ``unplaced``: items in hand (picked) or received to no
zone, minus units sold, plus units brought back, plus adjustments without zone. The total is therefore *items
known − sold + returned + adjusted*. A sale needs no matching item: whichever item it took, the sum is the same,
and when that item leaves later nothing changes. Units received by quantity are ``expected`` until new EPCs are
seen; each new EPC consumes one, so goods never count twice. An item that left through a gate is not on hand until
it is seen again; units that left without an EPC are taken off ``unplaced``.

**Untagged SKU on a tray.** On its own shelf the weight wins. The book starts at the tray's first whole
weight and follows goods received and dispatched, sales, returns and adjustments after it; what the book has and
the tray has not is ``unplaced`` (in hand, in the back room). The total is the larger of the two.

**Untagged SKU without tray.** The book alone: received − dispatched − sold + returned + adjusted.

**A stock-take** re-anchors all of these from the moment of its count on, whenever it was approved. Items that
were in a zone whose tags were read, and were not found, are ``missing`` and not on hand; as far as units were
sold before the count that nobody had in hand, they are what was sold, and the total does not sink twice. A count
of the whole store starts what is in no zone anew: in hand is then who picked up something in the five minutes
before and has not bought it, and whoever did later. Units of an untagged SKU are what was counted in the zone
and what moved after it; units missing there are first taken for those sold, units too many for those unplaced.
A tray keeps following the weight from the count on, and the book takes over the difference.

An EPC that no binding and no product's GTIN explains is an item all the same, under SKU None.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from hub.projections.anchors import NOTHING_COUNTED, Anchors, Count
from hub.projections.devices import ZoneState
from hub.projections.items import DISPATCHED, IN_HAND_MS, MISSING, NO_ZONE, PICKED


class ItemUnits(NamedTuple):
    """How many items of a SKU are in one zone and status; the SKU is what they resolve to now.

    Status ``missing`` is derived for items of zones; one in hand stays ``picked`` here.
    """

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
        missing: items that a stock-take did not find; they are in no figure but this.
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
    missing: int = 0


class _Sums:
    """What one SKU has, before it becomes a line."""

    def __init__(self) -> None:
        self.items: list[ItemUnits] = []
        self.trays: list[Tray] = []
        self.movements: list[Movement] = []
        self.first_seen_ms: Sequence[int] = ()
        self.counts: list[Count] = []


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
    anchors: Anchors = NOTHING_COUNTED,
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
    for count in anchors.counts:
        _of(sums, count.sku).counts.append(count)
    for sku, own in sums.items():
        own.first_seen_ms = first_seen_ms.get(sku, ())
    known = set(skus)
    return [
        _line(sku, own, zone_states, anchors, mapped=sku in known)
        for sku, own in sorted(sums.items(), key=lambda pair: (pair[0] is None, pair[0] or ""))
    ]


def _line(
    sku: str | None, own: _Sums, states: Mapping[str, ZoneState], anchors: Anchors, *, mapped: bool
) -> StockLine:
    received = sold = returned = adjusted = dispatched = 0
    if own.movements:
        received, sold, returned, adjusted, dispatched = (_sum(own.movements, kind) for kind in _KINDS)
    tagged = bool(own.items) or any(movement.epcs for movement in own.movements)
    if tagged or sku is None:
        zones, unplaced, expected = _tagged(own, anchors.zones, anchors.picks_ms.get(sku, ()))
    elif own.trays:
        zones, unplaced, expected = *_on_trays(own), 0
    else:
        zones, unplaced, expected = *booked(own.movements, own.counts), 0
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
        missing=sum(item.units for item in own.items if item.status == MISSING),
    )


_KINDS: Final = ("received", "sold", "returned", "adjusted", "dispatched")


def _sum(movements: Iterable[Movement], kind: str, after_ms: int = -1) -> int:
    return sum(
        movement.quantity for movement in movements if movement.kind == kind and movement.at_ms > after_ms
    )


def _tagged(
    own: _Sums, anchors: Mapping[str, int], picks_ms: Sequence[int]
) -> tuple[dict[str, int], int, int]:
    whole_ms = anchors.get(NO_ZONE, -1)
    zones = _pieces(own, anchors)
    loose = in_hand = 0
    missing: dict[int, int] = {}
    for item in own.items:
        if item.status == DISPATCHED:
            continue
        if item.status == MISSING:
            anchor_ms = anchors.get(item.zone or NO_ZONE, -1)
            if anchor_ms > whole_ms:
                missing[anchor_ms] = missing.get(anchor_ms, 0) + item.units
        elif item.status == PICKED:
            in_hand += item.units
        elif item.zone is None:
            loose += item.units
        else:
            zones[item.zone] = zones.get(item.zone, 0) + item.units
    for tray in own.trays:
        zones[tray.zone] = zones.get(tray.zone, 0) + tray.units
    if whole_ms >= 0:
        in_hand = held(own.movements, picks_ms, whole_ms) + sum(at >= whole_ms for at in picks_ms)
    after = [movement for movement in own.movements if movement.at_ms >= whole_ms]
    unplaced = loose + in_hand + _net(after)
    if missing:
        latest_ms = max(missing)
        before = loose + in_hand - sum(at >= latest_ms for at in picks_ms)
        before += _net(movement for movement in after if movement.at_ms < latest_ms)
        unplaced += min(sum(missing.values()), max(0, -before))
    seen_ms = [at for at in own.first_seen_ms if at >= whole_ms]
    return zones, unplaced, expected_units(after, seen_ms)


def _pieces(own: _Sums, anchors: Mapping[str, int]) -> dict[str, int]:
    """Return per zone what is there beside the items: corrections since its tags were read."""
    zones: dict[str, int] = {}
    changes = [
        (one.zone, one.at_ms, one.quantity) for one in own.movements if one.kind == "adjusted" and one.zone
    ]
    changes += [(one.zone, one.at_ms, one.units - one.expected) for one in own.counts if one.zone]
    for zone, at_ms, units in changes:
        if at_ms >= anchors.get(zone, -1):
            zones[zone] = zones.get(zone, 0) + units
    return zones


def held(movements: Iterable[Movement], picks_ms: Iterable[int], whole_ms: int) -> int:
    """Return units picked up shortly before the count of the whole store and not bought before it."""
    since_ms = whole_ms - IN_HAND_MS
    bought = sum(one.quantity for one in movements if one.kind == "sold" and since_ms <= one.at_ms < whole_ms)
    return max(0, sum(since_ms <= at < whole_ms for at in picks_ms) - bought)


def _net(movements: Iterable[Movement]) -> int:
    """Return what movements add to the units in no zone of a tagged SKU; items that left say so themselves."""
    signs = {"sold": -1, "returned": 1, "adjusted": 1, "dispatched": -1}
    return sum(
        signs.get(one.kind, 0) * one.quantity
        for one in movements
        if (one.kind != "adjusted" or one.zone is None) and (one.kind != "dispatched" or not one.epcs)
    )


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
    offsets: dict[str, int] = {}
    for count in sorted(own.counts, key=lambda count: (count.at_ms, count.take)):
        if count.at_ms > anchor_ms:
            book += count.units - count.expected
        if count.zone in zones and count.tray_units is not None:
            offsets[count.zone] = count.units - count.tray_units
    for zone, offset in offsets.items():
        zones[zone] = max(0, zones[zone] + offset)
    return zones, max(0, book - sum(zones.values()))


def booked(movements: Iterable[Movement], counts: Iterable[Count]) -> tuple[dict[str, int], int]:
    """Return units per zone and unplaced of an untagged SKU without tray.

    Movements and counts are gone through in order of time; what happens in the very moment of a count comes
    after it. Units missing in a zone are taken for units sold, as far as more were sold than were unplaced;
    units too many are taken from the unplaced ones. The first count of a SKU in a stock-take of the whole
    store starts from nothing.
    """
    zones: dict[str, int] = {}
    unplaced = 0
    begun: set[str] = set()
    steps: list[tuple[int, int, Movement | Count]] = [(one.at_ms, 1, one) for one in movements]
    steps += [(one.at_ms, 0, one) for one in sorted(counts, key=lambda one: (one.take, one.zone or ""))]
    for _at, _rank, step in sorted(steps, key=lambda step: step[:2]):
        if isinstance(step, Count):
            if step.whole and step.take not in begun:
                begun.add(step.take)
                zones, unplaced = {}, 0
            if step.zone is not None:
                short = zones.get(step.zone, 0) - step.units
                zones[step.zone] = step.units
                if short * unplaced < 0:
                    unplaced += short
                    unplaced = min(0, unplaced) if short > 0 else max(0, unplaced)
        elif step.zone is not None and step.kind in ("received", "adjusted"):
            zones[step.zone] = zones.get(step.zone, 0) + step.quantity
        else:
            unplaced += -step.quantity if step.kind in ("sold", "dispatched") else step.quantity
    return zones, unplaced
