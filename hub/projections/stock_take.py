"""The variance of a count: what was found, beside what on-hand was when it was counted.

On-hand **at a moment** is the one definition of on-hand (:mod:`hub.projections.on_hand`), given what is dated
before that moment: movements by their time, trays by their weights, items by what happened to them since. An
item that left its zone after the count began is no missing one, and an item that came in is no unexpected one:
both are the ``moved`` part of the difference.

The moment of a zone whose tags are read is when its count began; the moment of units is when they were counted.
A tag that was read in several zones is where it was read last.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from contract.messages import TagArrived, TagMoved, TagPickedUp, TagPutBack
from hub.model import Misplaced, StockCounted, TagPlaced, UnitsAnchored, VarianceLine, ZoneCounted
from hub.projections.anchors import Anchors
from hub.projections.items import NO_ZONE, PICKED, PRESENT, RECEIVED, TagEvent, status_at
from hub.projections.on_hand import ItemUnits, Movement, StockLine, Tray, held, on_hand

TAG_WAYS: Final = ("handheld", "fixed")
_ON_HAND: Final = (PRESENT, RECEIVED)


class KnownItem(NamedTuple):
    """An item as its register has it now."""

    epc: str
    sku: str | None
    key_ms: int
    zone: str | None
    status: str
    received_ms: int


class Place(NamedTuple):
    """Where an item was at a moment; None stands for nowhere."""

    status: str
    zone: str | None
    since_ms: int


class Found(NamedTuple):
    """Everything that the batches of a stock-take say.

    Attributes:
        zones: zone whose tags were read → when that began.
        tags: EPC → where and when it was read last.
        units: (code, zone) → units, and when they were counted.
    """

    zones: dict[str, int]
    tags: dict[str, TagPlaced]
    units: dict[tuple[str, str], tuple[int, int]]


def found_in(batches: Iterable[StockCounted]) -> Found:
    """Join batches, in the order they came. The same tag counts once; units of the same code are added up."""
    found = Found({}, {}, {})
    for batch in batches:
        if batch.way in TAG_WAYS:
            found.zones[batch.zone] = min(batch.started_at, found.zones.get(batch.zone, batch.started_at))
        for tag in batch.tags:
            known = found.tags.get(tag.epc)
            if known is None or tag.at >= known.at:
                found.tags[tag.epc] = TagPlaced(tag.epc, tag.at, batch.zone)
        for line in batch.lines:
            units, at = found.units.get((line.code, batch.zone), (0, 0))
            found.units[line.code, batch.zone] = (units + line.quantity, max(at, batch.at))
    return found


class Ledger:
    """What the ledger knows of a store, to be asked as of a moment.

    Args:
        items: all items of the store.
        events: what happened to tags since the earliest moment that will be asked for, by time.
        trays: device → tray as it is now.
        tray_units: (device, SKU, moment) → its units then.
        movements: sales and the like.
        anchors: what earlier stock-takes anchor.
    """

    def __init__(
        self,
        items: Sequence[KnownItem],
        events: Iterable[TagEvent],
        trays: Sequence[Tray],
        tray_units: Mapping[tuple[str, str | None, int], int],
        movements: Sequence[Movement],
        anchors: Anchors,
    ) -> None:
        self.items = {item.epc: item for item in items}
        self.movements = movements
        self.trays = trays
        self._tray_units = tray_units
        self._anchors = anchors
        self._events: dict[str, list[TagEvent]] = {}
        for event in events:
            self._events.setdefault(event.epc, []).append(event)
        self._lines: dict[int, dict[str | None, StockLine]] = {}
        self.tagged = {item.sku for item in items} | {one.sku for one in movements if one.epcs}

    def place(self, epc: str, moment: int) -> Place | None:
        """Return where an item was just before a moment; None when the ledger did not know it."""
        item = self.items.get(epc)
        event = self.next_event(epc, moment)
        received_ms = item.received_ms if item is not None else -1
        match event:
            case TagPickedUp():
                return Place(PRESENT, event.zone, 0)
            case TagMoved():
                return Place(PRESENT, event.from_zone, 0)
            case TagPutBack():
                was = PICKED if event.picked_at < moment else PRESENT
                return Place(was, event.from_zone, event.picked_at)
            case TagArrived():
                return Place(RECEIVED, None, received_ms) if 0 <= received_ms < moment else None
        if item is None or max(item.key_ms, received_ms if item.status == RECEIVED else -1) >= moment:
            return None
        place = NO_ZONE if item.status == PICKED else item.zone or NO_ZONE
        anchor_ms = self._anchors.zones.get(place)
        if anchor_ms is not None and anchor_ms >= moment:
            anchor_ms = None
        return Place(
            status_at(item.status, item.key_ms, received_ms, anchor_ms),
            item.zone,
            max(item.key_ms, received_ms),
        )

    def next_event(self, epc: str, moment: int) -> TagEvent | None:
        """Return what happened to a tag next, at or after a moment."""
        return next((event for event in self._events.get(epc, ()) if event.at >= moment), None)

    def has_tray(self, sku: str) -> bool:
        """Tell whether a SKU lies on any tray."""
        return any(tray.sku == sku for tray in self.trays)

    def tray_total(self, sku: str, zone: str, moment: int) -> int | None:
        """Return the units that the trays of a zone said just before a moment; None where it has none."""
        own = [tray for tray in self.trays if tray.sku == sku and tray.zone == zone]
        return sum(self._tray_units[tray.device, tray.sku, moment] for tray in own) if own else None

    def lines(self, moment: int) -> dict[str | None, StockLine]:
        """Return SKU → on-hand just before a moment."""
        if moment not in self._lines:
            self._lines[moment] = {line.sku: line for line in self._on_hand(moment)}
        return self._lines[moment]

    def _on_hand(self, moment: int) -> list[StockLine]:
        units: Counter[tuple[str | None, str | None, str]] = Counter()
        for epc, item in self.items.items():
            place = self.place(epc, moment)
            if place is not None:
                # One that an earlier count of the whole store missed in hand is still "picked" to the fold.
                status = PICKED if item.status == PICKED and place.status not in _ON_HAND else place.status
                units[item.sku, place.zone, status] += 1
        before = Anchors(
            {zone: at for zone, at in self._anchors.zones.items() if at < moment},
            [count for count in self._anchors.counts if count.at_ms < moment],
            self.picks(moment),
        )
        trays = [
            tray._replace(units=self._tray_units[tray.device, tray.sku, moment])
            for tray in self.trays
            if tray.anchor_ms < moment
        ]
        movements = [one for one in self.movements if one.at_ms < moment]
        return on_hand((), [ItemUnits(*key, n) for key, n in units.items()], trays, movements, {}, {}, before)

    def picks(self, moment: int) -> dict[str | None, list[int]]:
        """Return SKU → when each item that was in hand just before a moment had been picked up."""
        picks: dict[str | None, list[int]] = {}
        for epc, item in self.items.items():
            place = self.place(epc, moment)
            if place is not None and place.status == PICKED:
                picks.setdefault(item.sku, []).append(place.since_ms)
        return picks


class _Line:
    """A line of the variance while it is put together."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.counted: int | None = None
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.misplaced: list[Misplaced] = []
        self.moved = 0

    def add(self, units: int) -> None:
        self.counted = (self.counted or 0) + units


