"""A weighed shelf that shakes: 12 SKUs of 40 to 600 g on three plates, bursts of 8 g, drift, touches, doubles.

The product's stage is run as the edge runs it, in passes of 100 ms: once knowing only the shelf's SKUs and
their weights (``shelfwise``), once with the plan of each plate and its units at the start
(``shelfwise-planogram``). Times are those of the last reading that a method needed; truth is the moment
when the hand let go.
"""

import time
from collections import Counter
from collections.abc import Callable
from statistics import fmean, median
from typing import Any, Final

import msgspec

from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.matching import Event, match
from cli.bench.sensing.scales import Told, moving_average_difference, settle_step_10
from contract.errors import ConfigError
from contract.messages import ItemStep, WeightChanged
from edge.model import Place, Read, Tray, TrayItem, WeightRead
from edge.sensing.weight import WeightSettings, WeightState, sense_weight
from firmware_sim.world.load_cell import LoadCellNoise
from firmware_sim.world.weighed_shelf import ShelfEvent, ShelfPlan, ShelfRecording, watch_shelf

ZONE: Final = "shelf"
START_MS: Final = 1_800_000_000_000
PASS_MS: Final = 100
BEFORE_MS: Final = 1_000
AFTER_MS: Final = 5_000
BURST_G: Final = (7.99, 8.0)
READINGS_PER_S: Final = 80

_PLAN: Final = frozenset(ShelfPlan.__struct_fields__)
_NOISE: Final = frozenset(LoadCellNoise.__struct_fields__)
_BASELINES: Final[dict[str, Callable[..., list[Told]]]] = {
    "ma-difference": moving_average_difference,
    "settle-step-10": settle_step_10,
}


def recording(seed: int, conditions: Conditions) -> ShelfRecording:
    """Return the scenario's shelf; overrides are fields of its plan or its physics, and ``readings_per_s``."""
    plan, noise, rate = ShelfPlan(), LoadCellNoise(vibration_g=BURST_G), READINGS_PER_S
    for name, value in conditions.overrides.items():
        if name == "readings_per_s":
            rate = int(value)
        elif name in _PLAN:
            plan = msgspec.structs.replace(plan, **{name: type(getattr(plan, name))(value)})
        elif name in _NOISE and isinstance(getattr(noise, name), float):
            noise = msgspec.structs.replace(noise, **{name: value})
        elif name == "vibration_g":
            noise = msgspec.structs.replace(noise, vibration_g=(max(1e-3, value - 0.01), value))
        else:
            raise ConfigError(
                f"--set {name}: weight-vibration has no such number; expected readings_per_s or a number of its plan or physics"
            )
    return watch_shelf(plan, noise, seed, minutes=conditions.minutes, readings_per_s=rate, start_ms=START_MS)


def place_of(shelf: ShelfRecording, *, planogram: bool) -> Place:
    """Return what the stage is told of the shelf."""
    everything = tuple(TrayItem(sku, round(grams, 1)) for sku, grams in shelf.unit_weight_g.items())
    trays = {
        plate: Tray(
            ZONE,
            items=tuple(
                TrayItem(sku, round(shelf.unit_weight_g[sku], 1), count) for sku, count in units.items()
            )
            if planogram
            else everything,
        )
        for plate, units in shelf.planogram.items()
    }
    return Place(zones={}, trays=trays, lines={}, silent_after_ms={})


