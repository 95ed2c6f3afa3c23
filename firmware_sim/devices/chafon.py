"""Twins of Chafon UHFReader18 and UHFReader288: each inventory is one request and one answer in frames.

They keep band and power in EEPROM. During an inventory, for the scan time, a reader collects tags, each
once; then it answers with as many frames as it needs, the last of them with status 01. While it takes an
inventory it ignores other requests, as the manual says. A request whose CRC is wrong is not understood
here either: the codec gives no frame for it.
"""

from collections.abc import Sequence
from typing import Final

from contract.wire import chafon
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import ReaderTwin, Sighting

TAGS_PER_FRAME: Final = 6
DEFAULT_SCAN_MS: Final = 1_000
UNITS_288: Final = 100
MAX_POWER_DBM: Final = 30
FULL_SCALE_RSSI: Final = 0x80
"""RSSI of the twin of the 288 is dBm above -128: made up, as no vendor tells its scale."""

LENGTH_WRONG, ILLEGAL, PARAMETER = 0xFD, 0xFE, 0xFF


class ChafonTwin(ReaderTwin):
    """One reader.

    Args:
        model: 18, with one antenna and without RSSI, or 288.
        scan_time_ms: the longest inventory of an 18; a 288 is told with each request.
        missing: antennas without a cable.
        baud: line rate.
    """

    def __init__(
        self,
        *,
        model: chafon.Model = "288",
        scan_time_ms: int = DEFAULT_SCAN_MS,
        missing: frozenset[int] = frozenset(),
        baud: int = chafon.BAUD,
    ) -> None:
        self.baud = baud
        self.input_high = False
        self.region = bytes(2)
        self.power_dbm = MAX_POWER_DBM
        self._model: chafon.Model = model
        self._scan_time_ms = scan_time_ms
        self._missing = missing
        self._line = SerialLine(baud)
        self.power_cycle(0)

    def power_cycle(self, now: int) -> None:  # noqa: ARG002 - nothing is timed from power-up
        """Lose outputs, the running inventory and what was about to be sent; the EEPROM stays."""
        self._codec = chafon.ChafonCodec(self._model, "host")
        self._line.clear()
        self.outputs = 0
        self._antenna = 1
        self._ends_at: int | None = None
        self._collected: dict[str, Sighting] = {}

    @property
    def transmitting(self) -> bool:
        """True during an inventory."""
        return self._ends_at is not None

    def has_turn(self, antenna: int) -> bool:
        """Return whether the running inventory is on this antenna."""
        return self.transmitting and antenna == self._antenna

    @property
    def band(self) -> int:
        """Number of the frequency band that is set, 0 for none of the shared regions."""
        return (self.region[0] >> 6) << 2 | self.region[1] >> 6

    def receive(self, data: bytes, now: int) -> None:
        """Obey the requests in ``data``; noise is not understood."""
        self._codec.feed(data)
        while (frame := self._codec.next_frame()) is not None:
            if isinstance(frame, chafon.Request) and frame.address in (0x00, chafon.ANY_ADDRESS):
                self._obey(frame, now)

    def _obey(self, request: chafon.Request, now: int) -> None:
        has_pins = self._model == "288"
        match request.command, request.data:
            case _ if self.transmitting:
                pass
            case chafon.INVENTORY, data:
                self._start(data, now)
            case chafon.READER_INFORMATION, _:
                self._answer(request.command, now, data=self._information())
            case chafon.SET_REGION, data if data[0] & 0x3F >= data[1] & 0x3F:
                self.region = data
                self._answer(request.command, now)
            case chafon.SET_POWER, data if data[0] <= MAX_POWER_DBM:
                self.power_dbm = data[0]
                self._answer(request.command, now)
            case chafon.SET_OUTPUT, data if has_pins:
                self.outputs = data[0]
                self._answer(request.command, now)
            case chafon.GET_INPUTS, _ if has_pins:
                self._answer(request.command, now, data=bytes([self.input_high | self.outputs << 4]))
            case chafon.SET_REGION | chafon.SET_POWER, _:
                self._answer(request.command, now, PARAMETER)
            case _:
                self._answer(0x00, now, ILLEGAL)

    def _information(self) -> bytes:
        head = bytes([3, 1, 0x09, 0x03]) if self._model == "18" else bytes([0, 22, 0x0C, 0x03])
        body = self.region + bytes([self.power_dbm, self._scan_time_ms // 100])
        return head + body + (b"" if self._model == "18" else bytes([1, 0, 0, 0]))

    def _start(self, data: bytes, now: int) -> None:
        scan_ms, self._antenna = self._scan_time_ms, 1
        if self._model == "288":
            if len(data) != 9 or not 0x80 <= data[7] <= 0x87:
                self._answer(chafon.INVENTORY, now, LENGTH_WRONG if len(data) != 9 else PARAMETER)
                return
            scan_ms, self._antenna = data[8] * UNITS_288, data[7] - 0x80 + 1
        if self._antenna in self._missing:
            self._answer(chafon.INVENTORY, now, chafon.ANTENNA_ERROR)
            return
        self._ends_at = now + scan_ms
        self._collected = {}

    def _answer(self, command: int, now: int, status: int = chafon.SUCCEEDED, data: bytes = b"") -> None:
        self._line.answer(chafon.encode(chafon.Reply(command, status, data)), now)

    def see(self, sightings: Sequence[Sighting], now: int) -> None:  # noqa: ARG002 - told at the round's end
        """Collect what the antenna of the running inventory singulated, each tag once."""
        for sighting in sightings:
            if self.transmitting and sighting.antenna == self._antenna:
                self._collected.setdefault(sighting.epc, sighting)

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left the reader's UART."""
        if self._ends_at is not None and now >= self._ends_at:
            self._ends_at = None
            self._tell(list(self._collected.values()), now)
        return self._line.take(now)

    def _tell(self, found: list[Sighting], now: int) -> None:
        has_antennas = self._model == "288"
        if not found and not has_antennas:
            self._answer(chafon.INVENTORY, now, chafon.NO_TAG)
            return
        antenna = self._antenna if has_antennas else None
        tags = [
            chafon.Tag(
                bytes.fromhex(sighting.epc),
                max(0, min(0xFF, round(sighting.rssi_dbm) + FULL_SCALE_RSSI)) if has_antennas else None,
            )
            for sighting in found
        ]
        while len(tags) > TAGS_PER_FRAME:
            part, tags = tags[:TAGS_PER_FRAME], tags[TAGS_PER_FRAME:]
            self._line.answer(chafon.encode(chafon.TagList(chafon.MORE_FOLLOW, tuple(part), antenna)), now)
        self._line.answer(chafon.encode(chafon.TagList(chafon.COMPLETE, tuple(tags), antenna)), now)
