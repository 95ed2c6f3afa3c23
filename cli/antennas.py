"""What antennas hear, summed up: reads of the last seconds, and the readers opened to get them.

The part of the survey without a screen. Opening a reader here is opening it as the agent does, through
:class:`edge.lines.Lines` and its driver.
"""

import asyncio
import contextlib
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Self

import msgspec

from contract.errors import ConfigError
from edge.config import Edge
from edge.driver import Driver
from edge.lines import Lines
from edge.model import StatusRead, TagRead

RECENT_S: Final = 5.0
POLL_S: Final = 0.05
CLEAR_DB: Final = 6.0


class Heard(msgspec.Struct, frozen=True):
    """What one antenna heard lately.

    Attributes:
        reads_per_s: over the time looked at.
        tags: different tags.
        rssi_dbm: median, None when the reader tells none.
        best_dbm: strongest read.
        best_epc: its tag.
    """

    reads_per_s: float
    tags: int
    rssi_dbm: float | None
    best_dbm: float | None
    best_epc: str


class Ear:
    """Reads of the last seconds, by device and antenna.

    Args:
        recent_s: how far back.
    """

    def __init__(self, recent_s: float = RECENT_S) -> None:
        self._recent_ms = int(recent_s * 1000)
        self._reads: deque[TagRead] = deque(maxlen=200_000)
        self.said: dict[str, str] = {}

    def take(self, read: TagRead) -> None:
        """Note a read."""
        self._reads.append(read)

    def clear(self) -> None:
        """Forget what was read so far."""
        self._reads.clear()

    def heard(self, now: int) -> dict[tuple[str, int], Heard]:
        """Return what each antenna heard up to ``now`` (ms)."""
        while self._reads and self._reads[0].at < now - self._recent_ms:
            self._reads.popleft()
        by_antenna: dict[tuple[str, int], list[TagRead]] = {}
        for read in self._reads:
            by_antenna.setdefault((read.device, read.antenna), []).append(read)
        return {place: self._sum_up(reads, now) for place, reads in sorted(by_antenna.items())}

    def _sum_up(self, reads: list[TagRead], now: int) -> Heard:
        span_s = max(1.0, (now - reads[0].at) / 1000)
        levels = [read.rssi_dbm for read in reads if read.rssi_dbm is not None]
        best = max(reads, key=lambda read: read.rssi_dbm if read.rssi_dbm is not None else -999.0)
        return Heard(
            reads_per_s=round(sum(read.reads for read in reads) / span_s, 1),
            tags=len({read.epc for read in reads}),
            rssi_dbm=statistics.median(levels) if levels else None,
            best_dbm=best.rssi_dbm,
            best_epc=best.epc,
        )


def nearest(
    heard: dict[tuple[str, int], Heard], before: dict[tuple[str, int], Heard]
) -> tuple[str, int] | None:
    """Return the antenna at which a tag was just held, None when that is not clear.

    The strongest read decides when it leads by 6 dB over every other antenna; without RSSI, the antenna
    whose rate of reads rose most, when it rose twice as much as any other.
    """
    levels = sorted(
        ((found.best_dbm, place) for place, found in heard.items() if found.best_dbm is not None),
        reverse=True,
    )
    if levels:
        clear = len(levels) == 1 or levels[0][0] - levels[1][0] >= CLEAR_DB
        return levels[0][1] if clear else None
    rises = sorted(
        (
            (found.reads_per_s - (before[place].reads_per_s if place in before else 0.0), place)
            for place, found in heard.items()
        ),
        reverse=True,
    )
    if not rises or rises[0][0] <= 0 or (len(rises) > 1 and rises[0][0] < 2 * max(rises[1][0], 0.0)):
        return None
    return rises[0][1]


class Survey:
    """Readers of a configuration, opened, and an ear on them.

    Args:
        edge: checked configuration; only its readers are opened.
    """

    def __init__(self, edge: Edge) -> None:
        readers = tuple(device for device in edge.devices if device.spec.kind == "rfid")
        if not readers:
            raise ConfigError(
                "no reader is configured; expected a device with driver m100, llrp or another UHF reader"
            )
        self.edge = msgspec.structs.replace(edge, devices=readers)
        self.ear = Ear()
        self._drivers: dict[str, Driver] = {
            device.settings.id: device.spec.build(device.settings.id, device.driver_settings)
            for device in readers
        }
        self._loop = asyncio.get_running_loop()
        self._lines = Lines(
            self.edge,
            on_open=lambda name: self._later(self._drivers[name].connected, now_ms()),
            on_close=lambda name, why: self._later(self.ear.said.__setitem__, name, why),
            on_bytes=lambda name, data, topic: self._later(self._take, name, data, topic),
            on_push=self._pushed,
        )

    def _later(self, call: Callable[..., Any], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, a line's thread has not yet
            self._loop.call_soon_threadsafe(call, *arguments)

    def _pushed(self, name: str, body: bytes, path: str, stored: Callable[[], None]) -> None:
        self._take(name, body, path)
        stored()

    def _take(self, name: str, data: bytes, topic: str) -> None:
        for read in self._drivers[name].receive_on(topic, data, now_ms()):
            if isinstance(read, TagRead):
                self.ear.take(read)
                self.ear.said.pop(name, None)
            elif isinstance(read, StatusRead) and read.what not in ("alive", "started"):
                self.ear.said[name] = f"{read.what} {read.detail}".strip()

    async def listen(self, seconds: float, each_turn: Callable[[], None] = lambda: None) -> None:
        """Let the readers read for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name in self._lines.own:
                if sending := self._drivers[name].poll(now_ms()):
                    self._lines.write(name, sending)
            each_turn()
            await asyncio.sleep(POLL_S)

    async def __aenter__(self) -> Self:
        self._lines.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._lines.stop()


def now_ms() -> int:
    """Return the time of day in ms UTC."""
    return time.time_ns() // 1_000_000
