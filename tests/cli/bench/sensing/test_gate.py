"""The scenarios of the gates: the stage is better than every rule, and leaves strays out."""

import pytest

from cli.bench.sensing.contest import Conditions, contest
from cli.bench.sensing.gate_rules import RULES

SEED = 3


@pytest.fixture(
    scope="module", params=[("dock-stray", 4.0), ("store-exit", 12.0)], ids=lambda param: param[0]
)
def figures(request):
    name, minutes = request.param
    gates = contest(name)
    return {method: gates.run(method, SEED, Conditions(minutes=minutes))["gate"] for method in gates.methods}


def test_the_stage_beats_every_rule(figures):
    own = figures["shelfwise"]
    assert own["f1"] > max(figures[rule]["f1"] for rule in RULES)
    assert own["direction"] > 0.9
    assert own["delay_p95_s"] < 5.0


def test_only_the_stage_leaves_strays_out(figures):
    assert figures["shelfwise"]["stray_false"] < 0.5 * min(figures[rule]["stray_false"] for rule in RULES)
