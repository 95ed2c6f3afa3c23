"""Commands to agents: queued, published until a result or the expiry, and what became of each.

::

    queued ──published──▶ sent ──result──▶ done, failed, unknown, expired
       └──────────────────┴──expiry─────▶ expired

A command is published again and again, because neither the broker nor the agent may be there; the agent
notes the id and does it once. The agent does not answer a repeat, so a result that was lost on its way
leaves the command *sent* and then *expired*: expired means that nobody heard of it in time, and it may
have been carried out. A result that comes after the expiry still stands.
"""

from typing import Any, Final

import msgspec

from contract.errors import MessageError
from contract.messages import AnyAction, Command, encode
from contract.topics import agent_topic
from hub.ledger import reads, side_reads
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.services.sell import ConflictError

MAX_OPEN: Final = 1_000
MEMORY_MS: Final = 90 * 24 * 3_600_000
FIRST_PAUSE_MS: Final = 2_000
LONGEST_PAUSE_MS: Final = 30_000
PER_ROUND: Final = 200

Message = tuple[str, bytes]
"""Topic and payload."""


class CommandOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a device.

    Attributes:
        command_id: the caller's own, so that asking twice queues once; None to be given one.
    """

    store: str
    agent: str
    device: str
    action: AnyAction
    expires_ms: int
    command_id: str | None = None
    by: str = ""


def parse_action(value: Any) -> AnyAction:
    """Return an action from plain values, for example ``{"do": "set_power", "power_dbm": 20}``.

    Raises:
        MessageError: ``bad_action`` naming the field and what was expected.
    """
    try:
        action: AnyAction = msgspec.convert(value, AnyAction)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MessageError("bad_action", f"action: {error}") from error
    return action


def queue(transaction: Transaction, order: CommandOrder, now: int) -> Any:
    """Queue a command and return its row; the same id for the same thing again changes nothing.

    Raises:
        ConflictError: the id stands for something else, or too many commands of this agent are open.
    """
    connection = transaction.connection
    action = msgspec.json.encode(order.action).decode()
    command_id = order.command_id or f"c{now}-{side_reads.commands_made_at(connection, now) + 1}"
    known = side_reads.command(connection, command_id)
    if known is not None:
        if (known.store, known.agent, known.device, known.action) == (
            order.store,
            order.agent,
            order.device,
            action,
        ):
            return known
        raise ConflictError(f"command {command_id!r} stands for something else; use another id")
    if side_reads.open_commands(connection, order.store, order.agent) >= MAX_OPEN:
        raise ConflictError(f"{MAX_OPEN} commands of agent {order.agent!r} wait for a result already")
    transaction.put_command(
        (
            command_id, order.store, order.agent, order.device, action, "queued", "", order.by, now, order.expires_ms, 0, now, now,
        ),
        forget_before=now - MEMORY_MS,
    )  # fmt: skip
    row = side_reads.command(connection, command_id)
    assert row is not None
    return row


def dispatch(transaction: Transaction, now: int, *, connected: bool = True) -> list[Message]:
    """Return what is to be published now, and note that it was; commands beyond their expiry are closed.

    Nothing is published while the broker is not ``connected``; what is queued waits.
    """
    messages = []
    for row in side_reads.commands_due(transaction.connection, now, PER_ROUND):
        if now > row.expires_ms:
            detail = "no result came before the expiry" if row.sent else "it could not be sent in time"
            transaction.change_command(row.command_id, state="expired", detail=detail, changed_ms=now)
        elif connected:
            command = Command(
                command_id=row.command_id,
                device=row.device,
                expires_at=row.expires_ms,
                action=msgspec.json.decode(row.action, type=AnyAction),
            )
            messages.append((agent_topic(row.store, row.agent, "command"), encode(command)))
            pause = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(row.sent, 8))
            next_ms = min(now + pause, row.expires_ms + 1)
            transaction.change_command(
                row.command_id, state="sent", sent=row.sent + 1, next_ms=next_ms, changed_ms=now
            )
    return messages


def is_due(connection: Connection, now: int, *, connected: bool = True) -> bool:
    """Tell whether :func:`dispatch` would do anything."""
    due = side_reads.commands_due(connection, now, PER_ROUND)
    return any(connected or now > row.expires_ms for row in due)


def listed(
    connection: Connection, store: str, agent: str | None, state: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return commands, the newest first."""
    return [as_told(row) for row in side_reads.commands(connection, store, agent, state, limit)]


def as_told(row: Any) -> dict[str, Any]:
    """Return a command's row by field name, with its action as plain values."""
    values = reads.as_dict(row)
    values["by"] = values.pop("by_")
    values["action"] = msgspec.json.decode(values["action"])
    del values["next_ms"]
    return values
