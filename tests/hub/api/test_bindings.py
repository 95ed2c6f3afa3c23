"""Tags and what they stand for: every way to bind them, the log, stations, duplicates; nothing in passing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.messages import BarcodeScanned, TagArrived, TagPickedUp, TagPresented
from hub.ledger import tag_reads
from hub.ledger.catalogue import store_names
from hub.ledger.rebuild import rebuild, snapshot, verify
from hub.model import EVERY_STORE, Product
from hub.projections.clashes import clashes
from hub.services.bindings import Wanted, bind, bind_file, unbind
from hub.services.catalogue import parse_tags
from hub.services.sell import ConflictError

T0 = 1_790_000_000_000
GTIN = "06901234000016"


def epc(number):
    return f"E28011{number:018X}"


def tid(number):
    return f"E2801160{number:016X}"


@pytest.fixture
def shop(catalogue):
    (catalogue / "products.csv").write_text(f"sku,name,gtin\nheart,Heart,{GTIN}\nbead,Bead,\n")
    return catalogue


async def stock(client):
    lines = (await client.get("/v1/stores/popup-1/stock")).json()["lines"]
    return {line["sku"]: line["total"] for line in lines}


async def log(client, **query):
    rows = (await client.get("/v1/stores/popup-1/commissioning", params=query)).json()
    return [(row["epc"], row["tid"], row["sku"], row["way"], row["by"]) for row in rows]


def test_a_binding_by_api_names_what_lies_there_already_and_is_never_changed_in_passing(call, shop, database):
    async def scene(client, hub):
        await hub.edge.send(TagArrived(at=T0, device="r-1", epc=epc(1), zone="shelf-a"))
        assert (await stock(client))[None] == 1
        body = {"epc": epc(1).lower(), "code": GTIN[1:], "store": "popup-1", "by": "li"}
        assert (await client.post("/v1/bindings", json=body)).json() == {
            "bound": 1,
            "repeats": 0,
            "sku": "heart",
        }
        assert (await stock(client)) == {"heart": 4, "bead": 0}
        assert (await client.post("/v1/bindings", json=body)).json()["repeats"] == 1
        other = {"epc": epc(1), "sku": "bead", "store": "popup-1", "by": "wu"}
        refused = await client.post("/v1/bindings", json=other)
        assert (refused.status_code, refused.json()["error"]["message"]) == (
            409,
            f"EPC {epc(1)} is bound to 'heart'; say replace=true to bind it to 'bead'",
        )
        assert (await client.post("/v1/bindings", json={**other, "replace": True})).json()["bound"] == 1
        assert await stock(client) == {"heart": 3, "bead": 1}
        for _ in range(2):
            await client.delete(f"/v1/bindings/{epc(1)}", params={"store": "popup-1"})
        assert (await stock(client))[None] == 1
        assert (await log(client, epc=epc(1))) == [
            (epc(1), None, None, "api", ""),
            (epc(1), None, "bead", "api", "wu"),
            (epc(1), None, "heart", "api", "li"),
        ]
        (twice,) = (await client.get("/v1/bindings/duplicates")).json()["bound_twice"]
        assert (twice["epc"], [one["sku"] for one in twice["found"]]) == (epc(1), ["heart", "bead"])

    call(shop, database, scene)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"epc": "xyz", "sku": "heart"}, 422),
        ({"sku": "heart"}, 422),
        ({"epc": epc(1)}, 422),
        ({"epc": epc(1), "sku": "heart", "code": "heart"}, 422),
        ({"epc": epc(1), "sku": "none"}, 404),
        ({"epc": epc(1), "code": "4006381333931"}, 404),
        ({"epc": epc(1), "sku": "heart", "colour": 1}, 422),
    ],
)
def test_what_cannot_be_bound_is_refused(call, shop, tmp_path, body, status):
    async def scene(client, hub):
        assert (await client.post("/v1/bindings", json=body)).status_code == status

    call(shop, str(tmp_path / "hub.db"), scene)


def test_a_file_over_the_api_binds_all_or_none(call, shop, database):
    async def scene(client, hub):
        async def upload(text, **query):
            return await client.post("/v1/bindings/csv", content=text, params={"store": "popup-1", **query})

        good = f"epc,tid,sku\n{epc(1)},,heart\n,{tid(2)},bead\n{epc(3)},{tid(3)},bead\n"
        assert (await upload(good)).json()["bound"] == 4
        assert (await upload(good)).json() == {"bound": 0, "repeats": 4, "sku": None}
        assert (await upload(f"epc,sku\n{epc(9)},bead\n{epc(1)},bead\n")).status_code == 409
        assert await log(client, epc=epc(9)) == []
        assert (await upload(f"epc,sku\n{epc(1)},bead\n", replace=True)).json()["bound"] == 1
        for text, words in (
            ("sku\nbead\n", "column 'epc': '' is not given, nor is a tid"),
            (f"epc,sku\n{epc(1)},\n", "line 2, column 'sku'"),
            ("epc,sku\n", "has no rows"),
        ):
            answer = await upload(text)
            assert answer.status_code == 422
            assert words in answer.json()["error"]["message"]

    call(shop, database, scene)


def test_a_station_binds_what_is_presented_after_a_scan(call, shop, database):
    async def scene(client, hub):
        def scanned(code, at):
            return BarcodeScanned(at=at, device="scanner", code=code)

        def laid(number, at, chip=None):
            return TagPresented(at=at, device="desk", epc=epc(number), tid=chip)

        await hub.edge.send(
            laid(1, T0),
            scanned(GTIN[1:], T0 + 1_000),
            laid(2, T0 + 2_000),
            laid(3, T0 + 3_000, tid(3)),
            scanned("bead", T0 + 4_000),
            laid(4, T0 + 5_000),
        )
        await hub.edge.send(laid(5, T0 + 6_000), laid(2, T0 + 7_000), laid(6, T0 + 4_000 + 120_001))
        await hub.edge.send(scanned("no such code", T0 + 200_000), laid(7, T0 + 201_000))
        bound = {row[0]: row[2:] for row in reversed(await log(client))}
        assert {key: bound[key] for key in bound if key not in {epc_of(n) for n in range(3)}} == {
            epc(2): ("heart", "station", "pi-1"),
            epc(3): ("heart", "station", "pi-1"),
            epc(4): ("bead", "station", "pi-1"),
            epc(5): ("bead", "station", "pi-1"),
        }
        (alert,) = (await client.get("/v1/stores/popup-1/alerts")).json()
        assert (alert["code"], alert["stream"]) == ("binding_conflict", epc(2))
        hub.clock.now = T0 + 210_000
        (station,) = (await client.get("/v1/stores/popup-1/enrolment")).json()
        assert (station["agent"], station["code"], station["open"], station["sku"]) == (
            "pi-1",
            "no such code",
            True,
            None,
        )
        told = {tag["epc"]: (tag["sku"], tag["way"]) for tag in station["tags"]}
        assert told[epc(5)] == ("bead", "station")
        assert told[epc(7)] == (None, None)

    call(shop, database, scene)


def epc_of(number):
    """EPCs that the small store's file binds."""
    return f"E2{number:022X}"


