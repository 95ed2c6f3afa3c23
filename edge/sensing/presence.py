"""Which zone a tag is in: arrived, moved, picked up, put back.

Strategy. Reads are gathered into cycles of ``cycle_ms``; when a cycle is over, the filter of
:mod:`edge.sensing.belief` is updated once and :mod:`edge.sensing.verdict` says what can be said. So the result
depends on the times of the reads and not on the order or the pieces in which they came, as long as they come
within ``late_ms``. An antenna whose device gave no sign of life in a cycle adds no evidence: what cannot be
seen does not depart.

The state is immutable: every call returns a new one, whose arrays nobody writes to any more. A restart keeps
beliefs and drops the cycle that was being gathered.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import numpy as np

from contract.messages import AnyObservation, TagArrived, TagMoved, TagPickedUp, TagPutBack
from edge.model import NOT_SENSING, InputRead, Place, Read, RejectRead, StatusRead, TagRead
from edge.sensing import tuning
from edge.sensing.belief import (
    AWAY,
    FLOOR,
    LIES,
    NOWHERE,
    STATES,
    Flags,
    Floats,
    Heard,
    Ints,
    Shop,
    Tags,
    new_shop,
    new_tags,
    update,
)
from edge.sensing.placement import calibrate
from edge.sensing.verdict import Thresholds, Verdicts, decide

ASSUMED_RSSI_DBM: Final = -60.0
CALIBRATE_EVERY: Final = 10
GHOST_MS: Final = 10_000
GAP_MS: Final = 2_000
RECENT_MS: Final = 60_000
"""A tag that was put down anew was lifted at its last gap, if that is no longer ago; else it was pushed along."""

CATCH_UP: Final = 5
"""After a pause only so many cycles are looked at; nothing was heard in the others."""

Positive = Annotated[float, msgspec.Meta(gt=0)]


class PresenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the presence stage.

    Attributes:
        cycle_ms: one step of the filter; every antenna should have had its turn.
        late_ms: reads may come this much after the end of their cycle.
        arrive_reads: cycles with a read that make a new tag believable.
        leave_nats: evidence for "picked up".
        enter_nats: evidence for "put down".
        move_nats: evidence for another zone.
        fingerprint: judge a tag by its own history; without, by what its zone's other tags look like.
        forget_ms: a tag picked up this long ago arrives anew instead of being put back.
    """

    cycle_ms: Annotated[int, msgspec.Meta(ge=200, le=10_000)] = 1_000
    late_ms: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 250
    arrive_reads: Annotated[int, msgspec.Meta(ge=1)] = 2
    leave_nats: Positive = 2.2
    enter_nats: Positive = 2.0
    move_nats: Positive = 7.0
    fingerprint: bool = True
    forget_ms: Annotated[int, msgspec.Meta(ge=0)] = 24 * 3_600_000


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


