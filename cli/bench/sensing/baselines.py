"""What others do with the same reads: windows, rolling means, SMURF. Every one tells zone changes and absences.

- ``fixed10``: present while read within ten seconds, in the zone of the loudest mean RSSI of that window.
- ``fixed10-hyst6``: the same, another zone must be 6 dB louder.
- ``rollmean20-stock``, ``rollmean20-garment``: the rule of EdgeX's RFID inventory service: mean of the last
  20 RSSI values per antenna; a tag moves when another antenna's mean exceeds the present one's by 6 dB, less
  the longer it was not read there. Two published sets of parameters.
- ``smurf``: a window per tag from binomial sampling (Jeffery, Garofalakis, Franklin, VLDB 2006), the rate
  from a look-back of 25 epochs, with the loudest zone of its window.

One epoch is one antenna cycle of a second. Antenna and zone are the same here, one antenna per zone.
"""

import math
from abc import ABC, abstractmethod
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ABSENT: Final = -1
QUIET_DBM: Final = -200.0


class Heard(NamedTuple):
    """Reads of one cycle as columns: tag row, antenna, mean RSSI, how many."""

    tag: Ints
    antenna: Ints
    rssi_dbm: Floats
    reads: Ints


class Baseline(ABC):
    """A method that says per cycle which zone each tag is in.

    Args:
        antennas: how many there are.
    """

    def __init__(self, antennas: int) -> None:
        self.antennas = antennas
        self.cycle = 0
        self.zone: Ints = np.empty(0, dtype=np.int64)

    def step(self, heard: Heard, tags: int) -> Ints:
        """Take one cycle; return the zone of each tag, ABSENT for none."""
        more = tags - len(self.zone)
        if more:
            self.zone = np.append(self.zone, np.full(more, ABSENT))
            self.grow(more)
        self.zone = self.decide(heard)
        self.cycle += 1
        return self.zone

    @abstractmethod
    def grow(self, more: int) -> None:
        """Make room for tags that are new."""

    @abstractmethod
    def decide(self, heard: Heard) -> Ints:
        """Return the zones after this cycle."""


class FixedWindow(Baseline):
    """A window of so many cycles, and so many decibels of hysteresis."""

    def __init__(self, antennas: int, cycles: int, hysteresis_db: float) -> None:
        super().__init__(antennas)
        self._hysteresis_db = hysteresis_db
        self._sum = np.zeros((cycles, antennas, 0))
        self._count = np.zeros((cycles, antennas, 0))
        self._own = np.empty(0)

    def grow(self, more: int) -> None:
        """Make room."""
        pad = ((0, 0), (0, 0), (0, more))
        self._sum, self._count = np.pad(self._sum, pad), np.pad(self._count, pad)
        self._own = np.append(self._own, np.full(more, QUIET_DBM))

    def decide(self, heard: Heard) -> Ints:
        """Loudest mean of the window; with hysteresis, louder than the last known mean of the own zone."""
        slot = self.cycle % len(self._sum)
        self._sum[slot] = self._count[slot] = 0.0
        self._sum[slot, heard.antenna, heard.tag] = heard.rssi_dbm * heard.reads
        self._count[slot, heard.antenna, heard.tag] = heard.reads
        mean = _means(self._sum.sum(axis=0), self._count.sum(axis=0))
        columns, best = np.arange(len(self.zone)), mean.argmax(axis=0)
        loudest = mean[best, columns]
        own = mean[np.maximum(self.zone, 0), columns]
        if self._hysteresis_db:
            own = np.where(own > QUIET_DBM, own, self._own)
        stays = (self.zone >= 0) & (loudest <= own + self._hysteresis_db)
        zone = np.where(loudest == QUIET_DBM, ABSENT, np.where(stays, self.zone, best))
        self._own = np.where(stays, own, loudest)
        return zone


def _means(total: Floats, count: Floats) -> Floats:
    return np.where(count > 0, total / np.maximum(count, 1), QUIET_DBM)


