"""The scenario ``chaos``: jewel-sparse behind a bad line, scored beside the same store behind a good one.

Two outages of 3 to 9 s and one of 20 s (beside those of the world), the agent's clock set forward by two seconds and back again, reports
twice, late, out of order and with bit errors. Beside the usual figures:

- ``f1_loss``: pick F1 of the same method on the same reads behind a good line, minus that of this run.
- ``from_outage``: events that have no truth, told during an outage or within half a minute of its end, about
  tags of which the run behind the same line without outages says nothing there.
- ``from_ghost``: observations about tags that do not exist.
- ``reordered_differs``: what is told differently when the same reports arrive in another order within two
  seconds and the stage waits that long.

Parameters to be varied: those of jewel-sparse, ``outage_s`` of the longest outage, ``late_ms`` of the stage. What is
picked up in an outage cannot be known, so a minute of it costs about three points of F1, whatever the method.
"""

from typing import Any, Final

import msgspec

from cli.bench.sensing.baselines import BASELINES
from cli.bench.sensing.chaos import BaselineBehindLine, StageBehindLine
from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.matching import match
from cli.bench.sensing.product import settings_with
from cli.bench.sensing.shelf import AFTER_MS, BEFORE_MS, score_shelf
from edge.sensing.presence import PresenceSettings
from firmware_sim.world.chance import generator
from firmware_sim.world.disturbance import ClockStep, Disturbance, Line, Outage
from firmware_sim.world.scenes import Scene, live_through, shelf_scenario
from firmware_sim.world.truth.events import Picked, PutBack

SCENE: Final = "jewel-sparse"
SETTLES_MS: Final = 30_000
NEAR_MS: Final = 60_000
LATE_MS: Final = 2_250
LONGEST_S: Final = 20.0


def disturbance(seed: int, minutes: float, longest_s: float = LONGEST_S) -> Disturbance:
    """Return one run's bad luck."""
    chance = generator(seed, "chaos")
    lengths_s = (*chance.uniform(3.0, 9.0, 2), longest_s)
    thirds = (0.2, 0.45, 0.7)
    outages = tuple(
        Outage(float(60.0 * minutes * (third + chance.uniform(0.0, 0.1))), float(length_s))
        for third, length_s in zip(thirds, lengths_s, strict=True)
    )
    steps = (ClockStep(60.0 * minutes * 0.35, 2_000), ClockStep(60.0 * minutes * 0.6, -2_000))
    return Disturbance(outages=outages, steps=steps)


def _run(method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    vary = dict(conditions.overrides)
    bad = disturbance(seed, conditions.minutes, vary.pop("outage_s", LONGEST_S))
    settings = settings_with({"late_ms": int(vary.pop("late_ms"))} if "late_ms" in vary else {})
    conditions = msgspec.structs.replace(conditions, overrides=vary)
    good = Disturbance(ghost_share=0.0)
    if method != "shelfwise":
        figures, clean = (_baseline(method, seed, conditions, line) for line in (bad, good))
        return figures | {"chaos": _beside(figures, clean)}
    figures, stage = _stage(seed, conditions, bad, settings)
    clean, _ = _stage(seed, conditions, good, settings)
    _, spared = _stage(seed, conditions, msgspec.structs.replace(bad, outages=()), settings)
    return figures | {
        "chaos": _beside(figures, clean)
        | {
            "from_outage": _from_outage(_scene(seed, conditions), bad, stage, spared),
            "from_ghost": sum(said.epc in stage.line.ghosts for said in stage.said),
            "reordered_differs": _reordered(seed, conditions, bad),
        }
    }


def _beside(figures: dict[str, Any], clean: dict[str, Any]) -> dict[str, float | None]:
    good, bad = clean["pick"]["f1"], figures["pick"]["f1"]
    return {"f1_clean": good, "f1_loss": None if good is None or bad is None else good - bad}


def _scene(seed: int, conditions: Conditions) -> Scene:
    return live_through(
        shelf_scenario(SCENE, conditions.overrides),
        seed,
        conditions.minutes,
        rician=conditions.radio == "rician",
    )


def _stage(
    seed: int, conditions: Conditions, bad: Disturbance, settings: PresenceSettings
) -> tuple[dict[str, Any], StageBehindLine]:
    scene = _scene(seed, conditions)
    stage = StageBehindLine(scene, Line(bad, seed, scene.start), settings)
    return score_shelf(scene, stage, scene.radio.run(scene.start, scene.end)), stage


def _baseline(method: str, seed: int, conditions: Conditions, bad: Disturbance) -> dict[str, Any]:
    scene = _scene(seed, conditions)
    judged = BaselineBehindLine(method, scene, Line(bad, seed, scene.start))
    return score_shelf(scene, judged, scene.radio.run(scene.start, scene.end))


def _from_outage(scene: Scene, bad: Disturbance, judged: StageBehindLine, spared: StageBehindLine) -> int:
    """Count events that an outage made up."""
    count = 0
    for kind, true in (("TagPickedUp", Picked), ("TagPutBack", PutBack)):
        told = [(said.epc, said.told_at) for said in judged.said if said.kind == kind]
        usual = [(said.epc, said.told_at) for said in spared.said if said.kind == kind]
        happened = [(event.epc, event.at) for event in scene.truth.events if isinstance(event, true)]
        longest_ms = int(1000 * max(outage.lasts_s for outage in bad.outages))
        for epc, at in match(happened, told, BEFORE_MS, AFTER_MS + longest_ms).false:
            near = any(
                scene.start + 1000 * outage.start_s
                <= at
                <= scene.start + 1000 * (outage.start_s + outage.lasts_s) + SETTLES_MS
                for outage in bad.outages
            )
            count += near and not any(epc == other and abs(at - then) <= NEAR_MS for other, then in usual)
    return count


def _reordered(seed: int, conditions: Conditions, bad: Disturbance) -> int:
    """Count what is told differently when reports come in another order."""
    settings = settings_with({"late_ms": LATE_MS})
    said = []
    for latency_ms in ((50, 51), (50, 1_950)):
        line = msgspec.structs.replace(
            bad, latency_ms=latency_ms, disorder_share=0.0, duplicate_share=0.0, steps=()
        )
        _, stage = _stage(seed, conditions, line, settings)
        said.append({(one.epc, one.kind, one.zone, one.at) for one in stage.said})
    return len(said[0] ^ said[1])


CONTESTS = {"chaos": Contest(("shelfwise", *BASELINES), _run)}
