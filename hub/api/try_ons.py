"""Try-ons: per SKU, for the store, and session by session."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from hub.api.context import Hub
from hub.api.errors import responses
from hub.services import try_ons as service

router = APIRouter(prefix="/v1/stores/{store}/try-ons", tags=["visits"])
Day = Annotated[date | None, Query(alias="date", description="business day, today when not given")]


class TryOnsOut(BaseModel):
    """Try-ons of one SKU; ``conversion`` is sold per try-on whose outcome is no longer open."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "sku": "ocean-heart", "try_ons": 14, "returned": 9, "sold": 3, "unknown": 1, "open": 1, "touches": 5,
                "conversion": 0.231,
            }
        }
    )  # fmt: skip

    sku: str | None
    try_ons: int
    returned: int
    sold: int
    unknown: int
    open: int
    touches: int
    conversion: float | None


class TryOnDayOut(BaseModel):
    """Try-ons of a store; ``rooms`` says whether fitting rooms told them or hands did."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "store": "popup-1", "date": "2026-05-01", "from_ms": 1_777_579_200_000, "until_ms": 1_777_665_600_000,
                "rooms": True, "try_ons": 41, "returned": 24, "sold": 13, "unknown": 2, "open": 2, "touches": 5,
                "conversion": 0.333,
            }
        }
    )  # fmt: skip

    store: str
    date: str
    from_ms: int
    until_ms: int
    rooms: bool
    try_ons: int
    returned: int
    sold: int
    unknown: int
    open: int
    touches: int
    conversion: float | None


class TriedItemOut(BaseModel):
    """One item of a session; ``ended_ms`` is null while it is in the room."""

    epc: str
    sku: str | None
    started_ms: int
    ended_ms: int | None
    worn: bool | None
    outcome: Literal["sold", "returned", "unknown", "open"]


class SessionOut(BaseModel):
    """What was in one fitting room together; it names no person."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "session": "cabin-1-19d1c0a1b00", "room": "cabin-1",
                "items": [{"epc": "3034257BF7194E4000001A85", "sku": "ocean-heart", "started_ms": 1_790_000_000_000, "ended_ms": 1_790_000_240_000, "worn": True, "outcome": "sold"}],
            }
        }
    )  # fmt: skip

    session: str
    room: str
    items: list[TriedItemOut]


@router.get("", summary="Try-ons per SKU", responses=responses(404, 422, 503))
async def get_try_ons(store: str, hub: Hub, day: Day = None) -> list[TryOnsOut]:
    """Return try-ons of a business day per SKU.

    In a store with fitting rooms those that a room told; else put back after 8 to 300 s, or picked up and sold.
    """
    now = hub.clock()
    found = await hub.compute(lambda connection: service.try_ons(connection, store, day, now))
    return [TryOnsOut(**msgspec.to_builtins(line)) for line in found]


@router.get("/total", summary="Try-ons of the store", responses=responses(404, 422, 503))
async def get_try_on_total(store: str, hub: Hub, day: Day = None) -> TryOnDayOut:
    """Return the store's try-ons of a business day with their conversion."""
    now = hub.clock()
    found = await hub.compute(lambda connection: service.try_on_day(connection, store, day, now))
    figures = msgspec.to_builtins(found)
    span = figures.pop("span")
    return TryOnDayOut(from_ms=span[0], until_ms=span[1], **figures)


@router.get("/sessions", summary="Fitting-room sessions", responses=responses(404, 422, 503))
async def get_sessions(store: str, hub: Hub, day: Day = None) -> list[SessionOut]:
    """Return what was in the fitting rooms on a business day, and what became of it."""
    now = hub.clock()
    found = await hub.compute(lambda connection: service.sessions(connection, store, day, now))
    return [SessionOut(**msgspec.to_builtins(one)) for one in found]
