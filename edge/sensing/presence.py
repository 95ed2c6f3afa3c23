"""Which zone a tag is in: arrived, moved, picked up, put back.

Strategy. Per tag and zone a smoothed RSSI is kept. A tag arrives after two reads within five seconds,
in the zone that hears it best, once it has been heard for a moment (one read alone may be a ghost). It moves
when another zone has been louder by ``move_db`` for ``move_hold_ms``. It is picked up when it was silent
for ``depart_ms`` of time *in which its reader was alive*, longer for tags that are rarely read. A reader
that says nothing at all is blind, and a blind reader makes nothing depart.

The margins are those of common RSSI hysteresis practice (6 dB, see docs/sensing.md); EMA weight 0.3
is about the last five reads.
"""

from typing import Final

import msgspec

from contract.messages import AnyObservation, TagArrived, TagMoved, TagPickedUp, TagPutBack
from edge.model import NOT_SENSING, InputRead, Place, Read, RejectRead, StatusRead, TagRead

EMA_WEIGHT: Final = 0.3
ASSUMED_RSSI_DBM: Final = -60.0
ALIVE_MS: Final = 3_000


class PresenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of the presence stage.

    Attributes:
        arrive_reads: reads within 5 s that make a new tag believable.
        arrive_hold_ms: how long a new tag is heard before its zone is decided.
        depart_ms: silence, while the reader is alive, that means the tag left its zone.
        depart_gaps: … or this many of the tag's own usual gaps between reads, if that is longer.
        depart_max_ms: the longest silence that ``depart_gaps`` may ask for.
        move_db: how much louder another zone must be.
        move_hold_ms: for how long.
        forget_ms: a tag picked up this long ago arrives anew instead of being put back.
    """

    arrive_reads: int = 2
    arrive_hold_ms: int = 1_500
    depart_ms: int = 6_000
    depart_gaps: float = 8.0
    depart_max_ms: int = 30_000
    move_db: float = 6.0
    move_hold_ms: int = 3_000
    forget_ms: int = 24 * 3_600_000


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """How one zone hears one tag.

    Attributes:
        rssi_dbm: smoothed.
        at: last read.
        reads: reads since the tag was last decided upon.
        antenna: of the last read.
        device: of the last read.
    """

    rssi_dbm: float
    at: int
    reads: int
    antenna: int
    device: str


class TagState(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one tag.

    Attributes:
        zone: where it is; None while it is in nobody's zone.
        picked_from: zone it was picked up from, None if it never was.
        picked_at: last read before the pick-up.
        first_at: first read of the present, undecided hearing.
        heard: per zone.
        seen_clock: live time of the zone's device when the tag was last read in its zone.
        gap_ms: smoothed gap between reads in its zone, in live time.
        louder_since: since when another zone is louder, 0 for not.
        told_at: event time of the last observation about it; the next one is never dated before it,
            because the hub orders what it hears of an item by event time.
    """

    zone: str | None = None
    picked_from: str | None = None
    picked_at: int = 0
    first_at: int = 0
    heard: dict[str, Heard] = {}
    seen_clock: int = 0
    gap_ms: float = 0.0
    louder_since: int = 0
    told_at: int = 0


class PresenceState(msgspec.Struct, frozen=True):
    """State of the stage.

    Attributes:
        tags: EPC → what is known.
        live_ms: device → total time it has been alive.
        life_at: device → last sign of life.
        now: time of the last call.
    """

    tags: dict[str, TagState] = {}
    live_ms: dict[str, int] = {}
    life_at: dict[str, int] = {}
    now: int = 0


