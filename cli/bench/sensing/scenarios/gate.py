"""Two gates scored: what was told of each tag against what was carried through.

``dock-stray`` is carriers with cartons between parked goods, ``store-exit`` single items at walking pace.
A passage is a tag that went in or out. It counts when it is told within five seconds of the line, before or
after; at the store exit within one and a half seconds after, with the right direction. Shelfwise tells when
its batch is told; a rule tells when the hearing ends, and is allowed the time of its last read, two seconds
before it could know. Its five seconds hold at the store exit too, where it would have no chance otherwise.

``direction`` is the share of the right ones among matched passages, ``stray_false`` passages told of strays,
as a share of the strays that could be heard. Duplicates, ghosts and report delays are in the reads.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.gate_rules import GAP_MS, RULES, Hearing, Limits, judge
from cli.bench.sensing.matching import Event, match
from contract.messages import GateBatch
from edge.config import gate_coefficients
from edge.model import Read, TagRead
from edge.sensing.gate import GateSettings, GateState, sense_gates
from firmware_sim.world.portal import INNER, OUTER, START, GateRead, GateTruth, gate_scene
from firmware_sim.world.portal_radio import gate_reads

TICK_MS: Final = 100
TOLERANCE_MS: Final = 5_000
EXIT_MS: Final = 1_500
HEARD: Final = 2
"""A stray with fewer reads than this cannot be mistaken and is not counted."""

DEVICE: Final = "portal"
LIMITS: Final = {
    "dock-stray": Limits(max_rssi_dbm=-62.0, centroid_dbm=-64.0, apart_s=0.1),
    "store-exit": Limits(max_rssi_dbm=-60.0, centroid_dbm=-60.0, apart_s=0.1),
}
SETTINGS: Final = {
    "dock-stray": GateSettings(id="dock", device=DEVICE, outside=(OUTER,), inside=(INNER,)),
    "store-exit": GateSettings(
        id="exit",
        device=DEVICE,
        outside=(OUTER,),
        inside=(INNER,),
        carries="items",
        moved_prior=0.03,
        answer_ms=900,
        live=0.99,
        decided=0.6,
        hold_ms=0,
        wait_ms=0,
    ),
}


class Told(NamedTuple):
    """A passage as a method told it."""

    at: int
    epc: str
    direction: str


def _run(name: str, method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    reads, truth = _world(
        name,
        seed,
        conditions.minutes,
        conditions.radio == "rician",
        tuple(sorted(conditions.overrides.items())),
    )
    told = list(_shelfwise(name, reads) if method == "shelfwise" else _rule(name, method, reads))
    return {"gate": _score(name, method, told, reads, truth)}


@lru_cache(maxsize=2)
def _world(
    name: str, seed: int, minutes: float, rician: bool, overrides: tuple[tuple[str, float], ...]
) -> tuple[list[GateRead], GateTruth]:
    return gate_reads(gate_scene(name, dict(overrides)), seed, minutes, rician=rician)


def _shelfwise(name: str, reads: list[GateRead]) -> Iterator[Told]:
    gates, coefficients = (SETTINGS[name],), gate_coefficients()
    state, position = GateState(), 0
    end = reads[-1].reported + 2 * TOLERANCE_MS if reads else START
    for now in range(START, end, TICK_MS):
        fresh: list[Read] = []
        while position < len(reads) and reads[position].reported <= now:
            read = reads[position]
            fresh.append(
                TagRead(
                    device=DEVICE,
                    at=read.at,
                    epc=read.epc,
                    antenna=read.antenna,
                    rssi_dbm=read.rssi_dbm,
                    phase_deg=read.phase_deg,
                    frequency_khz=read.frequency_khz,
                )
            )
            position += 1
        state, told, _ = sense_gates(state, fresh, now, gates=gates, coefficients=coefficients)
        for batch in told:
            if isinstance(batch, GateBatch):
                yield from (Told(now, one.epc, one.direction) for one in batch.passages)


def _rule(name: str, method: str, reads: list[GateRead]) -> Iterator[Told]:
    by_tag: defaultdict[str, list[GateRead]] = defaultdict(list)
    for read in reads:
        by_tag[read.epc].append(read)
    for epc, own in by_tag.items():
        own.sort(key=lambda read: read.at)
        at = np.array([read.at for read in own], dtype=np.float64)
        inner = np.array([read.antenna == INNER for read in own])
        rssi = np.array([read.rssi_dbm for read in own])
        for part in np.split(np.arange(len(own)), np.nonzero(np.diff(at) > GAP_MS)[0] + 1):
            verdict = judge(method, Hearing(at[part], inner[part], rssi[part]), LIMITS[name])
            if verdict != "static":
                yield Told(int(at[part[-1]]), epc, verdict)


def _score(
    name: str, method: str, told: list[Told], reads: list[GateRead], truth: GateTruth
) -> dict[str, float | None]:
    went = {event.epc: event.direction for event in truth.through if event.direction != "turned"}
    passed = [(event.epc, event.at) for event in truth.through if event.direction != "turned"]
    claimed = [one for one in told if one.direction != "turned"]
    directed = name == "store-exit"
    before_ms, after_ms = TOLERANCE_MS, TOLERANCE_MS
    if directed and method == "shelfwise":
        before_ms, after_ms = 0, EXIT_MS
    found = match(
        [((epc, went[epc]) if directed else epc, at) for epc, at in passed],
        [((one.epc, one.direction) if directed else one.epc, one.at) for one in claimed],
        before_ms,
        after_ms,
    )
    anyhow = match(passed, [(one.epc, one.at) for one in claimed], TOLERANCE_MS, TOLERANCE_MS)
    said: dict[Event, str] = {(one.epc, one.at): one.direction for one in claimed}
    right = sum(said[one] == went[str(true[0])] for true, one in anyhow.pairs)
    heard: defaultdict[str, int] = defaultdict(int)
    for read in reads:
        heard[read.epc] += 1
    strays = {event.epc for event in truth.strayed if heard[event.epc] >= HEARD}
    mistaken = sum(one.epc in strays for one in claimed)
    delays = sorted(found.delays_s)
    return {
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "direction": right / len(anyhow.pairs) if anyhow.pairs else None,
        "stray_false": mistaken / len(strays) if strays else None,
        "delay_p50_s": float(np.quantile(delays, 0.5)) if delays else None,
        "delay_p95_s": float(np.quantile(delays, 0.95)) if delays else None,
    }


CONTESTS: Final = MappingProxyType(
    {name: Contest(methods=("shelfwise", *RULES), run=partial(_run, name)) for name in SETTINGS}
)
