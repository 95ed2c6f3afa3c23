"""A twin that pushes over HTTP: a POST for each payload, again and again until it is answered 2xx.

What comes next waits for it, so payloads arrive in order. Meanwhile nothing more is taken from the twin,
whose own queue is bounded. Whoever changes the twin's world holds :attr:`HttpPusher.lock`.
"""

import http.client
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from contract.errors import LinkError
from firmware_sim.model import PublishingTwin

log = logging.getLogger(__name__)

TICK_S: Final = 0.05
AGAIN_AFTER_S: Final = 1.0
ANSWER_S: Final = 10.0
STOP_TIMEOUT_S: Final = ANSWER_S + 1.0


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class HttpPusher:
    """One twin that pushes to one listener.

    Args:
        twin: the device; its topics are paths.
        host: where the listener is.
        port: its TCP port.
        token: sent as ``Authorization: Bearer``, None for none.
        clock: time in ms for the twin.

    Attributes:
        lock: hold it to touch the twin while the pusher runs.
        accepted: payloads answered 2xx.
        refused: attempts that were not, an absent listener included.
    """

    def __init__(
        self,
        twin: PublishingTwin,
        *,
        host: str = "127.0.0.1",
        port: int = 8090,
        token: str | None = None,
        clock: Callable[[], int] = _wall_ms,
    ) -> None:
        self.lock = threading.Lock()
        self.accepted = self.refused = 0
        self._twin = twin
        self._host, self._port = host, port
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._clock = clock
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to push; a listener that is away is tried again and again.

        Raises:
            LinkError: when it runs already.
        """
        if self._thread is not None:
            raise LinkError(f"the simulated device that pushes to {self._host}:{self._port} runs already")
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="simulated http device", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what was not accepted is lost, as with the power."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join(STOP_TIMEOUT_S)
        self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _run(self) -> None:
        told = ""
        while not self._stopping.wait(TICK_S):
            if not self._waiting:
                with self.lock:
                    self._waiting.extend(self._twin.publish(self._clock()))
            while self._waiting and not self._stopping.is_set():
                if not (why := self._push(*self._waiting[0])):
                    self._waiting.popleft()
                    self.accepted += 1
                    told = ""
                    continue
                self.refused += 1
                if why != told:
                    told = why
                    log.info("event=push_refused listener=%s:%d why=%s", self._host, self._port, why)
                self._stopping.wait(AGAIN_AFTER_S)

    def _push(self, path: str, body: bytes) -> str:
        """Return an empty string when it was accepted, else why not."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_S)
        try:
            connection.request("POST", path, body, self._headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()
        return "" if 200 <= answer.status < 300 else f"status {answer.status}"
