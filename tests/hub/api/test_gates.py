"""Gates over HTTP: announced, seen, judged at once, confirmed once, and the stack light told."""

import asyncio

import pytest

from contract.messages import GateBatch, GatePassage, SetOutput, TagArrived, decode_command
from contract.sscc import sscc_of
from hub.ledger.rebuild import rebuild, snapshot
from hub.services.notices import parse_notices

T0 = 1_790_000_000_000
CARTON = "3174257BF4499602D2000000"
SSCC = sscc_of(CARTON)
PATH = "/v1/stores/popup-1"


def epc(number):
    return f"E2{number:022X}"


def batch(name, came=(), undecided=(), *, way="in", at=T0 + 50_000, part=1, parts=1, gate="gate-1"):
    passages = tuple(GatePassage(epc=one, direction=way, probability=0.9) for one in came)
    return GateBatch(
        at=at, device="r-gate", batch_id=name, gate=gate, started_at=at - 9_000, passages=passages, undecided=tuple(undecided),
        part=part, parts=parts,
    )  # fmt: skip


@pytest.fixture
def shop(catalogue):
    (catalogue / "store.toml").write_text(
        """[store]
id = "popup-1"

[[zones]]
id = "shelf-a"

[[zones]]
id = "back"
kind = "backroom"

[[gates]]
id = "gate-1"
device = "r-gate"
ok_output = 1
doubt_output = 2
"""
    )
    (catalogue / "bindings.csv").write_text(
        "epc,sku\n" + "".join(f"{epc(n)},heart\n" for n in (*range(3), *range(10, 20)))
    )
    return catalogue


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    monkeypatch.setattr("hub.app.RunningHub._until_closed", lambda *_: asyncio.sleep(0))


async def announce(client, name="asn-1", *, status=200, **body):
    answer = await client.post(f"{PATH}/expected", json={"notice_id": name, "gate": "gate-1", **body})
    assert answer.status_code == status, answer.text
    return answer.json()


async def told(client, name):
    return (await client.get(f"{PATH}/gate/batches/{name}")).json()


async def confirm(client, name, *, status=200, **body):
    answer = await client.post(f"/v1/gate/batches/{name}/confirm", json={"by": "li", **body})
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else answer.json()["error"]["message"]


async def total(client, sku="heart"):
    lines = (await client.get(f"{PATH}/stock")).json()["lines"]
    return next(line["total"] for line in lines if line["sku"] == sku)


def epcs(tags):
    return [tag["epc"] for tag in tags]


def test_a_delivery_in_two_batches_is_confirmed_and_the_notice_closes(call, shop, database):
    async def scene(client, hub):
        lines = [{"epc": epc(n)} for n in range(10, 14)] + [{"sku": "heart", "quantity": 2}]
        assert (await announce(client, lines=lines))["recorded"] == 1
        assert (await announce(client, lines=lines))["repeats"] == 1
        await hub.edge.send(batch("b-1", [epc(10), epc(11), epc(14), epc(30)], [epc(12)]))
        found = await told(client, "b-1")
        assert (found["state"], found["light"], found["notice_id"], found["direction"]) == (
            "waiting",
            "doubt",
            "asn-1",
            "in",
        )
        assert (epcs(found["expected"]), epcs(found["unexpected"])) == (
            [epc(10), epc(11), epc(14)],
            [epc(30)],
        )
        assert (epcs(found["undecided"]), epcs(found["missing"])) == ([epc(12)], [epc(13)])
        assert (found["missing_units"], found["undecided_expected"]) == ({"heart": 1}, [epc(12)])
        assert found["expected"][0]["name_zh"] == "海洋之心"
        words = await confirm(client, "b-1", status=422)
        assert words.startswith("2 EPCs are unexpected or undecided and need to be accepted or rejected")
        before = await total(client)
        done = await confirm(client, "b-1", accept=[epc(12)], reject=[epc(30)])
        assert (done["repeat"], done["units"], done["notice_state"]) == (False, 4, "open")
        assert await total(client) == before + 4
        item = (await client.get(f"{PATH}/items/{epc(10)}")).json()
        assert (item["status"], item["zone"]) == ("received", "back")
        again = await confirm(client, "b-1", accept=[epc(12)], reject=[epc(30)])
        assert (again["repeat"], again["lines"]) == (True, 0)
        assert "was confirmed by 'li' with other content" in await confirm(
            client, "b-1", accept=[epc(12), epc(30)], status=409
        )
        assert await total(client) == before + 4
        (notice,) = (await client.get(f"{PATH}/expected")).json()
        assert (notice["open_epcs"], notice["open_quantities"], notice["open_units"]) == (
            [epc(13)],
            {"heart": 1},
            2,
        )
        await hub.edge.send(batch("b-2", [epc(13), epc(15)], at=T0 + 55_000))
        assert (await told(client, "b-2"))["light"] == "ok"
        assert (await confirm(client, "b-2"))["notice_state"] == "closed"
        assert await total(client) == before + 6
        live = await asyncio.wrap_future(hub.writer.submit(snapshot))
        await asyncio.wrap_future(hub.writer.submit(rebuild))
        assert await asyncio.wrap_future(hub.writer.submit(snapshot)) == live

    call(shop, database, scene)


