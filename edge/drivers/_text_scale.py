"""What drivers of scales with text lines share: asking for weights, and what the lines mean.

Over- and underload, faults and piece counts become statuses, never weights. A tare goes out with the next
poll.
"""

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import msgspec

from contract.messages import AnyAction, Tare
from contract.wire import lines
from contract.wire.weighing import Command, Fault, Frame, OutOfRange, Weight
from edge.driver import StreamDriver
from edge.model import Read, WeightRead

Basis: TypeAlias = Literal["any", "net", "gross"]
QuietMs: TypeAlias = Annotated[int, msgspec.Meta(ge=500, le=60_000)]
PollMs: TypeAlias = Annotated[int, msgspec.Meta(ge=101, le=60_000)]


class Asking(msgspec.Struct, frozen=True):
    """How a driver gets its scale to talk.

    Attributes:
        command: what it sends, empty for a scale that talks by itself.
        every_ms: how often.
        on_silence: send it only when nothing came for so long; else at this pace.
    """

    command: bytes = b""
    every_ms: int = 2_000
    on_silence: bool = False


class TextScaleDriver(StreamDriver[Frame]):
    """Host side of one scale.

    Args:
        device: device id.
        asking: how to get weights.
        tare: what a tare command sends.
        taken: which weights count; others only show that the scale is alive.
    """

    def __init__(
        self, device: str, *, asking: Asking, tare: bytes, taken: Callable[[Weight], bool] = lambda _: True
    ) -> None:
        self._asking = asking
        self._tare = tare
        self._taken = taken
        super().__init__(device)
        self._begin(0)

    def _begin(self, now: int) -> None:
        self._next_ask = now
        self._due = b""

    def poll(self, now: int) -> bytes:
        """Return a tare that is due, and what gets the scale to talk."""
        due, self._due = self._due, b""
        if self._asking.command and now >= self._next_ask:
            self._next_ask = now + self._asking.every_ms
            due += self._asking.command
        return due

    def act(self, action: AnyAction, now: int) -> str:
        """Take a tare."""
        if not isinstance(action, Tare):
            return super().act(action, now)
        self._due = self._tare
        return ""

    def _take(self, frame: Frame, now: int) -> list[Read]:
        if self._asking.on_silence:
            self._next_ask = now + self._asking.every_ms
        return [self._read(frame, now)]

    def _read(self, frame: Frame, now: int) -> Read:
        match frame:
            case Weight(weight_g=weight_g, stable=stable) if self._taken(frame):
                return WeightRead(device=self._device, at=now, weight_g=weight_g, stable=bool(stable))
            case OutOfRange(above=above):
                return self._status("error", now, "overload" if above else "underload")
            case Fault(meaning=meaning):
                return self._status("error", now, f"the scale reports: {meaning}")
            case Command():
                return self._unknown(lines.encode(frame), now, "an echo of a command")
            case _:
                return self._status("alive", now, frame.text)


def fits(basis: Basis, weight: Weight) -> bool:
    """Return whether a weight is of the wanted kind; one that does not say is."""
    return basis == "any" or weight.net is None or weight.net == (basis == "net")
