"""Twin of a barcode scanner: a scan is one line at the line's rate, nothing is said in between.

It reads what is held in front of it at once, and the same symbol not twice within its time for equal
symbols, as scanners on a stand do.
"""

from contract.wire import barcode
from contract.wire.lines import Ending
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import SerialTwin


class BarcodeTwin(SerialTwin):
    """One scanner.

    Args:
        ending: how it ends a scan.
        identifiers: it sends AIM symbology identifiers.
        same_ms: the same symbol is not read again within this time.
    """

    def __init__(
        self, *, ending: Ending = "\r", identifiers: bool = True, same_ms: int = 700, baud: int = 9_600
    ) -> None:
        self.baud = baud
        self._ending: Ending = ending
        self._identifiers = identifiers
        self._same_ms = same_ms
        self._line = SerialLine(baud)
        self._last: tuple[str, str] | None = None
        self._last_at = 0

    def show(self, content: str, symbology: str, now: int) -> bool:
        """Hold a symbol in front of the scanner; return whether it was read.

        Args:
            content: what the symbol carries, separators as GS.
            symbology: two characters of its AIM identifier, such as ``E0``.
            now: when, in ms.
        """
        if self._last == (content, symbology) and now - self._last_at < self._same_ms:
            self._last_at = now
            return False
        self._last, self._last_at = (content, symbology), now
        shown = symbology if self._identifiers else ""
        self._line.answer(barcode.scan_line(content, symbology=shown, ending=self._ending), now)
        return True

    def receive(self, data: bytes, now: int) -> None:
        """Take no commands."""

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left since the last call."""
        return self._line.take(now)

    def power_cycle(self, now: int) -> None:  # noqa: ARG002 - it keeps nothing but what was about to leave
        """Lose what was about to leave."""
        self._line.clear()
        self._last = None
