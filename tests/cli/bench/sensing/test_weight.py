"""The weighed shelf of the scoreboard: what is scored is what was told, and a baseline stays a baseline."""

import pytest

from cli.bench.sensing.contest import Conditions, contest
from cli.bench.sensing.scales import Told
from cli.bench.sensing.scenarios.weight import recording, score
from contract.errors import ConfigError

SHORT = Conditions(minutes=6, overrides={"readings_per_s": 10})


def truth(shelf):
    return [Told(event.at_ms + 500, event.plate, event.grams, event.items) for event in shelf.events]


def test_the_truth_itself_has_a_full_score():
    shelf = recording(1, SHORT)
    figures = score(shelf, truth(shelf))
    assert (figures["precision"], figures["recall"], figures["id_all"]) == (1.0, 1.0, 1.0)
    assert figures["delay_p50_s"] == 0.5


def test_what_is_left_out_or_made_up_costs():
    shelf = recording(1, SHORT)
    told = truth(shelf)
    assert score(shelf, told[1:])["recall"] < 1.0
    assert score(shelf, [*told, Told(told[0].at_ms + 60_000_000, told[0].plate, 9.0, ())])["precision"] < 1.0


def test_the_stage_finds_what_a_moving_average_drowns():
    run = contest("weight-vibration").run
    own, average = (run(method, 2, SHORT)["weight"] for method in ("shelfwise", "ma-difference"))
    assert own["precision"] >= 0.95
    assert own["recall"] >= 0.95
    assert average["precision"] < 0.6


def test_an_unknown_number_is_refused_by_name():
    with pytest.raises(ConfigError, match="--set nonsense"):
        recording(1, Conditions(overrides={"nonsense": 1.0}))
