"""`shelfwise doctor`: which ports exist, which devices answer, and what to look at."""

import contextlib
import os
import threading
import tty

import pytest
from typer.testing import CliRunner

from cli.main import build
from contract.wire import m100
from firmware_sim.devices.chafon import ChafonTwin
from firmware_sim.devices.m6e import M6eTwin
from firmware_sim.devices.m100 import M100Twin
from firmware_sim.devices.mt_sics import MtSicsTwin
from firmware_sim.devices.r2000 import R2000Twin
from firmware_sim.links.pty import PtyLink

CONFIG = """
[agent]
id = "pi-1"
store = "s"
[broker]
port = 1
[[devices]]
id = "thing"
driver = "{driver}"
transport = "serial"
port = "{port}"
{more}
"""
READER = "settings = { region = 'eu' }\nantennas = { 1 = 'window' }"
SCALE = "tray = { zone = 'tray-1' }"


@pytest.fixture
def line():
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def examine(tmp_path):
    def run(driver, port, more):
        (tmp_path / "edge.toml").write_text(CONFIG.format(driver=driver, port=port, more=more))
        shown = CliRunner().invoke(
            build("doctor"), ["doctor", "--config", str(tmp_path / "edge.toml")], env={"COLUMNS": "300"}
        )
        (about,) = [row for row in shown.output.splitlines() if "device thing:" in row]
        return shown.exit_code, about, shown.output

    return run


def answering(master, answer, sent):
    """Answer everything the host says, until it goes away."""

    def run():
        with contextlib.suppress(OSError):
            for _ in range(3):
                sent.append(os.read(master, 256))
                os.write(master, answer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()


def test_a_port_that_is_missing_is_named(examine, tmp_path):
    code, about, _ = examine("m100", tmp_path / "nothing", READER)
    assert code == 1
    assert about.startswith("look")
    assert f"{tmp_path / 'nothing'} does not exist" in about


def test_a_reader_that_answers_is_ok_and_was_not_asked_to_transmit(examine, line):
    sent = []
    answering(line[0], m100.encode(m100.Response(m100.STOP, b"\x00", "bb")), sent)
    _, about, _ = examine("m100", line[1], READER)
    assert about.startswith("ok")
    assert "answers as m100" in about
    codec = m100.M100Codec()
    codec.feed(b"".join(sent))
    codes = []
    while (frame := codec.next_frame()) is not None:
        codes.append(frame.code)
    assert set(codes) <= {m100.STOP, m100.MODULE_INFORMATION}
    assert codes


def test_a_scale_that_answers_is_ok(examine, line):
    answering(line[0], b"S S     336.00 g\r\n", [])
    _, about, _ = examine("mt_sics", line[1], SCALE)
    assert about.startswith("ok")


def test_a_line_that_says_nothing_is_told_from_one_that_says_nonsense(examine, line):
    code, about, _ = examine("terabee", line[1], "")
    assert code == 1
    assert "nothing answers" in about
    later = threading.Timer(0.7, os.write, (line[0], b"\x00\x01\x02 no device talks like this \xff"))
    later.start()
    _, about, _ = examine("terabee", line[1], "")
    later.join()
    assert "does not understand" in about


def test_a_broker_that_does_not_answer_is_named(examine, line):
    _, _, shown = examine("terabee", line[1], "")
    assert "127.0.0.1:1 does not answer" in shown


def test_a_wrong_configuration_is_one_line(tmp_path):
    (tmp_path / "edge.toml").write_text("[agent]\n")
    shown = CliRunner().invoke(build("doctor"), ["doctor", "--config", str(tmp_path / "edge.toml")])
    assert shown.exit_code == 1
    assert "look configuration: edge.toml" in " ".join(shown.output.split())


def ask(port):
    return CliRunner().invoke(
        build("doctor"),
        ["doctor", "--config", "/nonexistent.toml", "--port", str(port)],
        env={"COLUMNS": "300"},
    )


@pytest.mark.parametrize(
    ("name", "twin", "rate"),
    [
        ("m100", M100Twin, "115200 8N1"),
        ("m6e", M6eTwin, "115200 8N1"),
        ("r2000", R2000Twin, "115200 8N1"),
        ("chafon288", lambda: ChafonTwin(model="chafon288"), "57600 8N1"),
        ("mt_sics", MtSicsTwin, "9600 8N1"),
    ],
)
def test_who_is_on_an_unknown_port_is_found_without_transmitting(tmp_path, name, twin, rate):
    device = twin()
    with PtyLink(device, tmp_path / "usb0"):
        shown = ask(tmp_path / "usb0").output
    (about,) = [row for row in shown.splitlines() if "usb0:" in row]
    assert f"answers at {rate}: driver = " in about
    assert name in about.partition("driver = ")[2]
    assert not getattr(device, "transmitting", False)


def test_a_port_on_which_nobody_answers(tmp_path):
    device = MtSicsTwin()
    device.receive = lambda data, now: None
    with PtyLink(device, tmp_path / "usb0"):
        done = ask(tmp_path / "usb0")
    assert "nothing answers; every driver was tried at its own rate" in done.output
    assert done.exit_code == 1
