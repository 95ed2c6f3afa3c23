"""ThingMagic M6E, M6E Nano and M7E modules: UHF RFID on a serial line.

The host conversation is the ladder of :mod:`edge.drivers._ladder`: stop, outputs, region, protocol, power,
antennas, continuous read. After stop the module may go on to report tags for one or two seconds; its
answer comes when it is done, and stop is sent again until then. While idle the module is asked for its
version, or for its inputs where some are configured.

While reading, the module streams tags and about once a second a keep-alive; silence means that it lost
power, and with it its region. It takes no other command then, so an output is switched between stop and
start, with a gap in the reads. Inputs come with each tag report. The M6E Nano knows the North American
region as ``na2`` and ``na3`` only, see ``us_table``. Not run on hardware.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from contract.messages import Region
from contract.wire import m6e, m6e_tags
from contract.wire.base import Reject
from edge.driver import DriverSpec
from edge.drivers._ladder import IDLE, INVENTORY, OUTPUTS, LadderDriver
from edge.model import InputRead, Read, TagRead

AWAITED = {
    "stop": m6e.CONTINUOUS,
    "outputs": m6e.SET_OUTPUT,
    "region": m6e.SET_REGION,
    "protocol": m6e.SET_PROTOCOL,
    "power": m6e.SET_READ_POWER,
    "antennas": m6e.SET_ANTENNAS,
    "inventory": m6e.CONTINUOUS,
}
SENT = frozenset(AWAITED.values()) | {m6e.VERSION, m6e.GET_INPUTS}
STOPPED = b"\x02"
NOT_READING = range(0x0100, 0x0200)
"""Complaints about a command: a module that is asked to stop and does not read may answer with one."""


class M6eSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an M6E or M7E module.

    Attributes:
        region: RF region; without one the reader does not transmit.
        us_table: which North American table ``us`` stands for; the M6E Nano has ``na2`` and ``na3``.
        power_dbm: transmit power.
        antennas: ports that take part in the inventory, from 1.
        inputs: pins that are reported as inputs.
        inventory: begin to read as soon as the module is set up.
        reply_timeout_ms: send a command again when its answer does not come within this time.
        stall_ms: set the module up anew when nothing valid comes for this long; a keep-alive comes about
            once a second.
    """

    region: Region | None = None
    us_table: Literal["na", "na2", "na3"] = "na"
    power_dbm: Annotated[float, msgspec.Meta(ge=0, le=31.5)] = 20.0
    antennas: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=16)], ...], msgspec.Meta(min_length=1)] = (
        1,
    )
    inputs: tuple[Annotated[int, msgspec.Meta(ge=1, le=4)], ...] = ()
    inventory: bool = True
    reply_timeout_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] = 500
    stall_ms: Annotated[int, msgspec.Meta(ge=1_500, le=60_000)] = 4_000


