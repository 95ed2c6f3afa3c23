"""Tags that are not one tag: an EPC bound to two SKUs, worn by two chips, or on two shelves at once."""

from itertools import groupby
from typing import Any, Final

from contract.errors import MessageError
from contract.messages import decode_observation
from hub.ledger import reads, tag_reads
from hub.ledger.reads import Connection
from hub.projections.clashes import clashes

RECENT: Final = 20_000


def duplicates(connection: Connection, limit: int) -> dict[str, list[dict[str, Any]]]:
    """Return what each kind of duplicate was found with, at most ``limit`` EPCs per kind.

    Two shelves at once are looked for among the last 20,000 events that place a tag or take it away, and
    among the items of all stores.
    """
    return {
        "bound_twice": _by_epc(tag_reads.bound_twice(connection, limit)),
        "two_chips": _by_epc(tag_reads.shared_epcs(connection, limit)),
        "two_places": _places(connection, limit),
    }


def _by_epc(rows: Any) -> list[dict[str, Any]]:
    found = []
    for epc, own in groupby(rows, key=lambda row: row.epc):
        told = [{**reads.as_dict(row)} for row in own]
        for one in told:
            del one["epc"]
            if "by_" in one:
                one["by"] = one.pop("by_")
        found.append({"epc": epc, "found": told})
    return found


def _places(connection: Connection, limit: int) -> list[dict[str, Any]]:
    told = []
    for row in tag_reads.recent_tag_events(connection, RECENT):
        try:
            told.append((row.store, row.stream, decode_observation(row.body.encode())))
        except MessageError:
            continue
    places: dict[str, list[dict[str, Any]]] = {
        epc: [one._asdict() for one in where] for epc, where in clashes(told).items()
    }
    for row in tag_reads.in_two_stores(connection, limit):
        where = places.setdefault(row.epc, [])
        if not any((one["store"], one["zone"]) == (row.store, row.zone) for one in where):
            where.append(
                {
                    "store": row.store,
                    "stream": row.key_stream,
                    "device": None,
                    "zone": row.zone,
                    "at_ms": row.key_ms,
                }
            )
    return [{"epc": epc, "found": where} for epc, where in sorted(places.items())[:limit]]
