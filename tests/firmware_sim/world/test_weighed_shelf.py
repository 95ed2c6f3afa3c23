"""A weighed shelf: the truth adds up, the physics have their parameters, the seed is everything."""

import numpy as np
import pytest

from firmware_sim.world.load_cell import LoadCellNoise, Step, record, shelf_vibration
from firmware_sim.world.weighed_shelf import ShelfPlan, watch_shelf

STILL = LoadCellNoise(
    walk_g_per_sqrt_s=0.0, sine_g=0.0, warming_k=(0.0, 0.0), swing_k=0.0, creep_share=(0.0, 0.0),
    corner_share=(0.0, 0.0), vibration_g=(1e-6, 2e-6), spike_share=0.0, ring_share=0.0,
)  # fmt: skip


def watch(seed=1, noise=STILL, rate=10):
    return watch_shelf(ShelfPlan(), noise, seed, minutes=10, readings_per_s=rate)


def test_events_add_up_to_the_load_and_to_what_the_cells_say():
    shelf = watch()
    for plate, load in shelf.loads_g.items():
        own = [event for event in shelf.events if event.plate == plate]
        first, last = np.median(shelf.readings_g[plate][:50]), np.median(shelf.readings_g[plate][-50:])
        assert last == pytest.approx(load, abs=1.0)
        assert last - first == pytest.approx(sum(event.grams for event in own), abs=1.0)


def test_no_more_leaves_a_plate_than_lies_there():
    shelf = watch(seed=3)
    units = {(plate, sku): n for plate, skus in shelf.planogram.items() for sku, n in skus.items()}
    for event in shelf.events:
        for sku, change in event.items:
            units[event.plate, sku] = units.get((event.plate, sku), 0) + change
    assert min(units.values()) >= 0


def test_the_seed_is_everything_and_the_rate_changes_no_truth():
    assert watch(seed=4) == watch(seed=4)
    assert watch(seed=4).events != watch(seed=5).events
    assert watch(seed=4).events == watch(seed=4, rate=80).events


@pytest.mark.parametrize(("rate", "low", "high"), [(10, 0.3, 1.0), (80, 0.6, 2.0)])
def test_white_noise_is_that_of_the_rate(rate, low, high):
    vibration = shelf_vibration(STILL, 1, 60.0)
    readings = record(
        STILL, 1, "p", start_g=500.0, steps=[], hands=[], vibration=vibration, readings_per_s=rate
    )
    assert len(readings) == 60 * rate
    assert low * 0.9 < np.std(readings) < high * 1.1


def test_a_cell_creeps_after_a_load_by_its_share():
    noise = LoadCellNoise(
        **{name: getattr(STILL, name) for name in STILL.__struct_fields__ if name != "creep_share"},
        creep_share=(0.001, 0.001),
    )
    vibration = shelf_vibration(noise, 1, 900.0)
    readings = record(
        noise, 1, "p", start_g=0.0, steps=[Step(10.0, 10.0, 5000.0)], hands=[], vibration=vibration,
        readings_per_s=10,
    )  # fmt: skip
    assert np.mean(readings[-100:]) - np.mean(readings[101:111]) == pytest.approx(5.0, abs=1.0)
