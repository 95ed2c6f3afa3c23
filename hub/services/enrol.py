"""Enrolment: the last scanned barcode of a station binds the tags presented after it.

A **station** is an agent's barcode scanner and its enrolment antenna. A scan counts for two minutes, by the
agent's own clock, and until the next scan. A tag that stands for another SKU keeps it and raises an alert:
nothing is bound anew in passing. Where a chip's number is known, the tag is bound by it too; and a tag whose
EPC stands for another SKU, as factory EPCs may repeat, is then bound by its chip alone. A tag that was bound by
its chip before, and whose EPC is free, gets its EPC bound when it is presented.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from contract.epc import identify
from contract.messages import BarcodeScanned, TagPresented
from contract.topics import StreamAddress
from hub.ledger import catalogue, tag_reads
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.model import TagBound
from hub.services.bindings import AlertRow, Bindings, Wanted, conflict_alert, event_of

WINDOW_MS: Final = 120_000
SHOWN_MS: Final = 300_000
MAX_SHOWN: Final = 200


class Told(NamedTuple):
    """What a station said."""

    address: StreamAddress
    event: BarcodeScanned | TagPresented


class Paired(NamedTuple):
    """What follows from what stations said: bindings per store, and alerts."""

    bindings: dict[str, list[TagBound]]
    alerts: list[AlertRow]


def counts(scanned_ms: int, presented_ms: int) -> bool:
    """Tell whether a scan still counts for a tag presented at a moment."""
    return 0 <= presented_ms - scanned_ms <= WINDOW_MS


def pair(transaction: Transaction, told: Sequence[Told], now: int) -> Paired:
    """Return what follows from events of stations, in the order their streams have them.

    To be called before they are stored: the ledger's last scans are those before them.
    """
    connection = transaction.connection
    names = catalogue.naming(connection)
    scans: dict[tuple[str, str], tuple[str, int]] = {}
    for address in {one.address for one in told}:
        for row in tag_reads.scans(connection, address.store, [address.stream]):
            scans[address.store, address.stream] = (row.code, row.at_ms)
    tags = [one.event for one in told if isinstance(one.event, TagPresented)]
    known = Bindings(connection, [Wanted("", epc=tag.epc, tid=tag.tid) for tag in tags])
    paired = Paired({}, [])
    for address, event in told:
        if isinstance(event, BarcodeScanned):
            scans[address.store, address.stream] = (event.code, event.at)
            continue
        code, scanned_ms = scans.get((address.store, address.stream), ("", -WINDOW_MS - 1))
        sku = names.sku_of_code(code) if code and counts(scanned_ms, event.at) else None
        if sku is None:
            wanted, way = _by_chip(known, event), "tid"
        else:
            wanted, way = Wanted(sku, epc=event.epc, tid=event.tid, code=code), "station"
            if sku not in names.catalogue:
                wanted = None
        if wanted is not None:
            _decide(paired, known, address, wanted, way, now)
    return paired


def _by_chip(known: Bindings, event: TagPresented) -> Wanted | None:
    """Return a binding of the EPC to what its chip stands for, when the EPC is free."""
    if event.tid is None or known.skus(Wanted("", epc=event.epc)) != {None}:
        return None
    (sku,) = known.skus(Wanted("", tid=event.tid))
    return None if sku is None else Wanted(sku, epc=event.epc)


def _decide(paired: Paired, known: Bindings, address: StreamAddress, tag: Wanted, way: Any, now: int) -> None:
    skus = known.skus(tag)
    if skus == {tag.sku}:
        return
    others = sorted(sku for sku in skus if sku not in (None, tag.sku))
    if others:
        paired.alerts.append(conflict_alert(address.store, tag, others[0], now))
        by_chip = Wanted(tag.sku, tid=tag.tid, code=tag.code)
        if tag.tid is None or known.skus(by_chip) != {None}:
            return
        tag = by_chip
    known.note(tag, way)
    paired.bindings.setdefault(address.store, []).append(event_of(tag, way=way, by=address.agent, now=now))


def stations(connection: Connection, store: str, now: int) -> list[dict[str, Any]]:
    """Return each station of a store: its last scan, and the tags presented in the last five minutes.

    Raises:
        NotFoundError: the store is not known.
    """
    catalogue.store(connection, store)
    names = catalogue.naming(connection)
    found: dict[str, dict[str, Any]] = {}
    for scan in reversed(tag_reads.scans(connection, store)):
        meant = names.sku_of_code(scan.code)
        found[scan.agent] = {
            **_station(scan.agent),
            "scanner": scan.device,
            "code": scan.code,
            "scanned_ms": scan.at_ms,
            "open": counts(scan.at_ms, now),
            **_named(names, meant if meant in names.catalogue else None),
        }
    rows = tag_reads.presented(connection, store, now - SHOWN_MS, MAX_SHOWN)
    epcs = tag_reads.bound(connection, [row.epc for row in rows])
    tids = tag_reads.bound_tids(connection, [row.tid for row in rows if row.tid])
    for row in rows:
        own = [
            one for one in (tids.get(row.tid), epcs.get(row.epc)) if one is not None and one.sku is not None
        ]
        binding = own[0] if own else None
        sku = binding.sku if binding is not None else names.sku_of_identity(identify(row.epc))
        found.setdefault(row.agent, _station(row.agent))["tags"].append(
            {
                "epc": row.epc,
                "tid": row.tid or None,
                "device": row.device,
                "presented_ms": row.at_ms,
                "way": binding.way if binding is not None else None,
                "bound_ms": binding.bound_ms if binding is not None else None,
                **_named(names, sku),
            }
        )
    return [found[agent] for agent in sorted(found)]


def _station(agent: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("scanner", "code", "scanned_ms", "sku", "name", "name_zh"))
    return {"agent": agent, **nothing, "open": False, "tags": []}


def _named(names: catalogue.Naming, sku: str | None) -> dict[str, Any]:
    product = names.catalogue.get(sku or "")
    return {
        "sku": sku,
        "name": product.name if product is not None else None,
        "name_zh": product.name_zh if product is not None else None,
    }
