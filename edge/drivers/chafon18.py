"""Chafon UHFReader18 (CF-RU5102 and relatives): UHF RFID with one antenna, serial or TCP.

The conversation is in :mod:`edge.drivers._chafon`. The reader decides itself how long an inventory takes
(its scan time, 1 s unless it was changed). It has no pins that a host can switch.
"""

from typing import Annotated, Literal

import msgspec

from contract.wire import chafon
from edge.driver import DriverSpec
from edge.drivers._chafon import ChafonDriver

Chafon18Region = Literal["cn900", "us", "kr"]


class Chafon18Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a UHFReader18.

    Attributes:
        region: RF region; without one the reader does not transmit.
        power_dbm: transmit power, rounded to whole dBm.
        address: the reader's address on a shared line; 255 is any.
        scan_time_ms: the longest inventory, as it is set in the reader.
        inventory: begin to read as soon as the reader is set up.
        reply_timeout_ms: send a request again when its answer does not come within this time.
        stall_ms: set the reader up anew when nothing valid comes for this long beyond the scan time.
    """

    region: Chafon18Region | None = None
    power_dbm: Annotated[float, msgspec.Meta(ge=0, le=30)] = 20.0
    address: Annotated[int, msgspec.Meta(ge=0, le=255)] = chafon.ANY_ADDRESS
    scan_time_ms: Annotated[int, msgspec.Meta(ge=300, le=25_500)] = 1_000
    inventory: bool = True
    reply_timeout_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] = 500
    stall_ms: Annotated[int, msgspec.Meta(ge=500, le=60_000)] = 5_000


class Chafon18Driver(ChafonDriver):
    """Host side of one reader."""

    model = "18"
    others = {0x0C: "chafon288", 0x20: "chafon288"}  # noqa: RUF012 - read only
    regions = tuple(chafon.BANDS["18"])

    def __init__(self, device: str, settings: Chafon18Settings) -> None:
        self.scan_time_ms = settings.scan_time_ms
        super().__init__(device, settings, address=settings.address)

    def _inventory(self) -> chafon.Request:
        return chafon.INVENTORY_18


DRIVER = DriverSpec(
    name="chafon18",
    title="Chafon UHFReader18 (CF-RU5102 and relatives)",
    kind="rfid",
    transports=("serial", "tcp"),
    protocol="chafon18",
    settings=Chafon18Settings,
    build=Chafon18Driver,
    silent_after_ms=10_000,
    baud=chafon.BAUD,
    tier="silver",
    notes="One antenna; EPC only, no RSSI; quiet without a region.",
    examples=(
        bytes.fromhex("13000103010C0000000000000000000003133F39"),
        bytes.fromhex("13000101010C475458260720000000000001D6C1"),
    ),
    unknown=chafon.encode(chafon.Reply(chafon.WORK_MODE, chafon.SUCCEEDED, bytes(12))),
)
