"""A&D balances and indicators that write ``ST,GS,…`` lines: weights on a serial line.

By default the driver asks for the stream (``SIR``) and asks again whenever nothing came for two seconds;
``poll`` asks for each weight (``Q``), ``listen`` suits indicators that stream by themselves, also several on one
RS-485 line, of which ``address`` takes one. Balances are said to leave the factory at 2400 baud 7E1, which is
not confirmed: set ``baud`` and ``framing`` of the device to what its menu shows.
"""

from typing import Annotated, Literal

import msgspec

from contract.wire import and_scale
from contract.wire.weighing import Weight
from edge.driver import DriverSpec
from edge.drivers._text_scale import Asking, Basis, PollMs, QuietMs, TextScaleDriver, fits


class AndScaleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an A&D balance or an indicator.

    Attributes:
        ask: ``stream`` asks once (SIR), ``poll`` for each weight (Q), ``listen`` never.
        poll_ms: how often to ask with ``poll``.
        quiet_ms: ask for the stream again when nothing came for this long.
        basis: which weights to take of an indicator that marks them gross (GS) or net (NT).
        address: take lines with this RS-485 address only.
        tare: what a tare command does: ``tare`` (T) or ``zero`` (Z).
    """

    ask: Literal["stream", "poll", "listen"] = "stream"
    poll_ms: PollMs = 500
    quiet_ms: QuietMs = 2_000
    basis: Basis = "any"
    address: Annotated[int, msgspec.Meta(ge=0, le=99)] | None = None
    tare: Literal["tare", "zero"] = "tare"


class AndScaleDriver(TextScaleDriver):
    """Host side of one scale."""

    def __init__(self, device: str, settings: AndScaleSettings) -> None:
        self._settings = settings
        asking = {
            "stream": Asking(and_scale.request("SIR"), settings.quiet_ms, on_silence=True),
            "poll": Asking(and_scale.request("Q"), settings.poll_ms),
            "listen": Asking(),
        }
        super().__init__(
            device,
            asking=asking[settings.ask],
            tare=and_scale.request("T" if settings.tare == "tare" else "Z"),
            taken=self._is_mine,
        )

    def _codec_for_line(self) -> and_scale.AndScaleCodec:
        return and_scale.AndScaleCodec()

    def _is_mine(self, weight: Weight) -> bool:
        wanted = self._settings.address
        return fits(self._settings.basis, weight) and wanted in (None, weight.address)


DRIVER = DriverSpec(
    name="and_scale",
    title="A&D balances, indicators with ST,GS lines (Dini Argeo, CAS, T-Scale)",
    kind="scale",
    transports=("serial", "tcp"),
    protocol="and_scale",
    settings=AndScaleSettings,
    build=AndScaleDriver,
    silent_after_ms=5_000,
    baud=2_400,
    framing="7E1",
    tier="silver",
    notes="SIR, Q or listening; factory settings of 2400 7E1 are not confirmed; RS-485 address by setting.",
    examples=(
        and_scale.standard_line(123.45),
        b"ST,GS,     0.0,kg\r\n",
        and_scale.standard_line(-1.5, unit="kg", decimals=3, stable=False),
    ),
    unknown=and_scale.request("SIR"),
)
