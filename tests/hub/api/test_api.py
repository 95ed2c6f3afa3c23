"""The API as a client sees it: commerce, stock, plans, errors, and an OpenAPI document without holes."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from contract.messages import PeopleCounted
from hub.ingest.source import Backlog
from hub.ledger.engine import UnavailableError
from hub.ledger.writer import Transaction

T0 = 1_790_000_000_000
"""First event of the store in the fixture."""

SALE = {
    "sale_id": "s-1",
    "line": 1,
    "store": "popup-1",
    "sku": "heart",
    "quantity": 1,
    "sold_at": "2026-09-21T22:14:00+08:00",
}


def test_a_sale_follows_a_pick_and_stock_is_right_throughout(call, catalogue, database):
    async def scene(client, hub):
        (line,) = (await client.get("/v1/stores/popup-1/stock")).json()["lines"]
        assert (line["name"], line["total"], line["unplaced"]) == ("<i>Heart</i>", 3, 1)
        answer = await client.post("/v1/sales", json={"lines": [SALE]})
        assert answer.json()["recorded"] == 1, answer.text
        assert (await client.post("/v1/sales", json={"lines": [SALE]})).json()["repeats"] == 1
        (line,) = (await client.get("/v1/stores/popup-1/stock")).json()["lines"]
        assert (line["total"], line["unplaced"], line["sold"]) == (2, 0, 1)
        sold = (await client.get("/v1/stores/popup-1/items", params={"status": "sold"})).json()
        assert [(item["epc"], item["sale_id"]) for item in sold["items"]] == [(f"E2{1:022X}", "s-1")]
        (tried,) = (await client.get("/v1/stores/popup-1/try-ons")).json()
        assert (tried["try_ons"], tried["returned"], tried["sold"]) == (2, 1, 1)
        people = (await client.get("/v1/stores/popup-1/footfall")).json()
        assert (people["entered"], people["occupancy"], people["transactions"], people["conversion"]) == (
            4,
            3,
            1,
            0.25,
        )
        (cell,) = (await client.get("/v1/stores/popup-1/heat")).json()
        assert (cell["picked_up"], cell["put_back"], cell["arrived"]) == (2, 1, 3)

    call(catalogue, database, scene)


def test_occupancy_starts_anew_at_closing_time_and_the_residual_is_told(call, catalogue, database):
    """The store closes at 22:00, a quarter of an hour before the first event of the fixture."""

    async def scene(client, hub):
        hour = 3_600_000
        await hub.edge.send(
            PeopleCounted(
                at=T0 - 2 * hour, device="c-1", line="beams", entered=3, estimated_entered=3.75, staff=1
            ),
            PeopleCounted(
                at=T0 - 2 * hour, device="c-1", line="beams", left=1, estimated_left=1.07, turned=2
            ),
        )
        hub.clock.now = T0 - hour
        people = (await client.get("/v1/stores/popup-1/footfall")).json()
        assert (people["occupancy"], people["residual"]) == (2, None)
        assert (people["turned"], people["staff"]) == (2, 1)
        assert (people["estimated_entered"], people["estimated_left"]) == (7.75, 2.07)
        hub.clock.now = T0 + 60_000
        people = (await client.get("/v1/stores/popup-1/footfall")).json()
        assert (people["occupancy"], people["residual"]) == (3, 5), (
            "those of the evening are not carried over"
        )
        assert {line["line"]: line["residual"] for line in people["lines"]} == {"1": 3, "beams": 2}
        await client.post("/v1/sales", json={"lines": [SALE]})
        people = (await client.get("/v1/stores/popup-1/footfall")).json()
        assert people["conversion"] == pytest.approx(1 / 6), "one of seven who came in was staff"

    call(catalogue, database, scene)


def test_commerce_is_idempotent_and_conflicts_are_409(call, catalogue, database):
    async def scene(client, hub):
        goods = {
            "lines": [
                {
                    "receipt_id": "d-1",
                    "store": "popup-1",
                    "received_at": "2026-09-21T22:00:00Z",
                    "sku": "heart",
                    "quantity": 6,
                }
            ]
        }
        assert (await client.post("/v1/receipts", json=goods)).json()["recorded"] == 1
        assert (await client.post("/v1/receipts", json=goods)).json()["repeats"] == 1
        goods["lines"][0]["quantity"] = 7
        assert (await client.post("/v1/receipts", json=goods)).status_code == 409
        (line,) = (await client.get("/v1/stores/popup-1/stock")).json()["lines"]
        assert (line["expected"], line["total"]) == (6, 9)
        take = {
            "adjustment_id": "a-1",
            "store": "popup-1",
            "adjusted_at": "2026-09-21T22:00:00Z",
            "sku": "heart",
            "counted": 8,
        }
        assert (await client.post("/v1/adjustments", json=take)).json()["recorded"] == 1
        assert (await client.post("/v1/adjustments", json=take)).json()["repeats"] == 1
        (line,) = (await client.get("/v1/stores/popup-1/stock")).json()["lines"]
        assert (line["adjusted"], line["total"]) == (-1, 8)
        text = "sale_id,sold_at,sku,quantity\n7,2026-09-21T22:00:00Z,heart,two\n"
        refused = await client.post("/v1/sales/csv", params={"store": "popup-1"}, content=text)
        assert refused.status_code == 422
        assert "line 2, column 'quantity'" in refused.json()["error"]["message"]
        good = await client.post(
            "/v1/sales/csv", params={"store": "popup-1"}, content=text.replace("two", "2")
        )
        assert good.json()["recorded"] == 1
        assert (await client.get("/v1/stores/popup-1/sales")).json()[0]["quantity"] == 2

    call(catalogue, database, scene)


def test_a_plan_orders_once_and_explains_itself(call, catalogue, database):
    async def scene(client, hub):
        sale = {**SALE, "quantity": 3, "sold_at": "2026-09-21T13:00:00Z"}
        await client.post("/v1/sales", json={"lines": [sale]})
        planned = (await client.post("/v1/stores/popup-1/replan")).json()
        assert planned == {"decided": 1, "ordered": 1, "unchanged": 0, "outdated": 0}
        (decision,) = (await client.get("/v1/stores/popup-1/decisions")).json()
        assert (decision["quantity"], decision["reason"], decision["constraint"]) == (
            12,
            "below_need",
            "case_pack",
        )
        assert decision["inputs"]["sold_units"] == 3
        await client.post("/v1/stores/popup-1/replan")
        (order,) = (await client.get("/v1/stores/popup-1/orders")).json()
        path = f"/v1/stores/popup-1/orders/{order['order_id']}"
        assert (await client.post(f"{path}/receive")).status_code == 409
        for action, state in (("approve", "approved"), ("ship", "in_transit"), ("receive", "received")):
            assert (await client.post(f"{path}/{action}", params={"by": "li"})).json()["state"] == state

    call(catalogue, database, scene)


def test_errors_have_one_shape(call, catalogue, tmp_path):
    async def scene(client, hub):
        for method, path, status in (
            ("GET", "/v1/stores/nowhere/stock", 404),
            ("GET", "/nothing", 404),
            ("POST", "/v1/sales", 422),
            ("GET", "/v1/stores/popup-1/items?limit=0", 422),
            ("POST", "/v1/stores/popup-1/orders/none/approve", 404),
            ("DELETE", "/healthz", 405),
        ):
            answer = await client.request(method, path)
            assert answer.status_code == status, path
            assert set(answer.json()["error"]) == {"code", "message"}

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_overview_health_and_metrics_answer(call, catalogue, database):
    async def scene(client, hub):
        for path in (
            "stores",
            "stores/popup-1",
            "stores/popup-1/devices",
            "stores/popup-1/streams",
            "stores/popup-1/alerts",
            "dead-letters",
        ):
            assert (await client.get(f"/v1/{path}")).status_code == 200, path
        assert (await client.get("/readyz")).json()["ready"] is True
        hub.source.connected = False
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, ["the broker is not connected"])
        assert "shelfwise_observations_total" in (await client.get("/metrics")).text

    call(catalogue, database, scene)


def test_a_writer_that_fails_for_an_api_job_is_not_ready_until_it_writes_again(call, catalogue, tmp_path):
    def full(_transaction):
        raise OperationalError("INSERT", (), Exception("database or disk is full"))

    async def scene(client, hub):
        with pytest.raises(UnavailableError):
            await asyncio.wrap_future(hub.writer.submit(full))
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["reasons"] == [
            "the database cannot be written: the database refused: (builtins.Exception) database or disk is full"
        ]
        await asyncio.wrap_future(hub.writer.submit(Transaction.touch))
        assert (await client.get("/readyz")).status_code == 200

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_an_idle_hub_probes_its_database(call, catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr("hub.app.PROBE_IDLE_S", 0.01)

    async def scene(client, hub):
        before = hub.writer.groups
        for _ in range(1000):
            if hub.writer.groups >= before + 3:
                break
            await asyncio.sleep(0.01)
        assert hub.writer.groups >= before + 3
        assert (await client.get("/readyz")).status_code == 200

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_lag_and_backlog_of_the_broker_are_told(call, catalogue, tmp_path):
    async def scene(client, hub):
        hub.source.backlog = Backlog(messages=7000, age_s=45.0, dropped=3)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["backlog"], answer.json()["lag_s"]) == (503, 7000, 45.0)
        figures = (await client.get("/metrics")).text
        for line in (
            "shelfwise_backlog_messages 7000.0",
            "shelfwise_lag_seconds 45.0",
            "shelfwise_source_dropped 3.0",
            "shelfwise_writes_queued 0.0",
        ):
            assert line in figures

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_every_operation_is_documented(call, catalogue, tmp_path):
    async def scene(client, hub):
        document = (await client.get("/openapi.json")).json()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                where = f"{method} {path}"
                assert operation.get("summary"), where
                if path.startswith("/v1"):
                    assert any(status in operation["responses"] for status in ("404", "422", "503")), where
                    for status, response in operation["responses"].items():
                        if not status.startswith("2"):
                            assert "example" in response["content"]["application/json"], f"{where} {status}"

    call(catalogue, str(tmp_path / "hub.db"), scene)
