"""Commands: queued, published until answered or expired, done at most once, and what became of them."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.messages import (
    Command,
    CommandResult,
    SetInventory,
    SetLabel,
    SetPower,
    decode_command,
    encode,
)
from hub.services.commands import CommandOrder, dispatch, queue

PATH = "/v1/stores/popup-1/agents/pi-1/commands"
POWER = {"device": "reader-1", "action": {"do": "set_power", "power_dbm": 20.0}, "expires_in_s": 60}
T0 = 1_790_000_000_000


async def published(hub):
    """Return the commands that went out since the last look."""
    await hub.dispatch()
    out, hub.source.published = hub.source.published, []
    assert all(topic == "shelfwise/v1/popup-1/pi-1/command" for topic, _ in out)
    return [decode_command(payload) for _, payload in out]


async def answer(hub, command, outcome="done", detail=""):
    result = CommandResult(
        command_id=command.command_id, device=command.device, at=T0, outcome=outcome, detail=detail
    )
    await hub.edge.deliver("result", encode(result))


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    """The scenes dispatch themselves."""
    monkeypatch.setattr("hub.app.RunningHub._until_closed", lambda *_: asyncio.sleep(0))


async def state_of(client):
    return [(row["state"], row["sent"]) for row in (await client.get(PATH)).json()]


def test_a_command_goes_out_until_it_is_answered(call, catalogue, database):
    async def scene(client, hub):
        queued = (await client.post(PATH, json=POWER)).json()
        assert (queued["state"], queued["agent"], queued["sent"]) == ("queued", "pi-1", 0)
        (first,) = await published(hub)
        assert first == Command(
            command_id=queued["command_id"],
            device="reader-1",
            expires_at=hub.clock.now + 60_000,
            action=SetPower(power_dbm=20.0),
        )
        assert await published(hub) == []
        assert await state_of(client) == [("sent", 1)]
        hub.clock.now += 2_000
        assert await published(hub) == [first], "the same id, so that a repeat does nothing"
        await answer(hub, first)
        hub.clock.now += 30_000
        assert await published(hub) == []
        assert await state_of(client) == [("done", 2)]

    call(catalogue, database, scene)


@pytest.mark.parametrize("outcome", ["failed", "expired", "unknown"])
def test_what_an_agent_answers_is_what_is_told(call, catalogue, tmp_path, outcome):
    async def scene(client, hub):
        await client.post(PATH, json=POWER)
        (command,) = await published(hub)
        await answer(hub, command, outcome, "because")
        (row,) = (await client.get(PATH, params={"state": outcome})).json()
        assert (row["state"], row["detail"]) == (outcome, "because")

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_a_command_that_nobody_answers_expires_and_a_late_answer_still_stands(call, catalogue, database):
    async def scene(client, hub):
        await client.post(PATH, json=POWER)
        (command,) = await published(hub)
        hub.clock.now += 60_001
        assert await published(hub) == []
        (row,) = (await client.get(PATH)).json()
        assert (row["state"], row["detail"]) == ("expired", "no result came before the expiry")
        await answer(hub, command)
        assert await state_of(client) == [("done", 1)]

    call(catalogue, database, scene)


def test_while_the_broker_is_away_commands_wait_and_expire_unsent(call, catalogue, tmp_path):
    async def scene(client, hub):
        hub.source.connected = False
        await client.post(PATH, json=POWER)
        await client.post(PATH, json={**POWER, "expires_in_s": 5})
        hub.clock.now += 6_000
        assert await published(hub) == []
        assert await state_of(client) == [("expired", 0), ("queued", 0)]
        hub.source.connected = True
        assert len(await published(hub)) == 1

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_asking_twice_under_one_id_queues_once(call, catalogue, database):
    async def scene(client, hub):
        body = {**POWER, "command_id": "mine-1"}
        first = (await client.post(PATH, json=body)).json()
        hub.clock.now += 10
        assert (await client.post(PATH, json=body)).json() == first
        other = {**body, "action": {"do": "tare"}}
        assert (await client.post(PATH, json=other)).status_code == 409
        assert len((await client.get("/v1/stores/popup-1/commands")).json()) == 1

    call(catalogue, database, scene)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action": {"do": "fly"}}, "action: Invalid value 'fly' - at `$.do`"),
        ({"action": {"do": "set_power", "power_dbm": 99}}, "action: Expected `float` <= 33.0"),
        ({"action": {}}, "action: Object missing required field `do`"),
        ({"action": {"do": "set_region", "region": "mars"}}, "action: Invalid enum value 'mars'"),
        ({"expires_in_s": 0}, "body.expires_in_s"),
        ({"expires_in_s": 10**7}, "body.expires_in_s"),
        ({"device": "Reader 1"}, "body.device"),
        ({"colour": 1}, "body.colour"),
    ],
)
def test_what_cannot_be_commanded_is_refused_with_a_sentence(call, catalogue, tmp_path, change, words):
    async def scene(client, hub):
        answer = await client.post(PATH, json={**POWER, **change})
        assert answer.status_code == 422
        assert answer.json()["error"]["message"].startswith(words)
        assert await state_of(client) == []

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_every_action_of_the_contract_can_be_commanded(call, catalogue, tmp_path):
    actions = [
        {"do": "set_region", "region": "cn900"},
        {"do": "set_inventory", "running": False},
        {"do": "set_antennas", "antennas": [1, 3]},
        {"do": "set_output", "port": 1, "on": True},
        {"do": "tare"},
        {"do": "set_label", "mac": "0000021EE3B01234", "sku": "heart", "name": "海洋之心", "price": "299.00"},
    ]

    async def scene(client, hub):
        for action in actions:
            assert (await client.post(PATH, json={**POWER, "action": action})).status_code == 200, action
        sent = [command.action for command in await published(hub)]
        assert sent[1] == SetInventory(running=False)
        assert sent[5] == SetLabel(mac="0000021EE3B01234", sku="heart", name="海洋之心", price="299.00")
        assert len(sent) == len(actions)

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_open_commands_of_an_agent_are_bounded(sqlite_hub, monkeypatch):
    monkeypatch.setattr("hub.services.commands.MAX_OPEN", 2)

    def ask(transaction):
        order = CommandOrder(
            store="s", agent="a", device="d", action=SetInventory(running=True), expires_ms=T0 + 1
        )
        return queue(transaction, order, T0).command_id

    assert [sqlite_hub.writer.run(ask) for _ in range(2)] == [f"c{T0}-1", f"c{T0}-2"]
    with pytest.raises(Exception, match="2 commands of agent 'a' wait for a result already"):
        sqlite_hub.writer.run(ask)


def test_a_result_of_another_agent_closes_nothing(call, catalogue, tmp_path):
    async def scene(client, hub):
        await client.post(PATH.replace("pi-1", "pi-2"), json=POWER)
        hub.source.published = []
        await hub.dispatch()
        (_, payload), *_ = hub.source.published
        await answer(hub, decode_command(payload))
        (row,) = (await client.get(PATH.replace("pi-1", "pi-2"))).json()
        assert row["state"] == "sent"

    call(catalogue, str(tmp_path / "hub.db"), scene)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=30), st.integers(1, 120_000))
def test_a_command_goes_out_at_growing_intervals_and_never_after_its_expiry(
    sqlite_hub_factory, steps, life_ms
):
    hub = sqlite_hub_factory()
    order = CommandOrder(
        store="s", agent="a", device="d", action=SetInventory(running=True), expires_ms=T0 + life_ms
    )
    hub.writer.run(lambda transaction: queue(transaction, order, T0))
    now, sent = T0, []
    for step in steps:
        now += step
        if hub.writer.run(lambda transaction, now=now: dispatch(transaction, now)):
            sent.append(now)
    assert all(at <= T0 + life_ms for at in sent)
    gaps = [after - before for before, after in pairwise(sent)]
    for index, gap in enumerate(gaps):
        assert gap >= min(30_000, 2_000 << index)
