"""Shelf labels: which product each is for, and what it confirmed to show."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.api.commerce import Name, Slug
from hub.api.context import Hub
from hub.api.errors import responses
from hub.services.labels import Assignment, assign, listed

router = APIRouter(prefix="/v1/stores/{store}", tags=["labels"])


def _mac(text: str) -> str:
    digits = text.replace(":", "").replace("-", "").upper()
    if len(digits) not in (12, 16) or any(letter not in "0123456789ABCDEF" for letter in digits):
        raise ValueError("a label's MAC is 12 or 16 hex digits")
    return digits


Mac = Annotated[str, Path(max_length=40), AfterValidator(_mac)]


class AssignedLabel(BaseModel):
    """Which product a label is for, and which device of which agent reaches it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "sku": "ocean-heart",
                "agent": "pi-1",
                "device": "labels-1",
                "language": "zh-CN",
                "by": "li",
            }
        },
    )

    sku: Name
    agent: Slug
    device: Slug
    language: Literal["en", "zh-CN"] = "en"
    by: Annotated[str, Field(max_length=200)] = ""


class LabelOut(BaseModel):
    """A label: what it should show, what was sent last, and what it confirmed last."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "mac": "0000021EE3B01234", "sku": "ocean-heart", "name": "Ocean Heart", "name_zh": "海洋之心", "agent": "pi-1",
                "device": "labels-1", "language": "zh-CN", "state": "pending", "wanted_price": "299.00", "wanted_note": "×7",
                "sent_price": "299.00", "sent_ms": 1_790_000_000_000, "command_state": "done", "detail": "",
                "confirmed_sku": "ocean-heart", "confirmed_price": "329.00", "confirmed_currency": "CNY", "confirmed_ms": 1_789_990_000_000,
            }
        }
    )  # fmt: skip

    mac: str
    sku: str | None
    name: str | None
    name_zh: str | None
    agent: str | None
    device: str | None
    language: str | None
    state: Literal["confirmed", "pending", "differs", "no_price", "unassigned"]
    wanted_price: str | None
    wanted_note: str
    sent_price: str | None
    sent_ms: int | None
    command_state: str | None
    detail: str
    confirmed_sku: str | None
    confirmed_price: str | None
    confirmed_currency: str | None
    confirmed_ms: int | None


class UnassignedOut(BaseModel):
    """Whether the label was for anything."""

    model_config = ConfigDict(json_schema_extra={"example": {"unassigned": True}})

    unassigned: bool


@router.get("/labels", summary="Shelf labels", responses=responses(404, 422, 503))
async def get_labels(store: str, hub: Hub) -> list[LabelOut]:
    """Return every label with its wanted, sent and confirmed price; the confirmed one is what customers see."""
    now, stale = hub.clock(), hub.stale_after_ms
    found = await hub.compute(lambda connection: listed(connection, store, now, stale_after_ms=stale))
    return [LabelOut(**row) for row in found]


@router.put("/labels/{mac}", summary="Say what a label is for", responses=responses(404, 422, 503))
async def put_label(store: Slug, mac: Mac, body: AssignedLabel, hub: Hub) -> LabelOut:
    """Assign a label to a product; the hub then sends it price and stock whenever they differ."""
    now, stale = hub.clock(), hub.stale_after_ms
    wanted = Assignment(mac, body.sku, body.agent, body.device, body.language, body.by.replace("\0", "?"))
    await hub.write(lambda transaction: assign(transaction, store, wanted, now))
    found = await hub.compute(lambda connection: listed(connection, store, now, stale_after_ms=stale))
    return LabelOut(**next(row for row in found if row["mac"] == mac))


@router.delete("/labels/{mac}", summary="Take a label out of use", responses=responses(422, 503))
async def delete_label(store: Slug, mac: Mac, hub: Hub) -> UnassignedOut:
    """Forget what a label is for; it goes on showing what it shows."""
    return UnassignedOut(unassigned=await hub.write(lambda transaction: transaction.drop_label(store, mac)))
