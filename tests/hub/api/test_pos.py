"""Tills over HTTP: signatures, each line once however it is told, returns, unmapped codes, hostile bodies."""

import hmac
import json
from base64 import b64encode
from hashlib import sha256
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire.till import MAX_BODY
from hub.app import LocalHub
from hub.ledger.rebuild import verify
from hub.services.till_signatures import TillSecrets
from hub.services.tills import TillMessage, take

SECRETS = TillSecrets(
    {
        "SHELFWISE_SHOPIFY_SECRET": "hush",
        "SHELFWISE_SQUARE_KEY": "key",
        "SHELFWISE_SQUARE_URL": "https://shop.example/{store}",
        "SHELFWISE_POS_SECRET": "own",
    }
)


def mac(key, body):
    return b64encode(hmac.new(key.encode(), body, sha256).digest()).decode()


class Tills:
    """Sends what tills send, signed."""

    def __init__(self, client):
        self.client = client

    async def shopify(self, body, webhook="w-1", topic="orders/paid", store="/popup-1"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"X-Shopify-Hmac-Sha256": mac("hush", body), "X-Shopify-Topic": topic}
        if webhook:
            headers["X-Shopify-Webhook-Id"] = webhook
        return await self.client.post(f"/v1/pos/shopify{store}", content=body, headers=headers)

    async def square(self, body):
        body = json.dumps(body).encode()
        signature = mac("key", b"https://shop.example/popup-1" + body)
        return await self.client.post(
            "/v1/pos/square/popup-1", content=body, headers={"x-square-hmacsha256-signature": signature}
        )

    async def generic(self, body):
        body = json.dumps(body).encode()
        headers = {"X-Shelfwise-Signature": hmac.new(b"own", body, sha256).hexdigest()}
        return await self.client.post("/v1/pos/generic/popup-1", content=body, headers=headers)

    async def stock(self, sku="heart"):
        lines = (await self.client.get("/v1/stores/popup-1/stock")).json()["lines"]
        return next(line for line in lines if line["sku"] == sku)

    async def sales(self):
        return [
            (row["sale_id"], row["line"], row["sku"], row["quantity"])
            for row in (await self.client.get("/v1/stores/popup-1/sales")).json()
        ]


def order(number=77, sku="heart", quantity=1, **more):
    item = {"id": 1, "variant_id": 5, "sku": sku, "quantity": quantity, "price": "299.00"}
    return {
        "id": number,
        "created_at": "2026-09-21T22:14:00+08:00",
        "financial_status": "paid",
        "line_items": [item],
        **more,
    }


def refund(number=9, of_order=77, restock_type="return", quantity=1):
    line = {"quantity": quantity, "restock_type": restock_type, "line_item": {"id": 1, "sku": "heart"}}
    return {
        "id": number,
        "order_id": of_order,
        "created_at": "2026-09-21T22:20:00+08:00",
        "refund_line_items": [line],
    }


def square_event(state, version, event, lines=None):
    told = {"order_id": "O1", "version": version, "state": state, "location_id": "L1"}
    if lines is not None:
        told |= {"line_items": lines, "closed_at": "2026-09-21T14:14:00Z"}
    return {"type": "order.updated", "event_id": event, "data": {"object": {"order_updated": told}}}


HEART = [{"catalog_object_id": "heart", "quantity": "1"}]


