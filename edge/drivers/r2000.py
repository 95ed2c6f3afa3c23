"""R2000 readers that speak A0 frames (Invelion, IND903 and relatives): UHF RFID, serial or TCP.

The host conversation is the ladder of :mod:`edge.drivers._ladder`: version, outputs, region, power,
antenna, then real-time inventory round by round. A round ends by itself, so nothing has to be stopped: a
reader that is not asked does not transmit. With several antennas each round is taken on the next one. A
missing antenna is reported and passed over.

Region and power are kept in the reader's flash; they are set when a ladder is climbed and not otherwise.
GPIO 1 and 2 are inputs, 3 and 4 outputs. Power is in whole dBm. Not run on hardware.
"""

from typing import Annotated, Literal

import msgspec

from contract.wire import r2000
from contract.wire.base import Reject
from edge.driver import DriverSpec
from edge.drivers._ladder import INPUTS, INVENTORY, OUTPUTS, LadderDriver
from edge.model import InputRead, Read, TagRead

R2000Region = Literal["us", "eu", "cn900"]
ANTENNA = "antenna"
AWAITED = {
    "version": r2000.FIRMWARE,
    "outputs": r2000.SET_OUTPUT,
    "inputs": r2000.GET_INPUTS,
    "region": r2000.SET_REGION,
    "power": r2000.SET_POWER,
    "antenna": r2000.SET_ANTENNA,
}
SENT = frozenset(AWAITED.values()) | {r2000.REAL_TIME}
AFTER_FAULT_MS = 200
"""Pause after a round that failed, so that a reader with no antenna at all is not asked without end."""


