"""Why a device on an open line is not understood: wrong line rate, another device, or nothing there.

A driver only knows that bytes make no frame. Here the bytes of a line that nobody understands are kept
for a moment and shown to every other driver, so that device health can name the cause instead of a
count. Pure: the pipeline hands over what came and asks for a verdict.
"""

from typing import Any, Final, NamedTuple

import msgspec

from edge.driver import DriverSpec
from edge.drivers import drivers
from edge.model import BarcodeRead, CountRead, Read, RejectRead, StatusRead, TagRead, WeightRead

SUSPECT_MS: Final = 4_000
"""Bytes without one frame for this long are worth a word."""

LOOK_EVERY_MS: Final = 2_000
SAMPLE_BYTES: Final = 4_096
FEW_BYTES: Final = 8

SENSED: Final = (TagRead, WeightRead, CountRead, BarcodeRead)


class Fit(NamedTuple):
    """How well a driver understands bytes.

    Attributes:
        understood: reads that say something.
        refused: bytes that made no frame.
    """

    name: str
    understood: int
    refused: int


def fits(sample: bytes) -> list[Fit]:
    """Return the drivers of byte lines that understand some of ``sample``, best first.

    To a scanner every line of text is a code, so scanners are named when nobody else understands.
    """
    found: list[Fit] = []
    scanners: list[Fit] = []
    for spec in drivers().values():
        if not spec.streams:
            continue
        driver = spec.build("candidate", msgspec.convert({}, spec.settings))
        driver.connected(0)
        reads = [*driver.receive(sample, 0), *driver.disconnected(0)]
        understood = sum(isinstance(read, SENSED) for read in reads)
        refused = sum(len(read.raw) for read in reads if isinstance(read, RejectRead))
        if understood and refused < len(sample) / 2:
            fitting = scanners if spec.kind == "scanner" else found
            fitting.append(Fit(spec.name, understood, refused))
    return sorted(
        found or scanners,
        key=lambda fit: (fit.refused, -fit.understood, bool(drivers()[fit.name].reads_also), fit.name),
    )


class LineWatch:
    """Watches one byte line.

    Args:
        device: device id.
        spec: its driver.
        rate: line rate and framing as people write them, empty for a line without.
    """

    def __init__(self, device: str, spec: DriverSpec[Any], rate: str) -> None:
        self._device = device
        self._spec = spec
        self._rate = rate
        self._open = False
        self._told = ""
        self._begin(0)

    def _begin(self, now: int) -> None:
        self._since = now
        self._heard = 0
        self._sample = bytearray()
        self._look_at = now + SUSPECT_MS

    def opened(self, now: int) -> None:
        """The line has opened."""
        self._open, self._told = True, ""
        self._begin(now)

    def closed(self) -> None:
        """The line has closed; its own reason is the cause."""
        self._open = False

    def received(self, data: bytes, reads: list[Read], now: int) -> None:
        """Note what came, and what the driver made of it."""
        if any(not isinstance(read, RejectRead) for read in reads):
            self._told = ""
            self._begin(now)
            return
        self._heard += len(data)
        self._sample += data
        del self._sample[:-SAMPLE_BYTES]

    def verdict(self, now: int) -> StatusRead | None:
        """Return the cause, once, when there is a new one."""
        if not self._open or now < self._look_at:
            return None
        self._look_at = now + LOOK_EVERY_MS
        if self._heard >= FEW_BYTES:
            what, detail = "not_understood", self._explain()
        elif now - self._since >= self._spec.silent_after_ms:
            what, detail = "nothing_comes", "is the device on, and are RX and TX the right way round?"
        else:
            return None
        if detail == self._told:
            return None
        self._told = detail
        return StatusRead(device=self._device, at=now, what=what, detail=detail)

    def _explain(self) -> str:
        others = [fit for fit in fits(bytes(self._sample)) if fit.name != self._spec.name]
        if others:
            return f"what comes looks like a device of driver {others[0].name!r}, not {self._spec.name!r}"
        rate = f"; is {self._rate} its line rate?" if self._rate else ""
        return f"what comes makes no frame of {self._spec.name!r}{rate}"