def test_confirming_in_the_same_moment_posts_once(call, shop, database):
    async def scene(client, hub):
        await announce(client, lines=[{"sku": "heart", "quantity": 3}])
        await hub.edge.send(batch("b-1", [epc(10), epc(11)]))
        before = await total(client)
        answers = await asyncio.gather(*(confirm(client, "b-1", by=f"p-{n}") for n in range(8)))
        assert sorted(one["repeat"] for one in answers) == [False] + [True] * 7
        assert await total(client) == before + 2
        assert {one["receipt_id"] for one in answers} == {"gate:b-1"}

    call(shop, database, scene)


def test_what_leaves_is_not_on_hand_until_it_is_seen_again(call, shop, tmp_path):
    async def scene(client, hub):
        await announce(client, direction="out", lines=[{"epc": epc(2)}])
        await hub.edge.send(batch("b-1", [epc(2)], way="out"))
        before = await total(client)
        done = await confirm(client, "b-1")
        assert (done["direction"], done["notice_state"]) == ("out", "closed")
        assert await total(client) == before - 1
        gone = (await client.get(f"{PATH}/items", params={"status": "dispatched"})).json()
        assert epcs(gone["items"]) == [epc(2)]
        (line,) = (await client.get(f"{PATH}/stock")).json()["lines"]
        assert line["dispatched"] == 1
        await hub.edge.send(TagArrived(at=T0 + 40_000, device="r-1", epc=epc(2), zone="shelf-a"))
        assert await total(client) == before - 1, "seen before it left"
        await hub.edge.send(TagArrived(at=T0 + 70_000, device="r-1", epc=epc(2), zone="shelf-a"))
        assert await total(client) == before

    call(shop, str(tmp_path / "hub.db"), scene)


def test_what_left_and_comes_back_through_the_gate_is_on_hand(call, shop, tmp_path):
    async def scene(client, hub):
        before = await total(client)
        await hub.edge.send(batch("b-1", [epc(2)], way="out", at=T0 + 40_000))
        await confirm(client, "b-1", accept=[epc(2)])
        await hub.edge.send(batch("b-2", [epc(2)], at=T0 + 55_000))
        assert await total(client) == before - 1
        await confirm(client, "b-2", accept=[epc(2)])
        assert await total(client) == before

    call(shop, str(tmp_path / "hub.db"), scene)


