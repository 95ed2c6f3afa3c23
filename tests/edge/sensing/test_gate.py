"""Gates: what passed is told once, what lies there is not, and a restart changes nothing."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import gate_coefficients
from edge.model import InputRead, TagRead
from edge.sensing.gate import (
    GAP_MS,
    MAX_READS,
    MAX_TAGS,
    GateSettings,
    GateState,
    release_lights,
    restart_gates,
    sense_gates,
)

START = 1_800_000_000_000
TICK_MS = 100
DOCK = GateSettings(id="dock", device="portal", outside=(1,), inside=(2,))
EXIT = GateSettings(
    id="exit", device="portal", outside=(1,), inside=(2,), carries="items", moved_prior=0.01,
    answer_ms=700, decided=0.5, hold_ms=0, wait_ms=0,
)  # fmt: skip
LIT = msgspec.structs.replace(EXIT, photo_eye=1, ok_output=1, doubt_output=2)


def epc(number):
    return f"{number:024X}"


def walk(tag, crossed, *, pace=1.2, inwards=True, seed=0, phase=True, side_m=1.2):
    """Reads of a tag that walks through: two antennas 0.7 m apart take turns of 200 ms."""
    chance = np.random.default_rng(seed)
    sign, found = (1.0 if inwards else -1.0), []
    for at in range(-2_000, 2_001, 25):
        antenna = 1 + (at // 200) % 2
        along = sign * pace * at / 1000 - (-0.35, 0.35)[antenna - 1]
        distance = float(np.hypot(along, side_m))
        level = -53.0 - 21.5 * np.log10(distance) - min(15.0, 3.0 * (along / side_m / 0.57) ** 2)
        if level < -72:
            continue
        found.append(
            TagRead(
                device="portal",
                at=START + crossed + at,
                epc=epc(tag),
                antenna=antenna,
                rssi_dbm=float(level + chance.normal(0, 1.0)),
                phase_deg=float(np.degrees(4 * np.pi * distance / 0.326) % 360) if phase else None,
                frequency_khz=920_625,
            )
        )
    return found


def lie(tag, start, end, *, seed=0, level=-64.0):
    chance = np.random.default_rng(seed)
    return [
        TagRead(
            device="portal",
            at=START + at,
            epc=epc(tag),
            antenna=1 + (at // 200) % 2,
            rssi_dbm=float(level + chance.normal(0, 1.0)),
            phase_deg=float(chance.normal(90, 8) % 360),
            frequency_khz=920_625,
        )
        for at in range(start, end, 60)
    ]


def run(reads, *, gate=EXIT, until=12_000, state=None, through=lambda state: state, start=0):
    """Return state, told batches and wishes of a run at TICK_MS."""
    state, told, wishes = state or GateState(), [], []
    waiting = sorted(reads, key=lambda read: read.at)
    for now in range(START + start, START + until, TICK_MS):
        fresh = [read for read in waiting if read.at <= now]
        waiting = waiting[len(fresh) :]
        state, batches, wished = sense_gates(
            through(state), fresh, now, gates=(gate,), coefficients=gate_coefficients()
        )
        told += batches
        wishes += [(now - START, *wish) for wish in wished]
    return state, told, wishes


def passages(told):
    return [(one.epc, one.direction) for batch in told for one in batch.passages]


def packed(state):
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=GateState)


@pytest.mark.parametrize("phase", [True, False])
@pytest.mark.parametrize(("inwards", "way"), [(True, "in"), (False, "out")])
def test_who_walks_through_is_told_once_with_the_way_soon_after_the_line(inwards, way, phase):
    _, told, _ = run(walk(1, 3_000, inwards=inwards, phase=phase))
    assert passages(told) == [(epc(1), way)]
    [batch] = told
    assert (batch.gate, batch.device, batch.batch_id) == ("exit", "portal", f"exit-{batch.started_at}")
    assert batch.at <= START + 3_000 + 1_500


def test_exchanged_antennas_exchange_the_way():
    turned = msgspec.structs.replace(EXIT, outside=(2,), inside=(1,))
    assert passages(run(walk(1, 3_000))[1]) == [(epc(1), "in")]
    assert passages(run(walk(1, 3_000), gate=turned)[1]) == [(epc(1), "out")]


def test_goods_are_told_in_one_batch_and_what_lies_there_is_only_counted():
    carried = [read for tag in range(8) for read in walk(tag, 4_000 + 100 * tag, seed=tag)]
    lying = [read for tag in range(20, 24) for read in lie(tag, 0, 10_000, seed=tag)]
    _, told, _ = run(carried + lying, gate=DOCK)
    assert sorted(passages(told)) == [(epc(tag), "in") for tag in range(8)]
    assert [batch.strays for batch in told] == [4]


def test_a_tag_that_lies_there_tells_nothing_and_opens_nothing():
    assert run(lie(1, 0, 30_000), until=40_000)[1:] == ([], [])


def test_a_single_read_and_silence_tell_nothing():
    assert run(walk(1, 3_000)[:1], until=60_000)[1] == []
    assert run([], until=60_000)[1] == []


def test_a_reader_that_falls_silent_midway_invents_no_passage():
    state, told, _ = run([read for read in walk(1, 3_000) if read.at < START + 2_400], until=30_000)
    assert passages(told) in ([], [(epc(1), "turned")])
    assert state.gates["exit"].hearings == {}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 50), st.randoms(use_true_random=False))
def test_a_state_that_is_stored_and_read_at_any_time_tells_the_same(seed, chance):
    reads = walk(1, 3_000, seed=seed) + walk(2, 3_300, seed=seed + 1) + lie(3, 1_000, 6_000, seed=seed)
    plain = run(reads, until=9_000)
    stored = run(reads, until=9_000, through=lambda state: packed(state) if chance.random() < 0.3 else state)
    assert stored == plain


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 50), st.randoms(use_true_random=False))
def test_the_order_of_reads_in_a_pass_does_not_matter(seed, chance):
    reads = walk(1, 3_000, seed=seed) + lie(2, 1_000, 6_000, seed=seed)
    states = [GateState(), GateState()]
    for now in range(START, START + 9_000, TICK_MS):
        fresh = [read for read in reads if now - TICK_MS < read.at <= now]
        shuffled = fresh.copy()
        chance.shuffle(shuffled)
        outcomes = [
            sense_gates(state, order, now, gates=(EXIT,), coefficients=gate_coefficients())
            for state, order in zip(states, (fresh, shuffled), strict=True)
        ]
        assert outcomes[0] == outcomes[1]
        states = [outcome[0] for outcome in outcomes]


def test_reads_that_come_late_and_out_of_order_end_in_the_same_hearing():
    reads = walk(1, 3_000)
    ordered, _, _ = run(reads, until=5_200)
    late = GateState()
    for now, fresh in ((START + 4_900, reads[1::2]), (START + 5_100, reads[::2])):
        late, _, _ = sense_gates(late, fresh, now, gates=(EXIT,), coefficients=gate_coefficients())
    columns = ("side", "rssi_dbm", "phase_deg", "channel", "at")
    one, other = (state.gates["exit"].hearings[epc(1)] for state in (ordered, late))
    assert {name: getattr(one, name) for name in columns} == {name: getattr(other, name) for name in columns}


def test_two_walks_of_one_tag_are_two_batches_with_ids_of_their_own():
    _, told, _ = run(walk(1, 3_000) + walk(1, 13_000, inwards=False), until=20_000)
    assert passages(told) == [(epc(1), "in"), (epc(1), "out")]
    assert len({batch.batch_id for batch in told}) == 2


def test_the_state_is_bounded():
    reads = [read for tag in range(MAX_TAGS + 20) for read in walk(tag, 3_000)[:2]]
    reads += [msgspec.structs.replace(read, at=read.at + ms) for ms in range(20) for read in walk(1, 3_000)]
    state, _, _ = sense_gates(
        GateState(), reads, START + 5_000, gates=(EXIT,), coefficients=gate_coefficients()
    )
    hearings = state.gates["exit"].hearings
    assert len(hearings) <= MAX_TAGS
    assert max(len(hearing.at) for hearing in hearings.values()) <= MAX_READS
    state, _, _ = sense_gates(
        state, [], START + 5_000 + 10 * GAP_MS, gates=(EXIT,), coefficients=gate_coefficients()
    )
    assert state.gates["exit"].hearings == {}


def eye(at, *, high):
    return InputRead(device="portal", at=START + at, port=1, high=high)


def test_the_photo_eye_opens_and_closes_the_batch():
    reads = [eye(1_500, high=True), *walk(1, 3_000), *walk(2, 3_400), eye(5_000, high=False)]
    _, told, _ = run(reads, gate=LIT)
    [batch] = told
    assert batch.started_at == START + 1_500
    assert batch.at >= START + 5_000
    assert sorted(passages(told)) == [(epc(1), "in"), (epc(2), "in")]


def test_a_photo_eye_without_tags_is_an_empty_batch():
    _, told, _ = run([eye(1_000, high=True), eye(2_000, high=False)], gate=LIT)
    assert [(batch.started_at - START, batch.passages, batch.strays) for batch in told] == [(1_000, (), 0)]


def test_an_eye_that_is_active_low_reads_the_other_way():
    low = msgspec.structs.replace(LIT, photo_eye_active="low")
    assert run([eye(500, high=True)], gate=low)[1] == []
    _, told, _ = run([eye(1_000, high=False), eye(2_000, high=True)], gate=low)
    assert [batch.started_at - START for batch in told] == [1_000]


def test_a_light_answers_a_batch_and_goes_out_again():
    _, [batch], wishes = run(walk(1, 3_000), gate=LIT)
    lit, dark = wishes[:2], wishes[2:]
    assert [(device, wish.port, wish.on) for _, device, wish in lit] == [
        ("portal", 1, True),
        ("portal", 2, False),
    ]
    assert [(wish.port, wish.on) for _, _, wish in dark] == [(1, False), (2, False)]
    assert dark[0][0] - lit[0][0] == LIT.light_ms
    assert START + lit[0][0] >= batch.at


def test_lights_that_somebody_else_has_set_are_left_alone():
    state, _, wishes = run(walk(1, 3_000), gate=LIT, until=5_500)
    assert wishes
    state = release_lights(state, "portal", gates=(LIT,))
    assert run([], gate=LIT, state=state, start=5_500, until=20_000)[2] == []


def test_a_clock_that_is_set_back_gives_up_what_was_open_and_keeps_the_numbers():
    state, told, _ = run(walk(1, 3_000))
    back = restart_gates(state, START - 3_600_000)
    assert back.gates["exit"].hearings == {}
    assert back.gates["exit"].last_number == told[0].started_at
    later = [msgspec.structs.replace(read, at=read.at - 3_600_000) for read in walk(1, 3_000)]
    again = []
    for now in range(START - 3_600_000, START - 3_590_000, TICK_MS):
        fresh = [read for read in later if now - TICK_MS < read.at <= now]
        back, batches, _ = sense_gates(back, fresh, now, gates=(EXIT,), coefficients=gate_coefficients())
        again += batches
    assert passages(again) == [(epc(1), "in")]
    assert again[0].batch_id > told[0].batch_id


def test_without_a_gate_nothing_is_remembered():
    assert sense_gates(GateState(), walk(1, 0), START, gates=(), coefficients=gate_coefficients()) == (
        GateState(),
        [],
        [],
    )
