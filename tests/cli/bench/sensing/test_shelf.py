"""The shelf scenes: as hard as they are said to be, and the same whenever they are run again."""

import numpy as np
import pytest

from cli.bench.sensing.contest import Conditions, contest, contests, mean_of
from contract.errors import ConfigError
from firmware_sim.world.scenes import SCENES, live_through, shelf_scenario


def score(scenario, method, seeds=(1,), **conditions):
    return mean_of([contest(scenario).run(method, seed, Conditions(**conditions)) for seed in seeds])


def test_the_dense_scene_is_where_an_independent_prototype_put_it():
    found = score("jewel-dense", "fixed10-hyst6", seeds=(1, 2))
    assert 0.45 <= found["read_probability"] <= 0.51
    assert 0.01 <= found["pick"]["f1"] <= 0.04


def test_the_product_is_far_ahead_of_a_window_on_a_dense_shelf():
    window, own = (score("jewel-dense", method) for method in ("fixed10-hyst6", "shelfwise"))
    assert own["pick"]["f1"] > 10 * window["pick"]["f1"]
    assert own["pick"]["false_per_100_tag_h"] < 20
    assert own["state_error"] < window["state_error"] / 2


@pytest.mark.parametrize("scenario", SCENES)
@pytest.mark.parametrize("radio", ["threshold", "rician"])
def test_a_run_can_be_repeated(scenario, radio):
    one, other = (score(scenario, "shelfwise", minutes=3, radio=radio) for _ in range(2))
    one.pop("cpu_ms_per_cycle")
    other.pop("cpu_ms_per_cycle")
    assert one == other


def test_a_scene_does_not_depend_on_how_it_is_looked_at():
    def reads():
        scene = live_through(shelf_scenario("jewel-sparse"), 3, 4)
        return list(scene.radio.run(scene.start, scene.end))

    for one, other in zip(reads(), reads(), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.reports, other.reports, strict=True))


def test_what_is_not_known_is_named():
    with pytest.raises(ConfigError, match="no scenario 'jewel'"):
        contest("jewel")
    with pytest.raises(ConfigError, match="no method 'guess'"):
        contest("jewel-dense", "guess")
    with pytest.raises(ConfigError, match="no parameter 'gap'"):
        shelf_scenario("jewel-dense", {"gap": 1.0})
    assert set(SCENES) <= set(contests())
