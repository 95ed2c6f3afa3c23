"""Gates: what is expected, what came through, and a person's word on it."""

from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from contract.errors import MessageError
from contract.sscc import parse_sscc
from hub.api.commerce import AcceptedOut, EpcText, Name, Slug, body_text
from hub.api.context import Hub
from hub.api.errors import responses
from hub.model import GoodsNoticed, NoticeCarton, NoticeLine
from hub.services import gates as service
from hub.services import notices

router = APIRouter(prefix="/v1", tags=["gates"])

MAX_WORDS: Final = 20_000
Way = Literal["in", "out"]
NoticeState = Literal["open", "closed", "cancelled"]
BatchState = Literal["incomplete", "waiting", "confirmed", "lapsed"]


def _sscc(text: str) -> str:
    try:
        return parse_sscc(text)
    except MessageError as error:
        raise ValueError(str(error)) from error


def _plain(text: str) -> str:
    return text.replace("\0", "?")


Sscc = Annotated[str, Field(max_length=130, description="18 digits, or the EPC"), AfterValidator(_sscc)]
Who = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
Note = Annotated[str, Field(max_length=1000), AfterValidator(_plain)]
Limit = Annotated[int, Query(ge=1, le=200)]


class NoticeLineIn(BaseModel):
    """Expected goods: one tag, with its SKU where that is known, or a quantity of a SKU."""

    model_config = ConfigDict(extra="forbid")

    epc: EpcText | None = None
    sku: Name | None = Field(default=None, description="SKU, GTIN or mapped code")
    quantity: int = Field(default=1, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _one_thing(self) -> "NoticeLineIn":
        if self.epc is None and self.sku is None:
            raise ValueError("say epc or sku")
        if self.epc is not None and self.quantity != 1:
            raise ValueError("a line with an epc is one unit")
        return self

    def line(self) -> NoticeLine:
        """Return the line of the event."""
        return NoticeLine(epc=self.epc, sku=self.sku, quantity=self.quantity)


class CartonIn(BaseModel):
    """An expected carton and its contents."""

    model_config = ConfigDict(extra="forbid")

    sscc: Sscc
    lines: list[NoticeLineIn] = Field(default_factory=list, max_length=notices.MAX_LINES)


class NoticeIn(BaseModel):
    """A notice of goods to come or to leave."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "notice_id": "asn-4711", "gate": "gate-1", "direction": "in", "by": "erp",
                "lines": [{"epc": "3034257BF7194E4000001A85"}, {"sku": "ocean-heart", "quantity": 12}],
                "cartons": [{"sscc": "106141412345678908", "lines": [{"sku": "moon-shadow", "quantity": 6}]}],
            }
        },
    )  # fmt: skip

    notice_id: Name
    gate: Slug
    direction: Way = "in"
    lines: list[NoticeLineIn] = Field(default_factory=list, max_length=notices.MAX_LINES)
    cartons: list[CartonIn] = Field(default_factory=list, max_length=notices.MAX_LINES)
    trust_cartons: bool = Field(
        default=True, description="a carton that was seen stands for those of its contents that were not"
    )
    by: Who = ""

    def event(self, now: int) -> GoodsNoticed:
        """Return the ledger event."""
        return GoodsNoticed(
            at=now,
            notice_id=self.notice_id,
            gate=self.gate,
            direction=self.direction,
            lines=tuple(line.line() for line in self.lines),
            cartons=tuple(
                NoticeCarton(sscc=one.sscc, lines=tuple(line.line() for line in one.lines))
                for one in self.cartons
            ),
            trust_cartons=self.trust_cartons,
            by=self.by,
        )


class NoticeOut(BaseModel):
    """A notice, and what it still asks for after the batches that were confirmed."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "notice_id": "asn-4711", "store": "popup-1", "gate": "gate-1", "direction": "in", "state": "open", "by": "erp",
                "told_ms": 1_790_000_000_000, "changed_ms": 1_790_000_000_000, "trust_cartons": True, "units": 19, "open_units": 12,
                "open_epcs": [], "open_quantities": {"ocean-heart": 12}, "open_cartons": [], "batches": ["gate-1-1790000000000"],
            }
        }
    )  # fmt: skip

    notice_id: str
    store: str
    gate: str
    direction: Way
    state: NoticeState
    by: str
    told_ms: int
    changed_ms: int
    trust_cartons: bool
    units: int
    open_units: int
    open_epcs: list[str]
    open_quantities: dict[str, int]
    open_cartons: list[str]
    batches: list[str]


