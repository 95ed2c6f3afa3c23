"""The shop with fitting cabins: everything that goes in comes out, nothing is in two places, and walls are walls."""

from itertools import pairwise

import numpy as np
import pytest

from firmware_sim.world.cabins import (
    AWAY,
    CABINS,
    FLOOR,
    HANGING,
    IN_HAND,
    PLACES,
    SHELVES,
    START,
    FittingBehaviour,
    FittingShop,
)
from firmware_sim.world.noise import RadioNoise
from firmware_sim.world.radio.cabin_cycles import ANTENNAS, READERS, CabinNoise, CabinRadio, coupling_dbm
from firmware_sim.world.truth.events import CarriedIn, CarriedOut, Sold

QUIET = FittingBehaviour(fitters_per_h=0.0, browsers_per_h=0.0)


@pytest.fixture(scope="module")
def shop():
    return FittingShop(5, 60)


def of(shop, kind):
    return [one for one in shop.truth if isinstance(one, kind)]


def test_the_same_seed_lives_the_same_and_another_does_not(shop):
    assert FittingShop(5, 60).truth == shop.truth
    assert FittingShop(6, 60).truth != shop.truth


def test_everything_that_is_carried_in_is_carried_out_later_once(shop):
    went_in = {(one.epc, one.at): one for one in of(shop, CarriedIn)}
    came_out = {(one.epc, one.carried_in_at): one for one in of(shop, CarriedOut)}
    assert went_in.keys() == came_out.keys()
    assert len(went_in) == len(of(shop, CarriedIn)) > 20
    for key, one in went_in.items():
        assert one.room == came_out[key].room
        assert came_out[key].at - one.at >= 90_000


def test_a_cabin_has_one_shopper_at_a_time(shop):
    for cabin in CABINS:
        stays = sorted(one for one in shop.occupied if one.cabin == cabin)
        assert all(earlier.end <= later.start for earlier, later in pairwise(stays))


def test_courses_go_forward_and_what_was_sold_is_gone(shop):
    for garment in shop.garments:
        assert garment.stays[0].place in SHELVES
        assert {stay.place for stay in garment.stays} <= set(PLACES)
    by_epc = {garment.epc: garment for garment in shop.garments}
    for one in of(shop, Sold):
        assert by_epc[one.epc].stays[-1].place == AWAY
    assert {sale.at for sale in shop.sales} == {one.at for one in of(shop, Sold)}


def test_sessions_have_two_and_a_half_garments_on_average():
    shop = FittingShop(2, 600)
    visits = [(one.shopper, one.at) for one in of(shop, CarriedIn)]
    assert len(visits) / len(set(visits)) == pytest.approx(2.5, abs=0.4)


def levels(shop, cycles=200, **how):
    """Return antenna → mean RSSI of each garment, NaN where it was not read."""
    radio = CabinRadio(shop, 1, **how)
    total, count = np.zeros((2, len(ANTENNAS), len(shop.garments)))
    for number, cycle in enumerate(radio.run()):
        if number >= cycles:
            break
        heard = cycle.heard
        np.add.at(total, (heard.antenna, heard.tag), heard.rssi_dbm * heard.reads)
        np.add.at(count, (heard.antenna, heard.tag), heard.reads)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / count


@pytest.mark.parametrize("rician", [False, True])
def test_a_cabin_hears_the_rail_behind_its_wall_8_to_12_db_weaker(rician):
    shop = FittingShop(1, 5, QUIET)
    quiet = RadioNoise(
        reads_per_s=3000.0, dwell_ms=250, shadow_db=0.0, tag_spread_db=0.0, weak_share=0.0,
        visitor_block_every_s=(1e6, 2e6),
    )  # fmt: skip
    found = levels(shop, radio=quiet, rician=rician)
    rail = [row for row, one in enumerate(shop.garments) if one.home == "rail-wall"]
    behind = np.nanmax(found[[ANTENNAS.index(cabin) for cabin in CABINS]][:, rail], axis=0)
    through_wall = found[ANTENNAS.index("rail-wall"), rail] - behind
    assert 6.0 < through_wall.min() < through_wall.max() < 14.0
    assert 9.0 < through_wall.mean() < 11.0


def test_antennas_hear_their_own_place_best_and_nobody_hears_what_is_away():
    table = coupling_dbm(RadioNoise(), CabinNoise())
    for antenna, place in enumerate(ANTENNAS):
        assert table[PLACES.index(place)].argmax() == antenna
    assert table[PLACES.index(AWAY)].max() < -100
    assert table[PLACES.index(FLOOR)].max() < RadioNoise().sensitivity_dbm


def test_a_silent_reader_reads_nothing_in_that_cycle(shop):
    silent = 0
    for cycle in CabinRadio(shop, 5).run():
        for name in cycle.silent:
            silent += 1
            assert not np.isin(cycle.heard.antenna, list(READERS[name])).any()
    assert silent > 0


def test_what_hangs_in_no_hand_has_not_moved():
    shop = FittingShop(1, 5, QUIET)
    assert shop.truth == []
    assert {(stay.at, stay.mode) for one in shop.garments for stay in one.stays} == {(START, HANGING)}
    assert IN_HAND != HANGING