def sense_presence(
    state: PresenceState, reads: list[Read], now: int, *, place: Place, settings: PresenceSettings
) -> tuple[PresenceState, list[AnyObservation]]:
    """Fold reads up to ``now`` into the state; return it with what happened.

    Args:
        state: from the previous call, or ``PresenceState()``.
        reads: what came since, in order of arrival.
        now: ms; must not go back.
        place: antennas to zones.
        settings: thresholds.
    """
    live_ms, life_at = _live_clocks(state, reads, now)
    tags = dict(state.tags)
    for read in reads:
        if isinstance(read, TagRead):
            zone = place.zones.get((read.device, read.antenna))
            if zone is not None:
                tags[read.epc] = _hear(
                    tags.get(read.epc, TagState()), read, zone, live_ms.get(read.device, 0)
                )
    observations: list[AnyObservation] = []
    for epc, tag in list(tags.items()):
        if _rests(tag, live_ms, settings):
            continue
        decided, observation = (
            _decide_absent(epc, tag, now, settings)
            if tag.zone is None
            else _decide_present(epc, tag, tag.zone, now, live_ms, settings)
        )
        if observation is not None:
            observations.append(observation)
        if decided is None:
            del tags[epc]
        elif decided is not tag:
            tags[epc] = decided
    return PresenceState(tags, live_ms, life_at, now), observations


def _rests(tag: TagState, live_ms: dict[str, int], settings: PresenceSettings) -> bool:
    """True for a tag on its shelf that nobody else hears and that cannot be overdue: most of a shop."""
    if tag.zone is None or len(tag.heard) > 1 or tag.louder_since or tag.seen_clock < 0:
        return False
    silent_ms = live_ms.get(tag.heard[tag.zone].device, 0) - tag.seen_clock
    return silent_ms <= min(settings.depart_ms, settings.depart_max_ms)


def _live_clocks(state: PresenceState, reads: list[Read], now: int) -> tuple[dict[str, int], dict[str, int]]:
    """Advance each device's live time by the part of the step in which it was alive."""
    life_at = dict(state.life_at)
    live_ms = dict(state.live_ms)
    for read in reads:
        if isinstance(read, RejectRead | InputRead) or (
            isinstance(read, StatusRead) and read.what in NOT_SENSING
        ):
            continue
        previous = life_at.get(read.device)
        at = min(read.at, now)
        if previous is None:
            live_ms.setdefault(read.device, 0)
        elif at > previous:
            live_ms[read.device] += min(at - previous, ALIVE_MS)
        life_at[read.device] = max(at, previous or 0)
    return live_ms, life_at


def _hear(tag: TagState, read: TagRead, zone: str, clock: int) -> TagState:
    rssi = ASSUMED_RSSI_DBM if read.rssi_dbm is None else read.rssi_dbm
    known = tag.heard.get(zone)
    fresh = known is None or read.at - known.at > 10_000
    heard = Heard(
        rssi if fresh or known is None else known.rssi_dbm + EMA_WEIGHT * (rssi - known.rssi_dbm),
        read.at,
        1 if fresh or known is None else known.reads + 1,
        read.antenna,
        read.device,
    )
    changes: dict[str, object] = {"heard": {**tag.heard, zone: heard}}
    if tag.zone is None and (not tag.first_at or read.at - max(h.at for h in tag.heard.values()) > 5_000):
        changes["first_at"] = read.at
        changes["heard"] = {zone: msgspec.structs.replace(heard, reads=1, rssi_dbm=rssi)}
    if tag.zone == zone:
        gap = max(0, clock - tag.seen_clock)
        changes["gap_ms"] = tag.gap_ms + 0.1 * (gap - tag.gap_ms) if gap else tag.gap_ms
        changes["seen_clock"] = clock
    return msgspec.structs.replace(tag, **changes)


def _decide_absent(
    epc: str, tag: TagState, now: int, settings: PresenceSettings
) -> tuple[TagState | None, AnyObservation | None]:
    """A tag in no zone: does it arrive, is it put back, is it forgotten?"""
    last = max((heard.at for heard in tag.heard.values()), default=0)
    if now - last > 5_000 or not tag.first_at:
        stale = now - max(tag.picked_at, last) > settings.forget_ms
        if tag.picked_from is None and tag.first_at:
            return None, None  # a single stray read: nothing to remember
        return (None if stale else tag), None
    total = sum(heard.reads for heard in tag.heard.values())
    if total < settings.arrive_reads or now - tag.first_at < settings.arrive_hold_ms:
        return tag, None
    zone, heard = max(tag.heard.items(), key=lambda item: (item[1].rssi_dbm, item[1].reads))
    at = max(tag.first_at, tag.told_at)
    decided = TagState(zone=zone, heard={zone: heard}, seen_clock=-1, told_at=at)
    common = {"at": at, "device": heard.device, "epc": epc, "zone": zone}
    antenna, rssi = heard.antenna, round(heard.rssi_dbm, 1)
    if tag.picked_from is None or tag.first_at - tag.picked_at > settings.forget_ms:
        return decided, TagArrived(**common, antenna=antenna, rssi_dbm=rssi)  # type: ignore[arg-type]
    return decided, TagPutBack(
        **common,  # type: ignore[arg-type]
        from_zone=tag.picked_from,
        picked_at=min(tag.picked_at, tag.first_at),
        antenna=antenna,
        rssi_dbm=rssi,
    )


