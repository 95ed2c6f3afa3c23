"""The till loses no sale: hub away, hub refusing, hub holding other content."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from cli.store import STRAY_CODE
from cli.till import Till, post_json, sale_body, stray_sale
from contract.errors import ConfigError
from firmware_sim.world.floor import Sale
from firmware_sim.world.scenarios import BUILT_IN, built_in


def sale(number, sku="ocean-heart"):
    return Sale(
        sale_id=f"sale-{number}",
        line=1,
        store="popup-1",
        sku=sku,
        quantity=1,
        price=268.0,
        sold_at=1_780_000_000_123 + number,
        epc="30",
    )


class FakeHub:
    """Answers each post with what ``answer`` returns for (number of the post, line)."""

    def __init__(self, answer):
        self.answer = answer
        self.posts = 0
        self.accepted = []

    def __call__(self, url, body):
        assert url == "http://hub:8000/v1/sales"
        (line,) = msgspec.json.decode(body)["lines"]
        self.posts += 1
        status = self.answer(self.posts, line)
        if status is None:
            raise ConnectionRefusedError("nobody there")
        if status < 300:
            self.accepted.append(line["sale_id"])
        return status


def run_till(hub, sales, patience_s=5.0):
    till = Till("http://hub:8000/", post=hub, retry_s=0.001)
    till.start()
    till.ring_up(sales)
    return till, till.stop(patience_s)


def test_body_is_what_the_hub_expects():
    assert msgspec.json.decode(sale_body(sale(0))) == {
        "lines": [
            {
                "sale_id": "sale-0",
                "line": 1,
                "store": "popup-1",
                "sku": "ocean-heart",
                "quantity": 1,
                "sold_at": "2026-05-28T20:26:40.123Z",
                "price": 268.0,
            }
        ]
    }


def test_sales_arrive_in_order():
    hub = FakeHub(lambda post, line: 200)
    till, left = run_till(hub, [sale(number) for number in range(5)])
    assert (left, till.accepted) == (0, 5)
    assert hub.accepted == [f"sale-{number}" for number in range(5)]


def test_a_hub_that_is_away_gets_every_sale_when_it_is_back():
    hub = FakeHub(lambda post, line: None if post < 8 else 503 if post < 12 else 201)
    _, left = run_till(hub, [sale(number) for number in range(4)])
    assert left == 0
    assert sorted(hub.accepted) == [f"sale-{number}" for number in range(4)]


def test_a_refused_sale_holds_up_no_other():
    hub = FakeHub(lambda post, line: 422 if line["sku"] == "unknown" else 200)
    till, left = run_till(hub, [sale(1, "unknown"), sale(2), sale(3)], patience_s=0.3)
    assert hub.accepted == ["sale-2", "sale-3"]
    assert (left, till.waiting) == (1, 1)


def test_a_conflict_is_counted_and_not_posted_again():
    hub = FakeHub(lambda post, line: 409 if line["sale_id"] == "sale-1" else 200)
    till, left = run_till(hub, [sale(1), sale(2)])
    assert (left, till.conflicts, till.accepted, hub.posts) == (0, 1, 1, 2)


def test_an_address_without_a_scheme_is_refused():
    with pytest.raises(ConfigError, match="does not start with http"):
        Till("localhost:8000")


@pytest.mark.parametrize("status", [200, 404])
def test_posting_returns_the_status_of_a_real_server(status):
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(
                (
                    self.path,
                    self.headers["Content-Type"],
                    self.rfile.read(int(self.headers["Content-Length"])),
                )
            )
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert post_json(f"http://127.0.0.1:{server.server_port}/v1/sales", b"{}") == status
        thread.join(5)
    assert heard == [("/v1/sales", "application/json", b"{}")]


def test_an_answer_that_is_not_http_is_an_os_error():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-nothing\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(OSError, match="not HTTP"):
            post_json(f"http://127.0.0.1:{server.getsockname()[1]}/v1/sales", b"{}")
        thread.join(5)


def test_nobody_at_the_address_is_an_os_error():
    with pytest.raises(OSError):
        post_json("http://127.0.0.1:9/v1/sales", b"{}")


def test_the_stray_code_is_no_product_of_any_scenario():
    (line,) = msgspec.json.decode(sale_body(stray_sale("popup-1", STRAY_CODE, 1_780_000_000_123)))["lines"]
    assert line["sku"] == STRAY_CODE
    assert line["sale_id"] == "popup-1-1780000000123-stray"
    for name in BUILT_IN:
        products = built_in(name).products
        assert STRAY_CODE not in {text for one in products for text in (one.sku, one.gtin)}
