"""Expected goods: notices of what shall come through a gate, told as JSON or CSV, closed when nothing more comes.

A notice is named by its id in its store. The same notice again changes nothing; other content under the same
id is refused, because goods may have been confirmed against it: close it, and tell another.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Literal

import msgspec

from contract.errors import ConfigError, MessageError, NotFoundError
from contract.sscc import parse_sscc
from hub.ledger import catalogue, gate_reads
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.model import Direction, GoodsNoticed, NoticeCarton, NoticeChanged, NoticeLine
from hub.projections.gate import asked, encode, still_open, taken_by
from hub.services.csv_rows import CsvRow, csv_rows
from hub.services.sell import Accepted, ConflictError

MAX_LINES: Final = 20_000
_COLUMNS: Final = ("gate", "direction", "sscc", "epc", "sku", "quantity")


def announce(transaction: Transaction, store: str, notices: Sequence[GoodsNoticed], now: int) -> Accepted:
    """Record notices, all or none. The same notice again counts once.

    Raises:
        ConflictError: a notice's id stands for other content.
        MessageError: ``bad_notice``: a notice asks for nothing, or for the same tag or carton twice.
    """
    names = catalogue.naming(transaction.connection)
    new: dict[str, GoodsNoticed] = {}
    repeats = 0
    for told in notices:
        _check(told)
        notice = _with_skus(told, names)
        row = gate_reads.notice_row(transaction.connection, store, notice.notice_id)
        known = new.get(notice.notice_id) or (gate_reads.notice_of(row) if row is not None else None)
        if known is None:
            new[notice.notice_id] = notice
        elif _content(known) in (_content(notice), _content(told)):
            repeats += 1
        else:
            raise ConflictError(
                f"notice {notice.notice_id!r} is recorded with other content; close or cancel it and tell the new one under another id"
            )
    if new:
        transaction.append_own(store, list(new.values()), now)
    return Accepted(recorded=len(new), repeats=repeats, position=transaction.position())


def _check(notice: GoodsNoticed) -> None:
    every = [*notice.lines, *(line for carton in notice.cartons for line in carton.lines)]
    if not every and not notice.cartons:
        raise MessageError(
            "bad_notice", f"notice {notice.notice_id!r} asks for nothing; say lines or cartons"
        )
    if len(every) > MAX_LINES:
        raise MessageError(
            "bad_notice",
            f"notice {notice.notice_id!r} has {len(every)} lines, at most {MAX_LINES} are allowed",
        )
    seen: set[str] = set()
    for what in (
        *(line.epc for line in every if line.epc is not None),
        *(one.sscc for one in notice.cartons),
    ):
        if what in seen:
            raise MessageError("bad_notice", f"notice {notice.notice_id!r} names {what} twice")
        seen.add(what)


def _with_skus(notice: GoodsNoticed, names: catalogue.Naming) -> GoodsNoticed:
    """Return the notice with codes (GTINs, a till's codes) as the SKUs that they mean today."""

    def known(lines: tuple[NoticeLine, ...]) -> tuple[NoticeLine, ...]:
        return tuple(
            msgspec.structs.replace(line, sku=names.sku_of_code(line.sku)) if line.sku is not None else line
            for line in lines
        )

    cartons = tuple(msgspec.structs.replace(carton, lines=known(carton.lines)) for carton in notice.cartons)
    return msgspec.structs.replace(notice, lines=known(notice.lines), cartons=cartons)


def _content(notice: GoodsNoticed) -> str:
    return encode(msgspec.structs.replace(notice, at=0, by=""))


def change(
    transaction: Transaction,
    store: str,
    notice_id: str,
    state: Literal["closed", "cancelled"],
    *,
    by: str,
    now: int,
) -> Any:
    """Close or cancel a notice and return it as told; saying it twice changes nothing.

    Raises:
        NotFoundError: there is none of that id.
        ConflictError: it went the other way already.
    """
    row = gate_reads.notice_row(transaction.connection, store, notice_id)
    if row is None:
        raise _unknown(store, notice_id)
    if row.state == "open":
        event = NoticeChanged(at=now, notice_id=notice_id, gate=row.gate, state=state, by=by)
        transaction.append_own(store, [event], now)
    elif row.state != state:
        raise ConflictError(f"notice {notice_id!r} is {row.state} and cannot become {state}")
    return one(transaction.connection, store, notice_id)


def one(connection: Connection, store: str, notice_id: str) -> dict[str, Any]:
    """Return a notice with what it still asks for. Raises NotFoundError."""
    row = gate_reads.notice_row(connection, store, notice_id)
    if row is None:
        raise _unknown(store, notice_id)
    return _as_told(connection, store, [row])[0]


def listed(
    connection: Connection, store: str, *, gate: str | None, state: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return notices with what each still asks for, the newest first. Raises NotFoundError."""
    catalogue.store(connection, store)
    return _as_told(
        connection, store, gate_reads.notice_rows(connection, store, gate=gate, state=state, limit=limit)
    )


def _as_told(connection: Connection, store: str, rows: Sequence[Any]) -> list[dict[str, Any]]:
    confirmed = gate_reads.confirmations_of(connection, store, [row.notice_id for row in rows])
    told = []
    for row in rows:
        notice = gate_reads.notice_of(row)
        events = confirmed.get(row.notice_id, [])
        every = asked(notice)
        asks = still_open(every, taken_by(events))
        told.append(
            {
                "notice_id": notice.notice_id,
                "store": store,
                "gate": notice.gate,
                "direction": notice.direction,
                "state": row.state,
                "by": row.by_,
                "told_ms": row.told_ms,
                "changed_ms": row.changed_ms,
                "trust_cartons": notice.trust_cartons,
                "units": len(every.epcs) + sum(every.units.values()),
                "open_units": len(asks.epcs) + sum(asks.units.values()),
                "open_epcs": sorted(asks.epcs),
                "open_quantities": dict(sorted(asks.units.items())),
                "open_cartons": sorted(asks.ssccs),
                "batches": [event.batch_id for event in events],
            }
        )
    return told


def _unknown(store: str, notice_id: str) -> NotFoundError:
    return NotFoundError(f"notice {notice_id!r} is not known in store {store!r}")


def parse_notices(
    text: str,
    file: str,
    now: int,
    *,
    gate: str | None = None,
    direction: Direction = "in",
    trust_cartons: bool = True,
    by: str = "",
) -> list[GoodsNoticed]:
    """Read notices (CSV): a row per tag, per quantity of a SKU, or per carton; rows of a carton name its SSCC.

    Args:
        text: the file's content.
        file: its name, for messages.
        now: present time in ms.
        gate: the gate of rows without one.
        direction: of rows without one.
        trust_cartons: a carton that was seen stands for its contents.
        by: who tells.

    Raises:
        ConfigError: names file, line, column and what was expected.
    """
    lines: dict[str, list[NoticeLine]] = {}
    cartons: dict[str, dict[str, list[NoticeLine]]] = {}
    heads: dict[str, tuple[str, str]] = {}
    for row in csv_rows(text, file, ("notice_id",), _COLUMNS):
        notice_id = row.text("notice_id")
        own_gate = row.optional("gate", row.slug) or gate
        if own_gate is None:
            raise row.fail("gate", "given, and no gate is named for the whole file")
        head = (own_gate, row.optional("direction", partial(_way, row)) or direction)
        if heads.setdefault(notice_id, head) != head:
            column = "gate" if heads[notice_id][0] != own_gate else "direction"
            raise row.fail(column, f"that of notice {notice_id!r} above")
        sscc = row.optional("sscc", partial(_sscc, row))
        line = _line(row, sscc)
        if sscc is None:
            lines.setdefault(notice_id, []).extend(line)
        else:
            cartons.setdefault(notice_id, {}).setdefault(sscc, []).extend(line)
    if not heads:
        raise ConfigError(f"{file}: has no rows")
    return [
        GoodsNoticed(
            at=now,
            notice_id=notice_id,
            gate=own_gate,
            direction="out" if way == "out" else "in",
            lines=tuple(lines.get(notice_id, ())),
            cartons=tuple(
                NoticeCarton(sscc=sscc, lines=tuple(own)) for sscc, own in cartons.get(notice_id, {}).items()
            ),
            trust_cartons=trust_cartons,
            by=by,
        )
        for notice_id, (own_gate, way) in heads.items()
    ]


def _line(row: CsvRow, sscc: str | None) -> list[NoticeLine]:
    epc, sku = row.optional("epc", row.epc), row.optional("sku", row.text)
    quantity = row.optional("quantity", row.whole)
    if epc is None and sku is None:
        if sscc is None:
            raise row.fail("epc", "given, nor is a sku or an sscc")
        if quantity is not None:
            raise row.fail("sku", "given, and a quantity needs one")
        return []
    if epc is not None and quantity not in (None, 1):
        raise row.fail("quantity", "1, or empty, which a row with an epc needs")
    return [NoticeLine(epc=epc, sku=sku, quantity=quantity or 1)]


def _way(row: CsvRow, column: str) -> str:
    way = row.text(column)
    if way not in ("in", "out"):
        raise row.fail(column, "in or out")
    return way


def _sscc(row: CsvRow, column: str) -> str:
    try:
        return parse_sscc(row.text(column))
    except MessageError as error:
        raise row.fail(column, f"an SSCC: {error.detail}") from error
