"""The LLRP line against a simulated reader on a real socket: set-up, commands, and every way to lose it.

Each test runs line, driver and pipeline as the agent does, and judges by what leaves the pipeline.
"""

import asyncio
import contextlib
import time
from types import SimpleNamespace

import pytest

from contract.messages import (
    DeviceHealth,
    SetAntennas,
    SetInventory,
    SetOutput,
    SetPower,
    SetRegion,
    TagArrived,
)
from edge.config import load_edge
from edge.model import InputRead, TagRead
from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.transports.llrp import LlrpLine
from firmware_sim.devices.llrp import LlrpTwin, SteadyTags
from firmware_sim.links.llrp import LlrpLink

CONFIG = """
[agent]
id = "pi-1"
store = "popup-1"
[[devices]]
id = "gate"
driver = "llrp"
transport = "llrp"
address = "127.0.0.1:{port}"
settings = {{ {settings} }}
antennas = {{ 1 = "a", 2 = "b", 3 = "c", 4 = "d" }}
"""

QUICK = 'region = "us", keep_alive_s = 0.3'


class Shop:
    """Line, driver and pipeline of one reader, run as the agent runs them."""

    def __init__(self, folder, port, settings):
        (folder / "edge.toml").write_text(CONFIG.format(port=port, settings=settings), encoding="utf-8")
        edge = load_edge(folder / "edge.toml", {})
        self.outbox = Outbox(edge.outbox_path, agent="pi-1")
        self.pipeline = Pipeline(edge, self.outbox)
        self.pipeline.start(self.now)
        self.line = LlrpLine(
            "gate", "127.0.0.1", port,
            on_open=lambda: self.pipeline.line_opened("gate", self.now),
            on_close=lambda why: self.pipeline.line_closed("gate", self.now, why),
            on_bytes=lambda data: self.pipeline.receive("gate", data, self.now),
        )  # fmt: skip
        self.reads, self.told = [], []

    @property
    def now(self):
        return time.time_ns() // 1_000_000

    @property
    def health(self):
        return next((item for item in reversed(self.told) if isinstance(item, DeviceHealth)), None)

    def tags(self):
        return [read for read in self.reads if isinstance(read, TagRead)]

    async def run(self):
        self.line.start()
        while True:
            if wanted := self.pipeline.outgoing("gate", self.now):
                self.line.write(wanted)
            self.reads += self.pipeline._reads
            batch = self.pipeline.sense(self.now)
            if batch is not None:
                self.told += batch.observations
                self.pipeline.save(batch, self.now)
            await asyncio.sleep(0.02)

    async def until(self, enough, within_s=10.0):
        """Wait for something and return how long it took."""
        begun = time.monotonic()
        while not enough():
            assert time.monotonic() - begun < within_s, (self.health, self.reads[-3:])
            await asyncio.sleep(0.02)
        return time.monotonic() - begun


@contextlib.asynccontextmanager
async def running(folder, port, settings=QUICK):
    shop = Shop(folder, port, settings)
    task = asyncio.create_task(shop.run())
    try:
        yield shop
    finally:
        await shop.line.stop()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        shop.outbox.close()


@pytest.fixture
def reader():
    """A simulated reader for the United States that reads 200 times a second."""
    twin, steady = LlrpTwin(), SteadyTags(200, tags=8)
    link = LlrpLink(twin, feed=steady.seen)
    with link:
        yield SimpleNamespace(twin=twin, link=link, port=link.port)


def test_a_reader_is_set_up_and_read(tmp_path, reader):
    async def run():
        async with running(tmp_path, reader.port, QUICK + ", power_dbm = 23.4, antennas = [1, 3]") as shop:
            await shop.until(lambda: len(shop.tags()) > 100)
            details = [read.detail for read in shop.reads if getattr(read, "what", "") == "started"]
            assert details == ["region us, 23 dBm, antennas 1, 3"]
            assert {read.antenna for read in shop.tags()} == {1, 3}
            assert {read.epc for read in shop.tags()} == {f"E2{n:022X}" for n in (0, 4, 2, 6)}
            read = shop.tags()[-1]
            assert read.rssi_dbm % 1 == 0.25
            assert read.frequency_khz in range(902_750, 927_500, 500)
            assert read.phase_deg is not None
            assert read.pc == "3000"
            assert abs(read.at - shop.now) < 1_000
            await shop.until(lambda: shop.health.state == "ok")
            await shop.until(lambda: any(isinstance(item, TagArrived) for item in shop.told))

    asyncio.run(run())


