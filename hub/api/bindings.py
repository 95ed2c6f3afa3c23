"""What tags stand for: bind, unbind, the log of it, enrolment stations, duplicates."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from contract.errors import ConfigError
from hub.api.commerce import MAX_MS, EpcText, Name, Slug, body_text
from hub.api.context import Hub
from hub.api.errors import responses
from hub.ledger import reads, tag_reads
from hub.ledger.writer import Transaction
from hub.model import EVERY_STORE
from hub.services import bindings as service
from hub.services.catalogue import parse_tags
from hub.services.duplicates import duplicates
from hub.services.enrol import stations

router = APIRouter(prefix="/v1", tags=["tags"])

Who = Annotated[str, Field(max_length=200)]
Way = Literal["file", "api", "station", "receipt", "tid"]


class BindingIn(BaseModel):
    """A tag by EPC, by TID or both, and the product by SKU or by the code a scanner read."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"epc": "E28011606000020A6681F23F", "code": "6901234000016", "store": "popup-1", "by": "li"}},
    )  # fmt: skip

    epc: EpcText | None = None
    tid: EpcText | None = None
    sku: Name | None = None
    code: Name | None = Field(default=None, description="GTIN, SKU or mapped code")
    gtin: Annotated[str, Field(pattern=r"^\d{8,14}$")] | None = None
    store: Slug | None = None
    by: Who = ""
    replace: bool = Field(default=False, description="bind it though it stands for another SKU")

    @model_validator(mode="after")
    def _one_product(self) -> "BindingIn":
        if self.epc is None and self.tid is None:
            raise ValueError("say epc or tid")
        if sum(one is not None for one in (self.sku, self.code, self.gtin)) != 1:
            raise ValueError("say one of sku, gtin and code")
        return self


class BoundOut(BaseModel):
    """What became of bindings: new or changed, and such as were so already."""

    model_config = ConfigDict(json_schema_extra={"example": {"bound": 1, "repeats": 0, "sku": "ocean-heart"}})

    bound: int
    repeats: int
    sku: str | None = None


class UnboundOut(BaseModel):
    """Whether the tag stood for anything."""

    model_config = ConfigDict(json_schema_extra={"example": {"unbound": True}})

    unbound: bool


class CommissioningOut(BaseModel):
    """One entry of the log; ``sku`` is null when a tag was unbound."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "position": 4711, "store": "popup-1", "at_ms": 1_790_000_000_000, "epc": "E28011606000020A6681F23F", "tid": None,
                "sku": "ocean-heart", "way": "station", "by": "pi-1", "code": "6901234000016",
            }
        }
    )  # fmt: skip

    position: int
    store: str
    at_ms: int
    epc: str | None
    tid: str | None
    sku: str | None
    way: Way
    by: str
    code: str


class PresentedOut(BaseModel):
    """A tag on an enrolment antenna, and what it stands for."""

    epc: str
    tid: str | None
    device: str
    presented_ms: int
    sku: str | None
    name: str | None
    name_zh: str | None
    way: Way | None
    bound_ms: int | None


class StationOut(BaseModel):
    """An enrolment station: the last scan, whether it still counts, and the tags of the last five minutes."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "agent": "pi-1", "scanner": "scanner-1", "code": "6901234000016", "scanned_ms": 1_790_000_000_000, "open": True,
                "sku": "ocean-heart", "name": "Ocean Heart", "name_zh": "海洋之心", "tags": [],
            }
        }
    )  # fmt: skip

    agent: str
    scanner: str | None
    code: str | None
    scanned_ms: int | None
    open: bool
    sku: str | None
    name: str | None
    name_zh: str | None
    tags: list[PresentedOut]


class DuplicateOut(BaseModel):
    """An EPC and where it was found to be more than one tag."""

    epc: str
    found: list[dict[str, Any]]


