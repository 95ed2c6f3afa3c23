"""What came through a gate against what was expected: a verdict per batch. Pure.

A batch's parts are joined, in any order; its **direction** is the one with more certainty behind it. Each
batch is compared with the open notices of its gate, in order of time: what earlier batches brought, confirmed
or not, is expected no more, so that a delivery may come in several. Of the notices the batch is compared with
the one that it overlaps most, in units; then with the one that misses least; then with the oldest.

What always holds: ``expected``, ``by_carton``, ``missing``, ``unexpected`` and ``undecided`` are disjoint, and
together they are what was seen that way, what nobody can say the way of, and the EPCs the notice still asks for.
Per SKU, units taken, missing and perhaps among the undecided add up to what the notice still asks for.

A **carton** that was seen stands for those of its contents that were not (``by_carton``), unless the notice
says otherwise. Single tags of its SKUs are taken to be its contents first, so that nothing counts twice.

A verdict is a function of sets: it is computed anew whenever a batch, a notice, a confirmation or the name of
a tag changes. Only the newest :data:`WINDOW` batches of a gate are judged; older ones nobody confirmed lapse.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from contract.messages import GateBatch, GatePassage
from contract.sscc import sscc_of
from hub.model import Direction, GateConfirmed, GoodsNoticed, Verdict

WINDOW: Final = 50
OVERLAPS_KEPT: Final = 5

BatchState = Literal["incomplete", "waiting", "confirmed", "lapsed"]
Light = Literal["ok", "doubt", "empty"]
SkuOf = Callable[[str], str | None]
"""EPC → the SKU of a notice's lines that it stands for."""


class Tags(msgspec.Struct, frozen=True):
    """The tags of one part of a batch."""

    passages: tuple[GatePassage, ...]
    undecided: tuple[str, ...]


class Part(NamedTuple):
    """One part of a batch, as stored; field order is that of the ``gate_parts`` table behind its key."""

    gate: str
    key_ms: int
    key_stream: str
    key_seq: int
    device: str
    started_ms: int
    parts: int
    strays: int
    suspect: int
    body: str


class Batch(NamedTuple):
    """A batch with its parts joined.

    Attributes:
        passages: EPC → the passage with the highest probability.
        complete: every part has come.
    """

    batch_id: str
    gate: str
    stream: str
    device: str
    started_ms: int
    ended_ms: int
    strays: int
    suspect: bool
    complete: bool
    passages: Mapping[str, GatePassage]
    undecided: frozenset[str]


class Taken(NamedTuple):
    """What of a notice has come already: EPCs, cartons by SSCC, and units by SKU."""

    epcs: set[str]
    ssccs: set[str]
    units: dict[str, int]


class Open(NamedTuple):
    """What a notice still asks for."""

    epcs: frozenset[str]
    units: Mapping[str, int]
    ssccs: frozenset[str]


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_TAGS: Final = msgspec.json.Decoder(Tags)


def encode(body: Any) -> str:
    """Return the one text that stands for something in a table."""
    return _ENCODER.encode(body).decode()


def row_of(event: GateBatch, stream: str, seq: int) -> Part:
    """Return the row of a part of a batch."""
    return Part(
        event.gate, event.at, stream, seq, event.device, event.started_at, event.parts, event.strays,
        int(event.suspect), encode(Tags(event.passages, event.undecided)),
    )  # fmt: skip


def join(batch_id: str, parts: Mapping[int, Part]) -> Batch:
    """Return a batch of the parts that have come; their order does not matter."""
    first = parts[min(parts)]
    passages: dict[str, GatePassage] = {}
    undecided: set[str] = set()
    for number in sorted(parts):
        tags = _TAGS.decode(parts[number].body)
        undecided.update(tags.undecided)
        for passage in tags.passages:
            known = passages.get(passage.epc)
            if known is None or _rank(passage) > _rank(known):
                passages[passage.epc] = passage
    own = list(parts.values())
    announced = max(part.parts for part in own)
    return Batch(
        batch_id=batch_id,
        gate=first.gate,
        stream=first.key_stream,
        device=first.device,
        started_ms=min(part.started_ms for part in own),
        ended_ms=max(part.key_ms for part in own),
        strays=sum(part.strays for part in own),
        suspect=any(part.suspect for part in own),
        complete=all(number in parts for number in range(1, announced + 1)),
        passages=passages,
        undecided=frozenset(undecided - set(passages)),
    )


def _rank(passage: GatePassage) -> tuple[float, str]:
    return passage.probability, passage.direction


def order_of(batch: Batch) -> tuple[int, str]:
    """Return what batches of a gate are sorted by."""
    return batch.ended_ms, batch.batch_id


def direction_of(batch: Batch) -> Direction | None:
    """Return the direction with more certainty behind it, None when nothing went through; ``in`` of two alike."""
    certainty = {"in": 0.0, "out": 0.0}
    for passage in batch.passages.values():
        if passage.direction != "turned":
            # A passage of probability 0 is one all the same.
            certainty[passage.direction] += passage.probability + 1e-9
    if not any(certainty.values()):
        return None
    return "out" if certainty["out"] > certainty["in"] else "in"


