"""Try-ons as the hub answers them: fitting rooms or hands, one sale for one item, any order and a rebuild."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.messages import TagArrived, TagPickedUp, TagPutBack, TryOnEnded, TryOnStarted
from hub.ledger.rebuild import rebuild, snapshot, verify
from hub.model import GoodsDispatched, Returned, Sale
from hub.services.bindings import Wanted, bind
from hub.services.days import day_of
from hub.services.receive import dispatch_goods
from hub.services.try_ons import sessions, try_on_day, try_ons

T0 = 1_790_000_000_000
S = 1_000
STORE = "popup-1"
RED, BLUE, GREEN = (f"E2{number:022X}" for number in range(3))


def picked(epc, at):
    return TagPickedUp(at=T0 + at * S, device="r-1", epc=epc, zone="rail")


def put_back(epc, at, since, zone="rail"):
    return TagPutBack(
        at=T0 + at * S, device="r-1", epc=epc, zone=zone, from_zone="rail", picked_at=T0 + since * S
    )


def tried(epc, start, end, room="cabin-1"):
    """Return start and end of a try-on."""
    common = {"device": "r-2", "session": f"{room}-{start}", "room": room, "epc": epc}
    began = TryOnStarted(at=T0 + start * S, **common)
    return began, TryOnEnded(at=T0 + end * S, started_at=T0 + start * S, worn=True, **common)


def sale(sale_id, at, *, epc=None, code="dress"):
    return Sale(at=T0 + at * S, sale_id=sale_id, line=1, code=code, quantity=1, price=1.0, epc=epc)


def arrived(epc):
    return TagArrived(at=T0, device="r-1", epc=epc, zone="rail")


def bound(hub):
    wanted = [Wanted("dress", epc=epc) for epc in (RED, BLUE, GREEN)]
    hub.writer.run(lambda tx: bind(tx, STORE, wanted, way="api", by="", replace=False, now=T0))
    return hub


def answers(hub, now_s):
    found = hub.reader.read(lambda c: sessions(c, STORE, None, T0 + now_s * S))
    return {item.epc: item.outcome for one in found for item in one.items}


def total(hub, now_s):
    return hub.reader.read(lambda c: try_on_day(c, STORE, None, T0 + now_s * S))


def test_a_session_has_what_was_in_the_room_together_and_each_item_its_outcome(hub, edge):
    bound(hub)
    edge.send(*(arrived(epc) for epc in (RED, BLUE, GREEN)))
    edge.send(*(picked(epc, 10) for epc in (RED, BLUE)), *tried(RED, 30, 200), *tried(BLUE, 30, 201))
    edge.send(put_back(BLUE, 230, 10, zone="return-rail"))
    hub.sell(STORE, [sale("a", 260)])
    [one] = hub.reader.read(lambda c: sessions(c, STORE, None, T0 + 400 * S))
    assert (one.room, one.session) == ("cabin-1", "cabin-1-30")
    assert [(item.epc, item.sku, item.worn, item.outcome) for item in one.items] == [
        (RED, "dress", True, "sold"),
        (BLUE, "dress", True, "returned"),
    ]
    day = total(hub, 400)
    assert (day.rooms, day.try_ons, day.sold, day.returned, day.conversion) == (True, 2, 1, 1, 0.5)
    [line] = hub.reader.read(lambda c: try_ons(c, STORE, None, T0 + 400 * S))
    assert (line.sku, line.try_ons, line.sold, line.conversion) == ("dress", 2, 1, 0.5)


def test_a_sale_takes_what_left_the_room_last_and_nothing_that_is_still_inside(hub, edge):
    bound(hub)
    edge.send(picked(RED, 10), *tried(RED, 30, 200), picked(BLUE, 40), *tried(BLUE, 60, 150))
    edge.send(picked(GREEN, 100), tried(GREEN, 120, 0)[0])
    hub.sell(STORE, [sale("a", 260)])
    assert answers(hub, 300) == {RED: "sold", BLUE: "open", GREEN: "open"}
    hub.sell(STORE, [sale("b", 270, epc=BLUE)])
    assert answers(hub, 300) == {RED: "sold", BLUE: "sold", GREEN: "open"}
    assert {item.epc: item.sale_id for item in hub.items(STORE) if item.status == "sold"} == {
        RED: "a",
        BLUE: "b",
    }


def test_a_sale_that_names_its_tag_counts_even_if_no_pick_up_was_told(hub, edge):
    bound(hub)
    edge.send(arrived(RED), *tried(RED, 30, 200))
    hub.sell(STORE, [sale("a", 260, epc=RED)])
    assert answers(hub, 300) == {RED: "sold"}


def test_what_was_brought_back_was_not_sold(hub, edge):
    bound(hub)
    edge.send(picked(RED, 10), *tried(RED, 30, 200))
    hub.sell(STORE, [sale("a", 260)])
    back = Returned(at=T0 + 900 * S, return_id="r", line=1, code="dress", quantity=1, of_sale="a")
    hub.sell(STORE, [back])
    assert answers(hub, 9_999) == {RED: "unknown"}


@pytest.mark.parametrize(("put_down", "outcome"), [(None, "unknown"), (270, "unknown"), (220, "returned")])
def test_what_left_through_a_gate_was_neither_sold_nor_returned(hub, edge, put_down, outcome):
    bound(hub)
    edge.send(arrived(RED), picked(RED, 10), *tried(RED, 30, 200))
    if put_down is not None:
        edge.send(TagArrived(at=T0 + put_down * S, device="r-1", epc=RED, zone="back"))
    left = GoodsDispatched(at=T0 + 300 * S, dispatch_id="d", line=1, code="dress", quantity=1, epcs=(RED,))
    hub.writer.run(lambda tx: dispatch_goods(tx, STORE, [left], T0))
    hub.sell(STORE, [sale("a", 310)])
    assert answers(hub, 9_999) == {RED: outcome}
    assert [item.status for item in hub.items(STORE)] == ["dispatched"]
    assert verify(hub.writer) == []


def test_a_store_with_rooms_judges_no_hands_and_one_without_does(hub, edge, edge_of):
    bound(hub)
    edge.send(picked(RED, 10), put_back(RED, 30, 10), picked(BLUE, 10), put_back(BLUE, 15, 10))
    before = total(hub, 100)
    assert (before.rooms, before.try_ons, before.returned, before.touches) == (False, 1, 1, 1)
    edge.send(picked(GREEN, 40), *tried(GREEN, 60, 200))
    after = total(hub, 300)
    assert (after.rooms, after.try_ons, after.open, after.touches, after.conversion) == (True, 1, 1, 1, None)
    other = edge_of(hub, store="popup-2")
    other.send(picked(RED, 10), put_back(RED, 30, 10))
    day = hub.reader.read(lambda c: try_on_day(c, "popup-2", None, T0 + 300 * S))
    assert (day.rooms, day.try_ons) == (False, 1)


def test_an_item_on_the_shelf_of_another_agent_is_returned(hub, edge, edge_of):
    bound(hub)
    edge.send(picked(RED, 10), *tried(RED, 30, 200))
    edge_of(hub, agent="pi-2", stream="x2").send(
        TagArrived(at=T0 + 230 * S, device="r-9", epc=RED, zone="return-rail")
    )
    assert answers(hub, 300) == {RED: "returned"}


def test_yesterdays_try_on_is_decided_by_what_came_after_midnight(hub, edge):
    bound(hub)
    edge.send(picked(RED, 10))
    _, day, span = hub.reader.read(lambda c: day_of(c, STORE, None, T0))
    ends = (span.end_ms - T0) // S
    edge.send(*tried(RED, ends - 300, ends - 60), put_back(RED, ends + 60, 10), picked(RED, ends + 9_000))
    now = T0 + (ends + 9_999) * S
    [one] = hub.reader.read(lambda c: sessions(c, STORE, day, now))
    assert one.items[0].outcome == "returned"
    assert hub.reader.read(lambda c: sessions(c, STORE, None, now)) == []


SCENE = {
    "x1": [
        *(arrived(epc) for epc in (RED, BLUE, GREEN)),
        picked(RED, 10),
        picked(BLUE, 12),
        picked(GREEN, 15),
        put_back(GREEN, 40, 15),
        put_back(BLUE, 230, 12),
    ],
    "x2": [*tried(RED, 30, 200), *tried(BLUE, 32, 201), *tried(BLUE, 400, 500, "cabin-2")],
    "till": [sale("a", 260), sale("b", 560, epc=BLUE)],
}
EXPECTED = [("cabin-1", RED, "sold"), ("cabin-1", BLUE, "returned"), ("cabin-2", BLUE, "sold")]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_late_repeated_and_interleaved_facts_end_alike(sqlite_hub_factory, edge_of, data):
    hub = bound(sqlite_hub_factory())
    edges = {name: edge_of(hub, stream=name) for name in ("x1", "x2")}
    sent = dict.fromkeys(SCENE, 0)
    while any(sent[name] < len(own) for name, own in SCENE.items()):
        name = data.draw(st.sampled_from([name for name, own in SCENE.items() if sent[name] < len(own)]))
        count = data.draw(st.integers(1, len(SCENE[name]) - sent[name]))
        facts = SCENE[name][sent[name] : sent[name] + count]
        for _ in range(data.draw(st.integers(1, 2))):
            if name == "till":
                hub.sell(STORE, facts)
            else:
                edges[name].send(*facts, first=sent[name] + 1)
        sent[name] += count

    def told():
        found = hub.reader.read(lambda c: sessions(c, STORE, None, T0 + 9_999 * S))
        return sorted((one.room, item.epc, item.outcome) for one in found for item in one.items)

    assert told() == sorted(EXPECTED)
    live = hub.writer.run(snapshot)
    assert verify(hub.writer) == []
    hub.writer.run(rebuild)
    assert hub.writer.run(snapshot) == live
    assert told() == sorted(EXPECTED)
    hub.close()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[:3])
def test_an_end_whose_start_was_lost_is_a_try_on_all_the_same(hub, edge, order):
    bound(hub)
    facts = [[picked(RED, 10)], [tried(RED, 30, 200)[1]], [put_back(RED, 230, 10)]]
    for index in order:
        edge.send(*facts[index])
    assert answers(hub, 400) == {RED: "returned"}