def run_stage(shelf: ShelfRecording, *, planogram: bool) -> tuple[list[WeightChanged], float]:
    """Return what the stage tells of a recording, and how long a pass took, in ms."""
    place, settings, state = place_of(shelf, planogram=planogram), WeightSettings(), WeightState()
    rate = round(1000 / (shelf.times_ms[1] - shelf.times_ms[0]))
    told: list[WeightChanged] = []
    passes = 0
    spent = 0.0
    rows = list(zip(shelf.times_ms, *shelf.readings_g.values(), strict=True))
    per_pass = max(1, rate * PASS_MS // 1000)
    for first in range(0, len(rows), per_pass):
        batch = rows[first : first + per_pass]
        reads: list[Read] = [
            WeightRead(device=plate, at=at, weight_g=grams, stable=False)
            for at, *values in batch
            for plate, grams in zip(shelf.readings_g, values, strict=True)
        ]
        began = time.perf_counter()
        state, news = sense_weight(state, reads, batch[-1][0], place=place, settings=settings)
        spent += time.perf_counter() - began
        passes += 1
        told += [one for one in news if isinstance(one, WeightChanged)]
    return told, 1000 * spent / passes


def as_told(step: WeightChanged) -> Told:
    """Return a step with its items, or with its likeliest candidate."""
    sure = step.items or (step.candidates[0].items if step.candidates else ())
    return Told(step.at, step.device, step.delta_g, _plain(sure), ambiguous=not step.items)


def _plain(items: tuple[ItemStep, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((item.sku, item.units) for item in items)


def score(shelf: ShelfRecording, told: list[Told]) -> dict[str, float | None]:
    """Compare steps with the truth; items are compared on matched steps only, a foreign thing has none."""
    matching = match(
        [(event.plate, event.at_ms) for event in shelf.events],
        [(step.plate, step.at_ms) for step in told],
        BEFORE_MS,
        AFTER_MS,
    )
    true: dict[Event, ShelfEvent] = {(event.plate, event.at_ms): event for event in shelf.events}
    said: dict[Event, Told] = {(step.plate, step.at_ms): step for step in told}
    pairs = [(true[one], said[other]) for one, other in matching.pairs]
    goods = [(event, step) for event, step in pairs if event.items]
    single = [(event, step) for event, step in goods if sum(abs(units) for _, units in event.items) == 1]
    certain = [(event, step) for event, step in pairs if not step.ambiguous]
    delays = sorted(matching.delays_s)
    return {
        "precision": matching.precision,
        "recall": matching.recall,
        "f1": matching.f1,
        "id_single": _right(single),
        "id_all": _right(goods),
        "id_when_sure": _right(certain),
        "ambiguous_share": fmean(step.ambiguous for _, step in goods) if goods else None,
        "delay_p50_s": median(delays) if delays else None,
        "delay_p95_s": delays[int(0.95 * (len(delays) - 1))] if delays else None,
        "abs_error_g": median(abs(step.grams - event.grams) for event, step in pairs) if pairs else None,
    }


def _right(pairs: list[Any]) -> float | None:
    return fmean(tuple(event.items) == tuple(step.items) for event, step in pairs) if pairs else None


def _moves(shelf: ShelfRecording, steps: list[WeightChanged]) -> dict[str, float | None]:
    """Score moves: the putting down of a moved item told as moved, and nothing else."""
    true = [(e.plate, e.at_ms) for e in shelf.events if e.deed == "move" and e.grams > 0]
    told = [(step.device, step.at) for step in steps if step.moved_from is not None]
    matching = match(true, told, BEFORE_MS, AFTER_MS)
    return {"precision": matching.precision, "recall": matching.recall}


def _units_error(shelf: ShelfRecording, steps: list[WeightChanged]) -> float:
    """Return by how many units the last told counts are off, summed over plates and SKUs, per action."""
    true: Counter[tuple[str, str]] = Counter()
    for plate, units in shelf.planogram.items():
        for sku, count in units.items():
            true[plate, sku] += count
    for event in shelf.events:
        for sku, change in event.items:
            true[event.plate, sku] += change
    told: dict[tuple[str, str], int] = {}
    for step in steps:
        for item in step.items:
            if item.on_plate is not None:
                told[step.device, item.sku] = item.on_plate
    return sum(abs(true[key] - count) for key, count in told.items()) / len(shelf.events)


def run(method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    """Run one method on one shelf."""
    shelf = recording(seed, conditions)
    if method in _BASELINES:
        told = [
            step
            for plate, readings in shelf.readings_g.items()
            for step in _BASELINES[method](plate, shelf.times_ms, readings, shelf.unit_weight_g)
        ]
        return {"weight": score(shelf, told)}
    planogram = method == "shelfwise-planogram"
    steps, cpu_ms = run_stage(shelf, planogram=planogram)
    later = steps[len(shelf.planogram) :]
    parts: dict[str, Any] = {
        "weight": score(shelf, [as_told(step) for step in later]),
        "move": _moves(shelf, later),
        "cpu_ms_per_cycle": cpu_ms,
    }
    if planogram:
        parts["weight"]["units_error_per_action"] = _units_error(shelf, steps)
    return parts


CONTESTS: Final = {
    "weight-vibration": Contest(
        methods=("shelfwise", "shelfwise-planogram", *_BASELINES),
        run=run,
        radios=("threshold",),
    )
}
