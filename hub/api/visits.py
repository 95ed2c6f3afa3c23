"""People and items: footfall, heat, and single items."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from contract.errors import NotFoundError
from hub.api.context import Hub
from hub.api.errors import responses
from hub.services import visits as service

router = APIRouter(prefix="/v1/stores/{store}", tags=["visits"])
Day = Annotated[date | None, Query(alias="date", description="business day, today when not given")]


class FootfallHourOut(BaseModel):
    """One local hour."""

    hour: str
    entered: int
    left: int


class FootfallLineOut(BaseModel):
    """One counting line, for example a door; ``residual`` is in less out once the store has closed."""

    line: str
    entered: int
    left: int
    estimated_entered: float
    estimated_left: float
    turned: int
    staff: int
    residual: int | None


class FootfallOut(BaseModel):
    """People of one business day; ``conversion`` is transactions per customer who came in, staff apart."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "store": "popup-1", "date": "2026-05-01", "from_ms": 1_777_579_200_000, "until_ms": 1_777_665_600_000,
                "entered": 61, "left": 58, "estimated_entered": 66.4, "estimated_left": 63.1, "turned": 4, "staff": 9, "residual": None, "occupancy": 3, "peak_occupancy": 9, "transactions": 12, "conversion": 0.197,
                "hours": [{"hour": "2026-05-01T10:00+08:00", "entered": 9, "left": 7}],
                "lines": [{"line": "door", "entered": 61, "left": 58, "estimated_entered": 66.4, "estimated_left": 63.1, "turned": 4, "staff": 9, "residual": None}],
            }
        }
    )  # fmt: skip

    store: str
    date: str
    from_ms: int
    until_ms: int
    entered: int
    left: int
    estimated_entered: float
    estimated_left: float
    turned: int
    staff: int
    residual: int | None
    occupancy: int
    peak_occupancy: int
    transactions: int
    conversion: float | None
    hours: list[FootfallHourOut]
    lines: list[FootfallLineOut]


class HeatOut(BaseModel):
    """How lively one zone was."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"zone": "shelf-a", "picked_up": 31, "put_back": 24, "arrived": 12}}
    )

    zone: str
    picked_up: int
    put_back: int
    arrived: int


class ItemOut(BaseModel):
    """One tagged item; ``sold`` is a picked item that a sale most likely took."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "epc": "3034257BF7194E4000001A85", "sku": "ocean-heart", "name": "Ocean Heart", "name_zh": "海洋之心", "zone": "shelf-a",
                "status": "present", "picked_ms": None, "first_seen_ms": 1_790_000_000_000, "changed_ms": 1_790_000_000_000, "sale_id": None,
            }
        }
    )  # fmt: skip

    epc: str
    sku: str | None
    name: str | None
    name_zh: str | None
    zone: str | None
    status: Literal["present", "picked", "received", "sold", "missing", "dispatched"]
    picked_ms: int | None
    first_seen_ms: int | None
    changed_ms: int | None
    sale_id: str | None


class ItemsOut(BaseModel):
    """A page of items; ``next_after`` asks for the next one, null on the last."""

    total: int
    items: list[ItemOut]
    next_after: str | None

    model_config = {"json_schema_extra": {"example": {"total": 60, "items": [], "next_after": None}}}


@router.get("/footfall", summary="People in and out", responses=responses(404, 422, 503))
async def get_footfall(store: str, hub: Hub, day: Day = None) -> FootfallOut:
    """Return people in and out per local hour of a business day, occupancy, and sales per person."""
    now = hub.clock()
    found = await hub.read(lambda connection: service.footfall(connection, store, day, now))
    figures = msgspec.to_builtins(found)
    span = figures.pop("span")
    return FootfallOut(from_ms=span[0], until_ms=span[1], **figures)


@router.get("/heat", summary="Activity per zone", responses=responses(404, 422, 503))
async def get_heat(store: str, hub: Hub, day: Day = None) -> list[HeatOut]:
    """Return pick-ups, put-backs and arrivals of a business day per zone."""
    now = hub.clock()
    found = await hub.read(lambda connection: service.heat(connection, store, day, now))
    return [HeatOut(**msgspec.to_builtins(cell)) for cell in found]


@router.get("/items", summary="Search items", responses=responses(404, 422, 503))
async def get_items(
    store: str,
    hub: Hub,
    q: Annotated[str, Query(max_length=200, description="part of EPC, SKU or name")] = "",
    status: Literal["present", "picked", "received", "sold", "missing", "dispatched"] | None = None,
    zone: str | None = None,
    sku: str | None = None,
    after: Annotated[str, Query(max_length=200, description="EPC after which the page begins")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ItemsOut:
    """Return the items that match, by EPC, a page at a time."""
    wanted = service.ItemFilter(q=q.strip(), status=status, zone=zone, sku=sku)
    found = await hub.compute(
        lambda connection: service.find_items(connection, store, wanted, after=after, limit=limit)
    )
    return ItemsOut(**msgspec.to_builtins(found))


@router.get("/items/{epc}", summary="One item", responses=responses(404, 422, 503))
async def get_item(store: str, epc: str, hub: Hub) -> ItemOut:
    """Return one item by EPC."""
    wanted = service.ItemFilter(epc=epc.upper())
    found = await hub.compute(
        lambda connection: service.find_items(connection, store, wanted, after="", limit=1)
    )
    for item in found.items:
        return ItemOut(**msgspec.to_builtins(item))
    raise NotFoundError(f"item {epc!r} has never been seen or received in store {store!r}")
