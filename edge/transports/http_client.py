"""A device that is asked over HTTP: one request at a time, each answered or given up.

Lives on the agent's loop. What is written is one :class:`~edge.driver.HttpRequest` as JSON, what arrives
one :class:`~edge.driver.HttpReply`; any answer of the device opens the line, whatever its status. A
request that gets none is dropped, because only the driver knows whether it still matters, and the next
one waits with back-off. Redirects are not followed, proxies of the environment are not used, and an
answer beyond :data:`MAX_BODY` is none.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import httpx
import msgspec

from edge.driver import HttpReply, HttpRequest
from edge.transports.connection import ConnectionLine

log = logging.getLogger(__name__)

ANSWER_S: Final = 10.0
CONNECT_S: Final = 5.0
MAX_BODY: Final = 512 * 1024
MAX_WAITING: Final = 32


class _TooLongError(Exception):
    """The answer is longer than any device here gives."""


class HttpClientLine(ConnectionLine):
    """See the module's opening paragraph and :class:`edge.transports.connection.ConnectionLine`."""

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
        super().__init__(name, host, port, on_open=on_open, on_close=on_close, on_bytes=on_bytes)
        self._waiting: asyncio.Queue[HttpRequest] = asyncio.Queue(MAX_WAITING)
        self._full = False

    def write(self, data: bytes) -> None:
        """Send one request; dropped when too many wait."""
        if not data:
            return
        request = msgspec.json.decode(data, type=HttpRequest)
        try:
            self._waiting.put_nowait(request)
        except asyncio.QueueFull:
            if not self._full:
                log.warning("event=requests_dropped device=%s waiting=%d", self._name, MAX_WAITING)
            self._full = True
        else:
            self._full = False

    async def _hold(self) -> tuple[str, bool]:
        """Ask one request after the other until one gets no answer; open from the first answer on."""
        is_open = False
        async with httpx.AsyncClient(
            base_url=f"http://{self._where}",
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            follow_redirects=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        ) as client:
            while True:
                reply, why = await self._exchange(client, await self._waiting.get())
                if reply is None:
                    return why, is_open
                if not is_open:
                    is_open = True
                    log.info("event=line_up device=%s address=%s", self._name, self._where)
                    self._on_open()
                self._on_bytes(msgspec.json.encode(reply))

    async def _exchange(
        self, client: httpx.AsyncClient, request: HttpRequest
    ) -> tuple[HttpReply | None, str]:
        """Return the answer to one request, or why there is none."""
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                client.stream(request.method, request.path, data=request.form or None) as response,
            ):
                body = await _body(response)
        except (TimeoutError, httpx.TimeoutException):
            return None, f"{self._where} does not answer within {ANSWER_S:.0f} s"
        except _TooLongError:
            return None, f"{self._where} answers with more than {MAX_BODY} bytes"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, f"{self._where} cannot be asked: {str(error) or type(error).__name__}"
        return HttpReply(number=request.number, status=response.status_code, body=body), ""


async def _body(response: httpx.Response) -> bytes:
    """Return the body as it was sent; an encoded one is not unpacked, for it could be of any size."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MAX_BODY:
            raise _TooLongError
    return bytes(body)
