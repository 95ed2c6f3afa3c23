"""A twin behind a pseudo-terminal, in real time: any program can open it like a serial port.

The slave's path changes from run to run, so a symbolic link at a path of the caller's choice points to
it. One thread moves bytes: the host's to the twin, the twin's to the host, paced at the baud rate. The
host may close and open the port as often as it likes. A host that sets another line rate hears the bits
at that rate, and is heard so. While it is closed, bytes fall on the floor, as
on a real line, and nothing stale waits for the next opener.

The twin belongs to that thread between :meth:`PtyLink.start` and :meth:`PtyLink.stop`; whoever changes
its world meanwhile holds :attr:`PtyLink.lock`.
"""

import logging
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from contract.errors import LinkError
from firmware_sim.links.faults import PERFECT, FaultRates, FaultyBytes
from firmware_sim.links.uart import BITS_PER_BYTE, resample
from firmware_sim.model import SerialTwin

_logger = logging.getLogger(__name__)

TICK_S: Final = 0.005
STOP_TIMEOUT_S: Final = 5.0
DEFAULT_PTY_BAUD: Final = 38_400
"""What a new pty says; a host that never sets a rate, such as a shell, is taken to know it."""

_SPEEDS: Final = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name.startswith("B") and name[1:].isdigit()
}


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class PtyLink:
    """One twin on one pty.

    Args:
        twin: the device.
        path: symbolic link to create; an old symbolic link there is replaced.
        faults: what happens to bytes on their way to the host.
        seed: of the faults.
        clock: time in ms for the twin.

    Attributes:
        lock: hold it to touch the twin while the link runs.
        lost_bytes: bytes the twin sent that no host received.
    """

    def __init__(
        self,
        twin: SerialTwin,
        path: Path,
        *,
        faults: FaultRates = PERFECT,
        seed: int = 0,
        clock: Callable[[], int] = _wall_ms,
    ) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.lost_bytes = 0
        self._twin = twin
        self._faults = FaultyBytes(faults, seed=seed)
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._waiting = bytearray()

    def start(self) -> None:
        """Open the pty, place the symbolic link and begin.

        Raises:
            LinkError: when there is no pty to be had, or something else stands at ``path``.
        """
        if self._thread is not None:
            raise LinkError(f"the simulated line at {self.path} runs already")
        if self.path.exists() and not self.path.is_symlink():
            raise LinkError(
                f"{self.path} exists and is not a symbolic link; choose another path for the simulated line"
            )
        try:
            self._master, slave = os.openpty()
            tty.setraw(slave)
            self._slave_path = os.ttyname(slave)
            os.close(slave)
            os.set_blocking(self._master, False)
            self.path.unlink(missing_ok=True)
            self.path.symlink_to(self._slave_path)
        except (OSError, termios.error) as error:
            raise LinkError(f"cannot open a simulated line at {self.path}: {error}") from error
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=f"pty {self.path.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, close the pty and remove the symbolic link."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join(STOP_TIMEOUT_S)
        self._thread = None
        os.close(self._master)
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._master, select.POLLIN)
        bytes_per_s = self._twin.baud / BITS_PER_BYTE
        was_open = False
        credit, before = 0.0, time.monotonic()
        while not self._stopping.wait(TICK_S):
            moment = time.monotonic()
            credit += (moment - before) * bytes_per_s
            before = moment
            events = sum(event for _, event in poller.poll(0))
            is_open = not events & select.POLLHUP
            if is_open != was_open:
                was_open = is_open
                _logger.info("path=%s host=%s", self.path, "open" if is_open else "closed")
                if not is_open:
                    self._forget_unread()
            heard = self._read() if is_open and events & select.POLLIN else b""
            rate = self._host_baud()
            with self.lock:
                now = self._clock()
                if heard:
                    self._twin.receive(resample(heard, rate, self._twin.baud), now)
                for chunk in self._faults.apply(self._twin.transmit(now)) or self._faults.flush():
                    self._waiting += resample(chunk, self._twin.baud, rate)
            count = min(int(credit), len(self._waiting))
            due = bytes(self._waiting[:count])
            del self._waiting[:count]
            credit = credit - count if self._waiting else 0.0
            self.lost_bytes += len(due) - (self._write(due) if is_open else 0)

    def _host_baud(self) -> int:
        """Return the line rate that the host has set; one that never set any hears at the twin's."""
        try:
            rate = _SPEEDS.get(termios.tcgetattr(self._master)[5], self._twin.baud)
        except termios.error:
            return self._twin.baud
        return self._twin.baud if rate == DEFAULT_PTY_BAUD else rate

    def _forget_unread(self) -> None:
        """Drop what the last host left unread: the kernel would keep it for the next one."""
        slave = os.open(self._slave_path, os.O_RDWR | os.O_NOCTTY)
        try:
            termios.tcflush(slave, termios.TCIOFLUSH)
        finally:
            os.close(slave)

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 4096)
        except OSError:  # the host closed between poll and read
            return b""

    def _write(self, due: bytes) -> int:
        """Write what the pty takes and return how much; a host that does not read overruns."""
        try:
            return os.write(self._master, due) if due else 0
        except OSError:
            return 0
