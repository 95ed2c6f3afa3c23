"""What moves and lies around a gate: one course per tag, as knots of time and place.

Carriers come one after another and pass, or come near and turn back. A stray is covered until it comes up
(a door opens, somebody steps aside) and is covered again afterwards; meanwhile it lies still, is nudged
back and forth, or is carried past the gate along the wall.
"""

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_sim.world.chance import generator
from firmware_sim.world.epcs import opaque_epc
from firmware_sim.world.portal import GateScene, GateTruth, Span, Strayed, Through

Floats = NDArray[np.floating]

FAR_M: Final = 5.0
COVERED_DB: Final = 25.0
FIRST_AFTER_MS: Final = 3_000


class Course(NamedTuple):
    """Where a tag is, between knots in straight lines.

    Attributes:
        epc: the tag.
        moves: it is carried through or near; a stray is not, even when it is nudged.
        times: of the knots, in ms.
        place: [knot, 3]: along the way, across it, up; in m.
        cover_db: [knot]: what covers the tag.
        body_db: what a body between the tag and an antenna costs, [outer, inner].
        body_side: where that body is, seen along x: -1, 1, or 0 beside the tag.
        carrier: tags with the same number share a carrier; a parked tag has none.
    """

    epc: str
    moves: bool
    times: Floats
    place: Floats
    cover_db: Floats
    body_db: Floats
    body_side: int
    carrier: int | None


class _Carrier(NamedTuple):
    number: int
    times: Floats
    along: Floats
    direction: Literal["in", "out", "turned"]


def traffic(
    scene: GateScene, seed: int, start: int, end: int, *, correlated: bool = False
) -> tuple[list[Course], GateTruth]:
    """Return the courses of all tags between ``start`` and ``end``, and what truly happened.

    Args:
        scene: the gate.
        seed: everything random follows from it.
        start: in ms.
        end: in ms.
        correlated: a body hides all tags of a carrier or none, by an amount that is gamma distributed.
    """
    courses: list[Course] = []
    through: list[Through] = []
    strayed: list[Strayed] = []
    chance = generator(seed, "gate", "carriers", scene.name)
    at, number = start + FIRST_AFTER_MS, 0
    while True:
        carrier = _carrier(scene, chance, number, at)
        if carrier.times[-1] >= end:
            break
        own = generator(seed, "gate", "carrier", scene.name, str(number))
        for course, crossed in _load(scene, own, carrier, correlated=correlated):
            courses.append(course)
            through.append(Through(crossed, course.epc, carrier.direction))
        at += round(1000 * chance.uniform(*scene.traffic.every_s))
        number += 1
    chance = generator(seed, "gate", "strays", scene.name)
    wanted = round(number * scene.traffic.strays_per_carrier)
    while len(strayed) < wanted:
        for course in _strays(scene, chance, len(strayed), start, end):
            courses.append(course)
            strayed.append(Strayed(int(course.times[0]), int(course.times[-1]), course.epc))
    for index in range(scene.traffic.parked):
        course = _parked(scene, chance, index, start, end)
        courses.append(course)
        strayed.append(Strayed(start, end, course.epc))
    return courses, GateTruth(
        tuple(sorted(through, key=lambda event: event.at)),
        tuple(sorted(strayed, key=lambda event: event.start)),
    )


def _carrier(scene: GateScene, chance: np.random.Generator, number: int, at: int) -> _Carrier:
    """One carrier's middle along x: through, or near and back."""
    plan = scene.traffic
    pace = float(np.clip(chance.normal(plan.pace_m_s, plan.pace_spread), 0.5, 1.9))
    inwards = chance.random() < plan.in_share
    sign = 1.0 if inwards else -1.0
    if chance.random() < plan.turn_share:
        nearest = -chance.uniform(*plan.turn_m) - plan.carrier_m
        steps = np.array([(nearest + FAR_M) / pace, chance.uniform(0.3, 2.0), (nearest + FAR_M) / pace])
        along = np.array([-FAR_M, nearest, nearest + chance.uniform(-0.1, 0.1), -FAR_M])
        times = at + 1000 * np.concatenate([[0.0], np.cumsum(steps)])
        return _Carrier(number, times, sign * along, "turned")
    along = np.linspace(-FAR_M, FAR_M, 11)
    steps = np.diff(along) / (pace * np.clip(chance.normal(1.0, 0.15, 10), 0.6, 1.4))
    times = at + 1000 * np.concatenate([[0.0], np.cumsum(steps)])
    return _Carrier(number, times, sign * along, "in" if inwards else "out")


