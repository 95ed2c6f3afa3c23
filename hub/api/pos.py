"""Tills: their webhooks, the inbox of their orders, and codes that nobody knows yet."""

from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from contract.errors import ConfigError, MessageError
from contract.wire import square
from contract.wire.till import MAX_BODY
from hub.api.commerce import Name, Slug
from hub.api.context import Hub, HubContext
from hub.api.errors import responses
from hub.ledger import catalogue, reads, side_reads
from hub.services.codes import map_code, unmapped
from hub.services.till_signatures import HEADERS, Till, check_signature
from hub.services.tills import Taken, TillMessage, take

router = APIRouter(prefix="/v1/pos", tags=["tills"])

MAX_ID: Final = 200


class UnmappedOut(BaseModel):
    """A code that sales or returns used and that names no product."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "store": "popup-1", "code": "39072856", "lines": 3, "units": 4,
                "first_ms": 1_790_000_000_000, "last_ms": 1_790_000_100_000,
            }
        }
    )  # fmt: skip

    store: str
    code: str
    lines: int
    units: int
    first_ms: int
    last_ms: int


class MappingIn(BaseModel):
    """What a code means."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"code": "39072856", "sku": "ocean-heart", "by": "li"}}
    )

    code: Name
    sku: Name
    by: Annotated[str, Query(max_length=200)] = ""
    replace: bool = False


class MappingOut(BaseModel):
    """What a code means now, and what it meant before."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"code": "39072856", "sku": "ocean-heart", "before": None, "changed": True}
        }
    )

    code: str
    sku: str
    before: str | None
    changed: bool


class CodeOut(BaseModel):
    """A code that staff have mapped."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"code": "39072856", "sku": "ocean-heart", "by": "li", "set_ms": 1_790_000_000_000}
        }
    )

    code: str
    sku: str
    by: str
    set_ms: int


class TillOrderOut(BaseModel):
    """Where an order of a till stands; ``to_fetch`` has lines that only its vendor knows."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "till": "square", "store": "popup-1", "order_id": "eA3vssLHKJrv9H0IdJCM3gNqfdcZY", "of_order": None, "version": 3,
                "state": "to_fetch", "detail": "to_fetch: eA3vssLHKJrv9H0IdJCM3gNqfdcZY", "changed_ms": 1_790_000_000_000,
            }
        }
    )  # fmt: skip

    till: str
    store: str
    order_id: str
    of_order: str | None
    version: int
    state: str
    detail: str
    changed_ms: int


class TakenOut(BaseModel):
    """What became of a till's message."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "state": "recorded", "order_id": "450789469", "repeat": False, "recorded": 3, "repeats": 0, "refused": 0, "detail": "",
            }
        }
    )  # fmt: skip

    state: str
    order_id: str | None
    repeat: bool
    recorded: int
    repeats: int
    refused: int
    detail: str


@router.get("/unmapped", summary="Codes that name no product", responses=responses(422, 503))
async def get_unmapped(
    hub: Hub, store: Annotated[str | None, Query(description="this store only")] = None
) -> list[UnmappedOut]:
    """Return codes of sales and returns that neither the catalogue nor a mapping knows, the last used first."""
    return [UnmappedOut(**row) for row in await hub.compute(lambda connection: unmapped(connection, store))]


@router.get("/mappings", summary="Codes that staff have mapped", responses=responses(422, 503))
async def get_mappings(hub: Hub) -> list[CodeOut]:
    """Return every mapped code."""

    def query(connection: reads.Connection) -> list[dict[str, Any]]:
        return reads.rows_of(connection, "codes", None, order=("code",))

    return [
        CodeOut(code=row["code"], sku=row["sku"], by=row["by_"], set_ms=row["set_ms"])
        for row in await hub.read(query)
    ]


@router.post("/mappings", summary="Say what a code means", responses=responses(404, 409, 422, 503))
async def post_mapping(body: MappingIn, hub: Hub) -> MappingOut:
    """Map a till's code to a SKU of the catalogue; past sales under that code are that SKU's too."""
    now = hub.clock()
    before, changed = await hub.write(
        lambda transaction: map_code(
            transaction, body.code, body.sku, by=body.by.replace("\0", "?"), replace=body.replace, now=now
        )
    )
    return MappingOut(code=body.code, sku=body.sku, before=before or None, changed=changed)


@router.get("/orders", summary="Orders that tills have told of", responses=responses(422, 503))
async def get_till_orders(
    hub: Hub,
    store: str | None = None,
    state: Literal["recorded", "open", "cancelled", "test", "to_fetch", "waiting", "ignored"] | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[TillOrderOut]:
    """Return where orders of tills stand, the last changed first."""
    found = await hub.read(lambda connection: side_reads.till_orders(connection, store, state, limit))
    return [TillOrderOut(**reads.as_dict(row)) for row in found]


_JSON: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}


@router.post(
    "/{till}",
    summary="A till's message, for the only store",
    responses=responses(403, 413, 422, 503),
    openapi_extra=_JSON,
)
async def post_for_only_store(
    till: Till,
    request: Request,
    hub: Hub,
    x_shopify_webhook_id: Annotated[str | None, Header()] = None,
    x_shopify_topic: Annotated[str | None, Header()] = None,
) -> TakenOut:
    """Take a till's message when there is one store and no doubt about it; see the route with the store."""
    return await _take(hub, request, till, await hub.read(_only_store), x_shopify_webhook_id, x_shopify_topic)


@router.post(
    "/{till}/{store}",
    summary="A till's message",
    responses=responses(403, 413, 422, 503),
    openapi_extra=_JSON,
)
async def post_for_store(
    till: Till,
    store: Slug,
    request: Request,
    hub: Hub,
    x_shopify_webhook_id: Annotated[str | None, Header()] = None,
    x_shopify_topic: Annotated[str | None, Header()] = None,
) -> TakenOut:
    """Take a webhook of Shopify or Square, or sale lines of any other till, with the till's signature.

    The signature is checked over the raw body before anything in it is read. A message that came before, and
    a line the ledger has, add nothing. What cannot be read answers 422 and is kept as a dead letter.
    """
    return await _take(hub, request, till, store, x_shopify_webhook_id, x_shopify_topic)


async def _take(
    hub: HubContext, request: Request, till: Till, store: str, webhook_id: str | None, topic: str | None
) -> TakenOut:
    body = await _body(request)
    check_signature(hub.till_secrets, till, store, request.headers.get(HEADERS[till]), body)
    message_id = webhook_id if till == "shopify" else square.event_id(body) if till == "square" else None
    message = TillMessage(
        till=till,
        store=store,
        body=body,
        message_id=message_id[:MAX_ID].replace("\0", "?") if message_id else None,
        topic=topic if till == "shopify" else None,
    )
    now = hub.clock()
    taken: Taken = await hub.write(lambda transaction: take(transaction, message, now))
    if taken.state == "refused":
        raise MessageError("bad_till_message", taken.detail)
    return TakenOut(**msgspec.to_builtins(taken))


async def _body(request: Request) -> bytes:
    """Return the body; one that is too big is refused before it is read to its end."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise HTTPException(413, f"the body has more than {MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


def _only_store(connection: reads.Connection) -> str:
    names = catalogue.store_names(connection)
    if len(names) != 1:
        raise ConfigError(
            f"say for which store, as in /v1/pos/shopify/STORE: the hub knows {', '.join(names) or 'none'}"
        )
    return names[0]