class M6eDriver(LadderDriver[m6e.Frame]):
    """Host side of one module."""

    rungs = ("stop", OUTPUTS, "region", "protocol", "power", "antennas")
    regions = tuple(m6e.REGION_CODES)
    ports = 16
    output_ports = (1, 2, 3, 4)
    max_power_dbm = 31.5

    def __init__(self, device: str, settings: M6eSettings) -> None:
        self._settings = settings
        self._levels: dict[int, bool] = {}
        super().__init__(device, settings, settings.antennas)

    def _codec_for_line(self) -> m6e.M6eCodec:
        return m6e.M6eCodec("module")

    def _begin(self, now: int) -> None:
        self._levels = {}
        super()._begin(now)

    def _climb(self, now: int) -> None:
        self._reading = False
        super()._climb(now)

    def _round_ms(self) -> int:
        return self._settings.stall_ms if self._reading else self._settings.reply_timeout_ms

    def _command(self, rung: str) -> bytes | None:
        match rung:
            case "stop":
                command = m6e.STOP
            case "outputs" if self._outputs_due:
                pin, on = next(iter(self._outputs_due.items()))
                command = m6e.set_output(pin, on=on)
            case "region" if self._region is not None:
                us_code = m6e.US_CODES[self._settings.us_table]
                code = us_code if self._region == "us" else m6e.REGION_CODES[self._region]
                command = m6e.set_region(code)
            case "protocol":
                command = m6e.SET_GEN2
            case "power":
                command = m6e.set_power(self._power_dbm)
            case "antennas":
                command = m6e.set_antennas(self._antennas)
            case "inventory":
                command = m6e.START
            case "idle":
                asks_inputs = bool(self._settings.inputs)
                command = m6e.Command(m6e.GET_INPUTS, b"\x01") if asks_inputs else m6e.Command(m6e.VERSION)
            case _:
                return None
        return m6e.encode(command)

    def _switch(self, now: int) -> None:
        if self._rung == IDLE:
            super()._switch(now)
        elif self._rung != OUTPUTS:
            self._climb(now)

    def _understand(self, frame: m6e.Frame, now: int) -> list[Read]:
        if self._rung == INVENTORY and not self._reading:
            self._reading = True
            self._send_at(now + self._settings.stall_ms)
        match frame:
            case m6e_tags.TagReport(tags=tags):
                self._be_quiet(now)
                return [read for tag in tags for read in self._take_tag(tag, now)]
            case m6e.Reply(opcode=m6e.READ_MULTIPLE):
                return [self._take_report(frame, now)]
            case m6e.Reply(opcode=opcode) if opcode in SENT:
                return self._take_answer(frame, now)
            case _:
                return [self._unknown(m6e.encode(frame), now, "an answer to a command that is never sent")]

    def _take_tag(self, tag: m6e_tags.TagRecord, now: int) -> Iterator[Read]:
        if tag.gpio is not None:
            yield from self._inputs(((pin, bool(tag.gpio >> pin - 1 & 1)) for pin in (1, 2, 3, 4)), now)
        if not tag.epc:
            raw = m6e.encode(m6e_tags.streamed_tag(tag))
            yield self._reject(Reject("value", raw, "the tag has no EPC"), now)
            return
        yield TagRead(
            device=self._device,
            at=now,
            epc=tag.epc.hex().upper(),
            antenna=tag.antenna or 1,
            rssi_dbm=None if tag.rssi_dbm is None else float(tag.rssi_dbm),
            phase_deg=None if tag.phase_deg is None else float(tag.phase_deg),
            frequency_khz=tag.frequency_khz,
            reads=tag.reads or 1,
            pc=f"{tag.pc:04X}",
        )

    def _take_report(self, reply: m6e.Reply, now: int) -> Read:
        """A report without a tag: keep-alive, temperature, something wrong."""
        if reply.status in (m6e.SUCCESS, m6e.NO_TAGS):
            degrees = reply.temperature_c
            return self._alive(now, "" if degrees is None else f"{degrees} °C")
        return self._status("error", now, _fault(reply.status))

    def _take_answer(self, reply: m6e.Reply, now: int) -> list[Read]:
        rung = self._rung
        if reply.opcode == AWAITED.get(rung):
            if rung == "stop" and reply.status in NOT_READING:
                return [self._answered(now)]
            if reply.status != m6e.SUCCESS:
                if rung == "inventory":
                    self._climb(now)
                    self._send_at(now + self._settings.reply_timeout_ms)
                    return [self._status("error", now, f"inventory was refused: {_fault(reply.status)}")]
                return [self._answered(now, f"was refused: {_fault(reply.status)}")]
            if rung == "inventory" or (rung == "stop" and reply.data[:1] not in (b"", STOPPED)):
                return [self._status("alive", now)]
            return [self._answered(now)]
        if reply.status != m6e.SUCCESS:
            return [self._status("error", now, f"{reply.opcode:02X}: {_fault(reply.status)}")]
        if reply.opcode == m6e.GET_INPUTS:
            return [*self._inputs(_levels(reply.data), now), self._alive(now)]
        return [self._alive(now, reply.data.hex().upper()[:100] if reply.opcode == m6e.VERSION else "")]

    def _inputs(self, levels: Iterator[tuple[int, bool]], now: int) -> Iterator[InputRead]:
        """Return the levels of configured inputs that have changed."""
        for pin, high in levels:
            if pin in self._settings.inputs and self._levels.get(pin) != high:
                self._levels[pin] = high
                yield InputRead(device=self._device, at=now, port=pin, high=high)


def _levels(data: bytes) -> Iterator[tuple[int, bool]]:
    """Return pin and level pairs of an answer to GET_INPUTS: triples (pin, is output, level) or levels."""
    if data[:1] == b"\x01" and len(data) % 3 == 1:
        for at in range(1, len(data), 3):
            yield data[at], bool(data[at + 2])
    else:
        yield from enumerate(map(bool, data), 1)


def _fault(status: int) -> str:
    return f"{m6e.STATUS_NAMES.get(status, 'unknown error')} (status {status:04X})"


def _example(epc: str, rssi_dbm: int) -> bytes:
    raw = bytes.fromhex(epc)
    tag = m6e_tags.TagRecord(
        reads=1, rssi_dbm=rssi_dbm, ports=0x11, frequency_khz=865_700, since_keep_alive_ms=120, phase_deg=90,
        protocol=m6e_tags.GEN2, embedded=b"", gpio=0, pc=len(raw) // 2 << 11, epc=raw, epc_bits=8 * (len(raw) + 4),
    )  # fmt: skip
    return m6e.encode(m6e_tags.streamed_tag(tag))


DRIVER = DriverSpec(
    name="m6e",
    title="ThingMagic M6E, M6E Nano, M7E UHF modules",
    kind="rfid",
    transports=("serial",),
    protocol="m6e",
    settings=M6eSettings,
    build=M6eDriver,
    silent_after_ms=10_000,
    baud=m6e.BAUD,
    tier="silver",
    notes="Up to 16 ports, frequency and phase per read; four pins as inputs or outputs; quiet without a region.",
    examples=(
        bytes.fromhex(
            "FF2822000010001B01FF0101C4110E16400000012700000500000F00803000000000000000000000001545E94A561D"
        ),
        _example("FF0022040084E0FFFFFFFFFF", -56),
    ),
    unknown=m6e.encode(m6e.Reply(0x28, m6e.SUCCESS, bytes(4))),
)