def sense_presence(
    state: PresenceState,
    reads: list[Read],
    now: int,
    *,
    place: Place,
    settings: PresenceSettings,
    hints: Mapping[str, int] | None = None,
) -> tuple[PresenceState, list[AnyObservation]]:
    """Take reads up to ``now``; return the state with what happened in the cycles that are over.

    Args:
        state: from the previous call, or ``PresenceState()``.
        reads: what came since, in any order.
        now: ms; must not go back.
        place: antennas to zones.
        settings: thresholds.
        hints: zone → until when another sensor makes a pick-up there likely.
    """
    state = fit(state, place)
    first_open = (now - settings.late_ms) // settings.cycle_ms
    oldest = first_open - CATCH_UP
    opened = state.cycle or min((read.at for read in reads), default=now) // settings.cycle_ms
    opened = max(opened, oldest)
    column = {antenna: number for number, antenna in enumerate(state.antennas)}
    pending, alive = list(state.pending), set(state.alive)
    for read in reads:
        cycle = max(read.at // settings.cycle_ms, opened)
        if isinstance(read, TagRead) and (number := column.get((read.device, read.antenna))) is not None:
            rssi = ASSUMED_RSSI_DBM if read.rssi_dbm is None else read.rssi_dbm
            pending.append(Pending(cycle, read.epc, number, rssi, max(1, read.reads), read.at))
        if _lives(read):
            alive.add((cycle, read.device))
    observations: list[AnyObservation] = []
    for cycle in range(opened, first_open):
        due = [read for read in pending if read.cycle <= cycle]
        pending = [read for read in pending if read.cycle > cycle]
        state, columns = _columns(state, due)
        living = {device for at, device in alive if at <= cycle}
        alive = {(at, device) for at, device in alive if at > cycle}
        mask = np.array([device in living for device, _ in state.antennas], dtype=bool)
        end = (cycle + 1) * settings.cycle_ms
        state, told = fold_cycle(state, columns, mask, cycle, end, settings=settings, hints=hints or {})
        observations += told
    return (
        msgspec.structs.replace(
            state,
            cycle=max(opened, first_open),
            pending=tuple(pending),
            alive=tuple(sorted(alive)),
            now=now,
        ),
        observations,
    )


def fold_cycle(
    state: PresenceState,
    columns: Columns,
    alive: Flags,
    cycle: int,
    end: int,
    *,
    settings: PresenceSettings,
    hints: Mapping[str, int],
) -> tuple[PresenceState, list[AnyObservation]]:
    """Fold one cycle that is over.

    Args:
        state: fitted to its place, with a row for every tag in ``columns``.
        columns: the reads.
        alive: per antenna, whether its device gave a sign of life.
        cycle: its number.
        end: its end in ms.
        settings: thresholds.
        hints: as for :func:`sense_presence`.
    """
    tags, shop, times = state.tags, state.shop, state.times
    if tags is None or shop is None or times is None or not alive.any() or not len(tags.zone):
        return state, []
    count, antennas = tags.reads.shape
    reads = np.zeros((count, antennas))
    total = np.zeros((count, antennas))
    np.add.at(reads, (columns.tag, columns.antenna), columns.reads)
    np.add.at(total, (columns.tag, columns.antenna), columns.rssi_dbm * columns.reads)
    read = reads > 0
    at = np.zeros(count, dtype=np.int64)
    np.maximum.at(at, columns.tag, columns.at)
    times = _heard_at(times, at, tags)
    active = np.nonzero((tags.zone != NOWHERE) | read.any(axis=1) | (tags.belief[:, AWAY] < 0.999))[0]
    if len(active):
        lift = np.array([tuning.LIFT_HINTED if hints.get(zone, 0) >= end else 1.0 for zone in state.zones])
        heard = Heard(read[active], (total / np.maximum(reads, 1))[active], alive, lift)
        part = tags.taken(active)
        part, shop = update(part, shop, heard, fingerprint=settings.fingerprint)
        limits = Thresholds(
            settings.leave_nats, settings.enter_nats, settings.move_nats, settings.arrive_reads
        )
        part, verdicts = decide(part, shop, heard, cycle, limits)
        told = _Telling(state, part, shop, times, active, settings)
        observations = told.tell(verdicts, end)
        times = told.times
        tags = _written_back(tags, part, active)
    else:
        observations = []
    if cycle % CALIBRATE_EVERY == 0:
        tags, shop = calibrate(tags, shop)
    state = msgspec.structs.replace(state, tags=tags, shop=shop, times=times)
    return (_swept(state, end, settings) if cycle % CALIBRATE_EVERY == 0 else state), observations


def _lives(read: Read) -> bool:
    return not (
        isinstance(read, RejectRead | InputRead)
        or (isinstance(read, StatusRead) and read.what in NOT_SENSING)
    )


def _columns(state: PresenceState, reads: list[Pending]) -> tuple[PresenceState, Columns]:
    """Return the reads as columns, with a row for each tag."""
    state = with_rows(state, dict.fromkeys(read.epc for read in reads))
    return state, Columns(
        np.array([state.rows[read.epc] for read in reads], dtype=np.int64),
        np.array([read.antenna for read in reads], dtype=np.int64),
        np.array([read.rssi_dbm for read in reads], dtype=np.float64),
        np.array([read.reads for read in reads], dtype=np.int64),
        np.array([read.at for read in reads], dtype=np.int64),
    )


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


def _heard_at(times: Times, at: Ints, tags: Tags) -> Times:
    """Note when tags were read, where a gap lies behind them, and where a new placement may begin."""
    read = at > 0
    gap = read & (times.last_at > 0) & (at - times.last_at > GAP_MS)
    begins = read & (tags.zone == NOWHERE) & (tags.reads.sum(axis=1) == 0)
    return times._replace(
        gap_at=np.where(gap, times.last_at, times.gap_at),
        first_at=np.where(begins, at, times.first_at),
        last_at=np.maximum(times.last_at, at),
    )


def _written_back(tags: Tags, part: Tags, rows: Ints) -> Tags:
    if len(rows) == len(tags.zone):
        return part
    whole = tags.copied()
    for column, new in zip(whole, part, strict=True):
        column[rows] = new
    return whole


class _Telling:
    """Verdicts about rows on the way to observations about EPCs."""

    def __init__(
        self,
        state: PresenceState,
        tags: Tags,
        shop: Shop,
        times: Times,
        active: Ints,
        settings: PresenceSettings,
    ) -> None:
        self.times = Times(*(column.copy() for column in times))
        self._state, self._tags, self._shop = state, tags, shop
        self._epcs = list(state.rows)
        self._active = active
        self._settings = settings

    def tell(self, verdicts: Verdicts, end: int) -> list[AnyObservation]:
        """Return one observation for each verdict, in order of rows within a kind."""
        told: list[AnyObservation] = []
        for row, zone in verdicts.picked:
            told.append(self._picked(row, zone, self.times.last_at, end))
        slid = []
        for row, left, zone in verdicts.returned:
            gap_at = int(self.times.gap_at[self._active[row]])
            if end - gap_at <= RECENT_MS:
                told.append(self._picked(row, left, self.times.gap_at, end))
                told.append(self._put(row, zone, left, end, end))
            elif left != zone:
                slid.append((row, left, zone))
        for row, zone in verdicts.put:
            first = int(self.times.first_at[self._active[row]]) or end
            told.append(self._put(row, zone, int(self._tags.origin[row]), first, end))
        for row, left, zone in [*slid, *verdicts.moved]:
            told.append(
                TagMoved(
                    at=self._dated(row, end),
                    zone=self._state.zones[zone],
                    from_zone=self._state.zones[left],
                    **self._seen(row, zone),
                )
            )
        return told

    def _picked(self, row: int, zone: int, since: Ints, end: int) -> TagPickedUp:
        at = self._dated(row, int(since[self._active[row]]) or end)
        self.times.picked_at[self._active[row]] = at
        seen = self._seen(row, zone)
        return TagPickedUp(at=at, device=seen["device"], epc=seen["epc"], zone=self._state.zones[zone])

    def _put(self, row: int, zone: int, left: int, first: int, end: int) -> TagArrived | TagPutBack:
        picked_at = int(self.times.picked_at[self._active[row]])
        at = self._dated(row, first)
        where = self._state.zones[zone]
        if not picked_at or end - picked_at > self._settings.forget_ms:
            return TagArrived(at=at, zone=where, **self._seen(row, zone))
        return TagPutBack(
            at=at, zone=where, from_zone=self._state.zones[left], picked_at=picked_at, **self._seen(row, zone)
        )

    def _dated(self, row: int, at: int) -> int:
        told_at = self.times.told_at
        told_at[self._active[row]] = max(at, int(told_at[self._active[row]]))
        return int(told_at[self._active[row]])

    def _seen(self, row: int, zone: int) -> dict[str, Any]:
        """Return who is meant, and the antenna that hears it best (in the end its zone's)."""
        levels = np.where(self._tags.heard[row] > 0, self._tags.level_dbm[row], -np.inf)
        best = int(levels.argmax()) if np.isfinite(levels).any() else int(self._shop.rate[zone].argmax())
        device, antenna = self._state.antennas[best]
        seen = {"device": device, "antenna": antenna, "epc": self._epcs[self._active[row]]}
        if np.isfinite(levels[best]):
            seen["rssi_dbm"] = round(float(levels[best]), 1)
        return seen


def _swept(state: PresenceState, now: int, settings: PresenceSettings) -> PresenceState:
    """Drop tags that were a ghost, and tags that were picked up very long ago."""
    tags, times = state.tags, state.times
    if tags is None or times is None:
        return state
    nowhere = tags.zone == NOWHERE
    never = nowhere & (times.told_at == 0) & (now - times.last_at > GHOST_MS)
    latest = np.maximum(times.last_at, times.picked_at)
    stale = nowhere & (times.told_at > 0) & (now - latest > settings.forget_ms)
    stays = ~(never | stale)
    if stays.all():
        return state
    kept = [epc for epc, row in state.rows.items() if stays[row]]
    return msgspec.structs.replace(
        state,
        rows={epc: row for row, epc in enumerate(kept)},
        tags=tags.taken(stays),
        times=Times(*(column[stays] for column in times)),
    )


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
        return msgspec.structs.replace(state, cycle=0, pending=(), alive=())
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
