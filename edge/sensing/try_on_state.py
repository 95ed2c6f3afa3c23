"""What the try-on stage is told, and what it remembers between two cycles.

Immutable: whoever changes something returns a new state. It is bounded by the tags that were heard within a day.
"""

from typing import Annotated, Final

import msgspec

from contract.ids import Slug
from edge.model import Read, StatusRead, TagRead

CYCLE_MS: Final = 1_000
MOST_ODDS: Final = 10.0
"""Log-odds are believed no further than this."""

FLOOR_DBM: Final = -76.0
"""What a zone is said to hear of a tag that it does not read."""


class TryOnSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of fitting rooms.

    Attributes:
        rooms: zones that are fitting rooms; without one the stage does nothing.
        margin_db: how much better than every other zone a room must hear a tag.
        log_odds: evidence that starts a try-on.
        dwell_ms: how long a tag must be in the room.
        silence_ms: silence in the room, while its reader is alive, that may mean it left.
        lost_ms: … and that means it left whatever else is known.
        longest_ms: what has been in a room this long is not being tried on any more.
        together_ms: arrivals this close together are one session.
        worn_sd_db: an RSSI that jitters more than this within five seconds is that of a worn garment.
    """

    rooms: Annotated[tuple[Slug, ...], msgspec.Meta(max_length=200)] = ()
    margin_db: Annotated[float, msgspec.Meta(ge=0, le=30)] = 3.0
    log_odds: Annotated[float, msgspec.Meta(gt=0, lt=MOST_ODDS)] = 4.0
    dwell_ms: Annotated[int, msgspec.Meta(ge=CYCLE_MS, le=600_000)] = 20_000
    silence_ms: Annotated[int, msgspec.Meta(ge=CYCLE_MS, le=600_000)] = 30_000
    lost_ms: Annotated[int, msgspec.Meta(ge=CYCLE_MS, le=3_600_000)] = 180_000
    longest_ms: Annotated[int, msgspec.Meta(ge=60_000, le=86_400_000)] = 3_600_000
    together_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 10_000
    worn_sd_db: Annotated[float, msgspec.Meta(gt=0, le=30)] = 3.0


class Beam(msgspec.Struct, frozen=True, array_like=True):
    """How one zone hears one tag.

    Attributes:
        level_dbm: smoothed over cycles.
        cycle: the zone's count of live cycles when the tag was last read there.
        rest_dbm: what it is while the tag lies on its shelf; None until known.
        rate: in which share of its latest cycles the zone had read the tag then.
    """

    level_dbm: float
    cycle: int
    rest_dbm: float | None = None
    rate: float = 0.0


class Trial(msgspec.Struct, frozen=True, array_like=True):
    """A try-on that has started and not ended.

    Attributes:
        heard_at, heard_cycle: when the room last heard it well, as time and as live cycle of the room.
        last_dbm: levels of the jitter window that is being filled.
        jittery: the latest windows, whether each jittered.
        windows: how many windows there were; worn: whether for half a minute most of them jittered.
        left: for how many cycles, weighted by how clearly, another zone has heard it as a shelf would.
    """

    session: str
    room: str
    device: str
    started_at: int
    heard_at: int
    heard_cycle: int
    last_dbm: tuple[float, ...] = ()
    jittery: tuple[bool, ...] = ()
    windows: int = 0
    worn: bool = False
    left: float = 0.0


class Garment(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one tag.

    Attributes:
        beams: zone → how it hears the tag.
        home: zone where it rests.
        own_dbm: how its shelf hears it; what rooms and other shelves are compared with.
        settling: (zone, cycles) for which a new resting place has been heard.
        odds: room → log-odds that the tag is in it.
        since: room → when they became positive.
        trial: a try-on that goes on.
        at: last read anywhere.
    """

    beams: dict[str, Beam]
    home: str | None = None
    own_dbm: float = FLOOR_DBM
    settling: tuple[str, int] = ("", 0)
    odds: dict[str, float] = {}
    since: dict[str, int] = {}
    trial: Trial | None = None
    at: int = 0


class Session(msgspec.Struct, frozen=True, array_like=True):
    """Tags that came into a room together."""

    id: str
    first_at: int
    last_at: int


class TryOnState(msgspec.Struct, frozen=True):
    """State of the stage.

    Attributes:
        garments: EPC → what is known.
        gathered: reads of the cycle that is being gathered: EPC → zone → (sum of the loudest RSSI, reads).
        sessions: room → its latest sessions.
        life_at: device → last sign of life.
        live: zone → cycles in which its reader was alive.
        cycle_at: when the present cycle began, 0 before the first.
        cycles: how many there were.
    """

    garments: dict[str, Garment] = {}
    gathered: dict[str, dict[str, tuple[float, int]]] = {}
    sessions: dict[str, tuple[Session, ...]] = {}
    life_at: dict[str, int] = {}
    live: dict[str, int] = {}
    cycle_at: int = 0
    cycles: int = 0


def reads_outside(reads: list[Read], state: TryOnState) -> list[Read]:
    """Return the reads for whoever senses shelves.

    What is being tried on is on no shelf, whatever its shelf hears of it through the wall; such a read stays a
    sign of life of its reader.
    """
    inside = {epc for epc, garment in state.garments.items() if garment.trial is not None}
    if not inside:
        return reads
    return [
        StatusRead(device=read.device, at=read.at, what="alive")
        if isinstance(read, TagRead) and read.epc in inside
        else read
        for read in reads
    ]


def restart_try_ons(state: TryOnState) -> TryOnState:
    """The agent has started again, or the clock was set back: no half cycle goes on; what was begun stays begun."""
    garments = {
        epc: msgspec.structs.replace(garment, odds={}, since={}) if garment.since else garment
        for epc, garment in state.garments.items()
    }
    return msgspec.structs.replace(state, garments=garments, gathered={}, life_at={}, cycle_at=0)
