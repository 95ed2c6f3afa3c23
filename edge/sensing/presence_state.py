"""What the presence stage remembers, and the few ways to change it that are no sensing.

One row per tag, one column per antenna, names beside them. The state is immutable: whoever changes it
returns a new one, whose arrays nobody writes to any more.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from edge.model import Hints, Place, Removal
from edge.sensing.belief import (
    AWAY,
    FLOOR,
    LIES,
    NOWHERE,
    STATES,
    Floats,
    Ints,
    Shop,
    Tags,
    new_shop,
    new_tags,
)
from edge.sensing.claims import MAX_CLAIMS, Claim


class Times(NamedTuple):
    """Times of each tag in ms, 0 for never; one row per tag.

    Attributes:
        last_at: last read.
        gap_at: last read before the latest gap of two seconds.
        first_at: first read of what may be a new placement.
        picked_at: event time of the last pick-up.
        told_at: event time of the last observation about it; the next one is never dated before it,
            because the hub orders what it hears of an item by event time.
    """

    last_at: Ints
    gap_at: Ints
    first_at: Ints
    picked_at: Ints
    told_at: Ints


class Columns(NamedTuple):
    """The reads of one cycle; equal lengths.

    Attributes:
        tag: row of the tag.
        antenna: column of the antenna.
        rssi_dbm: mean of the reads that the entry stands for.
        reads: how many they are.
        at: time of the last of them, in ms.
    """

    tag: Ints
    antenna: Ints
    rssi_dbm: Floats
    reads: Ints
    at: Ints


class Pending(NamedTuple):
    """A read that waits for the end of its cycle."""

    cycle: int
    epc: str
    antenna: int
    rssi_dbm: float
    reads: int
    at: int


class PresenceState(msgspec.Struct, frozen=True):
    """State of the stage.

    Attributes:
        rows: EPC → row, in order of rows.
        antennas: (device, antenna) of each column.
        zones: name of each zone.
        tags, shop, times: see there; None before the first call.
        cycle: number of the next cycle to be closed, 0 before the first.
        pending: reads of cycles that are not over.
        alive: (cycle, device) of signs of life in them.
        now: time of the last call.
        removals: weighed in a cycle that is not over.
        claims: of removals whose tags are not known yet.
    """

    rows: dict[str, int] = {}
    antennas: tuple[tuple[str, int], ...] = ()
    zones: tuple[str, ...] = ()
    tags: Tags | None = None
    shop: Shop | None = None
    times: Times | None = None
    cycle: int = 0
    pending: tuple[Pending, ...] = ()
    alive: tuple[tuple[int, str], ...] = ()
    now: int = 0
    removals: tuple[Removal, ...] = ()
    claims: tuple[Claim, ...] = ()


def with_rows(state: PresenceState, epcs: Iterable[str]) -> PresenceState:
    """Return the state with a row for each of these tags."""
    new = [epc for epc in epcs if epc not in state.rows]
    if not new or state.tags is None or state.times is None:
        return state
    start = len(state.rows)
    rows = {**state.rows, **{epc: start + number for number, epc in enumerate(new)}}
    more = new_tags(len(new), len(state.antennas))
    tags = state.tags.joined(more)
    zeros = np.zeros(len(new), dtype=np.int64)
    times = Times(*(np.concatenate([column, zeros]) for column in state.times))
    return msgspec.structs.replace(state, rows=rows, tags=tags, times=times)


def with_removals(state: PresenceState, hints: Hints) -> PresenceState:
    """Return the state with weighed removals noted for the cycles that they fall into."""
    if not hints.removals:
        return state
    removals = (*state.removals, *hints.removals)[-MAX_CLAIMS:]
    return msgspec.structs.replace(state, removals=removals)


def fit(state: PresenceState, place: Place) -> PresenceState:
    """Return the state for the antennas and zones of this place; what is known of those that stay is kept.

    Tags whose zone is no longer there are forgotten: their next reads are an arrival.
    """
    antennas = tuple(sorted(place.zones))
    zones = tuple(sorted(set(place.zones.values())))
    if state.tags is not None and (antennas, zones) == (state.antennas, state.zones):
        return state
    own = np.array([[place.zones[antenna] == zone for antenna in antennas] for zone in zones], dtype=bool)
    shop = new_shop(own.reshape(len(zones), len(antennas)))
    fresh = PresenceState(
        antennas=antennas,
        zones=zones,
        tags=new_tags(0, len(antennas)),
        shop=shop,
        times=Times(*(np.empty(0, dtype=np.int64) for _ in Times._fields)),
        cycle=state.cycle,
        now=state.now,
    )
    if state.tags is None or state.times is None:
        return fresh
    number = {zone: index for index, zone in enumerate(zones)}
    new_zone = np.array([number.get(zone, NOWHERE) for zone in state.zones] + [NOWHERE], dtype=np.int64)
    zone, origin = new_zone[state.tags.zone], new_zone[state.tags.origin]
    kept = (origin != NOWHERE) & ((zone != NOWHERE) == (state.tags.zone != NOWHERE))
    epcs = [epc for epc, row in state.rows.items() if kept[row]]
    tags = new_tags(len(epcs), len(antennas))
    return msgspec.structs.replace(
        fresh,
        rows={epc: row for row, epc in enumerate(epcs)},
        tags=tags._replace(belief=state.tags.belief[kept], zone=zone[kept], origin=origin[kept]),
        times=Times(*(column[kept] for column in state.times)),
    )


def restart_presence(state: PresenceState) -> PresenceState:
    """The agent has started again, or the clock was set back: no cycle that was being gathered goes on.

    Time the agent was down is no silence of the tags, and half an arrival is none.
    """
    if state.tags is None or state.times is None:
        return msgspec.structs.replace(state, cycle=0, pending=(), alive=(), removals=(), claims=())
    known = state.times.told_at > 0
    epcs = [epc for epc, row in state.rows.items() if known[row]]
    tags = state.tags.taken(known)
    belief = np.full_like(tags.belief, FLOOR)
    belief[np.arange(len(belief)), np.where(tags.zone == NOWHERE, AWAY, LIES)] = 1.0
    return msgspec.structs.replace(
        state,
        rows={epc: row for row, epc in enumerate(epcs)},
        tags=tags._replace(belief=belief),
        times=Times(*(column[known] for column in state.times)),
        cycle=0,
        pending=(),
        alive=(),
        removals=(),
        claims=(),
    )


def stored_presence(state: PresenceState) -> PresenceState:
    """Return what belongs into a checkpoint: everything but the cycle that is being gathered."""
    return msgspec.structs.replace(state, pending=(), alive=())


def anchor_presence(state: PresenceState, zones: Mapping[str, str], taken_at: int) -> PresenceState:
    """Believe a planogram or a stock-take: these tags lay in these zones.

    What was told of a tag since ``taken_at`` stands, and zones of other agents are left alone. Nothing is told:
    whoever counted has told it. An anchored tag does not leave before it was heard.

    Args:
        state: fitted to its place.
        zones: EPC → zone.
        taken_at: when it was known, in ms.
    """
    number = {zone: index for index, zone in enumerate(state.zones)}
    known = {epc: number[zone] for epc, zone in zones.items() if zone in number}
    if state.times is not None:
        told_at = state.times.told_at
        known = {
            epc: zone
            for epc, zone in known.items()
            if epc not in state.rows or told_at[state.rows[epc]] <= taken_at
        }
    state = with_rows(state, known)
    if not known or state.tags is None or state.times is None:
        return state
    tags = state.tags.copied()
    rows = np.array([state.rows[epc] for epc in known], dtype=np.int64)
    where = np.array(list(known.values()), dtype=np.int64)
    anew = rows[tags.zone[rows] != where]
    for column in (tags.reads, tags.misses, tags.level_dbm, tags.heard, tags.cycles, tags.waited):
        column[anew] = 0.0
    tags.belief[anew] = np.where(np.arange(STATES) == LIES, 1.0, FLOOR)
    tags.zone[rows], tags.origin[rows], tags.planned[rows] = where, where, True
    told = state.times.told_at.copy()
    told[rows] = taken_at
    return msgspec.structs.replace(state, tags=tags, times=state.times._replace(told_at=told))


def told_zone(state: PresenceState, epc: str) -> str | None:
    """Return the zone a tag was last told to be in; None for in no zone, or not known."""
    row = state.rows.get(epc)
    if row is None or state.tags is None or state.tags.zone[row] == NOWHERE:
        return None
    return state.zones[int(state.tags.zone[row])]
