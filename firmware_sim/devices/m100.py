"""Twin of an M100-family UHF module: quiet after power-up, obeys, reports tags and "no tag".

After power-up it has no region and its field is off. It answers in its own dialect only and refuses to
poll without a region. While polling it reports each singulation, and about every 100 ms that a round
found no tag. Each report uses up one of the rounds that multi-poll asked for. Reports that the line
cannot carry are lost, oldest first.
"""

from collections.abc import Sequence
from typing import Final

from contract.wire import m100
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import ReaderTwin, Sighting

NO_TAG_EVERY_MS: Final = 100
ENDLESS: Final = (0, 0xFFFF)
DEFAULT_POWER_CDBM: Final = 2600


class M100Twin(ReaderTwin):
    """One module.

    Args:
        dialect: the frame marks it speaks.
        baud: line rate.
        version: what it says about itself.
    """

    def __init__(
        self, *, dialect: m100.Dialect = "bb", baud: int = 115_200, version: str = "M100 26dBm V1.0"
    ) -> None:
        self.baud = baud
        self._dialect = dialect
        self._version = version
        self._line = SerialLine(baud)
        self.power_cycle(0)

    def power_cycle(self, now: int) -> None:  # noqa: ARG002 - nothing is timed from power-up
        """Lose region, power, inventory and what was about to be sent."""
        self._codec = m100.M100Codec()
        self._line.clear()
        self.region: int | None = None
        self.power_cdbm = DEFAULT_POWER_CDBM
        self._rounds: int | None = 0
        self._next_no_tag = 0

    @property
    def transmitting(self) -> bool:
        """True while polling."""
        return self._rounds != 0

    @property
    def dropped_sightings(self) -> int:
        """Reports lost because the line was too slow."""
        return self._line.dropped_frames

    def receive(self, data: bytes, now: int) -> None:
        """Obey the commands in ``data``; noise and frames of the other dialect are not understood."""
        self._codec.feed(data)
        while (frame := self._codec.next_frame()) is not None:
            if isinstance(frame, m100.Command) and frame.dialect == self._dialect:
                self._obey(frame, now)

    def _obey(self, command: m100.Command, now: int) -> None:
        match command.code, command.parameter:
            case m100.MODULE_INFORMATION, parameter if len(parameter) == 1:
                self._answer(command.code, parameter + self._version.encode("ascii"), now)
            case m100.SET_REGION, parameter if parameter and parameter[0] in m100.REGION_CODES.values():
                self.region = parameter[0]
                self._answer(command.code, b"\x00", now)
            case m100.GET_REGION, _:
                self._answer(command.code, bytes([self.region or 0]), now)
            case m100.SET_POWER, parameter if len(parameter) == 2:
                self.power_cdbm = int.from_bytes(parameter, "big")
                self._answer(command.code, b"\x00", now)
            case m100.GET_POWER, _:
                self._answer(command.code, self.power_cdbm.to_bytes(2, "big"), now)
            case m100.MULTI_POLL, parameter if len(parameter) == 3 and self.region is not None:
                rounds = int.from_bytes(parameter[1:], "big")
                self._rounds = None if rounds in ENDLESS else rounds
                self._next_no_tag = now + NO_TAG_EVERY_MS
            case m100.SINGLE_POLL, _ if self.region is not None:
                self._rounds = 1
                self._next_no_tag = now + NO_TAG_EVERY_MS
            case m100.STOP, _:
                self._rounds = 0
                self._line.drop_reports()
                self._answer(command.code, b"\x00", now)
            case _:
                refusal = m100.ErrorReply(m100.BAD_COMMAND, dialect=self._dialect)
                self._line.answer(m100.encode(refusal), now)

    def _answer(self, code: int, parameter: bytes, now: int) -> None:
        self._line.answer(m100.encode(m100.Response(code, parameter, self._dialect)), now)

    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """Report what was singulated; nothing while the field is off."""
        for sighting in sightings:
            if not self.transmitting:
                return
            epc = bytes.fromhex(sighting.epc)
            rssi_dbm = max(-128, min(127, round(sighting.rssi_dbm)))
            tag = m100.TagNotification(rssi_dbm, m100.pc_word(epc), epc, self._dialect)
            self._line.report(m100.encode(tag), now)
            self._use_up_round()

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left the module's UART."""
        if self.transmitting and now >= self._next_no_tag:
            self._next_no_tag = now + NO_TAG_EVERY_MS
            self._line.report(m100.encode(m100.ErrorReply(m100.NO_TAG, dialect=self._dialect)), now)
            self._use_up_round()
        return self._line.take(now)

    def _use_up_round(self) -> None:
        if self._rounds:
            self._rounds -= 1
