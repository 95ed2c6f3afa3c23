"""Stock-takes over HTTP: open, count, close, approve or cancel; each call may be repeated."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.api.commerce import EpcText, Moment, Name, Slug, millis
from hub.api.context import Hub
from hub.api.errors import responses
from hub.model import (
    MAX_COUNTED,
    CountedUnits,
    CountWay,
    StockCounted,
    StockTakeOpened,
    TagSeen,
)
from hub.services import stock_take as service

router = APIRouter(prefix="/v1/stores/{store}/stock-takes", tags=["stock-takes"])

Who = Annotated[str, Field(max_length=200)]
State = Literal["open", "counting", "closed", "approved", "cancelled"]
_T0: Final = 1_790_000_000_000


class OpeningIn(BaseModel):
    """What is to be counted; without zones the whole store."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"stock_take_id": "may-shelf-a", "zones": ["shelf-a"], "by": "li"}},
    )

    stock_take_id: Slug | None = Field(default=None, description="the caller's own; asking twice opens one")
    zones: list[Slug] = Field(default=[], max_length=200)
    by: Who = ""
    note: Who = ""


class TagReadIn(BaseModel):
    """A tag, and when it was read last; without that, when the count ended."""

    model_config = ConfigDict(extra="forbid")

    epc: EpcText
    read_at: Moment | None = None


class UnitsIn(BaseModel):
    """Units under one SKU, GTIN or mapped code; 0 says that nothing is there."""

    model_config = ConfigDict(extra="forbid")

    code: Name
    quantity: int = Field(ge=0, le=1_000_000)


class BatchIn(BaseModel):
    """One batch of one zone: tags by ``handheld`` or ``fixed`` reader, units by ``scanner`` or ``hand``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "batch_id": "handheld-7-0001", "zone": "shelf-a", "way": "handheld", "by": "li",
                "started_at": "2026-05-01T21:00:00+08:00", "counted_at": "2026-05-01T21:04:00+08:00",
                "epcs": [{"epc": "E28011606000020A6681F23F", "read_at": "2026-05-01T21:02:10+08:00"}],
            }
        },
    )  # fmt: skip

    batch_id: Name
    zone: Slug
    way: CountWay
    started_at: Moment | None = Field(default=None, description="when the count of the zone began")
    counted_at: Moment | None = Field(default=None, description="when it ended; now without it")
    epcs: list[EpcText | TagReadIn] = Field(default=[], max_length=MAX_COUNTED)
    lines: list[UnitsIn] = Field(default=[], max_length=MAX_COUNTED)
    by: Who = ""

    def event(self, stock_take_id: str, now: int) -> StockCounted:
        """Return the ledger event."""
        at = _ms(self.counted_at, now)
        tags: dict[str, int] = {}
        for one in self.epcs:
            epc, read_ms = (one, at) if isinstance(one, str) else (one.epc, _ms(one.read_at, at))
            tags[epc] = max(read_ms, tags.get(epc, 0))
        tags = {epc: min(read_ms, at) for epc, read_ms in tags.items()}
        earliest = min([at, *tags.values()])
        return StockCounted(
            at=at,
            stock_take_id=stock_take_id,
            batch_id=self.batch_id,
            zone=self.zone,
            way=self.way,
            started_at=_ms(self.started_at, earliest)
            if not tags
            else min(_ms(self.started_at, earliest), earliest),
            tags=tuple(TagSeen(epc, read_ms) for epc, read_ms in tags.items()),
            lines=tuple(CountedUnits(code=line.code, quantity=line.quantity) for line in self.lines),
            by=self.by.replace("\0", "?"),
        )


def _ms(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else millis(moment)


class StepIn(BaseModel):
    """Who does it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"by": "li"}})

    by: Who = ""


