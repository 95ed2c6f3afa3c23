"""Reads of whole antenna cycles, computed for a minute of cycles at a time.

The same physics as :mod:`.noisy`, per antenna turn instead of per tick of 50 ms: level of a tag =
coupling of its zone + the tag's own offset + placement shadow + slow fading - body blocking, all as they are
in the middle of the cycle; a tag is energised with a probability logistic in (level - sensitivity); energised tags share what the reader can
singulate in one turn; the reads of a tag are Poisson, fewer for a weak one. Other shoppers stand before
each antenna at random, whoever picks stands there more often than not.

:class:`RicianRadio` has other statistics: Rician fading per channel instead of a slow Gaussian, bodies that
block neighbouring tags alike, by an amount that is gamma distributed.

Figures: the noise model of :mod:`firmware_sim.world.noise`.
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_sim.world.chance import generator
from firmware_sim.world.noise import RadioNoise
from firmware_sim.world.radio.noisy import CHANNELS_KHZ, coupling_dbm
from firmware_sim.world.radio.silence import Dropouts
from firmware_sim.world.radio.timeline import Moved, Stood, Timeline
from firmware_sim.world.scenario import Reader, Zone

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK: Final = 60
"""Cycles that are computed in one piece."""

AWAY: Final = -1
"""Zone of a tag that lies nowhere."""

K_FACTOR_DB: Final = 9.0
"""Rician K: power of the direct path over that of the scattered ones; indoor line of sight is 6 to 12 dB."""

CHANNEL_HOLDS_S: Final = 40.0
"""How long a channel's fading lasts in a shop where people move."""


class Reports(NamedTuple):
    """What one reader reported of one cycle, as columns of equal length; one row per tag and antenna turn.

    Attributes:
        at_ms: end of the antenna's turn.
        tag: index into the radio's EPCs.
        antenna: 0-based position among the reader's ports.
        rssi_dbm: mean of the reads, in steps of 0.5 dB.
        reads: how many.
    """

    at_ms: Ints
    tag: Ints
    antenna: Ints
    rssi_dbm: Floats
    reads: Ints


class Cycle(NamedTuple):
    """One antenna cycle.

    Attributes:
        now: its end.
        reports: nothing while the reader is silent.
        silent: the reader says nothing at all.
        zone: true zone per tag at the end, AWAY in a hand or gone.
    """

    now: int
    reports: Reports
    silent: bool
    zone: Ints


class Body(NamedTuple):
    """Somebody stands before an antenna."""

    antenna: int
    start: int
    end: int
    block_db: float
    seed: int


