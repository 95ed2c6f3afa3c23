"""Signs of life of a long-running program: to systemd's notification socket, and to a file.

A program's main loop calls its :class:`Heartbeat` as often as it likes; the first call says ``READY=1``,
later ones ``WATCHDOG=1``, at most once per half of the interval that systemd asked for. Nothing beats by
itself: a loop that hangs goes silent, and systemd starts the program anew. A container has no such
socket, so the same beat can renew a file whose age its health check looks at.

Protocol: sd_notify(3); the socket's name is in NOTIFY_SOCKET, the interval in WATCHDOG_USEC, and
WATCHDOG_PID says which process is meant.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from contract.errors import LinkError

log = logging.getLogger(__name__)

DEFAULT_BEAT_S: Final = 5.0
SHORTEST_BEAT_S: Final = 0.1
SEND_TIMEOUT_S: Final = 1.0
HEARTBEAT_FILE: Final = "SHELFWISE_HEARTBEAT_FILE"


def notify(address: str, state: str) -> None:
    """Send one state to a notification socket.

    Args:
        address: a path, or ``@`` and a name for a socket in the abstract namespace.
        state: for example ``READY=1``.

    Raises:
        LinkError: nobody took it.
    """
    name = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(SEND_TIMEOUT_S)
            line.sendto(state.encode(), name)
    except OSError as error:
        raise LinkError(f"{state!r} could not be sent to {address}: {error.strerror or error}") from error


class Heartbeat:
    """Calling it is a sign of life; :meth:`stopping` is the last one.

    Args:
        address: notification socket, empty for none.
        file: file to renew, None for none.
        every_s: at most one beat in this time.
        monotonic: gives seconds; for tests.
    """

    def __init__(
        self,
        address: str,
        file: Path | None,
        every_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._file = file
        self._every_s = every_s
        self._monotonic = monotonic
        self._ready = False
        self._failing = False
        self._next_s = 0.0

    def __call__(self) -> None:
        """Say that the program lives; too early a call does nothing."""
        now = self._monotonic()
        if self._ready and now < self._next_s:
            return
        self._next_s = now + self._every_s
        if self._tell("WATCHDOG=1" if self._ready else "READY=1\nWATCHDOG=1"):
            self._ready = True

    def stopping(self) -> None:
        """Say that the program is about to end, and take the file away."""
        self._tell("STOPPING=1", renew=False)

    def _tell(self, state: str, *, renew: bool = True) -> bool:
        """Tell socket and file; log when that begins to fail and when it works again."""
        try:
            if self._address:
                notify(self._address, state)
            if self._file is not None:
                _mark(self._file, present=renew)
        except LinkError as error:
            if not self._failing:
                log.warning("event=heartbeat_failed error=%s", error)
            self._failing = True
            return False
        if self._failing:
            log.warning("event=heartbeat_resumed")
        self._failing = False
        return True


def _mark(file: Path, *, present: bool) -> None:
    try:
        if present:
            file.touch()
        else:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise LinkError(f"{file} cannot be renewed: {error.strerror}") from error


def heartbeat_from(environment: Mapping[str, str], pid: int | None = None) -> Heartbeat:
    """Return the heartbeat that this program's surroundings ask for; one that does nothing when they ask for none."""
    file = environment.get(HEARTBEAT_FILE, "")
    return Heartbeat(
        environment.get("NOTIFY_SOCKET", ""),
        Path(file) if file else None,
        _every_s(environment, os.getpid() if pid is None else pid),
    )


def _every_s(environment: Mapping[str, str], pid: int) -> float:
    interval_us = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
    if not interval_us.isdecimal() or not meant:
        return DEFAULT_BEAT_S
    return max(SHORTEST_BEAT_S, int(interval_us) / 2_000_000)
