"""Shelves and rails: dense, sparse, blocked by bodies, overlapping. See :mod:`firmware_sim.world.scenes`.

Parameters to be varied: ``reads_per_s``, ``gap_db``, ``tags``.
"""

from functools import partial
from typing import Any

from cli.bench.sensing.baselines import BASELINES
from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.product import ProductMethod
from cli.bench.sensing.shelf import BaselineMethod, Method, score_shelf
from firmware_sim.world.scenes import SCENES, live_through, shelf_scenario


def _run(scenario: str, method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    scene = live_through(
        shelf_scenario(scenario, conditions.overrides),
        seed,
        conditions.minutes,
        rician=conditions.radio == "rician",
    )
    judged: Method = (
        ProductMethod(scene)
        if method == "shelfwise"
        else BaselineMethod(method, len(scene.scenario.readers[0].antennas))
    )
    return score_shelf(scene, judged, scene.radio.run(scene.start, scene.end))


CONTESTS = {name: Contest(("shelfwise", *BASELINES), partial(_run, name)) for name in SCENES}
