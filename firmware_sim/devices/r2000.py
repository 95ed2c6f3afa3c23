"""Twin of an R2000 reader: takes an inventory round by round, on one antenna at a time.

It keeps region and power in flash. A round on a missing antenna, or without a region, fails at once with
its code. Reports that the line cannot carry are lost, oldest first.
"""

from collections.abc import Sequence
from typing import Final

from contract.wire import r2000
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import ReaderTwin, Sighting

ROUND_MS: Final = 60
ENDLESS_ROUND_MS: Final = 600
PORTS: Final = 4
INPUT_PINS: Final = (1, 2)
OUTPUT_PINS: Final = (3, 4)
MAX_POWER_DBM: Final = 33
FAILED, PARAMETER, ANTENNA_RANGE, POWER_RANGE, REGION_RANGE = 0x11, 0x41, 0x47, 0x48, 0x49


class R2000Twin(ReaderTwin):
    """One reader.

    Args:
        address: its address; it also obeys 255.
        missing: antennas without a cable.
        with_phase: append two bytes to tag reports.
        baud: line rate.
    """

    def __init__(
        self,
        *,
        address: int = 0x01,
        missing: frozenset[int] = frozenset(),
        with_phase: bool = False,
        baud: int = r2000.BAUD,
    ) -> None:
        self.baud = baud
        self.inputs = dict.fromkeys(INPUT_PINS, False)
        self.region: int | None = None
        self.channels = (0, 0)
        self.power_dbm = MAX_POWER_DBM
        self._address = address
        self._missing = missing
        self._phase = b"\x00\x5a" if with_phase else b""
        self._line = SerialLine(baud)
        self.power_cycle(0)

    def power_cycle(self, now: int) -> None:  # noqa: ARG002 - nothing is timed from power-up
        """Lose antenna, outputs, the running round and what was about to be sent; the flash stays."""
        self._codec = r2000.R2000Codec("host")
        self._line.clear()
        self.antenna = 1
        self.outputs = dict.fromkeys(OUTPUT_PINS, False)
        self._ends_at: int | None = None
        self._reads = 0

    @property
    def transmitting(self) -> bool:
        """True during a round."""
        return self._ends_at is not None

    def has_turn(self, antenna: int) -> bool:
        """Return whether the running round is on this antenna."""
        return self.transmitting and antenna == self.antenna

    @property
    def dropped_sightings(self) -> int:
        """Reports lost because the line was too slow."""
        return self._line.dropped_frames

    def receive(self, data: bytes, now: int) -> None:
        """Obey the commands in ``data``; noise and commands for another address are not understood."""
        self._codec.feed(data)
        while (frame := self._codec.next_frame()) is not None:
            if isinstance(frame, r2000.Command) and frame.address in (self._address, r2000.ANY_ADDRESS):
                self._obey(frame, now)

    def _obey(self, command: r2000.Command, now: int) -> None:
        match command.code, command.data:
            case _ if self.transmitting:
                pass
            case r2000.FIRMWARE, _:
                self._answer(command.code, b"\x01\x09", now)
            case r2000.SET_REGION, data:
                codes = {code for code, _, _ in r2000.REGIONS.values()}
                good = len(data) == 3 and data[0] in codes and data[1] <= data[2] < r2000.CHANNELS
                if good:
                    self.region, self.channels = data[0], (data[1], data[2])
                self._result(command.code, REGION_RANGE if not good else r2000.SUCCEEDED, now)
            case r2000.SET_POWER, data:
                good = data[0] <= MAX_POWER_DBM
                if good:
                    self.power_dbm = data[0]
                self._result(command.code, r2000.SUCCEEDED if good else POWER_RANGE, now)
            case r2000.SET_ANTENNA, data:
                good = data[0] < PORTS
                if good:
                    self.antenna = data[0] + 1
                self._result(command.code, r2000.SUCCEEDED if good else ANTENNA_RANGE, now)
            case r2000.GET_INPUTS, _:
                self._answer(command.code, bytes(self.inputs[pin] for pin in INPUT_PINS), now)
            case r2000.SET_OUTPUT, data if data[0] in OUTPUT_PINS:
                self.outputs[data[0]] = bool(data[1])
                self._result(command.code, r2000.SUCCEEDED, now)
            case r2000.REAL_TIME, data:
                self._start(data[0], now)
            case _:
                self._result(command.code, PARAMETER, now)

    def _start(self, repeat: int, now: int) -> None:
        if self.region is None:
            self._result(r2000.REAL_TIME, FAILED, now)
        elif self.antenna in self._missing:
            self._result(r2000.REAL_TIME, r2000.ANTENNA_MISSING, now)
        else:
            self._ends_at = now + (ENDLESS_ROUND_MS if repeat == 0xFF else ROUND_MS)
            self._reads = 0

    def _result(self, code: int, result: int, now: int) -> None:
        self._answer(code, bytes([result]), now)

    def _answer(self, code: int, data: bytes, now: int) -> None:
        self._line.answer(r2000.encode(r2000.Reply(code, data, self._address)), now)

    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """Report what the selected antenna singulated; nothing between rounds."""
        for sighting in sightings:
            if self.transmitting and sighting.antenna == self.antenna:
                self._reads += 1
                self._line.report(r2000.encode(self._report(sighting)), now)

    def _report(self, sighting: Sighting) -> r2000.TagReport:
        epc = bytes.fromhex(sighting.epc)
        return r2000.TagReport(
            r2000.REAL_TIME,
            r2000.channel_of(sighting.frequency_khz),
            sighting.antenna,
            len(epc) // 2 << 11,
            epc,
            max(-128, min(-2, round(sighting.rssi_dbm))),
            self._phase,
            self._address,
        )

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left the reader's UART; the end of a round follows its tags."""
        if self._ends_at is not None and now >= self._ends_at:
            self._ends_at = None
            rate = min(0xFFFF, self._reads * 1000 // ROUND_MS)
            end = r2000.RoundEnd(r2000.REAL_TIME, self.antenna, rate, self._reads, self._address)
            self._line.report(r2000.encode(end), now)
        return self._line.take(now)
