"""A serial line: one thread that reads and hands over, and does nothing else.

A port that goes away (unplugged, USB reset) is opened again with back-off. ``write`` may be called from
any thread; what is written while the port is closed is dropped, as on a real line.
"""

import asyncio
import errno
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import serial

from contract.errors import LinkError
from edge.transports.line import Outage

log = logging.getLogger(__name__)

GATHER_S: Final = 0.02
"""After the first byte, so that a burst is handed over once and not byte by byte."""


class SerialLine:
    """See the module's opening paragraph.

    Args:
        name: device id, for logs.
        port: device path.
        baud: line rate.
        framing: data bits, parity, stop bits, for example ``8N1``.
        on_open: called when the port is open.
        on_close: called with the reason when it went away.
        on_bytes: called with what arrived. All three are called on the line's thread.
    """

    def __init__(
        self,
        name: str,
        port: str,
        baud: int,
        *,
        framing: str = "8N1",
        on_open: Callable[[], None],
        on_close: Callable[[str], None],
        on_bytes: Callable[[bytes], None],
    ) -> None:
        self._name = name
        self._port_name = port
        self._baud = baud
        self._framing = framing
        self._on_open = on_open
        self._on_close = on_close
        self._on_bytes = on_bytes
        self._stopping = threading.Event()
        self._port: serial.Serial | None = None
        self._thread = threading.Thread(target=self._run, name=f"serial-{name}", daemon=True)

    def start(self) -> None:
        """Open the port and keep it open."""
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Send bytes; dropped while the port is closed."""
        port = self._port
        if port is None or not data:
            return
        try:
            port.write(data)
        except (serial.SerialException, OSError) as error:
            log.debug("event=write_dropped device=%s error=%s", self._name, error)

    async def stop(self) -> None:
        """Close the port and end the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 3)

    def _run(self) -> None:
        outage = Outage()
        while not self._stopping.is_set():
            begun_s = time.monotonic()
            why, was_open = self._hold()
            if self._stopping.is_set():
                return
            ended = outage.ended(why, was_open=was_open, lasted_s=time.monotonic() - begun_s)
            if ended.news:
                log.warning("event=port_down device=%s error=%s", self._name, why)
            if ended.tell:
                self._on_close(why)
            self._stopping.wait(ended.pause_s)

    def _hold(self) -> tuple[str, bool]:
        """Keep the port open until it fails or stop is called; return why, and whether it was open."""
        try:
            port = self._open()
        except LinkError as error:
            return str(error), False
        log.info("event=port_up device=%s port=%s baud=%d", self._name, self._port_name, self._baud)
        self._port = port
        self._on_open()
        why = self._read(port)
        self._port = None
        port.close()
        return why, True

    def _open(self) -> serial.Serial:
        if not Path(self._port_name).exists():
            raise LinkError(f"serial port {self._port_name} is not there; is the device plugged in?")
        try:
            port = serial.Serial(
                None,
                self._baud,
                bytesize=int(self._framing[0]),
                parity=self._framing[1],
                stopbits=int(self._framing[2]),
                timeout=0.2,
                write_timeout=1.0,
                exclusive=True,
                dsrdtr=False,
                rtscts=False,
            )
            # An Arduino resets when DTR is raised on opening.
            port.dtr = False
            port.port = self._port_name
            port.open()
        except (serial.SerialException, OSError, ValueError) as error:
            raise LinkError(f"serial port {self._port_name} {_cause(error)}") from error
        return port

    def _read(self, port: serial.Serial) -> str:
        """Hand bytes over until the port fails or stop is called; returns why."""
        while not self._stopping.is_set():
            try:
                received = port.read(1)
                if received:
                    time.sleep(GATHER_S)
                    received += port.read(port.in_waiting)
            except (serial.SerialException, OSError, TypeError) as error:
                if not Path(self._port_name).exists():
                    return f"serial port {self._port_name} is gone; was the device unplugged?"
                return f"serial port {self._port_name} went away: {error}"
            if received:
                self._on_bytes(received)
        return "stopped"


def _cause(error: Exception) -> str:
    """Return what keeps a port from opening, in words that say what to do."""
    number = getattr(error, "errno", None)
    if number == errno.EACCES:
        return "may not be opened by this user: permission denied; add the user to the group 'dialout'"
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return "is in use by another program"
    return f"cannot be opened: {error}"