def test_where_factory_epcs_repeat_the_chip_is_bound_and_the_repetition_shows(call, shop, database):
    async def scene(client, hub):
        for number, code in ((1, "heart"), (2, "bead")):
            at = T0 + number * 10_000
            await hub.edge.send(
                BarcodeScanned(at=at, device="scanner", code=code),
                TagPresented(at=at + 1, device="desk", epc=epc(1), tid=tid(number)),
            )
        ours = [row for row in await log(client) if row[3] == "station"]
        assert ours == [
            (None, tid(2), "bead", "station", "pi-1"),
            (epc(1), tid(1), "heart", "station", "pi-1"),
        ]
        (shared,) = (await client.get("/v1/bindings/duplicates")).json()["two_chips"]
        assert (shared["epc"], [one["tid"] for one in shared["found"]]) == (epc(1), [tid(1), tid(2)])
        await client.post("/v1/bindings", json={"tid": tid(3), "sku": "bead"})
        await hub.edge.send(TagPresented(at=T0 + 900_000, device="desk", epc=epc(3), tid=tid(3)))
        assert (await log(client))[0][:4] == (epc(3), None, "bead", "tid")

    call(shop, database, scene)


def test_goods_received_by_epc_are_bound_and_keep_what_they_stood_for(call, shop, database):
    async def scene(client, hub):
        await client.post("/v1/bindings", json={"epc": epc(2), "sku": "bead", "store": "popup-1"})
        line = {
            "receipt_id": "d-1", "store": "popup-1", "received_at": "2026-09-21T22:00:00Z", "sku": "heart", "epcs": [epc(1), epc(2)],
        }  # fmt: skip
        for _ in range(2):
            await client.post("/v1/receipts", json={"lines": [line]})
        assert (await log(client))[0] == (epc(1), None, "heart", "receipt", "")
        assert await stock(client) == {"heart": 4, "bead": 1}
        (alert,) = (await client.get("/v1/stores/popup-1/alerts")).json()
        assert (alert["code"], alert["count"]) == ("binding_conflict", 1)

    call(shop, database, scene)


