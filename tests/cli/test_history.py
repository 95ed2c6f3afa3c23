"""The demonstration's past: nine days that add up, and leave on the shelf nothing that today's devices do not see."""

import pytest

from cli.history import write_history
from firmware_sim.bench import write_store_files
from firmware_sim.world.scenarios import built_in
from hub.app import LocalHub

NOW = 1_795_255_200_000


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    folder = tmp_path_factory.mktemp("past")
    scenario = built_in("popup")
    write_store_files(scenario, folder)
    written = write_history(folder / "hub.db", folder, scenario, agent="pi-1", now=NOW, seed=7)
    hub = LocalHub(folder / "hub.db", lambda: NOW)
    yield scenario, hub, written
    hub.close()


def test_every_item_of_the_past_was_sold_and_nothing_is_in_hand(past):
    scenario, hub, written = past
    assert written > 1_000
    lines = {line.sku: line for line in hub.stock(scenario.store).lines}
    for product in scenario.products:
        line = lines[product.sku]
        assert line.sold > 9
        assert line.total == (40 if not product.tagged else 0)
        assert line.unplaced == 0


def test_the_name_says_that_it_is_simulated(past):
    scenario, _, _ = past
    assert "simulated" in scenario.name
    assert "模拟" in scenario.name_zh


def test_the_past_is_consistent_with_its_ledger_and_leads_to_orders(past):
    scenario, hub, _ = past
    assert hub.verify() == []
    hub.replan(scenario.store)
