"""A publishing twin on a real broker that goes away and comes back."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract.wire import impinj_json
from firmware_sim.devices.impinj_r700 import ImpinjR700Twin
from firmware_sim.links.mqtt import MqttPublisher
from firmware_sim.model import Sighting

DEADLINE_S = 20.0
SERVER = shutil.which("nats-server") or str(Path(sys.executable).with_name("nats-server"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def broker(tmp_path):
    """Return a function that starts the broker on one fixed port."""
    port, plain = free_port(), free_port()
    config = tmp_path / "broker.conf"
    config.write_text(
        f'host: 127.0.0.1\nport: {plain}\nserver_name: test\njetstream {{ store_dir: "{tmp_path}/js" }}\n'
        f"mqtt {{ host: 127.0.0.1, port: {port} }}\n"
    )
    running = []

    def start():
        running.append(
            subprocess.Popen(
                [SERVER, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        return running[-1]

    yield port, start
    for process in running:
        process.kill()
        process.wait()


def wait_until(condition):
    end = time.monotonic() + DEADLINE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


@pytest.mark.flow
def test_events_arrive_though_the_broker_goes_away_and_comes_back(broker):
    port, start = broker
    twin, heard = ImpinjR700Twin(topic="readers/a"), []
    listener = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener")
    subscribed = threading.Event()
    listener.reconnect_delay_set(1, 1)
    listener.on_connect = lambda client, *rest: client.subscribe("readers/#", 1)
    listener.on_subscribe = lambda *rest: subscribed.set()
    listener.on_message = lambda client, userdata, message: heard.extend(
        impinj_json.parse_payload(message.payload)
    )

    def epcs():
        return {event.epc for event in heard if isinstance(event, impinj_json.TagEvent)}

    def see(link, epc):
        with link.lock:
            twin.see([Sighting(epc=epc, antenna=1, rssi_dbm=-60)], time.time_ns() // 1_000_000)

    first = start()
    wait_until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
    listener.connect("127.0.0.1", port)
    listener.loop_start()
    assert subscribed.wait(DEADLINE_S)
    with MqttPublisher(twin, port=port, client_id="reader") as link:
        see(link, "E280")
        wait_until(lambda: "E280" in epcs())
        first.terminate()
        first.wait()
        subscribed.clear()
        start()
        assert subscribed.wait(DEADLINE_S)
        see(link, "E281")
        wait_until(lambda: "E281" in epcs())
        assert link.published >= 2
    listener.disconnect()
    listener.loop_stop()
