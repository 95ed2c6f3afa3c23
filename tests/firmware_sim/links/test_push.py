"""A pushing twin and a listener that refuses, does not answer, and comes back."""

import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from contract.errors import LinkError
from firmware_sim.links import push
from firmware_sim.links.push import HttpPusher
from firmware_sim.model import PublishingTwin

DEADLINE_S = 20.0


class Counting(PublishingTwin):
    """Says one number after the other, one each time it is asked."""

    def __init__(self, last):
        self._numbers = iter(range(last))

    def publish(self, now):
        return [
            ("/devices/c1", b"%d" % number) for number in [next(self._numbers, None)] if number is not None
        ]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(push, "AGAIN_AFTER_S", 0.02)


@contextmanager
def listening(port, statuses):
    """Answer requests with these statuses, then with 204; None closes without an answer."""
    statuses, heard = iter(statuses), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, self.headers.get("Authorization"), body))
            if (status := next(statuses, 204)) is None:
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition):
    end = time.monotonic() + DEADLINE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_what_is_not_answered_2xx_comes_again_in_order():
    port = free_port()
    with (
        listening(port, [503, 204, 500, None, 404, 202]) as heard,
        HttpPusher(Counting(4), port=port) as pusher,
    ):
        wait_until(lambda: pusher.accepted == 4)
    assert [body for _, _, body in heard] == [b"0", b"0", b"1", b"1", b"1", b"1", b"2", b"3"]
    assert {path for path, _, _ in heard} == {"/devices/c1"}
    assert pusher.refused == 4


def test_it_waits_for_a_listener_and_sends_its_token():
    port = free_port()
    with HttpPusher(Counting(3), port=port, token="secret") as pusher:
        wait_until(lambda: pusher.refused >= 3)
        with pytest.raises(LinkError, match="runs already"):
            pusher.start()
        with listening(port, []) as heard:
            wait_until(lambda: pusher.accepted == 3)
    assert [(token, body) for _, token, body in heard] == [
        ("Bearer secret", b"0"),
        ("Bearer secret", b"1"),
        ("Bearer secret", b"2"),
    ]