class ClosedIn(BaseModel):
    """Who closes or cancels a notice."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"by": "li"}})

    by: Who = ""


class BatchOut(BaseModel):
    """A batch and what its verdict amounts to; ``notice_id`` is the notice it was compared with."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "batch_id": "gate-1-1790000000000", "store": "popup-1", "gate": "gate-1", "direction": "in",
                "started_ms": 1_790_000_000_000, "ended_ms": 1_790_000_009_000, "device": "reader-1", "strays": 3, "suspect": False,
                "state": "waiting", "light": "doubt", "notice_id": "asn-4711", "overlaps": {"asn-4711": 7},
                "counts": {"expected": 7, "by_carton": 0, "missing": 12, "unexpected": 1, "undecided": 0, "other_way": 0, "turned": 0},
                "confirmed_by": None, "confirmed_ms": None, "note": "",
            }
        }
    )  # fmt: skip

    batch_id: str
    store: str
    gate: str
    direction: Way | None = Field(description="null for a batch that lapsed")
    started_ms: int
    ended_ms: int
    device: str
    strays: int
    suspect: bool
    state: BatchState
    light: Literal["ok", "doubt", "empty"] | None
    notice_id: str | None
    overlaps: dict[str, int]
    counts: dict[str, int]
    confirmed_by: str | None
    confirmed_ms: int | None
    note: str


class BatchesOut(BaseModel):
    """A page of batches, the newest first; ``next_before`` asks for the next one, null on the last."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"batches": [], "next_before": "1790000009000:gate-1-1790000000000"}}
    )

    batches: list[BatchOut]
    next_before: str | None


class TagOut(BaseModel):
    """A tag and what it stands for; ``sscc`` for a carton's."""

    epc: str
    sku: str | None
    name: str | None
    name_zh: str | None
    sscc: str | None


class FullBatchOut(BatchOut):
    """A batch with its verdict in full."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **BatchOut.model_config["json_schema_extra"]["example"],  # type: ignore[index,dict-item]
                "expected": [{"epc": "3034257BF7194E4000001A85", "sku": "ocean-heart", "name": "Ocean Heart", "name_zh": "海洋之心", "sscc": None}],
                "by_carton": [], "missing": [], "unexpected": [], "undecided": [], "other_way": [], "turned": [], "undecided_expected": [],
                "by_carton_units": {}, "missing_units": {"ocean-heart": 12}, "missing_cartons": [], "accepted": [], "rejected": [],
            }
        }
    )  # fmt: skip

    expected: list[TagOut]
    by_carton: list[TagOut]
    missing: list[TagOut]
    unexpected: list[TagOut]
    undecided: list[TagOut]
    other_way: list[TagOut]
    turned: list[TagOut]
    undecided_expected: list[str]
    by_carton_units: dict[str, int]
    missing_units: dict[str, int]
    missing_cartons: list[str]
    accepted: list[str]
    rejected: list[str]


class WordIn(BaseModel):
    """A person's word on a batch: every unexpected and every undecided EPC needs one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"by": "li", "accept": ["3034257BF7194E4000001A85"], "reject": [], "note": "one more than on the paper"}
        },
    )  # fmt: skip

    by: Annotated[Name, AfterValidator(_plain)]
    accept: list[EpcText] = Field(default_factory=list, max_length=MAX_WORDS)
    reject: list[EpcText] = Field(default_factory=list, max_length=MAX_WORDS)
    note: Note = ""
    incomplete: bool = Field(default=False, description="confirm though parts of the batch have not come")


