"""What came through gates, and a person's word on it: goods received or dispatched, posted once.

Confirming is one transaction of the one writer: the confirmation, the goods and, when nothing more is asked
for, the end of the notice stand in the ledger together or not at all. Whoever confirms second, in the same
moment or a year later, finds the first one's and posts nothing. A confirmation is never taken back; what was
wrong is corrected by a receipt, a return or an adjustment of its own.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from contract.epc import identify
from contract.errors import MessageError, NotFoundError
from contract.sscc import sscc_of
from hub.ledger import catalogue, gate_reads, gate_writes, tag_reads
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.model import (
    GateConfirmed,
    GoodsDispatched,
    GoodsNoticed,
    GoodsReceived,
    NoticeChanged,
    Store,
    Verdict,
)
from hub.projections import gate as g
from hub.services.receive import dispatch_goods, receive
from hub.services.sell import Accepted, ConflictError

UNKNOWN_CODE: Final = "unknown"
"""Code of tags that nothing names."""

BACK_ROOM: Final = "backroom"
_SHOWN: Final = 3
_VERDICT: Final = msgspec.json.Decoder(Verdict)


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of a batch.

    Attributes:
        accept: EPCs that count though nobody expected them, or nobody can say their way.
        reject: EPCs that do not count.
        incomplete: confirm it though parts of it have not come, and may never.
    """

    by: str
    accept: frozenset[str] = frozenset()
    reject: frozenset[str] = frozenset()
    note: str = ""
    incomplete: bool = False


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a confirmation.

    Attributes:
        receipt_id: names the goods received or dispatched.
        lines: new lines of goods.
        repeat: the same had been confirmed already; nothing is new.
        notice_state: the notice's state after it.
    """

    store: str
    batch_id: str
    direction: str
    receipt_id: str
    lines: int
    units: int
    repeat: bool
    notice_id: str | None
    notice_state: str | None
    position: int


def confirm(transaction: Transaction, batch_id: str, store: str | None, word: Word, now: int) -> Confirmed:
    """Confirm a batch and post its goods. The same word again changes nothing.

    Raises:
        NotFoundError: no batch has this id.
        ConflictError: it was confirmed with other content, is too old, or parts of it have not come.
        MessageError: ``bad_confirmation``: EPCs that need a word have none, or one has two or is not in the batch.
    """
    connection = transaction.connection
    row = _row(connection, batch_id, store)
    before = gate_reads.confirmed(connection, row.store, [batch_id]).get(batch_id)
    if before is not None:
        return _again(transaction, row.store, before, word)
    if row.state == "lapsed":
        raise ConflictError(
            f"batch {batch_id!r} is not among the newest {g.WINDOW} of gate {row.gate!r} any more; record its goods as a receipt"
        )
    if row.state == "incomplete" and not word.incomplete:
        raise ConflictError(
            f"parts of batch {batch_id!r} have not come yet; wait for them, or say incomplete=true to confirm what is there"
        )
    standing = _standing(connection, row.store, row.gate, batch_id)
    _check(standing.verdict, word)
    notice = _notice(connection, row.store, standing.verdict.notice_id)
    taken = standing.taken[notice.notice_id] if notice is not None else g.Taken(set(), set(), {})
    sku_of = gate_writes.naming_of(connection, [notice] if notice is not None else [], [standing.batch])
    final = g.decided(
        standing.batch, standing.verdict, notice, taken, sku_of, accept=word.accept, reject=word.reject
    )
    accepted = {*final.expected, *final.unexpected, *final.by_carton} - word.reject
    event = GateConfirmed(
        at=now, batch_id=batch_id, gate=row.gate, by=word.by, note=word.note, verdict=standing.verdict,
        accepted=tuple(sorted(accepted)), accepted_units=final.by_carton_units, rejected=tuple(sorted(word.reject)),
        taken_units=final.taken_units,
    )  # fmt: skip
    transaction.append_own(row.store, [event], now)
    posted = _post(transaction, row.store, standing.batch, event, notice, now)
    if notice is not None:
        _close_if_complete(transaction, row.store, notice, word.by, now)
    units = sum(1 for epc in accepted if sscc_of(epc) is None) + sum(event.accepted_units.values())
    return _told(transaction, row.store, event, posted.recorded, units, repeat=False)


def _row(connection: Connection, batch_id: str, store: str | None) -> Any:
    rows = gate_reads.verdicts_of(connection, batch_id, store)
    if not rows:
        where = f" in store {store!r}" if store is not None else ""
        raise NotFoundError(f"no gate has told of a batch {batch_id!r}{where}")
    if len(rows) > 1:
        stores = ", ".join(row.store for row in rows)
        raise ConflictError(f"batch {batch_id!r} is in several stores ({stores}); say which with store=")
    return rows[0]


def _again(transaction: Transaction, store: str, event: GateConfirmed, word: Word) -> Confirmed:
    needed = {*event.verdict.unexpected, *event.verdict.undecided}
    if set(event.rejected) != word.reject or needed & set(event.accepted) != needed & word.accept:
        raise ConflictError(
            f"batch {event.batch_id!r} was confirmed by {event.by!r} with other content; a correction is a new receipt, return or adjustment"
        )
    units = sum(1 for epc in event.accepted if sscc_of(epc) is None) + sum(event.accepted_units.values())
    return _told(transaction, store, event, 0, units, repeat=True)


def _told(
    transaction: Transaction, store: str, event: GateConfirmed, lines: int, units: int, *, repeat: bool
) -> Confirmed:
    notice_id = event.verdict.notice_id
    row = gate_reads.notice_row(transaction.connection, store, notice_id) if notice_id is not None else None
    return Confirmed(
        store=store,
        batch_id=event.batch_id,
        direction=event.verdict.direction,
        receipt_id=receipt_id(event.batch_id),
        lines=lines,
        units=units,
        repeat=repeat,
        notice_id=notice_id,
        notice_state=row.state if row is not None else None,
        position=transaction.position(),
    )


def receipt_id(batch_id: str) -> str:
    """Return what names the goods of a batch."""
    return f"gate:{batch_id}"


def _standing(connection: Connection, store: str, gate: str, batch_id: str) -> g.Judged:
    """Return the batch with its verdict as of now, and what earlier ones took of the notices."""
    waiting = gate_reads.batches(connection, store, gate_reads.unconfirmed(connection, store, gate))
    for judged in gate_writes.judging(connection, store, gate, list(waiting.values())):
        if judged.batch.batch_id == batch_id:
            return judged
    raise NotFoundError(f"no gate has told of a batch {batch_id!r}")


def _check(verdict: Verdict, word: Word) -> None:
    """Raise MessageError unless every tag that needs a word has one, and one only."""
    in_doubt = {*verdict.unexpected, *verdict.undecided}
    problems = (
        (word.accept & word.reject, "are both accepted and rejected"),
        (
            (word.accept | word.reject) - in_doubt - {*verdict.expected, *verdict.by_carton},
            "are not among what came through in this batch",
        ),
        (
            in_doubt - word.accept - word.reject,
            "are unexpected or undecided and need to be accepted or rejected",
        ),
    )
    for epcs, what in problems:
        if epcs:
            raise MessageError("bad_confirmation", f"{len(epcs)} EPCs {what}: {_some(epcs)}")


def _some(epcs: Collection[str]) -> str:
    shown = ", ".join(sorted(epcs)[:_SHOWN])
    return f"{shown} …" if len(epcs) > _SHOWN else shown


def _notice(connection: Connection, store: str, notice_id: str | None) -> GoodsNoticed | None:
    row = gate_reads.notice_row(connection, store, notice_id) if notice_id is not None else None
    return gate_reads.notice_of(row) if row is not None else None


def _post(
    transaction: Transaction,
    store: str,
    batch: g.Batch,
    event: GateConfirmed,
    notice: GoodsNoticed | None,
    now: int,
) -> Accepted:
    """Record the goods. Tags by the code that names them, one line each; units without a tag by SKU."""
    by_code: dict[str, list[str]] = {}
    for epc, code in _codes(transaction.connection, event.accepted, notice).items():
        by_code.setdefault(code, []).append(epc)
    goods: list[tuple[str, tuple[str, ...], int]] = [
        (code, tuple(epcs), len(epcs)) for code, epcs in sorted(by_code.items())
    ]
    goods += [(sku, (), units) for sku, units in sorted(event.accepted_units.items())]
    name, started_ms = receipt_id(batch.batch_id), min(batch.started_ms, batch.ended_ms)
    if event.verdict.direction == "out":
        leaving = [
            GoodsDispatched(
                at=batch.ended_ms, dispatch_id=name, line=line, code=code, quantity=units, epcs=epcs, gate=batch.gate
            )
            for line, (code, epcs, units) in enumerate(goods, 1)
        ]  # fmt: skip
        return dispatch_goods(transaction, store, leaving, now)
    zone = _zone(catalogue.store(transaction.connection, store), batch.gate)
    coming = [
        GoodsReceived(
            # Units without a tag come after the tags: a tag seen for the first time uses up units that came before it.
            at=started_ms if epcs else max(batch.ended_ms, started_ms + 1),
            receipt_id=name, line=line, code=code, quantity=units, epcs=epcs, zone=zone, gate=batch.gate,
        )
        for line, (code, epcs, units) in enumerate(goods, 1)
    ]  # fmt: skip
    return receive(transaction, store, coming, now)


def _codes(connection: Connection, epcs: Sequence[str], notice: GoodsNoticed | None) -> dict[str, str]:
    """Return EPC → the code of its goods, for tags that are no carton's."""
    lines = () if notice is None else (*notice.lines, *(line for one in notice.cartons for line in one.lines))
    announced = {line.epc: line.sku for line in lines if line.epc is not None and line.sku is not None}
    names = catalogue.naming(connection)
    goods = [epc for epc in epcs if sscc_of(epc) is None]
    bound = {epc: row.sku for epc, row in tag_reads.bound(connection, goods).items()}
    codes = {}
    for epc in goods:
        identity = identify(epc)
        sku = bound.get(epc) or names.sku_of_identity(identity) or announced.get(epc)
        codes[epc] = sku or (identity.gtin if identity is not None else None) or UNKNOWN_CODE
    return codes