def test_commands_reach_the_reader(tmp_path, reader):
    async def run():
        async with running(tmp_path, reader.port) as shop:
            await shop.until(shop.tags)
            act = shop.pipeline.act
            assert act("gate", SetOutput(port=2, on=True), shop.now) == ""
            await shop.until(lambda: reader.twin.outputs[2])
            assert act("gate", SetAntennas(antennas=(4,)), shop.now) == ""
            await shop.until(lambda: shop.tags()[-1].antenna == 4 and reader.twin._listening == {4})
            assert act("gate", SetPower(power_dbm=12.0), shop.now) == ""
            await shop.until(lambda: any("12 dBm" in getattr(read, "detail", "") for read in shop.reads))
            assert act("gate", SetInventory(running=False), shop.now) == ""
            await shop.until(lambda: not reader.twin.transmitting)
            await shop.until(lambda: "switched off" in shop.health.detail, 12)
            assert act("gate", SetInventory(running=True), shop.now) == ""
            count = len(shop.tags())
            await shop.until(lambda: len(shop.tags()) > count + 50)
            assert act("gate", SetOutput(port=9, on=True), shop.now) == ""
            await shop.until(lambda: any("output 9" in getattr(read, "detail", "") for read in shop.reads))

    asyncio.run(run())


def test_inputs_are_told_at_the_start_and_when_they_change(tmp_path, reader):
    async def run():
        async with running(tmp_path, reader.port) as shop:
            await shop.until(shop.tags)
            inputs = [(read.port, read.high) for read in shop.reads if isinstance(read, InputRead)]
            assert inputs == [(1, False), (2, False), (3, False), (4, False)]
            with reader.link.lock:
                reader.twin.inputs[3] = True
            await shop.until(
                lambda: [read.port for read in shop.reads if isinstance(read, InputRead) and read.high] == [3]
            )

    asyncio.run(run())


@pytest.mark.parametrize(
    ("settings", "country", "told"),
    [
        (
            "keep_alive_s = 0.3",
            840,
            "no region is configured; the reader is built for region 'us' (country 840)",
        ),
        (QUICK, 276, "region 'us' is configured, but the reader is built for region 'eu' (country 276)"),
        (QUICK, 0, "the reader tells no RF region that is known here (country 0)"),
    ],
)
def test_nothing_is_transmitted_outside_the_readers_region(tmp_path, settings, country, told):
    twin = LlrpTwin(country=country, standard=0)
    with LlrpLink(twin, feed=SteadyTags(200).seen) as link:

        async def run():
            async with running(tmp_path, link.port, settings) as shop:
                await shop.until(lambda: shop.health is not None and told in shop.health.detail)
                assert not twin.transmitting
                assert shop.health.detail == f"no_region: {told}"
                await asyncio.sleep(0.5)
                assert shop.health.state != "ok"
                assert not shop.tags()

        asyncio.run(run())


def test_a_region_that_is_set_later_begins_the_inventory(tmp_path, reader):
    async def run():
        async with running(tmp_path, reader.port, "keep_alive_s = 0.3") as shop:
            await shop.until(lambda: shop.health is not None and "no_region" in shop.health.detail)
            assert "no RF region" in shop.pipeline.act("gate", SetInventory(running=True), shop.now)
            shop.pipeline.act("gate", SetRegion(region="eu"), shop.now)
            await shop.until(lambda: "'eu' is configured" in shop.health.detail)
            assert not reader.twin.transmitting
            shop.pipeline.act("gate", SetRegion(region="us"), shop.now)
            await shop.until(shop.tags)

    asyncio.run(run())


