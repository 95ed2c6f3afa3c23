"""The doorway world: repeatable, people as the parameters say, and levels that a sensor could give."""

from itertools import pairwise

import msgspec
import pytest

from firmware_sim.world.doorway import DoorwayNoise, live_doorway

QUIET = DoorwayNoise(missed=0.0, doubled=0.0, turn_share=(0.0, 0.0), sun_per_day=0.0)


def test_the_same_seed_is_the_same_run_and_another_is_not():
    runs = [live_doorway(seed, 30, 2.0, DoorwayNoise(), 0) for seed in (7, 7, 8)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("width_m", [1.0, 2.0])
def test_levels_of_a_beam_alternate_and_end_clear(width_m):
    run = live_doorway(3, 240, width_m, DoorwayNoise(sun_per_day=24.0), 1_000)
    for beam in (0, 1):
        own = [level for level in run.levels if level.beam == beam]
        assert [level.covered for level in own] == [True, False] * (len(own) // 2)
    assert [level.at for level in run.levels] == sorted(level.at for level in run.levels)


def test_people_groups_and_staff_come_as_often_as_the_parameters_say():
    run = live_doorway(5, 24 * 60, 1.0, DoorwayNoise(), 0)
    groups = [crossing.group for crossing in run.crossings]
    sizes = [groups.count(group) for group in {one.group for one in run.crossings if not one.staff}]
    assert len(groups) == pytest.approx(2 * 120 * 24, rel=0.06)
    assert sizes.count(1) / len(sizes) == pytest.approx(0.6, abs=0.04)
    assert sizes.count(2) / len(sizes) == pytest.approx(0.3, abs=0.04)
    assert 0.08 < sum(one.staff for one in run.crossings) / len(groups) < 0.33


def test_a_wider_door_merges_more_people():
    shadows = [
        sum(level.covered and level.beam == 0 for level in run.levels) / len(run.crossings)
        for run in (live_doorway(5, 480, width_m, QUIET, 0) for width_m in (1.0, 2.0))
    ]
    assert shadows[1] < shadows[0] - 0.05


def test_each_person_alone_shades_each_beam_once():
    alone = msgspec.structs.replace(QUIET, people_per_h=3.0, alone=1.0, in_pairs=0.0)
    run = live_doorway(5, 240, 1.0, alone, 0)
    times = [crossing.at for crossing in run.crossings]
    assert min(after - before for before, after in pairwise(times)) > 2_000, "nobody meets in this run"
    assert len(run.levels) == 4 * len(run.crossings)