def test_a_carton_stands_for_its_contents_unless_it_is_rejected(call, shop, tmp_path):
    async def scene(client, hub):
        box = [
            {"sscc": CARTON, "lines": [{"epc": epc(10)}, {"epc": epc(11)}, {"sku": "bead", "quantity": 6}]}
        ]
        await announce(client, cartons=box)
        await hub.edge.send(batch("b-1", [CARTON, epc(10)]))
        found = await told(client, "b-1")
        assert (epcs(found["by_carton"]), found["by_carton_units"], found["light"]) == (
            [epc(11)],
            {"bead": 6},
            "ok",
        )
        assert [tag["sscc"] for tag in found["expected"]] == [SSCC, None]
        await announce(client, "asn-2", cartons=box)
        await hub.edge.send(batch("b-2", [CARTON, epc(10)], at=T0 + 51_000))
        assert (await told(client, "b-2"))["notice_id"] == "asn-2"
        done = await confirm(client, "b-1", reject=[CARTON])
        assert (done["units"], done["notice_state"]) == (1, "open")
        assert (await confirm(client, "b-2"))["units"] == 8
        lines = {line["sku"]: line for line in (await client.get(f"{PATH}/stock")).json()["lines"]}
        assert lines["bead"]["total"] == 6
        assert (lines["heart"]["received"], lines["heart"]["total"]) == (3, 5)

    call(shop, str(tmp_path / "hub.db"), scene)


def test_units_without_a_tag_beside_tags_of_the_same_product_are_not_used_up(call, shop, tmp_path):
    async def scene(client, hub):
        before = await total(client)
        await announce(client, cartons=[{"sscc": SSCC, "lines": [{"sku": "heart", "quantity": 6}]}])
        await hub.edge.send(batch("b-1", [CARTON, epc(10), epc(11)]))
        assert (await confirm(client, "b-1"))["units"] == 6
        assert await total(client) == before + 6
        await hub.edge.send(TagArrived(at=T0 + 70_000, device="r-1", epc=epc(10), zone="shelf-a"))
        assert await total(client) == before + 6, "it was seen at the gate already"
        await hub.edge.send(TagArrived(at=T0 + 70_001, device="r-1", epc=epc(15), zone="shelf-a"))
        assert await total(client) == before + 6, "one of those that stood for a carton's contents"

    call(shop, str(tmp_path / "hub.db"), scene)


def test_parts_in_any_order_and_a_part_that_never_comes(call, shop, tmp_path):
    async def scene(client, hub):
        await announce(client, lines=[{"sku": "heart", "quantity": 3}])
        await hub.edge.send(batch("b-1", [epc(12)], part=3, parts=3))
        assert (await told(client, "b-1"))["state"] == "incomplete"
        assert "parts of batch 'b-1' have not come yet" in await confirm(client, "b-1", status=409)
        await hub.edge.send(
            batch("b-1", [epc(10)], part=1, parts=3), batch("b-1", [epc(11)], part=2, parts=3)
        )
        found = await told(client, "b-1")
        assert (found["state"], len(found["expected"]), found["light"]) == ("waiting", 3, "ok")
        await hub.edge.send(batch("b-2", [epc(16)], parts=2, at=T0 + 51_000))
        assert (await confirm(client, "b-2", accept=[epc(16)], incomplete=True))["units"] == 1

    call(shop, str(tmp_path / "hub.db"), scene)


def test_the_light_says_ok_or_doubt_of_the_newest_batch_at_once(call, shop, tmp_path):
    async def scene(client, hub):
        async def lights():
            await hub.dispatch()
            out, hub.source.published = hub.source.published, []
            return [(topic.split("/")[3], decode_command(payload)) for topic, payload in out]

        await announce(client, lines=[{"sku": "heart", "quantity": 3}])
        await hub.edge.send(batch("b-1", [epc(10)]))
        sent = await lights()
        assert [(agent, command.device, command.action) for agent, command in sent] == [
            ("pi-1", "r-gate", SetOutput(port=1, on=True)),
            ("pi-1", "r-gate", SetOutput(port=2, on=False)),
        ]
        await hub.edge.send(batch("b-2", [epc(30)], at=T0 + 52_000))
        assert [command.action.on for _, command in await lights()] == [False, True]
        await hub.edge.send(batch("b-0", [epc(31)], at=T0 + 40_000), batch("b-3", at=T0 + 53_000))
        await hub.edge.send(batch("b-4", [epc(32)], gate="gate-9", at=T0 + 54_000))
        hub.clock.now += 3_600_000
        await hub.edge.send(batch("b-5", [epc(33)], at=T0 + 59_000))
        assert await lights() == [], "older, empty, a gate without light, an hour late"

    call(shop, str(tmp_path / "hub.db"), scene)


