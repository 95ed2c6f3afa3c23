"""Inputs are told when they change, tags when they are laid down, and nothing twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Alert, BarcodeScanned, InputChanged, LabelShown, TagPresented
from edge.model import BarcodeRead, InputRead, LabelRead, Place, StatusRead, TagRead
from edge.sensing.signals import MAX_PRESENTED, EnrolmentSettings, SignalState, sense_signals

PLACE = Place(zones={}, trays={}, lines={}, silent_after_ms={}, stations=frozenset({"enrol-1"}))
SETTINGS = EnrolmentSettings()


def fold(*turns):
    """Fold (now, reads) turns; return all observations."""
    state, found = SignalState(), []
    for now, reads in turns:
        state, news = sense_signals(state, list(reads), now, place=PLACE, settings=SETTINGS)
        found += news
    return found


def eye(high, at=0, port=1):
    return InputRead(device="gate", at=at, port=port, high=high)


def tag(at, epc="E280", device="enrol-1", rssi_dbm=-40.0, tid=None):
    return TagRead(device=device, at=at, epc=epc, rssi_dbm=rssi_dbm, tid=tid)


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5))
def test_an_input_is_told_at_each_change_and_at_no_other_time(levels, size):
    turns = [(at, [eye(high) for high in levels[at : at + size]]) for at in range(0, len(levels), size)]
    told = [observation.high for observation in fold(*turns)]
    assert told == [high for before, high in zip([None, *levels], levels, strict=False) if high != before]


def test_a_gap_in_numbered_reports_is_an_alert_and_other_statuses_are_not():
    said = [
        StatusRead(device="door", at=7, what=what, detail="3 packages were lost") for what in ("alive", "gap")
    ]
    assert fold((9, said)) == [Alert(at=7, device="door", code="reports_lost", text="3 packages were lost")]


def test_ports_are_apart():
    assert fold((1, [eye(True), eye(True, port=2), eye(True)])) == [
        InputChanged(at=0, device="gate", port=1, high=True),
        InputChanged(at=0, device="gate", port=2, high=True),
    ]


def test_a_tag_is_presented_once_while_it_lies_there_and_again_after_it_was_away():
    turns = [(at, [tag(at)]) for at in range(0, 10_000, 500)] + [(13_000, [tag(12_500)])]
    assert [observation.at for observation in fold(*turns)] == [0, 12_500]


@pytest.mark.parametrize(("rssi_dbm", "count"), [(-54.9, 1), (-55.1, 0), (None, 1)])
def test_a_tag_beside_the_plate_is_not_presented(rssi_dbm, count):
    assert len(fold((1, [tag(1, rssi_dbm=rssi_dbm)]))) == count


def test_a_repeated_factory_epc_with_another_chip_is_another_tag():
    found = fold((1, [tag(1, tid="E2801160AAAA"), tag(1, tid="E2801160BBBB")]))
    assert found == [
        TagPresented(at=1, device="enrol-1", epc="E280", tid=tid, antenna=1, rssi_dbm=-40.0)
        for tid in ("E2801160AAAA", "E2801160BBBB")
    ]


def test_readers_of_the_shop_present_nothing():
    assert fold((1, [tag(1, device="shelf-reader")])) == []


def test_codes_and_labels_pass_as_they_are():
    assert fold(
        (
            1,
            [
                BarcodeRead(device="scan", at=1, code="6901234567892"),
                BarcodeRead(device="scan", at=1, code=""),
                LabelRead(device="ap", at=1, mac="0000021A2B3C4D5E", sku="s", price="9.90", currency="CNY"),
            ],
        )
    ) == [
        BarcodeScanned(at=1, device="scan", code="6901234567892"),
        LabelShown(at=1, device="ap", mac="0000021A2B3C4D5E", sku="s", price="9.90", currency="CNY"),
    ]


def test_memory_is_bounded():
    state, _ = sense_signals(
        SignalState(), [tag(1, epc=f"{number:08X}") for number in range(3 * MAX_PRESENTED)], 1, place=PLACE, settings=SETTINGS
    )  # fmt: skip
    assert len(state.presented) == MAX_PRESENTED
