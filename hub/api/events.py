"""The ledger as a stream of server-sent events."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from hub.api.context import Hub, HubContext
from hub.api.errors import responses
from hub.ledger import catalogue, reads

router = APIRouter(prefix="/v1/stores/{store}", tags=["events"])

HEARTBEAT_S: Final = 15.0
PAGE: Final = 200


@router.get(
    "/events",
    summary="Ledger events as they are committed",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                "text/event-stream": {"example": 'id: 4711\nevent: tag_arrived\ndata: {"position": 4711}\n\n'}
            }
        },
        **responses(404, 422, 503),
    },
)
async def get_events(
    store: str,
    hub: Hub,
    position: Annotated[
        int | None, Query(ge=0, description="begin after this position; without it, with what comes next")
    ] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Stream events after a position in commit order; ``Last-Event-ID`` of a reconnecting client wins.

    Nothing is queued per client: each reads on from its own position, at its own pace.
    """
    await hub.read(lambda connection: catalogue.store(connection, store))
    if (
        last_event_id is not None
        and last_event_id.isascii()
        and last_event_id.isdigit()
        and len(last_event_id) < 19
    ):
        position = int(last_event_id)
    start = await hub.read(reads.position) if position is None else position
    return StreamingResponse(
        _follow(hub, store, start), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _follow(hub: HubContext, store: str, position: int) -> AsyncIterator[str]:
    yield ": shelfwise\n\n"
    while not hub.signals.closed:
        seen = hub.signals.count
        rows = await hub.read(partial(reads.events_after, store_id=store, after=position, limit=PAGE))
        for row in rows:
            position = row.position
            yield f"id: {position}\nevent: {row.kind}\ndata: {_data(row)}\n\n"
        if not rows and not await hub.signals.wait(seen, HEARTBEAT_S):
            yield ": heartbeat\n\n"


def _data(row: object) -> str:
    fields = {
        name: getattr(row, name)
        for name in ("position", "agent", "stream", "seq", "kind", "event_ms", "record_ms")
    }
    body = getattr(row, "body")  # noqa: B009 - rows have no static type
    return json.dumps({**fields, "event": json.loads(body) if body else None}, ensure_ascii=False)