class RollingMean(Baseline):
    """EdgeX's rule.

    Args:
        slope_db_per_s: how fast the threshold falls with the age of the last read at the present antenna.
        hold_off_s: … after this time.
        departed_s: silence that means departed.
        every_s: how often that is looked at.
    """

    DEPTH: Final = 20
    THRESHOLD_DB: Final = 6.0

    def __init__(
        self, antennas: int, slope_db_per_s: float, hold_off_s: float, departed_s: int, every_s: int
    ) -> None:
        super().__init__(antennas)
        self._slope, self._hold_off_s = slope_db_per_s, hold_off_s
        self._departed_s, self._every_s = departed_s, every_s
        self._values = np.full((self.DEPTH, antennas, 0), np.nan)
        self._next = np.zeros((antennas, 0), dtype=np.int64)
        self._seen = np.zeros((antennas, 0), dtype=np.int64)

    def grow(self, more: int) -> None:
        """Make room."""
        self._values = np.pad(self._values, ((0, 0), (0, 0), (0, more)), constant_values=np.nan)
        self._next = np.pad(self._next, ((0, 0), (0, more)))
        self._seen = np.pad(self._seen, ((0, 0), (0, more)), constant_values=-10_000)

    def decide(self, heard: Heard) -> Ints:
        """Compare rolling means; depart what was silent for long."""
        for copy in range(int(heard.reads.max(initial=0))):
            some = heard.reads > copy
            antenna, tag = heard.antenna[some], heard.tag[some]
            self._values[self._next[antenna, tag] % self.DEPTH, antenna, tag] = heard.rssi_dbm[some]
            self._next[antenna, tag] += 1
        self._seen[heard.antenna, heard.tag] = self.cycle
        filled = ~np.isnan(self._values)
        count = filled.sum(axis=0)
        mean = _means(np.where(filled, self._values, 0.0).sum(axis=0), count)
        zone, columns = self.zone.copy(), np.arange(len(self.zone))
        read = np.zeros((self.antennas, len(zone)), dtype=bool)
        read[heard.antenna, heard.tag] = True
        rival = np.where(read, mean, QUIET_DBM)
        rival[np.maximum(zone, 0), columns] = np.where(zone >= 0, QUIET_DBM, rival[0])
        best = rival.argmax(axis=0)
        arrives = (zone == ABSENT) & read.any(axis=0)
        own = np.maximum(zone, 0)
        age_s = self.cycle - self._seen[own, columns]
        offset = self.THRESHOLD_DB + self._slope * np.maximum(0.0, age_s - self._hold_off_s)
        moves = (zone >= 0) & (rival[best, columns] > mean[own, columns] + offset)
        zone = np.where(arrives | moves, best, zone)
        if self.cycle % self._every_s == 0:
            silent = self.cycle - self._seen.max(axis=0) > self._departed_s
            self._values[:, :, silent] = np.nan
            zone = np.where(silent, ABSENT, zone)
        return zone


class Smurf(Baseline):
    """Adaptive windows per tag."""

    LOOK_BACK: Final = 25
    DELTA: Final = 0.05
    LONGEST: Final = 60

    def __init__(self, antennas: int) -> None:
        super().__init__(antennas)
        self._sum = np.zeros((self.LONGEST, antennas, 0))
        self._count = np.zeros((self.LONGEST, antennas, 0))
        self._window = np.ones(0)

    def grow(self, more: int) -> None:
        """Make room."""
        pad = ((0, 0), (0, 0), (0, more))
        self._sum, self._count = np.pad(self._sum, pad), np.pad(self._count, pad)
        self._window = np.append(self._window, np.ones(more))

    def decide(self, heard: Heard) -> Ints:
        """Adapt each window, then look into it."""
        slot = self.cycle % self.LONGEST
        self._sum[slot] = self._count[slot] = 0.0
        self._sum[slot, heard.antenna, heard.tag] = heard.rssi_dbm * heard.reads
        self._count[slot, heard.antenna, heard.tag] = heard.reads
        age = (slot - np.arange(self.LONGEST)) % self.LONGEST
        read = self._count.sum(axis=1) > 0
        back = min(self.cycle + 1, self.LOOK_BACK)
        rate = np.maximum(read[age < back].sum(axis=0) / back, 1e-3)
        wanted = np.ceil(math.log(1.0 / self.DELTA) / rate)
        inside = age[:, None] < self._window
        seen = (read & inside).sum(axis=0)
        expected = self._window * rate
        deficit = (expected - seen) > 2.0 * np.sqrt(np.maximum(expected * (1.0 - rate), 0.0))
        window = np.where(
            deficit,
            np.maximum(1.0, self._window // 2),
            np.where(self._window < wanted, self._window + 2, self._window),
        )
        window = np.minimum(
            np.where(deficit, window, np.minimum(window, np.maximum(wanted, 1.0))), self.LONGEST
        )
        self._window = np.where(seen == 0, 1.0, window)
        looked = (age[:, None] < np.where(seen == 0, inside.sum(axis=0), window))[:, None, :]
        mean = _means((self._sum * looked).sum(axis=0), (self._count * looked).sum(axis=0))
        return np.where(mean.max(axis=0) == QUIET_DBM, ABSENT, mean.argmax(axis=0))


def baseline(name: str, antennas: int) -> Baseline:
    """Return a fresh baseline by name."""
    match name:
        case "fixed10":
            return FixedWindow(antennas, 10, 0.0)
        case "fixed10-hyst6":
            return FixedWindow(antennas, 10, 6.0)
        case "rollmean20-stock":
            return RollingMean(antennas, -8.0, 0.5, departed_s=600, every_s=30)
        case "rollmean20-garment":
            return RollingMean(antennas, -0.5, 60.0, departed_s=10, every_s=1)
        case "smurf":
            return Smurf(antennas)
        case _:
            raise ValueError(name)


BASELINES: Final = ("fixed10", "fixed10-hyst6", "rollmean20-stock", "rollmean20-garment", "smurf")
