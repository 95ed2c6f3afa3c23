"""Kern scales: KCP (MT-SICS lines), the older s/w/t lines, or continuous printing.

KCP and tws are asked for each weight, more than 100 ms apart. After the line opens, a first tws line that
may have lost its minus is not taken. A tws scale that shows a moving weight without its unit gives no
weight until it rests.
"""

from typing import Literal

import msgspec

from contract.messages import AnyAction, Tare
from contract.wire import kern, lines, mt_sics
from contract.wire.weighing import Command, Fault, OutOfRange, Said, Weight
from edge.driver import DriverSpec, StreamDriver
from edge.drivers._text_scale import PollMs
from edge.model import Read, WeightRead


class KernSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Kern scale.

    Attributes:
        ask: ``kcp`` asks with SI, ``tws`` with w, ``listen`` never.
        poll_ms: how often to ask; KCP wants more than 100 ms.
    """

    ask: Literal["kcp", "tws", "listen"] = "kcp"
    poll_ms: PollMs = 250


ASK = {"kcp": kern.request("SI"), "tws": kern.request("w"), "listen": b""}
TARE = {"kcp": kern.request("T"), "tws": kern.request("t"), "listen": b""}


class KernDriver(StreamDriver[kern.Frame]):
    """Host side of one scale."""

    def __init__(self, device: str, settings: KernSettings) -> None:
        self._settings = settings
        super().__init__(device)
        self._begin(0)

    def _codec_for_line(self) -> kern.KernCodec:
        return kern.KernCodec(mid_line=True)

    def _begin(self, now: int) -> None:
        self._next_ask = now
        self._due = b""

    def poll(self, now: int) -> bytes:
        """Return a tare that is due, or ask for a weight; not both at once."""
        if now < self._next_ask:
            return b""
        self._next_ask = now + self._settings.poll_ms
        due, self._due = self._due, b""
        return due or ASK[self._settings.ask]

    def act(self, action: AnyAction, now: int) -> str:
        """Take a tare."""
        if not isinstance(action, Tare):
            return super().act(action, now)
        if not TARE[self._settings.ask]:
            return "this scale is only listened to; it takes a tare when it is asked by kcp or tws"
        self._due = TARE[self._settings.ask]
        return ""

    def _take(self, frame: kern.Frame, now: int) -> list[Read]:
        return [self._read(frame, now)]

    def _read(self, frame: kern.Frame, now: int) -> Read:
        match frame:
            case Weight(weight_g=weight_g, stable=stable):
                return WeightRead(device=self._device, at=now, weight_g=weight_g, stable=bool(stable))
            case mt_sics.Weight(command="S" | "SI" | "SIR", weight_g=weight_g, stable=stable):
                return WeightRead(device=self._device, at=now, weight_g=weight_g, stable=stable)
            case OutOfRange(above=above) | mt_sics.OutOfRange(above=above):
                return self._status("error", now, "overload" if above else "underload")
            case Fault(meaning=meaning) | mt_sics.Fault(meaning=meaning):
                return self._status("error", now, f"the scale reports: {meaning}")
            case mt_sics.Refused(wrong_argument=True):
                return self._status("error", now, f"the scale refuses {frame.command}")
            case Command() | mt_sics.Request():
                return self._unknown(lines.encode(frame), now, "an echo of a command")
            case Said() | mt_sics.Line():
                return self._status("alive", now, frame.text)


DRIVER = DriverSpec(
    name="kern",
    title="Kern scales (KCP, older s/w/t, continuous)",
    kind="scale",
    transports=("serial", "tcp"),
    protocol="kern",
    settings=KernSettings,
    build=KernDriver,
    silent_after_ms=5_000,
    baud=9_600,
    tier="silver",
    notes="Asks with SI or w; columns of the older lines are not verified on a scale.",
    examples=(
        mt_sics.weight_line(129.07, stable=False),
        b"+ 123.45 g S\r\n",
        b"ST,GS 1.000KG\r\n",
    ),
    unknown=kern.request("w"),
    reads_also="mt_sics",
)
