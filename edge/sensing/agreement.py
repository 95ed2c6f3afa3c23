"""RFID and weight on one shelf: what one lets the other expect, and where they do not agree.

**Before presence** (:func:`expect`). A plate whose units carry tags (``tagged``) and that became lighter names what
left: presence looks for exactly that many of those tags (:mod:`edge.sensing.claims`). While such plates are
seen and have not become lighter, a pick-up is less likely. Any other weight drop, an unsettled plate, or a person
in front makes one likelier for ``hint_ms``.

**After presence** (:func:`sense_agreement`). Changes of both sources in one zone that lie close together in event
time are one **run**. When a run is over and presence has had ``patience_ms`` to tell what it knows, the units
that left and came are compared: equal sums agree, anything else is a disagreement with its reason. Runs are
cut by event times alone, so it does not matter which source spoke first.

A run is judged only if every reader and every tagged plate of the zone was seen from well before its beginning
to its end: blindness of either side is no disagreement. State is bounded by ``MAX_WAITING`` changes.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal

import msgspec

from contract.messages import (
    AnyObservation,
    Disagreement,
    PeopleCounted,
    TagArrived,
    TagMoved,
    TagPickedUp,
    TagPutBack,
    WeightChanged,
)
from edge.model import (
    NOT_SENSING,
    Hints,
    InputRead,
    Near,
    Place,
    Read,
    RejectRead,
    Removal,
    StatusRead,
)

MAX_WAITING: Final = 1_000
MAX_NEAR: Final = 64
MAX_RUN_MS: Final = 600_000
MAX_NAMED: Final = 16
REACH_MS: Final = 1_500
"""A hand had not yet moved the plate this long before it settled."""
QUIET_MS: Final = 3_000
"""A plate vouches for its zone for this long after a reading."""
DEFAULT_SILENT_MS: Final = 10_000

Millis = Annotated[int, msgspec.Meta(ge=0)]


class AgreementSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the agreement stage.

    Attributes:
        hint_ms: how long a weight drop without a name, or a person in front, makes a pick-up likelier.
        window_ms: changes no farther apart than this are compared together.
        patience_ms: how long after it presence may still tell of a change.
        acquaint_ms: how long a device must have been seen before its word is compared.
        least_g: a sum of unexplained steps below this is none.
    """

    hint_ms: Millis = 10_000
    window_ms: Millis = 10_000
    patience_ms: Millis = 45_000
    acquaint_ms: Millis = 60_000
    least_g: Annotated[float, msgspec.Meta(ge=0)] = 5.0


class Change(msgspec.Struct, frozen=True, array_like=True, order=True):
    """What one source says that came to a zone (+) or left it (-).

    Attributes:
        units: signed; 0 for a weight that fits no goods.
        grams: signed, of a weight that fits no goods.
        name: EPC or SKU.
    """

    zone: str
    at: int
    source: Literal["rfid", "weight"]
    device: str
    units: int
    grams: float
    name: str


class AgreementState(msgspec.Struct, frozen=True):
    """State of the stage.

    Attributes:
        waiting: changes that are not compared yet.
        near: hints that still hold.
        seen: device → since when it has been seen without a break, and when last, in ms.
        doubted: zone → until when its plates vouch for nothing.
    """

    waiting: tuple[Change, ...] = ()
    near: tuple[Near, ...] = ()
    seen: dict[str, tuple[int, int]] = {}
    doubted: dict[str, int] = {}


def restart_agreement(state: AgreementState) -> AgreementState:
    """The agent has started again: nobody was seen meanwhile, so nothing that lies across it is compared."""
    return msgspec.structs.replace(state, seen={}, near=())