class ApprovalIn(BaseModel):
    """Who approves; an approval has a name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"by": "wang"}})

    by: Annotated[str, Field(min_length=1, max_length=200)]


class StepOut(BaseModel):
    """Where the stock-take stands; ``repeat`` when the step had been done before and added nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"stock_take_id": "may-shelf-a", "state": "approved", "repeat": False, "position": 4720, "commands": 1}
        }
    )  # fmt: skip

    stock_take_id: str
    state: State
    repeat: bool
    position: int
    commands: int = Field(description="commands queued that tell agents where tags were found")


class TotalsOut(BaseModel):
    """Sums over what was counted; ``value`` is that of the difference, null when no price is known."""

    expected: int
    counted: int
    difference: int
    missing: int
    unexpected: int
    misplaced: int
    value: float | None


_STOCK_TAKE: Final[dict[str, Any]] = {
    "store": "popup-1", "stock_take_id": "may-shelf-a", "state": "closed", "zones": ["shelf-a"], "opened_by": "li",
    "note": "", "opened_ms": _T0, "changed_ms": _T0 + 600_000, "changed_by": "li", "position": 4700,
    "not_counted": [], "whole": False,
    "totals": {"expected": 8, "counted": 7, "difference": -1, "missing": 1, "unexpected": 0, "misplaced": 0, "value": -299.0},
}  # fmt: skip


class StockTakeOut(BaseModel):
    """A stock-take; totals from the closing on."""

    model_config = ConfigDict(json_schema_extra={"example": _STOCK_TAKE})

    store: str
    stock_take_id: str
    state: State
    zones: list[str] = Field(description="what is to be counted; empty for the whole store")
    opened_by: str
    note: str
    opened_ms: int
    changed_ms: int
    changed_by: str
    position: int
    not_counted: list[str]
    whole: bool = Field(description="the whole store was counted, so that what is in no zone starts anew")
    totals: TotalsOut | None


class BatchOut(BaseModel):
    """One batch, by its sums."""

    batch_id: str
    zone: str
    way: CountWay
    started_ms: int
    counted_ms: int
    by: str
    tags: int
    units: int


class MisplacedOut(BaseModel):
    """A tag that was found in another zone than the ledger had it in."""

    epc: str
    expected_zone: str


class VarianceLineOut(BaseModel):
    """One SKU in one zone; zone is null for units in hand or nobody knows where."""

    sku: str | None
    name: str | None
    name_zh: str | None
    zone: str | None
    expected: int
    counted: int | None = Field(description="null when it was not counted here; it stays as it is")
    difference: int | None
    moved: int = Field(description="part of the difference that sightings during the count explain")
    missing: list[str]
    unexpected: list[str]
    misplaced: list[MisplacedOut]
    price: float | None
    value: float | None


