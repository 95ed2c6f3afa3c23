"""A simulated hour at speed, all clocks in lockstep: hub and ground truth side by side."""

import msgspec
import pytest

from cli.lockstep import Lockstep
from cli.truth import compare, tag_zone_error
from firmware_sim.world.scenarios import built_in
from hub.model import Sale

START = 1_795_255_200_000


@pytest.mark.flow
@pytest.mark.parametrize("seed", [11, 12])
def test_without_noise_hub_and_truth_agree_in_everything(tmp_path, seed):
    run = Lockstep(msgspec.structs.replace(built_in("calm"), noise=False), seed, tmp_path, start=START)
    run.run(1200)
    run.settle(60)
    hub, truth = run.hub_picture(), run.truth_picture()
    run.close()
    assert [row for row in compare(hub, truth) if not row.equal] == []
    assert tag_zone_error(hub, truth) == 0.0
    assert truth.entered > 5


@pytest.mark.flow
@pytest.mark.parametrize("seed", [21, 22])
def test_with_noise_people_and_sales_agree_and_hardly_a_tag_is_misplaced(tmp_path, seed):
    run = Lockstep(msgspec.structs.replace(built_in("busy"), noise=True), seed, tmp_path, start=START)
    run.run(240)
    run.settle(60)
    hub, truth = run.hub_picture(), run.truth_picture()
    run.close()
    differing = [row for row in compare(hub, truth) if not row.equal and not row.what.startswith("on-hand ")]
    assert differing == []
    assert tag_zone_error(hub, truth) <= 0.01
    assert sum(truth.sold.values()) > 5


@pytest.mark.flow
def test_the_hub_rebuilds_the_same_read_tables_from_its_ledger(tmp_path):
    run = Lockstep(built_in("busy"), 31, tmp_path, start=START)
    run.run(120)
    assert run.hub.verify() == []
    run.close()


@pytest.mark.flow
@pytest.mark.parametrize("kind", ["zebra", "llrp"])
def test_readers_of_other_makes_tell_the_same_truth(tmp_path, kind):
    calm = msgspec.structs.replace(built_in("calm"), noise=False)
    readers = tuple(
        msgspec.structs.replace(reader, kind=kind) if reader.kind == "impinj_r700" else reader
        for reader in calm.readers
    )
    run = Lockstep(msgspec.structs.replace(calm, readers=readers), 13, tmp_path, start=START)
    run.run(600)
    run.settle(60)
    hub, truth = run.hub_picture(), run.truth_picture()
    run.close()
    assert [row for row in compare(hub, truth) if not row.equal] == []
    assert tag_zone_error(hub, truth) == 0.0
    assert truth.entered > 2


@pytest.mark.flow
@pytest.mark.parametrize(("reader", "zone"), [("reader-window", "window"), ("reader-shelves", "shelf-a")])
def test_a_reader_that_is_silent_for_twenty_minutes_is_blind_and_not_an_empty_shelf(tmp_path, reader, zone):
    run = Lockstep(msgspec.structs.replace(built_in("calm"), noise=False), 11, tmp_path, start=START)
    run.run(60)
    run.settle(30)
    line = next(line for line in run.hub.stock(run.store).lines if any(z.zone == zone for z in line.zones))
    sold = line.total - 1
    run.hub.sell(
        run.store, [Sale(at=run.now, sale_id="till-1", line=1, code=line.sku, quantity=sold, price=None)]
    )
    before = units(run)
    run.cut(reader)
    run.run(60)
    state = run.hub.stock(run.store)
    assert state.zone_states[zone] == "blind"
    for _ in range(19):
        run.run(60)
        assert units(run) == before
        assert run.hub.replan(run.store).ordered == 0
    unsure = {one.sku: one.uncertain for one in run.hub.stock(run.store).lines}
    assert unsure[line.sku]
    run.mend(reader)
    run.run(60)
    assert units(run) == before
    assert not any(one.uncertain for one in run.hub.stock(run.store).lines)
    assert run.hub.replan(run.store).ordered == 1
    run.close()


def units(run):
    return {
        (line.sku, zone.zone): zone.units
        for line in run.hub.stock(run.store).lines
        for zone in line.zones
        if zone.units
    }
