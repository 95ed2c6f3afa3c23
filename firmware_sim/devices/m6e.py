"""Twin of a ThingMagic M6E module: streams tags, keeps alive once a second, and stops late.

After power-up it has no region, no protocol and its field is off; it refuses to read without the first
two. While reading it streams each singulation, and once a second a keep-alive. On stop it goes on for
``stop_lag_ms`` and answers when it is done. Reports that the line cannot carry are lost, oldest first.
"""

from collections.abc import Sequence
from typing import Final

from contract.wire import m6e, m6e_tags
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import ReaderTwin, Sighting

KEEP_ALIVE_EVERY_MS: Final = 1_000
DEFAULT_POWER_CDBM: Final = 2_000
MAX_POWER_CDBM: Final = 3_150
PINS: Final = 4
VERSION: Final = bytes.fromhex("12120400 00000024 20160830 010B0210 00000010")
"""As long as a module's answer; its content is made up."""


class M6eTwin(ReaderTwin):
    """One module.

    Args:
        ports: antennas it has.
        stop_lag_ms: how long it goes on to report after stop.
        baud: line rate.
    """

    def __init__(self, *, ports: int = 4, stop_lag_ms: int = 1_200, baud: int = m6e.BAUD) -> None:
        self.baud = baud
        self.inputs: dict[int, bool] = {}
        self._ports = ports
        self._stop_lag_ms = stop_lag_ms
        self._line = SerialLine(baud)
        self.power_cycle(0)

    def power_cycle(self, now: int) -> None:
        """Lose region, protocol, power, antennas, outputs, inventory and what was about to be sent."""
        self._codec = m6e.M6eCodec("host")
        self._line.clear()
        self.region: int | None = None
        self.power_cdbm = DEFAULT_POWER_CDBM
        self.antennas: tuple[int, ...] = (1,)
        self.outputs: dict[int, bool] = {}
        self._gen2 = False
        self._reading = False
        self._stops_at: int | None = None
        self._kept_alive_at = now

    @property
    def transmitting(self) -> bool:
        """True while reading, the time after stop included."""
        return self._reading

    @property
    def dropped_sightings(self) -> int:
        """Reports lost because the line was too slow."""
        return self._line.dropped_frames

    def receive(self, data: bytes, now: int) -> None:
        """Obey the commands in ``data``; noise is not understood."""
        self._codec.feed(data)
        while (frame := self._codec.next_frame()) is not None:
            if isinstance(frame, m6e.Command):
                self._obey(frame, now)

    def _obey(self, command: m6e.Command, now: int) -> None:
        match command.opcode, command.data:
            case m6e.CONTINUOUS, data if data == m6e.STOP.data:
                self._stops_at = self._stops_at or now + (self._stop_lag_ms if self._reading else 0)
            case _ if self._reading:
                pass
            case m6e.CONTINUOUS, data if data == m6e.START.data:
                self._start(now)
            case m6e.VERSION, b"":
                self._answer(command.opcode, now, VERSION)
            case m6e.SET_REGION, data if data and data[0] in {
                *m6e.REGION_CODES.values(),
                *m6e.US_CODES.values(),
            }:
                self.region = data[0]
                self._answer(command.opcode, now)
            case m6e.SET_REGION, _:
                self._answer(command.opcode, now, status=0x010B)
            case m6e.SET_PROTOCOL, data if data == m6e.SET_GEN2.data:
                self._gen2 = True
                self._answer(command.opcode, now)
            case m6e.SET_READ_POWER, data if len(data) == 2:
                power_cdbm = int.from_bytes(data, "big")
                if power_cdbm > MAX_POWER_CDBM:
                    self._answer(command.opcode, now, status=0x0103)
                    return
                self.power_cdbm = power_cdbm
                self._answer(command.opcode, now)
            case m6e.SET_ANTENNAS, data if data[:1] == b"\x02" and max(data[1:], default=0) <= self._ports:
                self.antennas = tuple(data[1::2])
                self._answer(command.opcode, now)
            case m6e.SET_OUTPUT, data if len(data) == 4 and data[0] == 1 and 1 <= data[1] <= PINS:
                self.outputs[data[1]] = bool(data[3])
                self._answer(command.opcode, now)
            case m6e.GET_INPUTS, _:
                pins = b"".join(
                    bytes([pin, pin in self.outputs, self._level(pin)]) for pin in range(1, PINS + 1)
                )
                self._answer(command.opcode, now, b"\x01" + pins)
            case _:
                self._answer(command.opcode, now, status=0x0105)

    def _start(self, now: int) -> None:
        if self.region is None or not self._gen2:
            self._answer(m6e.CONTINUOUS, now, status=0x0401 if self.region is not None else 0x010B)
            return
        self._reading = True
        self._stops_at = None
        self._kept_alive_at = now
        self._answer(m6e.CONTINUOUS, now)

    def _answer(self, opcode: int, now: int, data: bytes = b"", *, status: int = m6e.SUCCESS) -> None:
        self._line.answer(m6e.encode(m6e.Reply(opcode, status, data)), now)

    def _level(self, pin: int) -> bool:
        return self.outputs.get(pin, self.inputs.get(pin, False))

    def warn(self, status: int, now: int) -> None:
        """Report that it is too hot or that an antenna reflects too much, while it reads."""
        if self._reading:
            self._line.report(m6e.encode(m6e.Reply(m6e.READ_MULTIPLE, status)), now)

    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """Stream what the chosen antennas singulated; nothing while the field is off."""
        for sighting in sightings:
            if self._reading and sighting.antenna in self.antennas:
                self._line.report(m6e.encode(m6e_tags.streamed_tag(self._record(sighting, now))), now)

    def _record(self, sighting: Sighting, now: int) -> m6e_tags.TagRecord:
        epc = bytes.fromhex(sighting.epc)
        return m6e_tags.TagRecord(
            reads=1,
            rssi_dbm=max(-128, min(127, round(sighting.rssi_dbm))),
            ports=(sighting.antenna & 0xF) * 0x11,
            frequency_khz=sighting.frequency_khz,
            since_keep_alive_ms=max(0, now - self._kept_alive_at),
            phase_deg=round(sighting.phase_deg) % 180,
            protocol=m6e_tags.GEN2,
            embedded=b"",
            gpio=sum(1 << pin - 1 for pin in range(1, PINS + 1) if self._level(pin)),
            pc=len(epc) // 2 << 11,
            epc=epc,
            epc_bits=8 * (len(epc) + 4),
        )

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left the module's UART."""
        if self._reading and now - self._kept_alive_at >= KEEP_ALIVE_EVERY_MS:
            self._kept_alive_at = now
            self._line.report(m6e.encode(m6e.Reply(m6e.READ_MULTIPLE, m6e.NO_TAGS)), now)
        if self._stops_at is not None and now >= self._stops_at:
            self._reading = False
            self._stops_at = None
            self._line.drop_reports()
            self._answer(m6e.CONTINUOUS, now, b"\x02")
        return self._line.take(now)
