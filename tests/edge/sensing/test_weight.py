"""Weight: settle-to-settle steps in whole units; drift, touches and foreign objects edit nothing."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model import Place, Tray, WeightRead
from edge.sensing.weight import WeightSettings, WeightState, sense_weight

UNIT = 8.4
PLACE = Place(zones={}, trays={"scale": Tray("tray-1", "glass-beads", UNIT)}, lines={}, silent_after_ms={})


class Bench:
    def __init__(self, noise_g=0.0, seed=1):
        self.state, self.now, self.seen = WeightState(), 1_800_000_000_000, []
        self.random, self.noise_g = Random(seed), noise_g

    def hold(self, weight_g, seconds=2.0, *, stable=True):
        for _ in range(int(seconds * 10)):
            self.now += 100
            read = WeightRead(
                device="scale",
                at=self.now,
                weight_g=weight_g + self.random.gauss(0, self.noise_g),
                stable=stable,
            )
            self.state, news = sense_weight(
                self.state, [read], self.now, place=PLACE, settings=WeightSettings()
            )
            self.seen += news
        return self

    def shake(self, seconds=0.6):
        for _ in range(int(seconds * 10)):
            self.hold(self.random.uniform(-200, 500), 0.1, stable=False)
        return self

    def steps(self):
        return [(o.units, o.delta_units) for o in self.seen]


def test_the_first_settled_weight_is_the_baseline():
    assert Bench().hold(40 * UNIT).steps() == [(40, 0)]


def test_taking_and_returning_are_steps_in_whole_units():
    bench = Bench().hold(40 * UNIT).shake().hold(38 * UNIT).shake().hold(39 * UNIT)
    assert bench.steps() == [(40, 0), (38, -2), (39, 1)]


def test_a_touch_that_takes_nothing_says_nothing():
    assert Bench().hold(40 * UNIT).shake().hold(40 * UNIT).steps() == [(40, 0)]


def test_slow_drift_is_followed_and_never_becomes_a_unit():
    bench = Bench().hold(40 * UNIT)
    for tenth in range(600):
        bench.hold(40 * UNIT + tenth * 0.05, 0.5)
    bench.shake().hold(40 * UNIT + 30 - UNIT)
    assert bench.steps() == [(40, 0), (39, -1)]


def test_a_foreign_object_is_an_unknown_step_that_edits_no_stock():
    bench = (
        Bench()
        .hold(40 * UNIT)
        .shake()
        .hold(40 * UNIT + 12.6, 5)
        .shake()
        .hold(40 * UNIT, 5)
        .shake()
        .hold(39 * UNIT)
    )
    assert bench.steps() == [(40, 0), (None, None), (None, None), (39, -1)]


def test_readings_that_never_settle_say_nothing():
    assert Bench().shake(10).steps() == []


@pytest.mark.parametrize("seed", range(5))
def test_with_a_noisy_cell_and_no_stable_flag_every_step_is_found(seed):
    bench = Bench(noise_g=0.3, seed=seed)
    units = 100
    bench.hold(units * UNIT, 4, stable=False)
    expected = [(100, 0)]
    for _ in range(40):
        delta = bench.random.choice([-2, -1, 1, 2])
        units += delta
        bench.shake().hold(units * UNIT, 4, stable=False)
        expected.append((units, delta))
    assert bench.steps() == expected


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_units_always_follow_the_plate(counts):
    bench = Bench()
    for count in counts:
        bench.hold(count * UNIT).shake()
    distinct = [c for i, c in enumerate(counts) if i == 0 or c != counts[i - 1]]
    assert [units for units, _ in bench.steps()] == distinct


def test_a_step_that_is_not_over_yet_is_waited_for():
    bench = Bench().hold(40 * UNIT).shake().hold(40 * UNIT - 5.6, 1.5).hold(39 * UNIT)
    assert bench.steps() == [(40, 0), (39, -1)]


@pytest.mark.parametrize("every_ms", [50, 100, 250, 290, 400, 700, 1_000, 1_200])
def test_a_scale_settles_however_often_it_is_read(every_ms):
    place = Place(zones={}, trays={"slow": Tray("tray-1", "beads", 9.5)}, lines={}, silent_after_ms={})
    state, told = WeightState(), []
    for at in range(10_000, 10_000 + 20 * every_ms + 6_000, every_ms):
        weight_g = 0.0 if at < 10_000 + 10 * every_ms else 36 * 9.5
        read = WeightRead(device="slow", at=at, weight_g=weight_g, stable=True)
        state, seen = sense_weight(state, [read], at, place=place, settings=WeightSettings())
        told += [one.units for one in seen]
    assert told == [0, 36]
