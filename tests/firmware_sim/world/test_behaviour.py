"""Shoppers: figures of the built-in scenarios, timing promises, closing."""

import itertools
from collections import Counter

import msgspec
import pytest

from firmware_sim.world.scenario import Behaviour
from firmware_sim.world.truth.events import Picked, PutBack, Sold, TrayReturned, TrayTaken
from firmware_sim.world.world import World


@pytest.mark.parametrize("seed", range(1, 7))
def test_busy_brings_enough_picks_and_sales_in_three_minutes(scenario, run, seed):
    truth = run(scenario("busy"), seed, seconds=180).truth
    assert truth.picks >= 80
    assert truth.sales >= 15
    assert truth.tray_takes >= 3


def test_calm_brings_about_sixty_shoppers_an_hour(scenario, run):
    calm = scenario("calm", readers=(), trays=())
    entered = [run(calm, seed, seconds=3600, step_ms=60_000).truth.entered for seed in range(1, 9)]
    assert 52 <= sum(entered) / len(entered) <= 68


def test_absence_presence_and_sale_keep_their_least_times(scenario, run):
    behaviour = scenario("busy").behaviour
    put_back_at: dict[str, int] = {}
    seen = Counter()
    for event in run(scenario("busy"), 3, seconds=600, step_ms=1000).truth.events:
        seen[type(event)] += 1
        match event:
            case PutBack():
                assert event.at - event.picked_at >= 1000 * behaviour.min_absent_s
                put_back_at[event.epc] = event.at
            case Picked():
                assert event.at - put_back_at.get(event.epc, 0) >= 1000 * behaviour.min_present_s
            case Sold():
                assert event.at - event.picked_at >= 20_000
    assert min(seen[kind] for kind in (Picked, PutBack, Sold, TrayTaken, TrayReturned)) > 0


def test_some_items_are_put_back_elsewhere_and_most_where_they_were(scenario, run):
    returns = [
        e for e in run(scenario("busy"), 3, seconds=600, step_ms=1000).truth.events if isinstance(e, PutBack)
    ]
    moved = sum(event.zone != event.from_zone for event in returns)
    assert 0.08 < moved / len(returns) < 0.4


@pytest.mark.parametrize("seed", range(1, 6))
def test_quiet_ends_with_empty_hands_and_an_empty_store(scenario, start, seed):
    world = World(scenario("busy"), seed)
    world.step(start)
    world.stop_shoppers(start + 60_000)
    assert world.truth.occupancy > 0
    entered, picks = world.truth.entered, world.truth.picks
    assert not world.quiet
    world.step(start + 60_000 + 90_000)
    assert world.quiet
    assert sum(world.truth.in_hand.values()) == 0
    assert (world.truth.entered, world.truth.picks) == (entered, picks)


def test_unbound_tag_is_never_picked(scenario, run):
    truth = run(scenario("busy"), 2, seconds=600, step_ms=1000).truth
    assert truth.on_hand[None, "shelf-b"] == 1
    assert all(event.sku is not None for event in truth.events if isinstance(event, Picked))


def test_hands_over_one_plate_are_apart(scenario, run):
    often = msgspec.structs.replace(scenario("busy").behaviour, tray_share=0.9)
    moves = [
        event.at
        for event in run(scenario("busy", behaviour=often), 1, seconds=300).truth.events
        if isinstance(event, TrayTaken | TrayReturned)
    ]
    assert len(moves) > 30
    assert min(later - earlier for earlier, later in itertools.pairwise(moves)) >= 3_000


def test_nobody_comes_when_the_rate_is_zero(scenario, run):
    truth = run(scenario(behaviour=Behaviour(shoppers_per_h=0.0)), seconds=60).truth
    assert truth.events == []
