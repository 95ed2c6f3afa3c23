"""Gates whose traffic is known: a dock door and a store exit, each with two antennas along the way.

The way runs along x, from outside (negative) to inside; the gate's line is x = 0. The outer antenna stands
before the line, the inner one behind it, both at the same side, looking across the way. What goes through
and what only lies near is made by :mod:`.portal_traffic`, what the reader reports of it by
:mod:`.portal_radio`; both follow from the seed alone.

``dock-stray`` is the hard case: carriers with cartons between parked goods, so that a busy reader gives a
tag some ten reads on its way; half of all tags that come up are strays, many of them nudged, and a third
of the tags that pass are behind a body. ``store-exit`` is single items at walking pace with some fifty
reads each.

Radio figures are those of the project's noise model: level over distance and its residual as measured with
four antennas in a room, energising, spread of reads, duplicates, ghosts. What is of this gate alone
(spacing, pattern, traffic) is reasoned.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from contract.errors import ConfigError
from firmware_sim.world.noise import RadioNoise

OUTER: Final = 1
INNER: Final = 2
START: Final = 1_780_000_000_000


class Span(NamedTuple):
    """A range from which something is drawn evenly."""

    low: float
    high: float


class GateTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes how often, and what lies near.

    Attributes:
        every_s: time from one carrier to the next.
        tags: tags of a carrier, fewest and most.
        carrier_m: half the length of a carrier.
        in_share: carriers that go in; the others go out.
        turn_share: carriers that turn back before they are through …
        turn_m: … with their front so far from the line.
        pace_m_s, pace_spread: walking pace and its standard deviation.
        blocked_share: tags behind a body or a metal part …
        blocked_db: … which costs this much, most of it on one side of the body.
        parked: tags that lie near the gate all the time.
        strays_per_carrier: tags that come up for ``stray_s`` while they lie there or are carried by.
        stray_group: how many of them come up together.
        nudged_share, nudge_m: strays that somebody moves meanwhile, and how far.
        past_share: strays that are carried past the gate and not through it.
        stray_m: distance of a stray from the line; its side is drawn.
    """

    every_s: Span
    tags: tuple[int, int]
    carrier_m: float
    in_share: float
    turn_share: float = 0.16
    turn_m: Span = Span(0.3, 1.5)
    pace_m_s: float
    pace_spread: float = 0.25
    blocked_share: float = 0.35
    blocked_db: Span = Span(6.0, 18.0)
    parked: int
    strays_per_carrier: float
    stray_group: tuple[int, int] = (1, 4)
    stray_s: Span = Span(1.0, 10.0)
    nudged_share: float
    nudge_m: Span = Span(0.3, 1.5)
    past_share: float = 0.15
    stray_m: Span = Span(0.6, 3.0)


class GateRadio(msgspec.Struct, frozen=True, kw_only=True):
    """How a gate's reader sees tags; what is not here is in :class:`RadioNoise`.

    Attributes:
        noise: reader capacity, energising, spreads, duplicates, ghosts.
        at_1m_dbm, slope_db_per_decade: level over distance.
        spacing_m: between the antennas, along the way.
        aside_m: from the middle of the way to the antennas.
        beam_deg: angle at which the pattern is 3 dB down; it falls with the square …
        floor_db: … to no more than this.
        way_fading_db, way_fading_m: multipath along the way, and over which distance it changes.
        carrier_shade_db: what a carrier costs a tag that lies behind it.
        report_ms: from the end of an antenna's turn to the report.
    """

    noise: RadioNoise
    at_1m_dbm: float = -52.7
    slope_db_per_decade: float = 21.5
    spacing_m: float = 0.8
    aside_m: float = 1.2
    beam_deg: float = 32.5
    floor_db: float = 15.0
    way_fading_db: float = 2.0
    way_fading_m: float = 0.15
    carrier_shade_db: Span = Span(3.0, 12.0)
    report_ms: tuple[int, int] = (50, 150)


class GateScene(msgspec.Struct, frozen=True, kw_only=True):
    """A gate: its traffic and its radio."""

    name: str
    traffic: GateTraffic
    radio: GateRadio


class Through(msgspec.Struct, frozen=True):
    """Truth: a tag was carried over the line ``at`` this time, or turned back nearest to it."""

    at: int
    epc: str
    direction: Literal["in", "out", "turned"]


class Strayed(msgspec.Struct, frozen=True):
    """Truth: a tag near the gate could be heard and did not go through."""

    start: int
    end: int
    epc: str


class GateTruth(msgspec.Struct, frozen=True):
    """What happened, in order of time."""

    through: tuple[Through, ...]
    strayed: tuple[Strayed, ...]


class GateRead(NamedTuple):
    """One report of the gate's reader.

    Attributes:
        reported: when the host gets it, in ms.
        at: when the tag was read, by the reader's clock.
    """

    reported: int
    at: int
    epc: str
    antenna: int
    rssi_dbm: float
    phase_deg: float
    frequency_khz: int


_NOISE: Final = RadioNoise(shadow_db=2.0)

SCENES: Final[dict[str, GateScene]] = {
    "dock-stray": GateScene(
        name="dock-stray",
        traffic=GateTraffic(
            every_s=Span(12.0, 30.0),
            tags=(4, 12),
            carrier_m=0.6,
            in_share=0.6,
            pace_m_s=1.1,
            parked=55,
            strays_per_carrier=9.5,
            nudged_share=0.5,
        ),
        radio=GateRadio(noise=_NOISE, spacing_m=0.5, way_fading_db=3.0),
    ),
    "store-exit": GateScene(
        name="store-exit",
        traffic=GateTraffic(
            every_s=Span(6.0, 14.0),
            tags=(1, 1),
            carrier_m=0.1,
            in_share=0.3,
            pace_m_s=1.3,
            parked=6,
            strays_per_carrier=1.0,
            stray_group=(1, 2),
            nudged_share=0.0,
            stray_m=Span(0.9, 3.0),
        ),
        radio=GateRadio(noise=msgspec.structs.replace(_NOISE, reads_per_s=200.0)),
    ),
}


def gate_scene(name: str, overrides: dict[str, float] | None = None) -> GateScene:
    """Return a scene.

    Args:
        name: one of SCENES.
        overrides: ``reads_per_s``, ``spacing_m``, ``parked``, ``turn_share``, ``blocked_share``,
            ``strays_per_carrier``.

    Raises:
        ConfigError: there is no such scene or parameter.
    """
    if name not in SCENES:
        raise ConfigError(f"there is no gate scene {name!r}; known are {', '.join(SCENES)}")
    scene = SCENES[name]
    traffic, radio = scene.traffic, scene.radio
    for key, number in (overrides or {}).items():
        if key == "reads_per_s":
            noise = msgspec.structs.replace(radio.noise, reads_per_s=number)
            radio = msgspec.structs.replace(radio, noise=noise)
        elif key == "spacing_m":
            radio = msgspec.structs.replace(radio, spacing_m=number)
        elif key == "parked":
            traffic = msgspec.structs.replace(traffic, parked=int(number))
        elif key in ("turn_share", "blocked_share", "strays_per_carrier"):
            traffic = msgspec.structs.replace(traffic, **{key: number})
        else:
            raise ConfigError(
                f"gate scene {name!r} has no parameter {key!r}; expected reads_per_s, spacing_m, parked, turn_share, blocked_share or strays_per_carrier"
            )
    return msgspec.structs.replace(scene, traffic=traffic, radio=radio)