def test_a_notice_or_a_name_that_comes_late_changes_the_verdict(call, shop, tmp_path):
    async def scene(client, hub):
        await hub.edge.send(batch("b-1", [epc(10), epc(40)]))
        assert (await told(client, "b-1"))["counts"]["unexpected"] == 2
        await announce(client, lines=[{"sku": "heart", "quantity": 5}])
        assert (await told(client, "b-1"))["counts"]["unexpected"] == 1
        bound = await client.post("/v1/bindings", json={"epc": epc(40), "sku": "heart", "store": "popup-1"})
        assert bound.status_code == 200
        assert (await told(client, "b-1"))["counts"]["unexpected"] == 0
        closed = await client.post(f"{PATH}/expected/asn-1/cancel", json={"by": "li"})
        assert (closed.json()["state"], closed.json()["by"]) == ("cancelled", "li")
        assert (await client.post(f"{PATH}/expected/asn-1/cancel", json={})).status_code == 200
        refused = await client.post(f"{PATH}/expected/asn-1/close", json={})
        assert refused.json()["error"]["message"] == "notice 'asn-1' is cancelled and cannot become closed"
        assert (await told(client, "b-1"))["counts"]["unexpected"] == 2

    call(shop, str(tmp_path / "hub.db"), scene)


def test_batches_come_newest_first_a_page_at_a_time_and_old_ones_lapse(call, shop, tmp_path, monkeypatch):
    monkeypatch.setattr("hub.projections.gate.WINDOW", 3)

    async def scene(client, hub):
        for n in range(5):
            await hub.edge.send(batch(f"b-{n}", [epc(50 + n)], at=T0 + 10_000 + n))
        page = (await client.get(f"{PATH}/gate/batches", params={"limit": 2})).json()
        names = [one["batch_id"] for one in page["batches"]]
        assert names == ["b-4", "b-3"]
        rest = (
            await client.get(f"{PATH}/gate/batches", params={"before": page["next_before"], "gate": "gate-1"})
        ).json()
        assert [(one["batch_id"], one["state"]) for one in rest["batches"]] == [
            ("b-2", "waiting"),
            ("b-1", "lapsed"),
            ("b-0", "lapsed"),
        ]
        assert rest["next_before"] is None
        assert "is not among the newest" in await confirm(client, "b-0", status=409)
        assert (await client.get("/v1/stores")).json()[0]["gates"] == ["gate-1"]

    call(shop, str(tmp_path / "hub.db"), scene)


def test_errors_name_what_was_wrong(call, shop, tmp_path):
    async def scene(client, hub):
        assert "no gate has told of a batch 'nine'" in await confirm(client, "nine", status=404)
        assert (await client.get(f"{PATH}/gate/batches/nine")).status_code == 404
        assert (await client.get(f"{PATH}/gate/batches", params={"before": "x"})).status_code == 422
        assert (await client.get("/v1/stores/none/expected")).status_code == 404
        assert (await client.post(f"{PATH}/expected/nine/close", json={})).status_code == 404
        empty = await announce(client, status=422)
        assert empty["error"]["message"] == "notice 'asn-1' asks for nothing; say lines or cartons"
        twice = await announce(client, lines=[{"epc": epc(1)}, {"epc": epc(1)}], status=422)
        assert twice["error"]["message"] == f"notice 'asn-1' names {epc(1)} twice"
        bad = await announce(client, cartons=[{"sscc": "106141412345678907"}], status=422)
        assert "has a wrong check digit (expected 8 at the end)" in bad["error"]["message"]
        assert "say epc or sku" in (await announce(client, lines=[{}], status=422))["error"]["message"]
        await announce(client, lines=[{"epc": epc(10)}])
        other = await announce(client, lines=[{"epc": epc(11)}], status=409)
        assert "is recorded with other content" in other["error"]["message"]
        await hub.edge.send(batch("b-1", [epc(10), epc(20)]))
        words = await confirm(client, "b-1", accept=[epc(20)], reject=[epc(20)], status=422)
        assert words == f"1 EPCs are both accepted and rejected: {epc(20)}"
        words = await confirm(client, "b-1", accept=[epc(20), epc(21)], status=422)
        assert words == f"1 EPCs are not among what came through in this batch: {epc(21)}"
        assert (await client.post("/v1/gate/batches/b-1/confirm", json={})).status_code == 422
        await hub.edge.send(batch("b-2", [epc(10)], at=T0 + 53_000))
        assert (await told(client, "b-2"))["counts"]["unexpected"] == 1, "the batch before has it"

    call(shop, str(tmp_path / "hub.db"), scene)


