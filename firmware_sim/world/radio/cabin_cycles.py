"""What the antennas of a shop with fitting cabins hear, whole cycles of a second at a time.

Level of a tag at an antenna = coupling of its place + the tag's own offset + placement shadow (drawn at
each change of place) + slow fading - the body that blocks that antenna, and in a hand or on a body weaker
and jittering. A tag is energised with a probability logistic in (level - sensitivity); energised tags
share what the reader singulates during the antenna's turn; reads are Poisson. Readers drop out.

``rician`` has other statistics: Rician fading per channel instead of the slow Gaussian, blocking that is
gamma distributed and alike for tags side by side, and jitter with a heavy tail. No method is tuned on it.

Figures: :class:`~firmware_sim.world.noise.RadioNoise` and, for what is peculiar to cabins, :class:`CabinNoise`.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_sim.world.cabins import (
    AWAY,
    CABINS,
    CORRIDOR,
    FLOOR,
    HANGING,
    IN_HAND,
    PLACES,
    RETURN_RAIL,
    SHELVES,
    TILL,
    WORN,
    FittingShop,
)
from firmware_sim.world.chance import generator
from firmware_sim.world.noise import RadioNoise
from firmware_sim.world.radio.cycles import Body
from firmware_sim.world.radio.silence import Dropouts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

CYCLE_MS: Final = 1000
CHUNK: Final = 120
NOWHERE_DBM: Final = -200.0
CHANNELS: Final = 16
RICIAN_K_DB: Final = 8.0
CHANNEL_HOLDS_S: Final = 40.0

ANTENNAS: Final = (*SHELVES, TILL, *CABINS, RETURN_RAIL)
"""Place before each antenna; four ports of the reader on the sales floor, then four of that of the cabins."""
READERS: Final = {"reader-floor": range(4), "reader-cabins": range(4, 8)}


class CabinNoise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is peculiar to cabins; the rest is RadioNoise.

    Attributes:
        wall_db: loss through the wall between a cabin and the rail behind it, both ways, per placement.
        partition_dbm: mean RSSI in one cabin of what is in the next.
        curtain_dbm: in a cabin, of what is carried through the corridor before it.
        worn_db, worn_spread_db: a worn garment is weaker and jitters.
        occupant_block_db, occupant_block_s, occupant_free_s: the body in a cabin comes between antenna and
            garments and goes again.
    """

    wall_db: tuple[float, float] = (8.0, 12.0)
    partition_dbm: float = -65.0
    curtain_dbm: float = -66.0
    worn_db: float = 6.0
    worn_spread_db: float = 4.0
    occupant_block_db: tuple[float, float] = (3.0, 12.0)
    occupant_block_s: tuple[float, float] = (4.0, 12.0)
    occupant_free_s: tuple[float, float] = (4.0, 20.0)


class Heard(NamedTuple):
    """Reads of one cycle as columns: which garment, which antenna of ANTENNAS, end of its turn, mean RSSI, how many."""

    tag: Ints
    antenna: Ints
    at_ms: Ints
    rssi_dbm: Floats
    reads: Ints


class Cycle(NamedTuple):
    """One cycle; ``silent`` are the readers that said nothing at all."""

    now: int
    heard: Heard
    silent: tuple[str, ...]


FITTING_RADIO: Final = RadioNoise(reads_per_s=300.0, dwell_ms=250, long_dropouts_per_day=1.0)