class Asked(NamedTuple):
    """A notice with what it asks for summed up once; a batch is then compared with sets."""

    notice: GoodsNoticed
    epcs: frozenset[str]
    units: Mapping[str, int]


def asked(notice: GoodsNoticed) -> Asked:
    """Return a notice with everything it asks for."""
    every = [*notice.lines, *(line for carton in notice.cartons for line in carton.lines)]
    units: dict[str, int] = {}
    _add_lines(units, every)
    return Asked(notice, frozenset(line.epc for line in every if line.epc is not None), units)


def still_open(asks: Asked, taken: Taken) -> Open:
    """Return what a notice still asks for; a carton whose contents have all come is asked for no more."""
    epcs = asks.epcs - taken.epcs
    left = {sku: count - taken.units.get(sku, 0) for sku, count in asks.units.items()}
    left = {sku: count for sku, count in left.items() if count > 0}
    ssccs = frozenset(
        carton.sscc
        for carton in asks.notice.cartons
        if carton.sscc not in taken.ssccs
        and (
            not carton.lines
            or any(line.epc in epcs if line.epc is not None else line.sku in left for line in carton.lines)
        )
    )
    return Open(epcs, left, ssccs)


def is_complete(notice: GoodsNoticed, taken: Taken) -> bool:
    """Tell whether everything of a notice has come."""
    return not any(still_open(asked(notice), taken))


def taken_by(confirmations: Iterable[GateConfirmed]) -> Taken:
    """Return what confirmed batches took of a notice."""
    taken = Taken(set(), set(), {})
    for event in confirmations:
        taken.epcs.update(event.accepted)
        taken.ssccs.update(sscc for sscc in map(sscc_of, event.accepted) if sscc is not None)
        _add(taken.units, event.taken_units)
    return taken


def _add(units: dict[str, int], more: Mapping[str, int]) -> None:
    for sku, count in more.items():
        units[sku] = units.get(sku, 0) + count


def compare(batch: Batch, direction: Direction, whole: Asked | None, taken: Taken, sku_of: SkuOf) -> Verdict:
    """Compare a batch with one notice of which some has been taken, or with none."""
    ways: dict[str, set[str]] = {"in": set(), "out": set(), "turned": set()}
    for epc, passage in batch.passages.items():
        ways[passage.direction].add(epc)
    seen, undecided = ways[direction], set(batch.undecided)
    notice = whole.notice if whole is not None else None
    asks = still_open(whole, taken) if whole is not None else Open(frozenset(), {}, frozenset())
    cartons = {sscc for sscc in map(sscc_of, seen) if sscc in asks.ssccs}
    expected = {epc for epc in seen if epc in asks.epcs or sscc_of(epc) in cartons}
    inside = _inside(notice, cartons)
    by_carton = ({line.epc for line in inside if line.epc in asks.epcs} - seen) - undecided
    # A tag that came in an earlier batch is no further unit of its SKU.
    singles = _by_sku(seen - expected - taken.epcs, sku_of, asks.units)
    perhaps = _by_sku(undecided - asks.epcs - taken.epcs, sku_of, asks.units)
    in_cartons: dict[str, int] = {}
    _add_lines(in_cartons, inside)
    by_carton_units, missing_units, taken_units = {}, {}, {}
    perhaps_expected = {epc for epc in undecided if epc in asks.epcs or sscc_of(epc) in asks.ssccs}
    for sku, wanted in sorted(asks.units.items()):
        single = singles.get(sku, [])[:wanted]
        expected.update(single)
        covered = max(0, min(in_cartons.get(sku, 0), wanted) - len(single))
        open_units = wanted - len(single) - covered
        maybe = perhaps.get(sku, [])[:open_units]
        perhaps_expected.update(maybe)
        by_carton_units[sku], missing_units[sku] = covered, open_units - len(maybe)
        taken_units[sku] = len(single) + covered
    gone = Taken(taken.epcs | expected | by_carton, taken.ssccs | cartons, dict(taken.units))
    _add(gone.units, taken_units)
    undecided_cartons = set(map(sscc_of, undecided))
    rest = still_open(whole, gone).ssccs if whole is not None and asks.ssccs else frozenset()
    return Verdict(
        direction=direction,
        notice_id=notice.notice_id if notice is not None else None,
        expected=_sorted(expected),
        by_carton=_sorted(epc for epc in by_carton if epc is not None),
        by_carton_units=_positive(by_carton_units),
        missing=_sorted(((asks.epcs - seen) - undecided) - by_carton),
        missing_units=_positive(missing_units),
        missing_cartons=_sorted(rest - undecided_cartons),
        unexpected=_sorted(seen - expected),
        undecided=_sorted(undecided),
        undecided_expected=_sorted(perhaps_expected),
        other_way=_sorted(ways["out" if direction == "in" else "in"]),
        turned=_sorted(ways["turned"]),
        taken_units=_positive(taken_units),
    )


