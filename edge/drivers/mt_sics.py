"""Scales that speak MT-SICS (Mettler Toledo, most Ohaus, Kern KCP): weights on a serial line.

After the line opens the driver asks for the stream (``SIR``) and asks again whenever nothing came for
two seconds: some scales end the stream after ``T`` or ``Z``, all of them after a power loss. Over- and
underload and fault lines become error statuses, never weights.
"""

from typing import Annotated, Literal

import msgspec

from contract.messages import AnyAction, Tare
from contract.wire import lines, mt_sics
from edge.driver import DriverSpec, StreamDriver
from edge.model import Read, WeightRead


class MtSicsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an MT-SICS scale.

    Attributes:
        strict_width: refuse weights outside their ten-character column; finds digits lost on the line,
            but some firmware pads otherwise.
        tare: what a tare command does: ``tare`` makes any load the new zero (T), ``zero`` sets the
            scale's zero point (Z) and works on an empty plate only.
        quiet_ms: ask for the stream again when nothing came for this long.
    """

    strict_width: bool = False
    tare: Literal["tare", "zero"] = "tare"
    quiet_ms: Annotated[int, msgspec.Meta(ge=500, le=60_000)] = 2_000


class MtSicsDriver(StreamDriver[mt_sics.Frame]):
    """Host side of one scale."""

    def __init__(self, device: str, settings: MtSicsSettings) -> None:
        self._settings = settings
        super().__init__(device)
        self._begin(0)

    def _codec_for_line(self) -> mt_sics.MtSicsCodec:
        return mt_sics.MtSicsCodec(strict_width=self._settings.strict_width)

    def _begin(self, now: int) -> None:
        """Ask for the stream."""
        self._next_ask = now
        self._due = b""

    def poll(self, now: int) -> bytes:
        """Return a tare that is due, or ask for the stream when it stays away."""
        due, self._due = self._due, b""
        if now >= self._next_ask:
            self._next_ask = now + self._settings.quiet_ms
            due += mt_sics.request("SIR")
        return due

    def _take(self, frame: mt_sics.Frame, now: int) -> list[Read]:
        self._next_ask = now + self._settings.quiet_ms
        return [self._read(frame, now)]

    def _read(self, frame: mt_sics.Frame, now: int) -> Read:
        match frame:
            case mt_sics.Weight(command="S" | "SI" | "SIR", weight_g=weight_g, stable=stable):
                return WeightRead(device=self._device, at=now, weight_g=weight_g, stable=stable)
            case mt_sics.OutOfRange(above=above):
                return self._status("error", now, f"{frame.command}: {'overload' if above else 'underload'}")
            case mt_sics.Fault(meaning=meaning):
                return self._status("error", now, f"the scale reports a {meaning} ({frame.command})")
            case mt_sics.Refused(wrong_argument=True):
                return self._status("error", now, f"the scale refuses {frame.command}")
            case mt_sics.Request():
                return self._unknown(lines.encode(frame), now, "an echo of a command")
            case _:
                return self._status("alive", now, frame.text)

    def act(self, action: AnyAction, now: int) -> str:
        """Take a tare."""
        if not isinstance(action, Tare):
            return super().act(action, now)
        self._due = mt_sics.request("T" if self._settings.tare == "tare" else "Z")
        return ""


DRIVER = DriverSpec(
    name="mt_sics",
    title="MT-SICS scales (Mettler Toledo, Ohaus, Kern)",
    kind="scale",
    transports=("serial",),
    protocol="mt_sics",
    settings=MtSicsSettings,
    build=MtSicsDriver,
    silent_after_ms=5_000,
    baud=9_600,
    tier="silver",
    notes="Streams net weight with SIR; g, kg, mg, lb and oz; tare by command.",
    examples=(mt_sics.weight_line(100.0), mt_sics.weight_line(1.5, unit="kg", decimals=3, stable=False)),
    unknown=mt_sics.request("SIR"),
)
