"""A TCP line: a reader or gateway that speaks its serial protocol over a socket.

Lives on the agent's loop. A connection that is refused or ends is opened again with back-off; one that
the other side closed at once counts as failed, so that a reader with one client at a time is not
hammered.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from edge.transports.line import pauses

log = logging.getLogger(__name__)

CONNECT_S: Final = 5.0
STEADY_S: Final = 5.0
MAX_READ: Final = 65_536


class TcpLine:
    """See the module's opening paragraph and :class:`edge.transports.line.Line`.

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
        self._on_open, self._on_close, self._on_bytes = on_open, on_close, on_bytes
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"tcp-{self._name}")

    def write(self, data: bytes) -> None:
        """Send bytes; dropped while there is no connection."""
        if self._writer is not None and data:
            self._writer.write(data)

    async def stop(self) -> None:
        """Close the connection and end the task."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        waits, told = pauses(), ""
        while True:
            opened_s = loop.time()
            why, was_open = await self._connection()
            if was_open and loop.time() - opened_s >= STEADY_S:
                waits, told = pauses(), ""
            if why != told:
                log.warning("event=line_down device=%s error=%s", self._name, why)
            if was_open or why != told:
                self._on_close(why)
            told = why
            await asyncio.sleep(next(waits))

    async def _connection(self) -> tuple[str, bool]:
        """Hold one connection until it ends; return why it ended and whether it was open."""
        where = f"{self._host}:{self._port}"
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            return f"{where} does not answer within {CONNECT_S:.0f} s", False
        except OSError as error:
            return f"{where} cannot be reached: {error.strerror or error}", False
        self._writer = writer
        log.info("event=line_up device=%s address=%s", self._name, where)
        self._on_open()
        try:
            while data := await reader.read(MAX_READ):
                self._on_bytes(data)
        except OSError as error:
            return f"{where} went away: {error.strerror or error}", True
        finally:
            self._writer = None
            writer.close()
        return f"{where} closed the connection", True
