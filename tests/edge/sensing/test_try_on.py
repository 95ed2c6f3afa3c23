"""Try-ons: carried in, worn, carried out is one try-on; a wall, a body and a silent reader are none."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import TryOnEnded, TryOnStarted
from edge.model import NOT_SENSING, Place, StatusRead, TagRead
from edge.sensing import try_on
from edge.sensing.try_on import sense_try_ons
from edge.sensing.try_on_state import TryOnSettings, TryOnState, reads_outside, restart_try_ons

START = 1_800_000_000_000
DRESS = "30751FEB705C5904E3D50D70"
OTHERS = [f"30751FEB705C5904E3D50D{number:02X}" for number in range(8)]
PLACE = Place(
    zones={("floor", 1): "rail", ("rooms", 1): "cabin-1", ("rooms", 2): "cabin-2"},
    trays={},
    lines={},
    silent_after_ms={},
)
SETTINGS = TryOnSettings(rooms=("cabin-1", "cabin-2"))
RAIL = {("floor", 1): -54.0, ("rooms", 1): -64.0}
INSIDE = {("rooms", 1): -55.0, ("rooms", 2): -66.0, ("floor", 1): -65.0}
NEXT_DOOR = {("rooms", 2): -55.0, ("rooms", 1): -66.0, ("floor", 1): -70.0}
AWAY = {}
PLACES = {"rail": RAIL, "cabin-1": INSIDE, "cabin-2": NEXT_DOOR, "away": AWAY}


class Bench:
    def __init__(self, tune=SETTINGS):
        self.state, self.now, self.told, self.tune = TryOnState(), START, [], tune
        self.sense([], START)

    def run(self, seconds, where, *, alive=("floor", "rooms"), step=False, tags=(DRESS,), pieces=1):
        for _ in range(seconds):
            self.now += 1000
            reads = [StatusRead(device=one, at=self.now, what="alive") for one in alive]
            for epc, heard in {**dict.fromkeys(OTHERS, RAIL), **dict.fromkeys(tags, where)}.items():
                reads += [
                    TagRead(device=device, antenna=port, at=self.now, epc=epc, rssi_dbm=rssi)
                    for (device, port), rssi in heard.items()
                    if device in alive
                ]
            if step:
                self.restart()
            for piece in range(1, pieces):
                self.sense(reads[piece::pieces], self.now - 500)
            self.sense(reads[0::pieces], self.now)
        return self

    def sense(self, reads, now):
        self.state, told = sense_try_ons(self.state, reads, now, place=PLACE, settings=self.tune)
        self.told += told

    def restart(self):
        self.state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.state), type=TryOnState)

    def of(self, epc=DRESS):
        return [one for one in self.told if one.epc == epc]


@pytest.mark.parametrize("step", [False, True])
def test_carried_in_and_back_is_one_try_on_whatever_is_stored_between(step):
    bench = Bench().run(90, RAIL)
    came = bench.now
    bench.run(120, INSIDE, step=step)
    left = bench.now
    bench.run(60, RAIL)
    assert [type(one) for one in bench.told] == [TryOnStarted, TryOnEnded]
    start, end = bench.told
    assert (start.room, start.epc, end.session) == ("cabin-1", DRESS, start.session)
    assert abs(start.at - came) <= 15_000
    assert abs(end.at - left) <= 15_000


def test_what_hangs_behind_the_wall_is_never_tried_on():
    assert Bench().run(600, RAIL).told == []


def test_a_silent_reader_ends_nothing():
    bench = Bench().run(90, RAIL).run(60, INSIDE)
    bench.run(600, INSIDE, alive=("floor",)).run(30, INSIDE)
    assert [type(one) for one in bench.told] == [TryOnStarted]


@pytest.mark.parametrize("what", sorted(NOT_SENSING))
def test_a_reader_that_says_it_senses_nothing_ends_nothing(what):
    bench = Bench().run(90, RAIL).run(60, INSIDE)
    for _ in range(300):
        bench.now += 1000
        bench.sense([StatusRead(device="rooms", at=bench.now, what=what)], bench.now)
    assert [type(one) for one in bench.told] == [TryOnStarted]


def test_a_restart_neither_repeats_nor_loses():
    bench = Bench().run(90, RAIL).run(60, INSIDE)
    bench.state = restart_try_ons(bench.state)
    bench.run(60, INSIDE).run(60, RAIL)
    assert [type(one) for one in bench.told] == [TryOnStarted, TryOnEnded]


def test_what_is_tried_on_is_on_no_shelf():
    bench = Bench().run(90, RAIL).run(60, INSIDE)
    read = TagRead(device="floor", at=bench.now, epc=DRESS)
    assert reads_outside([read], bench.state) == [StatusRead(device="floor", at=bench.now, what="alive")]
    other = TagRead(device="floor", at=bench.now, epc=OTHERS[0])
    assert reads_outside([other], bench.state) == [other]


def test_what_comes_in_together_is_one_session_and_what_comes_later_another():
    both = (DRESS, "30751FEB705C5904E3D50DFF")
    bench = Bench().run(90, RAIL, tags=both).run(60, INSIDE, tags=both)
    first, second = (one.session for one in bench.told)
    assert first == second
    bench.run(60, RAIL, tags=both).run(60, INSIDE)
    third = [one for one in bench.told if isinstance(one, TryOnStarted)][-1]
    assert third.session != first


def test_a_short_visit_is_no_try_on():
    bench = Bench().run(90, RAIL).run(12, INSIDE).run(120, RAIL)
    assert bench.told == []


def test_what_stays_in_a_room_for_hours_is_not_tried_on_any_more():
    bench = Bench(msgspec.structs.replace(SETTINGS, longest_ms=300_000)).run(90, RAIL).run(330, INSIDE)
    assert [type(one) for one in bench.told][:2] == [TryOnStarted, TryOnEnded]


def test_without_rooms_the_stage_does_nothing_and_remembers_nothing():
    bench = Bench(TryOnSettings()).run(90, RAIL).run(60, INSIDE)
    assert bench.told == []
    assert bench.state == TryOnState()


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(try_on, "MAX_TAGS", 12)
    bench = Bench().run(90, RAIL).run(60, INSIDE)
    for number in range(100):
        ghost = TagRead(device="floor", at=bench.now, epc=f"E2{number:022X}", rssi_dbm=-60.0)
        bench.now += 1000
        worn = TagRead(device="rooms", at=bench.now, epc=DRESS, rssi_dbm=-55.0)
        bench.sense([ghost, worn], bench.now)
        assert len(bench.state.garments) <= 12
    assert DRESS in bench.state.garments, "what is tried on is not forgotten"


course = st.lists(
    st.tuples(st.sampled_from(sorted(PLACES)), st.integers(5, 90), st.sampled_from(["", "floor", "rooms"])),
    min_size=1,
    max_size=6,
)


def lived(steps, **how):
    """Return a bench after 70 s on the rail and a course of (place, seconds, reader that is silent meanwhile)."""
    bench = Bench().run(70, RAIL, **how)
    for place, seconds, silent in steps:
        alive = tuple(reader for reader in ("floor", "rooms") if reader != silent)
        bench.run(seconds, PLACES[place], alive=alive, **how)
    return bench


@settings(max_examples=12, deadline=None)
@given(course)
def test_storing_and_reading_the_state_at_every_cut_changes_nothing(steps):
    plain, stored = lived(steps), lived(steps, step=True)
    assert stored.told == plain.told
    assert stored.state == plain.state


@settings(max_examples=12, deadline=None)
@given(course, st.integers(2, 5))
def test_in_how_many_pieces_reads_come_does_not_show(steps, pieces):
    assert lived(steps, pieces=pieces).told == lived(steps).told


@settings(max_examples=25, deadline=None)
@given(course)
def test_every_try_on_starts_once_and_ends_once(steps):
    bench = lived(steps)
    before = len(bench.told)
    bench.run(240, RAIL)
    told = bench.of()
    assert [type(one) for one in told] == [TryOnStarted, TryOnEnded] * (len(told) // 2)
    for start, end in zip(told[::2], told[1::2], strict=True):
        assert (start.session, start.room, start.at) == (end.session, end.room, end.started_at)
        assert start.at <= end.at
    assert [one.at for one in told] == sorted(one.at for one in told)
    assert len(bench.told) - before <= 2
    assert {one.epc for one in bench.told} <= {DRESS}, "its neighbours hung on the rail all the time"


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 200), st.integers(1, 900), st.sampled_from(["cabin-1", "cabin-2"]))
def test_no_silence_of_the_rooms_reader_ends_a_try_on(inside, silent, cabin):
    bench = Bench().run(70, RAIL).run(40 + inside, PLACES[cabin])
    before = bench.told[:]
    bench.run(silent, AWAY, alive=("floor",)).run(10, PLACES[cabin])
    assert bench.told == before
    assert [one.room for one in before] == [cabin]
