"""The gate's coefficients are those that the script makes: same figures, same world, same arithmetic."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
SHIPPED = json.loads((ROOT / "edge" / "sensing" / "gate_coefficients.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "scripts" / "train_gate.py"))


def test_figures_and_world_are_those_the_file_was_made_from(script):
    """A stale file is told by the mean of each figure in one minute; then run scripts/train_gate.py."""
    now, then = (
        np.array(text.split(), dtype=float) for text in (script["means"](), SHIPPED["provenance"]["means"])
    )
    np.testing.assert_allclose(now, then, atol=2e-4)


def test_training_again_gives_the_same_and_finds_what_the_samples_hold(script):
    chance = np.random.default_rng(1)
    wanted = np.repeat([0, 1, 2, 3], 200)
    even = chance.normal(0, 1, (800, 2)) + 3.0 * (wanted == 0)[:, None]
    odd = chance.normal(0, 1, (800, 1)) + 3.0 * ((wanted == 1) * 1.0 - (wanted == 2))[:, None]
    one, again = (script["train"](even, odd, wanted, (("a", "b"), ("c",))) for _ in range(2))
    assert one == again
    assert min(one["static"]) > max(one["passing"])
    assert one["inwards"][0] > 0.5
    assert one["prior"] == [0.25] * 4
