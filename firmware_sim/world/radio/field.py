"""What every field of a reader can do.

The world tells a field where tags are; the field is ticked on a fixed grid of 50 ms and collects what it
singulates until somebody fetches it. The collection is bounded: a reader nobody listens to forgets the
oldest, as its own buffer would.
"""

from abc import ABC, abstractmethod
from collections import deque
from typing import Final

from firmware_sim.model import Sighting

TICK_MS: Final = 50
MAX_WAITING: Final = 20_000


class RadioField(ABC):
    """The radio side of one reader.

    Attributes:
        ticks: it wants to be ticked.
    """

    ticks: bool = True

    def __init__(self) -> None:
        self._seen: deque[Sighting] = deque(maxlen=MAX_WAITING)

    def fetch(self) -> list[Sighting]:
        """Return what was singulated since the last call."""
        seen = list(self._seen)
        self._seen.clear()
        return seen

    @abstractmethod
    def place(self, epc: str, zone: str, now: int) -> None:
        """A tag lies in a zone from now on."""

    @abstractmethod
    def lift(self, epc: str, now: int) -> None:
        """A tag is taken into a hand."""

    @abstractmethod
    def tick(self, now: int) -> None:
        """Singulate for one tick that ends now."""

    def stand_before(self, zone: str, now: int, *, picking: bool) -> None:  # noqa: B027 - no body blocks a clean field
        """A shopper stands before a zone."""
