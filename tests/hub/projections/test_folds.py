"""The small folds: items, trays, heat, people, try-ons, and which sale took which item."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import (
    Candidate,
    ItemStep,
    PeopleCounted,
    TagArrived,
    TagMoved,
    TagPickedUp,
    TagPutBack,
    WeightChanged,
)
from hub.ledger.tables import movements
from hub.model import GoodsReceived
from hub.projections import footfall, items, trays
from hub.projections.batch import Batch
from hub.projections.labels import PickedItem, SaleUnits, SoldUnit, label_sold, still_sold
from hub.projections.try_on import outcome_of

EPC = "E2" + "0" * 22
at = st.integers(0, 20)
tag_event = st.one_of(
    st.builds(TagArrived, at=at, device=st.just("r-1"), epc=st.just(EPC), zone=st.sampled_from("ab")),
    st.builds(TagPickedUp, at=at, device=st.just("r-1"), epc=st.just(EPC), zone=st.sampled_from("ab")),
)
placed_event = st.tuples(tag_event, st.sampled_from(["x1", "x2"]), st.integers(1, 9))


@given(known=st.none() | placed_event, new=placed_event)
def test_folding_in_one_step_is_merging_what_the_event_alone_gives(known, new):
    before = None if known is None else items.from_tag_event(*known)
    assert items.fold(before, *new) == items.merge(before, items.from_tag_event(*new))


@given(st.lists(placed_event, min_size=1, unique_by=lambda placed: placed[1:]), st.randoms())
def test_an_item_is_the_same_in_every_order_and_however_often_told(events, random):
    def run(order):
        state = None
        for event in order:
            state = items.fold(state, *event)
        return state

    shuffled = events + events
    random.shuffle(shuffled)
    state = run(shuffled)
    assert state == run(events)
    assert state.first_seen_ms == min(event.at for event, _, _ in events)
    assert state[:3] == max((event.at, stream, seq) for event, stream, seq in events)


def test_any_sighting_knows_better_than_a_receipt_of_goods():
    received = items.from_receipt("back", "hub", 7, 40)
    seen = items.from_tag_event(TagArrived(at=0, device="r-1", epc=EPC, zone="a"), "x1", 1)
    assert items.merge(received, seen) == items.merge(seen, received) == seen._replace(received_ms=40)
    assert (received.status, received.first_seen_ms) == (items.RECEIVED, items.NEVER_SEEN_MS)


def weight(at, units):
    return WeightChanged(
        at=at, device="s-1", zone="a", sku="beads", weight_g=1.0 * at, delta_g=0.0, units=units
    )


def test_a_weight_that_fits_no_whole_number_edits_nothing():
    assert trays.from_weight(weight(5, None), "x1", 1) is None


@given(st.lists(st.tuples(at, st.integers(0, 9)), min_size=1), st.randoms())
def test_a_tray_has_its_last_weight_and_its_first_as_anchor(told, random):
    states = [trays.from_weight(weight(at, units), "x1", seq) for seq, (at, units) in enumerate(told, 1)]
    first, last = min(states, key=lambda state: state[4:7]), max(states, key=lambda state: state[4:7])
    random.shuffle(states)
    tray = None
    for state in states:
        tray = trays.merge(tray, state)
    assert (tray.units, tray.anchor_units) == (last.units, first.units)
    assert (tray.key_seq, tray.anchor_seq) == (last.key_seq, first.key_seq)


def plate(at, items, *, device="p-1"):
    return WeightChanged(
        at=at, device=device, zone="a", sku=None, weight_g=1.0, delta_g=-1.0, items=tuple(items)
    )


def test_a_plate_counts_each_sku_that_was_counted_and_no_candidate():
    steps = [ItemStep("ring", -1, 4), ItemStep("bead", -1)]
    assert [(sku, one.units) for sku, one in trays.from_plate(plate(5, steps), "x1", 1).items()] == [
        ("ring", 4)
    ]
    doubt = WeightChanged(
        at=6, device="p-1", zone="a", sku=None, weight_g=1.0, delta_g=-1.0,
        candidates=(Candidate(0.6, (ItemStep("ring", -1),)), Candidate(0.4)),
    )  # fmt: skip
    assert trays.from_plate(doubt, "x1", 2) == {}
    assert trays.from_weight(doubt, "x1", 2) is None


@given(
    st.lists(st.tuples(at, st.sampled_from(["ring", "bead", None]), st.integers(0, 9)), min_size=1),
    st.randoms(),
)
def test_a_scale_that_was_tray_and_plate_is_what_it_was_last_in_every_order(told, random):
    """None stands for a tray with one SKU."""

    def run(order):
        batch = Batch()
        for seq, (when, sku, units) in order:
            event = (
                weight(when, units) if sku is None else plate(when, [ItemStep(sku, -1, units)], device="s-1")
            )
            batch.add("s", "x1", seq, seq, event)
        single = [(device, state) for (_, device), state in batch.trays.items()]
        several = [(device, state) for (_, device, _sku), state in batch.plates.items()]
        return trays.now_on(single, several)

    placed = list(enumerate(told, 1))
    found = run(placed)
    random.shuffle(placed)
    assert run(placed) == found
    last = max(placed, key=lambda one: (one[1][0], one[0]))[1]
    assert (last[1] or "beads", last[2]) in [(state.sku, state.units) for _, state in found]
    assert (last[1] is None) == ([state.sku for _, state in found] == ["beads"])


def test_a_batch_counts_pick_ups_put_backs_and_arrivals_per_zone_and_quarter_hour():
    batch = Batch()
    minute = 60_000
    for seq, event in enumerate(
        [
            TagArrived(at=0, device="r-1", epc=EPC, zone="a"),
            TagPickedUp(at=14 * minute, device="r-1", epc=EPC, zone="a"),
            TagPutBack(at=15 * minute, device="r-1", epc=EPC, zone="b", from_zone="a", picked_at=14 * minute),
            TagMoved(at=16 * minute, device="r-1", epc=EPC, zone="a", from_zone="b"),
        ],
        1,
    ):
        batch.add("s", "x1", seq, seq, event)
    quarter = footfall.BUCKET_MS
    assert batch.heat == {
        ("s", "a", 0): [1, 0, 1],
        ("s", "b", quarter): [0, 1, 0],
        ("s", "a", quarter): [0, 0, 1],
    }
    assert batch.items[("s", EPC)].zone == "a"
    assert [row[3:] for row in batch.try_ons] == [
        (EPC, "a", "b", 14 * minute, 15 * minute, "returned"),
    ]


def test_goods_received_by_epc_make_items_and_one_movement():
    batch = Batch()
    goods = GoodsReceived(at=5, receipt_id="d", line=1, code="c", quantity=2, epcs=(EPC, EPC[:-1] + "1"))
    batch.add("s", "hub", 1, 1, goods)
    assert {state.status for state in batch.items.values()} == {"received"}
    assert len(batch.items) == 2
    names = [column.name for column in movements.columns]
    assert dict(zip(names, batch.movements[0], strict=True))["epcs"] == 2


@pytest.mark.parametrize(
    ("dwell_ms", "outcome"),
    [(-5, "touch"), (7_999, "touch"), (8_000, "returned"), (300_000, "returned"), (300_001, "too_long")],
)
def test_a_put_back_is_judged_by_how_long_the_item_was_in_hand(dwell_ms, outcome):
    assert outcome_of(1_000_000, 1_000_000 + dwell_ms) == outcome


def test_a_broken_counter_cannot_overflow_a_sum():
    batch = Batch()
    for seq in (1, 2):
        batch.add("s", "x1", seq, seq, PeopleCounted(at=1, device="c", line="1", entered=2**53, left=1))
    assert batch.footfall == {("s", "1", 0): footfall.Sums(2_000_000, 2, 2_000_000_000, 2_000)}


def test_estimates_turned_and_staff_stand_beside_the_raw_counts():
    batch = Batch()
    for seq, event in enumerate(
        [
            PeopleCounted(
                at=1, device="c", line="1", entered=2, estimated_entered=2.75, estimated_left=0.0, staff=1
            ),
            PeopleCounted(at=2, device="c", line="1", left=1, estimated_left=1.07, turned=2, staff=1),
            PeopleCounted(at=3, device="old", line="1", entered=1),
        ],
        1,
    ):
        batch.add("s", "x1", seq, seq, event)
    [sums] = batch.footfall.values()
    assert sums == footfall.Sums(
        entered=3, left_=1, entered_milli=3_750, left_milli=1_070, turned=2, staff_entered=1, staff_left=1
    )


def test_there_are_never_more_staff_than_people():
    sums = footfall.sums_of(PeopleCounted(at=1, device="c", line="1", entered=2, left=1, staff=9))
    assert (sums.staff_entered, sums.staff_left) == (2, 1)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_occupancy_is_never_negative_and_follows_the_difference(steps):
    course = footfall.occupancy(steps)
    before = 0
    for (entered, left), inside in zip(steps, course, strict=True):
        assert inside == max(0, before + entered - left)
        before = inside


def test_conversion_of_nobody_is_unknown():
    assert footfall.conversion(3, 0) is None
    assert footfall.conversion(1, 4) == 0.25


def sold(at, sale="s-1", unit=0, epc=None):
    return SoldUnit(at, sale, 1, unit, epc)


def test_a_sale_takes_the_item_picked_last_before_it():
    picked = [PickedItem(at, f"E{at}", "a") for at in (10, 20, 30)]
    assert label_sold([sold(25)], picked) == {"E20": sold(25)}
    assert label_sold([sold(5)], picked) == {"E10": sold(5)}, "none before: the first one after"


def test_a_sale_that_names_its_tag_takes_that_and_no_other():
    picked = [PickedItem(10, "EA", "a"), PickedItem(20, "EB", "a")]
    named = sold(25, epc="EA")
    assert label_sold([named, sold(26, "s-2")], picked) == {"EA": named, "EB": sold(26, "s-2")}
    assert label_sold([sold(25, epc="EX")], picked) == {}


@given(
    st.lists(st.integers(0, 20), max_size=8),
    st.lists(st.integers(0, 20), max_size=8),
    st.randoms(),
)
def test_labels_do_not_depend_on_order_and_use_each_item_and_unit_once(sales, picks, random):
    units = [sold(at, f"s-{index}") for index, at in enumerate(sales)]
    picked = [PickedItem(at, f"E{index}", "a") for index, at in enumerate(picks)]
    labels = label_sold(units, picked)
    assert len(labels) == min(len(units), len(picked))
    assert len(set(labels.values())) == len(labels)
    random.shuffle(units)
    random.shuffle(picked)
    assert label_sold(units, picked) == labels


def sale(at, units=1, ref="s", epc=None, of_sale=None):
    return SaleUnits(at, ref, 1, units, epc, of_sale)


@pytest.mark.parametrize(
    ("back", "left"),
    [
        (sale(25), [(10, 2), (20, 1), (30, 2)]),
        (sale(25, 3), [(10, 1), (30, 2)]),
        (sale(5), [(10, 1), (20, 2), (30, 2)]),
        (sale(99, of_sale="s10"), [(10, 1), (20, 2), (30, 2)]),
        (sale(99, epc="E20"), [(10, 2), (20, 1), (30, 2)]),
        (sale(99, 100), []),
    ],
)
def test_a_return_takes_from_the_sale_it_names_else_from_the_latest_before_it(back, left):
    sales = [sale(at, 2, f"s{at}", f"E{at}") for at in (10, 20, 30)]
    assert [(one.at_ms, one.units) for one in still_sold(sales, [back])] == left


sale_units = st.builds(sale, st.integers(0, 9), st.integers(1, 4), st.sampled_from("abc"))


@given(
    st.lists(sale_units, unique_by=lambda one: one[:3]),
    st.lists(sale_units, unique_by=lambda one: one[:3]),
    st.randoms(),
)
def test_returns_take_as_many_units_as_they_bring_back_in_any_order(sales, returns, random):
    left = still_sold(sales, returns)
    sold, back = (sum(one.units for one in own) for own in (sales, returns))
    assert sum(one.units for one in left) == max(0, sold - back)
    random.shuffle(sales)
    random.shuffle(returns)
    assert still_sold(sales, returns) == left


@pytest.mark.parametrize(
    ("status", "key_ms", "received_ms", "now"),
    [
        ("present", 99, -1, "missing"),
        ("present", 100, -1, "present"),
        ("received", -1, 99, "missing"),
        ("received", -1, 100, "received"),
        ("received", 100, -1, "received"),
        ("picked", 99, -1, "picked"),
        ("elsewhere", 1, -1, "elsewhere"),
    ],
)
def test_an_item_is_missing_when_its_place_was_counted_after_it_was_last_known(
    status, key_ms, received_ms, now
):
    assert items.status_at(status, key_ms, received_ms, 100) == now
    assert items.status_at(status, key_ms, received_ms, None) == status
    long_after = 100 + items.IN_HAND_MS
    assert items.status_at("picked", 99, -1, long_after) == "missing"
