"""The whole agent in this process: a pty for the reader, a real broker, and a hub that the test plays."""

import asyncio
import contextlib
import os
import threading
import time
import tty
from random import Random

import msgspec
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from contract.messages import (
    Blind,
    Command,
    DeviceHealth,
    Hello,
    Receipt,
    SetPower,
    SetRegion,
    TagArrived,
    Tare,
    decode_hello,
    decode_observation,
    decode_result,
    digest_line,
    encode,
    split_envelope,
)
from contract.topics import agent_topic, parse_stream_topic, stream_topic
from contract.wire import m100
from edge.agent import Agent, Arrivals, Clock
from edge.config import load_edge
from edge.outbox import Outbox

NOW = 1_800_000_000_000
STORE, AGENT = "popup-1", "pi-1"
EPC = "30751FEB705C5904E3D50D70"
TAG = bytes.fromhex("BB02220011C9340030751FEB705C5904E3D50D703A76EF7E")
WEIGHT = b"S S     336.00 g\r\n"

CONFIG = """
[agent]
id = "pi-1"
store = "popup-1"
[broker]
port = {port}
[[devices]]
id = "reader"
driver = "m100"
transport = "serial"
port = "{line}"
settings = {{ region = "eu" }}
antennas = {{ 1 = "window" }}
"""


class Line:
    """A serial port that can be unplugged: a pty behind a symbolic link."""

    def __init__(self, path):
        self.path = path
        self.plug()

    def plug(self):
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self):
        os.close(self.master)
        os.close(self._slave)
        self.path.unlink(missing_ok=True)

    def says(self, frame):
        with contextlib.suppress(BlockingIOError):
            os.read(self.master, 4096)
        os.write(self.master, frame)


class Hub:
    """What the agent says, and the answers of a hub that keeps everything in a list."""

    def __init__(self, port):
        self.observations, self.results, self.hellos = [], [], []
        self.next_seq = {}
        self.silent = False
        self._digest = {}
        self.ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"hub-{Random().getrandbits(40)}")
        self._client.on_connect = lambda client, *rest: client.subscribe("shelfwise/v1/#", 1)
        self._client.on_subscribe = lambda *rest: self.ready.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def stop(self):
        self._client.disconnect()
        self._client.loop_stop()

    def command(self, command):
        self._client.publish(agent_topic(STORE, AGENT, "command"), encode(command), qos=1)

    def of(self, kind):
        return [found for found in list(self.observations) if isinstance(found, kind)]

    def _take(self, client, userdata, message):
        topic = message.topic
        if topic.endswith("/result"):
            self.results.append(decode_result(message.payload))
        elif topic.endswith("/hello"):
            hello: Hello = decode_hello(message.payload)
            self.hellos.append(hello)
            self._receipt(topic, hello.nonce)
        elif topic.endswith("/observations"):
            address, _ = parse_stream_topic(topic)
            header, lines = (envelope := split_envelope(message.payload)).header, envelope.lines
            expected = self.next_seq.get(address.stream, 1)
            if header.first_seq > expected:
                return
            fresh = lines[expected - header.first_seq :]
            self.observations += [decode_observation(line) for line in fresh]
            self.next_seq[address.stream] = max(expected, header.last_seq + 1)
            if fresh:
                self._digest[address.stream] = digest_line(fresh[-1])
            self._receipt(topic, None)

    def _receipt(self, topic, nonce):
        if self.silent:
            return
        address, _ = parse_stream_topic(topic)
        seq = self.next_seq.get(address.stream, 1) - 1
        receipt = Receipt(seq=seq, digest=self._digest.get(address.stream), answers=nonce)
        self._client.publish(stream_topic(address, "receipt"), encode(receipt), qos=1)


class Running:
    """An agent on an event loop of its own thread."""

    def __init__(self, edge, clock=None):
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self.agent = Agent(edge, clock)
        self._task = None
        self.failed = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self._loop.run_until_complete(self.agent.run(self._stopping))
        except Exception as error:
            self.failed = error
        finally:
            self._loop.close()

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(15)
        assert not self._thread.is_alive(), "the agent did not stop within 15 s"
        assert self.failed is None, self.failed


