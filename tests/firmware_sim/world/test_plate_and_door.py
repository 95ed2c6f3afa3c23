"""Scales and people counters."""

from itertools import pairwise

import numpy as np
import pytest

from firmware_sim.world.door import Door
from firmware_sim.world.noise import CounterNoise, ScaleNoise
from firmware_sim.world.plate import REACH_MS, SAMPLE_MS, Plate
from firmware_sim.world.scenario import PeopleCounter, Tray

TRAY = Tray(device="scale-1", zone="tray-1", sku="glass-beads", unit_weight_g=8.4, units=40)
STILL = ScaleNoise(vibration_g=(1e-6, 2e-6))


def samples(plate, since, until):
    taken = []
    for now in range(since, until, SAMPLE_MS):
        plate.sample(now)
        taken.append((now, plate.weight_g, plate.stable))
    return taken


def test_without_noise_weights_are_exact_and_unstable_only_around_the_hand():
    plate = Plate(TRAY, None, 1)
    assert {(weight, stable) for _, weight, stable in samples(plate, 0, 1000)} == {(336.0, True)}
    plate.reach(1000)
    moving = samples(plate, 1000, 1000 + REACH_MS)
    plate.remove(2, 1000 + REACH_MS)
    moving += samples(plate, 1000 + REACH_MS, 1600)
    assert [stable for _, _, stable in moving] == [False] * 6
    assert [weight for _, weight, _ in moving] == [336.0] * 3 + [319.2] * 3
    assert {(weight, stable) for _, weight, stable in samples(plate, 1600, 3000)} == {(319.2, True)}


def test_with_noise_a_still_plate_is_mostly_stable_and_near_its_load():
    readings = samples(Plate(TRAY, ScaleNoise(), 2), 0, 120_000)
    stable = np.array([weight for _, weight, flag in readings if flag])
    assert 0.8 < len(stable) / len(readings) < 1.0
    assert np.median(stable) == pytest.approx(336.0, abs=3.0)


def test_white_noise_drift_and_unit_spread_match_their_parameters():
    moving = ScaleNoise(vibration_g=STILL.vibration_g, sine_g=0.0, walk_g_per_sqrt_s=0.0, stable_range_g=0.0)
    weights = np.array([weight for _, weight, _ in samples(Plate(TRAY, moving, 3), 0, 300_000)])
    assert np.std(weights) == pytest.approx(moving.white_g, rel=0.1)
    walking = ScaleNoise(vibration_g=STILL.vibration_g, white_g=0.0, sine_g=0.0, stable_range_g=0.0)
    walks = [
        [weight for _, weight, _ in samples(Plate(TRAY, walking, seed), 0, 100_000)] for seed in range(40)
    ]
    starts, ends = np.array([walk[0] for walk in walks]), np.array([walk[-1] for walk in walks])
    assert np.std(ends - starts) == pytest.approx(walking.walk_g_per_sqrt_s * 10, rel=0.35)
    assert np.std(starts) == pytest.approx(8.4 * walking.item_spread * 40**0.5, rel=0.5)


def test_a_stable_scale_holds_what_it_shows():
    shown = [weight for _, weight, stable in samples(Plate(TRAY, STILL, 2), 0, 20_000) if stable]
    changes = [abs(later - earlier) for earlier, later in pairwise(shown) if later != earlier]
    assert len(changes) < 0.05 * len(shown)
    assert min(changes, default=1.0) >= STILL.hold_g - 0.02


def test_a_hand_shakes_the_plate_and_a_step_of_one_unit_remains():
    plate = Plate(TRAY, STILL, 4)
    before = np.mean([weight for _, weight, _ in samples(plate, 0, 3000)])
    plate.reach(3000)
    moving = samples(plate, 3000, 3000 + REACH_MS)
    plate.remove(1, 3000 + REACH_MS)
    moving += samples(plate, 3000 + REACH_MS, 5000)
    assert not any(stable for now, _, stable in moving if now < 3600)
    assert max(abs(weight - before) for _, weight, _ in moving) > 10
    after = samples(plate, 5000, 8000)
    assert all(stable for _, _, stable in after)
    assert before - np.mean([weight for _, weight, _ in after]) == pytest.approx(8.4, abs=1.0)


def test_units_that_come_back_weigh_what_they_weighed():
    plate = Plate(TRAY, ScaleNoise(), 5)
    taken = plate.remove(2, 0)
    assert plate.units == 38
    plate.add(taken, 0)
    everything = plate.remove(40, 0)
    assert set(taken) <= set(everything)
    assert plate.units == 0


def test_a_door_counts_exactly_and_hands_out_once():
    door = Door(PeopleCounter(device="counter-door"), None, 1)
    for now in range(0, 5000, 100):
        door.cross(inwards=now % 200 == 0, now=now)
    assert door.fetch() == (25, 25)
    assert door.fetch() == (0, 0)


def test_a_door_with_errors_misses_and_doubles_as_often_as_it_should():
    errors = CounterNoise()
    door = Door(PeopleCounter(device="counter-door"), errors, 1)
    counted = []
    for number in range(20_000):
        door.cross(inwards=True, now=1000 * number)
        counted.append(door.fetch()[0])
    assert counted.count(0) / len(counted) == pytest.approx(errors.miss_share, rel=0.15)
    assert counted.count(2) / len(counted) == pytest.approx(errors.double_share, rel=0.2)


def test_a_door_with_errors_merges_people_close_behind_each_other():
    errors = CounterNoise(miss_share=0.0, double_share=0.0, merge_share=0.5)
    door = Door(PeopleCounter(device="counter-door"), errors, 1)
    for number in range(2_000):
        door.cross(inwards=False, now=10_000 * number)
        door.cross(inwards=False, now=10_000 * number + 200)
    assert door.fetch()[1] == pytest.approx(3_000, rel=0.05)
