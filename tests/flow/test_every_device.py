"""Every golden frame and payload there is, on its own kind of line, to one running edge: nothing is misread.

Each byte protocol gets a pty, each publishing device a topic, each pushing device a path. What the edge
must have made of it is known without the edge: the same bytes given to the driver, and its reads to the
sensing stage.
"""

import asyncio
import json
import os
import socket
import sqlite3
import threading
import time
import tty
from collections import Counter
from pathlib import Path

import httpx
import msgspec
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from cli.bench.fuzz import golden_lines
from contract.messages import PeopleCounted, Rejected, TagArrived, WeightChanged, decode_observation
from edge.agent import Agent
from edge.config import load_edge
from edge.drivers import drivers
from edge.model import CountRead, Place, RejectRead, TagRead, WeightRead
from edge.sensing.footfall import FootfallState, sense_footfall

GOLDEN = Path(__file__).parents[1] / "golden"
TURNS = 4
EVERY_S = 0.8
SETTLE_S = 3.0
ANTENNAS = range(1, 17)


def inputs(name):
    """Return the golden inputs of a driver, those that must be refused included."""
    found = [frame for frame, _ in golden_lines(GOLDEN, name)]
    for path in sorted((GOLDEN / "payloads").glob(f"{name}_*.expected.json")):
        if json.loads(path.read_text("utf-8"))["protocol"].replace("-", "_") == name:
            found.append(path.with_name(path.name.replace(".expected", "")).read_bytes())
    return found


TRANSPORT = {
    name: next(kind for kind in ("serial", "http", "mqtt") if kind in spec.transports)
    for name, spec in drivers().items()
    if {"serial", "mqtt", "http"} & set(spec.transports) and inputs(name)
}


def test_every_driver_has_golden_input_on_some_line():
    """LLRP and the label access point are asked on sockets of their own, with twins, in their own tests."""
    assert set(drivers()) - set(TRANSPORT) <= {"llrp", "openepaperlink"}


def pieces(name):
    """Return what is sent in one turn: a byte line carries everything glued, a payload line one by one."""
    found = inputs(name)
    return [b"".join(found)] if TRANSPORT[name] == "serial" else found


def topic_of(name):
    """Roode's topics say what a payload means, so its golden input has them; others do not look."""
    return f"golden/{name}"


def messages(name):
    """Return (topic, payload) of one turn."""
    if name != "roode":
        return [(topic_of(name), payload) for payload in pieces(name)]
    lines = [line.strip(b"\r") for capture in inputs(name) for line in capture.split(b"\n")]
    return [
        (f"golden/{name}/{topic.decode()}", payload)
        for topic, _, payload in (line.partition(b" ") for line in lines)
        if topic
    ]


def alone(name, moments):
    """Return what the driver makes of its golden input without an edge, turn by turn.

    Args:
        name: the driver.
        moments: when each turn was, in ms: what a driver takes for a repetition depends on it.
    """
    spec = drivers()[name]
    driver = spec.build(name, msgspec.convert({}, spec.settings))
    driver.connected(1_000)
    for now in moments:
        driver.poll(now)
        yield [read for topic, data in messages(name) for read in driver.receive_on(topic, data, now)]


class Lines:
    """The device side of every line."""

    def __init__(self, http_port, mqtt_port):
        self.ports = {}
        self._ptys = {}
        for name, kind in TRANSPORT.items():
            if kind == "serial":
                master, slave = os.openpty()
                tty.setraw(slave)
                os.set_blocking(master, False)
                self._ptys[name] = (master, slave)
                self.ports[name] = os.ttyname(slave)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{http_port}", timeout=10)
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", mqtt_port)
        self._client.loop_start()
        self.statuses = Counter()

    def say(self):
        """One turn: every device says all it has."""
        for name, kind in TRANSPORT.items():
            for topic, data in messages(name):
                if kind == "serial":
                    self._drain(name)
                    left = data
                    while left:
                        left = left[os.write(self._ptys[name][0], left[:2048]) :]
                        time.sleep(0.01)
                elif kind == "mqtt":
                    self._client.publish(topic, data, qos=1).wait_for_publish(5)
                else:
                    answer = self._http.post(f"/devices/{name.replace('_', '-')}", content=data)
                    self.statuses[answer.status_code] += 1

    def _drain(self, name):
        """Take what the host said: a device whose line is full would hang."""
        try:
            while os.read(self._ptys[name][0], 4096):
                pass
        except BlockingIOError:
            pass

    def close(self):
        self._http.close()
        self._client.disconnect()
        self._client.loop_stop()
        for master, slave in self._ptys.values():
            os.close(master)
            os.close(slave)


