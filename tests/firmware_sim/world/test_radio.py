"""Readers: exact without noise; with noise the figures of the noise model come out again."""

import itertools
from collections import Counter, defaultdict

import msgspec
import numpy as np
import pytest

from firmware_sim.world.noise import RadioNoise
from firmware_sim.world.radio import CleanField, NoisyField
from firmware_sim.world.radio.noisy import coupling_dbm
from firmware_sim.world.radio.silence import Dropouts
from firmware_sim.world.scenario import Coupling, Reader, Zone, tagged_items
from firmware_sim.world.scenarios import built_in
from firmware_sim.world.world import World

START = 1_780_000_000_000
ZONES = {"reader-window": {1: "window"}, "reader-shelves": {1: "shelf-a", 2: "shelf-b"}}
QUIET = msgspec.structs.replace(built_in("default").behaviour, shoppers_per_h=0.0)
STEADY = RadioNoise(dropouts_per_h=0.0, long_dropouts_per_day=0.0)


def reads_of(scenario, seconds, seed=1):
    """Yield (now, device, sighting, true zone) of a stepped world."""
    world = World(scenario, seed)
    for now in range(START, START + 1000 * seconds + 1, 50):
        for device in ZONES:
            for sighting in world.sightings(device, now):
                yield now, device, sighting, world.truth.item_zone(sighting.epc)


def test_without_noise_each_tag_is_seen_by_its_own_antenna_only(scenario):
    seen = set()
    for _, device, sighting, zone in reads_of(scenario("busy"), 120):
        assert zone == ZONES[device][sighting.antenna]
        assert sighting.rssi_dbm == -50.0
        seen.add(sighting.epc)
    assert seen == {epc for epc, _, _ in tagged_items(scenario("busy"))}


def test_without_noise_each_present_tag_is_read_every_half_to_one_second(scenario):
    last = {}
    gaps = []
    for now, _, sighting, _ in reads_of(scenario("default", behaviour=QUIET), 30):
        if sighting.epc in last:
            gaps.append(now - last[sighting.epc])
        last[sighting.epc] = now
    assert len(last) == 61
    assert min(gaps) >= 500
    assert max(gaps) <= 1000 + 50
    assert np.mean(gaps) == pytest.approx(775, abs=30)


@pytest.mark.parametrize("noise", [False, True])
def test_the_line_carries_no_more_than_it_can(noise):
    reader = Reader(device="r", kind="m100", antennas={"1": "z"})
    zone = Zone(id="z", name="Z", x=0, y=0, w=1, h=1)
    greedy = msgspec.structs.replace(STEADY, reads_per_s=5000.0, tag_reads_per_s=500.0, duplicate_share=0.0)
    field = NoisyField(reader, (zone,), greedy, 1) if noise else CleanField(reader, 1)
    for number in range(400):
        field.place(f"{number:024X}", "z", 0)
    ticks = [None] * 200
    for tick in range(200):
        field.tick(50 * tick)
        ticks[tick] = len(field.fetch())
    assert max(ticks) == 10
    assert sum(ticks) > 1500


def test_without_noise_no_tag_starves_on_a_full_line():
    field = CleanField(Reader(device="r", kind="m100", antennas={"1": "z"}), 1)
    for number in range(300):
        field.place(f"{number:024X}", "z", 0)
    for tick in range(200):
        field.tick(50 * tick)
    counts = Counter(sighting.epc for sighting in field.fetch())
    assert len(counts) == 300
    assert max(counts.values()) - min(counts.values()) <= 2


def test_noise_gives_the_levels_and_rates_of_its_parameters(scenario):
    own, cross = defaultdict(list), 0
    still = scenario("default", noise=True, behaviour=QUIET, radio=STEADY)
    for _, device, sighting, zone in reads_of(still, 120):
        if zone == ZONES[device][sighting.antenna]:
            own[device].append(sighting.rssi_dbm)
        else:
            cross += 1
    total = sum(len(levels) for levels in own.values())
    for levels in own.values():
        assert 90 <= len(levels) / 120 <= 160
        assert np.mean(levels) == pytest.approx(STEADY.own_dbm, abs=2.0)
        assert 2.5 < np.std(levels) < 5.5
    assert 0.0005 < cross / total < 0.05


