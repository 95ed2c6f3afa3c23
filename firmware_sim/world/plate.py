"""The plate of a scale: units of one SKU, the hand over it, and a load cell that is never quite still.

The load is the sum of the units' own weights. Noise adds white noise, a zero that wanders, vibration
bursts, the force of a hand and the ringing after a step. Sampled on a fixed grid of 100 ms, so that what
is read does not depend on who asks how often. "Stable" is what a scale would say: its last readings stayed
within a small range and no hand was over the plate.
"""

import math
from collections import deque
from typing import Final

import numpy as np

from firmware_sim.world.chance import generator
from firmware_sim.world.noise import ScaleNoise
from firmware_sim.world.scenario import Tray

SAMPLE_MS: Final = 100
REACH_MS: Final = 300
"""How long before a unit leaves or arrives a hand is over the plate, and how long after it."""


class Plate:
    """One scale."""

    def __init__(self, tray: Tray, noise: ScaleNoise | None, seed: int) -> None:
        """Load the plate as the scenario says; ``noise`` None weighs exactly."""
        self.tray = tray
        self._noise = noise
        self._items = generator(seed, "units", tray.device)
        self._chance = generator(seed, "plate", tray.device)
        self._units: list[float] = []
        self.free_at = 0
        self._hand: tuple[int, int, float] | None = None
        self._ring: tuple[int, float] | None = None
        self._vibration: tuple[int, float, float] | None = None
        self._next_vibration: int | None = None
        self._walk_g = 0.0
        self._recent: deque[float] = deque(
            maxlen=1 + round(1000 * (noise.stable_s if noise else 0.1)) // SAMPLE_MS
        )
        self.weight_g = 0.0
        self.stable = False
        self.add([self._new_unit() for _ in range(tray.units)])

    @property
    def units(self) -> int:
        """Units on the plate."""
        return len(self._units)

    def reach(self, now: int) -> None:
        """A hand comes over the plate; the unit moves ``REACH_MS`` later."""
        lasts, force = 2 * REACH_MS, 0.0
        if self._noise is not None:
            lasts = max(lasts, REACH_MS + int(1000 * self._chance.uniform(*self._noise.hand_s)))
            force = self._chance.uniform(*self._noise.hand_g)
        self._hand = (now, lasts, force)

    def remove(self, count: int, now: int) -> list[float]:
        """Take units off and return their weights."""
        taken = [self._units.pop(int(self._items.integers(len(self._units)))) for _ in range(count)]
        self._start_ringing(-sum(taken), now)
        return taken

    def add(self, weights_g: list[float], now: int | None = None) -> None:
        """Put units on."""
        self._units += weights_g
        if now is not None:
            self._start_ringing(sum(weights_g), now)

    def deliver(self, count: int, now: int) -> None:
        """Put new units on."""
        self.add([self._new_unit() for _ in range(count)], now)

    def sample(self, now: int) -> None:
        """Take the reading of this grid point."""
        hand = self._hand is not None and self._hand[0] <= now < self._hand[0] + self._hand[1]
        if self._noise is None:
            self.weight_g, self.stable = round(self.tray.unit_weight_g * self.units, 6), not hand
            return
        weight_g = math.fsum(self._units) + self._disturbance_g(self._noise, now)
        self._recent.append(weight_g)
        full = len(self._recent) == self._recent.maxlen
        was_stable, range_g = self.stable, max(self._recent) - min(self._recent)
        self.stable = full and not hand and range_g <= self._noise.stable_range_g
        if self.stable:
            weight_g = math.fsum(self._recent) / len(self._recent)
            if was_stable and abs(weight_g - self.weight_g) < self._noise.hold_g:
                return
        self.weight_g = round(weight_g, 2)

    def _disturbance_g(self, noise: ScaleNoise, now: int) -> float:
        self._walk_g += self._chance.normal(0.0, noise.walk_g_per_sqrt_s * math.sqrt(SAMPLE_MS / 1000))
        total_g = self._walk_g + self._chance.normal(0.0, noise.white_g)
        total_g += noise.sine_g / 2 * math.sin(2 * math.pi * now / (1000 * noise.sine_period_s))
        if self._hand is not None:
            start, lasts, force_g = self._hand
            if start <= now < start + lasts:
                total_g += force_g * math.sin(math.pi * (now - start) / lasts)
        if self._ring is not None:
            age_s = (now - self._ring[0]) / 1000
            total_g += (
                self._ring[1]
                * math.cos(2 * math.pi * noise.ring_hz * age_s)
                * math.exp(-age_s / noise.ring_decay_s)
            )
        return total_g + self._vibration_g(noise, now)

    def _vibration_g(self, noise: ScaleNoise, now: int) -> float:
        if self._next_vibration is None:
            self._next_vibration = self._after(noise.vibration_every_s, now)
        if now >= self._next_vibration:
            low, high = np.log(noise.vibration_g[0]), np.log(noise.vibration_g[1])
            size_g = float(
                np.exp(np.clip(self._chance.normal((low + high) / 2, (high - low) / 4), low, high))
            )
            self._vibration = (now, size_g, self._chance.uniform(*noise.vibration_hz))
            self._next_vibration = self._after(noise.vibration_every_s, now)
        if self._vibration is None:
            return 0.0
        start, size_g, frequency_hz = self._vibration
        age_s = (now - start) / 1000
        return (
            size_g
            * math.sin(2 * math.pi * frequency_hz * age_s + 1.0)
            * math.exp(-age_s / noise.vibration_decay_s)
        )

    def _after(self, range_s: tuple[float, float], now: int) -> int:
        return now + int(1000 * self._chance.uniform(*range_s))

    def _start_ringing(self, step_g: float, now: int) -> None:
        if self._noise is not None:
            self._ring = (now, self._noise.ring_share * step_g)

    def _new_unit(self) -> float:
        weight_g = self.tray.unit_weight_g
        return (
            weight_g
            if self._noise is None
            else weight_g * (1.0 + self._items.normal(0.0, self._noise.item_spread))
        )
