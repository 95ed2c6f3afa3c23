"""Load cells on an HX711 behind an Arduino: weights on a serial line.

``ask`` talks to serial-scale-hx711: ``<i>`` until the firmware names itself, then ``<w>`` for each weight.
``listen`` reads what a sketch prints, by a pattern. The line says nothing of stability, so the driver does:
a weight is stable when the last few lie within a tolerance. After a tare (``<t>``, without an answer) half a
second must pass; weights of that time are old ones and not stable. Opening the port must not raise DTR,
which resets an Arduino; the serial transport sees to that.
"""

from collections import deque
from typing import Annotated, Literal

import msgspec

from contract.errors import FrameError
from contract.messages import AnyAction, Tare
from contract.wire import hx711
from contract.wire.weighing import Weight
from edge.driver import DriverSpec, StreamDriver
from edge.drivers._text_scale import PollMs, QuietMs
from edge.model import Read, WeightRead


class Hx711Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a load cell.

    Attributes:
        mode: ``ask`` for serial-scale-hx711, ``listen`` for sketches that print by themselves.
        pattern: what a weight looks like: a regular expression for the whole line with a group ``value``
            and, if it has one, ``unit``.
        factor_g: grams per unit of a value without a unit.
        poll_ms: how often to ask for a weight.
        quiet_ms: ask the firmware for its name again when nothing came for this long.
        stable_reads: a weight is stable when this many in a row …
        stable_within_g: … lie within so many grams of each other.
    """

    mode: Literal["ask", "listen"] = "ask"
    pattern: str = hx711.DEFAULT_PATTERN
    factor_g: float = 1.0
    poll_ms: PollMs = 200
    quiet_ms: QuietMs = 2_000
    stable_reads: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5
    stable_within_g: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 2.0

    def __post_init__(self) -> None:
        """Refuse a pattern that finds no value, where configuration is read."""
        try:
            hx711.Hx711Codec(self.pattern, self.factor_g)
        except FrameError as error:
            raise ValueError(error.detail) from error


class Hx711Driver(StreamDriver[hx711.Frame]):
    """Host side of one load cell."""

    def __init__(self, device: str, settings: Hx711Settings) -> None:
        self._settings = settings
        self._last: deque[float] = deque(maxlen=settings.stable_reads)
        super().__init__(device)
        self._begin(0)

    def _codec_for_line(self) -> hx711.Hx711Codec:
        return hx711.Hx711Codec(self._settings.pattern, self._settings.factor_g, mid_line=True)

    def _begin(self, now: int) -> None:
        self._named = False
        self._heard_at = self._next_ask = now
        self._settled_at = now
        self._due = b""
        self._last.clear()

    def poll(self, now: int) -> bytes:
        """Return a tare that is due, or ask for the firmware's name or a weight."""
        due, self._due = self._due, b""
        if due:
            self._next_ask = self._settled_at = now + hx711.SETTLE_MS
            self._last.clear()
            return due
        if self._settings.mode == "listen" or now < self._next_ask:
            return b""
        if now - self._heard_at >= self._settings.quiet_ms:
            self._named = False
        self._next_ask = now + self._settings.poll_ms
        return hx711.WEIGH if self._named else hx711.IDENTIFY

    def act(self, action: AnyAction, now: int) -> str:
        """Take a tare."""
        if not isinstance(action, Tare):
            return super().act(action, now)
        self._due = hx711.TARE
        return ""

    def _take(self, frame: hx711.Frame, now: int) -> list[Read]:
        self._heard_at = now
        match frame:
            case Weight(weight_g=weight_g):
                self._named = True
                return [
                    WeightRead(
                        device=self._device, at=now, weight_g=weight_g, stable=self._rests(weight_g, now)
                    )
                ]
            case hx711.Request(raw=raw):
                return [self._unknown(raw, now, "an echo of a command")]
            case _:
                self._named = True
                return [self._status("started", now, frame.text)]

    def _rests(self, weight_g: float, now: int) -> bool:
        if now < self._settled_at:
            return False
        self._last.append(weight_g)
        full = len(self._last) == self._settings.stable_reads
        return full and max(self._last) - min(self._last) <= self._settings.stable_within_g


DRIVER = DriverSpec(
    name="hx711",
    title="HX711 load cells behind an Arduino",
    kind="scale",
    transports=("serial",),
    protocol="hx711",
    settings=Hx711Settings,
    build=Hx711Driver,
    silent_after_ms=5_000,
    baud=hx711.BAUD,
    tier="silver",
    notes="serial-scale-hx711 by question and answer, or any sketch by a pattern; no checksum on the line.",
    examples=(
        f"{hx711.IDENTITY}\r\n".encode("ascii") + hx711.weight_line(12.34),
        hx711.weight_line(123.45, label="Load_cell output val: "),
    ),
    unknown=hx711.WEIGH,
)
