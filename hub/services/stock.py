"""Answer: what is on hand, where, and how far is that to be believed."""

from collections.abc import Mapping
from typing import Final

import msgspec

from hub.ledger import catalogue, reads, stock_take_reads
from hub.ledger.reads import Connection
from hub.model import Product
from hub.projections.devices import DeviceState, ZoneState, current_states, zone_states
from hub.projections.on_hand import StockLine, on_hand

STALE_AFTER_MS: Final = 150_000


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """On-hand of a store at one ledger position."""

    store: str
    position: int
    as_of_ms: int
    lines: list[StockLine]
    zone_states: Mapping[str, ZoneState]
    products: Mapping[str, Product]


def stock(connection: Connection, store: str, now: int, *, stale_after_ms: int = STALE_AFTER_MS) -> Stock:
    """Return a store's on-hand.

    Raises:
        NotFoundError: the store is not known.
    """
    catalogue.store(connection, store)
    names = catalogue.naming(connection)
    movements = reads.movement_list(connection, store, names)
    by_quantity = [one.at_ms for one in movements if one.kind == "received" and not one.epcs]
    states = zones_now(connection, store, now, stale_after_ms=stale_after_ms)
    lines = on_hand(
        list(names.catalogue),
        reads.item_units(connection, store, names),
        reads.tray_list(connection, store, names),
        movements,
        states,
        reads.first_sightings(connection, store, names, min(by_quantity)) if by_quantity else {},
        stock_take_reads.anchors(connection, store, names),
    )
    return Stock(
        store=store,
        position=reads.position(connection),
        as_of_ms=now,
        lines=lines,
        zone_states=states,
        products=names.catalogue,
    )


def devices_now(connection: Connection, store: str) -> list[DeviceState]:
    """Return each device's current state."""
    return current_states(reads.state_reports(connection, store))


def zones_now(
    connection: Connection, store: str, now: int, *, stale_after_ms: int = STALE_AFTER_MS
) -> dict[str, ZoneState]:
    """Return the state of every zone a device serves."""
    return zone_states(
        devices_now(connection, store), reads.heard(connection, store), now, stale_after_ms=stale_after_ms
    )
