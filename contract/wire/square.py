"""Square order webhooks, and orders as Square's API returns them.

``order.created`` and ``order.updated`` say only that an order has another version and which state it is in;
the lines are in the order itself, which has to be fetched (``GET /v2/orders/ID``). So a completed order
without lines is *to fetch*; the API's answer ``{"order": {…}}``, or a webhook that carries the order, has
them. Several versions of one order arrive, in any order: the highest stands, and only COMPLETED counts.

Lines are named by the order's id and their place, lines of ``returns`` behind those of ``line_items``. The
product is the line's catalogue object (Square's number of the variation), else its words; a custom amount
is no goods. Quantities are decimal text; a fraction of a unit (goods by weight) is refused, as stock counts
whole units. Money is in the currency's smallest unit.

Sources: developer.squareup.com, API reference "Orders", webhooks ``order.created`` and ``order.updated``.
What a till really sends was not seen: these are documented shapes.
"""

from functools import partial
from typing import Annotated, Any, Final

import msgspec

from contract.errors import FrameError
from contract.wire.till import (
    MAX_LINES,
    Entry,
    Notice,
    Number,
    SaleLine,
    State,
    Text,
    TillReport,
    code_of,
    ignored,
    moment,
    plain,
    read_entry,
    read_json,
    refused,
    units_of,
)

_NO_MINOR_UNIT: Final = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
})  # fmt: skip
"""ISO 4217 currencies whose smallest unit is the unit."""

_EVENTS: Final = ("order_created", "order_updated")


class _Money(msgspec.Struct, frozen=True):
    amount: Annotated[int, msgspec.Meta(ge=0, le=10**11)] | None = None
    currency: Text = "USD"


class _Item(msgspec.Struct, frozen=True):
    uid: Text | None = None
    catalog_object_id: Text | None = None
    name: Text | None = None
    variation_name: Text | None = None
    item_type: Text | None = None
    quantity: Number | None = None
    base_price_money: _Money | None = None


class _Return(msgspec.Struct, frozen=True):
    return_line_items: list[Any] | None = None


class _Order(msgspec.Struct, frozen=True):
    """Fields of an order, and of the webhook's short form of it."""

    id: Text | None = None
    order_id: Text | None = None
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    location_id: Text | None = None
    state: Text | None = None
    created_at: Text | None = None
    updated_at: Text | None = None
    closed_at: Text | None = None
    line_items: list[Any] | None = None
    returns: list[_Return] | None = None


def parse_webhook(body: bytes) -> TillReport:
    """Read one webhook, or one order as the API returns it."""
    try:
        value = read_json(body)
        if not isinstance(value, dict):
            return refused("value", value, "the body is not one event or order")
        found = _order_in(value)
        if found is None:
            return ignored("event", str(value.get("type"))[:100])
        return _report(msgspec.convert(found, _Order))
    except (msgspec.ValidationError, RecursionError) as error:
        return refused("value", body, f"the body is no order: {error}")
    except FrameError as error:
        return refused(error.reason, body, error.detail)


def event_id(body: bytes) -> str | None:
    """Return the event's id, by which a repeat is known; None for an order without event."""
    try:
        value = read_json(body)
        return plain("event_id", value["event_id"])
    except (FrameError, KeyError, TypeError, AttributeError):
        return None


def _order_in(value: dict[str, Any]) -> Any:
    """Return the order of a body, whole where it is there; None when the body is about something else."""
    if "order" in value:
        return value["order"]
    data = value.get("data")
    content = data.get("object") if isinstance(data, dict) else None
    if isinstance(content, dict):
        for name in ("order", *_EVENTS):
            if name in content:
                return content[name]
    if "line_items" in value:
        return value
    if "type" in value:
        return None
    raise FrameError("value", "the body has neither an event's type nor an order")


def _report(order: _Order) -> TillReport:
    order_id = plain("order id", order.id or order.order_id or "")
    state: State
    if order.state != "COMPLETED":
        state = "cancelled" if order.state == "CANCELED" else "open"
        return TillReport(
            state=state,
            entries=(Notice("order_" + state, order.state),),
            order_id=order_id,
            version=order.version,
        )
    if order.line_items is None and order.returns is None:
        return TillReport(
            state="to_fetch",
            entries=(Notice("to_fetch", order_id),),
            order_id=order_id,
            version=order.version,
        )
    sold_at = order.closed_at or order.updated_at or order.created_at
    at = moment("closed_at", sold_at)
    back = [item for one in order.returns or () for item in one.return_line_items or ()]
    sold = order.line_items or []
    if len(sold) + len(back) > MAX_LINES:
        raise FrameError(
            "value", f"the order has {len(sold) + len(back)} lines, at most {MAX_LINES} are read"
        )
    signed = [*((1, value) for value in sold), *((-1, value) for value in back)]

    def read(number: int, sign: int, value: Any) -> Entry:
        item = msgspec.convert(value, _Item)
        if item.item_type in ("CUSTOM_AMOUNT", "GIFT_CARD"):
            return Notice(item.item_type.lower(), f"line {number}")
        quantity = units_of(item.quantity, least=0)
        if quantity == 0:
            return Notice("no_units", f"line {number}")
        return SaleLine(
            sale_id=order_id,
            line=number,
            code=code_of(item.catalog_object_id, _words(item)),
            quantity=sign * quantity,
            price=_price(item.base_price_money),
            sold_at=sold_at or "",
            at=at,
            store=order.location_id,
        )

    entries = tuple(
        read_entry(number, value, partial(read, number, sign))
        for number, (sign, value) in enumerate(signed, 1)
    )
    return TillReport(
        state="sold", entries=entries or (Notice("no_line_items"),), order_id=order_id, version=order.version
    )


def _words(item: _Item) -> str | None:
    return " ".join(word for word in (item.name, item.variation_name) if word) or None


def _price(money: _Money | None) -> float | None:
    if money is None or money.amount is None:
        return None
    return float(money.amount) if money.currency in _NO_MINOR_UNIT else money.amount / 100
