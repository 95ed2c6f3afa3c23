"""Reader drop-outs: seconds of silence a few times an hour, minutes of it about once a day."""

from typing import Final

import numpy as np

from firmware_sim.world.noise import RadioNoise

NEVER: Final = 1 << 62


class Dropouts:
    """Two independent Poisson processes of silences."""

    def __init__(self, noise: RadioNoise, chance: np.random.Generator) -> None:
        self._chance = chance
        self._kinds = (
            (noise.dropouts_per_h / 3_600_000, noise.dropout_s),
            (noise.long_dropouts_per_day / 86_400_000, noise.long_dropout_s),
        )
        self._next: list[int] | None = None
        self._until = 0

    def silent(self, now: int) -> bool:
        """Return whether the reader says nothing now; ``now`` never goes back."""
        if self._next is None:
            self._next = [self._after(now, rate) for rate, _ in self._kinds]
        for index, (rate, span_s) in enumerate(self._kinds):
            if now >= self._next[index]:
                end = self._next[index] + int(1000 * self._chance.uniform(*span_s))
                self._until = max(self._until, end)
                self._next[index] = self._after(end, rate)
        return now < self._until

    def _after(self, now: int, rate_per_ms: float) -> int:
        return now + int(self._chance.exponential(1.0 / rate_per_ms)) if rate_per_ms > 0 else NEVER
