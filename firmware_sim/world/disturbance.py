"""What happens to reports between a reader's antenna and the agent: late, twice, out of order, never, wrong.

Reports of one antenna turn leave the reader together after a latency; some are sent twice, a few overtake
or trail the others by up to two seconds, now and then a bit error passes the CRC and makes a tag that does not
exist. During an outage nothing arrives at all. The reader's clock is off and drifts; the agent's clock steps
when time synchronisation finds it wrong.

Figures: the noise model of docs/sensing.md and of :mod:`firmware_sim.world.noise`.
"""

import heapq
from typing import Final, NamedTuple

import msgspec

from firmware_sim.world.chance import generator
from firmware_sim.world.radio.cycles import Cycle

EPC_BITS: Final = 96


class Outage(msgspec.Struct, frozen=True):
    """The line is dead from ``start_s`` for ``lasts_s``, in seconds since the start."""

    start_s: float
    lasts_s: float


class ClockStep(msgspec.Struct, frozen=True):
    """The agent's clock jumps by ``by_ms`` at ``at_s`` seconds since the start."""

    at_s: float
    by_ms: int


class Disturbance(msgspec.Struct, frozen=True):
    """How bad a line is; the defaults are those of a shop on a usual day.

    Attributes:
        latency_ms: from the end of an antenna turn to the arrival of its reports.
        duplicate_share: reports that are sent twice.
        disorder_share, disorder_ms: reports that come up to this much later than the others of their turn.
        ghost_share: reports whose EPC has a flipped bit, and is no tag's; no two are alike.
        outages: when nothing arrives.
        clock_spread_ms, drift_ppm: offset of the reader's clock, drawn once, and how it grows.
        steps: of the agent's clock.
    """

    latency_ms: tuple[int, int] = (50, 500)
    duplicate_share: float = 0.01
    disorder_share: float = 0.001
    disorder_ms: int = 2_000
    ghost_share: float = 1e-5
    outages: tuple[Outage, ...] = ()
    clock_spread_ms: float = 50.0
    drift_ppm: float = 20.0
    steps: tuple[ClockStep, ...] = ()


class Arrival(NamedTuple):
    """One report at the agent.

    Attributes:
        at: when the antenna heard it, by the reader's clock, in ms.
        epc: upper-case hex.
        antenna: 0-based.
        rssi_dbm: mean level.
        reads: how many reads it stands for.
    """

    at: int
    epc: str
    antenna: int
    rssi_dbm: float
    reads: int


class Line:
    """One reader's way to the agent.

    Args:
        disturbance: how bad it is.
        seed: of the world.
        start: of the run, in ms.
    """

    def __init__(self, disturbance: Disturbance, seed: int, start: int) -> None:
        self._bad = disturbance
        self._start = start
        self._chance = generator(seed, "line")
        self._ghosts = generator(seed, "line", "ghosts")
        self._offset_ms = self._chance.normal(0.0, disturbance.clock_spread_ms)
        self._waiting: list[tuple[int, int, Arrival]] = []
        self._sent = 0
        self.ghosts: set[str] = set()

    def dead(self, now: int) -> bool:
        """Return whether nothing arrives at this time."""
        at_s = (now - self._start) / 1000
        return any(outage.start_s <= at_s < outage.start_s + outage.lasts_s for outage in self._bad.outages)

    def agent_time(self, now: int) -> int:
        """Return what the agent's clock shows."""
        at_s = (now - self._start) / 1000
        return now + sum(step.by_ms for step in self._bad.steps if at_s >= step.at_s)

    def send(self, cycle: Cycle, epcs: list[str]) -> None:
        """Put a cycle's reports on their way."""
        bad, reports = self._bad, cycle.reports
        turns: dict[int, int] = {}
        known = set(epcs)
        # One draw per report in the order of turns, so that an outage changes nothing for the others.
        for at, tag, antenna, rssi, reads in zip(
            reports.at_ms.tolist(),
            reports.tag.tolist(),
            reports.antenna.tolist(),
            reports.rssi_dbm.tolist(),
            reports.reads.tolist(),
            strict=True,
        ):
            if antenna not in turns:
                turns[antenna] = int(self._chance.integers(*bad.latency_ms))
            strays, twice = self._chance.random(2)
            late = int(strays / bad.disorder_share * bad.disorder_ms) if strays < bad.disorder_share else 0
            told = Arrival(self._stamp(at), epcs[tag], antenna, rssi, reads)
            if self.dead(at):
                continue
            self._post(at + turns[antenna] + late, told)
            if twice < bad.duplicate_share:
                self._post(at + turns[antenna] + late + int(1000 * twice / bad.duplicate_share), told)
            if self._ghosts.random() < bad.ghost_share * reads:
                self._post(at + turns[antenna], told._replace(epc=self._garbled(told.epc, known), reads=1))

    def arrivals(self, until: int) -> list[Arrival]:
        """Return what has arrived by then, in the order of arrival."""
        come = []
        while self._waiting and self._waiting[0][0] <= until:
            come.append(heapq.heappop(self._waiting)[2])
        return come

    def _post(self, at: int, told: Arrival) -> None:
        self._sent += 1
        heapq.heappush(self._waiting, (at, self._sent, told))

    def _stamp(self, at: int) -> int:
        drift = (at - self._start) * self._bad.drift_ppm * 1e-6
        return at + round(self._offset_ms + drift)

    def _garbled(self, epc: str, known: set[str]) -> str:
        wrong = epc
        while wrong in known or wrong in self.ghosts:
            wrong = f"{int(wrong, 16) ^ (1 << int(self._ghosts.integers(EPC_BITS))):0{EPC_BITS // 4}X}"
        self.ghosts.add(wrong)
        return wrong