def _inside(notice: GoodsNoticed | None, cartons: Collection[str]) -> list[Any]:
    """Return the lines of what is in cartons, as far as cartons stand for it."""
    if notice is None or not notice.trust_cartons:
        return []
    return [line for carton in notice.cartons if carton.sscc in cartons for line in carton.lines]


def _add_lines(units: dict[str, int], lines: Iterable[Any]) -> None:
    for line in lines:
        if line.epc is None and line.sku is not None:
            units[line.sku] = units.get(line.sku, 0) + line.quantity


def _by_sku(epcs: Iterable[str], sku_of: SkuOf, units: Mapping[str, int]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if units:
        for epc in sorted(epcs):
            sku = sku_of(epc)
            if sku is not None:
                found.setdefault(sku, []).append(epc)
    return found


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(texts))


def _positive(units: Mapping[str, int]) -> dict[str, int]:
    return {sku: count for sku, count in sorted(units.items()) if count > 0}


def units_of(verdict: Verdict) -> int:
    """Return how many units of its notice a batch has, those nobody can say the way of included."""
    sure = len(verdict.expected) + len(verdict.by_carton) + sum(verdict.by_carton_units.values())
    return sure + len(verdict.undecided_expected)


def judge(batch: Batch, notices: Sequence[Asked], taken: Mapping[str, Taken], sku_of: SkuOf) -> Verdict:
    """Return the verdict on a batch; ``notices`` are open, of its gate, the oldest first."""
    direction = direction_of(batch)
    overlaps: dict[str, int] = {}
    best, best_rank = None, (0, 0)
    for whole in notices:
        notice = whole.notice
        if direction not in (None, notice.direction):
            continue
        verdict = compare(batch, notice.direction, whole, taken[notice.notice_id], sku_of)
        overlap = units_of(verdict)
        if overlap:
            overlaps[notice.notice_id] = overlap
        rank = (overlap, -(len(verdict.missing) + sum(verdict.missing_units.values())))
        if overlap and (best is None or rank > best_rank):
            best, best_rank = verdict, rank
    if best is None:
        return compare(batch, direction or "in", None, Taken(set(), set(), {}), sku_of)
    kept = sorted(overlaps.items(), key=lambda pair: -pair[1])[:OVERLAPS_KEPT]
    return msgspec.structs.replace(best, overlaps=dict(kept))


class Judged(NamedTuple):
    """A batch, its verdict, and what earlier batches had taken of each notice by then.

    Attributes:
        taken: notice → what was taken; valid only until the next batch is judged.
    """

    batch: Batch
    verdict: Verdict
    taken: Mapping[str, Taken]


def judging(
    batches: Iterable[Batch],
    notices: Sequence[GoodsNoticed],
    confirmed: Mapping[str, Taken],
    sku_of: SkuOf,
) -> Iterator[Judged]:
    """Judge a gate's batches that nobody has confirmed, in order of time.

    Args:
        batches: in any order.
        notices: the gate's open notices, the oldest first.
        confirmed: notice → what confirmed batches took of it.
        sku_of: names tags.
    """
    taken = {
        notice.notice_id: Taken(set(known.epcs), set(known.ssccs), dict(known.units))
        for notice in notices
        for known in (confirmed.get(notice.notice_id, Taken(set(), set(), {})),)
    }
    wholes = [asked(notice) for notice in notices]
    for batch in sorted(batches, key=order_of):
        verdict = judge(batch, wholes, taken, sku_of)
        yield Judged(batch, verdict, taken)
        if verdict.notice_id is not None:
            own = taken[verdict.notice_id]
            own.epcs.update(verdict.expected, verdict.by_carton)
            own.ssccs.update(sscc for sscc in map(sscc_of, verdict.expected) if sscc is not None)
            _add(own.units, verdict.taken_units)


def decided(
    batch: Batch,
    verdict: Verdict,
    notice: GoodsNoticed | None,
    taken: Taken,
    sku_of: SkuOf,
    *,
    accept: Collection[str],
    reject: Collection[str],
) -> Verdict:
    """Return the verdict as it would be had the gate seen what a person says: accepted tags, and no rejected ones."""
    certain = {
        epc: GatePassage(epc=epc, direction=verdict.direction, probability=1.0)
        for epc in {*verdict.expected, *accept} - set(reject)
    }
    told = batch._replace(passages=certain, undecided=frozenset())
    whole = asked(notice) if notice is not None else None
    return compare(told, verdict.direction, whole, taken, sku_of)


def light_of(verdict: Verdict) -> Light:
    """Return ``ok`` when all that came through was expected and nothing is in doubt."""
    if verdict.unexpected or verdict.undecided or verdict.other_way:
        return "doubt"
    return "ok" if verdict.expected else "empty"
