"""Stock-takes: open, count in batches, close with the variance, approve once or cancel.

::

    open ──first batch──▶ counting ──close──▶ closed ──approve──▶ approved
      └───────────────────────┴──────────────────┴─────cancel───▶ cancelled

Every step is an event, and every step may be told twice. Nothing but the approval changes on-hand: it posts where
the tags found were and since when each zone and SKU is known from the count (:mod:`hub.projections.on_hand`), and
tells the agents of those zones. Closing computes the variance as of the time of the count, outside the writer, and
is refused if a batch came in meanwhile.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from contract.epc import identify
from contract.errors import ConfigError, NotFoundError
from contract.messages import MAX_ANCHORED, AnchorTags
from hub.ledger import catalogue, reads, tag_reads
from hub.ledger import stock_take_reads as takes
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.model import (
    AnyHubEvent,
    StockCounted,
    StockTakeApproved,
    StockTakeCancelled,
    StockTakeClosed,
    StockTakeOpened,
    TagPlaced,
    TagsCounted,
    TagSeen,
    VarianceLine,
)
from hub.projections.items import PRESENT
from hub.projections.on_hand import Tray
from hub.projections.stock_take import TAG_WAYS, Found, KnownItem, Ledger, found_in, variance
from hub.services.commands import CommandOrder, queue
from hub.services.sell import ConflictError
from hub.services.stock import zones_now

TAGS_PER_EVENT: Final = 500
ANCHOR_EXPIRES_MS: Final = 24 * 3_600_000
MAX_BATCHES: Final = 1_000
_OPEN: Final = ("open", "counting")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one step.

    Attributes:
        repeat: it had been done before and nothing was added.
        commands: commands queued for agents.
    """

    stock_take_id: str
    state: str
    repeat: bool = False
    position: int
    commands: int = 0


class Closing(NamedTuple):
    """The variance, computed at a number of batches."""

    event: StockTakeClosed
    batches: int


def open_take(transaction: Transaction, store: str, opened: StockTakeOpened, now: int) -> Step:
    """Begin a stock-take.

    Raises:
        NotFoundError: the store or one of the zones is not known.
        ConflictError: the name stands for another stock-take.
    """
    connection = transaction.connection
    known = catalogue.store(connection, store)
    plan = {zone.zone for zone in known.zones}
    for zone in opened.zones:
        if plan and zone not in plan:
            raise NotFoundError(f"zone {zone!r} is not in the plan of store {store!r}")
    if takes.has_stock_take(connection, store, opened.stock_take_id):
        row = takes.stock_take(connection, store, opened.stock_take_id)
        if row.zones.split() != list(opened.zones):
            raise ConflictError(f"stock-take {opened.stock_take_id!r} was opened for other zones")
        return _step(transaction, row, repeat=True)
    transaction.append_own(store, [opened], now)
    return _step(transaction, takes.stock_take(connection, store, opened.stock_take_id))


def count(
    transaction: Transaction, store: str, batch: StockCounted, now: int, *, stale_after_ms: int
) -> Step:
    """Add one batch to an open stock-take; a batch that is known adds nothing.

    A batch of fixed readers without tags stands for what they hold present in the zone now.

    Raises:
        NotFoundError: there is no such stock-take.
        ConflictError: it is not open, the zone is not one of it or cannot be seen, the batch's name stands for
            other content, or tags and units are mixed.
    """
    connection = transaction.connection
    row = takes.stock_take(connection, store, batch.stock_take_id)
    _check(row, batch)
    known = takes.counted(connection, store, batch.stock_take_id)
    before = next((one for one in known if one.batch_id == batch.batch_id), None)
    held_by_readers = batch.way == "fixed" and not batch.tags
    if before is not None:
        if _content(before) != _content(batch) and not (held_by_readers and before.zone == batch.zone):
            raise ConflictError(
                f"batch {batch.batch_id!r} is recorded with other content; use another batch id"
            )
        return _step(transaction, row, repeat=True)
    if row.state not in _OPEN:
        raise ConflictError(f"stock-take {batch.stock_take_id!r} is {row.state} and takes no more counts")
    if len(known) >= MAX_BATCHES:
        raise ConflictError(f"stock-take {batch.stock_take_id!r} has {MAX_BATCHES} batches already")
    if held_by_readers:
        batch = _held(connection, store, batch, now, stale_after_ms)
    transaction.append_own(store, [batch], now)
    return _step(transaction, takes.stock_take(connection, store, batch.stock_take_id))