class ConfirmedOut(BaseModel):
    """What became of it; a repeat posted nothing, because the same had been confirmed already."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "store": "popup-1", "batch_id": "gate-1-1790000000000", "direction": "in", "receipt_id": "gate:gate-1-1790000000000",
                "lines": 2, "units": 8, "repeat": False, "notice_id": "asn-4711", "notice_state": "open", "position": 4713,
            }
        }
    )  # fmt: skip

    store: str
    batch_id: str
    direction: Way
    receipt_id: str
    lines: int
    units: int
    repeat: bool
    notice_id: str | None
    notice_state: NoticeState | None
    position: int


@router.post("/stores/{store}/expected", summary="Announce goods", responses=responses(409, 422, 503))
async def post_notice(store: Slug, body: NoticeIn, hub: Hub) -> AcceptedOut:
    """Record what shall come through a gate. ``notice_id`` names it: telling it twice counts once."""
    now = hub.clock()
    outcome = await hub.write(
        lambda transaction: notices.announce(transaction, store, [body.event(now)], now)
    )
    return AcceptedOut(recorded=outcome.recorded, repeats=outcome.repeats, position=outcome.position)


@router.post(
    "/stores/{store}/expected/csv",
    summary="Announce goods from a file",
    responses=responses(409, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {
                    "example": "notice_id,sscc,epc,sku,quantity\nasn-4711,,3034257BF7194E4000001A85,,\nasn-4711,106141412345678908,,moon-shadow,6\n"
                }
            },
        }
    },
)
async def post_notices_csv(
    store: Slug,
    request: Request,
    hub: Hub,
    gate: Annotated[Slug | None, Query(description="gate of rows without one")] = None,
    direction: Way = "in",
    trust_cartons: bool = True,
    by: Annotated[str, Query(max_length=200)] = "",
    file: Annotated[str, Query(max_length=200, description="the file's name, for messages")] = "expected.csv",
) -> AcceptedOut:
    """Record notices from CSV, all or none; an error names line, column and what was expected."""
    now = hub.clock()
    text = await body_text(request)
    told = notices.parse_notices(
        text, file, now, gate=gate, direction=direction, trust_cartons=trust_cartons, by=_plain(by)
    )
    outcome = await hub.write(lambda transaction: notices.announce(transaction, store, told, now))
    return AcceptedOut(recorded=outcome.recorded, repeats=outcome.repeats, position=outcome.position)


@router.get("/stores/{store}/expected", summary="Announced goods", responses=responses(404, 422, 503))
async def get_notices(
    store: Slug,
    hub: Hub,
    gate: Slug | None = None,
    state: NoticeState | None = None,
    limit: Limit = 50,
) -> list[NoticeOut]:
    """Return notices with what each still asks for, the newest first."""
    found = await hub.compute(
        lambda connection: notices.listed(connection, store, gate=gate, state=state, limit=limit)
    )
    return [NoticeOut(**row) for row in found]


@router.get(
    "/stores/{store}/expected/{notice_id:path}", summary="One notice", responses=responses(404, 422, 503)
)
async def get_notice(store: Slug, notice_id: str, hub: Hub) -> NoticeOut:
    """Return a notice with what it still asks for."""
    return NoticeOut(**await hub.compute(lambda connection: notices.one(connection, store, notice_id)))


@router.post(
    "/stores/{store}/expected/{notice_id:path}/{action}",
    summary="Close or cancel a notice",
    responses=responses(404, 409, 422, 503),
)
async def post_notice_action(
    store: Slug, notice_id: str, action: Literal["close", "cancel"], body: ClosedIn, hub: Hub
) -> NoticeOut:
    """Expect nothing more of a notice: ``close`` a delivery that fell short, ``cancel`` a mistake."""
    now = hub.clock()
    state: Literal["closed", "cancelled"] = "closed" if action == "close" else "cancelled"
    changed = await hub.write(
        lambda transaction: notices.change(transaction, store, notice_id, state, by=body.by, now=now)
    )
    return NoticeOut(**changed)


@router.get("/stores/{store}/gate/batches", summary="What came through", responses=responses(404, 422, 503))
async def get_batches(
    store: Slug,
    hub: Hub,
    gate: Slug | None = None,
    before: Annotated[
        str | None,
        Query(pattern=r"^\d{1,13}:[a-z0-9_-]{1,64}$", description="``next_before`` of the page before"),
    ] = None,
    limit: Limit = 20,
) -> BatchesOut:
    """Return batches with their verdicts, the newest first, a page at a time."""
    ended_ms, _, batch_id = (before or "").partition(":")
    place = (int(ended_ms), batch_id) if before else None
    found = await hub.compute(
        lambda connection: service.listed(connection, store, gate=gate, before=place, limit=limit + 1)
    )
    page = [BatchOut(**row) for row in found[:limit]]
    more = len(found) > limit
    return BatchesOut(batches=page, next_before=f"{page[-1].ended_ms}:{page[-1].batch_id}" if more else None)


@router.get(
    "/stores/{store}/gate/batches/{batch_id}", summary="One batch", responses=responses(404, 422, 503)
)
async def get_batch(store: Slug, batch_id: Slug, hub: Hub) -> FullBatchOut:
    """Return a batch and its verdict in full, every tag with what it stands for."""
    return FullBatchOut(**await hub.compute(lambda connection: service.one(connection, store, batch_id)))


@router.post(
    "/gate/batches/{batch_id}/confirm", summary="Confirm a batch", responses=responses(404, 409, 422, 503)
)
async def post_confirmation(
    batch_id: Slug, body: WordIn, hub: Hub, store: Slug | None = None
) -> ConfirmedOut:
    """Post a batch's goods as received or dispatched, once; unexpected and undecided EPCs need a word.

    What is missing stays open on the notice. A confirmation cannot be taken back: a correction is a new fact.
    """
    now = hub.clock()
    word = service.Word(
        by=body.by,
        accept=frozenset(body.accept),
        reject=frozenset(body.reject),
        note=body.note,
        incomplete=body.incomplete,
    )
    outcome = await hub.write(lambda transaction: service.confirm(transaction, batch_id, store, word, now))
    return ConfirmedOut(**msgspec.structs.asdict(outcome))
