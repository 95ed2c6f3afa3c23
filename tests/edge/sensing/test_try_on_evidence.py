"""Evidence of try-ons: what all neighbours suffer proves nothing, and silence of a tag counts in its neighbours' say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sensing.try_on_evidence import COMMON_DB, common_mode, evidence, heard_now, level_dbm, read_rate
from edge.sensing.try_on_state import FLOOR_DBM, Beam, Garment, Trial

NOW = 1_800_000_000_000
LIVE = {"rail": 100, "cabin-1": 100}
SEEING = ["rail", "cabin-1"]
MARGIN_DB = 3.0


def resting(rail_dbm, *, cycle=100, at=NOW, **more):
    return Garment({"rail": Beam(rail_dbm, cycle, -54.0)}, home="rail", own_dbm=-54.0, at=at, **more)


def common(garments):
    return common_mode(garments, LIVE, SEEING, NOW)


def test_a_level_that_is_not_read_any_more_sinks_to_the_floor():
    beam = Beam(-54.0, 100)
    levels = [level_dbm(beam, 100 + silent) for silent in range(20)]
    assert levels[:4] == [-54.0] * 4
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == FLOOR_DBM == level_dbm(None, 100)


def test_all_tags_that_rest_have_a_say_read_or_not():
    read = [resting(-53.0) for _ in range(4)]
    silenced = [resting(-54.0, cycle=94) for _ in range(6)]
    assert common(read) == {"rail": 1.0}
    assert common([*read, *silenced])["rail"] == -9.0


@pytest.mark.parametrize(
    "garment",
    [
        resting(-70.0, at=NOW - 60_000),
        resting(-70.0, since={"cabin-1": NOW}),
        resting(-70.0, trial=Trial("s", "cabin-1", "r", NOW, NOW, 100)),
        Garment({"rail": Beam(-70.0, 100, None)}, home="rail", at=NOW),
        Garment({"rail": Beam(-80.0, 100, -72.0)}, home="rail", at=NOW),
    ],
)
def test_what_is_away_tried_on_or_hardly_heard_has_no_say(garment):
    assert common([resting(-54.0) for _ in range(4)] + [garment] * 5) == {"rail": 0.0}


@given(st.lists(st.floats(-90.0, -30.0), max_size=9))
def test_the_common_mode_is_bounded_and_needs_four_tags(levels):
    found = common([resting(level) for level in levels])
    assert bool(found) == (len(levels) >= 4)
    assert all(COMMON_DB[0] <= one <= COMMON_DB[1] for one in found.values())


INSIDE = {"rail": -66.0, "cabin-1": -55.0}
WALL = {"rail": -54.0, "cabin-1": -64.0}


def weighed(levels, bodies=None, *, home="rail", rate=0.9):
    beams = {"rail": Beam(levels["rail"], 100, -54.0), "cabin-1": Beam(levels["cabin-1"], 100, -64.0, rate)}
    garment = Garment(beams, home=home, own_dbm=-54.0, at=NOW)
    return evidence(garment, "cabin-1", levels, bodies or {}, live=100, margin_db=MARGIN_DB)


def test_in_the_room_speaks_for_it_and_behind_the_wall_against_it():
    assert weighed(INSIDE) > 2.0
    assert weighed(WALL) < -1.0
    assert weighed(INSIDE, home=None) > 1.0


def test_a_body_that_hides_the_cabin_hides_the_wall_too_and_proves_nothing():
    hidden = {"rail": -66.0, "cabin-1": -64.0}
    assert weighed(hidden) < 1.0
    assert weighed(hidden, {"cabin-1": -9.0}) > 2.0


def test_a_body_before_the_rail_takes_nothing_off_the_rail():
    shaded = {"rail": -68.0, "cabin-1": -64.0}
    assert weighed(shaded, {"rail": -14.0}) < -1.0


@given(st.floats(-76.0, -40.0), st.floats(-76.0, -40.0), st.floats(0.0, 20.0))
def test_more_in_the_room_never_speaks_against_it(rail, cabin, more):
    assert weighed({"rail": rail, "cabin-1": cabin + more}) >= weighed({"rail": rail, "cabin-1": cabin})
    assert weighed({"rail": rail + more, "cabin-1": cabin}) <= weighed({"rail": rail, "cabin-1": cabin})


def test_what_is_read_now_and_then_only_is_before_the_curtain():
    assert weighed(INSIDE, rate=0.35) < 0.0
    assert weighed(INSIDE, rate=0.35, home=None) < 0.0


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_read_rate_is_the_share_of_cycles_with_a_read(share):
    beam = Beam(-60.0, 0)
    for live in range(1, 201):
        if live * share % 1.0 == 0.0 and share:
            beam = heard_now(beam, -60.0, live)
    assert read_rate(beam, 200) == pytest.approx(share, abs=0.25)
    assert read_rate(beam, 260) < 0.01
    assert read_rate(None, 200) == 0.0
