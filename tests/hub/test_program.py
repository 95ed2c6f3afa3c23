"""``shelfwise hub …`` as a program: stop, kill, exit codes, log level, back pressure of a silent broker."""

import json
import logging
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

import paho.mqtt.client as mqtt
import pytest

from cli.hub import set_log_level
from contract.messages import (
    CommandResult,
    TagArrived,
    Tare,
    decode_command,
    encode,
    encode_envelope,
    encode_observation,
)

T0 = 1_790_000_000_000
TOPIC = "shelfwise/v1/popup-1/pi-1/x1"


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ask, within_s=20.0):
    deadline = time.monotonic() + within_s
    while not ask():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class HubProgram:
    """The hub in its own process."""

    def __init__(self, folder, broker, *more, settings=""):
        self.port = free_port()
        self.folder = folder
        config = folder / "hub.toml"
        config.write_text(
            f'[hub]\ndatabase = "hub.db"\nbroker = "{broker}"\nport = {self.port}\n{settings}\n'
        )
        self.log = folder / "hub.log"
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "cli.main", *more, "hub", "run", "--config", str(config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def status(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def program(tmp_path):
    started = []

    def start(broker, *more, settings=""):
        started.append(HubProgram(tmp_path, broker, *more, settings=settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def rows(folder, query):
    connection = sqlite3.connect(f"file:{folder / 'hub.db'}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def send(port, *payloads):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="pi-1", protocol=mqtt.MQTTv311)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for payload in payloads:
        client.publish(f"{TOPIC}/observations", payload, 1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def line(number):
    return encode_observation(TagArrived(at=T0, device="r-1", epc=f"E2{number:022X}", zone="shelf-a"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_hub_within_five_seconds_with_0(program, nats_server, number):
    hub = program(f"nats://127.0.0.1:{nats_server.port}")
    wait_until(lambda: hub.status("/readyz") == 200)
    started = time.monotonic()
    assert hub.end(number) == 0
    assert time.monotonic() - started < 5
    assert "Traceback" not in hub.log.read_text()


def test_a_signal_ends_a_hub_without_broker_and_with_an_open_event_stream(program):
    hub = program(f"nats://127.0.0.1:{free_port()}", settings='stores = ["store.toml"]')
    (hub.folder / "store.toml").write_text('[store]\nid = "popup-1"\n')
    wait_until(lambda: hub.status("/healthz") == 200)
    assert hub.status("/readyz") == 503
    stream = urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/v1/stores/popup-1/events", timeout=5)
    assert stream.readline().startswith(b": shelfwise")
    started = time.monotonic()
    assert hub.end() == 0
    assert time.monotonic() - started < 5
    stream.close()
    assert "Traceback" not in hub.log.read_text()


def test_a_killed_hub_is_given_again_what_it_had_not_acknowledged(program, nats_server):
    hub = program(f"nats://127.0.0.1:{nats_server.port}", settings="batch_ms = 1000")
    wait_until(lambda: hub.status("/readyz") == 200)
    send(nats_server.mqtt_port, encode_envelope(1, [line(n) for n in range(10)], sent_at=T0))
    hub.process.kill()
    hub.process.wait()
    stored = rows(hub.folder, "SELECT count(*) FROM events")
    hub = program(f"nats://127.0.0.1:{nats_server.port}")
    wait_until(lambda: rows(hub.folder, "SELECT receipt_seq FROM streams") == [(10,)])
    assert stored == [(0,)], "the batch was still waiting for more when the hub was killed"
    assert rows(hub.folder, "SELECT count(*), count(DISTINCT seq) FROM events") == [(10, 10)]
    assert hub.end() == 0


def test_an_unreadable_line_in_the_middle_is_parked_and_its_neighbours_stand(program, nats_server):
    hub = program(f"nats://127.0.0.1:{nats_server.port}")
    wait_until(lambda: hub.status("/readyz") == 200)
    middle = b'{"kind":"tag_arrived","at":1,"device":"r-7","zone":"shelf-a","epc":"not hex"}'
    send(nats_server.mqtt_port, encode_envelope(1, [line(1), middle, line(2)], sent_at=T0))
    wait_until(lambda: rows(hub.folder, "SELECT receipt_seq FROM streams") == [(3,)])
    assert rows(hub.folder, "SELECT seq, kind FROM events ORDER BY seq") == [
        (1, "tag_arrived"),
        (2, "parked"),
        (3, "tag_arrived"),
    ]
    assert rows(hub.folder, "SELECT seq, device, reason, payload FROM dead_letters") == [
        (2, "r-7", "bad_observation", middle)
    ]
    assert rows(hub.folder, "SELECT count(*) FROM items") == [(2,)]
    with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/metrics", timeout=5) as answer:
        figures = answer.read().decode()
    assert "shelfwise_observations_total 3.0" in figures
    assert "shelfwise_dead_letters_total 1.0" in figures
    assert "shelfwise_backlog_messages 0.0" in figures
    assert hub.end() == 0


def ask(hub, path, body=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{hub.port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def test_a_command_crosses_the_broker_and_its_result_comes_back(program, nats_server):
    hub = program(f"nats://127.0.0.1:{nats_server.port}")
    wait_until(lambda: hub.status("/readyz") == 200)
    arrived = queue.Queue()
    agent = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="pi-1", protocol=mqtt.MQTTv311)
    agent.on_message = lambda _client, _userdata, message: arrived.put(message.payload)
    agent.on_subscribe = lambda *_: arrived.put(None)
    agent.connect("127.0.0.1", nats_server.mqtt_port)
    agent.subscribe("shelfwise/v1/popup-1/pi-1/command", 1)
    agent.loop_start()
    try:
        assert arrived.get(timeout=10) is None
        path = "/v1/stores/popup-1/agents/pi-1/commands"
        queued = ask(hub, path, {"device": "scale-1", "action": {"do": "tare"}})
        command = decode_command(arrived.get(timeout=10))
        assert (command.command_id, command.device, command.action) == (
            queued["command_id"],
            "scale-1",
            Tare(),
        )
        result = CommandResult(command_id=command.command_id, device="scale-1", at=T0, outcome="done")
        agent.publish("shelfwise/v1/popup-1/pi-1/result", encode(result), 1).wait_for_publish(10)
        wait_until(lambda: ask(hub, path)[0]["state"] == "done")
    finally:
        agent.disconnect()
        agent.loop_stop()
    assert hub.end() == 0


def run(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHELFWISE_")}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "hub", *arguments, "--config", str(folder / "hub.toml")],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


def test_configuration_exits_with_2_and_every_other_failure_with_1(tmp_path):
    assert run(tmp_path, "migrate").returncode == 2
    (tmp_path / "hub.toml").write_text('[hub]\ndatabase = "hub.db"\n')
    assert run(tmp_path, "migrate").returncode == 0
    refused = run(tmp_path, "replan", "--store", "nowhere")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("shelfwise: store 'nowhere' is not known")
    assert run(tmp_path, "import", "--sales", str(tmp_path / "none.csv")).returncode == 2
    connection = sqlite3.connect(tmp_path / "hub.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    assert run(tmp_path, "verify").returncode == 1


@pytest.mark.parametrize(
    ("before", "setting", "after"),
    [
        (logging.INFO, "warning", logging.WARNING),
        (logging.INFO, "debug", logging.DEBUG),
        (logging.DEBUG, "error", logging.DEBUG),
    ],
)
def test_the_configured_log_level_holds_unless_verbose_was_asked_for(before, setting, after):
    root = logging.getLogger()
    level = root.level
    try:
        root.setLevel(before)
        set_log_level(setting)
        assert root.level == after
    finally:
        root.setLevel(level)
