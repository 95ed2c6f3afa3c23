"""The scenario chaos: outages, clock steps, duplicates, ghosts and disorder make up no event."""

import pytest

from cli.bench.sensing.chaos import StageBehindLine
from cli.bench.sensing.contest import Conditions, contest
from cli.bench.sensing.shelf import score_shelf
from firmware_sim.world.disturbance import Disturbance, Line
from firmware_sim.world.scenes import live_through, shelf_scenario


@pytest.fixture(scope="module")
def figures():
    return {
        method: contest("chaos").run(method, 1, Conditions(minutes=12.0))
        for method in ("shelfwise", "fixed10")
    }


def test_no_event_comes_from_an_outage_a_ghost_or_the_order_of_reports(figures):
    chaos = figures["shelfwise"]["chaos"]
    assert (chaos["from_outage"], chaos["from_ghost"], chaos["reordered_differs"]) == (0, 0, 0)
    assert abs(chaos["f1_loss"]) < 0.1


def test_a_window_takes_every_outage_for_departures(figures):
    assert figures["fixed10"]["chaos"]["f1_loss"] > 0.1
    assert figures["fixed10"]["pick"]["false_per_100_tag_h"] > 100


def test_not_even_many_ghosts_are_told():
    scene = live_through(shelf_scenario("jewel-sparse"), 2, 4)
    line = Line(Disturbance(ghost_share=0.02), 2, scene.start)
    stage = StageBehindLine(scene, line)
    score_shelf(scene, stage, scene.radio.run(scene.start, scene.end))
    assert len(line.ghosts) > 100
    assert [said for said in stage.said if said.epc in line.ghosts] == []
