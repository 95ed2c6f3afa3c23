"""Reads of the tables beside the ledger: functions of a connection, like :mod:`hub.ledger.reads`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from hub.ledger import side_tables as side
from hub.ledger import tables as t


def till_message(connection: Connection, till: str, store_id: str, message_id: str) -> Row[Any] | None:
    """Return what became of a till's message."""
    c = side.till_messages.c
    where = (c.till == till, c.store == store_id, c.message_id == message_id)
    return connection.execute(select(side.till_messages).where(*where)).first()


def till_order(connection: Connection, till: str, store_id: str, order_id: str) -> Row[Any] | None:
    """Return where a till's order stands."""
    c = side.till_orders.c
    where = (c.till == till, c.store == store_id, c.order_id == order_id)
    return connection.execute(select(side.till_orders).where(*where)).first()


def till_orders_of(
    connection: Connection, till: str, store_id: str, of_order: str, state: str
) -> Sequence[Row[Any]]:
    """Return returns of a till's order that stand in one state."""
    c = side.till_orders.c
    where = (c.till == till, c.store == store_id, c.of_order == of_order, c.state == state)
    return connection.execute(select(side.till_orders).where(*where).order_by(c.order_id)).all()


def till_orders(
    connection: Connection, store_id: str | None, state: str | None, limit: int
) -> Sequence[Row[Any]]:
    """Return orders of tills, the last changed first."""
    c = side.till_orders.c
    wanted = [
        column == value for column, value in ((c.store, store_id), (c.state, state)) if value is not None
    ]
    columns: list[Any] = [c.till, c.store, c.order_id, c.of_order, c.version, c.state, c.detail, c.changed_ms]
    query = select(*columns).where(*wanted).order_by(c.changed_ms.desc(), c.order_id)
    return connection.execute(query.limit(limit)).all()


def command(connection: Connection, command_id: str) -> Row[Any] | None:
    """Return one command."""
    return connection.execute(select(side.commands).where(side.commands.c.command_id == command_id)).first()


def commands(
    connection: Connection, store_id: str, agent: str | None, state: str | None, limit: int
) -> Sequence[Row[Any]]:
    """Return commands of a store, or of one of its agents, the newest first."""
    c = side.commands.c
    given = ((c.agent, agent), (c.state, state))
    wanted = [column == value for column, value in given if value is not None]
    query = select(side.commands).where(c.store == store_id, *wanted)
    return connection.execute(query.order_by(c.created_ms.desc(), c.command_id.desc()).limit(limit)).all()


def commands_due(connection: Connection, now: int, limit: int) -> Sequence[Row[Any]]:
    """Return open commands that are to be published now, the oldest first."""
    c = side.commands.c
    query = select(side.commands).where(side.IS_OPEN, c.next_ms <= now)
    return connection.execute(query.order_by(c.created_ms, c.command_id).limit(limit)).all()


def open_commands(connection: Connection, store_id: str, agent: str) -> int:
    """Return how many commands of an agent have no result yet."""
    c = side.commands.c
    where = (c.store == store_id, c.agent == agent, side.IS_OPEN)
    return connection.scalar(select(func.count()).select_from(side.commands).where(*where)) or 0


def commands_made_at(connection: Connection, now: int) -> int:
    """Return how many commands were made in one millisecond."""
    c = side.commands.c
    return connection.scalar(select(func.count()).select_from(side.commands).where(c.created_ms == now)) or 0


def labels(connection: Connection, store_id: str) -> Sequence[Row[Any]]:
    """Return the labels of a store with what they are for and what was sent, and the command's state."""
    c, q = side.labels.c, side.commands.c
    query = select(side.labels, q.state.label("command_state"), q.detail.label("command_detail"))
    query = query.select_from(side.labels.outerjoin(side.commands, q.command_id == c.command_id))
    return connection.execute(query.where(c.store == store_id).order_by(c.mac)).all()


def labels_shown(connection: Connection, store_id: str) -> dict[str, Row[Any]]:
    """Return what each label of a store confirmed last."""
    c = t.labels_shown.c
    return {row.mac: row for row in connection.execute(select(t.labels_shown).where(c.store == store_id))}


def stores_with_labels(connection: Connection) -> list[str]:
    """Return the stores that have labels."""
    return list(connection.scalars(select(side.labels.c.store).distinct().order_by(side.labels.c.store)))