def test_a_refused_second_client_says_so_and_takes_over_when_the_first_leaves(tmp_path, reader):
    async def run():
        (tmp_path / "first").mkdir()
        async with contextlib.AsyncExitStack() as stack:
            first = await stack.enter_async_context(running(tmp_path / "first", reader.port))
            await first.until(first.tags)
            async with running(tmp_path, reader.port) as shop:
                took_s = await shop.until(lambda: shop.health is not None and shop.health.detail)
                assert took_s < 10
                assert shop.health.state == "offline"
                assert shop.health.detail.endswith(
                    "the reader refuses the connection: another client controls it"
                )
                await asyncio.sleep(2)
                assert 2 <= reader.link.refused <= 4, "tries again, and not in a tight loop"
                assert len(first.tags()) > 100
                await stack.aclose()
                await shop.until(shop.tags, 12)

    asyncio.run(run())


def test_lost_keep_alives_close_the_line_with_the_cause(tmp_path, reader):
    async def run():
        async with running(tmp_path, reader.port) as shop:
            await shop.until(shop.tags)
            with reader.link.lock:
                reader.twin.faults.keep_alives_lost = True
            took_s = await shop.until(lambda: shop.health is not None and shop.health.state == "offline")
            assert took_s < 10
            assert "the reader's keep-alives stopped" in shop.health.detail
            with reader.link.lock:
                reader.twin.faults.keep_alives_lost = False
            count = len(shop.tags())
            await shop.until(lambda: len(shop.tags()) > count + 50)
            await shop.until(lambda: shop.health.state == "ok")

    asyncio.run(run())


def test_a_reader_that_restarts_is_read_again_by_itself(tmp_path, reader):
    async def run():
        async with running(tmp_path, reader.port) as shop:
            await shop.until(shop.tags)
            await asyncio.to_thread(reader.link.stop)
            took_s = await shop.until(lambda: shop.health is not None and shop.health.state == "offline")
            assert took_s < 10
            assert "127.0.0.1" in shop.health.detail
            count = len(shop.tags())
            await asyncio.to_thread(reader.link.restart)
            await shop.until(lambda: len(shop.tags()) > count + 50)
            await shop.until(lambda: shop.health.state == "ok")

    asyncio.run(run())


def test_what_listens_but_speaks_no_llrp_is_named(tmp_path):
    async def run():
        async def web(streams, writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
            await writer.drain()

        server = await asyncio.start_server(web, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with running(tmp_path, port) as shop:
            await shop.until(lambda: shop.health is not None and "is not LLRP" in shop.health.detail)
        server.close()

    asyncio.run(run())


def test_a_reader_whose_clock_was_never_set_dates_its_reads_rightly(tmp_path):
    twin = LlrpTwin(clock_ahead_ms=-1_000_000_000_000)
    with LlrpLink(twin, feed=SteadyTags(200).seen) as link:

        async def run():
            async with running(tmp_path, link.port) as shop:
                begun = shop.now
                await shop.until(lambda: len(shop.tags()) > 50)
                assert all(begun - 1_000 <= read.at <= shop.now for read in shop.tags())

        asyncio.run(run())


def test_reports_kept_from_before_the_connection_are_not_counted(tmp_path, reader):
    async def run():
        with reader.link.lock:
            reader.twin.faults.buffers = True
        (tmp_path / "first").mkdir()
        first = Shop(tmp_path / "first", reader.port, QUICK)
        task = asyncio.create_task(first.run())
        await first.until(first.tags)
        for ending in (task, first.line._task):  # the program dies: nobody says goodbye
            ending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ending
        await asyncio.sleep(2)
        async with running(tmp_path, reader.port) as shop:
            await shop.until(lambda: len(shop.tags()) > 20)
            kept = [getattr(read, "detail", "") for read in shop.reads]
            assert any("reports from before the connection" in detail for detail in kept)
            opened = next(read.at for read in shop.reads if getattr(read, "what", "") == "line_open")
            assert min(read.at for read in shop.tags()) >= opened - 1_000
        first.outbox.close()

    asyncio.run(run())
