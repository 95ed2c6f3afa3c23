"""Plates under a shelf scene: they weigh what happened, and help presence on the same reads."""

from cli.bench.sensing.contest import Conditions, contest
from firmware_sim.world.load_cell import LoadCellNoise
from firmware_sim.world.scenes import live_through, shelf_scenario
from firmware_sim.world.truth.events import Delivered, Picked, PutBack
from firmware_sim.world.weighed_scene import PlatesPlan, weigh_scene

SHORT = Conditions(minutes=8)


def test_plates_weigh_what_the_scene_says():
    scene = live_through(shelf_scenario("jewel-dense"), 1, 8)
    plan = PlatesPlan(item_spread=0.0)
    plates = weigh_scene(scene, 1, plan, LoadCellNoise())
    for zone, readings in plates.readings_g.items():
        change = 0.0
        for event in scene.truth.events:
            if isinstance(event, Picked) and event.zone == zone:
                change -= plates.unit_weight_g[event.sku]
            if isinstance(event, PutBack | Delivered) and event.zone == zone:
                change += plates.unit_weight_g[event.sku]
        start_g = sum(plates.unit_weight_g[sku] * units for sku, units in plates.units[zone].items())
        assert abs(readings[20] - start_g) < 0.02 * start_g
        assert abs(readings[-1] - readings[20] - change) < 60.0


def test_plates_help_presence_on_the_same_reads():
    with_plates, alone = (contest("fusion").run(method, 1, SHORT) for method in contest("fusion").methods)
    assert with_plates["read_probability"] == alone["read_probability"]
    assert with_plates["pick"]["delay_p50_s"] < alone["pick"]["delay_p50_s"]
    assert with_plates["pick"]["f1"] >= alone["pick"]["f1"]
