"""Modbus RTU against an independent implementation: pymodbus reads our twin, our driver reads pymodbus."""

import asyncio
import time

import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import SimData, SimDevice
from pymodbus.simulator.simdata import DataType

from edge.model import CountRead, StatusRead
from edge.transports.tcp import TcpLine
from firmware_sim.devices.modbus_counter import ModbusCounterTwin
from firmware_sim.links.faults import DRIBBLE
from firmware_sim.links.pty import PtyLink

DEADLINE_S = 10.0


@pytest.mark.parametrize("faults", [{}, {"faults": DRIBBLE}], ids=["clean", "byte by byte"])
def test_pymodbus_reads_our_twin_on_a_serial_port(tmp_path, faults):
    twin = ModbusCounterTwin(unit=17, address=0x109, entered=70_000, left=65_537, baud=19_200)
    with PtyLink(twin, tmp_path / "counter", **faults) as link:
        client = ModbusSerialClient(str(link.path), baudrate=19_200, timeout=3)
        assert client.connect()
        try:
            holding = client.read_holding_registers(0x109, count=4, device_id=17)
            inputs = client.read_input_registers(0x10B, count=2, device_id=17)
            beyond = client.read_holding_registers(0x109, count=5, device_id=17)
        finally:
            client.close()
    assert holding.registers == [1, 4_464, 1, 1]
    assert inputs.registers == [1, 1]
    assert beyond.isError()
    assert beyond.exception_code == 2


async def read_server(host, simdata, wanted, **settings):
    """Run the driver on a TCP line against a pymodbus server until it has ``wanted`` reads."""
    server = ModbusTcpServer(SimDevice(1, simdata=simdata), framer=FramerType.RTU, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    driver = host("modbus_counter", poll_ms=100, **settings)
    now = lambda: time.time_ns() // 1_000_000  # noqa: E731
    reads = []
    line = TcpLine(
        "counter",
        *server.transport.sockets[0].getsockname(),
        on_open=lambda: driver.connected(now()),
        on_close=lambda why: reads.extend(driver.disconnected(now())),
        on_bytes=lambda data: reads.extend(driver.receive(data, now())),
    )
    line.start()
    end = time.monotonic() + DEADLINE_S
    while len(reads) < wanted and time.monotonic() < end:
        line.write(driver.poll(now()))
        await asyncio.sleep(0.02)
    await line.stop()
    await server.shutdown()
    return reads[:wanted]


@pytest.mark.parametrize(
    ("values", "settings", "totals"),
    [
        ([0, 42, 0, 37], {"address": 100}, (42, 37)),
        ([1, 4_464, 1, 1], {"address": 100, "function": 4}, (70_000, 65_537)),
        ([7, 0, 9, 0], {"address": 100, "words": "low_first"}, (7, 9)),
        ([11, 22, 33], {"address": 101, "count": 2, "bits": 16, "out_at": 1}, (22, 33)),
        ([11, 22], {"address": 100, "count": 2, "out_at": None}, (11 << 16 | 22, 0)),
    ],
)
def test_our_driver_reads_a_pymodbus_server(host, values, settings, totals):
    simdata = SimData(100, values=values, datatype=DataType.REGISTERS)
    reads = asyncio.run(read_server(host, simdata, 3, **settings))
    assert [type(read) for read in reads] == [CountRead] * 3
    assert {(read.entered, read.left) for read in reads} == {totals}


def test_our_driver_is_told_that_there_are_no_such_registers(host):
    simdata = SimData(100, values=[1, 2], datatype=DataType.REGISTERS)
    reads = asyncio.run(read_server(host, simdata, 2, address=500))
    assert [type(read) for read in reads] == [StatusRead] * 2
    assert "illegal data address" in reads[0].detail