def test_an_order_counts_once_however_often_it_is_told_and_a_return_puts_it_back(call, catalogue, database):
    async def scene(client, hub):
        tills = Tills(client)
        first = await tills.shopify(order(), "w-1", "orders/create")
        assert first.json() == {
            "state": "recorded", "order_id": "77", "repeat": False, "recorded": 1, "repeats": 0, "refused": 0, "detail": "",
        }  # fmt: skip
        again = (await tills.shopify(order(), "w-1", "orders/create")).json()
        assert (again["repeat"], again["recorded"]) == (True, 0)
        other = (await tills.shopify(order(), "w-2", "orders/paid")).json()
        assert (other["repeat"], other["recorded"], other["repeats"]) == (False, 0, 1)
        assert ((await tills.stock())["total"], (await tills.stock())["sold"]) == (2, 1)
        back = (await tills.shopify(refund(), "w-3", "refunds/create")).json()
        assert (back["state"], back["recorded"]) == ("recorded", 1)
        assert (await tills.shopify(refund(), "w-4", "refunds/create")).json()["repeats"] == 1
        line = await tills.stock()
        assert (line["total"], line["sold"], line["returned"]) == (3, 1, 1)
        assert await tills.sales() == [("77", 1, "heart", 1), ("77-9", 1, "heart", -1)]
        sold = (await client.get("/v1/stores/popup-1/items", params={"status": "sold"})).json()
        assert sold["items"] == [], "the item that came back is not sold"
        told = (await client.get("/v1/pos/orders", params={"state": "recorded"})).json()
        assert {(one["order_id"], one["of_order"]) for one in told} == {("77", None), ("77-9", "77")}

    call(catalogue, database, scene, till_secrets=SECRETS)


@pytest.mark.parametrize("first", ["refund", "order"])
def test_goods_put_back_of_an_order_that_was_never_paid_do_not_count(call, catalogue, database, first):
    async def scene(client, hub):
        tills = Tills(client)
        messages = {
            "refund": (refund(restock_type="cancel"), "w-1", "refunds/create"),
            "order": (order(), "w-2", "orders/paid"),
        }
        if first == "refund":
            assert (await tills.shopify(*messages["refund"])).json()["state"] == "waiting"
            assert (await tills.stock())["total"] == 3
            await tills.shopify(*messages["order"])
        else:
            await tills.shopify(*messages["order"])
            assert (await tills.shopify(*messages["refund"])).json()["state"] == "recorded"
        line = await tills.stock()
        assert (line["total"], line["sold"], line["returned"]) == (3, 1, 1)
        assert (await client.get("/v1/pos/orders", params={"state": "waiting"})).json() == []

    call(catalogue, database, scene, till_secrets=SECRETS)


def test_square_orders_are_fetched_elsewhere_and_the_highest_version_stands(call, catalogue, database):
    async def scene(client, hub):
        tills = Tills(client)
        assert (await tills.square(square_event("OPEN", 1, "e1"))).json()["state"] == "open"
        assert (await tills.square(square_event("COMPLETED", 4, "e4"))).json()["state"] == "to_fetch"
        assert (await tills.square(square_event("OPEN", 3, "e3"))).json()["state"] == "outdated"
        (waiting,) = (await client.get("/v1/pos/orders", params={"state": "to_fetch"})).json()
        assert (waiting["order_id"], waiting["version"], waiting["store"]) == ("O1", 4, "popup-1")
        fetched = {"order": {"id": "O1", "version": 4, "state": "COMPLETED", "closed_at": "2026-09-21T14:14:00Z", "line_items": HEART}}  # fmt: skip
        assert (await tills.square(fetched)).json()["recorded"] == 1
        assert (await tills.square(square_event("COMPLETED", 5, "e5", HEART))).json()["repeats"] == 1
        assert (await tills.square(square_event("COMPLETED", 5, "e5", HEART))).json()["repeat"] is True
        assert (await tills.square(square_event("COMPLETED", 6, "e6"))).json()["state"] == "recorded"
        assert await tills.sales() == [("O1", 1, "heart", 1)]

    call(catalogue, database, scene, till_secrets=SECRETS)