class StockTakeDetailOut(StockTakeOut):
    """A stock-take with its batches and its variance."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_STOCK_TAKE,
                "batches": [
                    {"batch_id": "handheld-7-0001", "zone": "shelf-a", "way": "handheld", "started_ms": _T0, "counted_ms": _T0 + 240_000, "by": "li", "tags": 7, "units": 0}
                ],
                "lines": [
                    {
                        "sku": "ocean-heart", "name": "Ocean Heart", "name_zh": "海洋之心", "zone": "shelf-a", "expected": 8, "counted": 7,
                        "difference": -1, "moved": 0, "missing": ["E28011606000020A6681F23F"], "unexpected": [], "misplaced": [],
                        "price": 299.0, "value": -299.0,
                    }
                ],
            }
        }
    )  # fmt: skip

    batches: list[BatchOut]
    lines: list[VarianceLineOut]


@router.post("", summary="Open a stock-take", responses=responses(404, 409, 422, 503))
async def post_stock_take(store: Slug, body: OpeningIn, hub: Hub) -> StepOut:
    """Begin to count zones, or the whole store. Nothing changes until it is approved."""
    now = hub.clock()
    opened = StockTakeOpened(
        at=now,
        stock_take_id=body.stock_take_id or f"st-{now}",
        zones=tuple(dict.fromkeys(body.zones)),
        by=body.by.replace("\0", "?"),
        note=body.note.replace("\0", "?"),
    )
    return _out(await hub.write(lambda transaction: service.open_take(transaction, store, opened, now)))


@router.post("/{stock_take_id}/counts", summary="Add a batch", responses=responses(404, 409, 422, 503))
async def post_count(store: Slug, stock_take_id: Slug, body: BatchIn, hub: Hub) -> StepOut:
    """Add what was counted in one zone. The same batch again adds nothing, the same tag again counts once.

    A batch of ``fixed`` readers without EPCs stands for what they hold present in the zone now; it is refused
    while the zone cannot be seen.
    """
    now = hub.clock()
    batch, stale = body.event(stock_take_id, now), hub.stale_after_ms
    job = lambda transaction: service.count(transaction, store, batch, now, stale_after_ms=stale)  # noqa: E731
    return _out(await hub.write(job))


@router.post("/{stock_take_id}/close", summary="End the counting", responses=responses(404, 409, 422, 503))
async def post_close(store: Slug, stock_take_id: Slug, hub: Hub, body: StepIn | None = None) -> StepOut:
    """Compute the variance as of the time of the count, and take no more batches."""
    now, by = hub.clock(), (body.by if body is not None else "").replace("\0", "?")
    closing = await hub.compute(lambda connection: service.compare(connection, store, stock_take_id, by, now))
    return _out(await hub.write(lambda transaction: service.close(transaction, store, closing, now)))


@router.post("/{stock_take_id}/approve", summary="Post it, once", responses=responses(404, 409, 422, 503))
async def post_approval(store: Slug, stock_take_id: Slug, body: ApprovalIn, hub: Hub) -> StepOut:
    """Let on-hand start from the count, from the time of the count on. Approving twice posts once."""
    now, by = hub.clock(), body.by.replace("\0", "?")
    return _out(
        await hub.write(lambda transaction: service.approve(transaction, store, stock_take_id, by, now))
    )


@router.post("/{stock_take_id}/cancel", summary="Give it up", responses=responses(404, 409, 422, 503))
async def post_cancel(store: Slug, stock_take_id: Slug, hub: Hub, body: StepIn | None = None) -> StepOut:
    """End a stock-take that is not approved; no figure changes."""
    now, by = hub.clock(), (body.by if body is not None else "").replace("\0", "?")
    return _out(
        await hub.write(lambda transaction: service.cancel(transaction, store, stock_take_id, by, now))
    )


@router.get("", summary="Stock-takes of a store", responses=responses(404, 422, 503))
async def get_stock_takes(
    store: Slug, hub: Hub, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> list[StockTakeOut]:
    """Return stock-takes with their totals, the last opened first."""
    found = await hub.compute(lambda connection: service.listed(connection, store, limit))
    return [StockTakeOut(**row) for row in found]


@router.get("/{stock_take_id}", summary="A stock-take and its variance", responses=responses(404, 422, 503))
async def get_stock_take(store: Slug, stock_take_id: Slug, hub: Hub) -> StockTakeDetailOut:
    """Return a stock-take with its batches and, once it is closed, its variance per SKU and zone."""
    return StockTakeDetailOut(
        **await hub.compute(lambda connection: service.shown(connection, store, stock_take_id))
    )


@router.get(
    "/{stock_take_id}/variance.csv",
    summary="The variance as CSV",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {"example": "sku,zone,expected,counted,difference,…"}}},
        **responses(404, 422, 503),
    },
)
async def get_variance(store: Slug, stock_take_id: Slug, hub: Hub) -> Response:
    """Return the variance, a line per SKU and zone; only the header before the closing."""
    text = await hub.compute(lambda connection: service.as_csv(connection, store, stock_take_id))
    name = f'attachment; filename="{store}-{stock_take_id}.csv"'
    return Response(text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


def _out(step: service.Step) -> StepOut:
    return StepOut(
        stock_take_id=step.stock_take_id,
        state=step.state,  # type: ignore[arg-type]
        repeat=step.repeat,
        position=step.position,
        commands=step.commands,
    )
