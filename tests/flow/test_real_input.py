"""Recorded frames and payloads, through a pty and through mosquitto_pub, end up in the stock answer."""

import os
import shutil
import subprocess
import time
import tty
from pathlib import Path
from random import Random

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from cli.decoding import decode_lines

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture
def shop(open_store):
    """A store with one M100 reader and one scale on ptys that the test owns, and one R700 on MQTT."""
    store = open_store("default")
    lines = {}
    for name in ("reader", "scale"):
        master, slave = os.openpty()
        tty.setraw(slave)
        lines[name] = (master, os.ttyname(slave), slave)
    (store.folder / "edge.toml").write_text(
        f"""
[agent]
id = "pi-1"
store = "{store.store}"
[broker]
port = {store.mqtt_port}
[[devices]]
id = "reader-1"
driver = "m100"
transport = "serial"
port = "{lines["reader"][1]}"
settings = {{ region = "cn900" }}
antennas = {{ 1 = "window" }}
[[devices]]
id = "scale-1"
driver = "mt_sics"
transport = "serial"
port = "{lines["scale"][1]}"
tray = {{ zone = "tray-1", sku = "glass-beads", unit_weight_g = 8.4 }}
[[devices]]
id = "r700-1"
driver = "impinj_r700"
transport = "mqtt"
topic = "readers/r700"
antennas = {{ 1 = "shelf-a", 2 = "shelf-b", 3 = "mirror", 4 = "till" }}
"""
    )
    store.start_broker()
    store.start_hub()
    store.family.wait_for("the hub", store.client.is_ready, 30)
    store.start_edge()
    time.sleep(2.0)
    yield store, {name: master for name, (master, _, _) in lines.items()}
    for master, _, slave in lines.values():
        os.close(master)
        os.close(slave)


def golden_frames(protocol):
    """Return the frames of a golden wire file, as bytes."""
    frames = []
    for line in (GOLDEN / "wire" / f"{protocol}.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            frames.append(bytes.fromhex(line.split("=>")[0].replace(" ", "")))
    return frames


def mosquitto_pub(port, topic, payloads):
    """Publish all at once: one after the other, a busy machine would make the tags look taken away."""
    program = shutil.which("mosquitto_pub")
    if program is None:
        pytest.skip("MISSING COMPONENT: mosquitto_pub")
    command = [program, "-h", "127.0.0.1", "-p", str(port), "-V", "mqttv311", "-q", "1", "-t", topic, "-s"]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in payloads]
    for program, payload in zip(running, payloads, strict=True):
        program.stdin.write(payload)
        program.stdin.close()
    assert [program.wait(10) for program in running] == [0] * len(payloads)


def items(store):
    return {
        item["epc"]: item for item in store.client.get(f"/v1/stores/{store.store}/items", limit=500)["items"]
    }


@pytest.mark.flow
def test_recorded_frames_through_a_pty_and_mosquitto_pub_become_stock(shop, until):
    store, lines = shop
    tags = [
        frame
        for frame in golden_frames("m100")
        if any(d["kind"] == "tag" for d in decode_lines("m100", frame))
    ]
    expected = {d["epc"] for frame in tags for d in decode_lines("m100", frame) if d["kind"] == "tag"}
    assert expected
    payloads = [
        p for p in sorted((GOLDEN / "payloads").glob("impinj_r700_*.json")) if ".expected" not in p.name
    ]
    assert payloads
    r700 = {
        d["epc"]
        for p in payloads
        for d in decode_lines("impinj_r700", p.read_bytes())
        if d["kind"] == "tag" and d["antenna"] in (None, 1, 2, 3, 4)
    }
    assert r700

    def missing():
        """Let every device say once more what it sees, then ask the hub: what falls silent is taken away."""
        os.write(lines["scale"], b"S S     336.00 g\r\n" * 5)
        os.write(lines["reader"], b"".join(tags))
        mosquitto_pub(store.mqtt_port, "readers/r700", [payload.read_bytes() for payload in payloads])
        present = {epc for epc, item in items(store).items() if item["status"] == "present"}
        return (expected | r700) ^ present

    until(lambda: not missing(), 30, every_s=0.4)
    stock = store.client.stock(store.store)
    beads = next(line for line in stock["lines"] if line["sku"] == "glass-beads")
    assert beads["zones"] == [{"zone": "tray-1", "units": 40, "uncertain": False}]
    unknown = next(line for line in stock["lines"] if line["sku"] is None)
    assert unknown["total"] == len(expected | r700)


@pytest.mark.flow
@pytest.mark.timeout(280)
def test_bad_input_between_valid_input_stops_nothing_and_is_all_counted(shop, until, ledger, outbox):
    store, lines = shop
    random = Random(3)
    tag = next(
        frame
        for frame in golden_frames("m100")
        if any(d["kind"] == "tag" for d in decode_lines("m100", frame))
    )
    (epc,) = [d["epc"] for d in decode_lines("m100", tag) if d["kind"] == "tag"]
    sent = 0
    while sent < 100_000:
        noise = random.randbytes(1_000)
        os.write(lines["reader"], noise + tag)
        sent += len(noise)
        time.sleep(0.02)
    malformed = [
        random.choice(
            [
                b"{",
                b"\xff\xfe\x00",
                b'{"eventType": 3}',
                b"null",
                b'{"eventType":"tagInventory"}',
                b"[[[[",
                b'{"eventType":"tagInventory","tagInventoryEvent":{"epcHex":"XYZ"}}',
                random.randbytes(40),
            ]
        )
        for _ in range(1_000)
    ]
    good = b'{"timestamp":"2026-11-22T08:00:00Z","eventType":"tagInventory","tagInventoryEvent":{"epcHex":"E28011606000020400000001","antennaPort":1,"peakRssiCdbm":-5000}}'
    # A payload of several lines is refused line by line.
    wrong = sum(max(1, sum(d["kind"] == "reject" for d in decode_lines("impinj_r700", p))) for p in malformed)
    assert wrong >= 1_000
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", store.mqtt_port)
    client.loop_start()
    for index, payload in enumerate(malformed):
        client.publish("readers/r700", payload, qos=1)
        if index % 50 == 0:
            client.publish("readers/r700", good, qos=1)
            time.sleep(0.05)
    for _ in range(8):
        client.publish("readers/r700", good, qos=1).wait_for_publish(5)
        os.write(lines["reader"], tag)
        time.sleep(0.3)
    client.disconnect()
    client.loop_stop()
    until(lambda: {epc, "E28011606000020400000001"} <= set(items(store)), 30)
    refused = until(
        lambda: (
            (
                found := dict(
                    ledger(
                        store,
                        "SELECT json_extract(body, '$.device'), sum(coalesce(json_extract(body, '$.count'), 1)) FROM events WHERE kind = 'rejected' GROUP BY 1",
                    )
                )
            ).get("r700-1", 0)
            >= 1_000
            and found
        ),
        30,
    )
    assert refused["r700-1"] == wrong
    assert refused["reader-1"] >= 100
    kept = outbox(store, "SELECT device, reason, length(raw) FROM dead_letters")
    assert sum(device == "r700-1" for device, _, _ in kept) == wrong
    assert all(reason for _, reason, _ in kept)
    assert all(child.alive for child in store.family.children.values())
