"""The weighing part of a scale twin: zero, tare, settling, capacity. How it is told is each twin's own."""

from typing import Final

SETTLE_MS: Final = 300
ZERO_RANGE: Final = 0.02
"""The zero point can be set within 2 % of the capacity, and so far below zero a load can still be shown."""


class Plate:
    """What lies on a scale and what it makes of that.

    Args:
        capacity_g: heavier loads are overload.
    """

    def __init__(self, capacity_g: float) -> None:
        self._capacity_g = capacity_g
        self._load_g = 0.0
        self._load_rests = True
        self._moved_at = -SETTLE_MS
        self.power_cycle()

    def power_cycle(self) -> None:
        """Forget zero point and tare; the load stays."""
        self._zero_g = self._tare_g = 0.0

    def load(self, weight_g: float, *, stable: bool, now: int) -> None:
        """Something else lies on the plate, or moves on it."""
        if weight_g != self._load_g or not stable:
            self._moved_at = now
        self._load_g, self._load_rests = weight_g, stable

    def rests(self, now: int) -> bool:
        """Return whether the scale calls itself stable."""
        return self._load_rests and now - self._moved_at >= SETTLE_MS

    @property
    def net_g(self) -> float:
        """Load minus zero point minus tare."""
        return self._load_g - self._zero_g - self._tare_g

    @property
    def beyond(self) -> int:
        """1 for overload, -1 for underload, else 0."""
        gross_g = self._load_g - self._zero_g
        return (gross_g > self._capacity_g) - (gross_g < -self._capacity_g * ZERO_RANGE)

    @property
    def tared(self) -> bool:
        """True while a tare is taken off."""
        return self._tare_g != 0.0

    def tare(self) -> None:
        """Make the load the new zero of net weights."""
        self._tare_g = self._load_g - self._zero_g

    def zero(self) -> bool:
        """Set the zero point; False when the load is too far from it."""
        if abs(self._load_g) > self._capacity_g * ZERO_RANGE:
            return False
        self._zero_g, self._tare_g = self._load_g, 0.0
        return True
