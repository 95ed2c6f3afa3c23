"""Twin of an LLRP reader: what its antennas saw, its inputs and outputs, its clock and its faults.

LLRP's conversation is held by the link (:mod:`firmware_sim.links.llrp`); the twin is the reader behind
it. It sees while its inventory runs, keeps a bounded number of reports while they cannot be sent, and
drops the oldest. :class:`SteadyTags` stands in for the world where only a rate is wanted.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from contract.wire.llrp import TagReport
from firmware_sim.model import LlrpFaults, LlrpReaderTwin, Sighting

QUEUE_REPORTS: Final = 20_000
INPUTS: Final = 4
OUTPUTS: Final = 4


class LlrpTwin(LlrpReaderTwin):
    """One reader.

    Args:
        country: ISO 3166-1 numeric code that its firmware is locked to.
        standard: LLRP's CommunicationsStandard, likewise.
        frequencies_khz: its channels, in order.
        antennas: how many it has.
        fine: it is one of Impinj's, with finer RSSI and phase in its reports.
        clock_ahead_ms: its clock minus true time.

    Attributes:
        faults: change it at any time.
        inputs: port → level.
        outputs: port → level, set by the host.
        dropped_reports: reports that found no room.
    """

    def __init__(
        self,
        *,
        country: int = 840,
        standard: int = 1,
        frequencies_khz: Sequence[int] = tuple(range(902_750, 927_500, 500)),
        antennas: int = 4,
        fine: bool = True,
        clock_ahead_ms: int = 0,
    ) -> None:
        self.country, self.standard = country, standard
        self.frequencies_khz = tuple(frequencies_khz)
        self.antennas = antennas
        self.fine = fine
        self.clock_ahead_ms = clock_ahead_ms
        self.faults = LlrpFaults()
        self.inputs = dict.fromkeys(range(1, INPUTS + 1), False)
        self.outputs = dict.fromkeys(range(1, OUTPUTS + 1), False)
        self.dropped_reports = 0
        self._listening: frozenset[int] = frozenset()
        self._queue: deque[TagReport] = deque()

    @property
    def transmitting(self) -> bool:
        """True while its inventory runs."""
        return bool(self._listening)

    def transmit(self, antennas: Sequence[int]) -> None:
        """Inventory on these antennas, none to stop; 0 means all."""
        everything = range(1, self.antennas + 1)
        self._listening = frozenset(everything if 0 in antennas else antennas)

    def power_cycle(self) -> None:
        """Lose what power loss loses: inventory, reports, outputs."""
        self._listening = frozenset()
        self._queue.clear()
        self.outputs = dict.fromkeys(self.outputs, False)

    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """What the antennas singulated since the last call; nothing is seen while not transmitting."""
        clock_us = (now + self.clock_ahead_ms) * 1_000
        for sighting in sightings:
            if sighting.antenna in self._listening:
                self._queue.append(
                    TagReport(
                        sighting.epc,
                        sighting.antenna,
                        round(sighting.rssi_dbm, 2) if self.fine else float(round(sighting.rssi_dbm)),
                        sighting.phase_deg if self.fine else None,
                        sighting.frequency_khz,
                        pc=f"{len(sighting.epc) // 4 << 11:04X}",
                        first_seen_us=clock_us,
                    )
                )
        while len(self._queue) > QUEUE_REPORTS:
            self._queue.popleft()
            self.dropped_reports += 1

    def take(self, tags_per_report: int) -> list[list[TagReport]]:
        """Return the reports that are due, as groups of so many tags; fewer wait for more."""
        groups = []
        while len(self._queue) >= tags_per_report:
            groups.append([self._queue.popleft() for _ in range(tags_per_report)])
        return groups

    def forget(self) -> None:
        """Drop the reports that wait."""
        self._queue.clear()


class SteadyTags:
    """A given number of reads a second, evenly over tags and antennas.

    Args:
        reads_per_s: the rate.
        tags: how many different tags.
        antennas: antennas 1 to this.
        prefix: two hex digits that tell one reader's tags from another's.
    """

    def __init__(self, reads_per_s: float, *, tags: int = 200, antennas: int = 4, prefix: str = "E2") -> None:
        self._reads_per_ms = reads_per_s / 1_000
        self._sightings = [
            Sighting(
                epc=f"{prefix}{number:022X}",
                antenna=1 + number % antennas,
                rssi_dbm=-55.0 - number % 20 + 0.25,
                phase_deg=float(number * 7 % 360),
                frequency_khz=902_750 + 500 * (number % 49),
            )
            for number in range(tags)
        ]
        self._since: int | None = None
        self._given = 0

    def seen(self, now: int) -> list[Sighting]:
        """Return what is due since the first call."""
        if self._since is None:
            self._since = now
        due = int((now - self._since) * self._reads_per_ms)
        found = [self._sightings[number % len(self._sightings)] for number in range(self._given, due)]
        self._given = due
        return found
