"""A twin behind a real HTTP server on loopback, in real time.

Answers come from the server's own threads, one at a time; whoever changes the twin's world meanwhile
holds :attr:`HttpLink.lock`.
"""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Protocol, Self
from urllib.parse import parse_qsl

from contract.errors import LinkError

MAX_BODY: Final = 256 * 1024
STOP_TIMEOUT_S: Final = 5.0


class HttpTwin(Protocol):
    """A device that answers requests."""

    def answer(self, method: str, target: str, form: dict[str, str], now: int) -> tuple[int, bytes, str]:
        """Return status, body and content type."""
        ...


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class HttpLink:
    """One twin on one port.

    Args:
        twin: the device.
        port: to listen on, 0 for a free one.
        clock: time in ms for the twin.

    Attributes:
        lock: hold it to touch the twin while the link runs.
    """

    def __init__(self, twin: HttpTwin, port: int = 0, *, clock: Callable[[], int] = _wall_ms) -> None:
        self.lock = threading.Lock()
        self._twin = twin
        self._port = port
        self._clock = clock
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on, the same after a restart."""
        return self._port

    def start(self) -> None:
        """Listen and answer.

        Raises:
            LinkError: the port cannot be had.
        """
        link = self

        class Handler(BaseHTTPRequestHandler):
            timeout = STOP_TIMEOUT_S

            def do_GET(self) -> None:
                self._respond()

            def do_POST(self) -> None:
                self._respond()

            def _respond(self) -> None:
                length = self.headers.get("Content-Length", "0")
                size = int(length) if length.isdecimal() else 0
                body = self.rfile.read(min(size, MAX_BODY)).decode("utf-8", "replace")
                with link.lock:
                    status, answer, content_type = link._twin.answer(
                        self.command, self.path, dict(parse_qsl(body, keep_blank_values=True)), link._clock()
                    )
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing for each request."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        except OSError as error:
            raise LinkError(
                f"cannot listen on 127.0.0.1:{self._port} for a simulated device: {error.strerror or error}"
            ) from error
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=f"http {self._port}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(STOP_TIMEOUT_S)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