def _check(row: Any, batch: StockCounted) -> None:
    zones = row.zones.split()
    if zones and batch.zone not in zones:
        raise ConflictError(f"zone {batch.zone!r} is not part of this stock-take of {', '.join(zones)}")
    if batch.way in TAG_WAYS and batch.lines:
        raise ConflictError(
            f"a batch by {batch.way} reader has tags, not units; send units as scanner or hand"
        )
    if batch.way not in TAG_WAYS and (batch.tags or not batch.lines):
        raise ConflictError(f"a batch by {batch.way} has units by code, at least one, and no tags")
    if batch.started_at > batch.at:
        raise ConflictError("the count began after it ended: started_at is later than counted_at")


def _content(batch: StockCounted) -> tuple[Any, ...]:
    return batch.zone, batch.way, {tag.epc for tag in batch.tags}, batch.lines


def _held(
    connection: Connection, store: str, batch: StockCounted, now: int, stale_after_ms: int
) -> StockCounted:
    state = zones_now(connection, store, now, stale_after_ms=stale_after_ms).get(batch.zone)
    if state != "seen":
        raise ConflictError(
            f"zone {batch.zone!r} cannot be counted by its readers: it is {state or 'not served by any device'}"
        )
    rows = reads.item_rows(connection, store, status=PRESENT, zone=batch.zone)
    tags = tuple(TagSeen(row.epc, batch.at) for row in rows if row.key_ms <= batch.at)
    return msgspec.structs.replace(batch, tags=tags)


def compare(connection: Connection, store: str, stock_take_id: str, by: str, now: int) -> Closing:
    """Compute the variance of a stock-take as it stands.

    Raises:
        NotFoundError: there is no such stock-take.
        ConflictError: nothing was counted.
    """
    row = takes.stock_take(connection, store, stock_take_id)
    batches = takes.counted(connection, store, stock_take_id)
    if not batches and row.state in _OPEN:
        raise ConflictError(f"stock-take {stock_take_id!r} has no counts yet; send some, or cancel it")
    names = catalogue.naming(connection)
    found = _by_sku(found_in(batches), names)
    ledger = _ledger(connection, store, names, found)
    zones = row.zones.split()
    counted = {*found.zones, *(zone for _sku, zone in found.units)}
    if zones:
        not_counted = [zone for zone in zones if zone not in counted]
    else:
        there = {item.zone for item in ledger.items.values() if item.status == PRESENT and item.zone}
        not_counted = sorted(there - set(found.zones))
    whole = not zones and not not_counted
    prices = {sku: product.price for sku, product in names.catalogue.items()}
    skus = _skus_of(connection, names, ledger, found)
    lines, anchors, units = variance(ledger, found, skus, prices, whole=whole)
    event = StockTakeClosed(
        at=now,
        stock_take_id=stock_take_id,
        lines=tuple(lines),
        zones=tuple(anchors),
        units=tuple(units),
        whole=whole,
        not_counted=tuple(not_counted),
        by=by,
    )
    return Closing(event, len(batches))


def _by_sku(found: Found, names: catalogue.Naming) -> Found:
    """Return the same with SKUs for codes; two codes of one SKU are added up."""
    units: dict[tuple[str, str], tuple[int, int]] = {}
    for (code, zone), (quantity, at) in found.units.items():
        key = (names.sku_of_code(code), zone)
        before, before_at = units.get(key, (0, 0))
        units[key] = (before + quantity, max(at, before_at))
    return found._replace(units=units)


def _ledger(connection: Connection, store: str, names: catalogue.Naming, found: Found) -> Ledger:
    items = [
        KnownItem(
            row.epc, names.sku_of_item(row.bound, row.kind), row.key_ms, row.zone, row.status, row.received_ms
        )
        for row in reads.item_rows(connection, store)
    ]
    moments = {*found.zones.values(), *(at for _units, at in found.units.values())}
    trays: list[Tray] = []
    tray_units: dict[tuple[str, str | None, int], int] = {}
    for device, state in reads.tray_states(connection, store):
        tray = reads.tray_of(device, state, names)
        trays.append(tray)
        for moment in moments:
            late = state.key_ms >= moment
            tray_units[device, tray.sku, moment] = (
                takes.tray_units_at(connection, store, device, state.sku, moment) if late else state.units
            )
    return Ledger(
        items,
        takes.tag_events_since(connection, store, min(moments)) if moments else [],
        trays,
        tray_units,
        reads.movement_list(connection, store, names),
        takes.anchors(connection, store, names),
    )


