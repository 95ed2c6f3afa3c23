"""The scenario ``chaos``: jewel-sparse behind a bad line, scored beside the same store behind a good one.

Two outages of 3 to 9 s and one of 20 s (beside those of the world), the agent's clock set forward by two seconds and back again, reports
twice, late, out of order and with bit errors. Beside the usual figures:

- ``f1_loss``: pick F1 of the same method on the same reads behind a good line, minus that of this run.
- ``from_outage``: events that have no truth, told during an outage or within half a minute of its end, about
  tags of which the run behind the same line without outages says nothing there.
- ``from_ghost``: observations about tags that do not exist.
- ``reordered_differs``: what is told differently when the same reports arrive in another order within two
  seconds and the stage waits that long.

Parameters to be varied: those of jewel-sparse, and ``late_ms`` of the stage.
"""

from typing import Any, Final

import msgspec

from cli.bench.sensing.baselines import BASELINES
from cli.bench.sensing.chaos import BaselineBehindLine, StageBehindLine
from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.matching import match
from cli.bench.sensing.product import settings_with
from cli.bench.sensing.shelf import AFTER_MS, BEFORE_MS, Method, score_shelf
from firmware_sim.world.chance import generator
from firmware_sim.world.disturbance import ClockStep, Disturbance, Line, Outage
from firmware_sim.world.scenes import Scene, live_through, shelf_scenario
from firmware_sim.world.truth.events import Picked, PutBack

SCENE: Final = "jewel-sparse"
SETTLES_MS: Final = 30_000
NEAR_MS: Final = 60_000
LATE_MS: Final = 2_250


def disturbance(seed: int, minutes: float) -> Disturbance:
    """Return one run's bad luck."""
    chance = generator(seed, "chaos")
    lengths_s = (*chance.uniform(3.0, 9.0, 2), 20.0)
    thirds = (0.2, 0.45, 0.7)
    outages = tuple(
        Outage(float(60.0 * minutes * (third + chance.uniform(0.0, 0.1))), float(length_s))
        for third, length_s in zip(thirds, lengths_s, strict=True)
    )
    steps = (ClockStep(60.0 * minutes * 0.35, 2_000), ClockStep(60.0 * minutes * 0.6, -2_000))
    return Disturbance(outages=outages, steps=steps)


def _run(method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    vary = dict(conditions.overrides)
    settings = {"late_ms": int(vary.pop("late_ms"))} if "late_ms" in vary else {}
    conditions = msgspec.structs.replace(conditions, overrides=vary)
    bad = disturbance(seed, conditions.minutes)
    figures, judged = _behind(method, seed, conditions, bad, settings)
    clean, _ = _behind(method, seed, conditions, Disturbance(ghost_share=0.0), settings)
    loss = None
    if clean["pick"]["f1"] is not None and figures["pick"]["f1"] is not None:
        loss = clean["pick"]["f1"] - figures["pick"]["f1"]
    chaos: dict[str, float | None] = {"f1_clean": clean["pick"]["f1"], "f1_loss": loss}
    if isinstance(judged, StageBehindLine):
        whole = msgspec.structs.replace(bad, outages=())
        _, spared = _behind(method, seed, conditions, whole, settings)
        scene = _scene(seed, conditions)
        chaos["from_outage"] = _from_outage(scene, bad, judged, spared)
        chaos["from_ghost"] = sum(said.epc in judged.line.ghosts for said in judged.said)
        chaos["reordered_differs"] = _reordered(seed, conditions, bad)
    return figures | {"chaos": chaos}


def _scene(seed: int, conditions: Conditions) -> Scene:
    return live_through(
        shelf_scenario(SCENE, conditions.overrides),
        seed,
        conditions.minutes,
        rician=conditions.radio == "rician",
    )


def _behind(
    method: str, seed: int, conditions: Conditions, bad: Disturbance, settings: dict[str, Any]
) -> tuple[dict[str, Any], Method]:
    scene = _scene(seed, conditions)
    line = Line(bad, seed, scene.start)
    judged: Method = (
        StageBehindLine(scene, line, settings_with(settings))
        if method == "shelfwise"
        else BaselineBehindLine(method, scene, line)
    )
    return score_shelf(scene, judged, scene.radio.run(scene.start, scene.end)), judged


def _from_outage(scene: Scene, bad: Disturbance, judged: Method, spared: Method) -> int:
    """Count events that an outage made up."""
    if not (isinstance(judged, StageBehindLine) and isinstance(spared, StageBehindLine)):
        return 0
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
    runs = []
    for latency_ms in ((50, 51), (50, 1_950)):
        line = msgspec.structs.replace(
            bad, latency_ms=latency_ms, disorder_share=0.0, duplicate_share=0.0, steps=()
        )
        _, judged = _behind("shelfwise", seed, conditions, line, {"late_ms": LATE_MS})
        if isinstance(judged, StageBehindLine):
            runs.append({(said.epc, said.kind, said.zone, said.at) for said in judged.said})
    return len(runs[0] ^ runs[1])


CONTESTS = {"chaos": Contest(("shelfwise", *BASELINES), _run)}
