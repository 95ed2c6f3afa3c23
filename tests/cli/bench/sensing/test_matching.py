"""Matching: each event is used once, within its tolerance, by its own key."""

from hypothesis import given
from hypothesis import strategies as st

from cli.bench.sensing.matching import match

EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60_000)), max_size=12)


def test_a_told_event_counts_once_and_only_near_its_truth():
    found = match(
        [("a", 10_000), ("a", 12_000)], [("a", 11_000), ("b", 12_000), ("a", 60_000)], 2_000, 30_000
    )
    assert found.pairs == ((("a", 10_000), ("a", 11_000)),)
    assert found.missed == (("a", 12_000),)
    assert found.false == (("b", 12_000), ("a", 60_000))
    assert (found.precision, found.recall, found.f1) == (1 / 3, 1 / 2, 2 / 5)
    assert found.delay_p50_s == 1.0


def test_nothing_true_and_nothing_told_has_no_score():
    found = match([], [], 0, 0)
    assert (found.precision, found.recall, found.f1, found.delay_p50_s) == (None, None, None, None)


@given(EVENTS, EVENTS)
def test_every_event_is_paired_missed_or_false(true, told):
    found = match(true, told, 2_000, 30_000)
    assert sorted([one for one, _ in found.pairs] + list(found.missed)) == sorted(true)
    assert sorted([one for _, one in found.pairs] + list(found.false)) == sorted(told)
    assert all(a[0] == b[0] and -2_000 <= b[1] - a[1] <= 30_000 for a, b in found.pairs)


@given(EVENTS)
def test_the_truth_itself_scores_full(true):
    found = match(true, true, 0, 0)
    assert not found.missed
    assert not found.false
