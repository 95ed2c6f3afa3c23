"""A field that senses nothing and remembers what the world told it, so that physics can follow in one piece.

:mod:`.cycles` turns a timeline into reads for many cycles at once, which is some hundred times faster than
ticking, and the store's people neither know nor care.
"""

from typing import NamedTuple

from firmware_sim.world.radio.field import RadioField


class Moved(NamedTuple):
    """A tag was put into a zone, or lifted out of the one it was in when ``zone`` is None."""

    at: int
    epc: str
    zone: str | None


class Stood(NamedTuple):
    """Somebody picked something from a zone and stood before it."""

    at: int
    zone: str


class Timeline(RadioField):
    """What happened before one reader's antennas, in order of time."""

    ticks = False

    def __init__(self) -> None:
        super().__init__()
        self.moves: list[Moved] = []
        self.picks: list[Stood] = []

    def place(self, epc: str, zone: str, now: int) -> None:
        """A tag lies in a zone from now on."""
        self.moves.append(Moved(now, epc, zone))

    def lift(self, epc: str, now: int) -> None:
        """A tag is taken into a hand."""
        self.moves.append(Moved(now, epc, None))

    def stand_before(self, zone: str, now: int, *, picking: bool) -> None:
        """Somebody stands before a zone; those who only look are part of the noise model."""
        if picking:
            self.picks.append(Stood(now, zone))

    def tick(self, now: int) -> None:
        """Nothing: physics comes later."""
