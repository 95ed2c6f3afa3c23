"""The scenario of the fitting rooms: the stage beats the loudest beam, and outcomes are what people did."""

import pytest

from cli.bench.sensing.contest import Conditions, contest
from cli.bench.sensing.outcomes import Tried, hub_outcomes, naive_outcome, true_outcomes
from contract.messages import TagPickedUp, TagPutBack, TryOnEnded, TryOnStarted
from firmware_sim.world.cabins import FittingBehaviour, FittingShop, TillSale
from firmware_sim.world.truth.events import CarriedIn, Sold
from hub.projections.try_on import TrialKey

T0 = 1_790_000_000_000
RED, BLUE = (f"E2{number:022X}" for number in range(2))
SKU_OF = {RED: "dress", BLUE: "dress"}


@pytest.fixture(scope="module")
def figures():
    fitting = contest("fitting-wall")
    return {method: fitting.run(method, 1, Conditions(minutes=12))["try_on"] for method in fitting.methods}


def test_a_wall_and_a_queue_fool_the_loudest_beam_and_not_the_stage(figures):
    own, loudest = figures["shelfwise"], figures["max-rssi"]
    assert own["f1"] > 0.8 > loudest["f1"]
    assert own["precision"] > 1.5 * loudest["precision"]
    assert own["right_room"] > 0.9


def test_most_outcomes_are_right(figures):
    assert figures["shelfwise"]["outcome"] > 0.8
    assert figures["shelfwise"]["session_f1"] > figures["max-rssi"]["session_f1"]


def test_the_second_radio_is_another_world_with_the_same_people():
    fitting = contest("fitting-wall")
    rician = fitting.run("max-rssi", 1, Conditions(minutes=3, radio="rician"))
    assert rician != fitting.run("max-rssi", 1, Conditions(minutes=3))
    assert rician == fitting.run("max-rssi", 1, Conditions(minutes=3, radio="rician"))


@pytest.mark.parametrize(
    ("shares", "outcomes"),
    [
        ({"sold_share": 1.0, "shelf_share": 0.0, "rail_share": 0.0, "left_share": 0.0}, {"sold"}),
        ({"sold_share": 0.0, "shelf_share": 1.0, "rail_share": 0.0, "left_share": 0.0}, {"returned"}),
        ({"sold_share": 0.0, "shelf_share": 0.0, "rail_share": 1.0, "left_share": 0.0}, {"returned"}),
        ({"sold_share": 0.0, "shelf_share": 0.0, "rail_share": 0.0, "left_share": 1.0}, {"returned"}),
        ({"sold_share": 0.0, "shelf_share": 0.0, "rail_share": 0.0, "left_share": 0.0}, {"unknown"}),
    ],
)
def test_the_true_outcome_is_what_the_shopper_decided(shares, outcomes):
    shop = FittingShop(3, 20, FittingBehaviour(browsers_per_h=0.0, **shares))
    found = true_outcomes(shop)
    assert found.keys() == {(one.epc, one.at) for one in shop.truth if isinstance(one, CarriedIn)}
    assert set(found.values()) == outcomes
    assert any(isinstance(one, Sold) for one in shop.truth) == ("sold" in outcomes)


def tried(epc, start, end):
    common = {"device": "r", "session": f"c-{start}", "room": "cabin-1", "epc": epc}
    return [
        TagPickedUp(at=T0 + start - 20_000, device="r", epc=epc, zone="rail"),
        TryOnStarted(at=T0 + start, **common),
        TryOnEnded(at=T0 + end, started_at=T0 + start, **common),
    ]


def test_the_hubs_folds_give_a_sale_to_what_left_the_room_last():
    told = [*tried(RED, 0, 200_000), *tried(BLUE, 50_000, 100_000)]
    sales = [TillSale(T0 + 260_000, "a", "dress", None)]
    found = hub_outcomes(told, sales, SKU_OF, T0 + 10**8)
    assert found[TrialKey(RED, T0, "c-0", "cabin-1")] == "sold"
    assert found[TrialKey(BLUE, T0 + 50_000, "c-50000", "cabin-1")] == "unknown"
    back = TagPutBack(
        at=T0 + 230_000, device="r", epc=RED, zone="rail", from_zone="rail", picked_at=T0 - 20_000
    )
    found = hub_outcomes([*told, back], sales, SKU_OF, T0 + 10**8)
    assert sorted(found.values()) == ["returned", "sold"]


def test_a_rule_without_memory_lets_one_sale_count_twice():
    sales = [TillSale(T0 + 260_000, "a", "dress", None)]
    both = [
        naive_outcome(Tried(epc, T0, T0 + end), [], sales, "dress")
        for epc, end in ((RED, 200_000), (BLUE, 100_000))
    ]
    assert both == ["sold", "sold"]
    assert naive_outcome(Tried(RED, T0, T0 + 200_000), [T0 + 250_000], sales, "dress") == "returned"
    assert naive_outcome(Tried(RED, T0, T0 + 200_000), [], [], "dress") == "unknown"
