"""Disagreements: where RFID and weight of one shelf tell different things."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from hub.api.context import Hub
from hub.api.errors import responses
from hub.services import disagreements as service

router = APIRouter(prefix="/v1/stores/{store}", tags=["disagreements"])


class DisagreementOut(BaseModel):
    """What each source says of one zone and span of time; units that left are negative."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "stream": "k3v9", "seq": 4711, "zone": "shelf-a", "device": "plate-a", "why": "weight_only", "since_ms": 1_790_000_000_000,
                "at_ms": 1_790_000_000_000, "rfid_units": 0, "weight_units": -1, "weight_g": None, "epcs": [],
                "skus": ["ocean-heart"], "open": True,
            }
        }
    )  # fmt: skip

    stream: str
    seq: int
    zone: str
    device: str
    why: Literal["weight_only", "rfid_only", "count_differs"]
    since_ms: int
    at_ms: int
    rfid_units: int
    weight_units: int | None = Field(description="null when the weight fits no goods")
    weight_g: float | None
    epcs: list[str]
    skus: list[str]
    open: bool = Field(description="the zone has not been counted since")


@router.get(
    "/disagreements", summary="Where RFID and weight do not agree", responses=responses(404, 422, 503)
)
async def get_disagreements(
    store: str,
    hub: Hub,
    zone: str | None = None,
    since_ms: Annotated[int, Query(ge=0, le=9_999_999_999_999)] = 0,
    state: Literal["open", "all"] = "open",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[DisagreementOut]:
    """Return disagreements, newest first; an open one's zone has not been counted since."""
    found = await hub.read(
        lambda connection: service.listed(
            connection, store, zone=zone, since_ms=since_ms, only_open=state == "open", limit=limit
        )
    )
    return [DisagreementOut(**one) for one in found]
