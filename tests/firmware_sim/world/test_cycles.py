"""The world by cycles: its radio hears what is there, and nothing that has gone."""

import pytest

from firmware_sim.world.scenes import live_through, shelf_scenario
from firmware_sim.world.truth.events import Picked, PutBack

CYCLE_MS = 1_000


@pytest.mark.parametrize("rician", [False, True])
def test_a_tag_that_was_taken_away_is_not_heard_after_it_left_the_hand(rician):
    scene = live_through(shelf_scenario("jewel-sparse"), 3, 30, rician=rician)
    hand_ms = int(1000 * scene.scenario.radio.hand_s[1]) + CYCLE_MS
    absences: dict[str, list[tuple[int, int]]] = {}
    for event in scene.truth.events:
        if isinstance(event, Picked):
            absences.setdefault(event.epc, []).append((event.at, scene.end))
        elif isinstance(event, PutBack):
            absences[event.epc][-1] = (absences[event.epc][-1][0], event.at)
    heard = 0
    for cycle in scene.radio.run(scene.start, scene.end):
        for tag, at in zip(cycle.reports.tag.tolist(), cycle.reports.at_ms.tolist(), strict=True):
            epc = scene.radio.epcs[tag]
            heard += 1
            away = any(left + hand_ms < at < back - CYCLE_MS for left, back in absences.get(epc, []))
            assert not away, (epc, at)
    assert heard > 1_000
