"""A field without noise: every tag in reach is read each 0.5 to 1 s, by its own zone's antenna, at -50 dBm.

A tag in a hand is not read. When more tags are due than the line carries, the rest waits for the next
tick, longest waiting first, so that no tag starves.
"""

from typing import Final

from firmware_sim.model import Sighting
from firmware_sim.world.chance import generator
from firmware_sim.world.radio.field import TICK_MS, RadioField
from firmware_sim.world.scenario import Reader

RSSI_DBM: Final = -50.0
GAP_MS: Final = (500, 1000)


class CleanField(RadioField):
    """One reader without noise."""

    def __init__(self, reader: Reader, seed: int) -> None:
        super().__init__()
        self._antenna_of = {zone: antenna for antenna, zone in reader.ports().items()}
        self._chance = generator(seed, "radio", reader.device)
        self._budget = max(1, int(reader.line_reads_per_s * TICK_MS / 1000))
        self._due: dict[str, tuple[int, int]] = {}

    def place(self, epc: str, zone: str, now: int) -> None:
        """A tag lies in a zone; it is read soon if the zone is one of this reader's."""
        self._due.pop(epc, None)
        if zone in self._antenna_of:
            self._due[epc] = (now + int(self._chance.integers(GAP_MS[0])), self._antenna_of[zone])

    def lift(self, epc: str, now: int) -> None:  # noqa: ARG002
        """A tag in a hand is out of reach at once."""
        self._due.pop(epc, None)

    def tick(self, now: int) -> None:
        """Read the tags that are due."""
        due = sorted((at, epc, antenna) for epc, (at, antenna) in self._due.items() if at <= now)
        for _, epc, antenna in due[: self._budget]:
            self._seen.append(Sighting(epc=epc, antenna=antenna, rssi_dbm=RSSI_DBM))
            self._due[epc] = (now + int(self._chance.integers(*GAP_MS)), antenna)
