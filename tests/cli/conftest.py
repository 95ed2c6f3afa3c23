"""A hub in this process, on a port of its own, for commands that ask one."""

import asyncio
import contextlib
import socket
import threading

import pytest
import uvicorn

from contract.messages import encode_envelope, encode_observation
from hub.app import RunningHub
from hub.ingest.source import Backlog
from hub.services.record import record

TOPIC = "shelfwise/v1/popup-1/pi-1/x1/observations"


class NoBroker:
    """A source that is connected and silent."""

    connected = True
    backlog = Backlog(0, 0.0, 0)

    async def publish(self, topic, payload):
        pass

    async def open(self):
        pass

    async def close(self):
        pass

    async def next_batch(self):
        await asyncio.Event().wait()


@pytest.fixture
def serve_hub():
    """Return a function (settings, clock, observations already recorded) → address of a running hub."""
    with contextlib.ExitStack() as running:

        def start(settings, clock, observations):
            return running.enter_context(_running(settings, clock, observations))

        yield start


@contextlib.contextmanager
def _running(settings, clock, observations):
    listening = socket.create_server(("127.0.0.1", 0))
    ready, stop = threading.Event(), threading.Event()

    async def serve():
        hub = RunningHub(settings, clock, NoBroker())
        await hub.start()
        lines = [encode_observation(one) for one in observations]
        delivery = (TOPIC, encode_envelope(1, lines, sent_at=1))
        await asyncio.wrap_future(hub.writer.submit(lambda tx: record(tx, [delivery], clock())))
        server = uvicorn.Server(
            uvicorn.Config(hub.application, log_config=None, log_level="critical", lifespan="off")
        )
        server.capture_signals = contextlib.nullcontext
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        ready.set()
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        hub.quiet()
        await serving
        await hub.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stop.set()
        thread.join(20)
