"""What the hub does many times a minute leaves no reference cycles.

Cycles wait for the garbage collector, which comes seldom on purpose. What a round leaves behind four
times a second is the greater part of the hub's growth long before the collector looks.
"""

import gc
from functools import partial

import pytest

from contract.messages import SetPower
from hub.ledger.side_reads import stores_with_labels
from hub.model import Product, Store, Zone
from hub.services.commands import CommandOrder, is_due, queue
from hub.services.labels import Assignment, assign, labels_due

ROUNDS = 50
STORE = Store(store="popup-1", name="Pop-up", zones=(Zone(zone="shelf-a", name="Shelf A"),))


@pytest.fixture
def busy(hub, clock, edge, arrived):
    """A hub with something for every round to find: items, a label, and a command nobody answers."""
    use = Assignment("0000021EE3B01234", "ring", "pi-1", "ap-1", "en", "li")
    order = CommandOrder(
        store="popup-1",
        agent="pi-1",
        device="r-1",
        action=SetPower(power_dbm=20.0),
        expires_ms=clock.now + 10**9,
    )

    def furnish(transaction):
        transaction.put_catalogue([STORE], [Product(sku="ring", name="Ring", price=9.0)], {})
        assign(transaction, "popup-1", use, clock.now)
        queue(transaction, order, clock.now)

    hub.writer.run(furnish)
    edge.send(*map(arrived, range(20)))
    return hub


def _is_due(hub, now):
    assert hub.reader.read(partial(is_due, now=now))


def _dispatch(hub, _now):
    assert len(hub.dispatch()) == 1


def _labels(hub, now):
    for store in hub.reader.read(stores_with_labels):
        assert hub.reader.read(partial(labels_due, store=store, now=now, stale_after_ms=60_000))


def _stock(hub, _now):
    assert hub.stock("popup-1").lines


@pytest.mark.parametrize("act", [_is_due, _dispatch, _labels, _stock])
def test_a_round_leaves_nothing_for_the_collector(busy, clock, act):
    def rounds():
        for _ in range(ROUNDS):
            clock.now += 60_000
            act(busy, clock.now)

    rounds()
    gc.collect()
    gc.disable()
    try:
        rounds()
        left = gc.collect()
    finally:
        gc.enable()
    assert left < ROUNDS, f"{left / ROUNDS:g} objects in cycles per round"