def expect(
    state: AgreementState,
    reads: Sequence[Read],
    steps: Sequence[AnyObservation],
    people: Sequence[AnyObservation],
    active: Iterable[str],
    now: int,
    *,
    place: Place,
    settings: AgreementSettings,
) -> tuple[AgreementState, Hints]:
    """Return what presence should expect.

    Args:
        state: from the previous call, or ``AgreementState()``.
        reads: what came since.
        steps: what the weight stage told of it.
        people: what the footfall stage told of it.
        active: scales whose plate is not quiet.
        now: ms.
        place: which tray is tagged, which sensor sees people in front of which zone.
        settings: spans.
    """
    seen = _seen(state.seen, reads, place)
    doubted = {zone: until for zone, until in state.doubted.items() if until > now}
    fused = fused_zones(place)
    heard = set(place.zones.values())
    near = [hint for hint in state.near if hint.until + QUIET_MS > now]
    for zone, at in _in_front(reads, people, place):
        near.append(Near(zone, at, at + settings.hint_ms))
    for device in active:
        tray = place.trays.get(device)
        if tray is not None and tray.zone in heard and tray.zone not in fused:
            near.append(Near(tray.zone, now, now + QUIET_MS))
    removals: list[Removal] = []
    for step in steps:
        if not isinstance(step, WeightChanged) or step.delta_g >= 0 or step.zone not in heard:
            continue
        found = removals_of(step, place) if step.zone in fused else []
        removals += found
        if not found:
            near.append(Near(step.zone, step.at, step.at + settings.hint_ms))
            doubted[step.zone] = step.at + settings.hint_ms
    vouched = [
        Near(zone, max(since, doubted.get(zone, 0)), until)
        for zone in sorted(fused)
        if (span := _vouched(zone, seen, place, settings)) is not None
        for since, until in [span]
    ]
    near = near[-MAX_NEAR:]
    state = AgreementState(state.waiting, tuple(near), seen, doubted)
    return state, Hints(tuple(near), tuple(vouched), tuple(removals))


def fused_zones(place: Place) -> frozenset[str]:
    """Return the zones that a reader hears and in which a plate carries tagged units."""
    weighed = {tray.zone for tray in place.trays.values() if tray.tagged}
    return frozenset(weighed & set(place.zones.values()))


def removals_of(step: WeightChanged, place: Place) -> list[Removal]:
    """Return what a tagged plate says has left; nothing when it cannot say."""
    tray = place.trays.get(step.device)
    if tray is None or not tray.tagged:
        return []
    gtins = {item.sku: item.gtin for other in place.trays.values() for item in other.items}
    since, at, zone = step.at - REACH_MS, step.at, step.zone
    if step.delta_units is not None and step.delta_units < 0:
        units = -step.delta_units
        return [Removal(zone, since, at, units, ((tray.gtin, float(units)),))]
    if step.items:
        return [
            Removal(zone, since, at, -item.units, ((gtins.get(item.sku), float(-item.units)),))
            for item in step.items
            if item.units < 0
        ]
    goods: dict[str | None, float] = {}
    for candidate in step.candidates:
        for item in candidate.items:
            gtin = gtins.get(item.sku)
            goods[gtin] = goods.get(gtin, 0.0) + candidate.probability * max(0, -item.units)
    total = sum(goods.values())
    if total <= 0:
        return []
    units = max(1, round(total))
    share = {gtin: units * expected / total for gtin, expected in goods.items() if expected > 0}
    return [Removal(zone, since, at, units, tuple(sorted(share.items(), key=lambda pair: pair[0] or "")))]


def sense_agreement(
    state: AgreementState,
    tags: Sequence[AnyObservation],
    steps: Sequence[AnyObservation],
    now: int,
    *,
    place: Place,
    settings: AgreementSettings,
) -> tuple[AgreementState, list[AnyObservation]]:
    """Compare what both told; return the state with the disagreements that have become certain.

    Args:
        state: as :func:`expect` returned it.
        tags: what presence told.
        steps: what the weight stage told.
        now: ms.
        place: likewise.
        settings: spans.
    """
    fused = fused_zones(place)
    fresh = [change for told in (*tags, *steps) for change in _changes(told, place) if change.zone in fused]
    over_ms = settings.window_ms + settings.patience_ms
    waiting = sorted([*state.waiting, *(change for change in fresh if change.at + over_ms > now)])
    still: list[Change] = []
    told: list[AnyObservation] = []
    for run in _runs(waiting, settings.window_ms):
        if run[-1].at + over_ms > now:
            still += run
        elif _was_seen(run, state.seen, place, settings):
            told += _judge(run, settings)
    return msgspec.structs.replace(state, waiting=tuple(still[-MAX_WAITING:])), told


def _seen(
    known: dict[str, tuple[int, int]], reads: Sequence[Read], place: Place
) -> dict[str, tuple[int, int]]:
    seen = {device: span for device, span in known.items() if device in place.silent_after_ms}
    for read in reads:
        if isinstance(read, RejectRead | InputRead) or (
            isinstance(read, StatusRead) and read.what in NOT_SENSING
        ):
            continue
        silent_ms = place.silent_after_ms.get(read.device, DEFAULT_SILENT_MS)
        since, last = seen.get(read.device, (read.at, read.at))
        seen[read.device] = (read.at if read.at - last > silent_ms else since, max(last, read.at))
    return seen


