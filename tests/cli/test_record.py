"""A live line becomes a golden file that the golden tests would take."""

import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from cli.decoding import decode_lines
from cli.main import build
from contract.errors import ConfigError, LinkError
from contract.wire import m100
from edge.drivers import drivers
from firmware_sim.devices.m100 import M100Twin
from firmware_sim.devices.mt_sics import MtSicsTwin
from firmware_sim.links.pty import PtyLink
from firmware_sim.model import Sighting

SOURCE = "simulated module"


def record(*arguments):
    return CliRunner().invoke(build("sim"), ["sim", "record", *map(str, arguments)], catch_exceptions=True)


def entries(path):
    lines = path.read_text("utf-8").splitlines()
    for kind, source, frame in zip(lines[1::4], lines[2::4], lines[3::4], strict=True):
        text, _, expected = frame.partition(" => ")
        yield kind, source, bytes.fromhex(text), json.loads(expected)


def test_a_reader_in_use_is_recorded_without_a_word_to_it(tmp_path):
    twin = M100Twin()
    twin.region, twin._rounds = 1, None
    out = tmp_path / "m100.txt"
    with PtyLink(twin, tmp_path / "line") as link:
        stop = threading.Event()

        def walk():
            number = 0
            while not stop.wait(0.05):
                with link.lock:
                    number += 1
                    sighting = Sighting(
                        epc=f"E2801160600002040000{number % 3:04d}", antenna=1, rssi_dbm=-50.0
                    )
                    twin.see([sighting], time.time_ns() // 1_000_000)

        walker = threading.Thread(target=walk)
        walker.start()
        done = record("m100", "--port", tmp_path / "line", "--for", "1.5", "--source", SOURCE, "--out", out)
        stop.set()
        walker.join()
    assert done.exit_code == 0, done.output
    found = list(entries(out))
    tags = {
        expected["epc"]
        for _, _, _, expected in found
        if isinstance(expected, dict) and expected["kind"] == "tag"
    }
    assert {f"E2801160600002040000{number:04d}" for number in range(3)} <= tags
    for kind, source, raw, expected in found:
        assert kind == "# kind: recorded"
        assert source.startswith(f"# source: {SOURCE}, recorded 20")
        assert list(decode_lines("m100", raw)) == (expected if isinstance(expected, list) else [expected])


def test_a_scale_is_asked_for_its_stream(tmp_path):
    twin = MtSicsTwin()
    twin.load(100.0, stable=True, now=0)
    with PtyLink(twin, tmp_path / "line"):
        done = record(
            "mt-sics", "--port", tmp_path / "line", "--for", "1", "--ask", "--out", tmp_path / "out.txt"
        )
    assert done.exit_code == 0, done.output
    assert any(
        expected == {"kind": "weight", "weight_g": 100.0, "stable": True}
        for *_, expected in entries(tmp_path / "out.txt")
    )


def test_a_topic_becomes_payload_files(tmp_path, nats_server):
    payload = b'{"eventType":"tagInventory","tagInventoryEvent":{"epcHex":"E280","antennaPort":1}}'
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", nats_server.mqtt_port)
    client.loop_start()
    stop = threading.Event()
    talker = threading.Thread(
        target=lambda: [client.publish("reader", payload) for _ in iter(lambda: stop.wait(0.1), True)]
    )
    talker.start()
    done = record(
        "impinj_r700", "--topic", "reader", "--broker-port", nats_server.mqtt_port, "--for", "1.5", "--out", tmp_path / "golden"
    )  # fmt: skip
    stop.set()
    talker.join()
    client.loop_stop()
    assert done.exit_code == 0, done.output
    golden = json.loads((tmp_path / "golden" / "impinj_r700_1.expected.json").read_text("utf-8"))
    assert (golden["protocol"], golden["kind"]) == ("impinj_r700", "recorded")
    assert golden["expected"][0]["epc"] == "E280"
    assert (tmp_path / "golden" / "impinj_r700_1.json").read_bytes() == payload


def test_silence_writes_nothing(tmp_path):
    twin = MtSicsTwin()
    with PtyLink(twin, tmp_path / "line"):
        done = record("mt_sics", "--port", tmp_path / "line", "--for", "0.3", "--out", tmp_path / "out.txt")
    assert isinstance(done.exception, LinkError)
    assert "nothing came" in str(done.exception)


@pytest.mark.parametrize("arguments", [(), ("--port", "a", "--topic", "b")])
def test_one_line_has_to_be_named(arguments):
    done = record("m100", *arguments)
    assert isinstance(done.exception, ConfigError)


@given(
    st.lists(
        st.sampled_from(
            [m100.encode(m100.ErrorReply(0x15)), b"\x00\x01", b"\xbb\x02", drivers()["m100"].examples[0]]
        ),
        max_size=8,
    )
)
def test_pieces_are_the_whole_capture(pieces):
    data = b"".join(pieces)
    host = drivers()["m100"].build("d", drivers()["m100"].settings())
    assert b"".join(host.cut(data)) == data
