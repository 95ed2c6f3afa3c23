"""Ohaus scales (Navigator, Scout, Ranger, Defender) with Ohaus's own lines: weights on a serial line.

By default the driver asks for continuous printing (``CP``) and asks again whenever nothing came for two
seconds; ``poll`` asks for each weight (``IP``). Models that speak MT-SICS are better served by ``mt_sics``.
"""

from typing import Literal

import msgspec

from contract.wire import ohaus
from edge.driver import DriverSpec
from edge.drivers._text_scale import Asking, Basis, PollMs, QuietMs, TextScaleDriver, fits


class OhausSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an Ohaus scale.

    Attributes:
        ask: ``stream`` asks once (CP), ``poll`` for each weight (IP), ``listen`` never.
        poll_ms: how often to ask with ``poll``.
        quiet_ms: ask for the stream again when nothing came for this long.
        basis: which weights to take of a scale that marks them net (NET, N) or gross (B/G, G).
        tare: what a tare command does: ``tare`` (T) or ``zero`` (Z).
    """

    ask: Literal["stream", "poll", "listen"] = "stream"
    poll_ms: PollMs = 500
    quiet_ms: QuietMs = 2_000
    basis: Basis = "any"
    tare: Literal["tare", "zero"] = "tare"


class OhausDriver(TextScaleDriver):
    """Host side of one scale."""

    def __init__(self, device: str, settings: OhausSettings) -> None:
        asking = {
            "stream": Asking(ohaus.request("CP"), settings.quiet_ms, on_silence=True),
            "poll": Asking(ohaus.request("IP"), settings.poll_ms),
            "listen": Asking(),
        }
        super().__init__(
            device,
            asking=asking[settings.ask],
            tare=ohaus.request("T" if settings.tare == "tare" else "Z"),
            taken=lambda weight: fits(settings.basis, weight),
        )

    def _codec_for_line(self) -> ohaus.OhausCodec:
        return ohaus.OhausCodec()


DRIVER = DriverSpec(
    name="ohaus",
    title="Ohaus Navigator, Scout, Ranger, Defender",
    kind="scale",
    transports=("serial", "tcp"),
    protocol="ohaus",
    settings=OhausSettings,
    build=OhausDriver,
    silent_after_ms=5_000,
    baud=9_600,
    tier="silver",
    notes="CP, IP or listening; what an overload looks like is not known, such a line is refused.",
    examples=(
        ohaus.weight_line(0.0),
        ohaus.weight_line(12.73, stable=False),
        ohaus.ranger_line(-1.64, net=True),
    ),
    unknown=ohaus.request("IP"),
)
