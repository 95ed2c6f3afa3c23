"""Answers about devices, streams, dead letters, alerts and decisions: how well the store is seen."""

from typing import Any

import msgspec

from hub.ledger import catalogue, reads
from hub.ledger.reads import Connection
from hub.services.stock import devices_now, zones_now


def devices(connection: Connection, store: str, now: int, *, stale_after_ms: int) -> list[dict[str, Any]]:
    """Return each device's state with its zones and rejects. Raises NotFoundError."""
    catalogue.store(connection, store)
    heard = reads.heard(connection, store)
    zones = zones_now(connection, store, now, stale_after_ms=stale_after_ms)
    rejects: dict[str, dict[str, int]] = {}
    for row in reads.rows_of(connection, "device_rejects", store, order=("device", "reason")):
        rejects.setdefault(row["device"], {})[row["reason"]] = row["count"]
    return [
        {
            "device": device.report.device,
            "state": device.report.state,
            "reported_ms": device.report.key_ms,
            "after_ms": device.after_ms,
            "heard_ms": heard.get(device.report.key_stream),
            "zones": {zone: zones[zone] for zone in device.report.zones.split()},
            "reads": device.report.reads,
            "rejects": device.report.rejects,
            "rejects_by_reason": rejects.get(device.report.device, {}),
            "detail": device.report.detail,
        }
        for device in devices_now(connection, store)
    ]


def streams(connection: Connection, store: str) -> list[dict[str, Any]]:
    """Return every stream of a store. Raises NotFoundError."""
    catalogue.store(connection, store)
    rows = reads.rows_of(connection, "streams", store, order=("agent", "stream"))
    return [{key: value for key, value in row.items() if key not in ("id", "receipt_digest")} for row in rows]


def alerts(connection: Connection, store: str, limit: int) -> list[dict[str, Any]]:
    """Return alerts, newest first. Raises NotFoundError."""
    catalogue.store(connection, store)
    return reads.rows_of(connection, "alerts", store, order=("-at_ms",), limit=limit)


def dead_letters(connection: Connection, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many dead letters ever came, and the newest."""
    rows = reads.rows_of(connection, "dead_letters", None, order=("-id",), limit=limit)
    letters = [{**row, "payload": row["payload"][:256].hex(), "bytes": len(row["payload"])} for row in rows]
    return reads.dead_letter_total(connection), letters


def decisions(connection: Connection, store: str, *, sku: str | None, limit: int) -> list[dict[str, Any]]:
    """Return decisions, newest first. Raises NotFoundError."""
    catalogue.store(connection, store)
    found = []
    for row in reads.decisions(connection, store, sku=sku, limit=limit):
        values = reads.as_dict(row)
        values["constraint"] = values.pop("constraint_")
        values["inputs"] = msgspec.json.decode(values["inputs"])
        found.append(values)
    return found


def order_out(row: Any) -> dict[str, Any]:
    """Return an order's row by field name."""
    values = reads.as_dict(row)
    values["by"] = values.pop("by_")
    return values


def orders(connection: Connection, store: str, state: str | None) -> list[dict[str, Any]]:
    """Return orders, newest first. Raises NotFoundError."""
    catalogue.store(connection, store)
    return [order_out(row) for row in reads.orders(connection, store, [state] if state else [])]


def sales(connection: Connection, store: str, since_ms: int, until_ms: int | None) -> list[dict[str, Any]]:
    """Return lines of sales and returns in a span of time, oldest first, with the SKU each means.

    Raises:
        NotFoundError: the store is not known.
    """
    catalogue.store(connection, store)
    names = catalogue.naming(connection)
    found = []
    for sign, row in _sold_and_returned(connection, store, since_ms, until_ms):
        sku = names.sku_of_code(row.code)
        found.append(
            {
                "sale_id": row.ref,
                "line": row.line,
                "sku": sku,
                "mapped": sku in names.catalogue,
                "quantity": sign * row.quantity,
                "price": row.price,
                "epc": row.epc,
                "sold_ms": row.at_ms,
                "position": row.position,
            }
        )
    return found


def _sold_and_returned(
    connection: Connection, store: str, since_ms: int, until_ms: int | None
) -> list[tuple[int, Any]]:
    rows = [
        (sign, row)
        for kind, sign in (("sold", 1), ("returned", -1))
        for row in reads.movement_rows(connection, store, kind, since_ms=since_ms, until_ms=until_ms)
    ]
    return sorted(rows, key=lambda pair: (pair[1].at_ms, pair[1].position))
