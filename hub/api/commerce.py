"""Commerce: sales, goods received and adjustments, as facts for the ledger."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from contract.errors import ConfigError, MessageError
from contract.ids import parse_epc, parse_slug
from hub.api.context import Hub
from hub.api.errors import responses
from hub.model import Adjusted, GoodsReceived
from hub.services import overview
from hub.services.catalogue import parse_sales
from hub.services.receive import adjust, receive
from hub.services.sell import Accepted, SaleEvent, event_of, sell

router = APIRouter(prefix="/v1", tags=["commerce"])

MAX_MS: Final = 9_999_999_999_999
MAX_CSV_BYTES: Final = 8 * 1024 * 1024


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(
            "the time needs an offset, for example 2026-05-01T10:00:00Z or 2026-05-01T18:00:00+08:00"
        )
    return moment


def _plain(text: str) -> str:
    if "\0" in text:
        raise ValueError("the character U+0000 is not allowed")
    return text


def _epc(text: str) -> str:
    try:
        return parse_epc(text)
    except MessageError as error:
        raise ValueError(str(error)) from error


def _slug(text: str) -> str:
    try:
        return parse_slug("store or zone", text)
    except MessageError as error:
        raise ValueError(str(error)) from error


Moment = Annotated[datetime, AfterValidator(_aware)]
Slug = Annotated[str, Field(description="[a-z0-9_-], 1 to 64 characters"), AfterValidator(_slug)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
EpcText = Annotated[str, AfterValidator(_epc)]


def millis(moment: datetime) -> int:
    """Return a moment as ms since 1970-01-01 UTC."""
    return min(MAX_MS, max(0, round(moment.timestamp() * 1000)))


async def body_text(request: Request) -> str:
    """Return a request's body as text. Raises ConfigError for too many bytes and for what is not UTF-8."""
    body = await request.body()
    if len(body) > MAX_CSV_BYTES:
        raise ConfigError(f"the file has {len(body)} bytes, at most {MAX_CSV_BYTES} are allowed")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"the file is not UTF-8 text: {error.reason} at byte {error.start}") from error


class SaleLineIn(BaseModel):
    """One line of a sale; say ``sku`` or ``gtin``."""

    model_config = ConfigDict(extra="forbid")

    sale_id: Name
    line: int = Field(default=1, ge=1, le=100_000)
    store: Slug
    sold_at: Moment
    sku: Name | None = None
    gtin: Annotated[str, Field(pattern=r"^\d{8,14}$")] | None = None
    quantity: int = Field(default=1, ge=-1_000_000, le=1_000_000, description="below zero for a return")
    price: float | None = Field(default=None, ge=0, le=1e9)
    epc: EpcText | None = None

    @model_validator(mode="after")
    def _one_code(self) -> "SaleLineIn":
        if (self.sku is None) == (self.gtin is None):
            raise ValueError("say either sku or gtin")
        if self.quantity == 0:
            raise ValueError("quantity 0 is neither a sale nor a return")
        return self

    def event(self) -> SaleEvent:
        """Return the ledger event."""
        return event_of(
            (self.sale_id, self.line),
            at=millis(self.sold_at),
            code=self.sku or self.gtin or "",
            quantity=self.quantity,
            price=self.price,
            epc=self.epc,
        )


class SalesIn(BaseModel):
    """Lines of one or more sales."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "lines": [
                    {
                        "sale_id": "till-1-000042",
                        "line": 1,
                        "store": "popup-1",
                        "sku": "ocean-heart",
                        "quantity": 1,
                        "price": 299.0,
                        "sold_at": "2026-05-01T18:05:00+08:00",
                    }
                ]
            }
        },
    )

    lines: list[SaleLineIn] = Field(min_length=1, max_length=1000)


class AcceptedOut(BaseModel):
    """What became of the lines; a repeat is a line the ledger had already and has no effect."""

    recorded: int
    repeats: int
    position: int = Field(description="ledger position after it")

    model_config = {"json_schema_extra": {"example": {"recorded": 1, "repeats": 0, "position": 4712}}}


def merge(outcomes: Iterable[Accepted]) -> Accepted:
    """Add up what became of several stores' lines."""
    every = list(outcomes)
    return Accepted(
        recorded=sum(one.recorded for one in every),
        repeats=sum(one.repeats for one in every),
        position=every[-1].position,
    )


@router.post("/sales", summary="Record sale lines", responses=responses(409, 422, 503))
async def post_sales(body: SalesIn, hub: Hub) -> AcceptedOut:
    """Record lines of sales and returns, all or none. (``sale_id``, ``line``) names a line: telling it twice counts once."""
    now = hub.clock()
    by_store: dict[str, list[SaleEvent]] = {}
    for line in body.lines:
        by_store.setdefault(line.store, []).append(line.event())
    return _accepted(
        await hub.write(
            lambda transaction: merge(sell(transaction, name, lines, now) for name, lines in by_store.items())
        )
    )


