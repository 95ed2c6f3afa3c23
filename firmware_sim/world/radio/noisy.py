"""A field with noise: energising threshold, fading, bodies, hands, neighbours, drop-outs, bit errors.

Per tick of 50 ms the reader is on one antenna. The mean level of each tag there is coupling of its zone
+ the tag's own offset + placement shadow + slow fading - body blocking. A tag answers with a
probability logistic in (level - sensitivity), and the answering tags share the reader's capacity. All
tags are one vector, so a tick costs the same for one tag as for a hundred.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from firmware_sim.model import Sighting
from firmware_sim.world.chance import generator
from firmware_sim.world.noise import RadioNoise
from firmware_sim.world.radio.field import TICK_MS, RadioField
from firmware_sim.world.radio.silence import Dropouts
from firmware_sim.world.scenario import Reader, Zone

Floats = NDArray[np.float64]

NOWHERE_DBM: Final = -200.0
FADING_EVERY_MS: Final = 1000
CHANNELS_KHZ: Final = tuple(range(920_625, 924_376, 250))  # China 920 to 925 MHz, 16 channels
HOP_MS: Final = 200


def coupling_dbm(reader: Reader, zones: tuple[Zone, ...], noise: RadioNoise) -> Floats:
    """Return mean RSSI [antenna, zone]; one more column stands for "in no zone"."""
    by_id = {zone.id: zone for zone in zones}
    ports = reader.ports()
    table = np.full((len(ports), len(zones) + 1), NOWHERE_DBM)
    for row, own in enumerate(ports.values()):
        for column, zone in enumerate(zones):
            near = by_id[own].distance_m(zone) <= noise.adjacent_m
            table[row, column] = (
                noise.own_dbm if zone.id == own else noise.adjacent_dbm if near else noise.far_dbm
            )
    rows, columns = list(ports), [zone.id for zone in zones]
    for exception in reader.coupling:
        table[rows.index(exception.antenna), columns.index(exception.zone)] = exception.rssi_dbm
    return table


class NoisyField(RadioField):
    """One reader with noise."""

    def __init__(self, reader: Reader, zones: tuple[Zone, ...], noise: RadioNoise, seed: int) -> None:
        super().__init__()
        self._noise = noise
        self._seed = seed
        self._ports = list(reader.ports())
        self._zone_index = {zone.id: index for index, zone in enumerate(zones)}
        self._own_zone = [self._zone_index[zone] for zone in reader.ports().values()]
        self._coupling = coupling_dbm(reader, zones, noise)
        self._budget = max(1, int(reader.line_reads_per_s * TICK_MS / 1000))
        self._device = reader.device
        self._chance = generator(seed, "radio", reader.device)
        self._dropouts = Dropouts(noise, generator(seed, "dropout", reader.device))
        self._visitor_from = [0] * len(self._ports)
        self._block_until = [0] * len(self._ports)
        self._block_db = [0.0] * len(self._ports)
        self._fading_at: int | None = None

        self._epcs: list[str] = []
        self._row: dict[str, int] = {}
        count = len(self._ports)
        self._zone = np.empty(0, dtype=np.int64)
        self._hand_until = np.empty(0, dtype=np.int64)
        self._offset = np.empty(0)
        self._shadow = np.empty((0, count))
        self._fading = np.empty((0, count))
        self._block_factor = np.empty(0)
        self._phase = np.empty((0, count, len(CHANNELS_KHZ)))

    def place(self, epc: str, zone: str, now: int) -> None:  # noqa: ARG002
        """A tag lies in a zone, with a new placement shadow."""
        row = self._row.get(epc)
        if row is None:
            row = self._add(epc)
        self._zone[row] = self._zone_index[zone]
        self._hand_until[row] = 0
        self._shadow[row] = self._chance.normal(0.0, self._noise.shadow_db, len(self._ports))

    def lift(self, epc: str, now: int) -> None:
        """A tag stays near its shelf for a while, in a hand, before it is out of reach."""
        self._hand_until[self._row[epc]] = now + int(1000 * self._chance.uniform(*self._noise.hand_s))

    def stand_before(self, zone: str, now: int, *, picking: bool) -> None:
        """A body weakens what the antenna of that zone gets."""
        index = self._zone_index[zone]
        if index not in self._own_zone:
            return
        antenna, noise = self._own_zone.index(index), self._noise
        if picking:
            if self._chance.random() < noise.pick_block_share:
                self._block(
                    antenna,
                    now,
                    self._chance.uniform(*noise.pick_block_db),
                    self._chance.uniform(*noise.pick_block_s),
                )
        elif now >= self._visitor_from[antenna]:
            gap_s = self._chance.uniform(*noise.visitor_block_every_s)
            self._visitor_from[antenna] = now + int(1000 * gap_s)
            block_s = min(
                60.0,
                noise.visitor_block_median_s * math.exp(self._chance.normal(0.0, noise.visitor_block_sigma)),
            )
            self._block(antenna, now, self._chance.uniform(*noise.visitor_block_db), block_s)

    def tick(self, now: int) -> None:
        """Singulate for one tick."""
        self._fade(now)
        if self._dropouts.silent(now) or not self._epcs:
            return
        noise, chance = self._noise, self._chance
        antenna = now // noise.dwell_ms % len(self._ports)
        in_hand = self._hand_until > 0
        gone = in_hand & (self._hand_until <= now)
        if gone.any():
            self._zone[gone] = len(self._zone_index)
            self._hand_until[gone] = 0
            in_hand &= ~gone
        level = (
            self._coupling[antenna, self._zone]
            + self._offset
            + self._shadow[:, antenna]
            + self._fading[:, antenna]
        )
        if now < self._block_until[antenna]:
            level -= self._block_db[antenna] * self._block_factor
        if in_hand.any():
            level[in_hand] += chance.normal(-noise.hand_db, noise.hand_spread_db, int(in_hand.sum()))
        margin = level - noise.sensitivity_dbm
        answers = chance.random(len(level)) < 1.0 / (
            1.0 + np.exp(np.clip(-margin / noise.energise_slope_db, -60.0, 60.0))
        )
        if not answers.any():
            return
        share = np.where(self._zone == self._own_zone[antenna], 1.0, noise.cross_read_share) * answers
        seconds = TICK_MS / 1000
        each = min(
            noise.tag_reads_per_s * seconds, noise.reads_per_s * seconds / max(1.0, float(share.sum()))
        )
        reads = chance.poisson(each * share * np.clip(1.0 + (margin - 12.0) / 30.0, 0.4, 1.3))
        rows = np.repeat(np.arange(len(reads)), reads)
        if len(rows):
            chance.shuffle(rows)
            self._report(rows[: self._budget], antenna, level, in_hand, now)

    def _report(
        self, rows: NDArray[np.int64], antenna: int, level: Floats, in_hand: NDArray[np.bool_], now: int
    ) -> None:
        noise, chance = self._noise, self._chance
        channel = now // HOP_MS * 7 % len(CHANNELS_KHZ)
        rssi = np.round(2.0 * (level[rows] + chance.normal(0.0, noise.read_spread_db, len(rows)))) / 2.0
        phase = self._phase[rows, antenna, channel] + np.degrees(
            chance.normal(0.0, noise.phase_spread_rad, len(rows))
        )
        fate = chance.random(len(rows))
        for position, row in enumerate(rows.tolist()):
            epc = self._epcs[row]
            if fate[position] < noise.ghost_share:
                epc = self._corrupt(epc)
            turned = 360.0 * chance.random() if in_hand[row] else phase[position]
            sighting = Sighting(
                epc=epc,
                antenna=self._ports[antenna],
                rssi_dbm=float(rssi[position]),
                phase_deg=round(float(turned) % 360.0, 2) % 360.0,
                frequency_khz=CHANNELS_KHZ[channel],
            )
            self._seen.append(sighting)
            if fate[position] > 1.0 - noise.duplicate_share:
                self._seen.append(sighting)

    def _corrupt(self, epc: str) -> str:
        flips = 1 << int(self._chance.integers(4 * len(epc))) | 1 << int(self._chance.integers(4 * len(epc)))
        return f"{int(epc, 16) ^ flips:0{len(epc)}X}"

    def _fade(self, now: int) -> None:
        if self._fading_at is not None and now - self._fading_at < FADING_EVERY_MS:
            return
        self._fading_at = now
        rho = self._noise.fading_rho_per_s
        fresh = self._chance.normal(
            0.0, self._noise.fading_db * math.sqrt(1.0 - rho * rho), self._fading.shape
        )
        self._fading = rho * self._fading + fresh

    def _block(self, antenna: int, now: int, block_db: float, block_s: float) -> None:
        if now >= self._block_until[antenna] or block_db > self._block_db[antenna]:
            self._block_db[antenna] = block_db
            self._block_factor = self._chance.uniform(*self._noise.block_tag_factor, len(self._epcs))
        self._block_until[antenna] = max(self._block_until[antenna], now + int(1000 * block_s))

    def _add(self, epc: str) -> int:
        """Give a new tag its row; its offset depends on seed and EPC alone, so all readers agree on it."""
        noise, count = self._noise, len(self._ports)
        tag = generator(self._seed, "tag", epc)
        offset = tag.normal(0.0, noise.tag_spread_db) - noise.weak_db * (tag.random() < noise.weak_share)
        own = generator(self._seed, "tag", epc, self._device)
        self._row[epc] = len(self._epcs)
        self._epcs.append(epc)
        self._zone = np.append(self._zone, len(self._zone_index))
        self._hand_until = np.append(self._hand_until, 0)
        self._offset = np.append(self._offset, offset)
        self._shadow = np.vstack([self._shadow, np.zeros(count)])
        self._fading = np.vstack([self._fading, own.normal(0.0, noise.fading_db, count)])
        self._block_factor = np.append(self._block_factor, own.uniform(*noise.block_tag_factor))
        self._phase = np.concatenate([self._phase, own.uniform(0.0, 360.0, (1, count, len(CHANNELS_KHZ)))])
        return self._row[epc]
