"""Hearings: reads in order however they come, a window that moves, and weights only when they are due."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import gate_coefficients
from edge.model import TagRead
from edge.sensing.gate_hearings import GAP_MS, JUDGE_EVERY_MS, MAX_READS, WINDOW_MS, hear, weigh

SIDES = {("portal", 1): 0, ("portal", 2): 1}
NOW = 1_800_000_000_000
EPC = "0" * 24


def read(at, antenna=1, **changes):
    one = TagRead(device="portal", at=NOW + at, epc=EPC, antenna=antenna, rssi_dbm=-60.0, phase_deg=10.0)
    return msgspec.structs.replace(one, **changes)


def times(hearings):
    return [int(at) - NOW for at in hearings[EPC].rows()["at"]]


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(0, GAP_MS), max_size=8), min_size=1, max_size=8))
def test_reports_in_any_order_are_one_hearing_in_the_order_of_time(reports):
    hearings = {}
    for report in reports:
        hearings = hear(hearings, [read(at) for at in report], SIDES, NOW + GAP_MS)
    wanted = sorted(at for report in reports for at in report)
    if wanted:
        assert times(hearings) == wanted
        assert (hearings[EPC].begins_at, hearings[EPC].last_at) == (NOW + wanted[0], NOW + wanted[-1])


def test_only_the_window_is_kept_and_the_first_read_is_remembered():
    hearings = {}
    for at in range(0, 2 * WINDOW_MS, 500):
        hearings = hear(hearings, [read(at)], SIDES, NOW + at)
    assert times(hearings)[0] == times(hearings)[-1] - WINDOW_MS + 500
    assert hearings[EPC].first_at == NOW
    hearings = hear(hearings, [read(2 * WINDOW_MS + ms) for ms in range(400)], SIDES, NOW + 2 * WINDOW_MS)
    assert hearings[EPC].count == MAX_READS


def test_a_silence_begins_a_new_hearing_and_other_antennas_do_not_count():
    hearings = hear({}, [read(0)], SIDES, NOW)
    assert hear(hearings, [read(100, antenna=3), read(100, device="other")], SIDES, NOW) is hearings
    assert times(hear(hearings, [read(GAP_MS)], SIDES, NOW)) == [0, GAP_MS]
    assert times(hear(hearings, [read(GAP_MS + 1)], SIDES, NOW)) == [GAP_MS + 1]


def test_what_a_reader_does_not_tell_is_assumed_or_left_out():
    [row] = hear({}, [read(0, rssi_dbm=None, phase_deg=None)], SIDES, NOW)[EPC].rows()
    assert row["rssi_dbm"] == -60.0
    assert row["phase_deg"] != row["phase_deg"]


def test_a_hearing_is_weighed_when_it_is_due_and_a_last_time_when_it_has_ended():
    table = gate_coefficients().goods
    once = weigh(hear({}, [read(0), read(300, antenna=2)], SIDES, NOW + 300), table, NOW + 300)
    assert len(once[EPC].evidence) == 4
    assert weigh(once, table, NOW + 300 + JUDGE_EVERY_MS - 1) is once
    again = weigh(once, table, NOW + 300 + JUDGE_EVERY_MS)
    assert again[EPC].judged_at > once[EPC].judged_at
    ended = weigh(again, table, NOW + 301 + GAP_MS)
    assert ended[EPC].ended
    assert weigh(ended, table, NOW + 10 * GAP_MS) is ended


def test_a_single_read_is_never_weighed():
    hearings = hear({}, [read(0)], SIDES, NOW)
    assert weigh(hearings, gate_coefficients().goods, NOW + 500) is hearings
