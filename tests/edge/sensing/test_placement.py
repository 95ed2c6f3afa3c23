"""Which zone a tag was put into: what weak tags, silence, and a planogram say about it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.sensing.belief import NOWHERE, new_shop, new_tags
from edge.sensing.placement import zone_probability

OWN = np.eye(3, dtype=bool)
ROW = np.array([0])


def shop():
    """Three calibrated zones of one antenna each; an antenna hears the zone beside its own 15 dB weaker."""
    level = np.where(OWN, -54.0, -69.0)
    return new_shop(OWN)._replace(
        level_dbm=level, rate=np.where(OWN, 0.45, 0.1), doubt_db2=np.full((3, 3), 0.1)
    )


def tag(levels, reads, misses, *, origin=NOWHERE, planned=False):
    """Levels per antenna, 0 where it was never heard."""
    tags = new_tags(1, 3)
    tags.level_dbm[0] = levels
    tags.reads[0], tags.misses[0] = reads, misses
    tags.heard[0] = np.where(np.array(levels) < 0.0, reads, 0.0)
    tags.origin[0], tags.planned[0] = origin, planned
    return tags


def test_a_tag_as_loud_as_those_of_a_zone_is_in_that_zone():
    found = zone_probability(tag([-69.0, -55.0, -70.0], [2, 9, 2], [18, 11, 18]), shop(), ROW)[0]
    assert found.argmax() == 1
    assert found[1] > 0.95


def test_a_weak_tag_that_only_its_own_antenna_hears_is_not_taken_for_one_of_the_next_zone():
    heard_weakly = tag([-68.0, 0.0, 0.0], [4, 0, 0], [16, 20, 20])
    found = zone_probability(heard_weakly, shop(), ROW)[0]
    assert found.argmax() == 0


def test_what_a_planogram_says_outweighs_a_placement_that_looks_a_little_odd():
    odd = ([-60.0, -61.0, -75.0], [6, 5, 0], [14, 15, 20])
    open_minded = zone_probability(tag(*odd), shop(), ROW)[0]
    told = zone_probability(tag(*odd, origin=1, planned=True), shop(), ROW)[0]
    assert open_minded[1] < 0.6 < told[1]


@given(
    levels=st.lists(st.just(0.0) | st.floats(-75.0, -40.0), min_size=3, max_size=3),
    reads=st.lists(st.integers(0, 30), min_size=3, max_size=3),
    shift=st.integers(1, 2),
)
def test_zones_are_told_apart_by_what_is_heard_and_not_by_their_number(levels, reads, shift):
    misses = [30 - count for count in reads]
    levels = [level if count else 0.0 for level, count in zip(levels, reads, strict=True)]
    found = zone_probability(tag(levels, reads, misses), shop(), ROW)[0]
    turned = zone_probability(
        tag(np.roll(levels, shift), np.roll(reads, shift), np.roll(misses, shift)), shop(), ROW
    )[0]
    assert np.isclose(found.sum(), 1.0)
    np.testing.assert_allclose(np.roll(found, shift), turned, atol=1e-9)
