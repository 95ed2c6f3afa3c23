"""A null modem in memory: a twin and the host side of its line, in simulated time.

Both sides talk at the twin's baud rate, so a step of the clock carries no more bytes than a real line
would. Faults are injected per direction. The host is anything with a driver's four calls; what its
``receive`` returns is collected.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from firmware_sim.links.faults import PERFECT, FaultRates, FaultyBytes
from firmware_sim.model import SerialTwin

ReadT = TypeVar("ReadT")
ReadT_co = TypeVar("ReadT_co", covariant=True)

BITS_PER_BYTE = 10


class Host(Protocol[ReadT_co]):
    """The host side of a serial line, for example a driver of the edge."""

    def connected(self, now: int) -> None:
        """The line has opened."""

    def receive(self, data: bytes, now: int) -> Sequence[ReadT_co]:
        """Bytes came from the device."""
        ...

    def poll(self, now: int) -> bytes:
        """Return what the host sends now."""
        ...

    def disconnected(self, now: int) -> Sequence[ReadT_co]:
        """The line has closed."""
        ...


class _Lane:
    """One direction: bytes wait for their turn at the line's rate."""

    def __init__(self, baud: int, faults: FaultyBytes) -> None:
        self._bytes_per_ms = baud / BITS_PER_BYTE / 1000
        self._faults = faults
        self._waiting = bytearray()
        self._credit = 0.0

    def carry(self, data: bytes, elapsed_ms: int) -> list[bytes]:
        """Accept ``data`` and return the chunks that arrive within ``elapsed_ms``."""
        self._waiting += data
        self._credit += elapsed_ms * self._bytes_per_ms
        count = min(int(self._credit), len(self._waiting))
        arriving = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._credit = self._credit - count if self._waiting else 0.0
        return self._faults.apply(arriving) if arriving else self._faults.flush()


class NullModem(Generic[ReadT]):
    """Connects a twin and a host.

    Args:
        twin: the device.
        host: the other side.
        now: simulated time at the start, in ms.
        up: faults from device to host.
        down: faults from host to device.
        seed: of both.

    Attributes:
        cut: while true, what either side says is lost.
    """

    def __init__(
        self,
        twin: SerialTwin,
        host: Host[ReadT],
        *,
        now: int = 0,
        up: FaultRates = PERFECT,
        down: FaultRates = PERFECT,
        seed: int = 0,
    ) -> None:
        self.now = now
        self.up_faults = FaultyBytes(up, seed=seed)
        self.down_faults = FaultyBytes(down, seed=seed + 1)
        self.bytes_sent_down = bytearray()
        self.cut = False
        self._twin = twin
        self._host = host
        self._up = _Lane(twin.baud, self.up_faults)
        self._down = _Lane(twin.baud, self.down_faults)
        host.connected(now)

    def step(self, elapsed_ms: int = 10) -> list[ReadT]:
        """Let time pass and return the host's reads of that time."""
        self.now += elapsed_ms
        sent = self._host.poll(self.now)
        self.bytes_sent_down += sent
        if self.cut:
            self._twin.transmit(self.now)
            return []
        for chunk in self._down.carry(sent, elapsed_ms):
            self._twin.receive(chunk, self.now)
        reads: list[ReadT] = []
        for chunk in self._up.carry(self._twin.transmit(self.now), elapsed_ms):
            reads.extend(self._host.receive(chunk, self.now))
        return reads

    def run(self, duration_ms: int, *, step_ms: int = 10) -> list[ReadT]:
        """Let ``duration_ms`` pass in steps and return all reads."""
        reads: list[ReadT] = []
        end = self.now + duration_ms
        while self.now < end:
            reads.extend(self.step(min(step_ms, end - self.now)))
        return reads

    def reconnect(self) -> list[ReadT]:
        """Close and open the host's side; the twin does not notice. Return the reads of closing."""
        reads = list(self._host.disconnected(self.now))
        self._host.connected(self.now)
        return reads