class R2000Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an R2000 reader.

    Attributes:
        region: RF region; without one the reader does not transmit.
        power_dbm: transmit power of all antennas, rounded to whole dBm.
        antennas: ports that take part in the inventory, from 1.
        address: the reader's address on a shared line; 255 is any.
        inputs: ask for the two inputs between rounds.
        inventory: begin to read as soon as the reader is set up.
        reply_timeout_ms: send a command again when its answer, or the next word of a round, does not
            come within this time.
        stall_ms: set the reader up anew when nothing valid comes for this long.
    """

    region: R2000Region | None = None
    power_dbm: Annotated[float, msgspec.Meta(ge=0, le=33)] = 26.0
    antennas: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=4)], ...], msgspec.Meta(min_length=1)] = (
        1,
    )
    address: Annotated[int, msgspec.Meta(ge=0, le=255)] = r2000.ANY_ADDRESS
    inputs: bool = False
    inventory: bool = True
    reply_timeout_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] = 500
    stall_ms: Annotated[int, msgspec.Meta(ge=500, le=60_000)] = 3_000


class R2000Driver(LadderDriver[r2000.Frame]):
    """Host side of one reader."""

    rungs = ("version", OUTPUTS, "region", "power", ANTENNA)
    regions = tuple(r2000.REGIONS)
    ports = 4
    output_ports = (3, 4)

    def __init__(self, device: str, settings: R2000Settings) -> None:
        self._settings = settings
        self._turn = 0
        super().__init__(device, settings, settings.antennas)

    def _codec_for_line(self) -> r2000.R2000Codec:
        return r2000.R2000Codec("reader")

    def _round_ms(self) -> int:
        return self._settings.reply_timeout_ms

    @property
    def _antenna(self) -> int:
        return self._antennas[self._turn % len(self._antennas)]

    def _command(self, rung: str) -> bytes | None:
        match rung:
            case "outputs" if self._outputs_due:
                port, on = next(iter(self._outputs_due.items()))
                command = r2000.set_output(port, on=on)
            case "inputs":
                command = r2000.Command(r2000.GET_INPUTS)
            case "region" if self._region is not None:
                command = r2000.set_region(self._region)
            case "power":
                command = r2000.set_power(self._power_dbm)
            case "antenna":
                command = r2000.set_antenna(self._antenna)
            case "inventory":
                command = r2000.Command(r2000.REAL_TIME, b"\x01")
            case "idle" if self._settings.inputs:
                command = r2000.Command(r2000.GET_INPUTS)
            case "version" | "idle":
                command = r2000.Command(r2000.FIRMWARE)
            case _:
                return None
        return r2000.encode(msgspec.structs.replace(command, address=self._settings.address))

    def _understand(self, frame: r2000.Frame, now: int) -> list[Read]:
        if self._settings.address not in (r2000.ANY_ADDRESS, frame.address):
            return []
        match frame:
            case r2000.TagReport(code=r2000.REAL_TIME):
                return [self._take_tag(frame, now)]
            case r2000.RoundEnd(code=r2000.REAL_TIME):
                self._next_round(now)
                return [self._alive(now)]
            case r2000.Reply(code=r2000.REAL_TIME, result=int(result)):
                where = f"inventory on antenna {self._antenna}"
                return [self._take_round_fault(result, where, now)]
            case r2000.Reply(code=code) if code in SENT:
                return self._take_answer(frame, now)
            case _:
                return [self._unknown(r2000.encode(frame), now, "an answer to a command that is never sent")]

    def _take_tag(self, tag: r2000.TagReport, now: int) -> Read:
        if not tag.epc:
            return self._reject(
                Reject("value", r2000.encode(tag), "the tag's PC says that it has no EPC"), now
            )
        return TagRead(
            device=self._device,
            at=now,
            epc=tag.epc.hex().upper(),
            antenna=tag.antenna,
            rssi_dbm=float(tag.rssi_dbm),
            frequency_khz=tag.frequency_khz,
            pc=f"{tag.pc:04X}",
        )

    def _next_round(self, now: int) -> None:
        """A round is over: go to the next antenna, and ask for inputs where that is wanted."""
        errands = []
        if self._rung == INVENTORY:
            self._turn += 1
            errands = [ANTENNA] if len(self._antennas) > 1 else []
            errands += [INPUTS] if self._settings.inputs else []
        self._round_over(now, *errands)

    def _take_round_fault(self, result: int, where: str, now: int) -> Read:
        self._next_round(now)
        self._send_at(now + AFTER_FAULT_MS)
        return self._status("error", now, f"{where}: {_meaning(result)}")

    def _take_answer(self, reply: r2000.Reply, now: int) -> list[Read]:
        rung, result = self._rung, reply.result
        failed = result is not None and result != r2000.SUCCEEDED
        if reply.code != AWAITED.get(rung):
            if failed and result is not None:
                return [self._status("error", now, f"{reply.code:02X}: {_meaning(result)}")]
            return [*self._inputs(reply, now), self._alive(now, _version(reply))]
        if failed and result is not None:
            if rung == ANTENNA and len(self._antennas) > 1:
                self._turn += 1
            read = self._answered(now, f"was refused: {_meaning(result)}")
            self._send_at(max(self._next_send, now + AFTER_FAULT_MS))
            return [read]
        return [*self._inputs(reply, now), self._answered(now)]

    def _inputs(self, reply: r2000.Reply, now: int) -> list[Read]:
        if reply.code != r2000.GET_INPUTS or len(reply.data) != 2:
            return []
        return [
            InputRead(device=self._device, at=now, port=port, high=bool(level))
            for port, level in enumerate(reply.data, 1)
        ]


def _version(reply: r2000.Reply) -> str:
    return ".".join(map(str, reply.data)) if reply.code == r2000.FIRMWARE else ""


def _meaning(result: int) -> str:
    return f"{r2000.ERROR_NAMES.get(result, 'unknown error')} (code {result:02X})"


DRIVER = DriverSpec(
    name="r2000",
    title="R2000 readers with A0 frames (Invelion, IND903)",
    kind="rfid",
    transports=("serial", "tcp"),
    protocol="r2000",
    settings=R2000Settings,
    build=R2000Driver,
    silent_after_ms=10_000,
    baud=r2000.BAUD,
    tier="silver",
    notes="Four antennas in turn, frequency per read; two inputs, two outputs; quiet without a region.",
    examples=(
        bytes.fromhex("A0130189743000E2004074850A0103163070E13629"),
        bytes.fromhex("A01301898C3000300833B2DDD901400000000137BB"),
    ),
    unknown=r2000.encode(r2000.Reply(r2000.READ, b"\x36")),
)
