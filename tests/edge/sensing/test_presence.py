"""Presence: what a shelf reader hears becomes arrived, picked up, put back, moved, and nothing else."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import TagArrived, TagMoved, TagPickedUp, TagPutBack
from edge.model import Hints, InputRead, Near, Place, RejectRead, Removal, StatusRead, TagRead
from edge.sensing.arrays import pack_array, unpack_array
from edge.sensing.belief import FLOOR, PLACED, STATES
from edge.sensing.presence import PresenceSettings, sense_presence
from edge.sensing.presence_state import (
    PresenceState,
    anchor_presence,
    fit,
    restart_presence,
    stored_presence,
    told_zone,
)

RING = "30751FEB705C5904E3D50D70"
OTHER = "30751FEB705C5904E3D50D71"
PLACE = Place(
    zones={("r1", 1): "shelf-a", ("r1", 2): "shelf-b"},
    trays={},
    lines={},
    silent_after_ms={"r1": 10_000},
)
START = 1_800_000_000_000


class Bench:
    """Drives the stage second by second with scripted reads."""

    def __init__(self):
        self.state = PresenceState()
        self.now = START
        self.seen = []

    def run(self, seconds, *, tags=(), alive=True):
        """tags: (epc, antenna, rssi). Each is read twice a second, the reader says so even when there is none."""
        for _ in range(seconds * 2):
            self.now += 500
            reads = [TagRead(device="r1", at=self.now, epc=e, antenna=a, rssi_dbm=r) for e, a, r in tags]
            if alive:
                reads.append(StatusRead(device="r1", at=self.now, what="alive"))
            self.step(reads)
        return self

    def step(self, reads):
        self.state, observations = sense_presence(
            self.state, reads, self.now, place=PLACE, settings=PresenceSettings()
        )
        self.seen += observations

    def kinds(self):
        return [type(o) for o in self.seen]


@pytest.fixture
def bench():
    return Bench()


def test_a_tag_that_is_heard_arrives_once(bench):
    bench.run(60, tags=[(RING, 1, -50.0)])
    assert bench.kinds() == [TagArrived]
    assert (bench.seen[0].epc, bench.seen[0].zone) == (RING, "shelf-a")
    assert bench.seen[0].at == START + 500


def test_one_read_alone_is_a_ghost(bench):
    bench.run(1, tags=[])
    bench.step([TagRead(device="r1", at=bench.now, epc=RING, antenna=1, rssi_dbm=-50)])
    bench.run(30)
    assert bench.seen == []
    assert bench.state.rows == {}


def test_picked_up_and_put_back_carry_the_time_it_was_away(bench):
    bench.run(10, tags=[(RING, 1, -50.0)])
    left = bench.now
    bench.run(20)
    back = bench.now + 500
    bench.run(10, tags=[(RING, 2, -50.0)])
    assert bench.kinds() == [TagArrived, TagPickedUp, TagPutBack]
    assert bench.seen[1].at == left
    put = bench.seen[2]
    assert (put.zone, put.from_zone, put.picked_at, put.at) == ("shelf-b", "shelf-a", left, back)


def test_a_reader_that_says_nothing_makes_nothing_depart(bench):
    bench.run(10, tags=[(RING, 1, -50.0)])
    bench.run(600, alive=False)
    assert bench.kinds() == [TagArrived]


def test_rejects_and_an_open_line_are_no_sign_of_life(bench):
    bench.run(10, tags=[(RING, 1, -50.0)])
    for _ in range(600):
        bench.now += 500
        bench.step(
            [
                RejectRead(device="r1", at=bench.now, reason="noise", raw=b"x"),
                StatusRead(device="r1", at=bench.now, what="line_open"),
            ]
        )
    assert bench.kinds() == [TagArrived]


def test_a_neighbour_that_is_louder_for_a_moment_takes_nothing(bench):
    bench.run(10, tags=[(RING, 1, -55.0)])
    bench.run(2, tags=[(RING, 1, -58.0), (RING, 2, -50.0)])
    bench.run(10, tags=[(RING, 1, -55.0)])
    assert bench.kinds() == [TagArrived]


def test_a_tag_that_stays_louder_elsewhere_has_moved(bench):
    others = [(MANY[0], 1, -52.0), (MANY[1], 1, -50.0), (MANY[2], 2, -51.0), (MANY[3], 2, -50.0)]
    bench.run(60, tags=[(RING, 1, -50.0), *others])
    bench.run(15, tags=[(RING, 1, -68.0), (RING, 2, -50.0), *others])
    assert bench.kinds() == [TagArrived] * 5 + [TagMoved]
    assert (bench.seen[-1].from_zone, bench.seen[-1].zone) == ("shelf-a", "shelf-b")


def test_a_blocked_tag_heard_faintly_by_the_neighbour_stays(bench):
    bench.run(10, tags=[(RING, 1, -50.0)])
    bench.run(12, tags=[(RING, 2, -70.0)])
    bench.run(5, tags=[(RING, 1, -50.0)])
    assert bench.kinds() == [TagArrived]


def test_after_a_restart_from_the_checkpoint_no_tag_arrives_twice_or_leaves(bench):
    bench.run(30, tags=[(RING, 1, -50.0), (OTHER, 2, -52.0)])
    stored = msgspec.msgpack.encode(stored_presence(bench.state), enc_hook=pack_array)
    again = Bench()
    again.now = bench.now + 3_600_000
    again.state = restart_presence(msgspec.msgpack.decode(stored, type=PresenceState, dec_hook=unpack_array))
    again.run(30, tags=[(RING, 1, -50.0), (OTHER, 2, -52.0)])
    assert again.seen == []


def test_a_tag_taken_while_the_agent_was_down_is_noticed_afterwards(bench):
    bench.run(30, tags=[(RING, 1, -50.0), (OTHER, 1, -52.0)])
    bench.now += 600_000
    bench.state = restart_presence(bench.state)
    bench.run(30, tags=[(OTHER, 1, -52.0)])
    assert bench.kinds()[2:] == [TagPickedUp]
    assert bench.seen[-1].epc == RING


def test_an_antenna_without_a_zone_places_nothing(bench):
    bench.run(20, tags=[(RING, 7, -40.0)])
    assert bench.seen == []


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(st.tuples(st.integers(1, 25), st.sampled_from([None, 1, 2]), st.booleans()), max_size=12)
)
def test_every_story_alternates_between_in_a_zone_and_not(script):
    bench = Bench()
    for seconds, antenna, alive in script:
        bench.run(seconds, tags=[] if antenna is None else [(RING, antenna, -50.0)], alive=alive)
    zone = None
    for o in bench.seen:
        if isinstance(o, TagArrived | TagPutBack):
            assert zone is None
            zone = o.zone
        elif isinstance(o, TagMoved):
            assert zone == o.from_zone != o.zone
            zone = o.zone
        else:
            assert isinstance(o, TagPickedUp)
            assert zone == o.zone
            zone = None
    times = [o.at for o in bench.seen]
    assert times == sorted(times)


def test_a_reader_that_was_told_to_stop_makes_nothing_depart(bench):
    bench.run(10, tags=[(RING, 1, -50.0)])
    for _ in range(100):
        bench.now += 500
        bench.step([StatusRead(device="r1", at=bench.now, what="stopped")])
    assert bench.kinds() == [TagArrived]


def test_after_a_restart_half_an_arrival_is_none_and_a_picked_up_tag_is_remembered():
    bench = Bench().run(10, tags=[(RING, 1, -50)]).run(25)
    assert isinstance(bench.seen[-1], TagPickedUp)
    bench.step([TagRead(device="r1", at=bench.now, epc=OTHER, antenna=1, rssi_dbm=-50)])
    bench.step([TagRead(device="r1", at=bench.now, epc=RING, antenna=2, rssi_dbm=-50)])
    bench.state = restart_presence(bench.state)
    assert set(bench.state.rows) == {RING}
    bench.now -= 3_600_000
    bench.run(5, tags=[(RING, 2, -50)])
    assert isinstance(bench.seen[-1], TagPutBack)
    assert bench.seen[-1].from_zone == "shelf-a"


def test_a_photo_eye_beside_a_stopped_reader_departs_nothing(bench):
    bench.run(20, tags=[(RING, 1, -50.0)])
    for _ in range(600):
        bench.now += 500
        bench.step(
            [
                InputRead(device="r1", at=bench.now, port=1, high=True),
                StatusRead(device="r1", at=bench.now, what="stopped"),
            ]
        )
    assert bench.kinds() == [TagArrived]


MANY = [f"30751FEB705C5904E3D5{number:04X}" for number in range(30)]


def heard(chance, now, epcs, share):
    """Reads of one second: each tag with a probability, each at a level of its own."""
    return [
        TagRead(
            device="r1",
            at=now - int(chance.integers(1000)) - 1,
            epc=epc,
            antenna=1,
            rssi_dbm=-50.0 - index % 7 + float(chance.normal(0, 1.5)),
        )
        for index, epc in enumerate(epcs)
        if chance.random() < share
    ]


def sense(state, reads, now, **more):
    return sense_presence(state, reads, now, place=PLACE, settings=PresenceSettings(), **more)


def test_resting_tags_of_which_four_reads_in_ten_are_lost_neither_move_nor_leave():
    chance, state, told = np.random.default_rng(1), PresenceState(), []
    for second in range(660):
        now = START + 1000 * (second + 1)
        share = 0.95 if second < 60 else 0.95 * 0.6
        state, said = sense(state, heard(chance, now, MANY, share), now)
        told += said
    assert {type(one) for one in told} == {TagArrived}
    assert len(told) == len(MANY)


def test_when_everybody_falls_silent_at_once_a_body_stands_there_and_nobody_left():
    chance, state, told = np.random.default_rng(2), PresenceState(), []
    for second in range(150):
        now = START + 1000 * (second + 1)
        hidden = 120 <= second < 132
        reads = heard(chance, now, MANY, 0.05 if hidden else 0.95)
        state, said = sense(state, [*reads, StatusRead(device="r1", at=now - 1, what="alive")], now)
        told += said
    assert {type(one) for one in told} == {TagArrived}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), pieces=st.integers(1, 6))
def test_order_and_pieces_of_delivery_change_nothing(seed, pieces):
    def run(shuffled):
        chance, order = np.random.default_rng(seed), np.random.default_rng(seed + 1)
        state, told = PresenceState(), []
        for second in range(40):
            now = START + 1000 * (second + 1)
            epcs = MANY[:5] if second < 20 else MANY[:3]
            reads = heard(chance, now, epcs, 0.9)
            if not shuffled:
                state, said = sense(state, reads, now)
                told += said
                continue
            order.shuffle(reads)
            for piece in range(pieces):
                state, said = sense(state, reads[piece::pieces], now - pieces + 1 + piece)
                told += said
        return state, told

    (one, told), (other, told_again) = run(shuffled=False), run(shuffled=True)
    assert {(type(o), o.epc, o.zone) for o in told} == {(type(o), o.epc, o.zone) for o in told_again}
    assert set(one.rows) == set(other.rows)


def test_a_hint_makes_a_pick_up_known_sooner():
    def delay(hints):
        chance, state = np.random.default_rng(3), PresenceState()
        for second in range(200):
            now = START + 1000 * (second + 1)
            gone = second >= 100
            reads = heard(chance, now, MANY[1:] if gone else MANY, 0.6)
            near = (Near("shelf-a", START + 100_000, now + 5_000),) if gone and hints else ()
            state, said = sense(state, reads, now, hints=Hints(near=near))
            if any(isinstance(one, TagPickedUp) for one in said):
                return second - 100
        return None

    assert delay(hints=True) < delay(hints=False)


def restored(state):
    """As from the checkpoint between two cycles, with the cycle that is being gathered."""
    stored = msgspec.msgpack.encode(state, enc_hook=pack_array)
    return msgspec.msgpack.decode(stored, type=PresenceState, dec_hook=unpack_array)


def weighed_pick(removal, *, seed=3, gone_from=100, seconds=160):
    """Return (EPC, seconds after the pick) of all that is told when the first of many tags goes at second 100."""
    chance, state, told = np.random.default_rng(seed), PresenceState(), []
    for second in range(seconds):
        now = START + 1000 * (second + 1)
        reads = [r for r in heard(chance, now, MANY, 0.5) if second < gone_from or r.epc != MANY[0]]
        due = second == 101 and removal is not None
        state, said = sense(state, reads, now, hints=Hints(removals=(removal,) if due else ()))
        state = restored(state)
        told += [(one.epc, second - 100) for one in said if isinstance(one, TagPickedUp)]
    return state, told


REMOVAL = Removal("shelf-a", START + 100_000, START + 101_500, 1, ((None, 1.0),))


def test_a_weighed_removal_finds_its_tag_sooner_and_no_other():
    _, alone = weighed_pick(None)
    state, told = weighed_pick(REMOVAL)
    assert [epc for epc, _ in told] == [MANY[0]]
    assert told[0][1] < next(after for epc, after in alone if epc == MANY[0])
    assert state.claims == state.removals == ()


@given(seed=st.integers(0, 30))
@settings(max_examples=8, deadline=None)
def test_a_weighed_removal_never_takes_more_tags_than_units_even_of_something_without_a_tag(seed):
    state, told = weighed_pick(REMOVAL, seed=seed, gone_from=10_000)
    _, alone = weighed_pick(None, seed=seed, gone_from=10_000)
    assert [one for one in told if one[1] < 0] == [one for one in alone if one[1] < 0]
    assert sum(after >= 0 for _, after in told) <= REMOVAL.units
    assert state.claims == ()


def test_a_removal_of_goods_that_do_not_lie_there_changes_nothing():
    stranger = Removal("shelf-a", START + 100_000, START + 101_500, 1, (("09521234000013", 1.0),))
    assert weighed_pick(stranger)[1] == weighed_pick(None)[1]


def test_a_stock_take_is_believed_and_tells_nothing():
    state = anchor_presence(fit(PresenceState(), PLACE), {RING: "shelf-b", OTHER: "elsewhere"}, START)
    assert set(state.rows) == {RING}
    told = []
    for second in range(20):
        now = START + 1000 * (second + 1)
        read = TagRead(device="r1", at=now - 1, epc=RING, antenna=2, rssi_dbm=-50.0)
        state, said = sense(state, [read], now)
        told += said
    assert told == []


def test_zones_that_are_renamed_lose_their_tags_and_keep_the_others():
    bench = Bench().run(10, tags=[(RING, 1, -50.0), (OTHER, 2, -50.0)])
    place = msgspec.structs.replace(PLACE, zones={("r1", 1): "shelf-a", ("r1", 2): "window"})
    assert set(fit(bench.state, place).rows) == {RING}


def test_a_tag_that_a_stock_take_found_is_present_without_a_word_and_departs_once_it_was_heard(bench):
    bench.state = anchor_presence(fit(bench.state, PLACE), {RING: "shelf-a"}, bench.now)
    bench.run(60)
    assert bench.seen == [], "nobody has heard it here, so nobody has seen it leave"
    bench.run(10, tags=[(RING, 1, -50.0)]).run(40)
    assert bench.kinds() == [TagPickedUp]


def test_a_stock_take_moves_a_tag_unless_something_was_told_of_it_since(bench):
    bench.run(10, tags=[(RING, 1, -50.0)]).run(40)
    told_at = bench.seen[-1].at
    early = anchor_presence(bench.state, {RING: "shelf-b"}, told_at - 1)
    anchored = anchor_presence(bench.state, {RING: "shelf-b"}, told_at)
    assert (told_zone(early, RING), told_zone(anchored, RING)) == (None, "shelf-b")


def test_a_tag_that_was_hardly_heard_before_it_was_put_down_anew_is_not_stuck(bench):
    bench.run(5, tags=[(RING, 1, -50.0)])
    assert told_zone(bench.state, RING) == "shelf-a"
    tags = bench.state.tags.copied()
    row = bench.state.rows[RING]
    tags.heard[row] = np.minimum(tags.heard[row], 2.0)
    tags.belief[row] = np.where(np.arange(STATES) == PLACED, 1.0, FLOOR)
    bench.state = msgspec.structs.replace(bench.state, tags=tags)
    bench.run(20, tags=[(RING, 2, -50.0)])
    assert told_zone(bench.state, RING) == "shelf-b"
    assert bench.kinds() == [TagArrived, TagMoved]
