"""Chafon UHFReader288 (CF-RU6402, CF-MU804 and relatives): UHF RFID with antennas, serial or TCP.

The conversation is in :mod:`edge.drivers._chafon`. Each inventory is asked for on the next of the chosen
antennas. IN1 is an input, OUT1 and OUT2 are outputs, switched together in one request.
"""

from typing import Annotated, Literal

import msgspec

from contract.wire import chafon
from edge.driver import DriverSpec
from edge.drivers._chafon import ChafonDriver
from edge.drivers._ladder import INPUTS
from edge.model import InputRead, Read

Chafon288Region = Literal["cn900", "us", "kr", "eu", "cn800"]


class Chafon288Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a UHFReader288.

    Attributes:
        region: RF region; without one the reader does not transmit.
        power_dbm: transmit power, rounded to whole dBm.
        antennas: ports that take part in the inventory, from 1.
        q: number of slots of an inventory as a power of two; 4 suits up to some 30 tags.
        session: Gen2 session.
        scan_time_ms: the longest inventory on one antenna, in steps of 100 ms.
        address: the reader's address on a shared line; 255 is any.
        inputs: ask for the input between rounds.
        inventory: begin to read as soon as the reader is set up.
        reply_timeout_ms: send a request again when its answer does not come within this time.
        stall_ms: set the reader up anew when nothing valid comes for this long beyond the scan time.
    """

    region: Chafon288Region | None = None
    power_dbm: Annotated[float, msgspec.Meta(ge=0, le=30)] = 26.0
    antennas: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=8)], ...], msgspec.Meta(min_length=1)] = (
        1,
    )
    q: Annotated[int, msgspec.Meta(ge=0, le=15)] = 4
    session: Annotated[int, msgspec.Meta(ge=0, le=3)] = 0
    scan_time_ms: Annotated[int, msgspec.Meta(ge=300, le=25_500)] = 500
    address: Annotated[int, msgspec.Meta(ge=0, le=255)] = chafon.ANY_ADDRESS
    inputs: bool = False
    inventory: bool = True
    reply_timeout_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] = 500
    stall_ms: Annotated[int, msgspec.Meta(ge=500, le=60_000)] = 5_000


class Chafon288Driver(ChafonDriver):
    """Host side of one reader."""

    model = "288"
    others = {0x09: "chafon18"}  # noqa: RUF012 - read only
    regions = tuple(chafon.BANDS["288"])
    ports = 8
    output_ports = (1, 2)

    def __init__(self, device: str, settings: Chafon288Settings) -> None:
        self._settings = settings
        self._turn = 0
        self.scan_time_ms = settings.scan_time_ms
        super().__init__(device, settings, settings.antennas, settings.address)

    def _inventory(self) -> chafon.Request:
        antenna = self._antennas[self._turn % len(self._antennas)]
        settings = self._settings
        return chafon.inventory_288(
            antenna, q=settings.q, session=settings.session, scan_time_ms=settings.scan_time_ms
        )

    def _next_round(self, now: int) -> None:
        self._turn += 1
        super()._next_round(now)

    def _command(self, rung: str) -> bytes | None:
        if rung == "outputs" and self._outputs_due:
            mask = sum(1 << port - 1 for port, on in self._outputs.items() if on)
            return self._encode(chafon.set_outputs(mask))
        if rung == INPUTS or (rung == "idle" and self._settings.inputs):
            return self._encode(chafon.Request(chafon.GET_INPUTS))
        return super()._command(rung)

    def _errands(self) -> tuple[str, ...]:
        return (INPUTS,) if self._settings.inputs else ()

    def _inputs(self, reply: chafon.Reply, now: int) -> list[Read]:
        if reply.command != chafon.GET_INPUTS or not reply.data:
            return []
        return [InputRead(device=self._device, at=now, port=1, high=bool(reply.data[0] & 1))]


DRIVER = DriverSpec(
    name="chafon288",
    title="Chafon UHFReader288 (CF-RU6402, CF-MU804 and relatives)",
    kind="rfid",
    transports=("serial", "tcp"),
    protocol="chafon288",
    settings=Chafon288Settings,
    build=Chafon288Driver,
    silent_after_ms=10_000,
    baud=chafon.BAUD,
    tier="silver",
    notes="Antennas in turn; no RSSI, its scale is not documented; one input, two outputs; quiet without a region.",
    examples=(
        bytes.fromhex("1500010301010C0000000000000000000003136BB1A5"),
        bytes.fromhex("2300010301020C0000000000000000000003136B0C0000000000000000000003146C70F2"),
    ),
    unknown=chafon.encode(chafon.Reply(chafon.WORK_MODE, chafon.SUCCEEDED, bytes(12))),
)
