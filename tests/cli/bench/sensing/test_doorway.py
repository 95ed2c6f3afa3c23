"""The scenario of the doorway: the stage is better than its baselines, and nobody who turned round counts."""

import pytest

from cli.bench.sensing.contest import Conditions, contest, mean_of

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def figures():
    groups = contest("door-groups")
    return {
        method: mean_of([groups.run(method, seed, Conditions(minutes=120)) for seed in SEEDS])["footfall"]
        for method in groups.methods
    }


@pytest.mark.parametrize("door", ["1m", "2m"])
def test_the_estimate_beats_the_raw_count_and_every_baseline(figures, door):
    own = figures["shelfwise"][f"error_{door}"]
    assert own < figures["shelfwise"][f"raw_error_{door}"]
    assert own < min(figures[method][f"error_{door}"] for method in ("single-beam", "two-zone-plain"))


def test_who_turns_round_fools_one_beam_and_not_two(figures):
    assert figures["single-beam"]["u_turn_false"] > 0.5
    assert figures["shelfwise"]["u_turn_false"] < 0.05


def test_only_the_stage_tells_staff_from_customers(figures):
    assert figures["shelfwise"]["staff_error"] < 0.25
    assert figures["single-beam"]["staff_error"] == 1.0
