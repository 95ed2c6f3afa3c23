"""People through a doorway that two beams watch: who came in, who went out, who turned round.

Beams are inputs of a reader or of an I/O module. From the moment one is covered until both are clear, their
shadows form a word. A body that goes through shades the outer beam first and leaves it first (0, A, AB, B,
0: in) or the other way round (out); all else is somebody who turned round. A beam that is covered again
while the other still is belongs to the next person, and shadows of the two beams are paired in order.
A word in which nothing changes for four seconds is given up, and counting goes on when both are clear.

Length of a shadow over time from beam to beam is the length of what went through, whatever its speed.
Something too short is an arm or a bag. Something long is several people side by side: the raw count stays
one, and :data:`PEOPLE_BY_LENGTH` says how many that is on average. Raw count and estimate are told side by
side, never mixed.

A crossing within three seconds of a read of a staff tag was staff's; one passage of a tag marks one
crossing. The tag's EPC is part of the state and of no observation.

Time is the time of the reads; the stage looks at the clock only to know that no more staff reads can come.
Every level that is repeated changes nothing. All of it is checkpointed, also in mid-word; state is bounded
by :data:`MAX_PULSES` and :data:`MAX_WAITING`.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from contract.ids import EpcHex, Slug
from contract.messages import AnyObservation, PeopleCounted
from edge.model import InputRead, Read, TagRead

GIVE_UP_MS: Final = 4_000
STAFF_MS: Final = 3_000
MIN_LENGTH_M: Final = 0.22
"""Shorter is an arm or a bag; bodies are 0.2 m to 0.6 m along their way."""

BAG_SHARE: Final = 0.6
"""A shadow without a partner that is shorter than this share of the longest beside it is an arm or a bag."""

MIN_TURN_MS: Final = 100
"""A shorter touch of one beam is noise, not somebody who turned round."""

Port = Annotated[int, msgspec.Meta(ge=1, le=64)]

MAX_PULSES: Final = 64
MAX_WAITING: Final = 1_000

LENGTHS_M: Final = (0.35, 0.45, 0.55, 0.65, 0.80, 1.00)
PEOPLE_BY_LENGTH: Final = {
    1.0: (1.07, 1.16, 1.93, 2.29, 2.48, 2.89),
    2.0: (1.08, 1.33, 2.23, 2.33, 3.01, 4.11),
}
"""Width of the door in m → people per raw count at each of :data:`LENGTHS_M`.

Least squares on simulated doorways, seeds 1 to 10, with children that no beam sees included; linear in
between, and between widths. A real door is calibrated by counting by hand for an hour.
"""


class DoorwaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One doorway with two beams.

    Attributes:
        line: name of the counting line.
        device: the device whose inputs the beams are.
        outer, inner: input ports, counted from 1, of the beam towards the street and the one inside.
        covered: the level of an input whose beam is covered.
        width_m: of the door; from 1 m to 2 m the estimate depends on it.
        apart_m: from beam to beam.
    """

    line: Slug
    device: Slug
    outer: Port
    inner: Port
    covered: Literal["high", "low"] = "high"
    width_m: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    apart_m: Annotated[float, msgspec.Meta(ge=0.05, le=0.5)] = 0.2


class FootfallSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section ``[footfall]``.

    Attributes:
        staff_epcs: tags that staff wear; they are in no zone, and no observation names them.
    """

    staff_epcs: tuple[EpcHex, ...] = ()


class Word(msgspec.Struct, frozen=True, array_like=True):
    """Shadows since both beams were last clear.

    Attributes:
        covered: outer, inner now.
        outer, inner: (from, until) of each shadow in ms; until is None while it lasts.
        changed: when a level last changed.
        given_up: it lasted too long.
    """

    covered: tuple[bool, bool] = (False, False)
    outer: tuple[tuple[int, int | None], ...] = ()
    inner: tuple[tuple[int, int | None], ...] = ()
    changed: int = 0
    given_up: bool = False


class Passage(msgspec.Struct, frozen=True, array_like=True):
    """What one word said; it waits until no read of a staff tag can belong to it any more."""

    at: int
    line: str
    device: str
    entered: int = 0
    left: int = 0
    estimated_entered: float = 0.0
    estimated_left: float = 0.0
    turned: int = 0


class DoorwayState(msgspec.Struct, frozen=True):
    """State of the stage.

    Attributes:
        words: line → its open word.
        waiting: passages not told yet, oldest first.
        staff: (place in the list of staff tags, ms) of late reads.
        spent: place in that list → last read of the passage with which it marked a crossing.
    """

    words: dict[str, Word] = {}
    waiting: tuple[Passage, ...] = ()
    staff: tuple[tuple[int, int], ...] = ()
    spent: dict[int, int] = {}


def sense_doorways(
    state: DoorwayState,
    reads: list[Read],
    now: int,
    *,
    doorways: Sequence[DoorwaySettings],
    settings: FootfallSettings,
) -> tuple[DoorwayState, list[AnyObservation]]:
    """Fold levels and staff reads into the state; return it with the people who crossed since."""
    beams = {
        (doorway.device, port): (doorway, beam)
        for doorway in doorways
        for beam, port in enumerate((doorway.outer, doorway.inner))
    }
    if not beams:
        return state, []
    badges = {epc: place for place, epc in enumerate(settings.staff_epcs)}
    words, waiting, staff, spent = (
        dict(state.words),
        list(state.waiting),
        list(state.staff),
        dict(state.spent),
    )
    for read in reads:
        if isinstance(read, TagRead) and read.epc in badges:
            _note(staff, spent, badges[read.epc], read.at)
        elif isinstance(read, InputRead) and (read.device, read.port) in beams:
            doorway, beam = beams[read.device, read.port]
            covered = read.high == (doorway.covered == "high")
            word = spell(words.get(doorway.line, Word()), beam, covered=covered, at=read.at)
            if not any(word.covered):
                waiting += _passages(word, doorway)
                word = Word(changed=word.changed)
            words[doorway.line] = word
    if not badges:
        return DoorwayState(words), [_told(passage, 0) for passage in waiting]
    return _without_staff(DoorwayState(words, tuple(waiting), tuple(staff), spent), now)


def restart_doorways(state: DoorwayState, now: int) -> DoorwayState:
    """The clock was set back to ``now``: open words are given up, what waits is told with the next step."""
    words = {
        line: Word(covered=word.covered, changed=now, given_up=any(word.covered))
        for line, word in state.words.items()
    }
    waiting = tuple(
        msgspec.structs.replace(passage, at=min(passage.at, now - STAFF_MS - 1)) for passage in state.waiting
    )
    return DoorwayState(words, waiting)


def spell(word: Word, beam: int, *, covered: bool, at: int) -> Word:
    """Return the word with a level of beam 0 (outer) or 1 (inner) added; the same level changes nothing."""
    if word.covered[beam] == covered:
        return word
    levels = (covered, word.covered[1]) if beam == 0 else (word.covered[0], covered)
    pulses = [word.outer, word.inner]
    given_up = word.given_up or (any(word.covered) and at - word.changed > GIVE_UP_MS)
    if given_up or len(pulses[beam]) > MAX_PULSES:
        return Word(covered=levels, changed=at, given_up=True)
    if covered:
        pulses[beam] = (*pulses[beam], (at, None))
    elif pulses[beam]:
        pulses[beam] = (*pulses[beam][:-1], (pulses[beam][-1][0], at))
    return Word(levels, pulses[0], pulses[1], at)


class Body(NamedTuple):
    """Something that went through: which way, how long along its way in m, and how many shadows it made."""

    inwards: bool
    length_m: float
    shadows: int


def bodies(word: Word, apart_m: float) -> Iterator[Body | None]:
    """Return what a word whose beams are clear again tells, in order; None for somebody who turned round."""
    outer, inner = ([(since, until or since) for since, until in beam] for beam in (word.outer, word.inner))
    if not (outer and inner):
        if max((until - since for since, until in outer + inner), default=0) >= MIN_TURN_MS:
            yield None
        return
    if len(outer) != len(inner):
        outer, inner = _without_bags(outer), _without_bags(inner)
    few = min(len(outer), len(inner))
    for out, ins in zip(_joined(outer, few), _joined(inner, few), strict=True):
        rise, fall = ins[0][0] - out[0][0], ins[-1][1] - out[-1][1]
        if rise * fall <= 0:
            yield None
            continue
        shadow_ms = (out[-1][1] - out[0][0] + ins[-1][1] - ins[0][0]) / 2
        yield Body(rise > 0, apart_m * shadow_ms / abs(rise + fall) * 2, max(len(out), len(ins)))


def _without_bags(pulses: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the shadows without those much shorter than the longest: an arm before or behind its body."""
    longest = max(until - since for since, until in pulses)
    return [pulse for pulse in pulses if pulse[1] - pulse[0] >= BAG_SHARE * longest]


