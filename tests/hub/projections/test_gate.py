"""The verdict on a batch: its sets share the tags out, whatever came, in whatever parts and order."""

from hypothesis import given
from hypothesis import strategies as st

from contract.messages import GateBatch, GatePassage
from contract.sscc import sscc_of
from hub.model import GateConfirmed, GoodsNoticed, NoticeCarton, NoticeLine
from hub.projections import gate as g

T0 = 1_790_000_000_000
CARTON = "3174257BF4499602D2000000"
SSCC = sscc_of(CARTON)


def epc(number):
    return f"E2{number:022X}"


def sku_of(tag):
    """Tags of even number are rings, the rest are nothing that a SKU names."""
    return "ring" if tag.startswith("E2") and int(tag, 16) % 2 == 0 else None


def batch(passages=(), undecided=(), *, number=1, part=1, parts=1, at=T0):
    told = tuple(
        GatePassage(epc=tag, direction=way, probability=probability) for tag, way, probability in passages
    )
    return GateBatch(
        at=at, device="r-1", batch_id=f"b-{number}", gate="gate-1", started_at=at - 1000, passages=told,
        undecided=tuple(undecided), part=part, parts=parts,
    )  # fmt: skip


def joined(*events):
    return g.join(events[0].batch_id, {one.part: g.row_of(one, "x1", n) for n, one in enumerate(events)})


def notice(*lines, cartons=(), direction="in", name="asn-1", trust=True):
    return GoodsNoticed(
        at=T0, notice_id=name, gate="gate-1", direction=direction, cartons=tuple(cartons), trust_cartons=trust,
        lines=tuple(NoticeLine(epc=one) if isinstance(one, str) else NoticeLine(sku=one[0], quantity=one[1]) for one in lines),
    )  # fmt: skip


def judge_all(batches, notices):
    return [(one.batch, one.verdict) for one in g.judging(batches, notices, {}, sku_of)]


tags = st.sampled_from([*(epc(n) for n in range(12)), CARTON])
passage = st.tuples(tags, st.sampled_from(["in", "in", "in", "out", "turned"]), st.floats(0, 1))
batches = st.builds(
    lambda passages, undecided: batch(passages, undecided), st.lists(passage, max_size=14), st.sets(tags, max_size=4)
)  # fmt: skip
line = st.one_of(
    st.builds(lambda tag: NoticeLine(epc=tag), st.sampled_from([epc(n) for n in range(16)])),
    st.builds(lambda n: NoticeLine(sku="ring", quantity=n), st.integers(1, 6)),
)
carton = st.builds(
    lambda lines, sscc: NoticeCarton(sscc=sscc, lines=tuple(lines)),
    st.lists(line, max_size=4),
    st.sampled_from([SSCC, "006141412345678904"]),
)
notices = st.builds(
    lambda lines, cartons, way, trust, name: GoodsNoticed(
        at=T0, notice_id=name, gate="gate-1", direction=way, lines=tuple(lines), cartons=tuple(cartons), trust_cartons=trust,
    ),
    st.lists(line, max_size=6),
    st.lists(carton, max_size=2, unique_by=lambda one: one.sscc),
    st.sampled_from(["in", "in", "out"]),
    st.booleans(),
    st.sampled_from(["asn-1", "asn-2", "asn-3"]),
)  # fmt: skip


@given(batches, st.lists(notices, max_size=3, unique_by=lambda one: one.notice_id))
def test_the_sets_share_out_what_was_seen_and_what_was_asked_for(event, known):
    one = joined(event)
    ((_, verdict),) = judge_all([one], known)
    meant = next((each for each in known if each.notice_id == verdict.notice_id), None)
    asks = g.asked(meant or GoodsNoticed(at=T0, notice_id="none", gate="gate-1", direction="in"))
    sets = [
        set(each)
        for each in (verdict.expected, verdict.by_carton, verdict.missing, verdict.unexpected, verdict.undecided)
    ]  # fmt: skip
    seen = {tag for tag, told in one.passages.items() if told.direction == verdict.direction}
    assert sum(map(len, sets)) == len(set().union(*sets)), "the sets are disjoint"
    assert set().union(*sets) == seen | one.undecided | asks.epcs
    assert set(verdict.expected) | set(verdict.unexpected) == seen
    assert set(verdict.undecided) == one.undecided
    assert set(verdict.undecided_expected) <= set(verdict.undecided)
    assert not (set(verdict.other_way) | set(verdict.turned)) & (seen | one.undecided)
    for sku, wanted in asks.units.items():
        perhaps = [tag for tag in verdict.undecided_expected if tag not in asks.epcs and sku_of(tag) == sku]
        told = (verdict.taken_units.get(sku, 0), verdict.missing_units.get(sku, 0), len(perhaps))
        assert sum(told) == wanted
        assert verdict.by_carton_units.get(sku, 0) <= verdict.taken_units.get(sku, 0)


@given(st.lists(st.tuples(passage, st.integers(1, 3)), max_size=14), st.permutations([1, 2, 3]))
def test_parts_in_any_order_make_the_same_batch(shared, order):
    events = {
        number: batch([one for one, part in shared if part == number], part=number, parts=3)
        for number in (1, 2, 3)
    }
    straight = joined(*(events[number] for number in (1, 2, 3)))
    shuffled = joined(*(events[number] for number in order))
    assert (shuffled.passages, shuffled.undecided, shuffled.complete) == (
        straight.passages,
        straight.undecided,
        True,
    )
    assert not joined(events[order[0]], events[order[1]]).complete