class SaleOut(BaseModel):
    """A recorded line; ``quantity`` is below zero for a return, ``mapped`` false while nobody knows its code."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "sale_id": "till-1-000042", "line": 1, "sku": "ocean-heart", "mapped": True, "quantity": 1, "price": 299.0, "epc": None,
                "sold_ms": 1_777_629_900_000, "position": 4712,
            }
        }
    )  # fmt: skip

    sale_id: str
    line: int
    sku: str
    mapped: bool
    quantity: int
    price: float | None
    epc: str | None
    sold_ms: int
    position: int


class ReceiptLineIn(BaseModel):
    """One line of a delivery note; goods by EPC list or by quantity."""

    model_config = ConfigDict(extra="forbid")

    receipt_id: Name
    line: int = Field(default=1, ge=1, le=100_000)
    store: Slug
    received_at: Moment
    sku: Name
    quantity: int | None = Field(default=None, ge=1, le=1_000_000)
    epcs: list[EpcText] = Field(default_factory=list, max_length=10_000)
    zone: Slug | None = None

    @model_validator(mode="after")
    def _some_goods(self) -> "ReceiptLineIn":
        if self.quantity is None and not self.epcs:
            raise ValueError("say quantity or epcs")
        return self

    def event(self) -> GoodsReceived:
        """Return the ledger event."""
        return GoodsReceived(
            at=millis(self.received_at),
            receipt_id=self.receipt_id,
            line=self.line,
            code=self.sku,
            quantity=self.quantity if self.quantity is not None else len(set(self.epcs)),
            epcs=tuple(dict.fromkeys(self.epcs)),
            zone=self.zone,
        )


class ReceiptsIn(BaseModel):
    """Lines of one or more delivery notes."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "lines": [
                    {
                        "receipt_id": "dn-77", "line": 1, "store": "popup-1", "received_at": "2026-05-01T09:00:00+08:00",
                        "sku": "ocean-heart", "quantity": 12, "zone": "backroom",
                    }
                ]
            }
        },
    )  # fmt: skip

    lines: list[ReceiptLineIn] = Field(min_length=1, max_length=1000)


class AdjustmentIn(BaseModel):
    """A correction: a difference in units, or what was counted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "adjustment_id": "take-3", "store": "popup-1", "adjusted_at": "2026-05-01T22:10:00+08:00", "sku": "glass-beads",
                "counted": 37, "zone": None, "reason": "stock-take",
            }
        },
    )  # fmt: skip

    adjustment_id: Name
    store: Slug
    adjusted_at: Moment
    sku: Name
    quantity: int | None = Field(default=None, ge=-1_000_000, le=1_000_000)
    counted: int | None = Field(default=None, ge=0, le=1_000_000)
    zone: Slug | None = None
    reason: Annotated[str, Field(max_length=200), AfterValidator(_plain)] = ""

    @model_validator(mode="after")
    def _one_figure(self) -> "AdjustmentIn":
        if (self.quantity is None) == (self.counted is None):
            raise ValueError("say either quantity or counted")
        return self

    def event(self) -> Adjusted:
        """Return the ledger event; the service fills in the quantity of a stock-take."""
        return Adjusted(
            at=millis(self.adjusted_at),
            adjustment_id=self.adjustment_id,
            code=self.sku,
            quantity=self.quantity or 0,
            zone=self.zone,
            reason=self.reason,
            counted=self.counted,
        )


def _accepted(outcome: Accepted) -> AcceptedOut:
    return AcceptedOut(recorded=outcome.recorded, repeats=outcome.repeats, position=outcome.position)


@router.get("/stores/{store}/sales", summary="Recorded sales", responses=responses(404, 422, 503))
async def get_sales(
    store: str,
    hub: Hub,
    since_ms: Annotated[int, Query(ge=0, le=MAX_MS)] = 0,
    until_ms: Annotated[int | None, Query(ge=0, le=MAX_MS)] = None,
) -> list[SaleOut]:
    """Return sale lines by time of sale, oldest first."""
    found = await hub.read(lambda connection: overview.sales(connection, store, since_ms, until_ms))
    return [SaleOut(**row) for row in found]


@router.post(
    "/sales/csv",
    summary="Record a till's export",
    responses=responses(409, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {
                    "example": "sale_id,line,sold_at,sku,quantity,price\n42,1,2026-05-01T18:05:00+08:00,ocean-heart,1,299\n"
                }
            },
        }
    },
)
async def post_sales_csv(
    request: Request,
    hub: Hub,
    store: Annotated[Slug | None, Query(description="store of rows without one")] = None,
) -> AcceptedOut:
    """Record sale lines from CSV, all or none; an error names line, column and what was expected."""
    sales = parse_sales(await body_text(request), "sales.csv", store)
    if not sales:
        raise ConfigError("sales.csv: has no rows")
    now = hub.clock()
    outcome = await hub.write(
        lambda transaction: merge(sell(transaction, name, lines, now) for name, lines in sales.items())
    )
    return _accepted(outcome)


@router.post("/receipts", summary="Record goods received", responses=responses(409, 422, 503))
async def post_receipts(body: ReceiptsIn, hub: Hub) -> AcceptedOut:
    """Record lines of delivery notes, all or none. (``receipt_id``, ``line``) names a line: telling it twice counts once."""
    now = hub.clock()
    by_store: dict[str, list[GoodsReceived]] = {}
    for line in body.lines:
        by_store.setdefault(line.store, []).append(line.event())
    outcome = await hub.write(
        lambda transaction: merge(receive(transaction, name, lines, now) for name, lines in by_store.items())
    )
    return _accepted(outcome)


@router.post("/adjustments", summary="Correct a stock figure", responses=responses(409, 422, 503))
async def post_adjustments(body: AdjustmentIn, hub: Hub) -> AcceptedOut:
    """Record a difference, or a count from which the difference follows; ``adjustment_id`` counts once."""
    now = hub.clock()
    return _accepted(await hub.write(lambda transaction: adjust(transaction, body.store, body.event(), now)))
