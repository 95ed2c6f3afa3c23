"""TCP lines and the HTTP listener: they come back by themselves, say why they are down, and lose no push."""

import asyncio
import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.transports import http, line
from edge.transports.http import HttpListener
from edge.transports.line import FIRST_RETRY_S, MAX_RETRY_S, STEADY_S, Outage, pauses
from edge.transports.tcp import TcpLine


class Told:
    """What a line told, and a way to wait for more of it."""

    def __init__(self):
        self.news = []
        self._changed = asyncio.Event()

    def note(self, *what):
        self.news.append(what)
        self._changed.set()

    async def until(self, enough):
        async with asyncio.timeout(10):
            while not enough(self.news):
                self._changed.clear()
                await self._changed.wait()
        return self.news


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tcp_line(told, port):
    return TcpLine(
        "reader-1", "127.0.0.1", port,
        on_open=lambda: told.note("open"), on_close=lambda why: told.note("close", why), on_bytes=lambda data: told.note("bytes", data),
    )  # fmt: skip


def test_pauses_double_up_to_a_bound():
    waits = pauses()
    assert [next(waits) for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, MAX_RETRY_S, MAX_RETRY_S]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.floats(0, 20)), max_size=30))
def test_an_outage_is_told_once_and_pauses_grow_while_nothing_holds(tries):
    outage, told, pause = Outage(), "", 0.0
    for why, was_open, lasted_s in tries:
        ended = outage.ended(why, was_open=was_open, lasted_s=lasted_s)
        steady = was_open and lasted_s >= STEADY_S
        assert ended.news == (steady or why != told)
        assert ended.tell == (was_open or ended.news)
        assert ended.pause_s == (FIRST_RETRY_S if steady or not pause else min(2 * pause, MAX_RETRY_S))
        told, pause = why, ended.pause_s


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(line, "pauses", lambda: iter(lambda: 0.01, None))
    monkeypatch.setattr(http, "pauses", lambda: iter(lambda: 0.01, None))


def test_a_tcp_line_carries_both_ways_and_comes_back(quick):
    async def run():
        told, got = Told(), asyncio.Queue()
        writers = []

        async def device(reader, writer):
            writers.append(writer)
            writer.write(b"hello")
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(100):
                    await got.put(data)

        server = await asyncio.start_server(device, "127.0.0.1", 0)
        line = tcp_line(told, server.sockets[0].getsockname()[1])
        line.write(b"dropped: not open yet")
        line.start()
        await told.until(lambda news: ("bytes", b"hello") in news)
        line.write(b"command")
        assert await got.get() == b"command"
        writers[0].close()
        await told.until(lambda news: sum(item == ("open",) for item in news) == 2)
        await line.stop()
        server.close()
        for writer in writers:
            writer.close()
        return told.news

    news = asyncio.run(run())
    (why,) = [item[1] for item in news if item[0] == "close"][:1]
    assert why.endswith("closed the connection")


def test_a_tcp_line_says_once_that_nobody_is_there(quick):
    async def run():
        told = Told()
        port = free_port()
        line = tcp_line(told, port)
        line.start()
        await told.until(lambda news: news)
        await asyncio.sleep(0.1)
        await line.stop()
        return port, told.news

    port, news = asyncio.run(run())
    assert [item[0] for item in news] == ["close"]
    assert f"127.0.0.1:{port} cannot be reached" in news[0][1]


def listener(told, port, token=""):
    def push(device, body, path, stored):
        told.note("push", device, body, path)
        if body != b"never stored":
            stored()

    return HttpListener(
        "127.0.0.1", port, {"door": "/devices/door", "gate": "/r700"}, token=token,
        on_open=lambda device: told.note("open", device), on_close=lambda device, why: told.note("close", device, why), on_push=push,
    )  # fmt: skip


def ask(requests, token=""):
    """Serve, send the requests, and return statuses and what was told."""

    async def run():
        told, port = Told(), free_port()
        server = listener(told, port, token)
        server.start()
        await told.until(lambda news: ("open", "gate") in news)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            statuses = [(await client.request(**request)).status_code for request in requests]
        await server.stop()
        return statuses, [item for item in told.news if item[0] == "push"]

    return asyncio.run(run())


def test_a_push_is_accepted_under_its_own_path_only():
    statuses, pushes = ask(
        [
            {"method": "POST", "url": "/devices/door", "content": b"{}"},
            {"method": "PUT", "url": "/r700", "content": b"[]"},
            {"method": "POST", "url": "/devices/nobody", "content": b"{}"},
            {"method": "GET", "url": "/r700"},
        ]
    )
    assert statuses == [204, 204, 404, 405]
    assert pushes == [("push", "door", b"{}", "/devices/door"), ("push", "gate", b"[]", "/r700")]


def test_what_is_not_stored_is_not_acknowledged(monkeypatch):
    monkeypatch.setattr(http, "STORE_S", 0.05)
    statuses, pushes = ask([{"method": "POST", "url": "/r700", "content": b"never stored"}])
    assert statuses == [503]
    assert len(pushes) == 1


def test_a_large_body_is_refused(monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY", 10)
    statuses, pushes = ask([{"method": "POST", "url": "/r700", "content": b"x" * 11}])
    assert (statuses, pushes) == ([413], [])


def test_with_a_token_three_ways_to_send_it_are_open_and_no_other():
    post = {"method": "POST", "url": "/r700", "content": b"[]"}
    statuses, pushes = ask(
        [
            post,
            {**post, "headers": {"authorization": "Bearer wrong"}},
            {**post, "headers": {"authorization": "Basic ?"}},
            {**post, "headers": {"authorization": "Bearer s3cret"}},
            {**post, "auth": ("xovis", "s3cret")},
            {**post, "params": {"token": "s3cret"}},
        ],
        token="s3cret",
    )
    assert statuses == [401, 401, 401, 204, 204, 204]
    assert len(pushes) == 3


def test_a_taken_port_is_told_and_tried_again(quick):
    async def run():
        told, port = Told(), free_port()
        taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", port)
        server = listener(told, port)
        server.start()
        await told.until(lambda news: len(news) == 2)
        taken.close()
        await taken.wait_closed()
        await told.until(lambda news: ("open", "gate") in news)
        await server.stop()
        return told.news

    news = asyncio.run(run())
    assert [item[0] for item in news] == ["close", "close", "open", "open"]
    assert "cannot listen for devices on 127.0.0.1:" in news[0][2]
