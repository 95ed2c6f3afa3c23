"""Plates with several SKUs: steps conserve weight, unknown ones edit nothing, a restart changes nothing."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model import Place, Tray, TrayItem, WeightRead
from edge.sensing.weight import WeightSettings, WeightState, sense_weight
from edge.sensing.weight_identity import Thing
from edge.sensing.weight_plates import PlateState, tell_step
from edge.sensing.weight_plates import Shelf as Plates
from edge.sensing.weight_settling import Settled

WEIGHTS = {"amber": 60.0, "beryl": 145.0, "coral": 310.0}
PLAN = {"left": {"amber": 6, "beryl": 4}, "right": {"coral": 5}}


def place_of(plan):
    trays = {
        plate: Tray("shelf", items=tuple(TrayItem(sku, WEIGHTS[sku], count) for sku, count in units.items()))
        for plate, units in plan.items()
    }
    return Place(zones={}, trays=trays, lines={}, silent_after_ms={})


class Shelf:
    """A shelf whose loads a test sets; readings come with noise, in passes of 100 ms."""

    def __init__(self, *, readings_per_s=10, seed=1, restart=False, plan=PLAN):
        self.place, self.every_ms = place_of(plan), 1000 / readings_per_s
        self.load = {
            plate: sum(WEIGHTS[sku] * (count or 0) for sku, count in units.items())
            for plate, units in plan.items()
        }
        self.random, self.restart = Random(seed), restart
        self.state, self.start, self.count, self.seen = WeightState(), 1_800_000_000_000, 0, []
        self.hold(2)

    def hold(self, seconds, shaking=""):
        per_pass = max(1, round(100 / self.every_ms))
        for _ in range(round(seconds * 1000 / self.every_ms / per_pass)):
            reads = []
            for _ in range(per_pass):
                self.count += 1
                at = self.start + round(self.count * self.every_ms)
                for plate, grams in self.load.items():
                    swing = self.random.uniform(-300, 200) if plate == shaking else self.random.gauss(0, 0.3)
                    reads.append(WeightRead(device=plate, at=at, weight_g=grams + swing, stable=False))
            self.state, news = sense_weight(
                self.state, reads, at, place=self.place, settings=WeightSettings()
            )
            if self.restart:
                self.state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.state), type=WeightState)
            self.seen += news
        return self

    def step(self, plate, grams, rest_s=2.0):
        self.hold(0.5, shaking=plate)
        self.load[plate] += grams
        return self.hold(rest_s)

    def told(self):
        return [(o.device, [(i.sku, i.units, i.on_plate) for i in o.items]) for o in self.seen]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["left", "right"]), st.sampled_from(list(WEIGHTS)), st.sampled_from([-1, 1])),
    max_size=10,
)


def play(shelf, actions):
    for plate, sku, sign in actions:
        if shelf.load[plate] + sign * WEIGHTS[sku] >= 0:
            shelf.step(plate, sign * WEIGHTS[sku] * (1 + shelf.random.gauss(0, 0.01)))
    return shelf


def test_the_first_weight_confirms_the_counted_units():
    assert Shelf().told() == [
        ("left", [("amber", 0, 6), ("beryl", 0, 4)]),
        ("right", [("coral", 0, 5)]),
    ]


def test_units_that_the_first_weight_contradicts_are_not_believed():
    shelf = Shelf(plan={"left": {"amber": 3, "beryl": 1}})
    shelf.place, shelf.state, shelf.seen = place_of(PLAN), WeightState(), []
    shelf.hold(2)
    assert shelf.told() == [("left", [])]


def test_an_empty_plate_has_no_units_whether_anybody_counted_or_not():
    shelf = Shelf(plan={"left": {"amber": None, "beryl": None}})
    assert shelf.told() == [("left", [("amber", 0, 0), ("beryl", 0, 0)])]


def test_taking_two_and_putting_one_back_are_told_as_items():
    shelf = Shelf().step("left", -205.0).step("left", +145.6)
    assert shelf.told()[2:] == [
        ("left", [("amber", -1, 5), ("beryl", -1, 3)]),
        ("left", [("beryl", 1, 4)]),
    ]


def test_a_touch_says_nothing_and_drift_never_becomes_an_item():
    shelf = Shelf().hold(1, shaking="left").hold(2)
    for _ in range(600):
        shelf.load["left"] += 0.1
        shelf.hold(0.5)
    assert len(shelf.seen) == 2


def test_an_item_carried_to_another_plate_is_a_move():
    shelf = Shelf().step("left", -145.0, rest_s=1.0).step("right", +145.0)
    assert [(o.device, o.moved_from) for o in shelf.seen[2:]] == [("left", None), ("right", "left")]
    assert shelf.told()[3] == ("right", [("beryl", 1, None)])


def test_an_item_that_comes_back_to_another_plate_later_did_not_move_there():
    shelf = Shelf().step("left", -145.0).hold(8).step("right", +145.0)
    assert [o.moved_from for o in shelf.seen[2:]] == [None, None]


def test_a_thing_that_is_no_goods_edits_nothing_when_it_comes_and_when_it_goes():
    shelf = Shelf()
    before = dict(shelf.state.plates["left"].units)
    shelf.step("left", +95.0).step("left", -95.0)
    assert [o.items for o in shelf.seen[2:]] == [(), ()]
    assert all(o.candidates[0].items == () for o in shelf.seen[2:])
    assert shelf.state.plates["left"].units == before


@settings(max_examples=25, deadline=None)
@given(actions=ACTIONS, seed=st.integers(0, 99))
def test_steps_add_up_to_what_the_plates_gained_and_units_follow_known_steps_alone(actions, seed):
    shelf = play(Shelf(seed=seed), actions)
    for plate, load in shelf.load.items():
        own = [o for o in shelf.seen if o.device == plate]
        assert sum(o.delta_g for o in own) == pytest.approx(load, abs=1.5 + 0.5 * len(own))
        assert own[-1].weight_g == pytest.approx(load, abs=2.0)
        for o in own:
            assert all(item.on_plate is None or item.on_plate >= 0 for item in o.items)
            assert not (o.items and o.candidates)
        units = dict(PLAN[plate])
        for o in own[1:]:
            for item in o.items:
                if item.sku in units:
                    units[item.sku] = max(0, units[item.sku] + item.units)
        assert shelf.state.plates[plate].units == units


@settings(max_examples=15, deadline=None)
@given(actions=ACTIONS, seed=st.integers(0, 99))
def test_a_restart_from_the_checkpoint_after_any_pass_gives_the_same(actions, seed):
    assert play(Shelf(seed=seed, restart=True), actions).seen == play(Shelf(seed=seed), actions).seen


@settings(max_examples=15, deadline=None)
@given(moves=st.lists(st.sampled_from(list(WEIGHTS)), max_size=6))
def test_ten_readings_a_second_tell_what_eighty_tell(moves):
    told = []
    for rate in (10, 80):
        shelf = Shelf(readings_per_s=rate, plan={"left": dict.fromkeys(WEIGHTS, 9)})
        for sku in moves:
            shelf.step("left", -WEIGHTS[sku])
        told.append(shelf.told())
    assert told[0] == told[1]


@pytest.mark.parametrize("every_ms", [50, 130, 290, 400, 700])
def test_a_plate_settles_however_often_it_is_read(every_ms):
    place = place_of({"left": {"amber": 6, "beryl": 4}})
    state, told = WeightState(), []
    for at in range(10_000, 10_000 + 20 * every_ms + 12_000, every_ms):
        grams = 940.0 if at < 10_000 + 10 * every_ms + 4_000 else 940.0 - 145.0
        read = WeightRead(device="left", at=at, weight_g=grams, stable=False)
        state, seen = sense_weight(state, [read], at, place=place, settings=WeightSettings())
        told += [[(item.sku, item.units) for item in one.items] for one in seen]
    assert told == [[("amber", 0), ("beryl", 0)], [("beryl", -1)]]


def test_a_reading_that_comes_late_is_left_out():
    shelf = Shelf()
    late = WeightRead(device="left", at=shelf.start, weight_g=0.0, stable=False)
    state, seen = sense_weight(
        shelf.state, [late], shelf.start + 3_000, place=shelf.place, settings=WeightSettings()
    )
    assert (state, seen) == (shelf.state, [])


def test_state_is_bounded():
    shelf = Shelf()
    for _ in range(80):
        shelf.step("right", -310.0, rest_s=1.2)
        shelf.step("left", 20_000.0, rest_s=1.2)
    assert len(shelf.state.away["shelf"]) == 64
    assert len(shelf.state.plates["left"].laid) == 16


@pytest.mark.parametrize(("sign", "booked"), [(+1, True), (+1, False), (-1, False)])
def test_what_stock_never_followed_edits_nothing_when_it_is_undone_however_sure_it_seems(sign, booked):
    place = place_of(PLAN)
    shelf = Plates(zone="shelf", trays=place.trays)
    thing = Thing(310.0, 1_000, "right", (((("coral", 1),), 1.0),), booked)
    plate = PlateState(units={"coral": 5}, laid=() if sign > 0 else (thing,))
    step = Settled(9_000, 1550.0 + sign * 310.0, sign * 310.0, 0.2, first=False)
    away = (thing,) if sign > 0 else ()
    plate, _, told = tell_step({"right": plate}, away, step, "right", shelf, WeightSettings())
    assert bool(told.items) is booked
    assert plate.units == {"coral": 6 if booked else 5}


def test_units_that_were_counted_wrongly_never_become_negative():
    shelf = Plates(zone="shelf", trays=place_of({"right": {"coral": 0}}).trays)
    step = Settled(9_000, 310.0, -310.0, 0.2, first=False)
    plates = {"right": PlateState(units={"coral": 0})}
    plate, _, told = tell_step(plates, (), step, "right", shelf, WeightSettings(stock_nats=0.0))
    assert [(item.sku, item.units, item.on_plate) for item in told.items] == [("coral", -1, 0)]
    assert plate.units == {"coral": 0}