def test_generic_lines_and_the_plain_sales_route_take_returns(call, catalogue, database):
    async def scene(client, hub):
        tills = Tills(client)
        lines = [
            {"sale_id": "g-1", "line_no": n, "sold_at": "2026-09-21T14:14:00Z", "sku": "heart", "quantity": q}
            for n, q in ((1, 2), (2, -1))
        ]
        assert (await tills.generic(lines)).json()["recorded"] == 2
        assert (await tills.generic(lines)).json()["repeats"] == 2
        line = await tills.stock()
        assert (line["total"], line["sold"], line["returned"]) == (2, 2, 1)
        back = {"sale_id": "r-1", "store": "popup-1", "sku": "heart", "quantity": -1, "sold_at": "2026-09-21T15:00:00Z"}  # fmt: skip
        assert (await client.post("/v1/sales", json={"lines": [back]})).json()["recorded"] == 1
        assert (await client.post("/v1/sales", json={"lines": [back]})).json()["repeats"] == 1
        assert (await client.post("/v1/sales", json={"lines": [{**back, "quantity": 1}]})).status_code == 409
        assert (await client.post("/v1/sales", json={"lines": [{**back, "quantity": 0}]})).status_code == 422
        text = "sale_id,sold_at,sku,quantity\nr-2,2026-09-21T15:00:00Z,heart,-2\n"
        assert (await client.post("/v1/sales/csv?store=popup-1", content=text)).json()["recorded"] == 1
        assert (await tills.stock())["returned"] == 4

    call(catalogue, database, scene, till_secrets=SECRETS)


def test_a_code_that_nobody_knows_waits_for_a_mapping_that_names_past_sales_too(call, catalogue, database):
    async def scene(client, hub):
        tills = Tills(client)
        await tills.shopify(order(1, sku=None, quantity=2), "w-1")
        await tills.shopify(order(2, sku=None), "w-2")
        (waiting,) = (await client.get("/v1/pos/unmapped")).json()
        assert (waiting["code"], waiting["lines"], waiting["units"], waiting["store"]) == (
            "5",
            2,
            3,
            "popup-1",
        )
        assert (await client.get("/v1/pos/unmapped", params={"store": "other"})).json() == []
        assert (await tills.stock("5"))["mapped"] is False
        mapping = {"code": "5", "sku": "heart", "by": "li"}
        assert (await client.post("/v1/pos/mappings", json={**mapping, "sku": "none"})).status_code == 404
        assert (await client.post("/v1/pos/mappings", json={**mapping, "code": "heart"})).status_code == 409
        assert (await client.post("/v1/pos/mappings", json=mapping)).json()["changed"] is True
        assert (await client.post("/v1/pos/mappings", json=mapping)).json()["changed"] is False
        assert (await client.get("/v1/pos/unmapped")).json() == []
        assert (await tills.stock())["sold"] == 3
        (code,) = (await client.get("/v1/pos/mappings")).json()
        assert (code["code"], code["sku"], code["by"]) == ("5", "heart", "li")

    call(catalogue, database, scene, till_secrets=SECRETS)


@pytest.mark.parametrize("till", ["shopify", "square", "generic"])
def test_without_the_tills_signature_nothing_is_read_or_kept(call, catalogue, tmp_path, till):
    async def scene(client, hub):
        for body in (json.dumps(order()).encode(), b"not JSON"):
            for headers in ({}, {"X-Shopify-Hmac-Sha256": "AAAA", "X-Shelfwise-Signature": "00"}):
                answer = await client.post(f"/v1/pos/{till}/popup-1", content=body, headers=headers)
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")
        assert (await client.get("/v1/dead-letters")).json()["total"] == 0
        assert (await client.get("/v1/pos/orders")).json() == []

    call(catalogue, str(tmp_path / "hub.db"), scene, till_secrets=SECRETS)


def test_a_till_that_is_not_set_up_says_so(call, catalogue, tmp_path):
    async def scene(client, hub):
        answer = await Tills(client).shopify(order())
        assert answer.status_code == 403
        assert (
            "SHELFWISE_SHOPIFY_SECRET must be in the hub's environment" in answer.json()["error"]["message"]
        )
        assert (await client.post("/v1/pos/cashbox/popup-1")).status_code == 422

    call(catalogue, str(tmp_path / "hub.db"), scene)