def _decide_present(
    epc: str, tag: TagState, zone: str, now: int, live_ms: dict[str, int], settings: PresenceSettings
) -> tuple[TagState, AnyObservation | None]:
    """A tag in a zone: has it left, is it louder elsewhere?"""
    own = tag.heard[zone]
    clock = live_ms.get(own.device, 0)
    if tag.seen_clock < 0:
        tag = msgspec.structs.replace(tag, seen_clock=clock)
    silent_ms = clock - tag.seen_clock
    patience = min(
        max(float(settings.depart_ms), settings.depart_gaps * tag.gap_ms), float(settings.depart_max_ms)
    )
    others = {
        name: heard
        for name, heard in tag.heard.items()
        if name != zone and now - heard.at <= settings.depart_ms
    }
    best = max(others.items(), key=lambda item: item[1].rssi_dbm, default=None)
    if best is not None:
        louder = best[1].rssi_dbm > own.rssi_dbm + settings.move_db or (
            silent_ms > patience and best[1].rssi_dbm > own.rssi_dbm - settings.move_db
        )
        if not louder:
            tag = tag if not tag.louder_since else msgspec.structs.replace(tag, louder_since=0)
        elif not tag.louder_since:
            tag = msgspec.structs.replace(tag, louder_since=now)
        elif now - tag.louder_since >= settings.move_hold_ms and best[1].reads >= 3:
            at = max(tag.louder_since, tag.told_at)
            moved = TagState(zone=best[0], heard={best[0]: best[1]}, seen_clock=-1, told_at=at)
            return moved, TagMoved(
                at=at,
                device=best[1].device,
                epc=epc,
                zone=best[0],
                from_zone=zone,
                antenna=best[1].antenna,
                rssi_dbm=round(best[1].rssi_dbm, 1),
            )
        if louder:
            return tag, None
        if now - best[1].at <= ALIVE_MS:
            # Heard next door, but faintly: a body in front of the shelf rather than an empty place.
            patience = float(settings.depart_max_ms)
    elif tag.louder_since:
        tag = msgspec.structs.replace(tag, louder_since=0)
    if silent_ms <= patience:
        return tag, None
    at = max(own.at, tag.told_at)
    gone = TagState(picked_from=zone, picked_at=at, told_at=at)
    return gone, TagPickedUp(at=at, device=own.device, epc=epc, zone=zone)


def restart_presence(state: PresenceState) -> PresenceState:
    """The agent has started again, or the clock was set back: no span that was being measured goes on.

    Time the agent was down is no silence of the tags, and half an arrival is none.
    """
    tags = {}
    for epc, tag in state.tags.items():
        if tag.zone is not None:
            tags[epc] = msgspec.structs.replace(tag, louder_since=0)
        elif tag.picked_from is not None:
            tags[epc] = msgspec.structs.replace(tag, heard={}, first_at=0)
    return PresenceState(tags, state.live_ms, {}, state.now)


def anchor_presence(state: PresenceState, zones: dict[str, str], taken_at: int) -> PresenceState:
    """A stock-take found tags in zones of this agent: take that as where they are.

    What was told of a tag since ``taken_at`` stands. An anchored tag departs like any other once a reader of its
    zone has heard it, and is not told of anew, because the hub knows.
    """
    tags = dict(state.tags)
    for epc, zone in zones.items():
        known = tags.get(epc, TagState())
        if known.told_at > taken_at or known.zone == zone:
            continue
        heard = known.heard.get(zone, Heard(ASSUMED_RSSI_DBM, taken_at, 1, 0, ""))
        tags[epc] = TagState(zone=zone, heard={zone: heard}, seen_clock=-1, told_at=taken_at)
    return msgspec.structs.replace(state, tags=tags)
