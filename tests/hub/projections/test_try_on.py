"""Try-ons in fitting rooms: one row for start and end, and outcomes that only sets of facts decide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import TryOnEnded, TryOnStarted
from hub.projections.batch import Batch
from hub.projections.try_on import (
    GOES_ON_MS,
    LONGEST_TRIAL_MS,
    RESTS_MS,
    WINDOW_MS,
    Traces,
    Trial,
    TrialKey,
    TrialState,
    in_hand_since,
    merge,
    outcomes,
)

EPC = "E2" + "0" * 22
S = 1_000
T0 = 1_790_000_000_000


def trial(started_s=0, ended_s=240, epc=EPC):
    ended_ms = None if ended_s is None else T0 + ended_s * S
    return Trial(TrialKey(epc, T0 + started_s * S, f"cabin-1-{started_s}", "cabin-1"), ended_ms)


def at(*seconds):
    return [T0 + second * S for second in seconds]


def ended(trials, now_s, **traces):
    traces = Traces(**{name: at(*seconds) for name, seconds in traces.items()})
    found = outcomes(trials, {EPC: traces}, T0 + now_s * S)
    return [found[one.key] for one in trials]


state = st.builds(TrialState, st.integers(-1, 9), st.integers(-1, 1), st.sampled_from([0.0, 0.5, 0.99]))


@given(state, state, state)
def test_states_of_one_try_on_join_in_any_order(one, two, three):
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
    assert merge(one, one) == one == merge(None, one)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0, 1)])
def test_start_and_end_are_one_row_whichever_comes_first(order):
    told = [
        TryOnStarted(at=T0, device="r-1", session="c-1", room="cabin-1", epc=EPC, probability=0.98),
        TryOnEnded(
            at=T0 + 9, device="r-1", session="c-1", room="cabin-1", epc=EPC, started_at=T0, worn=False
        ),
    ]
    batch = Batch()
    for seq, index in enumerate(order, 1):
        batch.add("s", "x1", seq, seq, told[index])
    assert batch.fitting_trials == {("s", TrialKey(EPC, T0, "c-1", "cabin-1")): TrialState(T0 + 9, 0, 0.98)}


def test_a_start_alone_goes_on():
    batch = Batch()
    batch.add("s", "x1", 1, 1, TryOnStarted(at=T0, device="r-1", session="c-1", room="cabin-1", epc=EPC))
    [state] = batch.fitting_trials.values()
    assert (state.ended_ms, state.worn) == (GOES_ON_MS, -1)


WINDOW_S, LONGEST_S = WINDOW_MS // S, LONGEST_TRIAL_MS // S


@pytest.mark.parametrize(
    ("now_s", "traces", "outcome"),
    [
        (300, {}, "open"),
        (240 + WINDOW_S - 1, {}, "open"),
        (240 + WINDOW_S, {}, "unknown"),
        (400, {"put_down": [300]}, "returned"),
        (359, {"put_down": [300]}, "open"),
        (9_999, {"put_down": [300], "picked_up": [359]}, "unknown"),
        (9_999, {"put_down": [300], "picked_up": [360]}, "returned"),
        (9_999, {"put_down": [300, 340], "picked_up": [330]}, "returned"),
        (9_999, {"put_down": [20], "picked_up": [90]}, "unknown"),
        (9_999, {"put_down": [235]}, "returned"),
        (9_999, {"put_down": [-50]}, "unknown"),
        (9_999, {"put_down": [240 + WINDOW_S]}, "unknown"),
        (9_999, {"sold": [400]}, "sold"),
        (9_999, {"sold": [-1]}, "unknown"),
        (9_999, {"sold": [240 + WINDOW_S]}, "unknown"),
        (9_999, {"sold": [400], "put_down": [350], "picked_up": [380]}, "sold"),
        (9_999, {"sold": [900], "put_down": [350], "picked_up": [600]}, "returned"),
        (9_999, {"sold": [400], "put_down": [500]}, "sold"),
        (9_999, {"sold": [430], "put_down": [350], "picked_up": [460]}, "sold"),
        (9_999, {"sold": [430], "put_down": [350]}, "sold"),
    ],
)
def test_the_first_that_is_certain_decides(now_s, traces, outcome):
    assert ended([trial()], now_s, **traces) == [outcome]


def test_what_happens_after_an_item_is_tried_on_again_belongs_to_that_try_on():
    both = [trial(0, 200), trial(400, 600)]
    assert ended(both, 9_999, sold=[700]) == ["unknown", "sold"]
    assert ended(both, 9_999, put_down=[250], picked_up=[350], sold=[700]) == ["returned", "sold"]


def test_a_try_on_whose_end_was_lost_is_over_after_an_hour():
    assert ended([trial(0, None)], LONGEST_S + WINDOW_S - 1) == ["open"]
    assert ended([trial(0, None)], LONGEST_S + WINDOW_S) == ["unknown"]
    assert ended([trial(0, None)], 9_999, sold=[300]) == ["sold"]
    assert ended([trial(0, None)], 9_999, put_down=[300]) == ["returned"]


def test_what_is_in_a_room_cannot_be_at_the_till():
    assert in_hand_since(T0, None) == T0
    assert in_hand_since(T0, trial(10, 240)) == T0 + 240 * S
    assert in_hand_since(T0 + 900 * S, trial(10, 240)) == T0 + 900 * S, "it was put back and taken anew"
    assert in_hand_since(T0, trial(10, None)) == T0 + 10 * S + LONGEST_TRIAL_MS


seconds = st.lists(st.integers(0, 4_000), max_size=5)


@given(
    starts=st.lists(st.tuples(st.integers(0, 3_000), st.none() | st.integers(20, 600)), max_size=4),
    put_down=seconds,
    picked_up=seconds,
    sold=seconds,
    now=st.integers(3_000, 9_000),
    random=st.randoms(),
)
def test_outcomes_depend_neither_on_order_nor_on_repeats(starts, put_down, picked_up, sold, now, random):
    trials = [trial(start, None if lasts is None else start + lasts) for start, lasts in dict(starts).items()]
    sets = {"put_down": at(*put_down), "picked_up": at(*picked_up), "sold": at(*sold)}
    found = outcomes(trials, {EPC: Traces(**sets)}, T0 + now * S)
    assert found.keys() == {one.key for one in trials}
    again = {name: [*own, *own] for name, own in sets.items()}
    for own in (trials, *again.values()):
        random.shuffle(own)
    assert outcomes(trials, {EPC: Traces(**again)}, T0 + now * S) == found
    later = outcomes(trials, {EPC: Traces(**sets)}, T0 + now * S + WINDOW_MS + LONGEST_TRIAL_MS + RESTS_MS)
    assert "open" not in later.values()
    decided = {key: outcome for key, outcome in found.items() if outcome in ("sold", "returned")}
    assert {key: later[key] for key in decided} == decided, "what is certain stays"
