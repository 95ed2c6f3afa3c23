"""Commands to devices: queue them, and see what became of them."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from hub.api.commerce import Slug
from hub.api.context import Hub
from hub.api.errors import responses
from hub.services.commands import CommandOrder, as_told, listed, parse_action, queue

router = APIRouter(prefix="/v1/stores/{store}", tags=["commands"])

LONGEST_S: Final = 7 * 24 * 3600
"""An agent remembers ids for seven days; a command that lives longer could be done twice."""

State = Literal["queued", "sent", "done", "failed", "expired", "unknown"]


class OrderedCommand(BaseModel):
    """What a device is to do; ``do`` names the action, see the message contract."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"device": "reader-1", "action": {"do": "set_power", "power_dbm": 20.0}, "expires_in_s": 60, "by": "li"}
        },
    )  # fmt: skip

    device: Slug
    action: dict[str, Any]
    expires_in_s: float = Field(default=60.0, gt=0, le=LONGEST_S)
    command_id: Slug | None = Field(default=None, description="the caller's own; asking twice queues once")
    by: Annotated[str, Field(max_length=200)] = ""


class CommandOut(BaseModel):
    """A command and where it stands; ``sent`` counts how often it was published."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "command_id": "c1790000000000-1", "store": "popup-1", "agent": "pi-1", "device": "reader-1",
                "action": {"do": "set_power", "power_dbm": 20.0}, "state": "done", "detail": "", "by": "li",
                "created_ms": 1_790_000_000_000, "expires_ms": 1_790_000_060_000, "sent": 1, "changed_ms": 1_790_000_000_200,
            }
        }
    )  # fmt: skip

    command_id: str
    store: str
    agent: str
    device: str
    action: dict[str, Any]
    state: State
    detail: str
    by: str
    created_ms: int
    expires_ms: int
    sent: int
    changed_ms: int


Limit = Annotated[int, Query(ge=1, le=1000)]


@router.post(
    "/agents/{agent}/commands", summary="Tell a device what to do", responses=responses(409, 422, 503)
)
async def post_command(store: Slug, agent: Slug, body: OrderedCommand, hub: Hub) -> CommandOut:
    """Queue a command; it is published until the agent answers or it expires, and done at most once."""
    now = hub.clock()
    order = CommandOrder(
        store=store,
        agent=agent,
        device=body.device,
        action=parse_action(body.action),
        expires_ms=now + round(body.expires_in_s * 1000),
        command_id=body.command_id,
        by=body.by.replace("\0", "?"),
    )
    return CommandOut(**as_told(await hub.write(lambda transaction: queue(transaction, order, now))))


@router.get("/agents/{agent}/commands", summary="Commands of an agent", responses=responses(422, 503))
async def get_agent_commands(
    store: Slug, agent: Slug, hub: Hub, state: State | None = None, limit: Limit = 100
) -> list[CommandOut]:
    """Return an agent's commands, the newest first."""
    found = await hub.read(lambda connection: listed(connection, store, agent, state, limit))
    return [CommandOut(**row) for row in found]


@router.get("/commands", summary="Commands of a store", responses=responses(422, 503))
async def get_commands(
    store: Slug, hub: Hub, state: State | None = None, limit: Limit = 100
) -> list[CommandOut]:
    """Return the commands of all agents of a store, the newest first."""
    found = await hub.read(lambda connection: listed(connection, store, None, state, limit))
    return [CommandOut(**row) for row in found]
