"""A twin behind a real pty, in real time."""

import os
import select
import termios
import time

import pytest
import serial

from contract.errors import LinkError
from contract.wire import m100
from firmware_sim.devices.m100 import M100Twin
from firmware_sim.devices.terabee import TerabeeTwin
from firmware_sim.links.pty import PtyLink
from firmware_sim.model import SerialTwin, Sighting

DEADLINE_S = 8.0
REPORT_BYTES = 24


def drive(port, host, wanted, sensed):
    """Run a driver on an open port until enough sensed reads came; return them."""
    now = lambda: time.time_ns() // 1_000_000  # noqa: E731
    host.connected(now())
    reads, end = [], time.monotonic() + DEADLINE_S
    while len(sensed(reads)) < wanted and time.monotonic() < end:
        if due := host.poll(now()):
            port.write(due)
        reads += host.receive(port.read(4096), now())
    return sensed(reads)


def test_reports_take_the_line_time_of_their_bytes(tmp_path, host, sensed):
    twin = M100Twin()
    with (
        PtyLink(twin, tmp_path / "reader") as link,
        serial.Serial(str(link.path), 115_200, timeout=0.01) as port,
    ):
        reader = host("m100", region="eu")
        end = time.monotonic() + DEADLINE_S
        reader.connected(0)
        while not twin.transmitting and time.monotonic() < end:
            port.write(reader.poll(time.time_ns() // 1_000_000))
            reader.receive(port.read(4096), time.time_ns() // 1_000_000)
        assert twin.transmitting
        count = 150
        started = time.monotonic()
        with link.lock:
            sightings = [Sighting(epc=f"{number:024X}", antenna=1, rssi_dbm=-60) for number in range(count)]
            twin.see(sightings, time.time_ns() // 1_000_000)
        reads = []
        while len(reads) < count and time.monotonic() < started + DEADLINE_S:
            reads += sensed(reader.receive(port.read(4096), time.time_ns() // 1_000_000))
        assert [read.epc for read in reads] == [f"{number:024X}" for number in range(count)]
        # Two pacing tolerances of one tick each; without pacing this takes a few milliseconds.
        assert time.monotonic() - started >= count * REPORT_BYTES / 11_520 - 0.02


def test_the_host_may_close_and_open_again(tmp_path, host, sensed):
    twin = TerabeeTwin()
    with PtyLink(twin, tmp_path / "counter") as link:
        for total in (1, 2, 3):
            with link.lock:
                twin.cross(entered=1, left=0, now=time.time_ns() // 1_000_000)
            with serial.Serial(str(link.path), 115_200, timeout=0.01) as port:
                assert drive(port, host("terabee"), 1, sensed)[-1].entered == total


def test_a_host_that_sets_no_mode_gets_raw_bytes_and_no_echo(tmp_path):
    twin = M100Twin()
    with PtyLink(twin, tmp_path / "reader") as link:
        for _ in range(2):
            port = os.open(link.path, os.O_RDWR | os.O_NOCTTY)
            assert not termios.tcgetattr(port)[3] & (termios.ECHO | termios.ICANON)
            os.write(port, m100.encode(m100.Command(m100.STOP)))
            answer, end = b"", time.monotonic() + DEADLINE_S
            while len(answer) < 8 and time.monotonic() < end:
                if select.select([port], [], [], 0.1)[0]:
                    answer += os.read(port, 100)
            os.close(port)
            assert answer == m100.encode(m100.Response(m100.STOP, b"\x00"))
            time.sleep(0.03)


def test_what_nobody_listens_to_is_lost_and_not_kept(tmp_path):
    twin = TerabeeTwin()
    with PtyLink(twin, tmp_path / "counter") as link:
        end = time.monotonic() + DEADLINE_S
        while link.lost_bytes < 11 and time.monotonic() < end:
            time.sleep(0.02)
        assert link.lost_bytes >= 11
        with serial.Serial(str(link.path), 115_200, timeout=0) as port:
            assert port.read(4096) == b""


def test_what_one_host_did_not_read_is_not_kept_for_the_next(tmp_path):
    twin, now = TerabeeTwin(distances=False), [1_000]
    with PtyLink(twin, tmp_path / "counter", clock=lambda: now[0]) as link:
        port = os.open(link.path, os.O_RDWR | os.O_NOCTTY)
        time.sleep(0.03)
        now[0] = 2_000
        assert select.select([port], [], [], DEADLINE_S)[0], "a count frame waits to be read"
        os.close(port)
        time.sleep(0.05)
        port = os.open(link.path, os.O_RDWR | os.O_NOCTTY)
        assert not select.select([port], [], [], 0.1)[0]
        os.close(port)


def test_the_path_is_a_link_that_comes_and_goes(tmp_path):
    path = tmp_path / "reader"
    path.symlink_to("/nowhere")
    link = PtyLink(M100Twin(), path)
    link.start()
    assert path.resolve().is_char_device()
    with pytest.raises(LinkError, match="runs already"):
        link.start()
    link.stop()
    link.stop()
    assert not path.is_symlink()
    path.write_text("mine")
    with pytest.raises(LinkError, match="is not a symbolic link"):
        link.start()
    assert path.read_text() == "mine"


class Unpaced(SerialTwin):
    """A twin that sends 5760 bytes at once, half a second of line."""

    def __init__(self):
        self.left = b""

    def power_cycle(self, now):
        pass

    def receive(self, data, now):
        self.left = bytes(5_760)

    def transmit(self, now):
        sent, self.left = self.left, b""
        return sent


def test_the_pty_paces_a_twin_that_does_not(tmp_path):
    with (
        PtyLink(Unpaced(), tmp_path / "fast") as link,
        serial.Serial(str(link.path), 115_200, timeout=0.01) as port,
    ):
        started = time.monotonic()
        port.write(b"go")
        count = 0
        while count < 5_760 and time.monotonic() < started + DEADLINE_S:
            count += len(port.read(4096))
        assert count == 5_760
        assert time.monotonic() - started >= 0.45