class Variance(NamedTuple):
    """What a count found, and what an approval of it will post."""

    lines: list[VarianceLine]
    zones: list[ZoneCounted]
    units: list[UnitsAnchored]


def variance(
    ledger: Ledger,
    found: Found,
    skus: Mapping[str, str | None],
    prices: Mapping[str, float | None],
    *,
    whole: bool,
) -> Variance:
    """Compare a count with the ledger.

    Args:
        ledger: what the ledger knows.
        found: what was counted; codes of units are SKUs.
        skus: EPC → SKU of every tag found.
        prices: SKU → price per unit.
        whole: all of the store was counted.
    """
    comparison = _Comparison(ledger, found, skus)
    comparison.tags()
    comparison.units()
    zones = [ZoneCounted(zone=zone, started_at=at) for zone, at in sorted(found.zones.items())]
    if whole:
        comparison.nowhere()
        if zones:
            zones.append(ZoneCounted(zone=NO_ZONE, started_at=min(found.zones.values())))
    return Variance(comparison.result(prices), zones, comparison.anchors)


class _Comparison:
    def __init__(self, ledger: Ledger, found: Found, skus: Mapping[str, str | None]) -> None:
        self._ledger = ledger
        self._found = found
        self._skus = skus
        self._lines: dict[tuple[str | None, str | None], _Line] = {}
        self.anchors: list[UnitsAnchored] = []

    def tags(self) -> None:
        """Compare what was read with the items that each zone had."""
        ledger, found = self._ledger, self._found
        for zone, moment in found.zones.items():
            for sku, line in ledger.lines(moment).items():
                units = sum(own.units for own in line.zones if own.zone == zone)
                if units and sku in ledger.tagged | {None}:
                    self._line(sku, zone, units).add(0)
                elif units:
                    self._line(sku, zone, units)
            for epc, item in ledger.items.items():
                place = ledger.place(epc, moment)
                if place is None or place.status not in _ON_HAND or place.zone != zone or epc in found.tags:
                    continue
                line_of = self._line(item.sku, zone, 0)
                line_of.add(0)
                if ledger.next_event(epc, moment) is None:
                    line_of.missing.append(epc)
                else:
                    line_of.moved -= 1
        for epc, tag in found.tags.items():
            self._judge(epc, tag)

    def _judge(self, epc: str, tag: TagPlaced) -> None:
        moment = self._found.zones[tag.zone]
        line = self._line(self._skus[epc], tag.zone, 0)
        line.add(1)
        place = self._ledger.place(epc, moment)
        if place is not None and place.status in _ON_HAND and place.zone is not None:
            if place.zone != tag.zone:
                line.misplaced.append(Misplaced(epc=epc, expected_zone=place.zone))
            return
        event = self._ledger.next_event(epc, moment)
        if event is not None and event.zone == tag.zone and event.at <= tag.at:
            line.moved += 1
        else:
            line.unexpected.append(epc)

    def units(self) -> None:
        """Compare units with what the book, the trays or pieces without tag made of them."""
        ledger, found = self._ledger, self._found
        spoken: set[str] = set()
        for (sku, zone), (units, at) in sorted(found.units.items()):
            own = ledger.lines(at).get(sku)
            expected = sum(one.units for one in own.zones if one.zone == zone) if own is not None else 0
            tray_units: int | None = None
            if sku in ledger.tagged:
                if zone in found.zones:
                    self._line(sku, zone, 0).add(units)
                    self.anchors.append(
                        UnitsAnchored(sku=sku, zone=zone, at=max(at, found.zones[zone]), units=units)
                    )
                    continue
            else:
                tray_units = ledger.tray_total(sku, zone, at)
                if tray_units is None and ledger.has_tray(sku):
                    # The book keeps what lies on no tray as unplaced; the first such zone answers for it.
                    expected = own.unplaced if own is not None and sku not in spoken else 0
                    spoken.add(sku)
            self._set(sku, zone, expected, units, at, tray_units)
        for _sku, zone in list(found.units):
            for known, line in ledger.lines(found.units[_sku, zone][1]).items():
                there = sum(one.units for one in line.zones if one.zone == zone)
                if there and (known, zone) not in self._lines:
                    self._line(known, zone, there)

    def _set(self, sku: str, zone: str | None, expected: int, units: int, at: int, tray: int | None) -> None:
        line = self._line(sku, zone, 0)
        line.expected, line.counted = expected, units
        self.anchors.append(
            UnitsAnchored(sku=sku, zone=zone, at=at, units=units, expected=expected, tray_units=tray)
        )

    def nowhere(self) -> None:
        """All of the store was counted: what the ledger has in no zone is not there."""
        ledger, found = self._ledger, self._found
        if found.zones:
            moment = min(found.zones.values())
            picks = ledger.picks(moment)
            for sku, own in ledger.lines(moment).items():
                if sku in ledger.tagged | {None}:
                    movements = [one for one in ledger.movements if one.sku == sku]
                    in_hand = held(movements, picks.get(sku, ()), moment)
                    if own.unplaced + own.expected or in_hand:
                        self._line(sku, None, own.unplaced + own.expected).add(in_hand)
        for sku in sorted({sku for sku, _zone in found.units} - ledger.tagged):
            counted = {zone: at for (one, zone), (_units, at) in found.units.items() if one == sku}
            moment = min(counted.values())
            own_line = ledger.lines(moment).get(sku)
            if own_line is None:
                continue
            if ledger.has_tray(sku):
                if (
                    all(ledger.tray_total(sku, zone, moment) is not None for zone in counted)
                    and own_line.unplaced
                ):
                    self._set(sku, None, own_line.unplaced, 0, moment, None)
                continue
            for zone_units in own_line.zones:
                if zone_units.zone not in counted and zone_units.units:
                    self._line(sku, zone_units.zone, zone_units.units).counted = 0
            if own_line.unplaced:
                self._line(sku, None, own_line.unplaced).add(0)

    def _line(self, sku: str | None, zone: str | None, expected: int) -> _Line:
        line = self._lines.get((sku, zone))
        if line is None:
            line = self._lines[sku, zone] = _Line(expected)
        return line

    def result(self, prices: Mapping[str, float | None]) -> list[VarianceLine]:
        lines = []
        for (sku, zone), line in sorted(self._lines.items(), key=lambda pair: _order(pair[0])):
            difference = None if line.counted is None else line.counted - line.expected
            price = prices.get(sku or "")
            lines.append(
                VarianceLine(
                    sku=sku,
                    zone=zone,
                    expected=line.expected,
                    counted=line.counted,
                    difference=difference,
                    moved=line.moved,
                    missing=tuple(sorted(line.missing)),
                    unexpected=tuple(sorted(line.unexpected)),
                    misplaced=tuple(sorted(line.misplaced, key=lambda one: one.epc)),
                    price=price,
                    value=None if price is None or difference is None else round(difference * price, 2),
                )
            )
        return lines


def _order(key: tuple[str | None, str | None]) -> tuple[bool, str, bool, str]:
    sku, zone = key
    return sku is None, sku or "", zone is None, zone or ""
