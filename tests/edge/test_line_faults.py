"""What is wrong with a line is named in device health within ten seconds, nothing loops, and reading resumes.

The whole agent runs on real ptys with simulated devices behind them; there is no broker, so what it found
is read from its outbox file.
"""

import asyncio
import sqlite3
import threading
import time

import pytest
import serial

from contract.messages import DeviceHealth, decode_observation
from edge.agent import Agent
from edge.config import load_edge
from edge.diagnosis import fits
from edge.drivers import drivers
from edge.transports.serial import SerialLine
from firmware_sim.devices.m100 import M100Twin
from firmware_sim.devices.mt_sics import MtSicsTwin
from firmware_sim.devices.terabee import TerabeeTwin
from firmware_sim.links.pty import PtyLink
from firmware_sim.model import Sighting

NAMED_WITHIN_S = 10.0

CONFIG = """
[agent]
id = "pi-1"
store = "popup-1"
[broker]
port = 1
[[devices]]
id = "thing"
driver = "{driver}"
transport = "serial"
port = "{port}"
baud = {baud}
{more}
"""
READER = 'settings = { region = "cn900" }\nantennas = { "1" = "window" }'
SCALE = 'tray = { zone = "tray-1" }'


class Bench:
    """An agent on one simulated line."""

    def __init__(self, folder, driver, more, baud=0):
        self.port = folder / "line"
        config = folder / "edge.toml"
        config.write_text(CONFIG.format(driver=driver, port=self.port, baud=baud, more=more))
        self._edge = load_edge(config, {})
        self.link = None
        self._stopping = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self.started = time.monotonic()

    def plug(self, twin):
        self.link = PtyLink(twin, self.port)
        self.link.start()
        return twin

    def unplug(self):
        self.link.stop()
        self.link = None

    def start(self):
        self._thread.start()
        return self

    def _run(self):
        async def main():
            self._stopping = asyncio.Event()
            await Agent(self._edge).run(self._stopping)

        self._loop.run_until_complete(main())
        self._loop.close()

    def stop(self):
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(15)
        if self.link is not None:
            self.link.stop()

    def health(self):
        """Return what device health said so far, oldest first."""
        try:
            box = sqlite3.connect(f"file:{self._edge.outbox_path}?mode=ro", uri=True)
            rows = box.execute("SELECT line FROM rows ORDER BY seq").fetchall()
            box.close()
        except sqlite3.OperationalError:
            return []
        found = (decode_observation(bytes(line)) for (line,) in rows)
        return [observation for observation in found if isinstance(observation, DeviceHealth)]

    def until(self, state, words, feed=None, within_s=NAMED_WITHIN_S):
        """Wait for a health report in a state with words in its detail; return how long it took."""
        begun = time.monotonic()
        while not any(
            report.state == state and words in report.detail for report in self.health()[self.skip :]
        ):
            assert time.monotonic() - begun < within_s, [(h.state, h.detail) for h in self.health()]
            if feed is not None:
                with self.link.lock:
                    feed(time.time_ns() // 1_000_000)
            time.sleep(0.1)
        self.skip = len(self.health())
        return time.monotonic() - begun

    skip = 0


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(*args, **options):
        made.append(Bench(tmp_path, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def seeing(twin):
    return lambda now: twin.see([Sighting(epc="E28011606000020400000001", antenna=1, rssi_dbm=-50.0)], now)


def test_an_unplugged_cable(bench):
    shop = bench("m100", READER)
    twin = shop.plug(M100Twin())
    shop.start().until("ok", "", seeing(twin))
    shop.unplug()
    shop.until("offline", "is gone; was the device unplugged?")
    time.sleep(2)
    assert len(shop.health()) <= shop.skip + 1, "an outage is told once, not per try"
    twin = shop.plug(M100Twin())
    shop.until("ok", "", seeing(twin), within_s=20)


def test_a_wrong_line_rate(bench):
    shop = bench("m100", READER, baud=57_600)
    twin = TalkingReader()
    shop.plug(twin)
    shop.start().until("silent", "is 57600 8N1 its line rate?")


class TalkingReader(M100Twin):
    """A reader that is left polling, as after a restart of the agent alone."""

    def power_cycle(self, now):
        super().power_cycle(now)
        self.region, self._rounds = 1, None


def test_a_device_of_another_family_on_the_port(bench):
    shop = bench("m100", READER, baud=115_200)
    twin = shop.plug(TerabeeTwin())
    shop.start().until(
        "silent",
        "looks like a device of driver 'terabee', not 'm100'",
        lambda now: twin.cross(entered=1, left=0, now=now),
    )
    shop.unplug()
    reader = shop.plug(M100Twin())
    shop.until("ok", "", seeing(reader), within_s=20)


def test_nobody_on_the_line(bench):
    shop = bench("mt_sics", SCALE)
    scale = MtSicsTwin()
    scale.receive = lambda data, now: None
    shop.plug(scale)
    shop.start().until("silent", "is the device on, and are RX and TX the right way round?")


def test_a_port_that_is_not_there(bench):
    shop = bench("mt_sics", SCALE)
    shop.start().until("offline", "is not there; is the device plugged in?")
    scale = shop.plug(MtSicsTwin())
    shop.until("ok", "", lambda now: scale.load(100.0, stable=True, now=now), within_s=20)


def test_a_denied_permission(bench, monkeypatch):
    def refused(port):
        raise serial.SerialException(13, f"could not open port {port.port}: [Errno 13] Permission denied")

    shop = bench("mt_sics", SCALE)
    scale = MtSicsTwin()
    shop.plug(scale)
    with monkeypatch.context() as patch:
        patch.setattr(serial.Serial, "open", refused)
        shop.start().until("offline", "permission denied; add the user to the group 'dialout'")
    shop.until("ok", "", lambda now: scale.load(100.0, stable=True, now=now), within_s=20)


def test_a_port_that_fails_after_each_opening_is_not_hammered(tmp_path, monkeypatch):
    opened, closed = [], []
    path = tmp_path / "port"
    path.touch()
    monkeypatch.setattr(serial.Serial, "open", lambda port: None)
    monkeypatch.setattr(SerialLine, "_read", lambda line, port: "broken at once")
    line = SerialLine(
        "thing", str(path), 9_600, on_open=lambda: opened.append(time.monotonic()), on_close=closed.append, on_bytes=print
    )  # fmt: skip
    line.start()
    time.sleep(2.2)
    asyncio.run(line.stop())
    assert len(opened) <= 3, "0.5 s, then 1 s, then 2 s"
    assert set(closed) == {"broken at once"}


@pytest.mark.parametrize("name", [name for name, spec in drivers().items() if spec.streams])
def test_every_byte_driver_is_told_from_the_others_by_its_examples(name):
    found = fits(b"".join(drivers()[name].examples))
    assert name in [fit.name for fit in found]
    assert found[0].refused == 0