@pytest.fixture
def shop(tmp_path, nats_server):
    line = Line(tmp_path / "reader")
    (tmp_path / "edge.toml").write_text(CONFIG.format(port=nats_server.mqtt_port, line=line.path))
    hub = Hub(nats_server.mqtt_port)
    assert hub.ready.wait(10)
    agents = []

    def start(clock=None):
        agents.append(Running(load_edge(tmp_path / "edge.toml", {}), clock))
        return agents[-1]

    yield start, line, hub, tmp_path / "outbox.db"
    for agent in agents:
        agent.stop()
    hub.stop()
    with contextlib.suppress(OSError):
        line.unplug()


def until(question, line=None, frame=TAG, within_s=15.0):
    """Wait for an answer, while the device goes on talking."""
    deadline = time.monotonic() + within_s
    while not (answer := question()):
        assert time.monotonic() < deadline, f"no answer within {within_s} s"
        if line is not None:
            line.says(frame)
        time.sleep(0.05)
    return answer


def command(command_id, action, device="reader", expires_in_ms=60_000):
    at = time.time_ns() // 1_000_000 + expires_in_ms
    return Command(command_id=command_id, device=device, expires_at=at, action=action)


def test_a_port_that_is_unplugged_is_offline_then_blind_then_ok(shop):
    start, line, hub, _ = shop
    start()
    until(lambda: hub.of(TagArrived), line)
    line.unplug()
    until(lambda: [h for h in hub.of(DeviceHealth) if h.state == "offline" and h.reads])
    unplugged = len(hub.of(DeviceHealth))
    line.plug()
    blind = until(lambda: [b for b in hub.of(Blind) if b.reason == "device_offline"], line)
    until(lambda: [h for h in hub.of(DeviceHealth)[unplugged:] if h.state == "ok"], line)
    assert blind[0].zones == ("window",)
    assert blind[0].since < blind[0].at
    assert [arrived.epc for arrived in hub.of(TagArrived)] == [EPC]


def test_a_command_is_done_once_and_every_refusal_says_why(shop):
    start, line, hub, _ = shop
    start()
    until(lambda: hub.of(TagArrived), line)
    hub.command(command("c-1", SetRegion(region="cn900")))
    hub.command(command("c-1", SetPower(power_dbm=5.0)))
    hub.command(command("c-2", SetPower(power_dbm=5.0), expires_in_ms=-1))
    hub.command(command("c-3", SetPower(power_dbm=5.0), device="toaster"))
    hub.command(command("c-4", Tare()))
    hub._client.publish(agent_topic(STORE, AGENT, "command"), b"{", qos=1)
    hub.command(command("c-5", SetPower(power_dbm=5.0)))
    until(lambda: any(result.command_id == "c-5" for result in hub.results), line)
    told = {result.command_id: (result.outcome, result.detail) for result in hub.results}
    assert len(hub.results) == 5
    assert told["c-1"] == ("done", "")
    assert told["c-2"] == ("expired", "the command arrived after its expiry")
    assert told["c-3"] == ("unknown", "this agent has no device 'toaster'")
    assert told["c-4"][0] == "failed"
    assert "Tare" in told["c-4"][1]
    assert told["c-5"] == ("done", "")


