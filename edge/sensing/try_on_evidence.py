"""What speaks for a tag being in a fitting room, and what its neighbours say about that.

Nothing here decides. A **level** is how well a zone hears a tag, smoothed over cycles; one that is not read any
more sinks. The **common mode** of a zone is how much weaker or stronger it hears the tags that rest, read or
not: a body before a shelf, a shopper in a cabin, a busy reader. Every level is compared after it was taken off,
so a body that hides a garment in a cabin hides the wall behind it as well and proves nothing.

The figures were chosen on simulated shops with seeds 1 to 10 and nothing else.
"""

from collections.abc import Collection, Iterable, Mapping
from statistics import median
from typing import Final

from edge.sensing.try_on_state import FLOOR_DBM, Beam, Garment

LEVEL_WEIGHT: Final = 0.3
FADES_AFTER: Final = 3
FADE_DB: Final = 3.0
"""A level that is not read any more is believed for so many cycles and then sinks by this much in each."""

COMMON_DB: Final = (-15.0, 6.0)
COMMON_TAGS: Final = 4
AUDIBLE_DBM: Final = -70.0
RESTED_MS: Final = 20_000
"""Tags that should be read at this level and were read somewhere within this time have a say in the common mode."""

NEAR_DB: Final = 10.0
"""A tag that a zone hears this much less than its shelf did is not in that zone."""

UNKNOWN_NEAR_DBM: Final = -66.0
"""The same for a tag that no shelf is known to have heard."""

GONE_DB: Final = 4.0
RISEN_DB: Final = 5.0
"""Its shelf must hear it less, and the room more than through the wall, by more than this."""

RATE_WEIGHT: Final = 0.1
STEADY: Final = 0.6
STEADY_STEP: Final = 0.15
"""In a room a tag is read in nine cycles of ten, in hands before the curtain in three; the RSSI of those few that
come through looks as good."""

CAP: Final = 2.0
"""No single piece of evidence may fail by more than the others can make good: total <= 2 x it + this."""

Levels = Mapping[str, float]


def level_dbm(beam: Beam | None, live: int) -> float:
    """Return how well a zone hears a tag when it has lived for ``live`` cycles."""
    if beam is None:
        return FLOOR_DBM
    return max(FLOOR_DBM, beam.level_dbm - FADE_DB * max(0, live - beam.cycle - FADES_AFTER))


def read_rate(beam: Beam | None, live: int) -> float:
    """Return in which share of its latest cycles a zone has read a tag when it has lived for ``live`` of them."""
    return 0.0 if beam is None else float(beam.rate * (1.0 - RATE_WEIGHT) ** max(0, live - beam.cycle))


def heard_now(beam: Beam | None, rssi_dbm: float, live: int) -> Beam:
    """Return how a zone hears a tag after a cycle in which it was read."""
    if beam is None:
        return Beam(rssi_dbm, live, rate=RATE_WEIGHT)
    level = level_dbm(beam, live)
    new = rssi_dbm if level <= FLOOR_DBM else level + LEVEL_WEIGHT * (rssi_dbm - level)
    return Beam(new, live, beam.rest_dbm, read_rate(beam, live) + RATE_WEIGHT)


def common_mode(
    garments: Iterable[Garment], live: Mapping[str, int], seeing: Collection[str], now: int
) -> dict[str, float]:
    """Return zone → by how much it hears its resting tags better (+) or worse (-) than it used to, in dB.

    Tags that are not read now have a say as well; those that are, alone, are those that were lucky.
    """
    residuals: dict[str, list[float]] = {}
    for garment in garments:
        if garment.trial is not None or garment.home is None or garment.since:
            continue
        if now - garment.at > RESTED_MS:
            continue
        for zone, beam in garment.beams.items():
            if beam.rest_dbm is not None and beam.rest_dbm > AUDIBLE_DBM and zone in seeing:
                residuals.setdefault(zone, []).append(level_dbm(beam, live[zone]) - beam.rest_dbm)
    low, high = COMMON_DB
    return {
        zone: min(high, max(low, median(own))) for zone, own in residuals.items() if len(own) >= COMMON_TAGS
    }


def evidence(
    garment: Garment, room: str, levels: Levels, common: Levels, *, live: int, margin_db: float
) -> float:
    """Return what one cycle says for (+) or against (-) a tag being in a room, in log-odds per GAIN.

    Args:
        garment: the tag.
        room: which room.
        levels: zone → level of the tag.
        common: zone → common mode.
        live: the room's count of live cycles.
        margin_db: how much better than every other zone the room must hear it.
    """
    own = _unhidden(levels.get(room, FLOOR_DBM), common.get(room, 0.0))
    others = max(
        (_unhidden(level, common.get(zone, 0.0)) for zone, level in levels.items() if zone != room),
        default=FLOOR_DBM,
    )
    steady = clip((read_rate(garment.beams.get(room), live) - STEADY) / STEADY_STEP, -1.5, 1.0)
    better = clip((own - others - margin_db) / 3.0, -1.5, 1.0)
    shelf = garment.beams.get(garment.home) if garment.home is not None else None
    if shelf is None or shelf.rest_dbm is None or garment.home is None:
        near = clip((own - UNKNOWN_NEAR_DBM) / 4.0, -1.5, 1.0)
        return min(better + near, 2.0 * better, 2.0 * near, 2.0 * steady + CAP)
    near = clip((own - garment.own_dbm + NEAR_DB) / 4.0, -1.5, 1.0)
    weaker = shelf.rest_dbm + common.get(garment.home, 0.0) - levels[garment.home]
    through_wall = garment.beams[room].rest_dbm if room in garment.beams else None
    used_to = FLOOR_DBM if through_wall is None else through_wall + max(0.0, common.get(room, 0.0))
    gone = clip((weaker - GONE_DB) / 3.0, -1.5, 1.0)
    risen = clip((own - used_to - RISEN_DB) / 3.0, -1.5, 1.0)
    return min(
        better + near + gone + risen, *(2.0 * one + CAP for one in (better, near, gone, risen, steady))
    )


def _unhidden(level: float, common_db: float) -> float:
    """Return a level as it would be without the body before the antenna; silence stays silence."""
    return level - min(0.0, common_db) if level > FLOOR_DBM else level


def clip(value: float, low: float, high: float) -> float:
    """Return the value within bounds."""
    return min(high, max(low, value))
