"""What lines over the network share: one task on the agent's loop that connects, again and again.

A subclass holds one connection from its beginning to its end (:meth:`ConnectionLine._hold`); when it ends,
how long to wait and what to tell is decided here, by :class:`edge.transports.line.Outage`.
"""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

from edge.transports.line import Outage

log = logging.getLogger(__name__)


class ConnectionLine(ABC):
    """A :class:`edge.transports.line.Line` that is a connection.

    Args:
        name: device id, for logs.
        host: address of the device.
        port: its TCP port.
        on_open, on_close, on_bytes: see :mod:`edge.transports.line`.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        on_open: Callable[[], None],
        on_close: Callable[[str], None],
        on_bytes: Callable[[bytes], None],
    ) -> None:
        self._name = name
        self._host, self._port = host, port
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._on_open, self._on_close, self._on_bytes = on_open, on_close, on_bytes
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"line-{self._name}")

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send; dropped while there is no connection."""

    async def stop(self) -> None:
        """Give up what is under way and end the task."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        loop, outage = asyncio.get_running_loop(), Outage()
        while True:
            begun_s = loop.time()
            why, was_open = await self._hold()
            ended = outage.ended(why, was_open=was_open, lasted_s=loop.time() - begun_s)
            if ended.news:
                log.warning("event=line_down device=%s error=%s", self._name, why)
            if ended.tell:
                self._on_close(why)
            await asyncio.sleep(ended.pause_s)

    @abstractmethod
    async def _hold(self) -> tuple[str, bool]:
        """Hold one connection until it ends; return why it ended and whether it was open."""
