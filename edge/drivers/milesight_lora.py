"""Milesight VS121, VS132, VS133, VS135 on LoRaWAN: uplinks that a network server or gateway publishes.

The uplink may come as bytes, hex, or in the JSON of ChirpStack, The Things Stack or a Milesight gateway.
Totals go before intervals. A network server delivers an uplink again with the same device and frame
counter, by which an interval counts once; other wrappings give nothing to tell a repeat by.
"""

import msgspec

from contract.wire import milesight_lora
from edge.driver import DriverSpec
from edge.drivers._payload_counter import PayloadCounterDriver
from edge.model import Read


class MilesightLoraSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Milesight counter on LoRaWAN.

    Attributes:
        swap: the sensor's "in" is the way out.
    """

    swap: bool = False


class MilesightLoraDriver(PayloadCounterDriver):
    """Host side of one counter."""

    def __init__(self, device: str, settings: MilesightLoraSettings) -> None:
        super().__init__(device, swap=settings.swap, max_skew_s=0)

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Read one message."""
        return self._reads(milesight_lora.parse_payload(data), now)


DRIVER = DriverSpec(
    name="milesight_lora",
    title="Milesight VS121, VS132, VS133, VS135 on LoRaWAN",
    kind="counter",
    transports=("mqtt", "http"),
    protocol="milesight_lora",
    settings=MilesightLoraSettings,
    build=MilesightLoraDriver,
    silent_after_ms=1_800_000,
    tier="silver",
    notes="Bytes, hex, ChirpStack or The Things Stack JSON; follows Milesight's published decoders.",
    examples=(
        milesight_lora.encode_totals(72, 200),
        milesight_lora.encode_interval(5, 7, line=4),
        b'{"deviceInfo":{"devEui":"24e124126a148401"},"fCnt":7,"fPort":85,"data":"BcwCAAEA"}',
    ),
)
