"""What a people counter over the door reports of the people who cross.

Exact unless the scenario switches counter errors on: then children are missed, bags count double and a
second person right behind another is merged with them.
"""

from firmware_sim.world.chance import generator
from firmware_sim.world.noise import CounterNoise
from firmware_sim.world.scenario import PeopleCounter


class Door:
    """One counter."""

    def __init__(self, counter: PeopleCounter, errors: CounterNoise | None, seed: int) -> None:
        """Count exactly when ``errors`` is None."""
        self.line = counter.line
        self._errors = errors
        self._chance = generator(seed, "counter", counter.device)
        self._waiting = [0, 0]
        self._last_at = -1_000_000

    def cross(self, *, inwards: bool, now: int) -> None:
        """One person crosses."""
        self._waiting[0 if inwards else 1] += 1 if self._errors is None else self._counted(self._errors, now)
        self._last_at = now

    def fetch(self) -> tuple[int, int]:
        """Return (entered, left) since the last call."""
        entered, left = self._waiting
        self._waiting = [0, 0]
        return entered, left

    def _counted(self, errors: CounterNoise, now: int) -> int:
        fate, merge = self._chance.random(), self._chance.random()
        if now - self._last_at < 1000 * errors.merge_s and merge < errors.merge_share:
            return 0
        if fate < errors.miss_share:
            return 0
        return 2 if fate > 1.0 - errors.double_share else 1