@given(st.lists(batches, max_size=5), st.randoms(use_true_random=False), st.lists(line, max_size=8))
def test_batches_told_in_any_order_get_the_same_verdicts_and_nothing_comes_twice(events, chance, lines):
    known = [GoodsNoticed(at=T0, notice_id="asn-1", gate="gate-1", direction="in", lines=tuple(lines))]
    own = [
        joined(GateBatch(**{**_fields(one), "at": T0 + n, "batch_id": f"b-{n}"}))
        for n, one in enumerate(events)
    ]
    shuffled = own[:]
    chance.shuffle(shuffled)
    verdicts = judge_all(own, known)
    assert judge_all(shuffled, known) == verdicts
    asks = g.asked(known[0])
    came = [tag for _, verdict in verdicts for tag in verdict.expected]
    assert len(came) == len(set(came))
    for sku, wanted in asks.units.items():
        assert sum(verdict.taken_units.get(sku, 0) for _, verdict in verdicts) <= wanted


def _fields(event):
    return {name: getattr(event, name) for name in event.__struct_fields__}


def only(event, *known):
    ((_, verdict),) = judge_all([joined(event)], known)
    return verdict


def test_the_notice_with_most_units_is_meant_and_the_candidates_are_told():
    one = batch([(epc(n), "in", 0.9) for n in range(4)])
    verdict = only(one, notice(epc(0), name="a"), notice(*(epc(n) for n in range(6)), name="b"))
    assert (verdict.notice_id, verdict.overlaps) == ("b", {"b": 4, "a": 1})
    assert verdict.missing == (epc(4), epc(5))
    verdict = only(one, notice(epc(0), epc(9), name="a"), notice(epc(1), name="b"))
    assert verdict.notice_id == "b", "of two alike the one that misses less"
    assert only(one, notice(epc(0), direction="out")).notice_id is None


def test_a_carton_stands_for_contents_that_were_not_seen():
    box = NoticeCarton(
        sscc=SSCC, lines=(NoticeLine(epc=epc(1)), NoticeLine(epc=epc(3)), NoticeLine(sku="ring", quantity=5))
    )
    seen = batch([(CARTON, "in", 1.0), (epc(1), "in", 1.0), (epc(4), "in", 1.0), (epc(6), "in", 1.0)])
    verdict = only(seen, notice(cartons=[box]))
    assert (verdict.by_carton, verdict.by_carton_units) == ((epc(3),), {"ring": 3})
    assert not verdict.missing
    assert not verdict.missing_units
    assert g.light_of(verdict) == "ok"
    verdict = only(seen, notice(cartons=[box], trust=False))
    assert (verdict.by_carton, verdict.missing, verdict.missing_units) == ((), (epc(3),), {"ring": 3})


def test_a_delivery_may_come_in_several_batches():
    known = [notice(*(epc(n) for n in range(1, 10, 2)), ("ring", 4))]
    first = joined(
        batch([(epc(1), "in", 1.0), (epc(3), "in", 1.0), (epc(2), "in", 1.0)], number=1, at=T0 + 1)
    )
    second = joined(
        batch([(epc(5), "in", 1.0), (epc(4), "in", 1.0), (epc(3), "in", 1.0)], number=2, at=T0 + 2)
    )
    (_, one), (_, two) = judge_all([second, first], known)
    assert one.missing_units == {"ring": 3}
    assert two.expected == (epc(4), epc(5))
    assert two.unexpected == (epc(3),), "it came before"
    assert two.missing == (epc(7), epc(9))
    assert two.missing_units == {"ring": 2}


def test_what_was_confirmed_is_expected_no_more():
    known = notice(epc(1), ("ring", 2), cartons=[NoticeCarton(sscc=SSCC)])
    verdict = only(batch([(epc(1), "in", 1.0), (epc(2), "in", 1.0), (CARTON, "in", 1.0)]), known)
    event = GateConfirmed(
        at=T0, batch_id="b-1", gate="gate-1", by="li", verdict=verdict, accepted=verdict.expected, taken_units=verdict.taken_units,
    )  # fmt: skip
    taken = g.taken_by([event])
    assert g.still_open(g.asked(known), taken) == g.Open(frozenset(), {"ring": 1}, frozenset())
    assert not g.is_complete(known, taken)
    taken.units["ring"] = 2
    assert g.is_complete(known, taken)


def test_direction_is_the_one_with_more_certainty():
    ways = [(epc(1), "in", 0.9), (epc(2), "out", 0.4), (epc(3), "out", 0.4), (epc(4), "turned", 1.0)]
    assert g.direction_of(joined(batch(ways))) == "in"
    verdict = only(batch(ways), notice(epc(1)))
    assert (verdict.other_way, verdict.turned) == ((epc(2), epc(3)), (epc(4),))
    assert g.light_of(verdict) == "doubt"
    assert g.direction_of(joined(batch([(epc(4), "turned", 1.0)]))) is None
    assert only(batch([], [epc(1)]), notice(epc(1), direction="out")).direction == "out"
    assert g.light_of(only(batch())) == "empty"