def people(length_m: float, width_m: float) -> float:
    """Return how many people something of this length is on average."""
    narrow, wide = (_between(length_m, PEOPLE_BY_LENGTH[width]) for width in (1.0, 2.0))
    return narrow + min(1.0, max(0.0, width_m - 1.0)) * (wide - narrow)


def _between(length_m: float, people_at: Sequence[float]) -> float:
    place = bisect_left(LENGTHS_M, length_m)
    if place in (0, len(LENGTHS_M)):
        return people_at[min(place, len(LENGTHS_M) - 1)]
    low, high = LENGTHS_M[place - 1], LENGTHS_M[place]
    share = (length_m - low) / (high - low)
    return people_at[place - 1] + share * (people_at[place] - people_at[place - 1])


def _joined(pulses: list[tuple[int, int]], count: int) -> list[list[tuple[int, int]]]:
    """Return the shadows in ``count`` runs, cut where the gaps are longest."""
    gaps = sorted(range(1, len(pulses)), key=lambda place: pulses[place - 1][1] - pulses[place][0])
    cuts = [0, *sorted(gaps[: count - 1]), len(pulses)]
    return [pulses[since:until] for since, until in pairwise(cuts)]


def _passages(word: Word, doorway: DoorwaySettings) -> Iterator[Passage]:
    """Return one passage for each direction, and one for those who turned round."""
    found = list(bodies(word, doorway.apart_m))
    where = word.changed, doorway.line, doorway.device
    through = [body for body in found if body is not None and body.length_m >= MIN_LENGTH_M]
    for inwards in (True, False):
        own = [body for body in through if body.inwards == inwards]
        if own:
            estimate = round(sum(people(body.length_m, doorway.width_m) for body in own), 3)
            if inwards:
                yield Passage(*where, entered=len(own), estimated_entered=estimate)
            else:
                yield Passage(*where, left=len(own), estimated_left=estimate)
    if turned := found.count(None):
        yield Passage(*where, turned=turned)


def _told(passage: Passage, staff: int) -> PeopleCounted:
    return PeopleCounted(
        at=passage.at,
        device=passage.device,
        line=passage.line,
        entered=passage.entered,
        left=passage.left,
        estimated_entered=passage.estimated_entered,
        estimated_left=passage.estimated_left,
        turned=passage.turned,
        staff=staff,
    )


def _without_staff(state: DoorwayState, now: int) -> tuple[DoorwayState, list[AnyObservation]]:
    """Tell the passages that no staff read can concern any more, marking those that were staff's."""
    waiting, staff, spent = list(state.waiting), list(state.staff), dict(state.spent)
    told: list[AnyObservation] = []
    while waiting and (waiting[0].at + STAFF_MS < now or len(waiting) > MAX_WAITING):
        first, own = waiting[0], 0
        crossed = [passage.at for passage in waiting if passage.entered or passage.left]
        for badge in sorted({badge for badge, _ in staff}) if first.entered or first.left else ():
            seen = [at for other, at in staff if other == badge and abs(at - first.at) <= STAFF_MS]
            if seen and own < first.entered + first.left and _nearest(crossed, seen) == first.at:
                own += 1
                later = [at for other, at in staff if other == badge and at > max(seen)]
                staff = [read for read in staff if read[0] != badge]
                spent[badge] = max(seen)
                for at in later:
                    _note(staff, spent, badge, at)
        told.append(_told(waiting.pop(0), own))
    since = min((passage.at for passage in waiting), default=now) - 2 * STAFF_MS
    staff = [read for read in staff if read[1] >= since][-MAX_WAITING:]
    spent = {badge: at for badge, at in spent.items() if at >= since}
    return DoorwayState(state.words, tuple(waiting), tuple(staff), spent), told


def _note(staff: list[tuple[int, int]], spent: dict[int, int], badge: int, at: int) -> None:
    """Add a read of a staff tag, unless it goes on with a passage that has marked its crossing already."""
    if badge in spent and at - spent[badge] <= STAFF_MS:
        spent[badge] = max(spent[badge], at)
    else:
        staff.append((badge, at))


def _nearest(crossed: Iterable[int], seen: list[int]) -> int:
    middle = sum(seen) / len(seen)
    return min(crossed, key=lambda at: abs(at - middle))
