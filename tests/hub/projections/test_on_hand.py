"""On-hand has one definition; each case here is one sentence of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.projections.on_hand import ItemUnits, Movement, Tray, expected_units, on_hand


def line_of(sku, *, items=(), trays=(), movements=(), states=None, seen=()):
    lines = on_hand(["ring"], items, trays, movements, states or {}, {sku: list(seen)})
    return next(line for line in lines if line.sku == sku)


def moved(kind, quantity, at=10, zone=None, epcs=0, sku="ring"):
    return Movement(kind, sku, quantity, at, zone, epcs)


def test_a_tagged_sku_counts_items_where_they_are_and_sales_from_what_is_in_hand():
    items = [ItemUnits("ring", "a", "present", 5), ItemUnits("ring", "a", "picked", 2)]
    line = line_of("ring", items=items, movements=[moved("sold", 1)])
    assert ({zone.zone: zone.units for zone in line.zones}, line.unplaced, line.total) == ({"a": 5}, 1, 6)
    assert (line.tagged, line.mapped, line.sold) == (True, True, 1)


def test_a_sale_before_its_item_leaves_and_after_gives_the_same_total():
    before = line_of("ring", items=[ItemUnits("ring", "a", "present", 5)], movements=[moved("sold", 1)])
    after = line_of(
        "ring",
        items=[ItemUnits("ring", "a", "present", 4), ItemUnits("ring", "a", "picked", 1)],
        movements=[moved("sold", 1)],
    )
    assert before.total == after.total == 4


def test_units_received_by_quantity_are_expected_until_new_tags_are_seen():
    items = [ItemUnits("ring", "a", "present", 3)]
    received = [moved("received", 6, at=100)]
    assert line_of("ring", items=items, movements=received, seen=[1, 2, 3]).expected == 6
    assert line_of("ring", items=items, movements=received, seen=[1, 101, 102]).expected == 4


@given(st.lists(st.integers(0, 50)), st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), min_size=1))
def test_sightings_before_the_first_receipt_change_nothing(seen, receipts):
    moves = [moved("received", quantity, at=at) for at, quantity in receipts]
    first = min(at for at, _ in receipts)
    late = [at for at in seen if at >= first]
    assert expected_units(moves, seen) == expected_units(moves, late)
    assert 0 <= expected_units(moves, seen) <= sum(quantity for _, quantity in receipts)


def test_an_untagged_sku_on_a_tray_follows_the_weight_and_keeps_the_rest_unplaced():
    tray = Tray("s-1", "a", "ring", 7, 70.0, 10, 50)
    line = line_of("ring", trays=[tray], movements=[moved("sold", 2, at=60), moved("received", 5, at=61)])
    assert ([zone.units for zone in line.zones], line.unplaced, line.total) == ([7], 6, 13)
    line = line_of("ring", trays=[tray], movements=[moved("sold", 9, at=60)])
    assert line.total == 7, "weight wins on its own shelf"
    assert line_of("ring", trays=[tray], movements=[moved("sold", 2, at=40)]).total == 10


def test_an_untagged_sku_without_tray_is_what_the_book_says():
    moves = [moved("received", 10, zone="back"), moved("sold", 3), moved("adjusted", -1)]
    line = line_of("ring", movements=moves)
    assert ([(zone.zone, zone.units) for zone in line.zones], line.unplaced, line.total) == (
        [("back", 10)],
        -4,
        6,
    )


def test_codes_and_tags_nobody_knows_have_lines_of_their_own():
    lines = on_hand(["ring"], [ItemUnits(None, "a", "present", 2)], [], [moved("sold", 1, sku="?")], {}, {})
    assert [(line.sku, line.mapped, line.total) for line in lines] == [
        ("?", False, -1),
        ("ring", True, 0),
        (None, False, 2),
    ]


def test_units_in_a_zone_that_cannot_be_seen_are_uncertain():
    items = [ItemUnits("ring", "a", "present", 1), ItemUnits("ring", "b", "present", 1)]
    line = line_of("ring", items=items, states={"a": "seen", "b": "blind"})
    assert ([zone.uncertain for zone in line.zones], line.uncertain) == ([False, True], True)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sold", "returned", "received", "adjusted"]),
            st.integers(1, 9),
            st.integers(0, 99),
        )
    ),
    st.integers(0, 9),
    st.randoms(),
)
def test_no_order_of_arrival_changes_a_figure(moves, present, random):
    told = [moved(kind, quantity, at=at) for kind, quantity, at in moves]
    items = [ItemUnits("ring", "a", "present", present)] if present else []
    line = line_of("ring", items=items, movements=told)
    random.shuffle(told)
    assert line_of("ring", items=items, movements=told) == line
    assert line.total == sum(zone.units for zone in line.zones) + line.unplaced + line.expected


STOCKS = {
    "tagged": {"items": [ItemUnits("ring", "a", "present", 5), ItemUnits("ring", "a", "picked", 2)]},
    "on a tray": {"trays": [Tray("s-1", "a", "ring", 7, 70.0, 10, 5)]},
    "in the book": {"movements": [moved("received", 10)]},
}


@pytest.mark.parametrize("kind", STOCKS)
@pytest.mark.parametrize("units", [1, 3])
def test_goods_sold_and_brought_back_are_on_hand_as_before(kind, units):
    def line(*more):
        told = STOCKS[kind]
        return line_of("ring", **{**told, "movements": [*told.get("movements", []), *more]})

    sold, back = moved("sold", units, at=20), moved("returned", units, at=30)
    assert line(sold, back).total == line().total
    assert (line(sold, back).sold, line(sold, back).returned) == (units, units)
    if kind != "on a tray":
        assert line(sold).total == line().total - units


def test_a_tagged_item_that_comes_back_to_its_shelf_counts_once():
    sold = [moved("sold", 1)]
    in_hand = [ItemUnits("ring", "a", "present", 4), ItemUnits("ring", "a", "picked", 1)]
    on_the_shelf = [ItemUnits("ring", "a", "present", 5)]
    back = [*sold, moved("returned", 1)]
    assert line_of("ring", items=in_hand, movements=sold).total == 4
    assert line_of("ring", items=in_hand, movements=back).total == 5
    assert line_of("ring", items=on_the_shelf, movements=back).total == 5


def test_returned_goods_on_a_tray_are_no_more_than_the_tray_and_the_book_say():
    tray = Tray("s-1", "a", "ring", 8, 80.0, 10, 5)
    told = [moved("sold", 2, at=20), moved("returned", 1, at=30)]
    assert (line_of("ring", trays=[tray], movements=told).total, 8) == (9, 8)
    placed = tray._replace(units=9)
    assert line_of("ring", trays=[placed], movements=told).total == 9
