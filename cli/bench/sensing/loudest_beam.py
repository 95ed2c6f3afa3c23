"""What the loudest beam alone makes of fitting cabins: a tag is where its maximum RSSI of the last seconds is.

Evaluated every second, as ceiling readers over cabins are (Hauser 2019, chapter 6, found the maximum RSSI per
beam the best single feature). A tag that was in one cabin for the dwell without a break is tried on; the
try-on ends when another beam was the loudest, or none heard it, for five seconds.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW: Final = 5
DWELL: Final = 20
GONE: Final = 5
RESTS: Final = 60
QUIET_DBM: Final = -200.0
NOWHERE: Final = -1


class LoudestBeam:
    """The rule, for a fixed set of tags; one call per cycle of a second.

    Args:
        tags: how many.
        beams: how many.
        cabins: which beams are cabins.
    """

    def __init__(self, tags: int, beams: int, cabins: Ints) -> None:
        self._recent = np.full((WINDOW, beams, tags), QUIET_DBM)
        self._cabin = np.isin(np.arange(beams), cabins)
        self._since = np.zeros(tags, dtype=np.int64)
        self._where = np.full(tags, NOWHERE)
        self._missing = np.zeros(tags, dtype=np.int64)
        self._cycle = 0
        self.trying = np.full(tags, NOWHERE)
        self._shelf = np.full(tags, NOWHERE)
        self._lain = np.zeros(tags, dtype=np.int64)

    def step(self, tag: Ints, beam: Ints, rssi_dbm: Floats) -> tuple[Ints, Ints]:
        """Take one cycle; return the tags whose try-on starts, and those whose ends."""
        self._cycle += 1
        slot = self._cycle % WINDOW
        self._recent[slot] = QUIET_DBM
        self._recent[slot, beam, tag] = rssi_dbm
        loudest = self._recent.max(axis=0)
        best = loudest.argmax(axis=0)
        columns = np.arange(len(best))
        where = np.where((loudest[best, columns] > QUIET_DBM) & self._cabin[best], best, NOWHERE)
        shelf = np.where((loudest[best, columns] > QUIET_DBM) & ~self._cabin[best], best, NOWHERE)
        self._lain = np.where((shelf == self._shelf) & (shelf != NOWHERE), self._lain + 1, 0)
        self._shelf = shelf
        self._since = np.where(where == self._where, self._since + 1, 1)
        self._where = where
        self._missing = np.where(where == self.trying, 0, self._missing + 1)
        ended = np.nonzero((self.trying != NOWHERE) & (self._missing >= GONE))[0]
        self.trying[ended] = NOWHERE
        started = np.nonzero((self.trying == NOWHERE) & (where != NOWHERE) & (self._since >= DWELL))[0]
        self.trying[started] = where[started]
        self._missing[started] = 0
        return started, ended

    @property
    def rested(self) -> Ints:
        """The tags that have by now been loudest at one other beam for a minute."""
        return np.nonzero(self._lain == RESTS)[0]