class DuplicatesOut(BaseModel):
    """EPCs bound to two SKUs, worn by two chips, and on two shelves at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "bound_twice": [], "two_chips": [],
                "two_places": [{"epc": "E28011606000020A6681F23F", "found": [{"store": "popup-1", "zone": "shelf-a", "device": "reader-1"}]}],
            }
        }
    )  # fmt: skip

    bound_twice: list[DuplicateOut]
    two_chips: list[DuplicateOut]
    two_places: list[DuplicateOut]


@router.post("/bindings", summary="Bind a tag to a product", responses=responses(404, 409, 422, 503))
async def post_binding(body: BindingIn, hub: Hub) -> BoundOut:
    """Bind a tag; one that stands for another SKU answers 409 unless ``replace`` is true. A repeat changes nothing."""
    now = hub.clock()

    def job(transaction: Transaction) -> tuple[service.Bound, str]:
        sku = service.sku_for(transaction.connection, body.sku, body.code or body.gtin)
        wanted = [service.Wanted(sku, epc=body.epc, tid=body.tid, code=body.code or body.gtin or "")]
        by = body.by.replace("\0", "?")
        return service.bind(
            transaction, body.store or EVERY_STORE, wanted, way="api", by=by, replace=body.replace, now=now
        ), sku

    bound, sku = await hub.write(job)
    return BoundOut(bound=bound.bound, repeats=bound.repeats, sku=sku)


@router.post(
    "/bindings/csv",
    summary="Bind tags from a file",
    responses=responses(409, 413, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"example": "epc,tid,sku\nE28011606000020A6681F23F,,ocean-heart\n"}},
        }
    },
)
async def post_bindings_csv(
    request: Request,
    hub: Hub,
    store: Slug | None = None,
    by: Annotated[str, Query(max_length=200)] = "",
    replace: bool = False,
) -> BoundOut:
    """Bind tags from CSV (``epc`` or ``tid`` or both, and ``sku``), all or none; conflicts as for one tag."""
    epcs, tids = parse_tags(await body_text(request), "bindings.csv")
    if not epcs and not tids:
        raise ConfigError("bindings.csv: has no rows")
    now = hub.clock()
    wanted = [service.Wanted(sku, epc=epc) for epc, sku in epcs.items()]
    wanted += [service.Wanted(sku, tid=tid) for tid, sku in tids.items()]
    bound = await hub.write(
        lambda transaction: service.bind(
            transaction,
            store or EVERY_STORE,
            wanted,
            way="file",
            by=by.replace("\0", "?"),
            replace=replace,
            now=now,
        )
    )
    return BoundOut(bound=bound.bound, repeats=bound.repeats)


@router.get("/bindings/duplicates", summary="Tags that are not one tag", responses=responses(422, 503))
async def get_duplicates(hub: Hub, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> DuplicatesOut:
    """Return EPCs that were bound to two SKUs, were presented by two chips, or are on two shelves at once."""
    found = await hub.compute(lambda connection: duplicates(connection, limit))
    return DuplicatesOut.model_validate(found)


@router.delete("/bindings/{epc}", summary="Unbind a tag", responses=responses(422, 503))
async def delete_binding(
    epc: EpcText, hub: Hub, store: Slug | None = None, by: Annotated[str, Query(max_length=200)] = ""
) -> UnboundOut:
    """Let an EPC stand for nothing but its own GTIN; a repeat changes nothing."""
    now = hub.clock()
    tag = service.Wanted("", epc=epc)
    changed = await hub.write(
        lambda transaction: service.unbind(
            transaction, store or EVERY_STORE, tag, by=by.replace("\0", "?"), now=now
        )
    )
    return UnboundOut(unbound=changed)


@router.get("/stores/{store}/commissioning", summary="What tags were bound to", responses=responses(422, 503))
async def get_commissioning(
    store: str,
    hub: Hub,
    epc: EpcText | None = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_MS, description="entries below this position")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[CommissioningOut]:
    """Return the log of bindings made in this store and for all stores together, the newest first."""

    def query(connection: reads.Connection) -> list[dict[str, Any]]:
        rows = tag_reads.binding_log(connection, store, epc=epc, before=before, limit=limit)
        told = [reads.as_dict(row) for row in rows]
        return [{**row, "by": row["by_"]} for row in told]

    return [CommissioningOut(**row) for row in await hub.read(query)]


@router.get("/stores/{store}/enrolment", summary="Enrolment stations", responses=responses(404, 422, 503))
async def get_enrolment(store: str, hub: Hub) -> list[StationOut]:
    """Return what was scanned last, what lies on the antenna, and what it stands for."""
    now = hub.clock()
    found = await hub.read(lambda connection: stations(connection, store, now))
    return [StationOut(**msgspec.to_builtins(station)) for station in found]
