"""One of every device family in one store: in lockstep, and in real time with every part its own process."""

import json
import time

import msgspec
import pytest

from cli.lockstep import Lockstep
from cli.pictures import api_picture
from cli.truth import compare, tag_zone_error, truth_picture
from dashboard.client import HubUnreachableError
from firmware_sim.world.scenarios import built_in

START = 1_795_255_200_000
FIRST_SHOPPER_S = 20.0
SHOPPERS_S = 60.0
REPORT_S = 5.0


def lockstep(tmp_path, *, noise, seed, seconds):
    run = Lockstep(msgspec.structs.replace(built_in("devices"), noise=noise), seed, tmp_path, start=START)
    run.run(seconds)
    run.settle(90)
    return run


@pytest.mark.flow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_family_tells_the_truth_in_lockstep(tmp_path, seed):
    run = lockstep(tmp_path, noise=False, seed=seed, seconds=900)
    hub, truth = run.hub_picture(), run.truth_picture()
    health = run.pipeline.state.health.devices
    run.close()
    assert [row for row in compare(hub, truth) if not row.equal] == []
    assert tag_zone_error(hub, truth) == 0.0
    assert len(truth.lines) == len(run.devices.scenario.counters), "every door was taken"
    assert {device: known.state for device, known in health.items() if known.state != "ok"} == {}
    assert {device: known.rejects for device, known in health.items() if known.rejects} == {}


@pytest.mark.flow
@pytest.mark.slow
def test_with_noise_people_and_sales_agree_and_hardly_a_tag_is_misplaced(tmp_path):
    run = lockstep(tmp_path, noise=True, seed=3, seconds=300)
    hub, truth = run.hub_picture(), run.truth_picture()
    run.close()
    assert [row for row in compare(hub, truth) if not row.equal and not row.what.startswith("on-hand ")] == []
    assert tag_zone_error(hub, truth) <= 0.01


@pytest.mark.flow
def test_a_quiet_store_is_not_blind(tmp_path):
    """Counters that talk only when somebody crosses, and readers with empty fields, stay known to be well."""
    scenario = built_in("devices")
    empty = msgspec.structs.replace(scenario.behaviour, shoppers_per_h=0.0)
    run = Lockstep(
        msgspec.structs.replace(scenario, noise=False, behaviour=empty, items=()), 1, tmp_path, start=START
    )
    run.run(90)
    for _ in range(12):
        run.run(30)
        states = {device: known.state for device, known in run.pipeline.state.health.devices.items()}
        assert set(states.values()) == {"ok"}, states
    run.close()


@pytest.mark.flow
@pytest.mark.slow
def test_every_family_tells_the_truth_in_real_time(open_store, until):
    """Counters report each five seconds here, so that first totals, from which is counted, come early."""
    scenario = built_in("devices")
    behaviour = msgspec.structs.replace(
        scenario.behaviour, first_after_s=FIRST_SHOPPER_S, shoppers_per_h=900.0, browse_s=(1.0, 6.0)
    )
    counters = tuple(msgspec.structs.replace(counter, report_s=REPORT_S) for counter in scenario.counters)
    store = open_store(msgspec.structs.replace(scenario, behaviour=behaviour, counters=counters))
    store.start(noise=False, seed=4, quiet_after_s=FIRST_SHOPPER_S + SHOPPERS_S)
    time.sleep(FIRST_SHOPPER_S + SHOPPERS_S)

    def differing():
        try:
            truth = truth_picture(json.loads(store.truth_file.read_text(encoding="utf-8")))
            hub = api_picture(store.client, store.store)
        except (HubUnreachableError, OSError):
            return ["no answer"]
        inside = [] if truth.entered == truth.left else ["somebody is inside"]
        rows = [f"{row.what}: {row.hub}, truly {row.truth}" for row in compare(hub, truth) if not row.equal]
        return [*inside, *rows, *(["a tag"] if tag_zone_error(hub, truth) else [])]

    store.family.check()
    deadline = time.monotonic() + 75
    while (left := differing()) and time.monotonic() < deadline:
        time.sleep(0.5)
    health = [(one["device"], one["state"], one["detail"]) for one in store.client.devices(store.store)]
    assert left == [], health
    truth = truth_picture(json.loads(store.truth_file.read_text(encoding="utf-8")))
    assert len(truth.lines) == len(counters)
    assert sum(truth.sold.values()) > 3
    devices = {device["device"]: device["state"] for device in store.client.devices(store.store)}
    assert set(devices) >= {one.device for one in (*scenario.readers, *scenario.trays, *counters)}
    assert {device: state for device, state in devices.items() if state != "ok"} == {}
