"""Is it alive, is it ready, and its metrics."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from hub.api.context import Hub

router = APIRouter(tags=["health"])


class AliveOut(BaseModel):
    """The process answers."""

    status: str

    model_config = {"json_schema_extra": {"example": {"status": "alive"}}}


class ReadyOut(BaseModel):
    """Whether the hub can keep its promises, and why not."""

    ready: bool
    reasons: list[str]
    lag_s: float
    backlog: int

    model_config = {
        "json_schema_extra": {"example": {"ready": True, "reasons": [], "lag_s": 0.0, "backlog": 0}}
    }


@router.get("/healthz", summary="Alive")
async def alive() -> AliveOut:
    """Answer while the process lives; says nothing about database or broker."""
    return AliveOut(status="alive")


@router.get(
    "/readyz", summary="Ready", responses={503: {"model": ReadyOut, "description": "Not ready, with reasons"}}
)
async def ready(hub: Hub) -> JSONResponse:
    """Answer 200 when the database can be written, the broker is connected and messages do not pile up."""
    health = hub.health()
    reasons = health.reasons()
    body = ReadyOut(ready=not reasons, reasons=reasons, lag_s=round(health.lag_s, 3), backlog=health.backlog)
    return JSONResponse(body.model_dump(), status_code=503 if reasons else 200)


@router.get("/metrics", summary="Metrics", response_class=Response)
async def metrics(hub: Hub) -> Response:
    """Return metrics in the Prometheus text format."""
    body, media_type = hub.metrics()
    return Response(body, media_type=media_type)