def _load(
    scene: GateScene, chance: np.random.Generator, carrier: _Carrier, *, correlated: bool
) -> list[tuple[Course, int]]:
    """The tags of a carrier, each with the time at which it is on the line, or nearest to it."""
    plan = scene.traffic
    tags = int(chance.integers(plan.tags[0], plan.tags[1] + 1))
    hidden = chance.random(tags) < plan.blocked_share
    cost = chance.uniform(*plan.blocked_db, tags)
    if correlated:
        hidden[:] = chance.random() < plan.blocked_share
        cost[:] = chance.gamma(4.0, sum(plan.blocked_db) / 8.0)
    sides = chance.integers(-1, 2, tags)
    loads = []
    for tag in range(tags):
        offset = chance.uniform(-plan.carrier_m, plan.carrier_m)
        along = carrier.along + offset
        if carrier.direction == "turned":
            crossed = carrier.times[1:3].mean()
        else:
            crossed = np.interp(0.0, *_rising(along, carrier.times))
        across, up = chance.uniform(-0.4, 0.4), chance.uniform(-0.6, 0.6)
        place = np.stack([along, np.full(len(along), across), np.full(len(along), up)], axis=1)
        body = chance.uniform(0.4, 1.0, 2) * cost[tag] if hidden[tag] else np.zeros(2)
        epc = opaque_epc(f"{scene.name} {carrier.number} {tag} {chance.integers(1 << 60)}")
        course = Course(
            epc, True, carrier.times, place, np.zeros(len(along)), body, int(sides[tag]), carrier.number
        )
        loads.append((course, round(float(crossed))))
    return loads


def _rising(along: Floats, times: Floats) -> tuple[Floats, Floats]:
    return (along, times) if along[-1] > along[0] else (along[::-1], times[::-1])


def _strays(scene: GateScene, chance: np.random.Generator, count: int, start: int, end: int) -> list[Course]:
    """A few tags that come up together, lie or are nudged or carried past, and are covered again."""
    plan = scene.traffic
    lasts_ms = 1000 * chance.uniform(*plan.stray_s)
    opens = chance.uniform(start + FIRST_AFTER_MS, end - lasts_ms - 1000)
    size = int(chance.integers(plan.stray_group[0], plan.stray_group[1] + 1))
    spot = _spot(plan.stray_m, chance)
    past = chance.random() < plan.past_share
    nudged = chance.random() < plan.nudged_share
    way = chance.uniform(-1.0, 1.0, 2)
    reach = chance.uniform(*plan.nudge_m) * way / max(float(np.hypot(*way)), 1e-9)
    back = chance.random() < 0.5
    courses = []
    for tag in range(size):
        at = spot + chance.uniform(-0.3, 0.3, 3)
        times = opens + np.linspace(0.0, lasts_ms, 6)
        place = np.repeat(at[None, :], 6, axis=0)
        if past:
            place[:, 1] += np.linspace(-3.0, 3.0, 6) * (1.0 if back else -1.0)
        elif nudged:
            part = np.array([0.0, 0.0, 1.0, 1.0, 0.0 if back else 1.0, 0.0 if back else 1.0])
            place[:, :2] += part[:, None] * reach
            place[:, 0] = np.where(np.sign(place[:, 0]) == np.sign(at[0]), place[:, 0], 0.2 * np.sign(at[0]))
        ramp = min(400.0, lasts_ms / 3)
        times[1], times[4] = opens + ramp, opens + lasts_ms - ramp
        cover = np.array([COVERED_DB, 0.0, 0.0, 0.0, 0.0, COVERED_DB])
        epc = opaque_epc(f"{scene.name} stray {count + tag} {chance.integers(1 << 60)}")
        courses.append(Course(epc, False, times, place, cover, np.zeros(2), 0, None))
    return courses


def _parked(scene: GateScene, chance: np.random.Generator, index: int, start: int, end: int) -> Course:
    at = _spot(Span(1.5, 3.5), chance)
    place = np.repeat(at[None, :], 2, axis=0)
    epc = opaque_epc(f"{scene.name} parked {index} {chance.integers(1 << 60)}")
    ends = np.array([float(start), float(end)])
    return Course(epc, False, ends, place, np.zeros(2), np.zeros(2), 0, None)


def _spot(distance_m: Span, chance: np.random.Generator) -> Floats:
    """A place beside the way, on either side of the line."""
    side = 1.0 if chance.random() < 0.5 else -1.0
    return np.array(
        [side * chance.uniform(*distance_m), chance.uniform(-1.5, 0.6), chance.uniform(-0.8, 0.8)]
    )
