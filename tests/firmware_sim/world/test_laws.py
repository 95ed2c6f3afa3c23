"""Laws of the world: it repeats, steps do not matter, nothing is lost or made."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import ConfigError
from firmware_sim.world.scenario import Behaviour
from firmware_sim.world.scenarios import built_in
from firmware_sim.world.world import World

START = 1_780_000_000_000
READERS = ("reader-window", "reader-shelves")

shares = st.floats(0, 0.5)
behaviours = st.builds(
    Behaviour,
    shoppers_per_h=st.sampled_from((300.0, 3000.0, 12_000.0)),
    first_after_s=st.just(1.0),
    actions_per_visit=st.floats(0, 6),
    browse_s=st.just((0.5, 5.0)),
    tray_share=shares,
    tray_two_share=st.floats(0, 1),
    min_absent_s=st.floats(0, 20),
    min_present_s=st.floats(0, 20),
    buy_share=shares,
    elsewhere_share=shares,
)


def assert_conserved(world: World) -> None:
    truth = world.truth
    for sku in truth.start:
        assert truth.total(sku) == truth.start[sku] + truth.delivered[sku], sku
    assert truth.occupancy >= 0
    assert min(truth.on_hand.values()) >= 0
    assert min(truth.in_hand.values(), default=0) >= 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    behaviour=behaviours,
    seed=st.integers(0, 2**32),
    steps=st.lists(st.integers(1, 20_000), min_size=1, max_size=20),
)
def test_stock_is_conserved_at_any_time(behaviour, seed, steps):
    world = World(msgspec.structs.replace(built_in("default"), noise=False, behaviour=behaviour), seed)
    now = START
    world.step(now)
    for number, step in enumerate(steps):
        now += step
        if number % 7 == 3:
            world.deliver("glass-beads", "tray-1", 5, now)
            world.deliver("ocean-heart", "shelf-a", 2, now)
        world.step(now)
        assert_conserved(world)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.lists(st.integers(1, 30_000), min_size=2, max_size=15))
def test_size_of_the_steps_changes_nothing(seed, steps):
    scenario = msgspec.structs.replace(built_in("busy"), noise=False)
    whole, pieces = World(scenario, seed), World(scenario, seed)
    end = START + sum(steps)
    whole.step(START)
    whole.step(end)
    now = START
    pieces.step(now)
    seen = {device: [] for device in READERS}
    for step in steps:
        now += step
        for device in READERS:
            seen[device] += pieces.sightings(device, now)
    assert pieces.truth.events == whole.truth.events
    assert pieces.plate("scale-1") == whole.plate("scale-1")
    for device in READERS:
        assert seen[device] == whole.sightings(device, end)


@pytest.mark.parametrize("noise", [False, True])
def test_same_seed_gives_the_same_store_and_another_seed_another(noise):
    scenario = msgspec.structs.replace(built_in("busy"), noise=noise)

    def history(seed):
        world = World(scenario, seed)
        world.step(START)
        world.step(START + 60_000)
        return (
            world.truth.events,
            [world.sightings(device, START + 60_000) for device in READERS],
            world.plate("scale-1"),
        )

    assert history(7) == history(7)
    assert history(7)[0] != history(8)[0]
    assert history(7)[1] != history(8)[1]


def test_noise_changes_no_decision_of_a_shopper():
    def events(noise):
        world = World(msgspec.structs.replace(built_in("busy"), noise=noise), 5)
        world.step(START)
        world.step(START + 120_000)
        return world.truth.events

    assert events(True) == events(False)


def test_start_only_shifts_time():
    def kinds(start):
        world = World(msgspec.structs.replace(built_in("busy"), noise=False), 5)
        world.step(start)
        world.step(start + 120_000)
        return [(type(event), event.at - start) for event in world.truth.events]

    assert kinds(0) == kinds(START)


def test_crossings_and_sales_are_handed_out_once_and_agree_with_the_truth():
    world = World(msgspec.structs.replace(built_in("busy"), noise=False), 5)
    world.step(START)
    entered = left = 0
    sales = []
    for now in range(START, START + 180_001, 700):
        sales += world.sales(now)
        crossed = world.crossings("counter-door")
        entered, left = entered + crossed[0], left + crossed[1]
    assert (entered, left) == (world.truth.entered, world.truth.left)
    assert len(sales) == world.truth.sales
    assert len({(sale.sale_id, sale.line) for sale in sales}) == len(sales)
    assert world.crossings("counter-door") == (0, 0)


def test_an_earlier_time_changes_nothing():
    world = World(built_in("busy"), 1)
    world.step(START)
    world.step(START + 5_000)
    before = world.truth.snapshot(0)
    world.step(START + 1_000)
    assert (world.now, world.truth.snapshot(0)) == (START + 5_000, before)


def test_a_delivery_is_placed_sensed_and_counted():
    still = msgspec.structs.replace(built_in("default").behaviour, shoppers_per_h=0.0)
    world = World(msgspec.structs.replace(built_in("default"), noise=False, behaviour=still), 1)
    world.step(START)
    epcs = world.deliver("ocean-heart", "window", 3, START + 1_000)
    assert world.deliver("glass-beads", "tray-1", 5, START + 1_000) == ()
    seen = {sighting.epc for sighting in world.sightings("reader-window", START + 3_000)}
    assert len(set(epcs) & seen) == 3
    assert {world.truth.item_zone(epc) for epc in epcs} == {"window"}
    assert world.plate("scale-1") == (45 * 8.4, True)
    assert (world.truth.delivered["ocean-heart"], world.truth.delivered["glass-beads"]) == (3, 5)


@pytest.mark.parametrize(
    ("sku", "zone"), [("glass-beads", "window"), ("ocean-heart", "attic"), ("pearl", "window")]
)
def test_a_delivery_that_fits_nowhere_is_refused(sku, zone):
    world = World(built_in("default"), 1)
    with pytest.raises(ConfigError, match=f"SKU '{sku}' cannot be put in zone '{zone}'"):
        world.deliver(sku, zone, 1, START)
    assert world.truth.events == []