CSV = f"""notice_id,gate,direction,sscc,epc,sku,quantity
a/1,,,,{epc(10)},,
a/1,,,{CARTON},,bead,6
a/1,,,{SSCC},{epc(11)},heart,1
b,gate-2,out,,,heart,4
c,,,{SSCC},,,
"""


def test_a_file_of_notices_over_http(call, shop, tmp_path):
    async def scene(client, hub):
        told = {"gate": "gate-1", "by": "erp", "file": "asn.csv"}
        answer = await client.post(f"{PATH}/expected/csv", params=told, content=CSV)
        assert answer.json()["recorded"] == 3, answer.text
        assert (await client.post(f"{PATH}/expected/csv", params=told, content=CSV)).json()["repeats"] == 3
        notice = (await client.get(f"{PATH}/expected/a/1")).json()
        assert (notice["units"], notice["open_cartons"], notice["by"]) == (8, [SSCC], "erp")
        waiting = (await client.get(f"{PATH}/expected", params={"gate": "gate-2", "state": "open"})).json()
        assert [(one["notice_id"], one["direction"]) for one in waiting] == [("b", "out")]
        answer = await client.post(f"{PATH}/expected/csv", params=told, content="notice_id,quantity\nd,x\n")
        assert answer.json()["error"]["message"] == (
            "asn.csv line 2, column 'quantity': 'x' is not a whole number from 1 to 1000000"
        )
        closed = await client.post(f"{PATH}/expected/a/1/close", json={"by": "li"})
        assert closed.json()["state"] == "closed"

    call(shop, str(tmp_path / "hub.db"), scene)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "line 1: column 'notice_id' is missing; found nothing"),
        ("notice_id\n", "has no rows"),
        ("notice_id,colour\na,red\n", "line 1: column 'colour' is not known; known are notice_id, gate"),
        ("notice_id\na\n", "line 2, column 'epc': '' is not given, nor is a sku or an sscc"),
        ("notice_id,epc\n,E200\n", "line 2, column 'notice_id': '' is not a text of 1 to 200"),
        ("notice_id,epc\na,E200\nb,XYZ\n", "line 3, column 'epc': 'XYZ' is not an EPC in hex"),
        ("notice_id,epc,quantity\na,E200,2\n", "line 2, column 'quantity': '2' is not 1, or empty"),
        ("notice_id,sku,direction\na,ring,up\n", "line 2, column 'direction': 'up' is not in or out"),
        ("notice_id,sscc\na,12\n", "line 2, column 'sscc': '12' is not an SSCC: SSCC '12' is neither"),
        ("notice_id,sscc,quantity\na,106141412345678908,3\n", "line 2, column 'sku': '' is not given, and a"),
        ("notice_id,sku,gate\na,x,g\na,y,h\n", "line 3, column 'gate': 'h' is not that of notice 'a' above"),
        ("notice_id,sku,gate\na,x,G 1\n", "line 2, column 'gate': 'G 1' is not an id of a-z"),
    ],
)
def test_a_bad_file_names_line_and_column(rows, words):
    from contract.errors import ConfigError

    with pytest.raises(ConfigError) as caught:
        parse_notices(rows, "asn.csv", T0, gate="gate-1")
    assert str(caught.value).startswith(f"asn.csv {words}") or str(caught.value) == f"asn.csv: {words}"
