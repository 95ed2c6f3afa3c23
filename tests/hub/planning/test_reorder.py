"""The starter rule: worked examples, and laws that hold for every figure."""

import math

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contract.errors import PlanningError
from hub.planning.reorder import DAY_MS, ReorderInputs, reorder, window_days


def inputs(**more):
    base = {"sold_units": 30, "window_days": 10.0, "lead_time_days": 5.0, "case_pack": 1, "on_hand": 0}
    return ReorderInputs(**{**base, **more})


@pytest.mark.parametrize(
    ("figures", "quantity", "reason", "constraint"),
    [
        # 30 sold in 10 days × 5 days × 1.2 = 18 wanted
        ({}, 18, "below_need", ""),
        ({"on_hand": 18}, 0, "enough_stock", ""),
        ({"on_hand": 17}, 1, "below_need", ""),
        ({"on_hand": 4, "on_order": 3, "in_transit": 2}, 9, "below_need", ""),
        ({"case_pack": 12}, 24, "below_need", "case_pack"),
        ({"case_pack": 6}, 18, "below_need", ""),
        ({"sold_units": 31}, 19, "below_need", "whole_units"),
        ({"sold_units": 100, "lead_time_days": 3.0}, 36, "below_need", ""),
        ({"sold_units": 0}, 0, "no_sales", ""),
        ({"sold_units": 0, "on_hand": -3}, 3, "below_need", ""),
        ({"uncertain": True}, 0, "blind_zone", "blind_zone"),
        ({"uncertain": True, "on_hand": 50}, 0, "enough_stock", ""),
        ({"open_order": "o-1"}, 0, "open_order", "one_open_order"),
        ({"open_order": "o-1", "uncertain": True}, 0, "open_order", "one_open_order"),
    ],
)
def test_worked_examples(figures, quantity, reason, constraint):
    decided = reorder(inputs(**figures))
    assert (decided.quantity, decided.reason, decided.constraint) == (quantity, reason, constraint)


def test_the_figures_behind_a_decision_are_told():
    decided = reorder(inputs(on_hand=4, on_order=3, in_transit=2))
    assert (decided.need, decided.mean_daily_sales, decided.inventory_position) == (18.0, 3.0, 9)


@pytest.mark.parametrize(
    "wrong", [{"case_pack": 0}, {"lead_time_days": -1.0}, {"window_days": 0.0}, {"sold_units": -1}]
)
def test_figures_nobody_can_use_are_refused_by_name(wrong):
    with pytest.raises(PlanningError, match=next(iter(wrong))):
        reorder(inputs(**wrong))


@pytest.mark.parametrize(("days_ago", "window"), [(None, 1.0), (0.01, 1.0), (3.5, 3.5), (400, 28.0)])
def test_the_window_is_from_the_first_moment_one_to_28_days(days_ago, window):
    now = 1000 * DAY_MS
    first = None if days_ago is None else round(now - days_ago * DAY_MS)
    assert window_days(first, now) == pytest.approx(window)


figures = st.builds(
    ReorderInputs,
    sold_units=st.integers(0, 10_000),
    window_days=st.floats(1, 28),
    lead_time_days=st.floats(0, 90),
    case_pack=st.integers(1, 100),
    on_hand=st.integers(-100, 10_000),
    on_order=st.integers(0, 1000),
    in_transit=st.integers(0, 1000),
    uncertain=st.booleans(),
)


@given(figures)
def test_a_quantity_is_whole_cases_covers_the_need_and_no_case_too_many(given_figures):
    decided = reorder(given_figures)
    assert decided.quantity >= 0
    assert decided.quantity % given_figures.case_pack == 0
    if decided.reason == "below_need":
        after = decided.inventory_position + decided.quantity
        assert after >= decided.need - 1e-6
        assert after - given_figures.case_pack < math.ceil(decided.need)
        assert not given_figures.uncertain
    else:
        assert decided.quantity == 0


@given(figures, st.integers(1, 1000))
def test_more_sales_never_order_less(given_figures, more):
    assume(not given_figures.uncertain)
    raised = msgspec.structs.replace(given_figures, sold_units=given_figures.sold_units + more)
    assert reorder(raised).quantity >= reorder(given_figures).quantity


@given(figures, st.integers(1, 1000), st.sampled_from(["on_hand", "on_order", "in_transit"]))
def test_more_stock_anywhere_never_orders_more(given_figures, more, where):
    raised = msgspec.structs.replace(given_figures, **{where: getattr(given_figures, where) + more})
    assert reorder(raised).quantity <= reorder(given_figures).quantity
