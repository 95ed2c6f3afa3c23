"""The hub's side of a comparison: read over HTTP from a running hub, or straight from a local one."""

from typing import Any

from cli.truth import Picture
from dashboard.client import HubClient
from hub.app import LocalHub

PAGE = 500


def api_picture(client: HubClient, store: str) -> Picture:
    """Ask a running hub. Raises HubUnreachableError when it does not answer."""
    stock, footfall = client.stock(store), client.footfall(store)
    items: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = client.get(f"/v1/stores/{store}/items", limit=PAGE, after=after)
        items += page["items"]
        after = page["next_after"]
    return Picture(
        on_hand={
            (line["sku"], zone["zone"]): zone["units"]
            for line in stock["lines"]
            for zone in line["zones"]
            if zone["units"]
        },
        sold={line["sku"]: line["sold"] for line in stock["lines"] if line["sold"]},
        entered=footfall["entered"],
        left=footfall["left"],
        items={item["epc"]: item["zone"] if item["status"] == "present" else None for item in items},
        lines={row["line"]: (row["entered"], row["left"]) for row in footfall["lines"]},
    )


def local_picture(hub: LocalHub, store: str) -> Picture:
    """Ask a hub in this process."""
    stock, footfall = hub.stock(store), hub.footfall(store)
    return Picture(
        on_hand={
            (line.sku, zone.zone): zone.units for line in stock.lines for zone in line.zones if zone.units
        },
        sold={line.sku: line.sold for line in stock.lines if line.sku is not None and line.sold},
        entered=footfall.entered,
        left=footfall.left,
        items={item.epc: item.zone if item.status == "present" else None for item in hub.items(store)},
        lines={row.line: (row.entered, row.left) for row in footfall.lines},
    )
