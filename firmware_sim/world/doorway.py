"""People crossing a doorway that two beams watch, and the levels of the beams, millisecond by millisecond.

A person is a body of some depth that walks through beam A (outer) and beam B (inner), alone or with
companions. A beam is covered while any body, bag or sunlight covers it, so people merge because their
shadows overlap: companions who walk beside each other (the wider the door, the more) come within 0.35 s.
Some turn round in the doorway, children pass under the beams, bags make a shadow of their own, staff wear
a tag that a reader at the door mostly reads. The truth is the list of people; what a sensor could not know
is not in the stream of levels.

Figures: field studies and vendors' manuals where there are any, else reasoned; they are parameters.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from firmware_sim.world.chance import generator

STAFF_EPC: Final = "3034257BF7194E40000F{:04X}"
BEAMS: Final = ("A", "B")


class DoorwayNoise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people use a doorway and what its two beams make of them.

    Attributes:
        people_per_h: people who come in, and later leave.
        alone, in_pairs: share of groups of one and of two; the others are three to five people.
        beside_1m, beside_2m: share of companions who walk beside the one before, by width of the door.
        beside_s: they come at most this much later.
        behind_s, behind_sigma: the others follow after this log-normal time.
        turn_share: share of approaches that turn round in the doorway, drawn anew for each run.
        staff_share: passes of staff as a share of all, drawn anew for each run.
        staff_seen: share of staff passes at which a reader reads the staff tag.
        missed: share of people too low for the beams.
        doubled: share of people whose arm or bag makes a shadow of its own.
        speed_m_per_s, speed_spread: of a group.
        depth_m, depth_spread_m: of a body along its way.
        bag_m: depth of an arm or bag.
        edge_m: the body is no box: spread of each edge of its shadow.
        apart_m: beam A to beam B.
        sample_ms: a level is looked at this often.
        sun_per_day, sun_s: bursts of false pulses.
    """

    people_per_h: float = 120.0
    alone: float = 0.6
    in_pairs: float = 0.3
    beside_1m: float = 0.25
    beside_2m: float = 0.7
    beside_s: float = 0.35
    behind_s: float = 0.8
    behind_sigma: float = 0.3
    turn_share: tuple[float, float] = (0.03, 0.08)
    staff_share: tuple[float, float] = (0.1, 0.3)
    staff_seen: float = 0.95
    missed: float = 0.03
    doubled: float = 0.02
    speed_m_per_s: float = 1.1
    speed_spread: float = 0.22
    depth_m: float = 0.35
    depth_spread_m: float = 0.05
    bag_m: tuple[float, float] = (0.06, 0.22)
    edge_m: float = 0.015
    apart_m: float = 0.2
    sample_ms: int = 10
    sun_per_day: float = 0.5
    sun_s: tuple[float, float] = (5.0, 60.0)


class Crossing(NamedTuple):
    """One person through the doorway; ``at`` in ms, when the middle of the body is between the beams."""

    at: int
    inwards: bool
    group: int
    staff: bool


class Turn(NamedTuple):
    """One person who came into the beams and went back; from and until in ms."""

    since: int
    until: int


class Level(NamedTuple):
    """A beam changed: ``beam`` 0 is A (outer), 1 is B (inner)."""

    at: int
    beam: int
    covered: bool


class TagSeen(NamedTuple):
    """A reader at the door read a staff tag."""

    at: int
    epc: str


class DoorwayRun(NamedTuple):
    """What happened and what the devices said, each in order of time."""

    crossings: tuple[Crossing, ...]
    turns: tuple[Turn, ...]
    levels: tuple[Level, ...]
    tags: tuple[TagSeen, ...]


def live_doorway(seed: int, minutes: float, width_m: float, noise: DoorwayNoise, start: int) -> DoorwayRun:
    """Return one run.

    Args:
        seed: of every draw.
        minutes: simulated time; people begin to leave after a short visit.
        width_m: of the door; between 1 m and 2 m the share of people side by side is interpolated.
        noise: parameters.
        start: ms.
    """
    return _Doorway(seed, minutes, width_m, noise, start).run()


