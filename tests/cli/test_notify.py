"""Signs of life arrive on a real datagram socket, and end when the loop hangs."""

import asyncio
import os
import socket
import threading

import pytest

import hub.app
from cli.notify import Heartbeat, heartbeat_from, notify
from contract.errors import ConfigError, LinkError
from edge.agent import Agent
from edge.config import load_edge
from hub.app import RunningHub, wall_clock
from hub.config import HubSettings
from hub.ingest.source import Backlog


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """Return (address for the program, function that gives the next state or None)."""
    name = (
        str(tmp_path / "notify")
        if request.param == "path"
        else f"@shelfwise-test-{os.getpid()}-{tmp_path.name}"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(name.replace("@", "\0", 1))
        line.setblocking(False)

        def heard():
            try:
                return line.recv(4096).decode()
            except BlockingIOError:
                return None

        yield name, heard


def test_the_first_beat_says_ready_and_later_ones_keep_the_watchdog_quiet(systemd):
    address, heard = systemd
    now = 100.0
    beat = Heartbeat(address, None, 30.0, monotonic=lambda: now)
    beat()
    assert heard() == "READY=1\nWATCHDOG=1"
    beat()
    assert heard() is None
    now = 130.0
    beat()
    assert heard() == "WATCHDOG=1"
    beat.stopping()
    assert heard() == "STOPPING=1"


def test_ready_is_said_again_until_it_was_heard(tmp_path, caplog):
    address = str(tmp_path / "notify")
    beat = Heartbeat(address, None, 30.0, monotonic=lambda: 0.0)
    beat()
    beat()
    assert caplog.text.count("event=heartbeat_failed") == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(address)
        line.settimeout(1)
        beat()
        assert line.recv(100) == b"READY=1\nWATCHDOG=1"
    assert caplog.text.count("event=heartbeat_resumed") == 1


def test_an_address_where_nobody_listens_is_named(tmp_path):
    with pytest.raises(LinkError, match=r"'READY=1' could not be sent to .*nobody: No such file"):
        notify(str(tmp_path / "nobody"), "READY=1")


def test_a_file_that_cannot_be_written_ends_nothing(tmp_path, caplog):
    beat = Heartbeat("", tmp_path / "no-such-folder" / "heartbeat", 5.0)
    beat()
    beat.stopping()
    assert "cannot be renewed" in caplog.text


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, 5.0),
        ({"WATCHDOG_USEC": "soon"}, 5.0),
        ({}, 5.0),
    ],
)
def test_beats_come_at_half_the_interval_that_was_asked_of_this_process(tmp_path, environment, every_s):
    file = tmp_path / "heartbeat"
    beat = heartbeat_from({**environment, "SHELFWISE_HEARTBEAT_FILE": str(file)}, pid=7)
    now = 50.0
    beat._monotonic = lambda: now
    beat()
    file.unlink()
    now += every_s - 0.01
    beat()
    assert not file.exists()
    now += 0.02
    beat()
    assert file.exists()


def test_the_file_goes_when_the_program_ends(tmp_path):
    file = tmp_path / "heartbeat"
    beat = Heartbeat("", file, 5.0)
    beat()
    assert file.exists()
    beat.stopping()
    beat.stopping()
    assert not file.exists()


def test_without_surroundings_a_beat_does_nothing():
    beat = heartbeat_from({})
    beat()
    beat.stopping()


@pytest.fixture
def quiet_edge(tmp_path):
    (tmp_path / "edge.toml").write_text(
        '[agent]\nid = "pi-1"\nstore = "popup-1"\n[broker]\nhost = "127.0.0.1"\nport = 1\n'
        f'[[devices]]\nid = "door"\ndriver = "terabee"\ntransport = "serial"\nport = "{tmp_path / "nothing"}"\n'
    )
    return load_edge(tmp_path / "edge.toml", {})


async def _next_state(heard, within_s=10.0):
    for _ in range(round(within_s * 100)):
        if (state := heard()) is not None:
            return state
        await asyncio.sleep(0.01)
    raise AssertionError(f"nothing was said within {within_s} s")


async def _silence(heard, for_s):
    """Return what was said after what was on its way already."""
    await asyncio.sleep(0.2)
    while heard() is not None:
        pass
    await asyncio.sleep(for_s)
    return heard()


def test_the_agent_beats_while_its_loop_turns_and_not_while_the_disk_hangs(systemd, quiet_edge):
    address, heard = systemd

    async def scene():
        agent = Agent(quiet_edge, heartbeat=Heartbeat(address, None, 0.05))
        stopping, hangs = asyncio.Event(), threading.Event()
        running = asyncio.create_task(agent.run(stopping))
        try:
            assert (await _next_state(heard)).startswith("READY=1")
            assert await _next_state(heard) == "WATCHDOG=1"
            agent._pipeline.save = lambda *_: hangs.wait(30)
            agent._conversation.is_due = lambda _: True
            agent._conversation.due = lambda _: hangs.wait(30) and []
            assert await _silence(heard, 0.5) is None
            hangs.set()
            agent._conversation.due = lambda _: []
            assert await _next_state(heard) == "WATCHDOG=1"
        finally:
            hangs.set()
            stopping.set()
            await running

    asyncio.run(scene())


class _NoSource:
    """A broker that is away for good."""

    connected = False
    backlog = Backlog(messages=0, age_s=0.0, dropped=0)

    async def open(self):
        pass

    async def close(self):
        pass

    async def next_batch(self):
        await asyncio.Event().wait()


def test_the_hub_beats_while_its_writer_answers_and_not_while_it_hangs(systemd, tmp_path, monkeypatch):
    address, heard = systemd
    monkeypatch.setattr(hub.app, "PROBE_IDLE_S", 0.05)

    async def scene():
        running = RunningHub(
            HubSettings(database=str(tmp_path / "hub.db"), replan_minutes=0),
            wall_clock,
            _NoSource(),
            Heartbeat(address, None, 0.01),
        )
        hangs = threading.Event()
        await running.start()
        try:
            assert (await _next_state(heard)).startswith("READY=1")
            assert await _next_state(heard) == "WATCHDOG=1"
            running.writer.submit(lambda _: hangs.wait(30))
            assert await _silence(heard, 0.5) is None
            hangs.set()
            assert await _next_state(heard) == "WATCHDOG=1"
            running.writer.submit(_refuse)
            assert await _next_state(heard) == "WATCHDOG=1"
        finally:
            hangs.set()
            await running.stop()

    asyncio.run(scene())


def _refuse(_):
    raise ConfigError("no")
