"""The gate's world: repeatable, traffic as its parameters say, and reads that a reader could give."""

from collections import defaultdict

import numpy as np
import pytest

from contract.errors import ConfigError
from firmware_sim.world.portal import SCENES, START, gate_scene
from firmware_sim.world.portal_radio import gate_reads

MINUTES = 10.0


@pytest.fixture(scope="module", params=sorted(SCENES))
def run(request):
    return request.param, *gate_reads(gate_scene(request.param), 3, MINUTES)


def test_the_same_seed_is_the_same_run_and_another_is_not():
    scene = gate_scene("store-exit")
    assert gate_reads(scene, 3, 2.0) == gate_reads(scene, 3, 2.0)
    assert gate_reads(scene, 3, 2.0)[0] != gate_reads(scene, 4, 2.0)[0]


def test_the_second_radio_is_another_one_and_repeatable():
    scene = gate_scene("store-exit")
    assert gate_reads(scene, 3, 2.0, rician=True) == gate_reads(scene, 3, 2.0, rician=True)
    assert gate_reads(scene, 3, 2.0, rician=True)[0] != gate_reads(scene, 3, 2.0)[0]


def test_reads_are_what_a_reader_reports(run):
    _, reads, _ = run
    assert [read.reported for read in reads] == sorted(read.reported for read in reads)
    assert all(read.reported > read.at >= START for read in reads)
    assert all(read.antenna == 1 + (read.at // 200) % 2 for read in reads), "antennas take turns"
    assert all(0.0 <= read.phase_deg < 360.0 for read in reads)
    assert all((2.0 * read.rssi_dbm) % 1.0 == 0.0 for read in reads)
    assert 0.005 < 1.0 - len(set(reads)) / len(reads) < 0.02, "some are reported twice"


def test_a_tag_on_its_way_is_read_as_often_as_the_scene_says(run):
    name, reads, truth = run
    count = defaultdict(int)
    for read in reads:
        count[read.epc] += 1
    median = np.median([count[event.epc] for event in truth.through if event.direction != "turned"])
    assert (8 <= median <= 20) if name == "dock-stray" else (45 <= median <= 90)


def test_who_goes_in_is_loud_outside_first():
    reads, truth = gate_reads(gate_scene("store-exit"), 3, MINUTES)
    way = {event.epc: event for event in truth.through}
    early, late = [], []
    for read in reads:
        event = way.get(read.epc)
        if event is not None and event.direction == "in" and 400 < abs(read.at - event.at) < 1_000:
            (early if read.at < event.at else late).append(read)
    mean = {
        (when, antenna): np.mean([read.rssi_dbm for read in part if read.antenna == antenna])
        for when, part in (("early", early), ("late", late))
        for antenna in (1, 2)
    }
    assert mean["early", 1] > mean["early", 2] + 2.0
    assert mean["late", 2] > mean["late", 1] + 2.0


def test_half_of_what_comes_up_at_the_dock_are_strays_and_a_part_of_the_carriers_turns_back():
    _, truth = gate_reads(gate_scene("dock-stray"), 5, 60.0)
    came_up = [event for event in truth.strayed if event.start > START]
    assert len(came_up) / (len(came_up) + len(truth.through)) == pytest.approx(0.53, abs=0.06)
    turned = sum(event.direction == "turned" for event in truth.through) / len(truth.through)
    assert turned == pytest.approx(0.16, abs=0.06)


def test_an_unknown_scene_or_parameter_is_named():
    with pytest.raises(ConfigError, match="dock-stray"):
        gate_scene("door")
    with pytest.raises(ConfigError, match="reads_per_s"):
        gate_scene("dock-stray", {"gap_db": 3.0})
    assert gate_scene("store-exit", {"reads_per_s": 50.0, "spacing_m": 1.0}).radio.spacing_m == 1.0