def test_hostile_bodies_are_refused_with_a_sentence_and_kept(call, catalogue, database):
    async def scene(client, hub):
        tills = Tills(client)
        for number, body in enumerate(
            [b"", b"\xff", b"[]", b"[" * 50_000, b'{"id": 1, "created_at": 7}', b'{"id":"\\ud800"}']
        ):
            for _ in range(2):
                answer = await tills.shopify(body, f"bad-{number}")
                assert answer.status_code == 422, body[:20]
                assert answer.json()["error"]["message"]
        letters = (await client.get("/v1/dead-letters")).json()
        assert letters["total"] == 6, "the same message again is not parked again"
        assert {letter["topic"] for letter in letters["dead_letters"]} == {"pos/shopify/popup-1"}
        assert (await tills.shopify(b" " * (MAX_BODY + 1), "big")).status_code == 413
        mixed = order(line_items=[{"sku": "heart", "quantity": 1}, {"sku": "heart", "quantity": "many"}])
        taken = (await tills.shopify(mixed, "mixed")).json()
        assert (taken["recorded"], taken["refused"]) == (1, 1)
        assert (await client.get("/v1/dead-letters")).json()["total"] == 7

    call(catalogue, database, scene, till_secrets=SECRETS)


def test_the_store_may_be_left_out_when_there_is_one(call, catalogue, tmp_path):
    async def scene(client, hub):
        tills = Tills(client)
        assert (await tills.shopify(order(), store="")).json()["recorded"] == 1
        assert await tills.sales() == [("77", 1, "heart", 1)]
        sale = {"sale_id": "x", "store": "popup-2", "sku": "heart", "sold_at": "2026-09-21T15:00:00Z"}
        await client.post("/v1/sales", json={"lines": [sale]})
        answer = await tills.shopify(order(78), "w-9", store="")
        assert answer.status_code == 422
        assert "the hub knows popup-1, popup-2" in answer.json()["error"]["message"]

    call(catalogue, str(tmp_path / "hub.db"), scene, till_secrets=SECRETS)


messages = st.sampled_from(
    [
        ("shopify", order(1, quantity=2)),
        ("shopify", order(1, quantity=2, financial_status="partially_refunded")),
        ("shopify", order(2)),
        ("shopify", order(2, cancelled_at="2026-09-21T15:00:00Z")),
        ("shopify", refund(8, 1)),
        ("shopify", refund(9, 2, "cancel")),
        ("square", square_event("OPEN", 1, "e1")),
        ("square", square_event("COMPLETED", 2, "e2")),
        ("square", square_event("COMPLETED", 2, "e3", HEART)),
        ("generic", [{"sale_id": "g", "sold_at": "2026-09-21T14:14:00Z", "sku": "heart", "quantity": -1}]),
    ]
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(messages, st.sampled_from([None, "a", "b"])), max_size=12), st.randoms())
def test_repeats_and_order_of_messages_change_nothing_and_a_rebuild_agrees(told, random):
    def tables(sequence):
        with TemporaryDirectory() as folder:
            hub = LocalHub(f"{folder}/hub.db", lambda: 1_790_000_000_000)
            try:
                for (till, body), _ in sequence:
                    message = TillMessage(till=till, store="popup-1", body=json.dumps(body).encode())
                    hub.writer.run(lambda transaction, message=message: take(transaction, message, 1))
                assert verify(hub.writer) == []
                rows = hub.reader.read(
                    lambda c: c.exec_driver_sql(
                        "SELECT kind, ref, line, code, quantity, at_ms, of_sale FROM movements"
                    ).all()
                )
                return sorted(map(tuple, rows), key=str)
            finally:
                hub.close()

    shuffled = told + told
    random.shuffle(shuffled)
    assert tables(shuffled) == tables(told)


def test_a_message_id_is_known_across_its_whole_till_and_no_other(sqlite_hub):
    def told(till, store):
        message = TillMessage(till=till, store=store, body=json.dumps(order()).encode(), message_id="m")
        return sqlite_hub.writer.run(lambda transaction: take(transaction, message, 1)).repeat

    assert [told("shopify", "a"), told("shopify", "a"), told("shopify", "b")] == [False, True, False]
