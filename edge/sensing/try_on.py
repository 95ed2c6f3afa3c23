"""Try-ons: a tag was carried into a fitting room, stayed, and came out.

Rooms are zones that are no shelves. Reads are gathered per cycle of a second, tag and zone. For each tag and
room the stage sums evidence (:mod:`edge.sensing.try_on_evidence`), forgetting old evidence slowly:

- the room hears it better than every other zone does (``margin_db``);
- its shelf hears it less than it used to, *more* than that shelf's other tags have become weaker: a body
  before the shelf weakens all of them alike;
- the room hears it better than it used to through the wall, likewise compared with its neighbours;
- the room hears it about as well as its shelf did, and reads it in most cycles, so it is in the room and not
  before the curtain.

A try-on starts when the log-odds have stayed above ``log_odds`` until the tag was in the room for
``dwell_ms``. Tags that came into one room within ``together_ms`` of each other are one session. It ends when
another zone hears the tag about as well as a shelf would, or when the room has not heard it for
``silence_ms`` while it could have, and either somebody else has, the whole session is silent, or
``lost_ms`` have passed. The event time of an end is the last time it was heard in the room.

Always: a silent reader ends nothing and starts nothing, because spans are counted in cycles in which the
room's reader was alive. What was there when the stage first ran rests where it is. Every started try-on
ends exactly once. Rules and their figures: docs/sensing.md.
"""

import math
from statistics import pstdev
from typing import Final

import msgspec

from contract.messages import AnyObservation, TryOnEnded, TryOnStarted
from edge.model import NOT_SENSING, InputRead, Place, Read, RejectRead, StatusRead, TagRead
from edge.sensing.try_on_evidence import (
    NEAR_DB,
    UNKNOWN_NEAR_DBM,
    clip,
    common_mode,
    evidence,
    heard_now,
    level_dbm,
)
from edge.sensing.try_on_state import (
    CYCLE_MS,
    FLOOR_DBM,
    MOST_ODDS,
    Beam,
    Garment,
    Session,
    Trial,
    TryOnSettings,
    TryOnState,
)

ALIVE_MS: Final = 3_000
ACQUAINTED: Final = 60
"""Cycles in which everything heard is taken to rest where it is."""

ASSUMED_RSSI_DBM: Final = -60.0
REST_WEIGHT: Final = 0.04
USUAL_DB: Final = 5.0
SETTLES: Final = 12
SETTLES_SLOWLY: Final = 90
SHELF_DB: Final = 6.0
FAR_DB: Final = 13.0
"""A tag rests in another zone when that hears it about as well as its shelf did for a while, or less well for long."""

MEMORY: Final = 0.9
GAIN: Final = 0.35
JITTER_CYCLES: Final = 5
WORN_WINDOWS: Final = 6

LEFT_CYCLES: Final = 8.0
LEFT_NEAR_DB: Final = 8.0
FORGET_MS: Final = 24 * 3_600_000
MAX_TAGS: Final = 20_000
MAX_SESSIONS: Final = 8


def sense_try_ons(
    state: TryOnState, reads: list[Read], now: int, *, place: Place, settings: TryOnSettings
) -> tuple[TryOnState, list[AnyObservation]]:
    """Fold reads up to ``now`` into the state; return it with the try-ons that started and ended.

    Args:
        state: from the previous call, or ``TryOnState()``.
        reads: what came since, in order of arrival.
        now: ms; must not go back.
        place: antennas to zones, rooms included.
        settings: which zones are rooms, thresholds.
    """
    if not settings.rooms:
        return state, []
    gathered, life_at = _gather(state, reads, place)
    begun = state.cycle_at or now
    if now // CYCLE_MS <= begun // CYCLE_MS:
        changed = msgspec.structs.replace(state, gathered=gathered, life_at=life_at, cycle_at=begun)
        return changed, []
    cycle = _Cycle(state, gathered, life_at, now, place, settings)
    return cycle.fold()


