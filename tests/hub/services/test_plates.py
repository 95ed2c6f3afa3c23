"""Plates with several SKUs in on-hand: the weight wins on its shelf, unknown steps edit nothing, a count anchors each SKU."""

from contract.messages import Candidate, ItemStep, WeightChanged
from hub.model import CountedUnits, StockCounted, StockTakeOpened
from hub.services import stock_take as service

T0 = 1_790_000_000_000


def step(at, *items, candidates=()):
    return WeightChanged(
        at=T0 + at, device="p-1", zone="shelf-a", sku=None, weight_g=100.0, delta_g=-10.0, items=items, candidates=candidates
    )  # fmt: skip


def on_hand(hub):
    return {line.sku: (line.total, line.unplaced) for line in hub.stock("popup-1").lines}


def test_known_units_count_and_unknown_steps_edit_nothing(hub, edge):
    edge.send(step(0, ItemStep("bead", 0, 9), ItemStep("ring", 0, 5)))
    assert on_hand(hub) == {"bead": (9, 0), "ring": (5, 0)}
    edge.send(step(10, ItemStep("ring", -2, 3)))
    before = on_hand(hub)
    assert before == {"bead": (9, 0), "ring": (5, 2)}
    edge.send(step(20, candidates=(Candidate(0.6, (ItemStep("ring", -1),)), Candidate(0.4))))
    edge.send(step(30, ItemStep("cube", -1)))
    assert on_hand(hub) == before


def test_a_count_anchors_one_sku_of_a_plate_and_leaves_the_other(hub, edge, clock):
    edge.send(step(0, ItemStep("bead", 0, 9), ItemStep("ring", 0, 5)))
    now = T0 + 100
    count = StockCounted(
        at=T0 + 50, stock_take_id="t", batch_id="b", zone="shelf-a", way="hand", started_at=T0 + 40,
        lines=(CountedUnits(code="ring", quantity=4),),
    )  # fmt: skip
    opened = StockTakeOpened(at=T0 + 40, stock_take_id="t", zones=("shelf-a",), by="Li")
    hub.writer.run(lambda tx: service.open_take(tx, "popup-1", opened, now))
    hub.writer.run(lambda tx: service.count(tx, "popup-1", count, now, stale_after_ms=1))
    closing = hub.reader.read(lambda c: service.compare(c, "popup-1", "t", "Li", now))
    (line,) = [line for line in closing.event.lines if line.sku == "ring"]
    assert (line.expected, line.counted) == (5, 4)
    hub.writer.run(lambda tx: service.close(tx, "popup-1", closing, now))
    hub.writer.run(lambda tx: service.approve(tx, "popup-1", "t", "Li", now))
    assert on_hand(hub) == {"bead": (9, 0), "ring": (4, 0)}
    edge.send(step(200, ItemStep("ring", -1, 4)))
    assert on_hand(hub) == {"bead": (9, 0), "ring": (4, 1)}