class CabinRadio:
    """The radio side of a shop that has been lived through.

    Args:
        shop: its people and garments.
        seed: of the run.
        radio, cabin: figures.
        rician: use the second model.
    """

    def __init__(
        self,
        shop: FittingShop,
        seed: int,
        radio: RadioNoise = FITTING_RADIO,
        cabin: CabinNoise | None = None,
        *,
        rician: bool = False,
    ) -> None:
        self._shop = shop
        self._seed = seed
        self._radio = radio
        self._cabin = cabin or CabinNoise()
        self._rician = rician
        self._chance = generator(seed, "cabin radio")
        self._tags = len(shop.garments)
        offsets = [generator(seed, "tag", garment.epc) for garment in shop.garments]
        self._offset = np.array(
            [
                one.normal(0.0, radio.tag_spread_db) - radio.weak_db * (one.random() < radio.weak_share)
                for one in offsets
            ]
        )
        self._coupling = coupling_dbm(radio, self._cabin)
        self._dropouts = {name: Dropouts(radio, generator(seed, "dropout", name)) for name in READERS}
        self._stays = [self._levels(row) for row in range(self._tags)]
        self._fading = self._chance.normal(0.0, radio.fading_db, (len(ANTENNAS), self._tags))
        self._scatter = _complex_normal(self._chance, (CHANNELS, len(ANTENNAS), self._tags))
        self._bodies = sorted(self._all_bodies(), key=lambda body: body.start)

    def run(self) -> Iterator[Cycle]:
        """Yield the cycles of the whole run."""
        for start in range(self._shop.start, self._shop.end, CHUNK * CYCLE_MS):
            yield from self._chunk(start, min(CHUNK, (self._shop.end - start) // CYCLE_MS))

    def _chunk(self, start: int, cycles: int) -> Iterator[Cycle]:
        radio, chance = self._radio, self._chance
        ends = start + (np.arange(cycles) + 1) * CYCLE_MS
        turns = np.array(
            [(port + 1) * radio.dwell_ms for ports in READERS.values() for port in range(len(ports))]
        )
        middles = ends[:, None] - CYCLE_MS + turns - radio.dwell_ms // 2
        level, mode = self._course(middles)
        level += self._rician_fading(cycles) if self._rician else self._slow_fading(cycles)
        level -= self._blocking(middles)
        for moving, weaker, spread in (
            (IN_HAND, radio.hand_db, radio.hand_spread_db),
            (WORN, self._cabin.worn_db, self._cabin.worn_spread_db),
        ):
            where = mode == moving
            count = int(where.sum())
            jitter = (
                chance.standard_t(4, count) / math.sqrt(2.0)
                if self._rician
                else chance.standard_normal(count)
            )
            level[where] += spread * jitter - weaker
        reads = self._singulate(level)
        silent: list[list[str]] = [[] for _ in range(cycles)]
        for name, ports in READERS.items():
            quiet = np.array(
                [[self._dropouts[name].silent(int(at)) for at in turn[ports]] for turn in middles]
            )
            for port, antenna in enumerate(ports):
                reads[quiet[:, port], antenna] = 0
            for row in np.nonzero(quiet.all(axis=1))[0].tolist():
                silent[row].append(name)
        rows, antennas, tags = np.nonzero(reads)
        counts = reads[rows, antennas, tags]
        noise = radio.read_spread_db / np.sqrt(counts) * chance.standard_normal(len(rows))
        rssi = np.round(2.0 * (level[rows, antennas, tags] + noise)) / 2.0
        at = middles[rows, antennas] + radio.dwell_ms // 2
        bounds = np.searchsorted(rows, np.arange(cycles + 1))
        for cycle in range(cycles):
            part = slice(bounds[cycle], bounds[cycle + 1])
            heard = Heard(tags[part], antennas[part], at[part], rssi[part], counts[part])
            yield Cycle(int(ends[cycle]), heard, tuple(silent[cycle]))

    def _levels(self, row: int) -> tuple[Ints, Floats, Ints]:
        """Return of one garment when each of its stays begins, its mean level per antenna there, and its mode."""
        garment = self._shop.garments[row]
        chance = generator(self._seed, "placement", garment.epc)
        levels = np.empty((len(garment.stays), len(ANTENNAS)))
        behind = 0
        shadow = np.zeros(len(ANTENNAS))
        previous = ""
        for index, stay in enumerate(garment.stays):
            if stay.place != previous or stay.mode != HANGING:
                behind = int(chance.integers(len(CABINS)))
                shadow = chance.normal(0.0, self._radio.shadow_db, len(ANTENNAS))
                wall_db = chance.uniform(*self._cabin.wall_db)
            previous = stay.place
            level = self._coupling[PLACES.index(stay.place)] + shadow + self._offset[row]
            if stay.place == "rail-wall":
                level[ANTENNAS.index(CABINS[behind])] += self._radio.own_dbm - wall_db - self._radio.far_dbm
            elif stay.place in CABINS:
                level[ANTENNAS.index("rail-wall")] += self._radio.own_dbm - wall_db - self._radio.far_dbm
            levels[index] = level
        return (
            np.array([stay.at for stay in garment.stays]),
            levels,
            np.array([stay.mode for stay in garment.stays]),
        )

    def _course(self, middles: Ints) -> tuple[Floats, Ints]:
        """Return mean level and mode per [cycle, antenna, tag]."""
        shape = (*middles.shape, self._tags)
        level, mode = np.empty(shape), np.empty(shape, dtype=np.int64)
        antennas = np.arange(len(ANTENNAS))
        for row, (since, levels, modes) in enumerate(self._stays):
            index = np.maximum(np.searchsorted(since, middles, side="right") - 1, 0)
            level[:, :, row] = levels[index, antennas]
            mode[:, :, row] = modes[index]
        return level, mode

    def _slow_fading(self, cycles: int) -> Floats:
        rho, spread = self._radio.fading_rho_per_s, self._radio.fading_db
        course = (
            self._chance.standard_normal((cycles, *self._fading.shape)) * spread * math.sqrt(1 - rho * rho)
        )
        for fresh in course:
            fresh += rho * self._fading
            self._fading = fresh
        self._fading = self._fading.copy()
        return course

    def _rician_fading(self, cycles: int) -> Floats:
        rho = math.exp(-CYCLE_MS / 1000 / CHANNEL_HOLDS_S)
        direct = math.sqrt(10.0 ** (RICIAN_K_DB / 10.0))
        course = np.empty((cycles, *self._scatter.shape[1:]))
        for cycle in range(cycles):
            channel = int(self._chance.integers(CHANNELS))
            power = np.abs(direct + self._scatter[channel]) ** 2 / (direct * direct + 1.0)
            course[cycle] = 10.0 * np.log10(np.maximum(power, 1e-6))
            if cycle % 10 == 9:
                held = rho**10
                fresh = _complex_normal(self._chance, self._scatter.shape)
                self._scatter = held * self._scatter + math.sqrt(1.0 - held * held) * fresh
        return course

    def _blocking(self, middles: Ints) -> Floats:
        """Return how much weaker each tag is; of several bodies the one that blocks most counts."""
        blocking = np.zeros((*middles.shape, self._tags))
        low, high = self._radio.block_tag_factor
        for body in self._bodies:
            if body.end <= middles[0, 0] or body.start >= middles[-1, -1]:
                continue
            column = middles[:, body.antenna]
            there = (column >= body.start) & (column < body.end)
            chance = np.random.Generator(np.random.PCG64(body.seed))
            if self._rician:
                along = np.arange(self._tags) / self._tags
                wave = np.sin(2 * np.pi * (along * chance.uniform(2.0, 8.0) + chance.random()))
                factor = low + (high - low) * (0.5 + 0.5 * wave)
            else:
                factor = chance.uniform(low, high, self._tags)
            blocking[there, body.antenna] = np.maximum(blocking[there, body.antenna], body.block_db * factor)
        return blocking

    def _singulate(self, level: Floats) -> Ints:
        radio = self._radio
        turn_s = radio.dwell_ms / 1000
        margin = level - radio.sensitivity_dbm
        slope = np.clip(-margin / radio.energise_slope_db, -60.0, 60.0)
        energised = self._chance.random(level.shape) < 1.0 / (1.0 + np.exp(slope))
        among = np.maximum(1, energised.sum(axis=2, keepdims=True))
        each = np.minimum(min(6.0, radio.tag_reads_per_s * turn_s), radio.reads_per_s * turn_s / among)
        rate = np.where(energised, each * np.clip(1.0 + (margin - 12.0) / 30.0, 0.4, 1.3), 0.0)
        return self._chance.poisson(rate)

    def _all_bodies(self) -> Iterator[Body]:
        radio, cabin, shop = self._radio, self._cabin, self._shop
        for antenna, place in enumerate(ANTENNAS):
            if place in CABINS:
                continue
            chance = generator(self._seed, "visitors", place)
            at = shop.start
            while (at := at + int(1000 * chance.uniform(*radio.visitor_block_every_s))) < shop.end:
                lasts_s = min(60.0, radio.visitor_block_median_s * math.exp(chance.normal(0.0, 0.6)))
                yield self._body(antenna, at, lasts_s, radio.visitor_block_db, chance)
        chance = generator(self._seed, "pickers")
        for stood in shop.stood:
            lasts_s = chance.uniform(*radio.pick_block_s)
            body = self._body(ANTENNAS.index(stood.place), stood.at, lasts_s, radio.pick_block_db, chance)
            if chance.random() < radio.pick_block_share:
                yield body
        for occupied in shop.occupied:
            chance = generator(self._seed, "occupant", occupied.cabin, str(occupied.start))
            at = occupied.start
            while at < occupied.end:
                lasts_s = min(chance.uniform(*cabin.occupant_block_s), (occupied.end - at) / 1000)
                yield self._body(ANTENNAS.index(occupied.cabin), at, lasts_s, cabin.occupant_block_db, chance)
                at += int(1000 * (lasts_s + chance.uniform(*cabin.occupant_free_s)))

    def _body(
        self,
        antenna: int,
        at: int,
        lasts_s: float,
        block_db: tuple[float, float],
        chance: np.random.Generator,
    ) -> Body:
        strength = chance.uniform(*block_db)
        if self._rician:
            strength = chance.gamma(4.0, sum(block_db) / 8.0)
        return Body(antenna, at, at + int(1000 * lasts_s), strength, int(chance.integers(1 << 31)))


def coupling_dbm(radio: RadioNoise, cabin: CabinNoise) -> Floats:
    """Return mean RSSI [place, antenna], without what is drawn anew with each placement (the wall)."""
    table = np.full((len(PLACES), len(ANTENNAS)), radio.far_dbm)

    def hears(place: str, antenna: str, rssi_dbm: float) -> None:
        table[PLACES.index(place), ANTENNAS.index(antenna)] = rssi_dbm

    for place in (*SHELVES, RETURN_RAIL, *CABINS, TILL):
        hears(place, place, radio.own_dbm)
    for one, other in (("shelf-a", "shelf-b"), ("shelf-b", "rail-wall")):
        hears(one, other, radio.adjacent_dbm)
        hears(other, one, radio.adjacent_dbm)
    for one, other in pairwise(CABINS):
        hears(one, other, cabin.partition_dbm)
        hears(other, one, cabin.partition_dbm)
    for name in CABINS:
        hears(CORRIDOR, name, cabin.curtain_dbm)
        hears(name, RETURN_RAIL, radio.adjacent_dbm)
        hears(RETURN_RAIL, name, radio.adjacent_dbm)
    hears(CORRIDOR, RETURN_RAIL, cabin.curtain_dbm + 2.0)
    table[PLACES.index(FLOOR)] = radio.far_dbm
    table[PLACES.index(AWAY)] = NOWHERE_DBM
    return table


def _complex_normal(chance: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.complex128]:
    parts = chance.standard_normal(shape), chance.standard_normal(shape)
    return np.asarray(parts[0] + 1j * parts[1], dtype=np.complex128) / math.sqrt(2.0)
