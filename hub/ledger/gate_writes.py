"""Keep the verdicts of gates what their inputs say: batches, notices, confirmations, and the names of tags.

:func:`refresh` is called in the transaction that changed an input, after it, so that a verdict is there as soon
as its batch is. What it writes is a function of the tables it reads and of nothing before them; a rebuild that
comes to the same tables comes to the same verdicts.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from contract.epc import identify
from hub.ledger import catalogue, gate_reads, tag_reads
from hub.model import GoodsNoticed, Verdict
from hub.projections import gate as g

Rows = list[tuple[Any, ...]]
_NO_BODY: Final = ""


def refresh(connection: Connection, store: str, gate: str, touched: Collection[str]) -> Rows:
    """Return the rows of ``gate_verdicts`` that may have changed.

    Args:
        connection: of the transaction that changed something.
        store: the gate's store.
        gate: its name.
        touched: batches that changed themselves.
    """
    asked = {*touched, *gate_reads.unconfirmed(connection, store, gate)}
    batches = gate_reads.batches(connection, store, asked)
    confirmed = gate_reads.confirmed(connection, store, asked)
    # A touched batch may have no row yet, or end later than its row says.
    ended = gate_reads.newest(connection, store, gate, g.WINDOW + len(touched))
    ended |= {batch_id: batch.ended_ms for batch_id, batch in batches.items()}
    newest = set(sorted(ended, key=lambda name: (ended[name], name))[-g.WINDOW :])
    own = [batch for batch in batches.values() if batch.gate == gate]
    judged = [batch for batch in own if batch.batch_id in newest and batch.batch_id not in confirmed]
    verdicts = {one.batch.batch_id: one.verdict for one in judging(connection, store, gate, judged)}
    rows: Rows = []
    for batch in own:
        event, verdict = confirmed.get(batch.batch_id), verdicts.get(batch.batch_id)
        if event is not None:
            rows.append(_row(store, batch, "confirmed", event.verdict))
        elif verdict is not None:
            rows.append(_row(store, batch, "waiting" if batch.complete else "incomplete", verdict))
        else:
            rows.append(_row(store, batch, "lapsed", None))
    return rows


def _row(store: str, batch: g.Batch, state: g.BatchState, verdict: Verdict | None) -> tuple[Any, ...]:
    light, body = ("", _NO_BODY) if verdict is None else (g.light_of(verdict), g.encode(verdict))
    return (
        store, batch.batch_id, batch.gate, batch.started_ms, batch.ended_ms, batch.stream, batch.device, batch.strays,
        int(batch.suspect), state, light, body,
    )  # fmt: skip


def judging(connection: Connection, store: str, gate: str, batches: Sequence[g.Batch]) -> Iterator[g.Judged]:
    """Judge batches of a gate, in order of time, against its open notices."""
    if not batches:
        return iter(())
    rows = gate_reads.notice_rows(connection, store, gate=gate, state="open")
    notices = [gate_reads.notice_of(row) for row in reversed(rows)]
    told = gate_reads.confirmations_of(connection, store, [notice.notice_id for notice in notices])
    taken = {notice_id: g.taken_by(events) for notice_id, events in told.items()}
    return g.judging(batches, notices, taken, naming_of(connection, notices, batches))


def naming_of(connection: Connection, notices: Sequence[GoodsNoticed], batches: Sequence[g.Batch]) -> g.SkuOf:
    """Return a function that names tags by the codes that the notices' quantities use."""
    codes = {
        line.sku
        for notice in notices
        for line in (*notice.lines, *(line for carton in notice.cartons for line in carton.lines))
        if line.epc is None and line.sku is not None
    }
    if not codes:
        return lambda _epc: None
    names = catalogue.naming(connection)
    code_of = {names.sku_of_code(code): code for code in sorted(codes)}
    epcs = sorted({epc for batch in batches for epc in (*batch.passages, *batch.undecided)})
    bound = {epc: row.sku for epc, row in tag_reads.bound(connection, epcs).items()}

    def sku_of(epc: str) -> str | None:
        sku = bound.get(epc) or names.sku_of_identity(identify(epc))
        return code_of.get(sku) if sku is not None else None

    return sku_of