def _gather(
    state: TryOnState, reads: list[Read], place: Place
) -> tuple[dict[str, dict[str, tuple[float, int]]], dict[str, int]]:
    """Add reads to those of the present cycle; note signs of life."""
    gathered, life_at = dict(state.gathered), dict(state.life_at)
    touched: set[str] = set()
    for read in reads:
        if isinstance(read, RejectRead | InputRead) or (
            isinstance(read, StatusRead) and read.what in NOT_SENSING
        ):
            continue
        life_at[read.device] = max(read.at, life_at.get(read.device, 0))
        if not isinstance(read, TagRead):
            continue
        zone = place.zones.get((read.device, read.antenna))
        if zone is None:
            continue
        if read.epc not in touched:
            touched.add(read.epc)
            gathered[read.epc] = dict(gathered.get(read.epc, {}))
        rssi = ASSUMED_RSSI_DBM if read.rssi_dbm is None else read.rssi_dbm
        own = gathered[read.epc]
        total, count = own.get(zone, (0.0, 0))
        own[zone] = (total + rssi * read.reads, count + read.reads)
    return gathered, life_at


class _Cycle:
    """One cycle being folded."""

    def __init__(
        self,
        state: TryOnState,
        gathered: dict[str, dict[str, tuple[float, int]]],
        life_at: dict[str, int],
        now: int,
        place: Place,
        settings: TryOnSettings,
    ) -> None:
        self._state = state
        self._now = now
        self._settings = settings
        self._rooms = settings.rooms
        self._life_at = life_at
        self._device_of = {zone: device for (device, _), zone in sorted(place.zones.items(), reverse=True)}
        alive = {device for device, at in life_at.items() if now - at <= ALIVE_MS}
        self._seeing = {zone for (device, _), zone in place.zones.items() if device in alive}
        self._live = dict(state.live)
        for zone in self._seeing:
            self._live[zone] = self._live.get(zone, 0) + 1
        self._garments = dict(state.garments)
        self._sessions = dict(state.sessions)
        self._heard = {
            epc: {zone: total / count for zone, (total, count) in own.items()}
            for epc, own in gathered.items()
        }
        self._told: list[AnyObservation] = []

    def fold(self) -> tuple[TryOnState, list[AnyObservation]]:
        """Return the state after this cycle with what started and ended in it."""
        for epc, heard in self._heard.items():
            self._garments[epc] = self._hear(self._garments.get(epc), heard)
        common = common_mode(self._garments.values(), self._live, self._seeing, self._now)
        for epc, garment in list(self._garments.items()):
            if garment.trial is not None:
                self._garments[epc] = self._follow(epc, garment, garment.trial)
            elif epc in self._heard or garment.since:
                self._garments[epc] = self._judge(epc, garment, common)
        self._end_together()
        self._forget()
        state = self._state
        after = TryOnState(
            self._garments, {}, self._sessions, self._life_at, self._live, self._now, state.cycles + 1
        )
        return after, self._told

    def _hear(self, known: Garment | None, heard: dict[str, float]) -> Garment:
        beams = dict(known.beams) if known is not None else {}
        for zone, rssi in heard.items():
            beams[zone] = heard_now(beams.get(zone), rssi, self._live.get(zone, 0))
        if known is None:
            return Garment(beams, at=self._now)
        return _with(known, beams=beams, at=self._now)

    def _level(self, beam: Beam | None, zone: str) -> float:
        return level_dbm(beam, self._live.get(zone, 0))

    def _judge(self, epc: str, garment: Garment, common: dict[str, float]) -> Garment:
        """A tag that is not being tried on: where does it rest, is it in a room?"""
        levels = {zone: self._level(beam, zone) for zone, beam in garment.beams.items()}
        odds, since = dict(garment.odds), dict(garment.since)
        if self._state.cycles >= ACQUAINTED:
            for room in self._rooms:
                if room not in self._seeing:
                    continue
                gain = GAIN * evidence(
                    garment, room, levels, common, live=self._live[room], margin_db=self._settings.margin_db
                )
                value = max(-MOST_ODDS, min(MOST_ODDS, MEMORY * odds.get(room, 0.0) + gain))
                odds[room] = value
                if value <= 0.0:
                    since.pop(room, None)
                else:
                    since.setdefault(room, self._now - CYCLE_MS)
        likely = max(since, key=lambda room: odds[room], default=None)
        garment = _with(garment, odds=odds, since=since)
        if likely is not None and self._starts(likely, odds, since):
            return self._start(epc, garment, likely)
        return self._rest(garment, levels, common) if likely is None else garment

    def _starts(self, room: str, odds: dict[str, float], since: dict[str, int]) -> bool:
        return odds[room] > self._settings.log_odds and self._now - since[room] >= self._settings.dwell_ms

    def _start(self, epc: str, garment: Garment, room: str) -> Garment:
        at = garment.since[room]
        session = self._session(room, at)
        device = self._device_of[room]
        probability = 1.0 / (1.0 + math.exp(-garment.odds[room]))
        self._told.append(
            TryOnStarted(
                at=at, device=device, session=session, room=room, epc=epc, probability=round(probability, 3)
            )
        )
        trial = Trial(session, room, device, at, self._now, self._live[room])
        return _with(garment, settling=("", 0), odds={}, since={}, trial=trial)

    def _session(self, room: str, at: int) -> str:
        """Return the session of a tag that came into a room, a new one unless others came with it."""
        known = self._sessions.get(room, ())
        together_ms = self._settings.together_ms
        for index, session in enumerate(known):
            if session.first_at - together_ms <= at <= session.last_at + together_ms:
                grown = Session(session.id, min(session.first_at, at), max(session.last_at, at))
                self._sessions[room] = (*known[:index], grown, *known[index + 1 :])
                return session.id
        fresh = Session(f"{room[:48].rstrip('-_')}-{at:x}", at, at)
        self._sessions[room] = (*known, fresh)[-MAX_SESSIONS:]
        return fresh.id

    def _rest(self, garment: Garment, levels: dict[str, float], common: dict[str, float]) -> Garment:
        """Learn how a tag is heard where it rests, and notice when it rests elsewhere."""
        acquainting = self._state.cycles < ACQUAINTED
        places = {zone: level for zone, level in levels.items() if acquainting or zone not in self._rooms}
        best = max(places, key=lambda zone: places[zone], default=None)
        if best is None or best not in self._seeing:
            return garment
        home = garment.home
        in_rooms = max((levels[room] for room in self._rooms if room in levels), default=FLOOR_DBM)
        if home is not None:
            if self._as_usual(garment, levels, common):
                return self._learn(garment, levels, common)
            if levels[best] < max(garment.own_dbm - FAR_DB, FLOOR_DBM if acquainting else in_rooms):
                return _with(garment, settling=("", 0)) if garment.settling[1] else garment
        zone, cycles = garment.settling
        cycles = cycles + 1 if zone == best else 1
        near = home is None or levels[best] > garment.own_dbm - SHELF_DB
        if cycles < (SETTLES if near else SETTLES_SLOWLY):
            return _with(garment, settling=(best, cycles))
        beams = {zone: _with(beam, rest_dbm=levels[zone]) for zone, beam in garment.beams.items()}
        own = levels[best] if home is None else 0.7 * garment.own_dbm + 0.3 * levels[best]
        return _with(garment, beams=beams, home=best, own_dbm=own, settling=("", 0))

    def _as_usual(self, garment: Garment, levels: dict[str, float], common: dict[str, float]) -> bool:
        """Whether every zone that matters hears a resting tag as it used to."""
        for zone in (garment.home, *self._rooms):
            beam = garment.beams.get(zone) if zone is not None else None
            if zone is None or beam is None:
                continue
            rest = FLOOR_DBM if beam.rest_dbm is None else beam.rest_dbm
            off = levels[zone] - rest - common.get(zone, 0.0)
            if off > USUAL_DB or (zone == garment.home and off < -USUAL_DB):
                return False
        return True

    def _learn(self, garment: Garment, levels: dict[str, float], common: dict[str, float]) -> Garment:
        beams = {}
        own = garment.own_dbm
        for zone, beam in garment.beams.items():
            if zone not in self._seeing:
                beams[zone] = beam
                continue
            rest = beam.rest_dbm if beam.rest_dbm is not None else FLOOR_DBM
            step = REST_WEIGHT * (levels[zone] - common.get(zone, 0.0) - rest)
            beams[zone] = _with(beam, rest_dbm=rest + step)
            if zone == garment.home:
                own += step
        return _with(garment, beams=beams, own_dbm=own, settling=("", 0))

    def _follow(self, epc: str, garment: Garment, trial: Trial) -> Garment:
        """A tag that is being tried on: is it still in the room?"""
        room, settings = trial.room, self._settings
        if room not in self._seeing:
            return garment
        levels = {zone: self._level(beam, zone) for zone, beam in garment.beams.items()}
        reference = garment.own_dbm if garment.home is not None else UNKNOWN_NEAR_DBM + NEAR_DB
        own = levels.get(room, FLOOR_DBM)
        heard = self._heard.get(epc, {}).get(room)
        elsewhere = max((level for zone, level in levels.items() if zone != room), default=FLOOR_DBM)
        better_by = (elsewhere - own - settings.margin_db) / 6.0
        is_elsewhere = better_by > 0.0 and elsewhere > reference - LEFT_NEAR_DB
        well = heard is not None and heard > reference - 2 * NEAR_DB and not is_elsewhere
        trial = self._jitter(trial, heard)
        trial = Trial(
            trial.session, room, trial.device, trial.started_at,
            self._now if well else trial.heard_at,
            self._live[room] if well else trial.heard_cycle,
            trial.last_dbm, trial.jittery, trial.windows, trial.worn,
            max(0.0, trial.left + (clip(better_by, 0.0, 1.0) if is_elsewhere else -0.5)),
        )  # fmt: skip
        silent_ms = (self._live[room] - trial.heard_cycle) * CYCLE_MS
        ends = (
            trial.left >= LEFT_CYCLES
            or (silent_ms >= settings.silence_ms and elsewhere > own)
            or silent_ms >= settings.lost_ms
            or self._now - trial.started_at >= settings.longest_ms
        )
        garment = _with(garment, trial=trial)
        return self._end(epc, garment, trial) if ends else garment

    def _jitter(self, trial: Trial, heard: float | None) -> Trial:
        """Note whether the RSSI of a window of five cycles jitters as that of a worn garment does."""
        if heard is None:
            return trial
        last = (*trial.last_dbm, heard)
        if len(last) < JITTER_CYCLES:
            return msgspec.structs.replace(trial, last_dbm=last)
        jittery = (*trial.jittery, pstdev(last) > self._settings.worn_sd_db)[-WORN_WINDOWS:]
        worn = trial.worn or sum(jittery) * 2 > WORN_WINDOWS
        return msgspec.structs.replace(
            trial, last_dbm=(), jittery=jittery, windows=trial.windows + 1, worn=worn
        )

    def _end_together(self) -> None:
        """A session that is silent as a whole has left, whether or not anybody else hears of it."""
        silent: dict[str, list[str]] = {}
        stays: set[str] = set()
        for epc, garment in self._garments.items():
            trial = garment.trial
            if trial is None:
                continue
            silent_ms = (self._live.get(trial.room, 0) - trial.heard_cycle) * CYCLE_MS
            if silent_ms < self._settings.silence_ms:
                stays.add(trial.session)
            else:
                silent.setdefault(trial.session, []).append(epc)
        for session, epcs in silent.items():
            if session not in stays:
                for epc in epcs:
                    garment = self._garments[epc]
                    if garment.trial is not None:
                        self._garments[epc] = self._end(epc, garment, garment.trial)

    def _end(self, epc: str, garment: Garment, trial: Trial) -> Garment:
        self._told.append(
            TryOnEnded(
                at=max(trial.started_at, trial.heard_at),
                device=trial.device,
                session=trial.session,
                room=trial.room,
                epc=epc,
                started_at=trial.started_at,
                worn=trial.worn if trial.windows >= WORN_WINDOWS else None,
            )
        )
        return _with(garment, trial=None)

    def _forget(self) -> None:
        """Forget tags that nobody has heard for a day, and the oldest of too many; never one being tried on."""
        if self._state.cycles % 60 and len(self._garments) <= MAX_TAGS:
            return
        idle = [(garment.at, epc) for epc, garment in self._garments.items() if garment.trial is None]
        excess = len(self._garments) - MAX_TAGS
        for index, (at, epc) in enumerate(sorted(idle)):
            if index < excess or self._now - at > FORGET_MS:
                del self._garments[epc]


_with = msgspec.structs.replace
