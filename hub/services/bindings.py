"""Bind tags to products: by file, by API, at a station, with goods received; every change is an event.

Most tags are not GS1-coded and say nothing by themselves. A binding is by EPC, or by the chip's own number
(TID) where factory EPCs repeat. What a tag is bound to is never changed in passing: to another SKU only with
``replace``, or else the change is a conflict, which refuses the whole request or, where goods must not wait
for it, keeps the old binding and raises an alert. A file binds what is unbound or was bound by a file; what
people did since stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from contract.epc import identify
from contract.errors import NotFoundError
from hub.ledger import catalogue, tag_reads
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.model import EVERY_STORE, BindingWay, TagBound, TagUnbound
from hub.services.sell import ConflictError

CONFLICT: Final = "binding_conflict"
AlertRow = tuple[Any, ...]


class Wanted(msgspec.Struct, frozen=True):
    """A tag, by EPC or TID or both, and what it is to stand for."""

    sku: str
    epc: str | None = None
    tid: str | None = None
    code: str = ""

    @property
    def name(self) -> str:
        """Return the tag's name for people."""
        return f"EPC {self.epc}" if self.epc is not None else f"TID {self.tid}"


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What became of bindings.

    Attributes:
        bound: changed or new.
        repeats: were so already.
        kept: stand for another SKU and were left; ``conflicts`` says which.
    """

    bound: int
    repeats: int
    kept: int = 0
    conflicts: tuple[str, ...] = ()


class Bindings:
    """What tags are bound to, in the ledger and by what this job has decided so far."""

    def __init__(self, connection: Connection, wanted: Iterable[Wanted]) -> None:
        tags = list(wanted)
        epcs = [one.epc for one in tags if one.epc is not None]
        tids = [one.tid for one in tags if one.tid is not None]
        self._epcs = {key: (row.sku, row.way) for key, row in tag_reads.bound(connection, epcs).items()}
        self._tids = {key: (row.sku, row.way) for key, row in tag_reads.bound_tids(connection, tids).items()}

    def of(self, tag: Wanted) -> list[tuple[str | None, str]]:
        """Return (SKU, way) per key that the tag is named by."""
        found = []
        if tag.epc is not None:
            found.append(self._epcs.get(tag.epc, (None, "")))
        if tag.tid is not None:
            found.append(self._tids.get(tag.tid, (None, "")))
        return found

    def skus(self, tag: Wanted) -> set[str | None]:
        """Return what the tag's keys stand for; None among them for a key that is free."""
        return {sku for sku, _ in self.of(tag)}

    def note(self, tag: Wanted, way: str) -> None:
        """The tag stands for its SKU from now on."""
        if tag.epc is not None:
            self._epcs[tag.epc] = (tag.sku, way)
        if tag.tid is not None:
            self._tids[tag.tid] = (tag.sku, way)


def bind(
    transaction: Transaction,
    store: str,
    wanted: Sequence[Wanted],
    *,
    way: BindingWay,
    by: str,
    replace: bool,
    now: int,
) -> Bound:
    """Bind tags, all or none.

    Raises:
        ConflictError: a tag stands for another SKU, or is named with two, and ``replace`` was not said.
    """
    known = Bindings(transaction.connection, wanted)
    events: list[TagBound] = []
    repeats = 0
    for tag in wanted:
        skus = known.skus(tag)
        if skus == {tag.sku}:
            repeats += 1
            continue
        others = sorted(sku for sku in skus if sku not in (None, tag.sku))
        if others and not replace:
            raise ConflictError(
                f"{tag.name} is bound to {others[0]!r}; say replace=true to bind it to {tag.sku!r}"
            )
        known.note(tag, way)
        events.append(event_of(tag, way=way, by=by, now=now))
    if events:
        transaction.append_own(store, events, now)
    return Bound(bound=len(events), repeats=repeats)


def event_of(tag: Wanted, *, way: BindingWay, by: str, now: int) -> TagBound:
    """Return the event of one binding."""
    return TagBound(at=now, sku=tag.sku, epc=tag.epc, tid=tag.tid, way=way, by=by, code=tag.code)


def unbind(transaction: Transaction, store: str, tag: Wanted, *, by: str, now: int) -> bool:
    """Let a tag stand for nothing; False when it stood for nothing already."""
    if Bindings(transaction.connection, [tag]).skus(tag) == {None}:
        return False
    transaction.append_own(store, [TagUnbound(at=now, epc=tag.epc, tid=tag.tid, by=by)], now)
    return True


def bind_file(transaction: Transaction, epcs: Mapping[str, str], tids: Mapping[str, str], now: int) -> Bound:
    """Bind what a file says, but for tags that were bound in another way since."""
    wanted = [Wanted(sku, epc=epc) for epc, sku in epcs.items()]
    wanted += [Wanted(sku, tid=tid) for tid, sku in tids.items()]
    known = Bindings(transaction.connection, wanted)
    events, repeats, kept = [], 0, 0
    for tag in wanted:
        ((sku, way),) = known.of(tag)
        if sku == tag.sku:
            repeats += 1
        elif way not in ("", "file"):
            kept += 1
        else:
            events.append(event_of(tag, way="file", by="", now=now))
    if events:
        transaction.append_own(EVERY_STORE, events, now)
    return Bound(bound=len(events), repeats=repeats, kept=kept)


def receipt_bindings(
    transaction: Transaction, store: str, lines: Sequence[tuple[str, Sequence[str]]], now: int
) -> tuple[list[TagBound], list[AlertRow]]:
    """Return bindings that goods received by EPC imply, and alerts for tags that stand for something else.

    Args:
        transaction: of the receipt.
        store: where the goods came in.
        lines: (code, EPCs) per line of the delivery note.
        now: present time.
    """
    names = catalogue.naming(transaction.connection)
    wanted = []
    for code, epcs in lines:
        sku = names.sku_of_code(code)
        if sku in names.catalogue:
            wanted += [
                Wanted(sku, epc=epc, code=code) for epc in epcs if names.sku_of_identity(identify(epc)) != sku
            ]
    known = Bindings(transaction.connection, wanted)
    events, alerts = [], []
    for tag in wanted:
        (before,) = known.skus(tag)
        if before is None:
            known.note(tag, "receipt")
            events.append(event_of(tag, way="receipt", by="", now=now))
        elif before != tag.sku:
            alerts.append(conflict_alert(store, tag, before, now))
    return events, alerts


def conflict_alert(store: str, tag: Wanted, before: str, now: int) -> AlertRow:
    """Return the alert row of a tag that keeps its old binding; the same tag again is counted."""
    text = f"{tag.name} is bound to {before!r} and was not bound to {tag.sku!r}; bind it with replace=true if that is right"
    return (store, CONFLICT, tag.epc or tag.tid, 0, "hub", "", text[:500], now, 1, now)


def sku_for(connection: Connection, sku: str | None, code: str | None) -> str:
    """Return the SKU that a SKU or a scanned code means.

    Raises:
        NotFoundError: the catalogue knows neither.
    """
    names = catalogue.naming(connection)
    found = names.sku_of_code(sku or code or "")
    if found not in names.catalogue:
        raise NotFoundError(
            f"{sku or code!r} is no SKU, no GTIN and no mapped code of the catalogue; load it first"
        )
    return found