def test_a_tag_on_two_shelves_at_once_is_found(call, shop, database):
    async def scene(client, hub):
        await hub.edge.send(TagArrived(at=T0, device="r-1", epc=epc(1), zone="shelf-a"))
        hub.edge.next_seq, first = 1, hub.edge.next_seq
        await hub.edge.send(TagArrived(at=T0 + 5, device="r-2", epc=epc(1), zone="shelf-b"), stream="x2")
        (found,) = (await client.get("/v1/bindings/duplicates")).json()["two_places"]
        assert (found["epc"], {one["zone"] for one in found["found"]}) == (epc(1), {"shelf-a", "shelf-b"})
        hub.edge.next_seq = first
        await hub.edge.send(TagPickedUp(at=T0 + 9, device="r-1", epc=epc(1), zone="shelf-a"))
        assert (await client.get("/v1/bindings/duplicates")).json()["two_places"] == []

    call(shop, database, scene)


def test_one_agent_that_moves_a_tag_has_it_once():
    told = [
        ("s", "x", TagArrived(at=1, device="r", epc="E200", zone="a")),
        ("s", "x", TagArrived(at=2, device="q", epc="E200", zone="b")),
        ("s", "y", TagPickedUp(at=3, device="r", epc="E200", zone="c")),
    ]
    assert clashes(told) == {}
    assert list(clashes([*told, ("t", "x", told[0][2])])) == ["E200"]


def test_a_file_does_not_undo_what_people_did_and_loading_it_twice_changes_nothing(hub):
    def run(job):
        return hub.writer.run(job)

    run(lambda tx: tx.put_catalogue([], [], {epc(9): "old"}))
    assert run(lambda tx: bind_file(tx, {epc(1): "ring", epc(9): "new"}, {tid(1): "ring"}, 1)).bound == 3
    assert run(lambda tx: bind_file(tx, {epc(1): "ring", epc(9): "new"}, {tid(1): "ring"}, 2)).repeats == 3
    assert run(lambda tx: bind_file(tx, {epc(1): "bead"}, {}, 3)).bound == 1
    run(lambda tx: bind(tx, "s", [Wanted("mine", epc=epc(1))], way="api", by="", replace=True, now=4))
    assert run(lambda tx: bind_file(tx, {epc(1): "bead"}, {}, 5)).kept == 1
    assert hub.reader.read(lambda c: tag_reads.bound(c, [epc(1)]))[epc(1)].sku == "mine"
    assert verify(hub.writer) == []
    live = run(snapshot)
    run(rebuild)
    assert run(snapshot) == live
    assert EVERY_STORE not in hub.reader.read(store_names)


def test_a_file_may_name_tags_by_chip():
    assert parse_tags("tid,sku\ne280 1160,ring\n", "b.csv") == ({}, {"E2801160": "ring"})
    assert parse_tags("epc,tid,sku\nE200,E280,ring\n", "b.csv") == ({"E200": "ring"}, {"E280": "ring"})


tags = st.builds(
    lambda number, by_tid, sku: Wanted(
        sku, epc=None if by_tid == 2 else epc(number), tid=tid(number) if by_tid else None
    ),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["ring", "bead"]),
)
steps = st.one_of(
    st.tuples(st.just("bind"), tags, st.booleans()),
    st.tuples(st.just("unbind"), tags, st.none()),
    st.tuples(st.just("file"), tags, st.none()),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=12))
def test_any_course_of_bindings_is_what_a_rebuild_makes_of_the_log(sqlite_hub_factory, course):
    hub = sqlite_hub_factory()
    hub.writer.run(lambda tx: tx.put_catalogue([], [Product(sku="ring", name="Ring")], {epc(0): "old"}))
    for number, (what, tag, replace) in enumerate(course):

        def job(tx, what=what, tag=tag, replace=replace, now=number):
            if what == "bind":
                return bind(tx, "s", [tag], way="api", by="", replace=replace, now=now).bound
            if what == "unbind":
                return unbind(tx, "s", tag, by="", now=now)
            epcs = {tag.epc: tag.sku} if tag.epc else {}
            return bind_file(tx, epcs, {tag.tid: tag.sku} if tag.tid else {}, now).bound

        for again in (False, True):
            try:
                changed = hub.writer.run(job)
            except ConflictError:
                assert what == "bind"
                assert not replace
                break
            assert not (again and changed), "a repeat changes nothing"
    assert verify(hub.writer) == []
