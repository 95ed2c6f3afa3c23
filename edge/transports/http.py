"""Devices that push over HTTP: one listener for all of them, each under a path of its own.

Lives on the agent's loop (uvicorn). A push is answered 204 when what it led to is **stored** in the
outbox, so a device that repeats what was not acknowledged loses nothing when the agent dies in between;
503 asks it to send again. Bodies are bounded. Beyond loopback the listener needs a token, which a device
sends as ``Authorization: Bearer TOKEN``, as the password of Basic authentication or as ``?token=TOKEN``.
"""

import asyncio
import base64
import binascii
import contextlib
import hmac
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

import uvicorn

from edge.transports.line import pauses

log = logging.getLogger(__name__)

MAX_BODY: Final = 1024 * 1024
STORE_S: Final = 5.0

OnPush: TypeAlias = Callable[[str, bytes, str, Callable[[], None]], None]
"""device, body, path, and what to call on the loop when it is stored."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the agent stops its lines in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpListener:
    """See the module's opening paragraph.

    Args:
        host: address to listen on.
        port: TCP port.
        paths: device id → path.
        token: what a device must send, empty for none.
        on_open: called with a device id when the listener is up.
        on_close: called with device id and reason when it cannot listen.
        on_push: called for each accepted body.
    """

    def __init__(
        self,
        host: str,
        port: int,
        paths: Mapping[str, str],
        *,
        token: str,
        on_open: Callable[[str], None],
        on_close: Callable[[str, str], None],
        on_push: OnPush,
    ) -> None:
        self._host, self._port = host, port
        self._devices = {path: device for device, path in paths.items()}
        self._token = token.encode()
        self._on_open, self._on_close, self._on_push = on_open, on_close, on_push
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="http-listener")

    async def stop(self) -> None:
        """Finish what is being answered and close the port."""
        if self._task is None:
            return
        if self._server is None:
            self._task.cancel()
        else:
            self._server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        waits, told = pauses(), ""
        while True:
            try:
                listening = socket.create_server((self._host, self._port))
                break
            except OSError as error:
                why = f"cannot listen for devices on {self._host}:{self._port}: {error.strerror or error}"
                if why != told:
                    told = why
                    log.warning("event=listener_down error=%s", why)
                    for device in self._devices.values():
                        self._on_close(device, why)
            await asyncio.sleep(next(waits))
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._server = _Server(config)
        log.info("event=listener_up host=%s port=%d devices=%d", self._host, self._port, len(self._devices))
        for device in self._devices.values():
            self._on_open(device)
        with listening:
            await self._server.serve(sockets=[listening])

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI: take one push."""
        if scope["type"] != "http":
            return
        status, text = await self._take(scope, receive)
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        if status == 401:
            headers.append((b"www-authenticate", b'Basic realm="shelfwise"'))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    async def _take(self, scope: dict[str, Any], receive: Any) -> tuple[int, str]:
        path = scope["path"]
        if self._token and not self._allowed(scope):
            return 401, "a token is needed: as Bearer, as Basic password or as ?token="
        device = self._devices.get(path)
        if device is None:
            return 404, "no device is configured under this path"
        if scope["method"] not in ("POST", "PUT"):
            return 405, "devices push with POST"
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400, "the connection ended within the body"
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY:
                return 413, f"a body has at most {MAX_BODY} bytes"
        stored = asyncio.Event()
        self._on_push(device, bytes(body), path, stored.set)
        try:
            async with asyncio.timeout(STORE_S):
                await stored.wait()
        except TimeoutError:
            return 503, "not stored yet; send it again"
        return 204, ""

    def _allowed(self, scope: dict[str, Any]) -> bool:
        candidates = [
            token.encode() for token in parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        ]
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, credentials = value.partition(b" ")
                if scheme.lower() == b"bearer":
                    candidates.append(credentials.strip())
                elif scheme.lower() == b"basic":
                    with contextlib.suppress(binascii.Error):
                        candidates.append(base64.b64decode(credentials).partition(b":")[2])
        return any(hmac.compare_digest(candidate, self._token) for candidate in candidates)
