"""A device that is asked over HTTP: one request at a time, each answered or given up.

Lives on the agent's loop. What is written is one :class:`~edge.driver.HttpRequest` as JSON, what arrives
one :class:`~edge.driver.HttpReply`; any answer of the device opens the line, whatever its status. A
request that gets none is dropped, because only the driver knows whether it still matters, and the next
one waits with back-off. Redirects are not followed, proxies of the environment are not used, and an
answer beyond :data:`MAX_BODY` is none.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import httpx
import msgspec

from edge.driver import HttpReply, HttpRequest
from edge.transports.line import pauses

log = logging.getLogger(__name__)

ANSWER_S: Final = 10.0
CONNECT_S: Final = 5.0
MAX_BODY: Final = 512 * 1024
MAX_WAITING: Final = 32


class _TooLongError(Exception):
    """The answer is longer than any device here gives."""


class HttpClientLine:
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
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._on_open, self._on_close, self._on_bytes = on_open, on_close, on_bytes
        self._waiting: asyncio.Queue[HttpRequest] = asyncio.Queue(MAX_WAITING)
        self._full = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"http-client-{self._name}")

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

    async def stop(self) -> None:
        """Give up what is under way and end the task."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        waits, told, is_open = pauses(), "", False
        async with httpx.AsyncClient(
            base_url=f"http://{self._where}",
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            follow_redirects=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        ) as client:
            while True:
                request = await self._waiting.get()
                reply, why = await self._exchange(client, request)
                if reply is None:
                    if why != told:
                        log.warning("event=line_down device=%s error=%s", self._name, why)
                    if is_open or not told:
                        self._on_close(why)
                    told, is_open = why, False
                    await asyncio.sleep(next(waits))
                    continue
                if not is_open:
                    waits, told, is_open = pauses(), "", True
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
