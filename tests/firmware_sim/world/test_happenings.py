"""Happenings: a delivery adds encoded tags and a delivery note, a surge adds shoppers, and neither depends on the pace."""

import msgspec

from contract.epc import decode_epc
from firmware_sim.world.scenario import Delivery, Surge
from firmware_sim.world.scenarios import built_in
from firmware_sim.world.world import World

START = 1_795_255_200_000


def quiet_shop(*happenings):
    scenario = built_in("default")
    behaviour = msgspec.structs.replace(scenario.behaviour, shoppers_per_h=0.0)
    return msgspec.structs.replace(scenario, behaviour=behaviour, happenings=happenings, noise=False)


def run(world, seconds, step_ms):
    notes = []
    for now in range(START, START + round(seconds * 1000) + 1, step_ms):
        world.step(now)
        notes += world.goods_in(now)
    return notes


def test_a_delivery_lies_on_the_shelf_and_its_note_names_tags_with_the_products_gtin():
    world = World(quiet_shop(Delivery(at_s=30, sku="ocean-heart", zone="shelf-a", units=6)), seed=1)
    before = world.truth.on_hand["ocean-heart", "shelf-a"]
    (note,) = run(world, 40, 100)
    assert (note.sku, note.zone, note.quantity, note.received_at) == (
        "ocean-heart",
        "shelf-a",
        6,
        START + 30_000,
    )
    assert world.truth.on_hand["ocean-heart", "shelf-a"] == before + 6
    gtin = next(product.gtin for product in world.scenario.products if product.sku == "ocean-heart")
    assert {decode_epc(epc).gtin for epc in note.epcs} == {gtin}
    assert {world.truth.item_zone(epc) for epc in note.epcs} == {"shelf-a"}
    assert len(set(note.epcs)) == 6


def test_a_surge_brings_people_only_while_it_lasts():
    world = World(quiet_shop(Surge(at_s=60, for_s=120, shoppers_per_h=600)), seed=3)
    run(world, 59, 100)
    assert world.truth.entered == 0
    world.step(START + 200_000)
    during = world.truth.entered
    assert 10 <= during <= 32
    world.step(START + 900_000)
    assert world.truth.entered == during


def test_happenings_do_not_depend_on_the_pace():
    happenings = (
        Surge(at_s=10, for_s=60, shoppers_per_h=900),
        Delivery(at_s=20, sku="moon-shadow", zone="window", units=2),
    )
    slow, fast = World(quiet_shop(*happenings), seed=5), World(quiet_shop(*happenings), seed=5)
    assert run(slow, 120, 50) == run(fast, 120, 1000)
    assert slow.truth.events == fast.truth.events
