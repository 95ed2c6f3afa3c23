"""Try-ons over HTTP: per SKU, for the store and session by session."""

from contract.messages import TryOnEnded, TryOnStarted

T0 = 1_790_000_000_000
HEART = f"E2{1:022X}"
ROUTE = "/v1/stores/popup-1/try-ons"


def tried(start_s, end_s):
    common = {"device": "r-1", "session": "cabin-1-a", "room": "cabin-1", "epc": HEART}
    start = TryOnStarted(at=T0 + start_s * 1000, **common)
    return start, TryOnEnded(at=T0 + end_s * 1000, started_at=start.at, **common)


def test_hands_are_judged_until_a_fitting_room_tells_a_try_on(call, catalogue, database):
    async def scene(client, hub):
        (line,) = (await client.get(ROUTE)).json()
        assert (line["try_ons"], line["returned"], line["unknown"], line["open"]) == (1, 1, 0, 0)
        day = (await client.get(f"{ROUTE}/total")).json()
        assert (day["rooms"], day["try_ons"], day["conversion"]) == (False, 1, 0.0)
        assert (await client.get(f"{ROUTE}/sessions")).json() == []
        start, end = tried(40, 200)
        await hub.edge.send(start)
        hub.clock.now = T0 + 100_000
        (session,) = (await client.get(f"{ROUTE}/sessions")).json()
        assert (session["room"], session["items"][0]["ended_ms"]) == ("cabin-1", None)
        await hub.edge.send(end)
        hub.clock.now = T0 + 300_000
        (line,) = (await client.get(ROUTE)).json()
        assert (line["try_ons"], line["open"], line["conversion"]) == (1, 1, None)
        sale = {"sale_id": "s-1", "line": 1, "store": "popup-1", "sku": "heart", "quantity": 1}
        answer = await client.post(
            "/v1/sales", json={"lines": [{**sale, "sold_at": "2026-09-21T22:17:00+08:00"}]}
        )
        assert answer.json()["recorded"] == 1, answer.text
        (line,) = (await client.get(ROUTE)).json()
        assert (line["sku"], line["try_ons"], line["sold"], line["conversion"]) == ("heart", 1, 1, 1.0)
        day = (await client.get(f"{ROUTE}/total")).json()
        assert (day["rooms"], day["try_ons"], day["sold"], day["conversion"]) == (True, 1, 1, 1.0)
        (session,) = (await client.get(f"{ROUTE}/sessions")).json()
        assert session["items"] == [
            {
                "epc": HEART,
                "sku": "heart",
                "started_ms": start.at,
                "ended_ms": end.at,
                "worn": None,
                "outcome": "sold",
            }
        ]
        assert (await client.get(f"{ROUTE}/total", params={"date": "2026-09-20"})).json()["try_ons"] == 0
        assert (await client.get("/v1/stores/nowhere/try-ons/total")).status_code == 404
        assert (await client.get(f"{ROUTE}/sessions", params={"date": "yesterday"})).status_code == 422

    call(catalogue, database, scene)
