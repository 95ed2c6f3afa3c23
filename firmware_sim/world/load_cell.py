"""What a load cell behind an HX711 reports of a plate whose load is known; whole recordings at once.

A plate's load is a step function of time. Added to it: creep after each step, the zero's random walk and
slow swing, warming up of the amplifier and the day's temperature, vibration of the whole shelf, hands,
and ringing when a hand lets go. The sum is computed on a grid finer than the ringing, each reading is the
mean over one conversion of the converter, with its white noise and, very rarely, a slipped bit. Figures
are those of the project's noise model; a recording of half an hour takes well below a second.
"""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_sim.world.chance import generator

GRID_HZ = 160
"""The 80 readings a second of the faster setting are means of two points, ten a second of sixteen."""

Grams = NDArray[np.float64]


class LoadCellNoise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a plate on a load cell weighs; pairs are the range from which each plate draws its own figure.

    Attributes:
        white_g_10, white_g_80: standard deviation of a reading at 10 and 80 readings a second.
        walk_g_per_sqrt_s: random walk of the zero.
        sine_g, sine_period_s: slow swing of the zero, peak to peak.
        full_scale_g: what the cell is made for.
        zero_share_per_10k, span_share_per_10k: how zero (of full scale) and span follow temperature.
        warming_k, warming_s: the amplifier warms up by this much, exponentially.
        swing_k, swing_s: slow swing of the room's temperature, peak to peak.
        creep_share, creep_s: the cell gives way under a new load by this share of it, exponentially.
        corner_share: a unit far from the middle weighs up to this share more or less.
        vibration_every_s, vibration_g, vibration_hz, vibration_decay_s: bursts of the whole shelf.
        hand_g, hand_s: force of a hand on the plate, half a sine, and how long it lasts.
        ring_share, ring_hz, ring_decay_s: ringing of the plate after a load was lifted or set down.
        spike_share, spike_g: readings with a slipped bit, and how far off they are.
    """

    white_g_10: tuple[float, float] = (0.3, 1.0)
    white_g_80: tuple[float, float] = (0.6, 2.0)
    walk_g_per_sqrt_s: float = 0.02
    sine_g: float = 3.0
    sine_period_s: float = 1800.0
    full_scale_g: float = 20_000.0
    zero_share_per_10k: tuple[float, float] = (0.0002, 0.001)
    span_share_per_10k: tuple[float, float] = (0.0002, 0.0005)
    warming_k: tuple[float, float] = (10.0, 20.0)
    warming_s: float = 900.0
    swing_k: float = 1.0
    swing_s: float = 1800.0
    creep_share: tuple[float, float] = (0.0003, 0.001)
    creep_s: tuple[float, float] = (60.0, 120.0)
    corner_share: tuple[float, float] = (0.001, 0.003)
    vibration_every_s: tuple[float, float] = (6.0, 15.0)
    vibration_g: tuple[float, float] = (1.0, 8.0)
    vibration_hz: tuple[float, float] = (6.0, 22.0)
    vibration_decay_s: float = 0.5
    hand_g: tuple[float, float] = (-400.0, 250.0)
    hand_s: tuple[float, float] = (0.3, 1.2)
    ring_share: float = 0.12
    ring_hz: float = 12.0
    ring_decay_s: float = 0.12
    spike_share: float = 1e-5
    spike_g: float = 2_000.0


class Step(msgspec.Struct, frozen=True):
    """The load of a plate changes by ``grams`` at ``at_s``; the hand lets go at ``free_s``."""

    at_s: float
    free_s: float
    grams: float


class Hand(msgspec.Struct, frozen=True):
    """A hand over a plate, pressing or lifting with up to ``grams``."""

    since_s: float
    until_s: float
    grams: float


def shelf_vibration(noise: LoadCellNoise, seed: int, seconds: float) -> Grams:
    """Return the vibration that all plates of a shelf feel, on the grid."""
    chance = generator(seed, "vibration")
    total = np.zeros(round(seconds * GRID_HZ))
    low, high = np.log(noise.vibration_g[0]), np.log(noise.vibration_g[1])
    at_s = chance.uniform(*noise.vibration_every_s)
    while at_s < seconds:
        size_g = float(np.exp(np.clip(chance.normal((low + high) / 2, (high - low) / 4), low, high)))
        frequency_hz = chance.uniform(*noise.vibration_hz)
        age_s = _ages(at_s, 6 * noise.vibration_decay_s, total.size)
        wave = np.sin(2 * np.pi * frequency_hz * age_s + chance.uniform(0, 2 * np.pi))
        _add(total, at_s, size_g * wave * np.exp(-age_s / noise.vibration_decay_s))
        at_s += chance.uniform(*noise.vibration_every_s)
    return total


def record(
    noise: LoadCellNoise,
    seed: int,
    plate: str,
    *,
    start_g: float,
    steps: Sequence[Step],
    hands: Sequence[Hand],
    vibration: Grams,
    readings_per_s: int,
) -> Grams:
    """Return the readings of one plate, in grams, the first one conversion after the start.

    Args:
        noise: the physics.
        seed: of the world.
        plate: name; each plate has chances of its own.
        start_g: load at the start, which has lain there for long.
        steps: changes of the load in order of time.
        hands: what presses on the plate.
        vibration: of :func:`shelf_vibration`; its length is the recording's.
        readings_per_s: a divisor of the grid's frequency, for example 10 or 80.
    """
    chance = generator(seed, "cell", plate)
    force = vibration * chance.uniform(0.7, 1.0)
    load = np.full(force.size, start_g)
    for step in steps:
        load[_index(step.at_s) :] += step.grams
        age_s = _ages(step.free_s, 8 * noise.ring_decay_s, force.size)
        wave = np.cos(2 * np.pi * noise.ring_hz * age_s) * np.exp(-age_s / noise.ring_decay_s)
        _add(force, step.free_s, noise.ring_share * step.grams * wave)
    for hand in hands:
        age_s = _ages(hand.since_s, hand.until_s - hand.since_s, force.size)
        _add(force, hand.since_s, hand.grams * np.sin(np.pi * age_s / (hand.until_s - hand.since_s)))
    force += load + _creep(load, chance.uniform(*noise.creep_share), chance.uniform(*noise.creep_s))
    per_reading = GRID_HZ // readings_per_s
    count = force.size // per_reading
    readings = force[: count * per_reading].reshape(count, per_reading).mean(axis=1)
    at_s = np.arange(1, count + 1) / readings_per_s
    readings += _slow(noise, chance, at_s, load[per_reading - 1 :: per_reading][:count])
    white_g = chance.uniform(*(noise.white_g_80 if readings_per_s > 10 else noise.white_g_10))
    readings += chance.normal(0.0, white_g, count)
    readings[chance.random(count) < noise.spike_share] += noise.spike_g
    rounded: Grams = np.round(readings, 2)
    return rounded


def _slow(noise: LoadCellNoise, chance: np.random.Generator, at_s: Grams, load: Grams) -> Grams:
    """Return what wanders: random walk, slow swing, temperature of zero and span."""
    walk_g = np.cumsum(chance.normal(0.0, noise.walk_g_per_sqrt_s * np.sqrt(at_s[0]), at_s.size))
    swing_g = noise.sine_g / 2 * np.sin(2 * np.pi * at_s / noise.sine_period_s + chance.uniform(0, 2 * np.pi))
    warmer_k = chance.uniform(*noise.warming_k) * (1 - np.exp(-at_s / noise.warming_s))
    warmer_k += noise.swing_k / 2 * np.sin(2 * np.pi * at_s / noise.swing_s + chance.uniform(0, 2 * np.pi))
    sign = chance.choice((-1.0, 1.0), 2)
    zero_g = sign[0] * noise.full_scale_g * chance.uniform(*noise.zero_share_per_10k) * warmer_k / 10
    span_g = sign[1] * load * chance.uniform(*noise.span_share_per_10k) * warmer_k / 10
    found: Grams = walk_g + swing_g + zero_g + span_g
    return found


def _creep(load: Grams, share: float, lasts_s: float) -> Grams:
    """Return how far the cell has given way: behind each change of the load, exponentially."""
    creep: Grams = np.empty(load.size)
    edges = [0, *(np.flatnonzero(np.diff(load)) + 1), load.size]
    reached = share * load[0]
    for first, last in pairwise(edges):
        goal = share * load[first]
        part = goal + (reached - goal) * np.exp(-np.arange(last - first) / (GRID_HZ * lasts_s))
        creep[first:last] = part
        reached = part[-1]
    return creep


def _index(at_s: float) -> int:
    return max(0, round(at_s * GRID_HZ))


def _ages(at_s: float, lasts_s: float, size: int) -> Grams:
    first = _index(at_s)
    return np.arange(max(0, min(size - first, round(lasts_s * GRID_HZ)))) / GRID_HZ


def _add(total: Grams, at_s: float, part: Grams) -> None:
    first = _index(at_s)
    total[first : first + part.size] += part
