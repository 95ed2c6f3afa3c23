"""A reader that speaks LLRP: its connection, its set-up and its keep-alives.

Lives on the agent's loop. The line connects, waits for the reader's word that it may, reads its
capabilities, asks for keep-alives and input events, and is open then. How the reader shall be configured
comes through ``write`` as :mod:`contract.wire.llrp_session` packs it, and what the reader says goes to
``on_bytes`` in the same form. Nothing is transmitted before a configuration came whose region is the
reader's own.

A connection that is refused, ends, or misses three keep-alives is opened again with back-off, and its end
tells the cause.
"""

import asyncio
import contextlib
import logging
import socket

from contract.errors import FrameError, LinkError
from contract.wire import llrp_session
from edge.transports.connection import ConnectionLine
from edge.transports.llrp_reader import CONNECT_S, LlrpSession

log = logging.getLogger(__name__)


class LlrpLine(ConnectionLine):
    """See the module's opening paragraph and :class:`edge.transports.connection.ConnectionLine`."""

    _session: LlrpSession | None = None

    def write(self, data: bytes) -> None:
        """Take a wanted configuration; dropped while there is no connection."""
        if self._session is None or not data:
            return
        try:
            self._session.want(llrp_session.unpack_wanted(data))
        except FrameError as error:
            log.error("event=write_dropped device=%s error=%s", self._name, error)

    async def stop(self) -> None:
        """End the inventory, close the connection and end the task."""
        if self._session is not None:
            with contextlib.suppress(LinkError, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._session.farewell()
        await super().stop()

    async def _hold(self) -> tuple[str, bool]:
        """Hold one connection until it ends; return why it ended and whether it was open."""
        try:
            async with asyncio.timeout(CONNECT_S):
                reader = await _connect(self._host, self._port)
        except TimeoutError:
            return f"{self._where} does not answer within {CONNECT_S:.0f} s", False
        except OSError as error:
            return f"{self._where} cannot be reached: {error.strerror or error}", False
        session, why = LlrpSession(reader, self._on_bytes), ""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.read())
                title = await session.set_up()
                log.info("event=line_up device=%s address=%s reader=%s", self._name, self._where, title)
                self._session = session
                self._on_open()
                session.greet()
                tasks.create_task(session.watch())
                await session.obey()
        except* LinkError as errors:
            why = str(_first(errors))
        except* OSError as errors:
            failure = _first(errors)
            why = f"the connection went away: {getattr(failure, 'strerror', None) or failure}"
        finally:
            was_open, self._session = self._session is not None, None
            reader.close()
        return f"{self._where}: {why}", was_open


async def _connect(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    error: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        line = socket.socket(family, kind, protocol)
        line.setblocking(False)
        try:
            await loop.sock_connect(line, address)
        except OSError as failure:
            line.close()
            error = failure
        except BaseException:
            line.close()
            raise
        else:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return line
    raise error or OSError(f"{host} has no address")


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
