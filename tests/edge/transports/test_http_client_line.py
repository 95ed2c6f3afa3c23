"""The line to a device that is asked over HTTP: one request at a time, outages told once, answers bounded."""

import asyncio
import contextlib
import time

import msgspec
import pytest

from contract.messages import SetLabel
from edge.config import load_edge
from edge.driver import HttpReply, HttpRequest
from edge.drivers import driver
from edge.lines import Lines
from edge.model import LabelRead
from edge.transports import http_client, line
from edge.transports.http_client import MAX_WAITING, HttpClientLine
from firmware_sim.devices.openepaperlink import LabelTwin, OpenEPaperLinkTwin
from firmware_sim.links.http import HttpLink

MAC = "00007E23907FB299"


def request(number, path="/get_db?pos=0", **form):
    method = "POST" if form else "GET"
    return msgspec.json.encode(HttpRequest(number=number, method=method, path=path, form=form))


class Peer:
    """A server that answers with what the test says, and notes what it heard."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.heard = []
        self.busy = self.most_busy = 0

    async def __call__(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.busy += 1
                self.most_busy = max(self.most_busy, self.busy)
                length = next(
                    (
                        int(line[15:])
                        for line in head.lower().split(b"\r\n")
                        if line.startswith(b"content-length:")
                    ),
                    0,
                )
                self.heard.append((head.decode(), (await reader.readexactly(length)).decode()))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    await asyncio.Event().wait()
                writer.write(answer)
                await writer.drain()
                self.busy -= 1


def http(body, status="200 OK", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def talk(peer, sent, enough, *, port=None):
    """Send requests to a peer; return what the line told, in order."""
    news, changed = [], asyncio.Event()

    def note(*what):
        news.append(what)
        changed.set()

    async with contextlib.AsyncExitStack() as stack:
        if peer is not None:
            server = await asyncio.start_server(peer, "127.0.0.1", 0)
            stack.callback(server.close)
            port = server.sockets[0].getsockname()[1]
        line = HttpClientLine(
            "ap-1", "127.0.0.1", port,
            on_open=lambda: note("open"), on_close=lambda why: note("close", why),
            on_bytes=lambda data: note("reply", msgspec.json.decode(data, type=HttpReply)),
        )  # fmt: skip
        line.start()
        for data in sent:
            line.write(data)
        async with asyncio.timeout(10):
            while not enough(news):
                changed.clear()
                await changed.wait()
        await line.stop()
    return news


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(line, "pauses", lambda: iter(lambda: 0.01, None))


def replies(news):
    return [item[1] for item in news if item[0] == "reply"]


def test_requests_go_one_by_one_and_the_first_answer_opens():
    peer = Peer(http(b"first"), http(b"busy", "409 Conflict"), http(b"third"))
    sent = [request(1), request(2, "/jsonupload", mac=MAC, json='[{"text":[4,4,"A&B = 50 %"]}]'), request(3)]
    news = asyncio.run(talk(peer, sent, lambda news: len(replies(news)) == 3))
    assert news[0] == ("open",)
    assert [item[0] for item in news] == ["open", "reply", "reply", "reply"]
    assert replies(news) == [
        HttpReply(number=1, status=200, body=b"first"),
        HttpReply(number=2, status=409, body=b"busy"),
        HttpReply(number=3, status=200, body=b"third"),
    ]
    assert peer.most_busy == 1
    assert peer.heard[0][0].startswith("GET /get_db?pos=0 HTTP/1.1\r\n")
    head, body = peer.heard[1]
    assert head.startswith("POST /jsonupload HTTP/1.1\r\n")
    assert "content-type: application/x-www-form-urlencoded" in head.lower()
    assert body == f"mac={MAC}&json=%5B%7B%22text%22%3A%5B4%2C4%2C%22A%26B+%3D+50+%25%22%5D%7D%5D"


def test_redirects_are_answers_and_proxies_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    peer = Peer(http(b"", "302 Found", "Location: http://127.0.0.1:1/elsewhere"))
    news = asyncio.run(talk(peer, [request(1)], replies))
    assert replies(news) == [HttpReply(number=1, status=302)]
    assert len(peer.heard) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "does not answer within"),
        (b"nonsense\r\n\r\n", "cannot be asked"),
        (http(b"x" * 100), "answers with more than 64 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"40\r\n" + b"x" * 64 + b"\r\n1\r\nx\r\n", "answers with more than 64 bytes"),
    ],
    ids=["silence", "nonsense", "long", "endless"],
)  # fmt: skip
def test_what_is_no_answer_is_told_once_and_dropped(quick, monkeypatch, answer, why):
    if answer is None:
        monkeypatch.setattr(http_client, "ANSWER_S", 1.0)
    monkeypatch.setattr(http_client, "MAX_BODY", 64)
    peer = Peer(http(b"ok"), answer, answer, http(b"back"))
    news = asyncio.run(
        talk(peer, [request(number) for number in range(1, 5)], lambda news: len(replies(news)) == 2)
    )
    assert [item[0] for item in news] == ["open", "reply", "close", "open", "reply"]
    assert why in news[2][1]
    assert [reply.number for reply in replies(news)] == [1, 4]


def test_a_device_that_is_not_there_is_told_once(quick):
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def run():
        news = []
        line = HttpClientLine(
            "ap-1", "127.0.0.1", port,
            on_open=lambda: news.append("open"), on_close=news.append, on_bytes=news.append,
        )  # fmt: skip
        line.write(b"")
        line.start()
        for number in range(3 * MAX_WAITING):
            line.write(request(number))
        await asyncio.sleep(0.3)
        await line.stop()
        return news

    (why,) = asyncio.run(run())
    assert f"127.0.0.1:{port} cannot be asked" in why


def test_too_many_requests_are_dropped():
    peer = Peer(http(b"ok"))

    async def run():
        return await talk(
            peer,
            [request(number) for number in range(MAX_WAITING + 9)],
            lambda news: len(replies(news)) == MAX_WAITING,
        )

    assert [reply.number for reply in replies(asyncio.run(run()))] == list(range(MAX_WAITING))


CONFIG = """
[agent]
id = "pi-1"
store = "popup-1"
[[devices]]
id = "ap-1"
driver = "openepaperlink"
transport = "http_client"
address = "127.0.0.1:{port}"
settings = {{ poll_s = 1 }}
"""


def test_a_price_goes_over_real_http_and_comes_back_when_the_label_has_taken_it(tmp_path):
    """The whole way from the configuration on, a hundred times as fast as in a shop."""
    begin = time.monotonic_ns()

    def now():
        return 1_780_000_000_000 + (time.monotonic_ns() - begin) // 10_000

    label = LabelTwin(MAC, every_s=20)
    with HttpLink(OpenEPaperLinkTwin([label], now()), clock=now) as link:
        (tmp_path / "edge.toml").write_text(CONFIG.format(port=link.port))
        edge = load_edge(tmp_path / "edge.toml", {})
        host = driver("openepaperlink").build("ap-1", edge.devices[0].driver_settings)
        reads, news = [], []

        async def run():
            lines = Lines(
                edge,
                on_open=lambda device: news.append(device),
                on_close=lambda device, why: news.append(why),
                on_bytes=lambda device, data, topic: reads.extend(host.receive(data, now())),
                on_push=lambda *push: None,
            )
            lines.start()
            action = SetLabel(mac=MAC, sku="ts-1", name="T-shirt", price="299.00", currency="HKD")
            assert host.act(action, now()) == ""
            async with asyncio.timeout(20):
                while not any(isinstance(read, LabelRead) for read in reads):
                    lines.write("ap-1", host.poll(now()))
                    await asyncio.sleep(0.005)
            await lines.stop()

        asyncio.run(run())
        assert news == ["ap-1"]
        with link.lock:
            assert '"299.00"' in label.shows