def test_a_clock_that_jumps_makes_what_follows_suspect(shop):
    start, line, hub, _ = shop
    jumped = threading.Event()
    clock = lambda: (time.time_ns() // 1_000_000 + (3_600_000 if jumped.is_set() else 0), jumped.is_set())  # noqa: E731
    start(clock)
    until(lambda: hub.of(TagArrived), line)
    jumped.set()
    later = until(lambda: [found for found in hub.observations if found.suspect], line)
    assert later[0].at > time.time_ns() // 1_000_000 + 3_000_000
    assert not hub.observations[0].suspect


def test_a_clock_that_is_set_back_an_hour_stops_nothing(shop):
    start, line, hub, _ = shop
    back = threading.Event()
    clock = lambda: (time.time_ns() // 1_000_000 - (3_600_000 if back.is_set() else 0), back.is_set())  # noqa: E731
    start(clock)
    until(lambda: hub.of(TagArrived), line)
    hub.silent = True
    back.set()
    line.unplug()
    until(lambda: len(hub.hellos) > 1)
    hub.silent = False
    line.plug()
    other = m100.encode(m100.TagNotification(-50, 0x3400, bytes.fromhex("E28011606000020400000001"), "bb"))
    until(lambda: len(hub.of(TagArrived)) > 1, line, other)
    assert hub.of(TagArrived)[1].suspect
    silent = len(hub.observations)
    until(lambda: [h for h in hub.of(DeviceHealth)[-1:] if h.state == "silent"])
    assert all(found.at < time.time_ns() // 1_000_000 - 3_000_000 for found in hub.observations[silent:])


def test_a_graceful_stop_stores_what_was_read_last(shop):
    start, line, hub, path = shop
    running = start()
    until(lambda: hub.of(TagArrived), line)
    time.sleep(0.3)
    mark = time.time_ns() // 1_000_000
    line.says(TAG)
    time.sleep(0.05)
    running.stop()
    outbox = Outbox(path, agent=AGENT)
    state = msgspec.msgpack.decode(outbox.checkpoint("sensing"))
    assert outbox.next_seq - 1 == len(hub.observations) + outbox.waiting
    outbox.close()
    assert state["health"]["devices"]["reader"][1] >= mark
    assert state["health"]["now"] >= mark


def test_a_restart_goes_on_in_the_same_stream_and_tells_what_was_not_seen(shop):
    start, line, hub, _ = shop
    first = start()
    until(lambda: hub.of(TagArrived), line)
    first.stop()
    start()
    until(lambda: [b for b in hub.of(Blind) if b.reason == "agent_down"], line)
    until(lambda: hub.of(DeviceHealth)[-1].state == "ok", line)
    assert len(hub.next_seq) == 1
    assert len(hub.of(TagArrived)) == 1


def test_a_broker_that_comes_back_is_subscribed_again(shop, nats_server):
    start, line, hub, _ = shop
    start()
    until(lambda: hub.of(TagArrived), line)
    before = len(hub.hellos)
    nats_server.kill()
    time.sleep(0.5)
    nats_server.start()
    until(lambda: len(hub.hellos) > before, line)
    hub.command(command("after", SetPower(power_dbm=5.0)))
    until(lambda: any(result.command_id == "after" for result in hub.results), line)


def test_a_full_disk_is_told_once_and_loses_nothing(shop, caplog, monkeypatch):
    from contract.errors import LinkError

    start, line, hub, _ = shop
    full = threading.Event()
    commit = Outbox.commit

    def refusing(self, *args):
        if full.is_set():
            raise LinkError("outbox cannot be written: database or disk is full")
        return commit(self, *args)

    monkeypatch.setattr(Outbox, "commit", refusing)
    full.set()
    start()
    until(lambda: "disk is full" in caplog.text, line)
    for _ in range(60):
        line.says(TAG)
        time.sleep(0.05)
    full.clear()
    until(lambda: hub.of(TagArrived), line)
    assert caplog.text.count("event=outbox_write_failed") == 1


def test_clock_is_suspect_before_2025_and_for_a_minute_after_a_step(monkeypatch):
    wall, steady = [NOW * 1_000_000], [0]
    monkeypatch.setattr(time, "time_ns", lambda: wall[0])
    monkeypatch.setattr(time, "monotonic_ns", lambda: steady[0])
    monkeypatch.setattr(time, "monotonic", lambda: steady[0] / 1e9)
    clock = Clock()
    assert clock.now() == (NOW, False)
    wall[0] += 1_900_000_000
    assert clock.now() == (NOW + 1_900, False)
    wall[0] += 2_100_000_000
    assert clock.now() == (NOW + 4_000, True)
    for _ in range(60):
        assert clock.now()[1]
        wall[0] += 1_000_000_000
        steady[0] += 1_000_000_000
    assert clock.now() == (NOW + 64_000, False)
    wall[0] = 0
    clock.now()
    steady[0] += 61_000_000_000
    wall[0] += 61_000_000_000
    assert clock.now() == (61_000, True)


def test_arrivals_are_bounded_but_news_is_always_kept(caplog):
    arrivals, seen = Arrivals(limit=3), []
    for number in range(10):
        arrivals.offer(lambda number=number: seen.append(number))
    arrivals.news(lambda: seen.append("closed"))
    for arrival in arrivals.take():
        arrival()
    assert seen == [0, 1, 2, "closed"]
    assert caplog.text.count("event=arrivals_full") == 1
    assert "dropped=7" in caplog.text
    assert list(arrivals.take()) == []
