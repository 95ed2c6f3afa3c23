"""What drivers of people counters with payloads share: what the parsed frames mean as reads.

Numbered packages show what was lost on the way: a jump of the number is a ``gap`` status that says how many. A number that comes again, or below the last one, is a repeat or a late delivery; far below it, the
sender started anew. Whether a repeated report counts is decided where people are counted, see
:mod:`edge.sensing.footfall`, because that survives a restart.
"""

from collections.abc import Iterable
from typing import Annotated, Final, TypeAlias

import msgspec

from contract.wire.base import Reject
from contract.wire.counting import Frame, LineCount, Package
from edge.driver import Driver
from edge.model import CountRead, Read

RESTART_BELOW: Final = 1_000
MAX_SENDERS: Final = 64
MAX_LINES: Final = 256

MaxSkewS: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=7 * 24 * 3600)]


class PayloadCounterDriver(Driver):
    """Host side of one counter that publishes or pushes.

    Args:
        device: device id.
        swap: the sensor hangs the other way round.
        max_skew_s: a count happened when the device says, if that differs from the time of arrival by so
            much at most.
    """

    def __init__(self, device: str, *, swap: bool, max_skew_s: int) -> None:
        super().__init__(device)
        self._swap = swap
        self._max_skew_ms = max_skew_s * 1_000
        self._numbers: dict[str, int] = {}
        self._totals: dict[str, tuple[int | None, int | None]] = {}

    def connected(self, now: int) -> None:
        """A session begins; what was numbered before goes on."""

    def _reads(self, frames: Iterable[Frame | Reject], now: int) -> list[Read]:
        return [read for frame in frames for read in self._read(frame, now)]

    def _read(self, frame: Frame | Reject, now: int) -> list[Read]:
        match frame:
            case Reject():
                return [self._reject(frame, now)]
            case LineCount():
                return [self._count(frame, now)]
            case Package(sender=sender, number=number):
                return self._gap(sender, number, now)
            case _:
                return [self._status("alive", now, f"{frame.what} {frame.detail}".strip())]

    def _count(self, count: LineCount, now: int) -> Read:
        entered, left = count.entered, count.left
        if count.cumulative:
            entered, left = self._both_totals(count)
        elif entered is None or left is None:
            entered, left = entered or 0, left or 0
        if entered is None or left is None:
            return self._status("alive", now, f"line {count.line}: the total of one way only")
        if self._swap:
            entered, left = left, entered
        near = count.to_ms is not None and abs(count.to_ms - now) <= self._max_skew_ms
        return CountRead(
            device=self._device,
            at=count.to_ms if near and count.to_ms is not None else now,
            line=count.line,
            entered=entered,
            left=left,
            cumulative=count.cumulative,
            report=count.report,
            told_at=count.to_ms if count.cumulative else None,
            preference=count.preference,
        )

    def _both_totals(self, count: LineCount) -> tuple[int | None, int | None]:
        """Return both totals of a line; a message may carry only the one that has changed."""
        known = self._totals.pop(count.line, (None, None))
        totals = (
            known[0] if count.entered is None else count.entered,
            known[1] if count.left is None else count.left,
        )
        self._totals[count.line] = totals
        if len(self._totals) > MAX_LINES:
            del self._totals[next(iter(self._totals))]
        return totals

    def _gap(self, sender: str, number: int, now: int) -> list[Read]:
        last = self._numbers.get(sender, number)
        if 0 <= last - number < RESTART_BELOW and sender in self._numbers:
            return []
        self._numbers[sender] = number
        if len(self._numbers) > MAX_SENDERS:
            del self._numbers[next(iter(self._numbers))]
        lost = number - last - 1
        if lost < 1:
            return []
        packages = "package was" if lost == 1 else "packages were"
        return [self._status("gap", now, f"{lost} {packages} lost before number {number}")]
