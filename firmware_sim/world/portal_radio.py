"""What a gate's reader reports of the courses of its tags.

The antennas take turns of ``dwell_ms``. Level of a tag = distance + pattern + the tag's own offset +
placement shadow + multipath along its way - covers and bodies; it is energised with a probability logistic
in (level - sensitivity); energised tags share what the reader can singulate in a turn; reads of a tag are
Poisson, fewer for a weak one. Phase follows the distance, with an offset of its own per tag, antenna and
channel, and is only known modulo half a turn.

With ``rician`` the fading has other statistics: Rician per channel, which changes with the channel at every
turn, and bodies that hide a whole carrier or nothing of it.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from firmware_sim.world.chance import generator
from firmware_sim.world.portal import INNER, OUTER, START, GateRadio, GateRead, GateScene, GateTruth
from firmware_sim.world.portal_traffic import Course, traffic
from firmware_sim.world.radio.noisy import CHANNELS_KHZ

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

K_FACTOR_DB: Final = 9.0
HEARABLE_DB: Final = 8.0
"""So far below the sensitivity a tag is never energised."""

SPEED_OF_LIGHT_M_MHZ: Final = 299.792


def gate_reads(
    scene: GateScene, seed: int, minutes: float, *, rician: bool = False
) -> tuple[list[GateRead], GateTruth]:
    """Return all reports of a run in the order in which the host gets them, and the truth.

    Args:
        scene: the gate.
        seed: everything random follows from it.
        minutes: simulated time.
        rician: use the second radio model.
    """
    end = START + round(minutes * 60_000)
    courses, truth = traffic(scene, seed, START, end, correlated=rician)
    return _Reader(scene.radio, seed, rician=rician).reports(courses), truth


class _Reader:
    """One run of the reader."""

    def __init__(self, radio: GateRadio, seed: int, *, rician: bool) -> None:
        self._radio = radio
        self._rician = rician
        self._seed = seed
        self._chance = generator(seed, "gate", "reader")
        half = radio.spacing_m / 2
        self._antennas = np.array([[-half, radio.aside_m, 0.0], [half, radio.aside_m, 0.0]])

    def reports(self, courses: list[Course]) -> list[GateRead]:
        """Return what is reported of these courses."""
        noise, chance = self._radio.noise, self._chance
        carriers = [course for course in courses if course.moves]
        spans = [self._levels(course, carriers) for course in courses]
        first = START // noise.dwell_ms
        last = max((int(turns[-1]) for turns, _ in spans if len(turns)), default=first)
        among = np.zeros(last - first + 1, dtype=np.int64)
        awake = []
        for turns, level in spans:
            margin = level - noise.sensitivity_dbm
            energised = chance.random(len(level)) < 1.0 / (
                1.0 + np.exp(np.clip(-margin / noise.energise_slope_db, -60.0, 60.0))
            )
            np.add.at(among, turns[energised] - first, 1)
            awake.append(energised)
        found: list[GateRead] = []
        turn_s = noise.dwell_ms / 1000
        for course, (turns, level), energised in zip(courses, spans, awake, strict=True):
            each = np.minimum(
                min(6.0, noise.tag_reads_per_s * turn_s),
                noise.reads_per_s * turn_s / np.maximum(among[turns - first], 1),
            )
            margin = level - noise.sensitivity_dbm
            rate = np.where(energised, each * np.clip(1.0 + (margin - 12.0) / 30.0, 0.4, 1.3), 0.0)
            counts = chance.poisson(rate)
            found += self._reads(course, np.repeat(turns, counts), np.repeat(level, counts))
        found.sort()
        return found

    def _levels(self, course: Course, carriers: list[Course]) -> tuple[Ints, Floats]:
        """Return the turns in which a tag may be heard, and its level in the middle of each."""
        dwell = self._radio.noise.dwell_ms
        turns = np.arange(int(course.times[0]) // dwell, int(course.times[-1]) // dwell + 1)
        middle = (turns + 0.5) * dwell
        antenna = turns % 2
        place = _at(course, middle)
        level = self._mean_level(place, antenna)
        level -= np.interp(middle, course.times, course.cover_db)
        level -= self._body(course, place, antenna)
        if not course.moves:
            level -= self._shade(course, middle, carriers)
        level += self._spread(course, place, antenna, turns)
        near = level > self._radio.noise.sensitivity_dbm - HEARABLE_DB
        return turns[near], level[near]

    def _mean_level(self, place: Floats, antenna: Ints) -> Floats:
        radio = self._radio
        apart = place - self._antennas[antenna]
        distance = np.maximum(np.linalg.norm(apart, axis=1), 0.3)
        angle = np.degrees(np.arccos(np.clip(-apart[:, 1] / distance, -1.0, 1.0)))
        pattern = np.minimum(3.0 * (angle / radio.beam_deg) ** 2, radio.floor_db)
        level: Floats = radio.at_1m_dbm - radio.slope_db_per_decade * np.log10(distance) - pattern
        return level

    def _body(self, course: Course, place: Floats, antenna: Ints) -> Floats:
        """A body costs all it can when it is between tag and antenna, and a third of it otherwise."""
        if not course.body_db.any():
            return np.zeros(len(antenna))
        ahead = np.sign(self._antennas[antenna, 0] - place[:, 0])
        between = (course.body_side == 0) | (ahead == course.body_side)
        return course.body_db[antenna] * np.where(between, 1.0, 1.0 / 3.0)

    def _shade(self, course: Course, middle: Floats, carriers: list[Course]) -> Floats:
        """Carriers that go by shade what lies behind them."""
        shade = np.zeros(len(middle))
        seen: set[int | None] = set()
        for carrier in carriers:
            if carrier.carrier in seen or carrier.times[-1] < middle[0] or carrier.times[0] > middle[-1]:
                continue
            seen.add(carrier.carrier)
            low, high = np.searchsorted(middle, [carrier.times[0], carrier.times[-1]])
            own = generator(self._seed, "gate", "shade", course.epc, str(carrier.carrier))
            cost = own.uniform(*self._radio.carrier_shade_db) * own.uniform(
                *self._radio.noise.block_tag_factor
            )
            part = middle[low:high]
            gap = np.abs(_at(carrier, part)[:, 0] - np.interp(part, course.times, course.place[:, 0]))
            shade[low:high] += np.where(gap < 0.7, cost, 0.0)
        return shade

    def _spread(self, course: Course, place: Floats, antenna: Ints, turns: Ints) -> Floats:
        """The tag's own offset, its shadow before each antenna and its fading."""
        noise, radio = self._radio.noise, self._radio
        own = generator(self._seed, "gate", "tag", course.epc)
        offset = own.normal(0.0, noise.tag_spread_db) - noise.weak_db * (own.random() < noise.weak_share)
        shadow = own.normal(0.0, noise.shadow_db, 2)
        if self._rician:
            fading = self._rician_fading(own, place, antenna, turns)
        else:
            walked = np.concatenate([[0.0], np.linalg.norm(np.diff(place, axis=0), axis=1)])
            slow = noise.fading_rho_per_s ** (noise.dwell_ms / 1000)
            fading = np.empty(len(turns))
            for one in (0, 1):
                fading[antenna == one] = _gauss(
                    own, np.exp(-walked / radio.way_fading_m), radio.way_fading_db
                )[antenna == one]
            fading += _gauss(own, np.full(len(turns), slow), noise.fading_db)
        return offset + shadow[antenna] + fading

    def _rician_fading(self, own: np.random.Generator, place: Floats, antenna: Ints, turns: Ints) -> Floats:
        """The scattered part stands still with the tag, per antenna and channel, and is another after a step."""
        step = np.floor(place / self._radio.way_fading_m).astype(np.int64)
        key = step[:, 0] * 1_000_003 + step[:, 1] * 7_919 + antenna * 104_729 + _channel(turns) * 15_485_863
        _, index = np.unique(key, return_inverse=True)
        scatter = own.standard_normal((int(index.max(initial=0)) + 1, 2)) @ np.array([1, 1j])
        direct = math.sqrt(10.0 ** (K_FACTOR_DB / 10.0))
        power: Floats = np.abs(direct + scatter[index] / math.sqrt(2.0)) ** 2 / (direct * direct + 1.0)
        fading: Floats = 10.0 * np.log10(np.maximum(power, 1e-6))
        return fading

    def _reads(self, course: Course, turns: Ints, level: Floats) -> list[GateRead]:
        """Return single reads with their times, in no order."""
        noise, chance, radio = self._radio.noise, self._chance, self._radio
        count = len(turns)
        if not count:
            return []
        at = np.floor((turns + chance.random(count)) * noise.dwell_ms)
        antenna = turns % 2
        channel = _channel(turns)
        rssi = np.round(2.0 * (level + chance.normal(0.0, noise.read_spread_db, count))) / 2.0
        distance = np.linalg.norm(_at(course, at) - self._antennas[antenna], axis=1)
        wave_m = SPEED_OF_LIGHT_M_MHZ / (np.array(CHANNELS_KHZ)[channel] / 1000)
        own = generator(self._seed, "gate", "phase", course.epc)
        offset = own.uniform(0.0, 2 * math.pi, (2, len(CHANNELS_KHZ)))[antenna, channel]
        phase = 4 * math.pi * distance / wave_m + offset + math.pi * chance.integers(0, 2, count)
        phase = np.degrees(phase + chance.normal(0.0, noise.phase_spread_rad, count)) % 360.0
        late = (turns + 1) * noise.dwell_ms + chance.integers(*radio.report_ms, count)
        fate = chance.random(count)
        reads = []
        for row in range(count):
            epc = course.epc
            if fate[row] < noise.ghost_share:
                epc = f"{int(epc, 16) ^ 1 << int(chance.integers(4 * len(epc))):0{len(epc)}X}"
            read = GateRead(
                int(late[row]), int(at[row]), epc, (OUTER, INNER)[antenna[row]], float(rssi[row]),
                round(float(phase[row]), 2) % 360.0, CHANNELS_KHZ[channel[row]],
            )  # fmt: skip
            reads += [read, read] if fate[row] > 1.0 - noise.duplicate_share else [read]
        return reads


def _at(course: Course, times: Floats) -> Floats:
    """Return the place of a tag at these times, [time, 3]."""
    return np.stack([np.interp(times, course.times, course.place[:, axis]) for axis in range(3)], axis=1)


def _channel(turns: Ints) -> Ints:
    return turns // 2 * 7 % len(CHANNELS_KHZ)


def _gauss(own: np.random.Generator, rho: Floats, spread: float) -> Floats:
    """Return an AR(1) course whose memory may differ from step to step."""
    fresh = own.standard_normal(len(rho)) * spread * np.sqrt(np.maximum(1.0 - rho * rho, 0.0))
    course = np.empty(len(rho))
    last = own.normal(0.0, spread)
    for row in range(len(rho)):
        last = rho[row] * last + fresh[row]
        course[row] = last
    return course