def config(lines, http_port, mqtt_port):
    text = [
        f'[agent]\nid = "pi-1"\nstore = "popup-1"\n[broker]\nport = {mqtt_port}\n[http]\nport = {http_port}\n'
    ]
    for name, kind in TRANSPORT.items():
        spec = drivers()[name]
        where = {
            "serial": f'port = "{lines.ports.get(name)}"',
            "mqtt": f'topic = "golden/{name}/#"',
            "http": "",
        }[kind]
        text.append(
            f'[[devices]]\nid = "{name.replace("_", "-")}"\ndriver = "{name}"\ntransport = "{kind}"\n{where}'
        )
        zone = name.replace("_", "-")
        if spec.kind == "rfid":
            text.append("antennas = { " + ", ".join(f'"{antenna}" = "{zone}"' for antenna in ANTENNAS) + " }")
        elif spec.kind == "scale":
            text.append(f'tray = {{ zone = "{zone}" }}')
    return "\n".join(text)


def observations(outbox):
    box = sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)
    found = [decode_observation(bytes(line)) for (line,) in box.execute("SELECT line FROM rows ORDER BY seq")]
    box.close()
    return found


@pytest.mark.flow
def test_every_golden_input_is_read_as_its_driver_reads_it(tmp_path, nats_server):
    http_port = free_port()
    lines = Lines(http_port, nats_server.mqtt_port)
    path = tmp_path / "edge.toml"
    path.write_text(config(lines, http_port, nats_server.mqtt_port), encoding="utf-8")
    edge = load_edge(path, {})
    stopping, loop = asyncio.Event(), asyncio.new_event_loop()
    running = threading.Thread(target=lambda: loop.run_until_complete(Agent(edge).run(stopping)))
    running.start()
    time.sleep(2.0)
    try:
        moments = []
        for _ in range(TURNS):
            moments.append(time.time_ns() // 1_000_000)
            lines.say()
            time.sleep(EVERY_S)
        time.sleep(SETTLE_S)
    finally:
        loop.call_soon_threadsafe(stopping.set)
        running.join(20)
        loop.close()
        lines.close()
    assert set(lines.statuses) == {204}, "what a device pushed was stored"
    told = observations(edge.outbox_path)

    reads = {name: [read for turn in alone(name, moments) for read in turn] for name in TRANSPORT}
    tags = {read.epc for own in reads.values() for read in own if isinstance(read, TagRead)}
    assert len(tags) > 30
    assert {seen.epc for seen in told if isinstance(seen, TagArrived)} == tags

    refused = Counter(
        {name: sum(isinstance(read, RejectRead) for read in own) for name, own in reads.items()}
    )
    counted = Counter()
    for seen in told:
        if isinstance(seen, Rejected):
            counted[seen.device.replace("-", "_")] += seen.count
    # A Chafon reader that is asked again has what it left half-said counted as refused, so time matters there.
    asked = {"chafon18", "chafon288"}
    assert {name: counted[name] for name in TRANSPORT if name not in asked} == {
        name: refused[name] for name in TRANSPORT if name not in asked
    }
    assert all(counted[name] >= refused[name] for name in asked)

    weighed = {
        name
        for name, own in reads.items()
        if any(isinstance(read, WeightRead) and read.stable for read in own)
    }
    assert {seen.device.replace("-", "_") for seen in told if isinstance(seen, WeightChanged)} <= weighed
    read_weights = {name for name, own in reads.items() if any(isinstance(read, WeightRead) for read in own)}
    assert read_weights == {name for name, spec in drivers().items() if spec.kind == "scale"}

    people = Counter()
    for seen in told:
        if isinstance(seen, PeopleCounted):
            people[seen.device.replace("-", "_")] += seen.entered * 1_000_000 + seen.left
    assert people == +Counter(
        {
            name: crossed(name, moments)
            for name, own in reads.items()
            if any(isinstance(read, CountRead) for read in own)
        }
    )


def crossed(name, moments):
    """Return who crossed, in and out in one number, when the driver's reads go to the stage turn by turn."""
    place = Place(zones={}, trays={}, lines={}, silent_after_ms={})
    state, total = FootfallState(), 0
    for turn, reads in enumerate(alone(name, moments)):
        state, seen = sense_footfall(state, reads, 10_000 * turn, place=place)
        total += sum(one.entered * 1_000_000 + one.left for one in seen if isinstance(one, PeopleCounted))
    return total


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