class _Doorway:
    def __init__(self, seed: int, minutes: float, width_m: float, noise: DoorwayNoise, start: int) -> None:
        purpose = "doorway", f"{width_m:g} m"
        self._people = generator(seed, *purpose, "people")
        self._bodies = generator(seed, *purpose, "bodies")
        self._tags = generator(seed, *purpose, "tags")
        self._sun = generator(seed, *purpose, "sun")
        self._noise = noise
        self._until_s = 60.0 * minutes
        self._start = start
        share = min(1.0, max(0.0, width_m - 1.0))
        self._beside = noise.beside_1m + share * (noise.beside_2m - noise.beside_1m)
        self._shadows: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
        self._crossings: list[Crossing] = []
        self._turns: list[Turn] = []
        self._seen: list[TagSeen] = []
        self._groups = 0

    def run(self) -> DoorwayRun:
        noise, draw = self._noise, self._people
        staff_share = draw.uniform(*noise.staff_share)
        turn_share = draw.uniform(*noise.turn_share)
        mean_group = noise.alone + 2 * noise.in_pairs + 3.5 * (1 - noise.alone - noise.in_pairs)
        for inwards in (True, False):
            visitors_per_h = noise.people_per_h * (1 - staff_share)
            for at in self._arrivals(visitors_per_h / mean_group):
                self._group(at, inwards)
            for at in self._arrivals(noise.people_per_h * staff_share):
                self._staff(at, inwards)
            for at in self._arrivals(visitors_per_h / mean_group * turn_share / (1 - turn_share)):
                self._turn(at, inwards)
        self._sunlight()
        return DoorwayRun(
            tuple(sorted(self._crossings)),
            tuple(sorted(self._turns)),
            tuple(self._levels()),
            tuple(sorted(self._seen)),
        )

    def _arrivals(self, per_h: float) -> list[float]:
        """Return times in seconds of a Poisson stream, clear of both ends by three seconds."""
        count = self._people.poisson(per_h * self._until_s / 3600)
        return [float(at) for at in np.sort(self._people.uniform(3.0, self._until_s - 10.0, count))]

    def _ms(self, at_s: float) -> int:
        return self._start + round(1000 * at_s)

    def _group(self, at_s: float, inwards: bool) -> None:
        noise, draw = self._noise, self._people
        fate = draw.random()
        size = (
            1
            if fate < noise.alone
            else 2
            if fate < noise.alone + noise.in_pairs
            else int(draw.integers(3, 6))
        )
        speed = self._speed()
        self._groups += 1
        for member in range(size):
            if member:
                beside = draw.random() < self._beside
                at_s += (
                    draw.uniform(0.0, noise.beside_s)
                    if beside
                    else draw.lognormal(np.log(noise.behind_s), noise.behind_sigma)
                )
            self._cross(at_s, inwards, speed, staff=False)

    def _staff(self, at_s: float, inwards: bool) -> None:
        self._groups += 1
        self._cross(at_s, inwards, self._speed(), staff=True)
        draw = self._tags
        if draw.random() < self._noise.staff_seen:
            epc = STAFF_EPC.format(int(draw.integers(0, 4)))
            for offset in draw.normal(0.0, 0.8, int(draw.integers(1, 6))):
                self._seen.append(TagSeen(self._ms(at_s + float(offset)), epc))

    def _speed(self) -> float:
        noise = self._noise
        return float(np.clip(self._people.normal(noise.speed_m_per_s, noise.speed_spread), 0.4, 2.0))

    def _cross(self, at_s: float, inwards: bool, group_speed: float, *, staff: bool) -> None:
        noise, draw = self._noise, self._bodies
        self._crossings.append(Crossing(self._ms(at_s), inwards, self._groups, staff))
        speed = group_speed * float(draw.uniform(0.95, 1.05))
        depth = float(np.clip(draw.normal(noise.depth_m, noise.depth_spread_m), 0.2, 0.6))
        low, doubled = draw.random() < noise.missed, draw.random() < noise.doubled
        gap_m, bag_m = draw.uniform(0.03, 0.25), draw.uniform(*noise.bag_m)
        if low:
            return
        self._pass(at_s, inwards, speed, depth)
        if doubled:
            self._pass(at_s + (depth / 2 + gap_m + bag_m / 2) / speed, inwards, speed, float(bag_m))

    def _pass(self, at_s: float, inwards: bool, speed: float, depth: float) -> None:
        for beam in (0, 1):
            inner = beam == 1
            middle = at_s + (0.5 if inner == inwards else -0.5) * self._noise.apart_m / speed
            self._shade(beam, middle - depth / 2 / speed, middle + depth / 2 / speed, speed)

    def _shade(self, beam: int, since_s: float, until_s: float, speed: float) -> None:
        since_s, until_s = np.array([since_s, until_s]) + self._bodies.normal(
            0.0, self._noise.edge_m / speed, 2
        )
        if until_s > since_s:
            self._shadows[beam].append((since_s, until_s))

    def _turn(self, at_s: float, inwards: bool) -> None:
        """Walk in as far as the first beam, both beams or the second beam alone, wait, and go back."""
        noise, draw = self._noise, self._bodies
        speed = self._speed()
        depth = float(np.clip(draw.normal(noise.depth_m, noise.depth_spread_m), 0.2, 0.6))
        reach = float(draw.uniform(0.05, depth + noise.apart_m - 0.03))
        wait = float(draw.exponential(0.5))
        near, far = (0, 1) if inwards else (1, 0)
        back = at_s + reach / speed + wait
        home = back + reach / speed
        if reach > depth:  # the near beam is clear for as long as the body is beyond it
            self._shade(near, at_s, at_s + depth / speed, speed)
            self._shade(near, home - depth / speed, home, speed)
        else:
            self._shade(near, at_s, home, speed)
        if reach > noise.apart_m:
            self._shade(far, at_s + noise.apart_m / speed, home - noise.apart_m / speed, speed)
        self._turns.append(Turn(self._ms(at_s), self._ms(home)))

    def _sunlight(self) -> None:
        noise, draw = self._noise, self._sun
        for at in draw.uniform(0.0, self._until_s, draw.poisson(noise.sun_per_day * self._until_s / 86_400)):
            until = min(at + draw.uniform(*noise.sun_s), self._until_s)
            for beam in (0, 1):
                pulse = at + draw.exponential(0.7)
                while pulse < until:
                    end = pulse + draw.uniform(0.03, 0.4)
                    self._shadows[beam].append((float(pulse), float(end)))
                    pulse = end + draw.exponential(0.7)

    def _levels(self) -> list[Level]:
        """Return the changes that a look every ``sample_ms`` finds, both beams in order."""
        step = self._noise.sample_ms
        changes = []
        for beam, shadows in enumerate(self._shadows):
            for since, until in _union(shadows):
                first, last = -(-self._ms(since) // step) * step, -(-self._ms(until) // step) * step
                if last > first:
                    changes += [Level(first, beam, True), Level(last, beam, False)]
        return sorted(changes)


def _union(shadows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the times that any shadow covers, as spans apart from each other."""
    spans: list[tuple[float, float]] = []
    for since, until in sorted(shadows):
        if spans and since <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], until)
        else:
            spans.append((since, until))
    return spans
