"""RFID and weight on one shelf: what they let each other expect, and when they are said to disagree."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import (
    Candidate,
    Disagreement,
    ItemStep,
    PeopleCounted,
    TagPickedUp,
    TagPutBack,
    WeightChanged,
)
from edge.model import InputRead, Place, StatusRead, Tray, TrayItem, WeightRead
from edge.sensing.agreement import (
    MAX_WAITING,
    AgreementSettings,
    AgreementState,
    expect,
    restart_agreement,
    sense_agreement,
)

START = 1_800_000_000_000
SETTINGS = AgreementSettings()
RING, BEAD = "30751FEB705C5904E3D50D70", "E2" + "0" * 22
GTIN = "07312345678900"
PLATE = Tray("shelf-a", items=(TrayItem("ring", 20.0, 5, GTIN), TrayItem("bead", 8.0, 5)), tagged=True)
PLACE = Place(
    zones={("r1", 1): "shelf-a", ("r1", 2): "shelf-b", ("r1", 3): "shelf-c"},
    trays={"plate": PLATE, "other": Tray("shelf-c", "bead", 8.0), "alone": Tray("shelf-x", tagged=True)},
    lines={},
    silent_after_ms={"r1": 5_000, "plate": 5_000, "other": 5_000, "alone": 5_000},
    fronts={("r1", 2): "shelf-b", ("tof", 0): "shelf-c"},
)


def seconds(count):
    return START + 1000 * count


def picked(at, zone="shelf-a", epc=RING):
    return TagPickedUp(at=at, device="r1", epc=epc, zone=zone)


def weighed(at, units=-1, *, sku="ring", zone="shelf-a", device="plate"):
    items = (ItemStep(sku, units, 4),) if units else ()
    return WeightChanged(
        at=at,
        device=device,
        zone=zone,
        sku=None,
        weight_g=100.0,
        delta_g=-20.0 if units <= 0 else 20.0,
        items=items,
    )


class Watch:
    """Runs both halves of the stage, each second, on what a test says is told at that second."""

    def __init__(self, place=PLACE):
        self.place, self.state, self.told, self.hints = place, AgreementState(), [], []

    def run(self, until, tags=(), steps=(), *, since=0, step=1, silent=(), store=False):
        for second in range(since, until, step):
            span = range(second, min(second + step, until))
            reads = []
            for one in span:
                if ("r1", one) not in silent:
                    reads.append(StatusRead(device="r1", at=seconds(one), what="alive"))
                for plate in ("plate", "other"):
                    if (plate, one) not in silent:
                        reads.append(WeightRead(device=plate, at=seconds(one), weight_g=1.0, stable=True))
            now = seconds(span[-1])
            # What is told is told after it happened.
            due = [
                [told for at, told in source if seconds(at) in map(seconds, span)] for source in (tags, steps)
            ]
            self.state, hints = expect(
                self.state, reads, due[1], (), (), now, place=self.place, settings=SETTINGS
            )
            self.hints.append(hints)
            self.state, news = sense_agreement(
                self.state, due[0], due[1], now, place=self.place, settings=SETTINGS
            )
            self.told += news
            if store:
                self.state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.state), type=AgreementState)
        return self


def test_a_pick_that_both_saw_is_no_disagreement_whoever_spoke_first():
    for late_tag, late_step in ((101, 103), (120, 101)):
        watch = Watch().run(
            250, tags=[(late_tag, picked(seconds(99)))], steps=[(late_step, weighed(seconds(100)))]
        )
        assert watch.told == []
        assert watch.state.waiting == ()


@pytest.mark.parametrize(
    ("tags", "steps", "why", "figures"),
    [
        ([], [(101, weighed(seconds(100)))], "weight_only", (0, -1)),
        ([(101, picked(seconds(100)))], [], "rfid_only", (-1, 0)),
        ([(101, picked(seconds(100)))], [(101, weighed(seconds(100), -2))], "count_differs", (-1, -2)),
        ([], [(101, weighed(seconds(100), 0))], "weight_only", (0, None)),
    ],
)
def test_a_disagreement_says_where_and_why(tags, steps, why, figures):
    (doubt,) = Watch().run(250, tags, steps).told
    assert (doubt.zone, doubt.why, doubt.at) == ("shelf-a", why, seconds(100))
    assert (doubt.rfid_units, doubt.weight_units) == figures


def test_a_step_that_fits_no_goods_agrees_with_a_tag_that_went_the_same_way():
    steps = [(101, weighed(seconds(100), 0))]
    assert Watch().run(250, [(101, picked(seconds(99)))], steps).told == []


@given(
    told=st.lists(
        st.tuples(st.integers(70, 300), st.sampled_from(["tag", "step"]), st.sampled_from([-1, 1])),
        max_size=8,
    ),
    silent=st.sampled_from([("r1", "plate"), ("r1",), ("plate",)]),
)
@settings(max_examples=40, deadline=None)
def test_what_cannot_be_seen_does_not_disagree(told, silent):
    """Whatever one side says while the other is silent all the time, nobody is told to disagree."""
    blind = {(device, second) for device in silent for second in range(60, 500)}
    tags, steps = split(told)
    assert Watch().run(450, tags, steps, silent=blind).told == []


def split(told):
    def tag(at, sign):
        if sign < 0:
            return picked(at)
        return TagPutBack(at=at, device="r1", epc=RING, zone="shelf-a", from_zone="shelf-a", picked_at=at)

    tags = [(at + 1, tag(seconds(at), sign)) for at, kind, sign in told if kind == "tag"]
    return tags, [(at + 1, weighed(seconds(at), sign)) for at, kind, sign in told if kind == "step"]


@given(
    told=st.lists(
        st.tuples(st.integers(70, 300), st.sampled_from(["tag", "step"]), st.sampled_from([-1, 1])),
        max_size=10,
    ),
    delays=st.lists(st.integers(0, 40), min_size=10, max_size=10),
    step=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_neither_order_nor_passes_nor_restoring_change_what_is_told(told, delays, step):
    tags, steps = split(told)
    plain = Watch().run(480, tags, steps)
    late = [(at + delay, one) for (at, one), delay in zip(tags, delays, strict=False)]
    other = Watch().run(480, late, steps, step=step, store=True)
    assert sorted(plain.told, key=lambda one: one.at) == sorted(other.told, key=lambda one: one.at)
    assert all(isinstance(one, Disagreement) and one.zone == "shelf-a" for one in plain.told)


def test_a_restart_is_blindness():
    watch = Watch().run(102, steps=[(101, weighed(seconds(100)))])
    watch.state = restart_agreement(watch.state)
    assert watch.run(300, since=110).told == []


def test_the_state_is_bounded():
    state, now = AgreementState(), seconds(1)
    for number in range(3 * MAX_WAITING):
        state, _ = expect(
            state,
            [InputRead(device="r1", at=now + number, port=2, high=True)],
            (),
            (),
            (),
            now + number,
            place=PLACE,
            settings=SETTINGS,
        )
        state, _ = sense_agreement(
            state, [picked(now + number)], (), now + number, place=PLACE, settings=SETTINGS
        )
    assert len(state.waiting) <= MAX_WAITING
    assert len(state.near) <= 64


def expected(steps=(), reads=(), people=(), active=()):
    return expect(
        AgreementState(), list(reads), list(steps), people, active, seconds(9), place=PLACE, settings=SETTINGS
    )[1]


def test_a_tagged_plate_names_what_left():
    (removal,) = expected([weighed(seconds(9), -2)]).removals
    assert (removal.zone, removal.units, removal.goods) == ("shelf-a", 2, ((GTIN, 2.0),))
    assert expected([weighed(seconds(9), +1)]).removals == ()
    (nameless,) = expected([weighed(seconds(9), -1, sku="bead")]).removals
    assert nameless.goods == ((None, 1.0),)


def test_an_ambiguous_step_names_its_candidates():
    one, other = Candidate(0.6, (ItemStep("ring", -1),)), Candidate(0.3, (ItemStep("bead", -1),))
    step = msgspec.structs.replace(weighed(seconds(9), 0), candidates=(one, other, Candidate(0.1)))
    (removal,) = expected([step]).removals
    assert removal.units == 1
    assert dict(removal.goods) == pytest.approx({GTIN: 0.667, None: 0.333}, abs=0.01)


def test_other_drops_unsettled_plates_and_people_in_front_raise_the_prior_for_a_while():
    drop = weighed(seconds(9), zone="shelf-c", device="other")
    people = [PeopleCounted(at=seconds(9), device="tof", line="1", entered=1)]
    front = InputRead(device="r1", at=seconds(9), port=2, high=True)
    for hints, zone in (
        (expected([drop]), "shelf-c"),
        (expected(people=people), "shelf-c"),
        (expected(active=["other"]), "shelf-c"),
        (expected(reads=[front]), "shelf-b"),
    ):
        (near,) = hints.near
        assert (near.zone, hints.removals) == (zone, ())
        assert seconds(9) < near.until <= seconds(9) + SETTINGS.hint_ms
    assert expected(reads=[InputRead(device="r1", at=seconds(9), port=2, high=False)]).near == ()


def test_plates_vouch_for_their_zone_while_they_are_seen():
    watch = Watch().run(120)
    (vouched,) = watch.hints[-1].vouched
    assert (vouched.zone, vouched.since) == ("shelf-a", seconds(60))
    assert seconds(119) < vouched.until < seconds(125)
