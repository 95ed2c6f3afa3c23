"""Disagreements over HTTP: which zone, why, and whether the zone has been counted since."""

import asyncio

from contract.messages import Disagreement
from hub.model import StockTakeApproved, ZoneCounted

T0 = 1_790_000_000_000
URL = "/v1/stores/popup-1/disagreements"


def doubt(at, zone="shelf-a", why="weight_only", **more):
    return Disagreement(at=at, device="plate-1", zone=zone, why=why, since=at, rfid_units=0, **more)


def test_disagreements_are_listed_newest_first_by_zone_and_time(call, catalogue, database):
    async def scene(client, hub):
        await hub.edge.send(
            doubt(T0, weight_units=-1, skus=("a ring",)), doubt(T0 + 1, "shelf-b", "rfid_only")
        )
        found = (await client.get(URL)).json()
        assert [(one["zone"], one["why"], one["open"]) for one in found] == [
            ("shelf-b", "rfid_only", True),
            ("shelf-a", "weight_only", True),
        ]
        assert (found[1]["weight_units"], found[1]["skus"], found[1]["epcs"]) == (-1, ["a ring"], [])
        for wanted in ({"zone": "shelf-a"}, {"since_ms": T0 + 1}, {"limit": 1}):
            assert len((await client.get(URL, params=wanted)).json()) == 1
        assert (await client.get("/v1/stores/nowhere/disagreements")).status_code == 404
        assert (await client.get(URL, params={"state": "half"})).status_code == 422

    call(catalogue, database, scene)


def test_a_count_of_the_zone_closes_what_was_open(call, catalogue, database):
    async def scene(client, hub):
        await hub.edge.send(doubt(T0), doubt(T0 + 10))
        zones = (ZoneCounted(zone="shelf-a", started_at=T0 + 5),)
        counted = StockTakeApproved(at=T0 + 20, stock_take_id="t", by="Li", zones=zones)
        job = hub.writer.submit(lambda transaction: transaction.append_own("popup-1", [counted], T0 + 20))
        await asyncio.wrap_future(job)
        assert [one["at_ms"] for one in (await client.get(URL)).json()] == [T0 + 10]
        every = (await client.get(URL, params={"state": "all"})).json()
        assert [(one["at_ms"], one["open"]) for one in every] == [(T0 + 10, True), (T0, False)]

    call(catalogue, database, scene)
