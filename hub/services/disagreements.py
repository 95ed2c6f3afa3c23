"""Answer: where RFID and weight of a shelf tell different things, and what each says."""

import json
from typing import Any

from hub.ledger import catalogue
from hub.ledger import disagreement_reads as reads
from hub.ledger.reads import Connection


def listed(
    connection: Connection,
    store: str,
    *,
    zone: str | None = None,
    since_ms: int = 0,
    only_open: bool = True,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return disagreements of a store, newest first.

    Raises:
        NotFoundError: the store is not known.
    """
    catalogue.store(connection, store)
    rows = reads.disagreements(
        connection, store, zone=zone, since_ms=since_ms, only_open=only_open, limit=limit
    )
    return [_told(row) for row in rows]


def _told(row: Any) -> dict[str, Any]:
    counted = [at for at in (row.tags_ms, row.units_ms) if at is not None]
    return {
        "stream": row.stream,
        "seq": row.seq,
        "zone": row.zone,
        "device": row.device,
        "why": row.why,
        "since_ms": row.since_ms,
        "at_ms": row.at_ms,
        "rfid_units": row.rfid_units,
        "weight_units": row.weight_units,
        "weight_g": row.weight_g,
        "epcs": row.epcs.split(),
        "skus": json.loads(row.skus),
        "open": not counted or max(counted) < row.at_ms,
    }
