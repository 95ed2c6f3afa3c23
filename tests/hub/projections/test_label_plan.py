"""When a shelf label is told, and what people are told about it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.projections.label_plan import (
    CONFIRM_MS,
    NOTE_EVERY_MS,
    RETRY_MS,
    Face,
    Sent,
    must_send,
    note_text,
    price_text,
    state_of,
)

WANTED = Face("ring", "299.00", "CNY")
OLD = Face("ring", "329.00", "CNY")
NOW = 10**9


def sent(price="299.00", note="×7", ago=1_000, state="done"):
    return Sent("ring", price, note, NOW - ago, state)


@pytest.mark.parametrize(
    ("told", "confirmed", "send"),
    [
        (None, None, True),
        (None, WANTED, True),
        (sent(), WANTED, False),
        (sent("329.00"), OLD, True),
        (sent("329.00", state="queued"), OLD, False),
        (sent("329.00", state="sent"), OLD, False),
        (sent("329.00", state="failed"), OLD, False),
        (sent("329.00", state="failed", ago=RETRY_MS), OLD, True),
        (sent(state="expired", ago=RETRY_MS), OLD, True),
        (sent(), OLD, False),
        (sent(ago=CONFIRM_MS), OLD, True),
        (sent(state="", ago=1), OLD, True),
        (sent(note="×8"), WANTED, False),
        (sent(note="×8", ago=NOTE_EVERY_MS), WANTED, True),
        (sent(ago=NOTE_EVERY_MS), WANTED, False),
    ],
)
def test_a_label_is_told_when_it_does_not_show_what_it_should_and_not_too_often(told, confirmed, send):
    assert must_send(WANTED, "×7", told, confirmed, NOW) is send


@pytest.mark.parametrize(
    ("wanted", "told", "confirmed", "state"),
    [
        (None, None, OLD, "no_price"),
        (WANTED, sent(), WANTED, "confirmed"),
        (WANTED, sent(), OLD, "pending"),
        (WANTED, sent(), None, "pending"),
        (WANTED, sent(state="failed"), OLD, "differs"),
        (WANTED, sent("329.00"), OLD, "differs"),
        (WANTED, None, None, "differs"),
    ],
)
def test_people_are_told_what_is_confirmed_and_not_what_was_sent(wanted, told, confirmed, state):
    assert state_of(wanted, told, confirmed) == state


@pytest.mark.parametrize(
    ("price", "currency", "text"), [(299, "CNY", "299.00"), (12.5, "EUR", "12.50"), (980.0, "JPY", "980")]
)
def test_prices_have_the_decimals_of_their_currency(price, currency, text):
    assert price_text(price, currency) == text


def test_the_stock_note_is_never_below_zero():
    assert [note_text(7, uncertain=False), note_text(-1, uncertain=True)] == ["×7", "×0 ?"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["1.00", "2.00"]), st.sampled_from(["×1", "×2", "×3"]), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_any_course_ends_with_the_wanted_price_on_the_label_and_few_redraws(course):
    """A label that loses what it is sent now and then, asked every half minute."""
    told = confirmed = None
    now, sends = 0, []
    for price, note, works in [*course, *[(course[-1][0], course[-1][1], True)] * 80]:
        now += 30_000
        wanted = Face("ring", price, "CNY")
        if told is not None and told.state == "sent":
            told = told._replace(state="done" if works else "expired")
            if works:
                confirmed = Face(told.sku, told.price, "CNY")
        if must_send(wanted, note, told, confirmed, now):
            assert told is None or told.state not in ("queued", "sent"), "one command at a time"
            sends.append((now, told is not None and told.price == price and confirmed == wanted))
            told = Sent("ring", price, note, now, "sent")
    assert confirmed == wanted
    assert told.note == note
    notes = [at for at, only_note in sends if only_note]
    assert all(after - before >= NOTE_EVERY_MS for before, after in pairwise(notes))
