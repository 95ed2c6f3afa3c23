"""A stock-take over HTTP, from the opening to the posting; each call twice, and wrong ones refused in one sentence."""

import asyncio

import pytest

from contract.messages import AnchorTags, decode_command

PATH = "/v1/stores/popup-1/stock-takes"
T0 = 1_790_000_000_000


def epc(number):
    return f"E2{number:022X}"


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    """The scenes dispatch themselves."""
    monkeypatch.setattr("hub.app.RunningHub._until_closed", lambda *_: asyncio.sleep(0))


async def post(client, path, body=None):
    answer = await client.post(f"{PATH}{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_stock_take_is_opened_counted_closed_and_approved(call, catalogue, database):
    async def scene(client, hub):
        opening = {"stock_take_id": "may", "zones": ["shelf-a"], "by": "li"}
        assert (await post(client, "", opening))["state"] == "open"
        assert (await post(client, "", opening))["repeat"]
        batch = {
            "batch_id": "h-1", "zone": "shelf-a", "way": "handheld", "by": "li",
            "epcs": [epc(0).lower(), {"epc": epc(9), "read_at": "2026-09-21T14:14:00Z"}],
        }  # fmt: skip
        first = await post(client, "/may/counts", batch)
        hub.clock.now += 5_000
        assert (first["state"], (await post(client, "/may/counts", batch))["repeat"]) == ("counting", True)
        assert (await post(client, "/may/close", {"by": "li"}))["state"] == "closed"
        assert (await post(client, "/may/close"))["repeat"]
        (listed,) = (await client.get(PATH)).json()
        assert listed["totals"] == {
            "expected": 2, "counted": 2, "difference": 0, "missing": 1, "unexpected": 1, "misplaced": 0, "value": None,
        }  # fmt: skip
        found = (await client.get(f"{PATH}/may")).json()
        assert [(line["sku"], line["expected"], line["counted"]) for line in found["lines"]] == [
            ("heart", 2, 1),
            (None, 0, 1),
        ]
        assert found["lines"][0]["missing"] == [epc(2)]
        text = await client.get(f"{PATH}/may/variance.csv")
        assert text.headers["content-type"] == "text/csv; charset=utf-8"
        assert text.text.splitlines()[1] == f"heart,shelf-a,2,1,-1,0,,,{epc(2)},,"
        assert (await client.post(f"{PATH}/may/approve", json={})).status_code == 422
        approved = await post(client, "/may/approve", {"by": "wang"})
        assert (approved["state"], approved["commands"]) == ("approved", 1)
        assert (await post(client, "/may/approve", {"by": "wu"}))["repeat"]
        assert (await client.get(f"{PATH}/may")).json()["changed_by"] == "wang"
        lines = {line["sku"]: line for line in (await client.get("/v1/stores/popup-1/stock")).json()["lines"]}
        assert (lines["heart"]["total"], lines["heart"]["missing"], lines[None]["total"]) == (2, 1, 1)
        page = (await client.get("/v1/stores/popup-1/items", params={"status": "missing"})).json()
        assert [(item["epc"], item["zone"]) for item in page["items"]] == [(epc(2), "shelf-a")]
        await hub.dispatch()
        ((topic, payload),) = hub.source.published
        command = decode_command(payload)
        assert (topic, command.device) == ("shelfwise/v1/popup-1/pi-1/command", "r-1")
        assert isinstance(command.action, AnchorTags)
        assert set(command.action.zones) == {epc(0), epc(9)}
        refused = await client.post(f"{PATH}/may/cancel", json={})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")

    call(catalogue, database, scene)


def test_a_cancelled_stock_take_changes_nothing(call, catalogue, database):
    async def scene(client, hub):
        before = (await client.get("/v1/stores/popup-1/stock")).json()["lines"]
        take = (await post(client, "", {}))["stock_take_id"]
        body = {
            "batch_id": "1",
            "zone": "shelf-a",
            "way": "hand",
            "lines": [{"code": "heart", "quantity": 0}],
        }
        await post(client, f"/{take}/counts", body)
        assert (await post(client, f"/{take}/cancel"))["state"] == "cancelled"
        assert (await client.get("/v1/stores/popup-1/stock")).json()["lines"] == before

    call(catalogue, database, scene)


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("", {"zones": ["attic"]}, 404, "attic"),
        ("/nope/counts", {"batch_id": "1", "zone": "shelf-a", "way": "handheld"}, 404, "nope"),
        ("/may/counts", {"batch_id": "1", "zone": "shelf-a", "way": "eye"}, 422, "way"),
        (
            "/may/counts",
            {"batch_id": "1", "zone": "shelf-a", "way": "handheld", "epcs": ["xyz"]},
            422,
            "epcs",
        ),
        ("/may/counts", {"batch_id": "1", "zone": "shelf-a", "way": "hand"}, 409, "at least one"),
        ("/may/close", {}, 409, "no counts yet"),
        ("/may/approve", {"by": "wang"}, 409, "is open"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(call, catalogue, tmp_path, path, body, status, word):
    async def scene(client, hub):
        await post(client, "", {"stock_take_id": "may", "zones": ["shelf-a"]})
        answer = await client.post(f"{PATH}{path}", json=body)
        assert (answer.status_code, word in answer.json()["error"]["message"]) == (status, True), answer.text

    call(catalogue, str(tmp_path / "hub.db"), scene)