class CycleRadio:
    """The radio side of one reader over one timeline.

    Args:
        timeline: what happened; complete before :meth:`run`.
        reader, zones, noise: as in the scenario.
        seed: of the world.
        cycle_ms: every antenna has one turn in it.

    Attributes:
        epcs: EPC of each tag index, in order of appearance.
    """

    def __init__(
        self,
        timeline: Timeline,
        reader: Reader,
        zones: tuple[Zone, ...],
        noise: RadioNoise,
        seed: int,
        cycle_ms: int = 1000,
    ) -> None:
        self.epcs: list[str] = []
        self._timeline = timeline
        self._noise = noise
        self._seed = seed
        self._device = reader.device
        self._cycle_ms = cycle_ms
        self._zone_index = {zone.id: index for index, zone in enumerate(zones)}
        self._own_zone = [self._zone_index[zone] for zone in reader.ports().values()]
        self._coupling = coupling_dbm(reader, zones, noise)
        self._antennas = len(self._own_zone)
        self._chance = generator(seed, "cycles", reader.device)
        self._dropouts = Dropouts(noise, generator(seed, "dropout", reader.device))
        self._row: dict[str, int] = {}
        self._level = np.empty((self._antennas, 0))
        self._offset = np.empty(0)
        self._fading = np.empty((self._antennas, 0))
        self._zone = np.empty(0, dtype=np.int64)
        self._hand: dict[int, int] = {}

    def run(self, start: int, end: int) -> Iterator[Cycle]:
        """Yield one cycle after another, from ``start`` to ``end`` in ms."""
        bodies = self._bodies(start, end)
        moves, position = self._timeline.moves, 0
        while position < len(moves) and moves[position].at <= start:
            self._move(moves[position])
            position += 1
        for now in range(start, end, CHUNK * self._cycle_ms):
            cycles = min(CHUNK, (end - now) // self._cycle_ms)
            last = now + cycles * self._cycle_ms
            first = position
            while position < len(moves) and moves[position].at <= last:
                self._know(moves[position].epc)
                position += 1
            near = [body for body in bodies if body.start < last and body.end > now]
            yield from self._chunk(now, cycles, moves[first:position], near)

    def _chunk(self, start: int, cycles: int, moves: list[Moved], bodies: list[Body]) -> Iterator[Cycle]:
        turn_ms = self._cycle_ms / self._antennas
        ends = start + np.arange(cycles)[:, None] * self._cycle_ms
        ends = ends + np.round((np.arange(self._antennas) + 1) * turn_ms).astype(np.int64)
        middles = np.repeat(ends[:, -1:] - self._cycle_ms // 2, self._antennas, axis=1)
        live = self._live(moves)
        level, handled, zone = self._courses(middles, ends[:, -1], moves, live)
        level += self._fade(cycles, live) - self._blocking(middles, zone[:, live], bodies, live)
        if handled.any():
            level[handled] += self._chance.normal(
                -self._noise.hand_db, self._noise.hand_spread_db, int(handled.sum())
            )
        counts = self._singulate(level, turn_ms / 1000)
        silent = np.array([[self._dropouts.silent(int(at)) for at in row] for row in middles], dtype=bool)
        counts[silent] = 0
        rows, antennas, tags = np.nonzero(counts)
        reads = counts[rows, antennas, tags]
        spread = self._noise.read_spread_db / np.sqrt(reads)
        rssi = level[rows, antennas, tags] + spread * self._chance.standard_normal(len(rows))
        rssi = np.round(2.0 * rssi) / 2.0
        at = ends[rows, antennas]
        bounds = np.searchsorted(rows, np.arange(cycles + 1))
        for cycle in range(cycles):
            part = slice(bounds[cycle], bounds[cycle + 1])
            reports = Reports(at[part], live[tags[part]], antennas[part], rssi[part], reads[part])
            yield Cycle(int(ends[cycle, -1]), reports, bool(silent[cycle].all()), zone[cycle])

    def _live(self, moves: list[Moved]) -> Ints:
        """Return the rows of tags that a reader may hear before the last of these moves is over."""
        there = self._zone != AWAY
        there[list(self._hand)] = True
        there[[self._row[move.epc] for move in moves]] = True
        return np.nonzero(there)[0]

    def _courses(
        self, middles: Ints, ends: Ints, moves: list[Moved], live: Ints
    ) -> tuple[Floats, NDArray[np.bool_], Ints]:
        """Return mean level and "in a hand" per [cycle, antenna, live tag], and the zone per [cycle, tag]."""
        shape = (*middles.shape, len(live))
        column = {row: number for number, row in enumerate(live.tolist())}
        level = np.broadcast_to(self._level[:, live], shape).copy()
        handled = np.zeros(shape, dtype=bool)
        zone = np.broadcast_to(self._zone, (len(ends), len(self.epcs))).copy()
        for row, until in list(self._hand.items()):
            self._hold(level, handled, middles, (row, column[row]), int(middles[0, 0]) - 1, until)
            if until <= middles[-1, -1]:
                del self._hand[row]
        for move in moves:
            row = self._move(move)
            number = column[row]
            after = middles > move.at
            zone[ends >= move.at, row] = self._zone[row]
            handled[:, :, number] &= ~after
            if move.zone is None:
                self._hold(level, handled, middles, (row, number), move.at, self._hand[row])
                if self._hand[row] <= middles[-1, -1]:
                    del self._hand[row]
            else:
                self._hand.pop(row, None)
                level[:, :, number] = np.where(after, self._level[:, row], level[:, :, number])
        return level, handled, zone

    def _hold(
        self,
        level: Floats,
        handled: NDArray[np.bool_],
        middles: Ints,
        tag: tuple[int, int],
        since: int,
        until: int,
    ) -> None:
        """A tag (row, column) is near its old place in a hand from ``since`` to ``until``, then nowhere."""
        row, number = tag
        handled[:, :, number] |= (middles > since) & (middles <= until)
        gone = (middles > since) & (middles > until)
        level[gone, number] = self._coupling[0, -1]
        if until <= middles[-1, -1]:
            self._level[:, row] = self._coupling[:, -1]

    def _move(self, move: Moved) -> int:
        """Apply a move to what is known at its own time; return the tag's row."""
        row = self._know(move.epc)
        noise = self._noise
        if move.zone is None:
            self._hand[row] = move.at + int(1000 * self._chance.uniform(*noise.hand_s))
            self._zone[row] = AWAY
        else:
            index = self._zone_index[move.zone]
            shadow = self._chance.normal(0.0, noise.shadow_db, self._antennas)
            self._level[:, row] = self._coupling[:, index] + self._offset[row] + shadow
            self._zone[row] = index
        return row

    def _know(self, epc: str) -> int:
        """Return a tag's row; a new tag gets one, and its offset depends on seed and EPC alone."""
        if epc not in self._row:
            noise = self._noise
            tag = generator(self._seed, "tag", epc)
            offset = tag.normal(0.0, noise.tag_spread_db) - noise.weak_db * (tag.random() < noise.weak_share)
            self._row[epc] = len(self.epcs)
            self.epcs.append(epc)
            self._offset = np.append(self._offset, offset)
            self._zone = np.append(self._zone, AWAY)
            nowhere = np.repeat(self._coupling[:, -1:], 1, axis=1)
            self._level = np.hstack([self._level, nowhere])
            fading = generator(self._seed, "tag", epc, self._device).normal(
                0.0, noise.fading_db, (self._antennas, 1)
            )
            self._fading = np.hstack([self._fading, fading])
        return self._row[epc]

    def _fade(self, cycles: int, live: Ints) -> Floats:
        """Return slow fading of live tags, AR(1), and keep its last value."""
        noise = self._noise
        rho = noise.fading_rho_per_s ** (self._cycle_ms / 1000)
        course = self._chance.standard_normal((cycles, self._antennas, len(live)))
        course *= noise.fading_db * math.sqrt(1.0 - rho * rho)
        last = self._fading[:, live]
        for cycle in course:
            cycle += rho * last
            last = cycle
        self._fading[:, live] = last
        return course

    def _singulate(self, level: Floats, turn_s: float) -> Ints:
        """Return how often each tag is read in each turn."""
        noise = self._noise
        margin = level - noise.sensitivity_dbm
        energised = self._chance.random(level.shape) < 1.0 / (
            1.0 + np.exp(np.clip(-margin / noise.energise_slope_db, -60.0, 60.0))
        )
        among = np.maximum(1, energised.sum(axis=2, keepdims=True))
        each = np.minimum(min(6.0, noise.tag_reads_per_s * turn_s), noise.reads_per_s * turn_s / among)
        rate = np.where(energised, each * np.clip(1.0 + (margin - 12.0) / 30.0, 0.4, 1.3), 0.0)
        return self._chance.poisson(rate)

    def _bodies(self, start: int, end: int) -> list[Body]:
        """Return everybody who stands before an antenna, whoever picks and whoever only looks."""
        noise, bodies = self._noise, []
        for antenna in range(self._antennas):
            chance = generator(self._seed, "visitors", self._device, str(antenna))
            at = start
            while (at := at + int(1000 * chance.uniform(*noise.visitor_block_every_s))) < end:
                lasts_s = min(
                    60.0,
                    noise.visitor_block_median_s * math.exp(chance.normal(0.0, noise.visitor_block_sigma)),
                )
                bodies.append(self._body(antenna, at, lasts_s, noise.visitor_block_db, chance))
                at = bodies[-1].end
        chance = generator(self._seed, "pickers", self._device)
        for stood in self._timeline.picks:
            bodies += self._picker(stood, chance)
        return sorted(bodies, key=lambda body: body.start)

    def _picker(self, stood: Stood, chance: np.random.Generator) -> list[Body]:
        noise, index = self._noise, self._zone_index[stood.zone]
        stands = chance.random() < noise.pick_block_share
        lasts_s = chance.uniform(*noise.pick_block_s)
        return [
            self._body(antenna, stood.at, lasts_s, noise.pick_block_db, chance)
            for antenna in range(self._antennas)
            if stands and self._own_zone[antenna] == index
        ]

    def _body(
        self,
        antenna: int,
        at: int,
        lasts_s: float,
        block_db: tuple[float, float],
        chance: np.random.Generator,
    ) -> Body:
        return Body(
            antenna,
            at,
            at + int(1000 * lasts_s),
            self._strength_db(block_db, chance),
            int(chance.integers(1 << 31)),
        )

    def _strength_db(self, block_db: tuple[float, float], chance: np.random.Generator) -> float:
        """Return how much a body blocks."""
        return chance.uniform(*block_db)

    def _blocking(self, middles: Ints, zone: Ints, bodies: list[Body], live: Ints) -> Floats:
        """Return how much weaker each tag is at each turn; of several bodies the one that blocks most counts.

        A body stands between an antenna and the tags of its zone; at an angle, for other tags of this antenna
        and other antennas of these tags, it blocks less.
        """
        blocking = np.zeros((*middles.shape, len(live)))
        for body in bodies:
            there = np.nonzero(
                (middles[:, body.antenna] >= body.start) & (middles[:, body.antenna] < body.end)
            )[0]
            if len(there) == 0:
                continue
            block_db = body.block_db * self._factor(np.random.Generator(np.random.PCG64(body.seed)))[live]
            before = zone[there] == self._own_zone[body.antenna]
            oblique = self._noise.oblique_block_share
            shares = np.where(before, oblique, 0.0)[:, None, :].repeat(self._antennas, axis=1)
            shares[:, body.antenna] = np.where(before, 1.0, oblique)
            blocking[there] = np.maximum(blocking[there], shares * block_db)
        return blocking

    def _factor(self, chance: np.random.Generator) -> Floats:
        """Return the share of a body's blocking that each tag gets."""
        return chance.uniform(*self._noise.block_tag_factor, len(self.epcs))


class RicianRadio(CycleRadio):
    """The second radio model; see the module's opening paragraph. Never used for tuning."""

    def _fade(self, cycles: int, live: Ints) -> Floats:
        """Return the fading of the channel in use: Rician, the scattered part a complex AR(1) per channel."""
        channels = len(CHANNELS_KHZ)
        scatter = getattr(self, "_scatter", np.empty((channels, self._antennas, 0), dtype=complex))
        if fresh := len(self.epcs) - scatter.shape[2]:
            scatter = np.concatenate([scatter, self._scattered(fresh) / math.sqrt(2.0)], axis=2)
        rho = math.exp(-self._cycle_ms / 1000 / CHANNEL_HOLDS_S)
        direct = math.sqrt(10.0 ** (K_FACTOR_DB / 10.0))
        held = scatter[:, :, live]
        course = np.empty((cycles, self._antennas, len(live)))
        for cycle in range(cycles):
            held = rho * held + math.sqrt((1.0 - rho * rho) / 2.0) * self._scattered(len(live))
            channel = int(self._chance.integers(channels))
            power = np.abs(direct + held[channel]) ** 2 / (direct * direct + 1.0)
            course[cycle] = 10.0 * np.log10(np.maximum(power, 1e-6))
        scatter[:, :, live] = held
        self._scatter = scatter
        return course

    def _scattered(self, tags: int) -> NDArray[np.complex128]:
        parts = self._chance.standard_normal((len(CHANNELS_KHZ), self._antennas, tags, 2))
        scattered: NDArray[np.complex128] = parts @ np.array([1, 1j])
        return scattered

    def _strength_db(self, block_db: tuple[float, float], chance: np.random.Generator) -> float:
        """Return blocking that is gamma distributed with the same mean."""
        return float(chance.gamma(4.0, sum(block_db) / 8.0))

    def _factor(self, chance: np.random.Generator) -> Floats:
        """Return shares that neighbouring tags have alike: a wave along the shelf instead of one draw per tag."""
        low, high = self._noise.block_tag_factor
        along = np.arange(len(self.epcs)) / max(1, len(self.epcs))
        waves = np.sin(2 * np.pi * (along * chance.uniform(2.0, 8.0) + chance.random()))
        return low + (high - low) * (0.5 + 0.5 * waves)
