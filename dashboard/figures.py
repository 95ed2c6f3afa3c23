"""From a snapshot to what the pages show: tiles, the most urgent tasks, zones and stock rows. Pure.

Three states of a figure are kept apart: known, known to be uncertain (its zone cannot be seen) and
unknown (None, nothing measures it). Unknown is never turned into zero here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from dashboard.snapshot import Decision, Device, Order, Snapshot, StockLine, Zone

HEARD_WITHIN_MS: Final = 150_000
LOW_UNITS: Final = 2
TASKS_SHOWN: Final = 5
TASKS_PER_KIND: Final = 2

ZoneState = Literal["seen", "stale", "blind", "unwatched"]
TaskKind = Literal["approve", "blind", "sold_out", "unmapped", "alert", "stale"]


@dataclass(frozen=True, slots=True)
class Tiles:
    """The figures at the top; None is unknown. ``low`` does not contain ``sold_out``."""

    visitors: int | None
    in_store: int | None
    peak: int | None
    counter_ok: bool
    sold_out: int | None
    low: int
    uncertain: int
    unknown_items: int | None
    to_approve: int
    devices_online: int
    devices: int
    blind_zones: int


@dataclass(frozen=True, slots=True)
class Task:
    """Something a person should do; ``page`` is where. ``subject`` names it, ``units`` counts it."""

    kind: TaskKind
    page: Literal["floor", "stock", "orders", "setup", ""]
    subject: tuple[str | None, str | None, str]
    units: int = 0
    at_ms: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ZoneRow:
    """One zone of the plan. ``today`` and ``recent`` are pick-ups + put-backs, None where nothing sees it."""

    zone: Zone
    state: ZoneState
    picked_up: int | None
    put_back: int | None
    today: int | None
    recent: int | None
    units: int | None
    uncertain: bool


def is_online(device: Device, now_ms: int) -> bool:
    """Return whether a device works and its agent was heard of lately."""
    heard = device.heard_ms is None or now_ms - device.heard_ms <= HEARD_WITHIN_MS
    return device.state == "ok" and heard and "stale" not in device.zones.values()


def never_stocked(line: StockLine) -> bool:
    """Return whether nothing was ever seen, received, sold or corrected of a SKU: its stock is unknown."""
    return not (line.zones or line.total or line.received or line.sold or line.adjusted)


def is_sold_out(line: StockLine) -> bool:
    """Return whether a product of the catalogue is certainly gone."""
    return line.sku is not None and line.mapped and line.total <= 0 and not never_stocked(line)


def is_low(line: StockLine, need: float) -> bool:
    """Return whether fewer units are left than the ordering rule wants to have, or two."""
    return line.sku is not None and line.mapped and 0 < line.total <= max(LOW_UNITS, need)


def latest_decisions(snapshot: Snapshot) -> dict[str, Decision]:
    """Return SKU → its newest decision."""
    latest: dict[str, Decision] = {}
    for decision in snapshot.decisions:
        latest.setdefault(decision.sku, decision)
    return latest


def tiles(snapshot: Snapshot, now_ms: int) -> Tiles:
    """Return the figures at the top of the first page."""
    # A device that serves no zone is a people counter; the hub does not name kinds.
    counters = [device for device in snapshot.devices if not device.zones]
    counted = bool(snapshot.footfall.hours) or any(is_online(device, now_ms) for device in counters)
    needs = {sku: _need(one) for sku, one in latest_decisions(snapshot).items()}
    stocked = [line for line in snapshot.lines if not never_stocked(line)]
    unnamed = sum(line.total for line in snapshot.lines if line.sku is None)
    return Tiles(
        visitors=snapshot.footfall.entered if counted else None,
        in_store=snapshot.footfall.occupancy if counted else None,
        peak=snapshot.footfall.peak_occupancy if counted else None,
        counter_ok=any(is_online(device, now_ms) for device in counters),
        sold_out=sum(is_sold_out(line) for line in stocked) if stocked else None,
        low=sum(is_low(line, needs.get(line.sku or "", 0.0)) for line in stocked),
        uncertain=sum(line.uncertain for line in stocked),
        unknown_items=unnamed if snapshot.devices or stocked else None,
        to_approve=len(to_approve(snapshot)),
        devices_online=sum(is_online(device, now_ms) for device in snapshot.devices),
        devices=len(snapshot.devices),
        blind_zones=sum(state == "blind" for state in snapshot.zone_states.values()),
    )


def _need(decision: Decision) -> float:
    need = decision.inputs.get("need", 0.0)
    return float(need) if isinstance(need, int | float) else 0.0


def to_approve(snapshot: Snapshot) -> list[Order]:
    """Return orders that wait for a person, oldest first."""
    return sorted(
        (order for order in snapshot.orders if order.state == "proposed"), key=lambda one: (one.decided_ms, one.order_id)
    )  # fmt: skip


def tasks(snapshot: Snapshot) -> tuple[list[Task], int]:
    """Return the five most urgent tasks, and how many more there are.

    The kinds stand in order of urgency; each gives two at first, so that twenty orders cannot hide a blind zone.
    """
    every = [task for kind in _kinds(snapshot) for task in kind]
    first = [task for kind in _kinds(snapshot) for task in kind[:TASKS_PER_KIND]]
    rest = [task for task in every if task not in first]
    shown = set((first + rest)[:TASKS_SHOWN])
    return [task for task in every if task in shown], len(every) - min(len(every), TASKS_SHOWN)


def _kinds(snapshot: Snapshot) -> list[list[Task]]:
    names = {line.sku: (line.name, line.name_zh) for line in snapshot.lines}
    zones = {zone.zone: (zone.name, zone.name_zh) for zone in snapshot.store.zones}
    none = (None, None)
    by_state: dict[str, list[Task]] = {"blind": [], "stale": []}
    for zone, state in snapshot.zone_states.items():
        if state in ("blind", "stale"):
            kind: TaskKind = "blind" if state == "blind" else "stale"
            devices = ", ".join(one.device for one in snapshot.devices if zone in one.zones)
            by_state[state].append(Task(kind, "floor", (*zones.get(zone, none), zone), detail=devices))
    return [
        [
            Task("approve", "orders", (*names.get(one.sku, none), one.sku), one.quantity, one.decided_ms)
            for one in to_approve(snapshot)
        ],
        by_state["blind"],
        [
            Task("sold_out", "stock", (one.name, one.name_zh, one.sku or ""), one.sold)
            for one in snapshot.lines
            if is_sold_out(one)
        ],
        [
            Task("unmapped", "setup", (None, None, one.sku or ""), one.sold)
            for one in snapshot.lines
            if one.sku is not None and not one.mapped and one.sold
        ],
        [
            Task("alert", "", (None, None, one.device or one.code), one.count, one.at_ms, one.text)
            for one in snapshot.alerts
        ],
        by_state["stale"],
    ]


def zone_rows(snapshot: Snapshot) -> list[ZoneRow]:
    """Return the zones of the plan in the plan's order."""
    heat = {one.zone: one for one in snapshot.heat}
    units: Counter[str] = Counter()
    uncertain: set[str] = set()
    for line in snapshot.lines:
        for own in line.zones:
            units[own.zone] += own.units
            if own.uncertain:
                uncertain.add(own.zone)
    rows = []
    for zone in snapshot.store.zones:
        state = _state(snapshot, zone.zone)
        found = heat.get(zone.zone)
        # Nothing happened where somebody looked is zero; where nobody looks it is unknown.
        floor = 0 if state != "unwatched" else None
        rows.append(
            ZoneRow(
                zone=zone,
                state=state,
                picked_up=found.picked_up if found else floor,
                put_back=found.put_back if found else floor,
                today=found.picked_up + found.put_back if found else floor,
                recent=snapshot.recent.get(zone.zone, floor),
                units=units[zone.zone] if zone.zone in units or state != "unwatched" else None,
                uncertain=zone.zone in uncertain or state in ("blind", "stale"),
            )
        )
    return rows


def _state(snapshot: Snapshot, zone: str) -> ZoneState:
    match snapshot.zone_states.get(zone):
        case "seen":
            return "seen"
        case "stale":
            return "stale"
        case "blind":
            return "blind"
        case _:
            return "unwatched"


def matching(lines: Iterable[StockLine], text: str) -> list[StockLine]:
    """Return lines whose SKU or name in either language contains the text."""
    wanted = text.casefold().strip()
    return [
        line
        for line in lines
        if not wanted
        or any(wanted in (part or "").casefold() for part in (line.sku, line.name, line.name_zh))
    ]


def refusals(snapshot: Snapshot, most: int) -> list[Decision]:
    """Return each SKU's latest decision where that was not to order, newest first."""
    return [one for one in latest_decisions(snapshot).values() if one.order_id is None][:most]