def _in_front(
    reads: Sequence[Read], people: Sequence[AnyObservation], place: Place
) -> Iterable[tuple[str, int]]:
    """Yield (zone, ms) of people who were seen in front of zones."""
    for read in reads:
        if isinstance(read, InputRead) and read.high and (read.device, read.port) in place.fronts:
            yield place.fronts[read.device, read.port], read.at
    for counted in people:
        if isinstance(counted, PeopleCounted) and (counted.device, 0) in place.fronts:
            yield place.fronts[counted.device, 0], counted.at


def _plates(zone: str, place: Place) -> list[str]:
    return [device for device, tray in place.trays.items() if tray.tagged and tray.zone == zone]


def _vouched(
    zone: str, seen: dict[str, tuple[int, int]], place: Place, settings: AgreementSettings
) -> tuple[int, int] | None:
    spans = [seen.get(device) for device in _plates(zone, place)]
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return None
    return (
        max(since for since, _ in known) + settings.acquaint_ms,
        min(last for _, last in known) + QUIET_MS,
    )


def _changes(told: AnyObservation, place: Place) -> list[Change]:
    match told:
        case TagArrived() | TagPutBack():
            return [Change(told.zone, told.at, "rfid", told.device, 1, 0.0, told.epc)]
        case TagPickedUp():
            return [Change(told.zone, told.at, "rfid", told.device, -1, 0.0, told.epc)]
        case TagMoved():
            return [
                Change(told.zone, told.at, "rfid", told.device, 1, 0.0, told.epc),
                Change(told.from_zone, told.at, "rfid", told.device, -1, 0.0, told.epc),
            ]
        case WeightChanged() if (tray := place.trays.get(told.device)) is not None and tray.tagged:
            return _weighed(told)
    return []


def _weighed(step: WeightChanged) -> list[Change]:
    if step.delta_units is not None:
        units = [(step.sku or "", step.delta_units)]
    elif step.items:
        units = [(item.sku, item.units) for item in step.items]
    elif step.delta_g == step.weight_g:
        return []  # the first weight, or goods on an empty plate that nobody recognised
    else:
        return [Change(step.zone, step.at, "weight", step.device, 0, step.delta_g, "")]
    return [
        Change(step.zone, step.at, "weight", step.device, count, 0.0, sku) for sku, count in units if count
    ]


def _runs(changes: list[Change], window_ms: int) -> list[list[Change]]:
    """Cut changes, in order of zone and time, where a zone was quiet for longer than the window."""
    runs: list[list[Change]] = []
    for change in changes:
        if (
            runs
            and runs[-1][0].zone == change.zone
            and change.at - runs[-1][-1].at <= window_ms
            and change.at - runs[-1][0].at <= MAX_RUN_MS
        ):
            runs[-1].append(change)
        else:
            runs.append([change])
    return runs


def _was_seen(
    run: list[Change], seen: dict[str, tuple[int, int]], place: Place, settings: AgreementSettings
) -> bool:
    zone = run[0].zone
    readers = {device for (device, _), where in place.zones.items() if where == zone}
    until = run[-1].at + settings.window_ms + settings.patience_ms
    for device in (*readers, *_plates(zone, place)):
        since, last = seen.get(device, (until, 0))
        if since + settings.acquaint_ms > run[0].at:
            return False
        if last + place.silent_after_ms.get(device, DEFAULT_SILENT_MS) < until:
            return False
    return True


def _judge(run: list[Change], settings: AgreementSettings) -> list[Disagreement]:
    tags = [change for change in run if change.source == "rfid"]
    weighed = [change for change in run if change.source == "weight"]
    rfid, units = sum(change.units for change in tags), sum(change.units for change in weighed)
    grams = sum(change.grams for change in weighed)
    why: Literal["weight_only", "rfid_only", "count_differs"]
    unknown = abs(grams) >= settings.least_g
    if (unknown and rfid and (grams > 0) == (rfid - units > 0)) or (not unknown and rfid == units):
        return []
    if rfid == 0:
        why = "weight_only"
    elif not units and not unknown:
        why = "rfid_only"
    else:
        why = "count_differs"
    return [
        Disagreement(
            at=run[-1].at,
            device=(weighed or tags)[0].device,
            zone=run[0].zone,
            why=why,
            since=run[0].at,
            rfid_units=rfid,
            weight_units=None if unknown else units,
            weight_g=round(grams, 2) if unknown else None,
            epcs=tuple(dict.fromkeys(change.name for change in tags))[:MAX_NAMED],
            skus=tuple(sorted({change.name for change in weighed if change.name}))[:MAX_NAMED],
        )
    ]
