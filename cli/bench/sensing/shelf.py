"""Shelf scenes scored: what a method says of each tag against where it truly is.

A method's events are told when it says them. A zone change without an absence in between counts as a
pick-up and a put-back, for every method alike. Tolerance is -2 to +30 s of the same EPC; a move needs the
right zone too. The first minute is for getting acquainted and is not scored. State error is the share of
tag-cycles in which the told zone is not the true one: present while away, away while present, or elsewhere.
"""

import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cli.bench.sensing.baselines import ABSENT, Heard, baseline
from cli.bench.sensing.matching import Event, Matching, match
from firmware_sim.world.radio.cycles import Cycle
from firmware_sim.world.scenes import Scene
from firmware_sim.world.truth.events import Picked, PutBack

BEFORE_MS: Final = 2_000
AFTER_MS: Final = 30_000
ACQUAINTED_MS: Final = 60_000
LONG_MS: Final = 20_000
"""An absence of at least this long has to be noticed."""

Ints = NDArray[np.int64]


class Told(NamedTuple):
    """What a method said at the end of a cycle.

    Attributes:
        picks: rows picked up.
        puts: rows put back; one that was never there before only arrived.
        moves: (row, zone) of rows that are in another zone than they were last.
    """

    picks: list[int]
    puts: list[int]
    moves: list[tuple[int, int]]


class Method(Protocol):
    """Anything that can be scored."""

    def take(self, cycle: Cycle, epcs: list[str]) -> Told:
        """Take one cycle and return what it says."""

    def zones(self) -> Ints:
        """Return the told zone per row, ABSENT for none."""


class BaselineMethod:
    """A baseline as a method: events are the differences of its zones."""

    def __init__(self, name: str, antennas: int) -> None:
        self._baseline = baseline(name, antennas)
        self._last = np.empty(0, dtype=np.int64)

    def take(self, cycle: Cycle, epcs: list[str]) -> Told:
        """Take one cycle."""
        reports = cycle.reports
        before = self._baseline.zone
        after = self._baseline.step(
            Heard(reports.tag, reports.antenna, reports.rssi_dbm, reports.reads), len(epcs)
        )
        self._last = np.append(self._last, np.full(len(epcs) - len(self._last), ABSENT))
        before = np.append(before, np.full(len(epcs) - len(before), ABSENT))
        changed = before != after
        picks = np.nonzero(changed & (before != ABSENT))[0]
        puts = np.nonzero(changed & (after != ABSENT) & (self._last != ABSENT))[0]
        moved = puts[self._last[puts] != after[puts]]
        self._last = np.where(after == ABSENT, self._last, after)
        return Told(picks.tolist(), puts.tolist(), [(int(row), int(after[row])) for row in moved])

    def zones(self) -> Ints:
        """Return the told zones."""
        return self._baseline.zone


def score_shelf(scene: Scene, method: Method, cycles: Iterator[Cycle]) -> dict[str, Any]:
    """Run a method over cycles and return its figures."""
    epcs = scene.radio.epcs
    scored_from = scene.start + ACQUAINTED_MS
    picks: list[Event] = []
    puts: list[Event] = []
    moves: list[Event] = []
    wrong = misplaced = judged = present = read = 0
    spent_s, steps = 0.0, 0
    for cycle in cycles:
        begun = time.perf_counter()
        told = method.take(cycle, epcs)
        spent_s += time.perf_counter() - begun
        steps += 1
        if cycle.now < scored_from:
            continue
        picks += [(epcs[row], cycle.now) for row in told.picks]
        puts += [(epcs[row], cycle.now) for row in told.puts]
        moves += [((epcs[row], zone), cycle.now) for row, zone in told.moves]
        said = method.zones()[: len(cycle.zone)]
        off = said != cycle.zone
        wrong += int(off.sum())
        misplaced += int((off & (said != ABSENT) & (cycle.zone != ABSENT)).sum())
        judged += len(said)
        if not cycle.silent:
            there = cycle.zone != ABSENT
            present += int(there.sum())
            read += len(set(cycle.reports.tag.tolist()) & set(np.nonzero(there)[0].tolist()))
    index = {zone.id: number for number, zone in enumerate(scene.scenario.zones)}
    truth = scene.truth.events
    picked = [(event.epc, event.at) for event in truth if isinstance(event, Picked)]
    put = [(event.epc, event.at) for event in truth if isinstance(event, PutBack)]
    elsewhere = [
        ((event.epc, index[event.zone]), event.at)
        for event in truth
        if isinstance(event, PutBack) and event.zone != event.from_zone
    ]
    tag_hours = judged / 3600
    found = match(picked, picks, BEFORE_MS, AFTER_MS)
    long = _long_absences(truth, scene.end)
    return {
        "pick": _figures(found)
        | {
            "recall_long": _share(sum(true in long for true, _ in found.pairs), len(long)),
            "false_per_100_tag_h": 100 * len(found.false) / tag_hours,
        },
        "put_back": _figures(match(put, puts, BEFORE_MS, AFTER_MS)),
        "move": _figures(match(elsewhere, moves, BEFORE_MS, AFTER_MS)),
        "state_error": wrong / judged,
        "wrong_zone": misplaced / judged,
        "read_probability": _share(read, present),
        "cpu_ms_per_cycle": 1000 * spent_s / steps,
    }


def _figures(found: Matching) -> dict[str, float | None]:
    return {
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "delay_p50_s": found.delay_p50_s,
    }


def _long_absences(truth: list[Any], end: int) -> set[Event]:
    """Return the picks whose item was away for LONG_MS or more."""
    back = {(event.epc, event.picked_at): event.at for event in truth if isinstance(event, PutBack)}
    return {
        (event.epc, event.at)
        for event in truth
        if isinstance(event, Picked) and back.get((event.epc, event.at), end) - event.at >= LONG_MS
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