def _skus_of(
    connection: Connection, names: catalogue.Naming, ledger: Ledger, found: Found
) -> dict[str, str | None]:
    skus: dict[str, str | None] = {epc: ledger.items[epc].sku for epc in found.tags if epc in ledger.items}
    new = [epc for epc in found.tags if epc not in skus]
    bound = tag_reads.bound(connection, new)
    for epc in new:
        own = bound.get(epc)
        known = own.sku if own is not None else None
        skus[epc] = known if known is not None else names.sku_of_identity(identify(epc))
    return skus


def close(transaction: Transaction, store: str, closing: Closing, now: int) -> Step:
    """End the counting with the variance that was computed for it.

    Raises:
        ConflictError: it was cancelled, or a batch came in since the variance was computed.
    """
    connection = transaction.connection
    row = takes.stock_take(connection, store, closing.event.stock_take_id)
    if row.state in ("closed", "approved"):
        return _step(transaction, row, repeat=True)
    if row.state not in _OPEN:
        raise ConflictError(f"stock-take {row.stock_take_id!r} is {row.state} and cannot be closed")
    if len(takes.batches(connection, store, row.stock_take_id)) != closing.batches:
        raise ConflictError("a batch came in while the stock-take was being closed; close it again")
    transaction.append_own(store, [closing.event], now)
    return _step(transaction, takes.stock_take(connection, store, row.stock_take_id))


def approve(transaction: Transaction, store: str, stock_take_id: str, by: str, now: int) -> Step:
    """Post a closed stock-take, once, and tell the agents of its zones what was found there.

    Raises:
        NotFoundError: there is no such stock-take.
        ConflictError: it is not closed.
        ConfigError: nobody is named.
    """
    if not by.strip():
        raise ConfigError("an approval needs the name of the person who approves; say by")
    connection = transaction.connection
    row = takes.stock_take(connection, store, stock_take_id)
    if row.state == "approved":
        return _step(transaction, row, repeat=True)
    if row.state != "closed":
        raise ConflictError(f"stock-take {stock_take_id!r} is {row.state}; only a closed one can be approved")
    closed = takes.variance(connection, row.closed_position)
    tags = sorted(
        found_in(takes.counted(connection, store, stock_take_id)).tags.values(), key=lambda tag: tag.at
    )
    events: list[AnyHubEvent] = [
        StockTakeApproved(
            at=now,
            stock_take_id=stock_take_id,
            by=by,
            zones=closed.zones,
            units=closed.units,
            whole=closed.whole,
        ),
        *(
            TagsCounted(at=now, stock_take_id=stock_take_id, tags=tuple(some))
            for some in _runs(tags, TAGS_PER_EVENT)
        ),
    ]
    transaction.append_own(store, events, now)
    commands = _tell_agents(transaction, store, tags, by, now)
    return _step(transaction, takes.stock_take(connection, store, stock_take_id), commands=commands)


def _runs(tags: Sequence[TagPlaced], length: int) -> Iterator[Sequence[TagPlaced]]:
    for start in range(0, len(tags), length):
        yield tags[start : start + length]


def _tell_agents(transaction: Transaction, store: str, tags: Sequence[TagPlaced], by: str, now: int) -> int:
    """Queue commands that anchor the tags which nothing has moved since; returns how many."""
    connection = transaction.connection
    placed = {row.epc: (row.zone, row.key_ms) for row in reads.item_rows(connection, store, status=PRESENT)}
    by_device: dict[tuple[str, str], list[TagPlaced]] = {}
    addresses: dict[str, dict[str, str]] = {}
    for agent, device, zones in takes.zone_devices(connection, store):
        for zone in zones.split():
            addresses.setdefault(zone, {}).setdefault(agent, device)
    for tag in tags:
        if placed.get(tag.epc) == (tag.zone, tag.at):
            for address in addresses.get(tag.zone, {}).items():
                by_device.setdefault(address, []).append(tag)
    queued = 0
    for (agent, device), own in sorted(by_device.items()):
        for some in _runs(own, MAX_ANCHORED):
            action = AnchorTags(zones={tag.epc: tag.zone for tag in some}, taken_at=some[0].at)
            order = CommandOrder(
                store=store,
                agent=agent,
                device=device,
                action=action,
                expires_ms=now + ANCHOR_EXPIRES_MS,
                by=by,
            )
            try:
                queue(transaction, order, now)
            except ConflictError:
                # The agent has as many open commands as it may have: its own readers find the rest.
                break
            queued += 1
    return queued


