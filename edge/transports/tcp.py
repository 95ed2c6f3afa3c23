"""A TCP line: a reader or gateway that speaks its serial protocol over a socket.

Lives on the agent's loop. A connection that is refused or ends is opened again with back-off; one that
the other side closed at once counts as failed, so that a reader with one client at a time is not
hammered.
"""

import asyncio
import logging
from typing import Final

from edge.transports.connection import ConnectionLine

log = logging.getLogger(__name__)

CONNECT_S: Final = 5.0
MAX_READ: Final = 65_536


class TcpLine(ConnectionLine):
    """See the module's opening paragraph and :class:`edge.transports.connection.ConnectionLine`."""

    _writer: asyncio.StreamWriter | None = None

    def write(self, data: bytes) -> None:
        """Send bytes; dropped while there is no connection."""
        if self._writer is not None and data:
            self._writer.write(data)

    async def _hold(self) -> tuple[str, bool]:
        """Hold one connection until it ends; return why it ended and whether it was open."""
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            return f"{self._where} does not answer within {CONNECT_S:.0f} s", False
        except OSError as error:
            return f"{self._where} cannot be reached: {error.strerror or error}", False
        self._writer = writer
        log.info("event=line_up device=%s address=%s", self._name, self._where)
        self._on_open()
        try:
            while data := await reader.read(MAX_READ):
                self._on_bytes(data)
        except OSError as error:
            return f"{self._where} went away: {error.strerror or error}", True
        finally:
            self._writer = None
            writer.close()
        return f"{self._where} closed the connection", True
