"""Planning: decisions with their reasons, and orders from proposal to receipt."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from hub.api.context import Hub
from hub.api.errors import responses
from hub.model import OrderState
from hub.services import overview
from hub.services.orders import change_order
from hub.services.replan import commit_plan, plan

router = APIRouter(prefix="/v1/stores/{store}", tags=["planning"])

_ACTIONS: dict[str, OrderState] = {
    "approve": "approved", "refuse": "refused", "cancel": "cancelled", "send": "sent", "ship": "in_transit", "receive": "received",
}  # fmt: skip


class OrderOut(BaseModel):
    """An order."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "order_id": "popup-1-4713", "store": "popup-1", "sku": "ocean-heart", "quantity": 12, "state": "proposed",
                "decided_ms": 1_790_000_000_000, "changed_ms": 1_790_000_000_000, "by": "starter",
            }
        }
    )  # fmt: skip

    order_id: str
    store: str
    sku: str
    quantity: int
    state: OrderState
    decided_ms: int
    changed_ms: int
    by: str


class DecisionOut(BaseModel):
    """A decision to order or not, with every figure the rule used and what bound it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "position": 4713, "store": "popup-1", "sku": "ocean-heart", "at_ms": 1_790_000_000_000, "order_id": "popup-1-4713",
                "quantity": 12, "rule": "starter", "rule_version": 1, "reason": "below_need", "constraint": "case_pack",
                "inputs": {"sold_units": 9, "window_days": 1.0, "lead_time_days": 2.0, "case_pack": 6, "on_hand": 10}, "read_position": 4711,
            }
        }
    )  # fmt: skip

    position: int
    store: str
    sku: str
    at_ms: int
    order_id: str | None
    quantity: int
    rule: str
    rule_version: int
    reason: str
    constraint: str
    inputs: dict[str, Any]
    read_position: int


class ReplannedOut(BaseModel):
    """What a planning run came to."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"decided": 7, "ordered": 1, "unchanged": 0, "outdated": 0}}
    )

    decided: int
    ordered: int
    unchanged: int
    outdated: int


@router.get("/orders", summary="Orders", responses=responses(404, 422, 503))
async def get_orders(store: str, hub: Hub, state: OrderState | None = None) -> list[OrderOut]:
    """Return orders, newest first."""
    return [
        OrderOut(**row)
        for row in await hub.read(lambda connection: overview.orders(connection, store, state))
    ]


@router.post(
    "/orders/{order_id}/{action}",
    summary="Take an order a step further",
    responses=responses(404, 409, 422, 503),
)
async def post_order(
    store: str,  # noqa: ARG001 - part of the address; an order's name is unique over all stores
    order_id: str,
    action: Literal["approve", "refuse", "cancel", "send", "ship", "receive"],
    hub: Hub,
    by: Annotated[str, Query(max_length=200, description="who decided")] = "",
) -> OrderOut:
    """Approve, refuse, cancel, send, ship or receive an order; a step that is not allowed answers 409.

    Receiving closes the order; the goods themselves come in through ``POST /v1/receipts``.
    """
    now, state = hub.clock(), _ACTIONS[action]
    row = await hub.write(
        lambda transaction: change_order(transaction, order_id, state, by=by.replace("\0", "?"), now=now)
    )
    return OrderOut(**overview.order_out(row))


@router.post("/replan", summary="Plan now", responses=responses(404, 422, 503))
async def post_replan(store: str, hub: Hub) -> ReplannedOut:
    """Decide for every product what to order; decisions whose inputs changed meanwhile are thrown away."""
    now, stale = hub.clock(), hub.stale_after_ms
    planned = await hub.compute(lambda connection: plan(connection, store, now, stale_after_ms=stale))
    outcome = await hub.write(
        lambda transaction: commit_plan(transaction, planned, now, stale_after_ms=stale)
    )
    return ReplannedOut(**msgspec.to_builtins(outcome))


@router.get("/decisions", summary="Decisions and their reasons", responses=responses(404, 422, 503))
async def get_decisions(
    store: str, hub: Hub, sku: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[DecisionOut]:
    """Return decisions, newest first, those not to order too."""
    found = await hub.read(lambda connection: overview.decisions(connection, store, sku=sku, limit=limit))
    return [DecisionOut(**row) for row in found]