def test_noise_still_reads_nearly_every_tag_within_ten_seconds(scenario):
    still = scenario("default", noise=True, behaviour=QUIET, radio=STEADY)
    last = dict.fromkeys((epc for epc, _, _ in tagged_items(still)), START)
    longest = Counter()
    for now, device, sighting, zone in reads_of(still, 60):
        if zone == ZONES[device][sighting.antenna]:
            longest[sighting.epc] = max(longest[sighting.epc], now - last[sighting.epc])
            last[sighting.epc] = now
    slow = [epc for epc in last if longest[epc] > 10_000 or epc not in longest]
    assert len(slow) <= 1


def test_a_tag_in_a_hand_is_weaker_and_gone_after_five_seconds():
    reader = Reader(device="r", kind="m100", antennas={"1": "z"})
    zone = Zone(id="z", name="Z", x=0, y=0, w=1, h=1)
    before, after = [], []
    for seed in range(40):
        field = NoisyField(reader, (zone,), STEADY, seed)
        field.place("E280" + "0" * 20, "z", 0)
        for now in range(0, 10_000, 50):
            if now == 3_000:
                field.lift("E280" + "0" * 20, now)
            field.tick(now)
            levels = [sighting.rssi_dbm for sighting in field.fetch()]
            (before if now < 3_000 else after).extend(levels)
            assert now < 8_000 or not levels
    assert len(after) > 50
    assert np.mean(before) - np.mean(after) == pytest.approx(STEADY.hand_db, abs=2.0)


def test_a_body_weakens_the_zone_it_stands_before():
    reader = Reader(device="r", kind="m100", antennas={"1": "z"})
    zone = Zone(id="z", name="Z", x=0, y=0, w=1, h=1)
    field = NoisyField(reader, (zone,), STEADY, 3)
    for number in range(20):
        field.place(f"{number:024X}", "z", 0)
    levels = []
    for now in range(0, 8_000, 50):
        if now == 4_000:
            field.stand_before("z", now, picking=False)
        field.tick(now)
        levels.append([sighting.rssi_dbm for sighting in field.fetch()])
    clear = np.mean(np.concatenate(levels[20:80]))
    blocked = np.mean(np.concatenate(levels[80:100]))
    assert clear - blocked > 2.0


def test_drop_outs_come_as_often_and_last_as_long_as_they_should():
    silences = Dropouts(RadioNoise(long_dropouts_per_day=0.0), np.random.default_rng(5))
    spans, since = [], None
    for now in range(0, 100 * 3_600_000, 250):
        silent = silences.silent(now)
        if silent and since is None:
            since = now
        if not silent and since is not None:
            spans.append(now - since)
            since = None
    assert len(spans) / 100 == pytest.approx(4.0, rel=0.2)
    assert min(spans) >= 2_750
    assert np.median(spans) == pytest.approx(6_000, abs=600)


def test_duplicates_and_ghosts_have_their_shares():
    reader = Reader(device="r", kind="m100", antennas={"1": "z"})
    zone = Zone(id="z", name="Z", x=0, y=0, w=1, h=1)
    noise = msgspec.structs.replace(STEADY, ghost_share=0.05, duplicate_share=0.1)
    field = NoisyField(reader, (zone,), noise, 3)
    known = [f"{number:024X}" for number in range(20)]
    for epc in known:
        field.place(epc, "z", 0)
    for now in range(0, 60_000, 50):
        field.tick(now)
    seen = field.fetch()
    ghosts = [sighting for sighting in seen if sighting.epc not in known]
    repeats = sum(earlier is later for earlier, later in itertools.pairwise(seen))
    assert len(ghosts) / len(seen) == pytest.approx(0.05, abs=0.015)
    assert repeats / len(seen) == pytest.approx(0.1, abs=0.02)
    assert all(len(sighting.epc) == 24 for sighting in ghosts)


def test_coupling_follows_distance_unless_the_scenario_says_otherwise():
    zones = tuple(Zone(id=f"z{n}", name="Z", x=2.0 * n, y=0, w=1, h=1) for n in range(3))
    reader = Reader(device="r", kind="impinj_r700", antennas={"1": "z0"})
    noise = RadioNoise()
    assert coupling_dbm(reader, zones, noise)[0, :3].tolist() == [
        noise.own_dbm,
        noise.adjacent_dbm,
        noise.far_dbm,
    ]
    told = msgspec.structs.replace(reader, coupling=(Coupling(antenna=1, zone="z2", rssi_dbm=-61.0),))
    assert coupling_dbm(told, zones, noise)[0, 2] == -61.0


def test_sightings_nobody_fetches_are_bounded(run, scenario):
    world = run(scenario("default", noise=True, behaviour=QUIET, radio=STEADY), seconds=200, step_ms=10_000)
    assert len(world.sightings("reader-window", world.now)) == 20_000