def _zone(store: Store, gate: str) -> str | None:
    own = next((one.zone for one in store.gates if one.gate == gate), None)
    return own or next((zone.zone for zone in store.zones if zone.kind == BACK_ROOM), None)


def _close_if_complete(transaction: Transaction, store: str, notice: GoodsNoticed, by: str, now: int) -> None:
    told = gate_reads.confirmations_of(transaction.connection, store, [notice.notice_id])
    if g.is_complete(notice, g.taken_by(told[notice.notice_id])):
        event = NoticeChanged(at=now, notice_id=notice.notice_id, gate=notice.gate, state="closed", by=by)
        transaction.append_own(store, [event], now)


def listed(
    connection: Connection, store: str, *, gate: str | None, before: tuple[int, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Return a page of batches with their verdicts, the newest first. Raises NotFoundError."""
    catalogue.store(connection, store)
    rows = gate_reads.verdict_rows(connection, store, gate=gate, before=before, limit=limit)
    return [_as_told(connection, row, in_full=False) for row in rows]


def one(connection: Connection, store: str, batch_id: str) -> dict[str, Any]:
    """Return a batch with its verdict in full, every tag with what it stands for. Raises NotFoundError."""
    return _as_told(connection, _row(connection, batch_id, store), in_full=True)


_LISTS: Final = (
    "expected", "by_carton", "missing", "unexpected", "undecided", "other_way", "turned",
)  # fmt: skip


def _as_told(connection: Connection, row: Any, *, in_full: bool) -> dict[str, Any]:
    verdict = _VERDICT.decode(row.body) if row.body else Verdict(direction="in")
    event = gate_reads.confirmed(connection, row.store, [row.batch_id]).get(row.batch_id)
    counts = {name: len(getattr(verdict, name)) for name in _LISTS}
    counts["by_carton"] += sum(verdict.by_carton_units.values())
    counts["missing"] += sum(verdict.missing_units.values())
    told = {
        "batch_id": row.batch_id,
        "store": row.store,
        "gate": row.gate,
        "direction": verdict.direction if row.body else None,
        "started_ms": row.started_ms,
        "ended_ms": row.ended_ms,
        "device": row.device,
        "strays": row.strays,
        "suspect": bool(row.suspect),
        "state": row.state,
        "light": row.light or None,
        "notice_id": verdict.notice_id,
        "overlaps": verdict.overlaps,
        "counts": counts,
        "confirmed_by": event.by if event is not None else None,
        "confirmed_ms": event.at if event is not None else None,
        "note": event.note if event is not None else "",
    }
    if not in_full:
        return told
    every = sorted({epc for name in _LISTS for epc in getattr(verdict, name)})
    notice = _notice(connection, row.store, verdict.notice_id)
    codes = _codes(connection, every, notice)
    products = catalogue.products(connection)

    def tag(epc: str) -> dict[str, Any]:
        product = products.get(codes.get(epc, ""))
        return {
            "epc": epc,
            "sku": product.sku if product is not None else None,
            "name": product.name if product is not None else None,
            "name_zh": product.name_zh if product is not None else None,
            "sscc": sscc_of(epc),
        }

    return {
        **told,
        **{name: [tag(epc) for epc in getattr(verdict, name)] for name in _LISTS},
        "undecided_expected": list(verdict.undecided_expected),
        "by_carton_units": verdict.by_carton_units,
        "missing_units": verdict.missing_units,
        "missing_cartons": list(verdict.missing_cartons),
        "accepted": list(event.accepted) if event is not None else [],
        "rejected": list(event.rejected) if event is not None else [],
    }
