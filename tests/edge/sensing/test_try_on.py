"""Try-ons: carried in, worn, carried out is one try-on; a wall, a body and a silent reader are none."""

import msgspec
import pytest

from contract.messages import TryOnEnded, TryOnStarted
from edge.model import Place, StatusRead, TagRead
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


class Bench:
    def __init__(self):
        self.state, self.now, self.told = TryOnState(), START, []

    def run(self, seconds, where, *, alive=("floor", "rooms"), step=False):
        for _ in range(seconds):
            self.now += 1000
            reads = [StatusRead(device=one, at=self.now, what="alive") for one in alive]
            for epc, heard in {**dict.fromkeys(OTHERS, RAIL), DRESS: where}.items():
                reads += [
                    TagRead(device=device, antenna=port, at=self.now, epc=epc, rssi_dbm=rssi)
                    for (device, port), rssi in heard.items()
                    if device in alive
                ]
            if step:
                self.restart()
            self.state, told = sense_try_ons(self.state, reads, self.now, place=PLACE, settings=SETTINGS)
            self.told += told
        return self

    def restart(self):
        self.state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.state), type=TryOnState)


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


def test_a_restart_neither_repeats_nor_loses():
    bench = Bench().run(90, RAIL).run(60, INSIDE)
    bench.state = restart_try_ons(bench.state)
    bench.run(60, INSIDE).run(60, RAIL)
    assert [type(one) for one in bench.told] == [TryOnStarted, TryOnEnded]


def test_what_is_tried_on_is_on_no_shelf():
    bench = Bench().run(90, RAIL).run(60, INSIDE)
    read = TagRead(device="floor", at=bench.now, epc=DRESS)
    assert reads_outside([read], bench.state) == [StatusRead(device="floor", at=bench.now, what="alive")]
