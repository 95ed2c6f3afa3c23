"""The scenario ``door-groups``: two doors of 1 m and 2 m, groups, people who turn round, staff.

``shelfwise`` is the stage that the edge runs. ``two-zone-plain`` counts complete words of the two beams and
nothing else; ``single-beam`` counts every shadow on the outer beam, whichever way, as it cannot know. Errors
are those of everybody who went in or out over the run: ``raw_`` as counted, else as estimated.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.matching import match
from contract.messages import PeopleCounted
from edge.model import InputRead, Read, TagRead
from edge.sensing.doorway import DoorwaySettings, DoorwayState, FootfallSettings, sense_doorways
from firmware_sim.world.doorway import STAFF_EPC, DoorwayNoise, DoorwayRun, live_doorway

START_MS: Final = 1_790_000_000_000
WIDTHS_M: Final = (1.0, 2.0)
TICK_MS: Final = 100
PAIRED_MS: Final = 1_500
"""A count is told when the beams are clear: this much around the time of a crossing it belongs to it."""

STAFF: Final = FootfallSettings(tuple(STAFF_EPC.format(badge) for badge in range(4)))


class Told(NamedTuple):
    """One report of a method."""

    at: int
    people: int
    estimate: float
    staff: int = 0


def shelfwise(run: DoorwayRun, width_m: float) -> list[Told]:
    """Run the edge's stage every 100 ms on the reads that its drivers would give."""
    doorway = DoorwaySettings("door", "reader", 1, 2, width_m=width_m)
    reads: list[Read] = [
        *(InputRead(device="reader", at=at, port=beam + 1, high=on) for at, beam, on in run.levels),
        *(TagRead(device="reader", at=at, epc=epc) for at, epc in run.tags),
    ]
    reads.sort(key=lambda read: read.at)
    state, told, place, now = DoorwayState(), list[Told](), 0, START_MS
    while place < len(reads) or state.waiting:
        now = max(now + TICK_MS, reads[place].at if place < len(reads) and not state.waiting else 0)
        until = place
        while until < len(reads) and reads[until].at <= now:
            until += 1
        state, news = sense_doorways(state, reads[place:until], now, doorways=[doorway], settings=STAFF)
        place = until
        told += [
            Told(
                one.at,
                one.entered + one.left,
                (one.estimated_entered or 0.0) + (one.estimated_left or 0.0),
                one.staff,
            )
            for one in news
            if isinstance(one, PeopleCounted) and one.entered + one.left
        ]
    return told


def single_beam(run: DoorwayRun, _width_m: float) -> list[Told]:
    """Count the shadows on the outer beam."""
    return [Told(at, 1, 1.0) for at, beam, covered in run.levels if beam == 0 and not covered]


def two_zone_plain(run: DoorwayRun, _width_m: float) -> list[Told]:
    """Count the words 0, A, AB, B, 0 and 0, B, AB, A, 0 and no others."""
    levels, word, told = [False, False], [(False, False)], list[Told]()
    for at, beam, covered in run.levels:
        levels[beam] = covered
        if (levels[0], levels[1]) != word[-1]:
            word.append((levels[0], levels[1]))
        if not any(levels):
            a, both, b = (True, False), (True, True), (False, True)
            if word[1:-1] in ([a, both, b], [b, both, a]):
                told.append(Told(at, 1, 1.0))
            word = [(False, False)]
    return told


METHODS: Final = MappingProxyType[str, Callable[[DoorwayRun, float], list[Told]]](
    {"shelfwise": shelfwise, "single-beam": single_beam, "two-zone-plain": two_zone_plain}
)


def run(method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    """Run one method on both doors."""
    noise = msgspec.convert(conditions.overrides, DoorwayNoise)
    figures: dict[str, float | None] = {}
    turned = turned_false = staff = staff_told = 0
    for width_m in WIDTHS_M:
        lived = live_doorway(seed, conditions.minutes, width_m, noise, START_MS)
        told = METHODS[method](lived, width_m)
        true = len(lived.crossings)
        figures[f"error_{width_m:g}m"] = _error(sum(one.estimate for one in told), true)
        figures[f"raw_error_{width_m:g}m"] = _error(sum(one.people for one in told), true)
        turned += len(lived.turns)
        turned_false += _counted_turns(lived, told)
        staff += sum(crossing.staff for crossing in lived.crossings)
        staff_told += sum(one.staff for one in told)
    figures["u_turn_false"] = turned_false / turned if turned else None
    figures["staff_error"] = _error(staff_told, staff)
    return {"footfall": figures}


def _error(told: float, true: int) -> float | None:
    return abs(told - true) / true if true else None


def _counted_turns(lived: DoorwayRun, told: list[Told]) -> int:
    """Return how many who turned round were counted: counts during their turn that no crossing explains."""
    counts = [("person", one.at) for one in told for _ in range(one.people)]
    people = [("person", crossing.at) for crossing in lived.crossings]
    spare = [at for _, at in match(people, counts, 0, PAIRED_MS).false]
    return sum(any(since <= at <= until + 100 for at in spare) for since, until in lived.turns)


CONTESTS: Final = MappingProxyType({"door-groups": Contest(tuple(METHODS), run, radios=("threshold",))})
