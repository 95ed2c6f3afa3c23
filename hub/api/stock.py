"""Stock: on-hand per SKU and zone, and the items behind it."""

from typing import Final, Literal

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from hub.api.context import Hub
from hub.api.errors import responses
from hub.model import Product
from hub.services import stock as service

router = APIRouter(prefix="/v1/stores/{store}", tags=["stock"])


class ZoneUnitsOut(BaseModel):
    """Units in one zone."""

    zone: str
    units: int
    uncertain: bool


class StockLineOut(BaseModel):
    """On-hand of one SKU; ``sku`` is null for items that nothing names."""

    sku: str | None
    name: str | None
    name_zh: str | None
    gtin: str | None
    price: float | None
    tagged: bool
    mapped: bool
    zones: list[ZoneUnitsOut]
    unplaced: int
    expected: int
    total: int
    received: int
    sold: int
    returned: int
    adjusted: int
    dispatched: int
    uncertain: bool
    missing: int = Field(default=0, description="items a stock-take did not find; in no other figure")


class StockOut(BaseModel):
    """On-hand of a store at one ledger position."""

    store: str
    position: int = Field(description="ledger position the figures were read at")
    as_of_ms: int
    zone_states: dict[str, Literal["seen", "stale", "blind"]]
    lines: list[StockLineOut]

    model_config = {
        "json_schema_extra": {
            "example": {
                "store": "popup-1",
                "position": 4711,
                "as_of_ms": 1_790_000_000_000,
                "zone_states": {"shelf-a": "seen", "window": "blind"},
                "lines": [
                    {
                        "sku": "ocean-heart", "name": "Ocean Heart", "name_zh": "海洋之心", "gtin": "06901234000016", "price": 299.0,
                        "tagged": True, "mapped": True, "zones": [{"zone": "shelf-a", "units": 7, "uncertain": False}],
                        "unplaced": 1, "expected": 0, "total": 8, "received": 0, "sold": 2, "returned": 0, "adjusted": 0, "dispatched": 0, "uncertain": False,
                        "missing": 0,
                    }
                ],
            }
        }
    }  # fmt: skip


@router.get(
    "/stock",
    summary="On-hand per SKU and zone",
    response_model=StockOut,
    responses=responses(404, 422, 503),
)
async def get_stock(store: str, hub: Hub) -> Response:
    """Return what is on hand, where, and which figures are uncertain because a zone cannot be seen."""
    now = hub.clock()
    body = await hub.compute(
        lambda connection: _body(service.stock(connection, store, now, stale_after_ms=hub.stale_after_ms))
    )
    return Response(body, media_type="application/json")


def _body(found: service.Stock) -> bytes:
    """Encode the answer; thousands of lines through the models would hold the loop for as long again."""
    lines = [
        {**_NAMELESS, **_names(found.products.get(line.sku or "")), **msgspec.structs.asdict(line)}
        for line in found.lines
    ]
    return msgspec.json.encode(
        {
            "store": found.store,
            "position": found.position,
            "as_of_ms": found.as_of_ms,
            "zone_states": found.zone_states,
            "lines": lines,
        }
    )


_NAMELESS: Final[dict[str, str | float | None]] = dict.fromkeys(("name", "name_zh", "gtin", "price"))


def _names(product: Product | None) -> dict[str, str | float | None]:
    if product is None:
        return {}
    return {"name": product.name, "name_zh": product.name_zh, "gtin": product.gtin, "price": product.price}
