"""Which zone a tag is in: arrived, moved, picked up, put back.

Strategy. Reads are gathered into cycles of ``cycle_ms``; when a cycle is over, the filter of
:mod:`edge.sensing.belief` is updated once and :mod:`edge.sensing.verdict` says what can be said. So the result
depends on the times of the reads and not on the order or the pieces in which they came, as long as they come
within ``late_ms``. An antenna whose device gave no sign of life in a cycle adds no evidence: what cannot be
seen does not depart.

The state is immutable: every call returns a new one, whose arrays nobody writes to any more. A restart keeps
beliefs and drops the cycle that was being gathered.
"""

from typing import Annotated, Any, Final

import msgspec
import numpy as np

from contract.messages import AnyObservation, TagArrived, TagMoved, TagPickedUp, TagPutBack
from edge.model import NOT_SENSING, Hints, InputRead, Place, Read, RejectRead, StatusRead, TagRead
from edge.sensing import claims as cl
from edge.sensing import tuning
from edge.sensing.belief import (
    AWAY,
    NOWHERE,
    Flags,
    Floats,
    Heard,
    Ints,
    Shop,
    Tags,
    update,
)
from edge.sensing.placement import calibrate
from edge.sensing.presence_state import Columns, Pending, PresenceState, Times, fit, with_removals, with_rows
from edge.sensing.verdict import Thresholds, Verdicts, decide

ASSUMED_RSSI_DBM: Final = -60.0
CALIBRATE_EVERY: Final = 10
GHOST_MS: Final = 10_000
GAP_MS: Final = 2_000
RECENT_MS: Final = 60_000
"""A tag that was put down anew was lifted at its last gap, if that is no longer ago; else it was pushed along."""

CATCH_UP: Final = 5
"""After a pause only so many cycles are looked at; nothing was heard in the others."""

NO_HINTS: Final = Hints()

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
    move_nats: Positive = 4.0
    fingerprint: bool = True
    forget_ms: Annotated[int, msgspec.Meta(ge=0)] = 24 * 3_600_000


def sense_presence(
    state: PresenceState,
    reads: list[Read],
    now: int,
    *,
    place: Place,
    settings: PresenceSettings,
    hints: Hints = NO_HINTS,
) -> tuple[PresenceState, list[AnyObservation]]:
    """Take reads up to ``now``; return the state with what happened in the cycles that are over.

    Args:
        state: from the previous call, or ``PresenceState()``.
        reads: what came since, in any order.
        now: ms; must not go back.
        place: antennas to zones.
        settings: thresholds.
        hints: what other sensors saw; they count for the cycles they concern, however these are cut into calls.
    """
    state = fit(state, place)
    state = with_removals(state, hints)
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
        state, told = fold_cycle(state, columns, mask, cycle, end, settings=settings, hints=hints)
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
    hints: Hints = NO_HINTS,
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
        lift = _lift(state.zones, hints, end)
        heard = Heard(read[active], (total / np.maximum(reads, 1))[active], alive, lift)
        part = tags.taken(active)
        part, shop = update(part, shop, heard, fingerprint=settings.fingerprint)
        limits = Thresholds(
            settings.leave_nats, settings.enter_nats, settings.move_nats, settings.arrive_reads
        )
        claiming = _Claiming(state, part, times, active, lift, end, settings)
        part, verdicts = decide(claiming.settled, shop, heard, cycle, limits)
        state = claiming.closed(state, verdicts, part)
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


def _lift(zones: tuple[str, ...], hints: Hints, end: int) -> Floats:
    """Return how much likelier than usual a pick-up is in each zone in the cycle that ends then."""
    near = {hint.zone for hint in hints.near if hint.since <= end <= hint.until}
    vouched = {hint.zone for hint in hints.vouched if hint.since <= end <= hint.until}
    return np.array(
        [
            (tuning.LIFT_HINTED if zone in near else 1.0) * (tuning.LIFT_VOUCHED if zone in vouched else 1.0)
            for zone in zones
        ]
    )


class _Claiming:
    """Weighed removals beside one cycle's beliefs; does nothing where nothing was weighed."""

    def __init__(
        self,
        state: PresenceState,
        tags: Tags,
        times: Times,
        active: Ints,
        lift: Floats,
        end: int,
        settings: PresenceSettings,
    ) -> None:
        due = [removal for removal in state.removals if removal.at <= end]
        self._later = tuple(removal for removal in state.removals if removal.at > end)
        self._claims: list[cl.Claim] = []
        self._rows: dict[str, int] = {}
        self.settled = tags
        self._epcs: list[str] = []
        if not state.claims and not due:
            return
        whole = list(state.rows)
        self._epcs = [whole[row] for row in active.tolist()]
        self._rows = {epc: row for row, epc in enumerate(self._epcs)}
        prior = tuning.LIFT * tuning.LIFT_QUIET * lift
        self._lift = float(prior.min())
        self.settled = tags.copied()
        self._claims = cl.settle_claims(
            state.claims,
            due,
            self.settled,
            self._rows,
            times.picked_at[active],
            dict(zip(state.zones, prior.tolist(), strict=True)),
            end,
            settings.cycle_ms,
        )

    def closed(self, state: PresenceState, verdicts: Verdicts, tags: Tags) -> PresenceState:
        """Return the state with the claims that are still open."""
        claims: tuple[cl.Claim, ...] = ()
        if self._claims:
            told = [self._epcs[row] for row, _ in verdicts.picked]
            claims = cl.close_claims(self._claims, told, tags, self._rows, self._lift)
        if claims or state.claims or self._later != state.removals:
            return msgspec.structs.replace(state, claims=claims, removals=self._later)
        return state


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
