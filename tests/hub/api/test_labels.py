"""Shelf labels over HTTP: assigned, told, confirmed; the confirmed price is never what was merely sent."""

import asyncio

import pytest

from contract.messages import CommandResult, LabelShown, SetLabel, decode_command, encode
from hub.services.labels import PER_ROUND

MAC = "0000021EE3B01234"
PATH = f"/v1/stores/popup-1/labels/{MAC}"
USE = {"sku": "heart", "agent": "pi-1", "device": "ap-1", "language": "zh-CN", "by": "li"}
T0 = 1_790_000_000_000


@pytest.fixture
def shop(catalogue):
    (catalogue / "products.csv").write_text("sku,name,name_zh,price\nheart,Heart,海洋之心,299\nfree,Free,,\n")
    return catalogue


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    monkeypatch.setattr("hub.app.RunningHub._until_closed", lambda *_: asyncio.sleep(0))


async def told(hub):
    """Run a round and return the commands that went out."""
    await hub.tell_labels()
    await hub.dispatch()
    out, hub.source.published = hub.source.published, []
    return [decode_command(payload) for _, payload in out]


async def label(client):
    (row,) = (await client.get("/v1/stores/popup-1/labels")).json()
    return row


def test_a_label_is_told_its_price_until_it_confirms_it(call, shop, database):
    async def scene(client, hub):
        assert (await client.put(PATH, json=USE)).json()["state"] == "differs"
        (command,) = await told(hub)
        assert (command.device, command.action) == (
            "ap-1",
            SetLabel(mac=MAC, sku="heart", name="海洋之心", price="299.00", currency="CNY", note="×3"),
        )
        assert await told(hub) == []
        row = await label(client)
        assert (row["state"], row["sent_price"], row["confirmed_price"]) == ("pending", "299.00", None)
        result = CommandResult(command_id=command.command_id, device="ap-1", at=T0, outcome="done")
        await hub.edge.deliver("result", encode(result))
        shown = LabelShown(at=T0 + 5, device="ap-1", mac=MAC, sku="heart", price="299.00", currency="CNY")
        await hub.edge.send(shown)
        row = await label(client)
        assert (row["state"], row["confirmed_price"], row["confirmed_ms"]) == ("confirmed", "299.00", T0 + 5)
        assert await told(hub) == []

    call(shop, database, scene)


def test_a_new_price_shows_as_pending_until_the_label_says_so(call, shop, database):
    async def scene(client, hub):
        await hub.edge.send(
            LabelShown(at=T0, device="ap-1", mac=MAC, sku="heart", price="329.00", currency="CNY")
        )
        assert (await label(client))["state"] == "unassigned"
        await client.put(PATH, json=USE)
        (command,) = await told(hub)
        row = await label(client)
        assert (row["state"], row["wanted_price"], row["sent_price"], row["confirmed_price"]) == (
            "pending",
            "299.00",
            "299.00",
            "329.00",
        )
        failed = CommandResult(
            command_id=command.command_id, device="ap-1", at=T0, outcome="failed", detail="no such label"
        )
        await hub.edge.deliver("result", encode(failed))
        row = await label(client)
        assert (row["state"], row["command_state"], row["detail"]) == ("differs", "failed", "no such label")
        assert await told(hub) == []
        hub.clock.now += 5 * 60_000
        assert [one.action.price for one in await told(hub)] == ["299.00"]

    call(shop, database, scene)


def test_a_label_for_what_has_no_price_or_is_not_known_is_told_nothing(call, shop, tmp_path):
    async def scene(client, hub):
        assert (await client.put(PATH, json={**USE, "sku": "free"})).json()["state"] == "no_price"
        assert await told(hub) == []
        assert (await client.put(PATH, json={**USE, "sku": "none"})).status_code == 404
        assert (await client.put(PATH.replace(MAC, "12:34"), json=USE)).status_code == 422
        spelled = PATH.replace(MAC, "00:00:02:1e:e3:b0:12:34")
        assert (await client.put(spelled, json=USE)).json()["mac"] == MAC
        assert [(await client.delete(spelled)).json()["unassigned"] for _ in range(2)] == [True, False]
        assert (await client.get("/v1/stores/popup-1/labels")).json() == []

    call(shop, str(tmp_path / "hub.db"), scene)


def test_a_new_price_list_does_not_drown_the_radio(call, shop, tmp_path):
    async def scene(client, hub):
        for number in range(PER_ROUND + 5):
            await client.put(f"/v1/stores/popup-1/labels/{number:012X}", json=USE)
        first, second = await told(hub), await told(hub)
        assert (len(first), len(second)) == (PER_ROUND, 5)
        assert len({command.action.mac for command in first + second}) == PER_ROUND + 5

    call(shop, str(tmp_path / "hub.db"), scene)