def cancel(transaction: Transaction, store: str, stock_take_id: str, by: str, now: int) -> Step:
    """Give up a stock-take; no figure changes.

    Raises:
        NotFoundError: there is no such stock-take.
        ConflictError: it is approved already.
    """
    connection = transaction.connection
    row = takes.stock_take(connection, store, stock_take_id)
    if row.state == "cancelled":
        return _step(transaction, row, repeat=True)
    if row.state == "approved":
        raise ConflictError(
            f"stock-take {stock_take_id!r} is approved and posted; a correction is another stock-take or an adjustment"
        )
    transaction.append_own(store, [StockTakeCancelled(at=now, stock_take_id=stock_take_id, by=by)], now)
    return _step(transaction, takes.stock_take(connection, store, stock_take_id))


def _step(transaction: Transaction, row: Any, *, repeat: bool = False, commands: int = 0) -> Step:
    return Step(
        stock_take_id=row.stock_take_id,
        state=row.state,
        repeat=repeat,
        position=transaction.position(),
        commands=commands,
    )


def listed(connection: Connection, store: str, limit: int) -> list[dict[str, Any]]:
    """Return stock-takes with their totals, the last opened first.

    Raises:
        NotFoundError: the store is not known.
    """
    catalogue.store(connection, store)
    return [_told(connection, row)[0] for row in takes.stock_takes(connection, store, limit)]


def shown(connection: Connection, store: str, stock_take_id: str) -> dict[str, Any]:
    """Return one stock-take with its batches and, once it is closed, its variance.

    Raises:
        NotFoundError: there is no such stock-take.
    """
    told, closed = _told(connection, takes.stock_take(connection, store, stock_take_id))
    products = catalogue.products(connection)
    counted = takes.counted(connection, store, stock_take_id)
    told["batches"] = [
        {
            "batch_id": one.batch_id,
            "zone": one.zone,
            "way": one.way,
            "started_ms": one.started_at,
            "counted_ms": one.at,
            "by": one.by,
            "tags": len(one.tags),
            "units": sum(line.quantity for line in one.lines),
        }
        for one in counted
    ]
    told["lines"] = [
        {
            "name": products[line.sku].name if line.sku in products else None,
            "name_zh": products[line.sku].name_zh if line.sku in products else None,
            **msgspec.to_builtins(line),
        }
        for line in (closed.lines if closed is not None else ())
    ]
    return told


def _told(connection: Connection, row: Any) -> tuple[dict[str, Any], StockTakeClosed | None]:
    values = reads.as_dict(row)
    closed_position = values.pop("closed_position")
    values["zones"] = values["zones"].split()
    closed = takes.variance(connection, closed_position) if closed_position is not None else None
    totals = _totals(closed.lines) if closed is not None else None
    not_counted = list(closed.not_counted) if closed is not None else []
    return {
        **values,
        "not_counted": not_counted,
        "whole": closed is not None and closed.whole,
        "totals": totals,
    }, closed


def _totals(lines: Iterable[VarianceLine]) -> dict[str, Any]:
    counted = [line for line in lines if line.counted is not None]
    values = [line.value for line in counted if line.value is not None]
    return {
        "expected": sum(line.expected for line in counted),
        "counted": sum(line.counted or 0 for line in counted),
        "difference": sum(line.difference or 0 for line in counted),
        "missing": sum(len(line.missing) for line in counted),
        "unexpected": sum(len(line.unexpected) for line in counted),
        "misplaced": sum(len(line.misplaced) for line in counted),
        "value": round(sum(values), 2) if values else None,
    }


_COLUMNS: Final = (
    "sku", "zone", "expected", "counted", "difference", "moved", "price", "value", "missing", "unexpected", "misplaced",
)  # fmt: skip


def as_csv(connection: Connection, store: str, stock_take_id: str) -> str:
    """Return the variance as CSV; EPCs of a cell are parted by blanks, a misplaced one is ``EPC@zone``.

    Raises:
        NotFoundError: there is no such stock-take.
    """
    _told_row, closed = _told(connection, takes.stock_take(connection, store, stock_take_id))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in closed.lines if closed is not None else ():
        misplaced = " ".join(f"{one.epc}@{one.expected_zone}" for one in line.misplaced)
        row = [getattr(line, name) for name in _COLUMNS[:8]]
        epcs = (" ".join(line.missing), " ".join(line.unexpected), misplaced)
        writer.writerow(["" if value is None else value for value in (*row, *epcs)])
    return text.getvalue()
