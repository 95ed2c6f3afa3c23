"""Shopify order and refund webhooks (Admin REST payloads).

An order is sold when it is paid, wholly or by now partly refunded; an order that is cancelled, a test, or
not paid yet has no lines. Its lines are named by the order's id and their place in ``line_items``, which
keeps the order of creation, so ``orders/create`` and ``orders/paid`` name them alike. The product is the
line's SKU, else its variant, else its product, else the words of a custom sale; a gift card is no goods.

A refund (``refunds/create``) brings back the units of its ``refund_line_items`` that were restocked; they
are named by order and refund. ``no_restock`` is money only. ``cancel`` restocks units that were never
handed over: it counts only when the order itself was counted.

Whether a request is Shopify's is decided before anything is read, by its signature; see the hub.

Sources: shopify.dev, Admin REST reference "Order", "Refund" and "Webhook" (2024 to 2026 versions).
"""

from functools import partial
from typing import Any, Final

import msgspec

from contract.errors import FrameError
from contract.wire.till import (
    MAX_LINES,
    Entry,
    Id,
    Notice,
    Number,
    SaleLine,
    Text,
    TillReport,
    code_of,
    ignored,
    moment,
    plain,
    price_of,
    read_entry,
    read_json,
    refused,
    units_of,
)

TOPICS: Final = (
    "orders/create", "orders/paid", "orders/updated", "orders/fulfilled", "orders/partially_fulfilled", "orders/cancelled",
    "refunds/create",
)  # fmt: skip
"""Topics that tell of goods; others are ignored."""

_PAID: Final = ("paid", "partially_refunded", "refunded")


class _LineItem(msgspec.Struct, frozen=True):
    id: Id | None = None
    variant_id: Id | None = None
    product_id: Id | None = None
    sku: Text | None = None
    name: Text | None = None
    title: Text | None = None
    quantity: Number | None = None
    price: Number | None = None
    gift_card: Any = False


class _Order(msgspec.Struct, frozen=True):
    id: Id
    created_at: Text | None = None
    location_id: Id | None = None
    financial_status: Text | None = None
    cancelled_at: Text | None = None
    test: Any = False
    line_items: list[Any] | None = None


class _RefundLine(msgspec.Struct, frozen=True):
    quantity: Number | None = None
    restock_type: Text | None = None
    location_id: Id | None = None
    price: Number | None = None
    line_item: _LineItem = _LineItem()


class _Refund(msgspec.Struct, frozen=True):
    id: Id
    order_id: Id
    created_at: Text | None = None
    refund_line_items: list[Any] | None = None


def parse_webhook(body: bytes, topic: str | None = None) -> TillReport:
    """Read one webhook.

    Args:
        body: the raw request body.
        topic: the header ``X-Shopify-Topic``; without one the body's fields decide.
    """
    if topic is not None and topic not in TOPICS:
        return ignored("topic", topic[:100])
    try:
        value = read_json(body)
        if not isinstance(value, dict):
            return refused("value", value, "the body is not one order or refund")
        if "refund_line_items" in value:
            return _refund(msgspec.convert(value, _Refund))
        if "order_id" in value:
            return ignored("not_an_order")
        return _order(msgspec.convert(value, _Order))
    except (msgspec.ValidationError, RecursionError) as error:
        return refused("value", body, f"the body is no order or refund: {error}")
    except FrameError as error:
        return refused(error.reason, body, error.detail)


def _order(order: _Order) -> TillReport:
    order_id = plain("order id", str(order.id))
    if order.cancelled_at is not None:
        return TillReport(
            state="cancelled", entries=(Notice("cancelled", order.cancelled_at),), order_id=order_id
        )
    if order.test is True:
        return TillReport(state="test", entries=(Notice("test_order"),), order_id=order_id)
    if order.financial_status is not None and order.financial_status not in _PAID:
        return TillReport(
            state="open", entries=(Notice("not_paid", order.financial_status),), order_id=order_id
        )
    if order.line_items is None:
        return ignored("no_line_items", order_id=order_id)
    at = moment("created_at", order.created_at)
    place = None if order.location_id is None else str(order.location_id)
    if len(order.line_items) > MAX_LINES:
        raise FrameError(
            "value", f"the order has {len(order.line_items)} lines, at most {MAX_LINES} are read"
        )

    def read(number: int, value: Any) -> Entry:
        item = msgspec.convert(value, _LineItem)
        quantity = units_of(item.quantity, least=0)
        if item.gift_card is True:
            return Notice("gift_card", f"line {number}")
        if quantity == 0:
            return Notice("no_units", f"line {number}")
        return SaleLine(
            sale_id=order_id,
            line=number,
            code=_code(item),
            quantity=quantity,
            price=price_of(item.price),
            sold_at=order.created_at or "",
            at=at,
            store=place,
        )

    entries = tuple(
        read_entry(number, value, partial(read, number)) for number, value in enumerate(order.line_items, 1)
    )
    return TillReport(state="sold", entries=entries or (Notice("no_line_items"),), order_id=order_id)


def _refund(refund: _Refund) -> TillReport:
    order_id = plain("order id", str(refund.order_id))
    name = plain("refund id", f"{order_id}-{refund.id}")
    at = moment("created_at", refund.created_at)
    values = refund.refund_line_items or []
    if len(values) > MAX_LINES:
        raise FrameError("value", f"the refund has {len(values)} lines, at most {MAX_LINES} are read")

    def read(number: int, value: Any) -> Entry:
        line = msgspec.convert(value, _RefundLine)
        quantity = units_of(line.quantity, least=0)
        if line.line_item.gift_card is True:
            return Notice("gift_card", f"line {number}")
        if line.restock_type == "no_restock":
            return Notice("not_restocked", f"line {number}")
        if quantity == 0:
            return Notice("no_units", f"line {number}")
        return SaleLine(
            sale_id=name,
            line=number,
            code=_code(line.line_item),
            quantity=-quantity,
            price=price_of(line.line_item.price if line.price is None else line.price),
            sold_at=refund.created_at or "",
            at=at,
            store=None if line.location_id is None else str(line.location_id),
        )

    entries = tuple(
        read_entry(number, value, partial(read, number)) for number, value in enumerate(values, 1)
    )
    return TillReport(
        state="returned",
        entries=entries or (Notice("no_goods_came_back"),),
        order_id=name,
        of_order=order_id,
        only_if_sold=any(isinstance(one, dict) and one.get("restock_type") == "cancel" for one in values),
    )


def _code(item: _LineItem) -> str:
    return code_of(item.sku, item.variant_id, item.product_id, item.name, item.title)
